"""The Distribution screen and its widgets."""
