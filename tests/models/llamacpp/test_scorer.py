"""What passages share is decoded once, whatever their order, and the cache never holds more than it has room for."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.llamacpp.bindings import Context, ContextShape, Ids, Model
from models.llamacpp.prefixes import LATELY, PREFIXES, common
from models.llamacpp.scorer import CELLS, Scorer

VOCABULARY = 32
WINDOW = 300


class PlainModel:
    """A token a character, and no start token."""

    bos = None
    recurrent = False
    vocabulary = VOCABULARY

    def tokenize(self, text: str, *, special: bool) -> Ids:
        return np.array([ord(letter) % VOCABULARY for letter in text], np.int32)

    def piece(self, token: int) -> bytes:
        return b"x"

    def passage(self, pieces: Sequence[Any]) -> Ids:
        return self.tokenize("".join(text for text, _ in pieces), special=False)


class PlainContext:
    """A cache that knows what each cell holds, and logits that depend on all that stands before a token."""

    def __init__(self, batch: int, sequences: int) -> None:
        self.shape = ContextShape(WINDOW + CELLS + batch, batch, batch, sequences)
        self.token, self.position, self.sequence = (np.zeros(batch, np.int32) for _ in range(3))
        self.wanted = np.zeros(batch, np.int8)
        self.held: dict[int, list[tuple[int, int]]] = {}  # by sequence: a cell and its token
        self.decoded = self.decodes = self._cell = 0
        self._rows: list[NDArray[np.float32]] = []

    @property
    def used(self) -> int:
        return len({cell for cells in self.held.values() for cell, _ in cells})

    def decode(self, count: int) -> None:
        self._rows = []
        for at in range(count):
            cells = self.held.setdefault(int(self.sequence[at]), [])
            assert self.position[at] == len(cells), "nothing is left out before it"
            self._cell += 1
            cells.append((self._cell, int(self.token[at])))
            if self.wanted[at]:
                self._rows.append(logits_after([token for _, token in cells]))
        self.decoded, self.decodes = self.decoded + count, self.decodes + 1
        assert self.used <= self.shape.cells

    def logits(self, rows: int) -> NDArray[np.float32]:
        assert rows == len(self._rows)
        return np.stack(self._rows)

    def share(self, source: int, target: int, end: int) -> None:
        assert not self.held.get(target)
        self.held[target] = self.held[source][:end]

    def forget(self, sequence: int, start: int = 0) -> bool:
        if sequence < 0:
            self.held.clear()
        elif sequence in self.held:
            self.held[sequence] = self.held[sequence][:start]
        return True


STEPS = np.arange(1, VOCABULARY + 1, dtype=np.float32)


def logits_after(tokens: Sequence[int]) -> NDArray[np.float32]:
    angles: NDArray[np.float32] = STEPS * np.float32(zlib.crc32(bytes(tokens)) % 100_003)
    return np.cos(angles)


def scorer(batch: int = 64, sequences: int = 6) -> tuple[Scorer, PlainContext]:
    context = PlainContext(batch, PREFIXES + sequences)
    return Scorer(cast(Model, PlainModel()), cast(Context, context), window=WINDOW, threads=1), context


Passage = tuple[list[tuple[str, bool]], str, bool, bool]
Passages = list[Passage]


def passage(context: str, target: str) -> Passage:
    return [(context, False)], target, False, False


words = st.text("abcdefgh", max_size=40)


@st.composite
def conversations(draw: st.DrawFn) -> Passages:
    """Passages of which many begin alike, and some are as long as the window."""
    systems = draw(st.lists(st.text("ij", min_size=20, max_size=150), min_size=1, max_size=3))
    found: Passages = []
    for _ in range(draw(st.integers(1, 6))):
        said = draw(st.sampled_from(["", *systems]))
        for _ in range(draw(st.integers(1, 4))):
            asked, answered = draw(words), draw(words) * draw(st.sampled_from([1, 1, 4]))
            found += [passage(said + asked, answered), passage(said + answered, asked), passage("", answered)]
            said += f"{asked}k{answered}l"
    return draw(st.permutations(found))


@settings(deadline=None, max_examples=10)
@given(calls=st.lists(conversations(), min_size=1, max_size=2), batch=st.sampled_from([8, 64, 256]))
def test_the_losses_are_those_of_each_passage_by_itself(calls: list[Passages], batch: int) -> None:
    together, context = scorer(batch)
    for passages in calls:
        found = together.losses(passages)
        for one, losses in zip(passages, found, strict=True):
            (alone,) = scorer(batch)[0].losses([one])
            assert np.array_equal(losses.nll, alone.nll)
            assert losses.tokens == alone.tokens
    assert together.sequences.used == context.used <= context.shape.cells


def test_a_long_beginning_is_decoded_once_and_kept_for_the_next_call() -> None:
    together, context = scorer()
    system = "".join("abcdefgh"[n * n % 8] for n in range(200))
    rows = [[passage(f"{system}{n}", "cde" * 4), passage(f"{system}{n * 7}", "fga" * 4)] for n in range(40)]
    for passages in rows:
        together.losses(passages)
    own = sum(len(context_of(one)) - 200 + len(one[1]) for row in rows for one in row)
    assert context.decoded <= 200 + own + 40


def context_of(one: Passage) -> str:
    return "".join(text for text, _ in one[0])


def test_the_exchanges_of_a_row_share_what_was_said_before() -> None:
    together, context = scorer()
    said, passages = "", []
    for turn in range(6):
        asked, answered = f"{'abcdefgh'[turn]}bde" * 3, f"{'hgfedcba'[turn]}ach" * 6
        passages += [passage(said + asked, answered), passage(said + answered, asked)]
        said += asked + answered
    together.losses(passages)
    alone = sum(len(context_of(one)) + len(one[1]) - 1 for one in passages)
    assert context.decoded < alone / 2


def test_a_beginning_that_nobody_uses_any_more_is_let_go() -> None:
    together, context = scorer()
    system = "abcdefgh" * 20
    together.losses([passage(f"{system}{n * 7}", "cde" * 4) for n in range(4)])
    assert context.used >= len(system)
    for _ in range(3 * LATELY):
        together.losses([passage("", "fga" * 4)])
    assert context.used == 0


def test_where_texts_begin_differs() -> None:
    assert common(np.array([1, 2, 3], np.int32), np.array([1, 2, 4, 5], np.int32)) == 2
    assert common(np.array([1], np.int32), np.array([1, 2], np.int32)) == 1
    assert common(np.array([], np.int32), np.array([1], np.int32)) == 0
