"""The language of a text, where it is sure, and whether a rewrite is in another than it should be.

Only prose counts: not code, names, formulas, addresses or what is quoted. A text is looked at in pieces of a sentence
or some. It is in a language where all pieces that are sure are in it, and in another than the wanted one only where
none of its pieces may be in that: a good rewrite that is thrown away is lost, and one in a wrong language still meets
the student and a person.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from engine.method.language_names import ALIKE, CHINESE, FREQUENT, NAMES, SCRIPTS

READ = 4_000
"""Characters of a text that are looked at: what takes the time."""

ENOUGH = 30
"""Letters that a text must have; a character of Chinese, Japanese or Korean counts for three."""

LIKELY = 12
"""Letters of a text whose language can be guessed."""

RARE = 100
"""Letters of a piece that is surely in a language few write: a short text in another is easily taken for it."""

PIECE = 120
"""Letters that a piece has at least, of whole sentences: fewer are less sure."""

PIECES = 5
"""Pieces, and sentences, spread over a text, that tell its language."""

SENTENCE, INTRODUCTION = 20, 6
"""Letters of a sentence that says enough by itself, and of what stands before a colon."""

SURE = 0.8
"""The least probability of a piece's language."""

POSSIBLE = 0.02
"""The least share of the likeliest language's probability at which another is still possible."""

NONE = "zxx"
"""The model's code for text that is in no language."""


def language_of(text: str) -> str | None:
    """The ISO 639-1 code of the one language that a text is surely in; None: too short, in several, or no prose."""
    text = prose(text)
    found = _language([_piece(part) for part in _spread(list(_parts(text)))])
    sentences = map(_piece, _spread(list(_sentences(text))))
    return None if found is None or any(one.contradicts(found) for one in sentences) else found


def likely_language(text: str) -> str | None:
    """The language that a short text is likely in; None: it says too little even for that."""
    text = prose(text)
    if _weight(text) < LIKELY:
        return None
    best, probability = identifier().classify(text)
    return str(best) if probability >= SURE and best in FREQUENT and not _are_names(text) else None


def other_language(text: str, wanted: str) -> str | None:
    """The language that a text is surely in, where that is another than the wanted one; else None."""
    text, pieces = prose(text), []
    for piece in map(_piece, _parts(text)):
        if piece.may_be(wanted):
            return None
        pieces.append(piece)
    found = _language(pieces)
    if (
        found is None
        or is_alike(found, wanted)
        or any(_piece(one).may_be(wanted) for one in _sentences(text))
    ):
        return None
    return found


def is_alike(one: str, other: str) -> bool:
    """The two are the same, or so much like each other that a text does not tell."""
    return one == other or other in ALIKE.get(one, ())


def scripts_of(language: str) -> tuple[str, ...]:
    """The scripts that a language is written in, see `SCRIPTS`."""
    return SCRIPTS.get(language, ("LATIN",))


def scripts_in(text: str) -> set[str]:
    """The scripts of a text's letters."""
    return {_script(letter) for letter in set(filter(str.isalpha, text))}


def letters_of(text: str) -> int:
    """The letters of a text's prose, see `ENOUGH`."""
    return _weight(prose(text))


def load() -> None:
    """Load the model: half a second, the first time."""
    identifier()


