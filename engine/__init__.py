"""The papers: Reflection-Tuning (arXiv 2310.11716) and Selective Reflection-Tuning (arXiv 2402.10110).

Knows samples and scores; knows no terminal.
"""
