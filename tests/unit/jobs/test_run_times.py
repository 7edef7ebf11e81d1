from app.jobs.run_times import FIRST_RUNS, FRESH_RUNS, REMEMBERED_RUNS, RunTimes

MODEL = "fal-ai/flux-1/dev"


def typical(run_times: RunTimes, model_id: str = MODEL) -> float | None:
    plan = run_times.plan(model_id)
    return plan.typical_seconds if plan else None


def test_nothing_is_known_before_the_first_run() -> None:
    run_times = RunTimes()
    assert run_times.plan(MODEL) is None
    run_times.learn(MODEL, 3.0, 1000.0)
    assert (typical(run_times), typical(run_times, "fal-ai/other")) == (3.0, None)


def test_the_first_runs_count_at_once() -> None:
    run_times = RunTimes()
    for number in range(1, FIRST_RUNS + 1):
        run_times.learn(MODEL, float(number), 1000.0)
        assert typical(run_times) == (number + 1) / 2


def test_runs_of_before_this_process_count_as_they_come() -> None:
    run_times = RunTimes()
    for number in range(REMEMBERED_RUNS):
        run_times.remember(MODEL, float(number))
    assert typical(run_times) == (REMEMBERED_RUNS - 1) / 2


def test_the_last_of_jobs_that_began_together_do_not_stand_for_all() -> None:
    """A thousand that began together take 60 to 120 seconds, so that the last of them end last."""
    run_times = RunTimes()
    for number in range(1000):
        seconds = 60.0 + 0.06 * number
        run_times.learn(MODEL, seconds, seconds)
    plan = run_times.plan(MODEL)
    assert plan is not None
    assert 70.0 < plan.typical_seconds < 110.0
    assert plan.looks[0] < 75.0


def test_a_model_that_has_become_slower_is_learned_anew() -> None:
    run_times = RunTimes()
    for number in range(REMEMBERED_RUNS):
        run_times.learn(MODEL, 2.0, float(number))
    for number in range(REMEMBERED_RUNS + FRESH_RUNS):
        run_times.learn(MODEL, 9.0, 100.0 + number)
    plan = run_times.plan(MODEL)
    assert plan is not None
    assert (plan.typical_seconds, len(plan.looks)) == (9.0, 1)
