"""The Samples screen and its widgets."""
