"""This machine: its memory, GPUs, threads and files."""
