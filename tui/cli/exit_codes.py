"""The exit codes of `burnish`."""

DONE = 0
FAILED = 1
USAGE = 2  # the command line or the settings make no sense
PARTLY = 3  # done, but some samples failed
INTERRUPTED = 130
