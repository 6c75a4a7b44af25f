"""The terminal, the environment and Textual's private parts."""
