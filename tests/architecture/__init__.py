"""Rules on the code itself: what may import what, how large things are, which habits hold."""
