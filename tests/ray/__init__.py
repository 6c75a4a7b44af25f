"""A run over a real Ray cluster on this machine, whose nodes are processes.

`.ci/run` has Ray for it in an environment of its own.
"""
