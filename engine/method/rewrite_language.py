"""The languages of a rewrite: each half stays in the language of what it rewrites, unless a setting names another.

The two halves may be in different ones: where a translation is asked for, the instruction stays in the language of the
old instruction and the answer in the one of the old answer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache

from engine.method.language import (
    is_alike,
    language_of,
    letters_of,
    likely_language,
    other_language,
    prose,
    scripts_in,
    scripts_of,
)
from engine.method.language_names import LOOSE_CODES, NAMES, SIMPLIFIED, TRADITIONAL
from engine.sample import Version

SAME = "same"
"""The setting by which a rewrite is in the language of what it rewrites."""

ANY = "any"
"""The setting by which the teacher is told no language, and a reply may be in any."""

_WRITTEN_IN = {"zh-Hans": "Simplified Chinese", "zh-Hant": "Traditional Chinese"}
"""The ways of writing a language that a request may name; a text is held to the language alone."""

LANGUAGES = {**NAMES, **_WRITTEN_IN}
"""The names of the languages that may be asked for, by code."""


ALREADY = 240
"""Letters of a reply's beginning that tell its language, see `language.ENOUGH`: a quotation is seldom so long."""

_QUOTES = (("“", "”"), ("«", "»"), ("「", "」"), ("『", "』"), ("„", "“"))


@dataclass(frozen=True, slots=True)
class HalfLanguage:
    """The language that one half of a rewrite is to be in."""

    name: str | None = None  # that the teacher is told; None: the old half does not say it
    held: str | None = (
        None  # the code of the one that a reply is held to; None: the old half does not surely say it
    )

    def missed_by(self, text: str) -> str | None:
        """How a text is surely in another language, in words; None: it is not."""
        found = other_language(text, self.held) if self.held else None
        return f"is in {NAMES[found]}, and is to be in {self.name}" if found else None

    def missed_already(self, beginning: str) -> bool:
        """A text is surely in another language whatever follows: so much of it, and no quotation that has not ended."""
        if self.held is None or len(beginning) < ALREADY // 3:
            return False
        whole = beginning[: max(beginning.rfind(mark) for mark in ".!?。！？؟।\n") + 1]
        is_open = whole.count('"') % 2 or any(whole.count(a) > whole.count(b) for a, b in _QUOTES)
        if is_open or letters_of(whole) < ALREADY:
            return False
        return other_language(whole, self.held) is not None


@dataclass(frozen=True, slots=True)
class RewriteLanguages:
    """The languages that both halves of a rewrite are to be in."""

    instruction: HalfLanguage = HalfLanguage()
    response: HalfLanguage = HalfLanguage()


UNSAID = RewriteLanguages()
"""No language is told, and a reply may be in any."""


def rewrite_languages(old: Version, setting: str) -> RewriteLanguages:
    """The languages of a version's rewrite. `setting`: a code of `LANGUAGES`, `SAME` or `ANY`.

    A code holds for both halves, but for the answer of a task that asks for another language than its own.
    """
    if setting == ANY:
        return UNSAID
    asked, answered = _sure(old.instruction), _sure(old.response)
    if setting == SAME:
        return RewriteLanguages(
            _half(asked, old.instruction, answered or likely_language(old.response)),
            _half(answered, old.response, asked or likely_language(old.instruction)),
        )
    wanted = HalfLanguage(LANGUAGES[setting], setting.partition("-")[0])
    translated = asked is not None and answered is not None and not is_alike(asked, answered)
    return RewriteLanguages(wanted, _half(answered, old.response, None) if translated else wanted)


def language_setting(given: str) -> str:
    """A language as it was asked for, by its code, `SAME` or `ANY`. `ValueError`: it is none of them."""
    by_code = {code.casefold(): code for code in (*LANGUAGES, SAME, ANY)}
    asked = given.strip().casefold().replace("_", "-")
    if asked in by_code:
        return by_code[asked]
    raise ValueError(f"no language's code{_nearest(asked)}")


def names_a_language(text: str) -> bool:
    """True of a wish for a language: "in German", "auf Deutsch"."""
    return _WISH.search(text) is not None


def _nearest(asked: str) -> str:
    by_name = {name.casefold(): code for code, name in LANGUAGES.items()} | LOOSE_CODES
    known = {**{code.casefold(): code for code in LANGUAGES}, **by_name}
    base = asked.partition("-")[0]
    code = by_name.get(asked) or (base in NAMES and base) or by_name.get(base)
    if not code:
        near = get_close_matches(asked, known, n=1, cutoff=0.7)
        code = known[near[0]] if near else None
    if code is None:
        return "; expected one of ISO 639-1 such as de, zh-Hans, or same, or any"
    return f"; the nearest is {code} ({LANGUAGES[code]})"


@lru_cache(maxsize=256)
def _sure(text: str) -> str | None:
    """`language_of`, kept: both stages ask, and each candidate."""
    return language_of(text)


def _half(code: str | None, text: str, other: str | None) -> HalfLanguage:
    """A half's language. `code`: the one it is surely in. `other`: the one that the other half is in.

    Of a text too short to be sure of, that of the other half is told where it is likely; it is held to none.
    """
    if code is not None:
        return HalfLanguage(_name(code, text), code)
    if other is not None and (_is_in_letters_of(other, text) or likely_language(text) == other):
        return HalfLanguage(_name(other, text))
    return HalfLanguage()


def _is_in_letters_of(language: str, text: str) -> bool:
    """A text has letters that are not Latin, all of them of this language's."""
    scripts = scripts_in(prose(text)) - {"LATIN"}
    return bool(scripts) and scripts <= set(scripts_of(language))


def _name(code: str, text: str) -> str:
    if code == "zh":
        simplified, traditional = (len(signs.intersection(text)) for signs in (SIMPLIFIED, TRADITIONAL))
        if simplified != traditional and not min(simplified, traditional):
            return _WRITTEN_IN["zh-Hans" if simplified else "zh-Hant"]
    return NAMES[code]


_OWN_NAMES = (
    "deutsch", "français", "español", "italiano", "português", "nederlands", "polski", "русском", "українською",
    "türkçe", "svenska", "dansk", "norsk", "suomeksi", "čeština", "magyarul", "română", "中文", "日本語", "한국어",
    "العربية",
)  # fmt: skip
_WISH = re.compile(
    rf"\b(?:in|into|to|auf|ins|en|em|na|на|på)\s+(?:\w+\s+)?(?:{'|'.join([*NAMES.values(), *_OWN_NAMES])})"
    r"|中文|日本語|한국어로|بالعربية|türkçe|suomeksi|magyarul",
    re.IGNORECASE,
)
