"""The export of a run, as a dataset or as files for a trainer.

`export` is the one way out of a workspace, for the command and the screen; `trainers` knows what the programs that
fine-tune want. Which samples leave, and as what, `engine.store.leaving` says.
"""
