"""A run: its settings, its plan, and the samples' way through the models."""
