"""Words and figures for the command line, the report and the screens.

`vocabulary` has every word and sign once; `literal` makes hostile text safe, and `shown` brings it to a widget.
`tables`, `judge_tables` and `finding_words` are pages for a terminal; `axis`, `flow_layout` and `wrapping` lay out
plots and text. All of tui may import from here; nothing here knows a screen. Start with `vocabulary`.
"""
