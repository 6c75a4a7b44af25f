"""The data of a run's report.

`gather` reads it from a workspace in one moment of it; `reproduce` renders the command lines that make the run again;
`word_diff` compares two texts. Nothing is rendered here: tui/report does that. Only tui imports from here.
Start with `gather`.
"""
