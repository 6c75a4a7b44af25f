"""The Review screen: both sides of a sample, its numbers and criticism, and a person's decision.

Start with `view`, which shows a sample and goes to the others; `screen` adds the decisions, edits and questions to the
teacher. The other files are its widgets: `verdict` and `critique` beside the text, `editor`, `dialogs`, `headings`.
Only the app imports this package.
"""
