"""The export of a run, as a dataset or as files for a trainer."""
