"""The Run screen and its widgets."""
