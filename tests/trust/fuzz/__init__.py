"""Hostile input for everything that reads what burnish did not write: `python -m tests.trust.fuzz`.

A target is a module with two functions. `make(dice)` makes a case, bytes that say all of it; `judge(case, folder)`
gives it to burnish as a user would, tells whether it was taken (False: refused as documented), and lets any other
error through: that is a finding. The dice are Python's in the script, Hypothesis' in the tests and those of
coverage-guided fuzzing with --atheris. Every finding is kept in `cases/TARGET/` and judged again by the tests.
"""
