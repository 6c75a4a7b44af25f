"""The student and the teacher that llama.cpp runs, each in a child process of its own.

The engine may import `student`, `teacher` and `chat_template`. Begin with them, then `process` (the child seen from
the parent, and the frames between the two). `child`, `child_commands`, `scorer`, `generator`, `bindings` and `gelu` run
in the child alone: llama.cpp may assert, and takes its process along.
"""
