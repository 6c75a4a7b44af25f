"""The report's content, gathered from a workspace."""
