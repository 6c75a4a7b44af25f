"""Actions, their keys, and the palette."""
