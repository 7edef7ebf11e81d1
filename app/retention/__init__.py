"""What goes and when: payloads and jobs past the time that their team keeps them for."""
