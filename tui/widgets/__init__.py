"""Widgets that at least two screens use; a widget with one user stands with that screen.

Screens and other widgets may import them. A widget knows no screen and no app: it is told what to show, and posts
messages. Start with `prose` and `diff` for texts, `cursor_list` for lists, `plain_input` for a line to type in.
"""
