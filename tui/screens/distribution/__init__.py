"""The Distribution screen: scores, lengths and verdicts before and after, and a threshold for the export.

Start with `screen`, which asks the store for counts. `plot` is the base of the drawings `histogram`, `scatter` and
`flow`; `threshold_bar` says what a rule keeps and which command exports it. Only the app imports this package.
"""
