"""The end of trying a few samples: what came of them, and what the rest would take. Opened by the app."""
