"""The heat map's screen and its widgets."""
