"""Near duplicates, against Jaccard's index computed from the sets themselves."""

from __future__ import annotations

import random
from collections.abc import Iterable
from contextlib import closing

import pytest

from engine.examine.duplicates import NEAR, Duplicate, Duplicates
from engine.examine.words import words
from engine.sample import History, Turn, Version
from tests import hostile

WORDS = [f"word{number}" for number in range(400)]


def version(response: str, instruction: str = "") -> Version:
    return Version(instruction=instruction, response=response)


def found(versions: Iterable[Version]) -> list[Duplicate]:
    with closing(Duplicates()) as duplicates:
        for one in versions:
            duplicates.add(one)
        return list(duplicates.found())


def jaccard(one: str, other: str) -> float:
    a, b = ({tuple(said[at : at + 3]) for at in range(len(said) - 2)} for said in map(words, (one, other)))
    return len(a & b) / len(a | b)


def text(dice: random.Random, length: int = 150) -> list[str]:
    return dice.choices(WORDS, k=length)


def changed(dice: random.Random, said: list[str], times: int) -> list[str]:
    new = list(said)
    for at in dice.sample(range(len(new)), times):
        new[at] = f"other{dice.randrange(1000)}"
    return new


def test_what_shares_nearly_all_is_found_and_what_shares_little_is_not() -> None:
    dice = random.Random(3)
    originals = [text(dice) for _ in range(60)]
    copies = [changed(dice, said, 1 + number % 30) for number, said in enumerate(originals)]
    texts = [" ".join(said) for said in (*originals, *copies)]
    likeness = {again.sample: (again.of, again.likeness) for again in found(map(version, texts))}
    sure = unsure = 0
    for number in range(60):
        true = jaccard(texts[number], texts[60 + number])
        of, estimate = likeness.get(60 + number, (None, None))
        if true > NEAR + 0.1:
            sure += 1
            assert of == number
        elif true < NEAR - 0.14:
            sure += 1
            assert of is None
        else:
            unsure += 1
        if estimate is not None:
            assert estimate == pytest.approx(true, abs=0.14), "four of its standard errors"
    assert sure > unsure > 0
    assert not set(likeness) & set(range(60)), "unlike texts are not alike"


def test_the_same_but_for_white_space_is_a_duplicate_of_the_first() -> None:
    versions = [
        version("Yes.", "Is it?"),
        version("No.", "Is it?"),
        version(" Yes.\n", "Is\u00a0 it?"),
        version("yes.", "Is it?"),
        version("Yes.", "Is it?"),
        version("it? Yes.", "Is"),
        Version(instruction="Is it?", input="Yes.", response="Yes."),
    ]
    assert [(a.sample, a.of) for a in found(versions) if a.likeness is None] == [(2, 0), (4, 0)]


def test_case_and_punctuation_make_near_duplicates() -> None:
    said = text(random.Random(4))
    plain, loud = " ".join(said), ", ".join(said).upper() + "!"
    assert found([version(plain), version(loud)]) == [Duplicate(1, 0, 1.0)]


def test_samples_of_many_blocks_find_each_other() -> None:
    dice = random.Random(6)
    said = " ".join(text(dice, 40))
    last = 4096 * 2 + 10
    versions = (version(said if n in (5, 5000, last) else f"short {n} text {n * 7}") for n in range(last + 1))
    again = [one for one in found(versions) if one.sample in (5000, last) or one.of == 5]
    assert again == [Duplicate(5000, 5, None), Duplicate(last, 5, None)]


def test_texts_without_words_are_only_like_their_equals() -> None:
    versions = [version(said, said) for said in ("👍", "!!!", "…", "👍", "", "", "\ud800", "\ud800\udfff")]
    assert [(a.sample, a.of, a.likeness) for a in found(versions)] == [(3, 0, None), (5, 4, None)]


def test_nothing_in_a_text_breaks_it() -> None:
    texts = [said for said in hostile.CORPUS.values() for _ in range(2)]
    pairs = [(a.sample, a.of) for a in found(version(said, said) for said in texts) if a.likeness is None]
    assert {(2 * n + 1, 2 * n) for n in range(len(hostile.CORPUS)) if texts[2 * n].strip()} <= set(pairs)


def test_it_says_the_same_every_time() -> None:
    dice = random.Random(8)
    said = text(dice)
    versions = [version(" ".join(changed(dice, said, 3))) for _ in range(30)]
    assert found(versions) == found(versions) != []
    assert found([]) == found(versions[:1]) == []


def talk(*texts: str, system: str = "") -> History:
    first = (Turn(role="system", text=system),) if system else ()
    return *first, *(Turn(role="assistant" if n % 2 else "user", text=text) for n, text in enumerate(texts))


def found_after(samples: Iterable[tuple[Version, History]]) -> list[Duplicate]:
    with closing(Duplicates()) as duplicates:
        for one, history in samples:
            duplicates.add(one, history)
        return list(duplicates.found())


def test_the_same_words_after_another_conversation_are_no_duplicate() -> None:
    dice = random.Random(9)
    thanks = version("You are welcome.", "Thank you.")
    talks = [talk(" ".join(text(dice)), " ".join(text(dice))) for _ in range(6)]
    assert found_after((thanks, history) for history in (*talks, ())) == []
    assert found_after((thanks, history) for history in (talks[0], talks[1], talks[0])) == [
        Duplicate(2, 0, None)
    ]


def test_the_same_words_after_nearly_the_same_conversation_are_a_near_duplicate() -> None:
    dice = random.Random(10)
    shorter = version("A keeper finds his daughter.", "Shorter.")
    talks = [(" ".join(text(dice)), text(dice)) for _ in range(4)]
    first = [(shorter, talk(asked, " ".join(said))) for asked, said in talks]
    second = [(shorter, talk(asked, " ".join(changed(dice, said, 2)))) for asked, said in talks]
    again = found_after([*first, *second])
    assert [(one.sample, one.of) for one in again] == [(4, 0), (5, 1), (6, 2), (7, 3)]
    assert all(one.likeness is not None and 0.8 <= one.likeness < 1 for one in again)


def test_a_system_message_that_all_rows_share_makes_none_of_them_alike() -> None:
    dice = random.Random(11)
    long = " ".join(text(dice, 800))
    samples = [(version(" ".join(text(dice, 20))), talk(system=long)) for _ in range(10)]
    assert found_after(samples) == []
    other = [(samples[0][0], talk(system=said)) for said in (long, f"{long} And be brief.")]
    assert found_after(other) == [Duplicate(1, 0, 1.0)]
