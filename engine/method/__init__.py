"""The two papers as code: Reflection-Tuning (arXiv 2310.11716) and Selective Reflection-Tuning (arXiv 2402.10110).

Knows samples and the models' contracts; no SQL, no file, no event. All of the engine above may import it.
Start with `refine`, which is figure 1. `reflection` and `reply_forms` have what the teacher is asked, `scores` has IFD
and r-IFD, `selection` the student's choice, `recipe` all that decides an outcome.
"""
