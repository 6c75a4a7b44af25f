"""What the trainers take, as facts read in their sources, each with a check of its own on an exported dataset.

A check gets the dataset as the trainer has it after loading: every row with every column, null where it had none
(Hugging Face's datasets fill them in). It returns the rows that break the fact. Nothing here is burnish's: what burnish
names as a row that a trainer will not train on must be what these find, and what it writes must pass them.
"""

from tests.engine.export.facts import axolotl, llamafactory, trl
from tests.engine.export.facts.loaded import FACTS, Loaded, filled_in, load

__all__ = ["FACTS", "Loaded", "axolotl", "filled_in", "llamafactory", "load", "trl"]
