"""The Compare screen, a pair's screen, and their widgets."""
