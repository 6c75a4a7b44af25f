"""Variables of the environment that the terminal interface runs without."""

from __future__ import annotations

DEVELOPERS = ("TEXTUAL", "TEXTUAL_LOG", "TEXTUAL_SCREENSHOT")
"""Variables by which Textual sends what it shows to a console, writes it to a log, or takes pictures of it."""
