"""Fluxgate: a gateway in front of QuickRouter's fal image routes and of fal itself.

Two flows explain the rest; read them straight down:

* submit: `dialects/fal_queue.py` -> `callers/authenticate.py` -> `jobs/submit.py` -> `upstream/client.py`
* follow: `work/loop.py` -> `work/tick.py` -> `jobs/follow.py` -> `upstream/client.py` -> `jobs/states.py`
"""
