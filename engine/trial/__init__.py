"""The trial: a student trained on the original data and on the refined, and both evaluated on rows held out.

`report` and the fronts may import it. Start with `trial`, the whole of it in order. `held_out` chooses the rows that no
arm learns from, `arms` what each arm learns from, `examples` deals that out in steps, `plan` is all that decides the
result, `results` says what came of it, `intervals` how sure that is. `answers` has each arm answer what was held out,
`judging` has the answers judged, `judged` says what came of that. `kept` reads a trial from its folder, while it is at
work too.
"""
