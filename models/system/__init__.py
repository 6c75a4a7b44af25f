"""This machine and its files, without a word about models.

Everything may import it, and it imports nothing of burnish. Begin with `machine` (memory, cores, GPUs, mounts, the
program on a port); `atomic_file` writes whole files, `threads` does slow work that nobody waits for, `core_files` keeps
texts out of core dumps, and `units` and `utf8` write sizes and bytes.
"""
