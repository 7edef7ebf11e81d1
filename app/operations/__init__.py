"""How the gateway is seen running: logs, metrics, health, request ids."""
