"""The two language models: a teacher that writes and a student that weighs.

Knows text, tokens and files; knows no sample, no paper, no screen.
"""
