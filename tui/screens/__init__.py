"""The screens of the app: a package each, with `screen.py` and the widgets that no other screen uses.

`base.py` is the screen they all are, with the title line of `title.py`; `job_screen.py` is one over a run or a judging;
`dialog.py` is a question over a screen. A screen imports another only to open it. They are imported by `tui.app`, which
also opens Review and Help for the others. Start reading at `samples/screen.py`.
"""
