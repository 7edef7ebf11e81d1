"""A real PostgreSQL and a real Redis as child processes, for when no URL of such a server is configured.

Read `services.py` first: it tells who starts and who stops the servers when several commands share them.
"""

from app.storage.embedded.gateway_lock import exclusive_gateway
from app.storage.embedded.services import ServiceAddresses, embedded_services

__all__ = ["ServiceAddresses", "embedded_services", "exclusive_gateway"]
