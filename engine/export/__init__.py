"""The export of a run, as a dataset or as files for a trainer.

`export` is the one way out of a workspace, for the command and the screen. `for_trainer` writes the files for a
program that fine-tunes: `trainers` knows the formats, fields and configs of each, `acceptance` the rows it will not
train on (some depend on all rows, by a `survey`), `dataset_info` LLaMA-Factory's list of datasets. Which rows leave,
and as what, `engine.store.leaving` says.
"""
