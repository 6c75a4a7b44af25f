"""The two language models: a teacher that writes and a student that weighs.

They know text, tokens and files, and no sample, paper or screen; the engine and the interface may import them. Begin
with the contracts, `teacher` and `student`. `ollama` and `llamacpp` fulfil them, `files` finds and reads the models'
files, and `system` is this machine.
"""
