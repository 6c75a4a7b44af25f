"""A run: a workspace's samples on their way through the method, with the models that the settings name.

`judge`, `report` and the fronts may import it. Start with `replay`: every answer of a model is committed before it is
used, and that is all there is to resuming. `session` opens the models, `plan` decides what `auto` leaves open,
`pipeline` takes many samples through at once, `retry` has the patience with a teacher.
"""
