"""The Start screen and its widgets."""
