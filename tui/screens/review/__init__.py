"""The Review screen and its widgets."""
