"""The Compare screen (`screen`), which asks for a judge (`judge_dialog`), and the screens that it opens.

These are one pair's (`pair_screen`) and a trial's (`trial_screen`). The verdicts come from `tui.state.verdicts`.
`pair_list` and `tables` are the screen's own widgets, `arm_charts` and `loss_curves` the trial's.
"""