@cache
def identifier() -> Any:
    """py3langid's offline model: 4 MB, some tenths of a millisecond a text."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # noqa: PLC0415 - half a second

    found = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    # Not the languages of three letters: it takes short standard Arabic for Moroccan, and Chinese for Cantonese.
    found.set_languages([code for code in found.labels if len(code) == 2 or code == NONE])
    return found


# --- pieces ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Piece:
    """Some sentences of prose."""

    text: str
    letters: int  # weighed, see `ENOUGH`
    scripts: dict[str, float]  # shares of these letters
    odds: dict[str, float]  # of each language that is possible, its share of the likeliest one's probability
    language: str | None  # that it is surely in

    def contradicts(self, language: str) -> bool:
        """It is hardly in anything but another language."""
        return len(self.odds) < 3 and not any(is_alike(code, language) for code in self.odds)

    def may_be(self, language: str) -> bool:
        """Some of it may be in this language."""
        own = [script for script in scripts_of(language) if script in self.scripts]
        if not own:
            return False
        if any(is_alike(code, language) for code in self.odds):
            return True
        most = max(self.scripts, key=lambda script: self.scripts[script])
        if most in own or (self.language is not None and set(own) <= set(scripts_of(self.language))):
            return False
        # In another script than the rest. A few words in Latin letters may be names.
        if own == ["LATIN"]:
            return _WORDS_IN_A_ROW.search(self.text) is not None
        return sum(self.scripts[script] for script in own) > 0.05


def _language(pieces: Sequence[_Piece]) -> str | None:
    letters = Counter[str]()
    for piece in pieces:
        letters[piece.language or ""] += piece.letters
    total = letters.total()
    unsure = letters.pop("", 0)
    if total < ENOUGH or not letters or unsure > 0.25 * total:
        return None
    most = letters.most_common(1)[0][0]
    return most if all(is_alike(most, other) for other in letters) else None


def _parts(text: str) -> Iterator[str]:
    """The sentences of a text, put together until they have `PIECE` letters; what has hardly any goes to the last."""
    part, letters = "", 0
    for sentence in _SENTENCES.split(text):
        if not (found := _weight(sentence)):
            continue
        part, letters = f"{part} {sentence.strip()}".strip(), letters + found
        if letters >= PIECE:
            yield part
            part, letters = "", 0
    if letters:
        yield part


def _spread(parts: list[str]) -> list[str]:
    """As many of the parts as `PIECES`, spread over all of them."""
    step = max(len(parts) / PIECES, 1)
    return [parts[int(at * step)] for at in range(min(len(parts), PIECES))]


def _sentences(text: str) -> Iterator[str]:
    """The sentences that say enough by themselves, and what introduces a quotation."""
    for sentence in _SENTENCES.split(text):
        if _weight(sentence) >= (INTRODUCTION if sentence.rstrip().endswith((":", "：")) else SENTENCE):
            yield sentence


def _piece(text: str) -> _Piece:
    by_script = _scripts(text)
    letters = sum(by_script.values())
    shares = {script: count / letters for script, count in by_script.items()}
    if shares.get("HANGUL", 0) > 0.3:
        return _Piece(text, letters, shares, {"ko": 1.0}, "ko")
    if shares.get("HIRAGANA", 0) + shares.get("KATAKANA", 0) > 0.15:
        return _Piece(text, letters, shares, {"ja": 1.0}, "ja")
    ranked = identifier().rank(text)
    if ranked[0][0] == "zh" and not CHINESE.search(text):
        return _Piece(text, letters, shares, {"zh": 1.0, "ja": 1.0}, None)
    best, probability = ranked[0]
    odds = {code: found / probability for code, found in ranked if found >= POSSIBLE * probability}
    likely = sum(found for code, found in ranked if is_alike(code, best))
    enough = ENOUGH if best in FREQUENT else RARE
    sure = likely >= SURE and best in NAMES and letters >= enough and not _are_names(text)
    return _Piece(text, letters, shares, odds, best if sure else None)


def _are_names(text: str) -> bool:
    """Most words begin with a capital letter, or stand alone between commas: names, titles, lists of words."""
    words = _WORDS.findall(text)
    return sum(word[0].isupper() for word in words) > 0.6 * len(words) or (
        len(words) < 2.5 * len(_CLAUSES.findall(text)) and "LATIN" in _scripts(text)
    )


def _scripts(text: str) -> Counter[str]:
    counts = Counter[str]()
    for letter, count in Counter(filter(str.isalpha, text)).items():
        script = _script(letter)
        counts[script] += 3 * count if script in _DENSE else count
    return counts


def _weight(text: str) -> int:
    return _scripts(text).total()


@lru_cache(maxsize=10_000)
def _script(letter: str) -> str:
    return unicodedata.name(letter, "NONE").split()[0]


_DENSE = ("CJK", "HANGUL", "HIRAGANA", "KATAKANA")
_SENTENCES = re.compile(r"(?<=[.!?:;])\s+|(?<=[。！？：；])|\n+")
_CLAUSES = re.compile(r"[^,;.:!?\n]*\w[^,;.:!?\n]*")
_WORDS = re.compile(r"[^\W\d_]{2,}")
_WORDS_IN_A_ROW = re.compile(r"(?:\b[a-zà-ɏ]{2,}[ ,]+){3}[a-zà-ɏ]{2,}")


# --- prose ----------------------------------------------------------------------------------------------------------


def prose(text: str) -> str:
    """A text without what is in no language, or may be in any: code, formulas, addresses, quotations."""
    lines = _NO_PROSE.sub(" ", text[:READ]).splitlines()
    is_code = [_is_code(line) for line in lines]
    in_program = [any(is_code[max(at - 1, 0) : at + 2]) for at in range(len(lines))]
    kept = (
        line
        for line, code, beside in zip(lines, is_code, in_program, strict=True)
        if not (code or (beside and _COMMENT.match(line)))
    )
    return _QUOTED.sub(" ", "\n".join(kept).strip())


def _is_code(line: str) -> bool:
    """A line of a program, or a table of numbers: much in it is neither letter nor space."""
    signs = len(_SIGNS.findall(line))
    return (signs > 2 and signs > 0.08 * len(line.strip())) or _STATEMENT.match(line) is not None


_NO_PROSE = re.compile(
    r"""^[ ]{0,3}(?:```|~~~).*?(?:^[ ]{0,3}(?:```|~~~)|\Z)  # fenced code
    | `[^`\n]+`
    | \$\$.{1,2000}?\$\$ | \$[^$\n]+\$ | \\\(.{1,2000}?\\\) | \\\[.{1,2000}?\\\]
    | \b(?:https?|ftp)://\S+ | \bwww\.\S+ | \S+@\S+\.\S+
    | <[^<>\n]{1,200}>
    | \b\w*(?:_\w+|\w\.\w)\w*\b | (?<!\S)[~.]?/\S+ | \b[a-z]+[A-Z]\w*\b  # names of files and in programs
    | ^>.*$""",
    re.DOTALL | re.MULTILINE | re.VERBOSE,
)
_STATEMENT = re.compile(
    r"""\s*(?:def|class|function|fn|func|public|private|static|const|let|var|import|from|return|package|using|if|for|while
        |\#include|SELECT|INSERT|UPDATE|DELETE|CREATE|FROM|WHERE)\b.*(?:[:;{(,]$|[=+*\[\]{}()])""",
    re.VERBOSE,
)
_COMMENT = re.compile(r"\s+\S|#|//|--|/\*|\*")
_QUOTED = re.compile(
    r""" "[^"\n]{1,1000}" | “[^”]{1,1000}” | „[^“”]{1,1000}[“”] | «[^»]{1,1000}» | 「[^」]{1,1000}」 | 『[^』]{1,1000}』
    | ‘[^’\n]{1,1000}’(?!\w) | (?<!\w)'[^'\n]{1,1000}'(?!\w)""",
    re.VERBOSE,
)
_SIGNS = re.compile(r"[{}()\[\]<>=;+*/\\|&^%$#@_~]")
