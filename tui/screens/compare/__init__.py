"""The Compare screen (`screen`), which asks for a judge (`judge_dialog`), and the screen of one pair (`pair_screen`).

The verdicts come from `tui.state.verdicts`; `pair_list` and `tables` are the screen's own widgets.
"""
