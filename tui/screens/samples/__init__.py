"""The Samples screen: every sample in a table, and what is done to one of them or to many at once.

`list_screen` shows the samples, in any order and filtered; `screen` adds the decisions, and is where to start reading.
`table` draws the rows that are in sight, `columns` says what a row shows, `filter_bar` has the boxes to tick.
Imported by `tui.app` alone.
"""
