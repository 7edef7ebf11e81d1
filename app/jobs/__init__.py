"""The heart: a job from its submission to its end."""
