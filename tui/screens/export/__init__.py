"""The Export screen and its widgets."""
