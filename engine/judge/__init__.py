"""The judge: pairs, what it is asked, and what its verdicts come to."""
