"""The data: a dataset's files and rows, read and written."""
