"""The engine: datasets, the two papers' method, the workspace, runs, the judge and the report; no terminal, no screen.

`tui` imports it, and it imports `models`. It reports by the events in `events`, which `progress` counts for both
fronts; `sample` has the data that flows through all of it. Start with `method/refine.py`, the papers' figure 1, then
`run`.
"""
