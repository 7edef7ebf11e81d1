"""Routes that only translate between callers' protocols and the use cases in `jobs`."""
