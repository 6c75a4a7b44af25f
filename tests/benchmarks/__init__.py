"""Measurements, run by hand. Nothing here is collected by pytest, and nothing asserts a time."""
