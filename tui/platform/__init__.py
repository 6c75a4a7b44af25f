"""The world around the app: clipboard, a person's editor, memory, the environment, Textual's private parts.

Each file stands alone, and any part of `tui` may import it; only `textual_patches` touches Textual's private parts.
"""
