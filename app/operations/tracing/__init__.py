"""Traces: each step of a job's life is told to an OpenTelemetry collector, where one is named."""
