"""The judge: a local model compares the original with the refined version of each sample, or two files of answers; or
it rates each version by itself.

`report` and the fronts may import it. Start with `prompt`: the question a judge is asked, and the rule over both
orders of a pair. `pairs` finds what to compare, `judge` has it judged, `record` keeps replies and verdicts, `results`
counts them. `rating` is the question about one version, and `rate` has those of a workspace rated. `answers` has a
model answer a file of prompts, with the same record.
"""
