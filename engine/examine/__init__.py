"""`burnish stats`: flags on samples, and how they are found.

Start with `flags`, which lists them, and `examine`, which goes through a dataset once and asks the other modules:
`duplicates`, `overlap` with a test, `personal_data`, `languages`. It knows samples and the formats; the store keeps
what it finds.
"""
