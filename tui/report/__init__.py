"""What a run made of a dataset, as a page and on the terminal."""
