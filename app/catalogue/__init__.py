"""The models: what each accepts, and what of it goes upstream."""
