"""The Start screen: data, models and method are chosen here, and the run is started.

Start reading at `screen`, which has three panes: `data_pane` (with `path_input` and `browse`), `models_pane` (with
`pull_bar`) and `method_form`. `doctor_dialog` shows what would keep a run from working. The panes change the
workbench's settings and tell the screen so. Imported by `tui.app` alone.
"""
