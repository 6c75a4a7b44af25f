"""The command line: what is asked there, and what each command does."""
