"""Actions and their keys: one table of what can be done (`actions`), a person's own keys (`keymap`), the palette.

Screens make their bindings from the table, and name a key by asking the keymap. Nothing here imports a screen.
"""
