"""Stand-ins: what a teacher writes in place of a rewrite.

A refusal; talk to the one who asked for the rewrite; a review of the instruction or the response; an instruction that
speaks of a text and does not carry it. Only what is sure is named, for a good rewrite that is thrown away is lost, and
a stand-in that gets through still meets the student and a person. So a text is looked at where stand-ins begin and end,
and is left alone where the sample itself is about such things: a letter that declines, a grading, a translated apology.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from engine.method.decline_words import ABOUT_DECLINING, DECLINES, FIRM, SPOKEN
from engine.method.judging_words import (
    A_TEXT,
    ABOUT_JUDGING,
    CRITERIA,
    JUDGING,
    OUR_CRITERIA,
    STIRS,
    Judging,
)
from engine.method.reference_words import INDEFINITE, REFERENCES, TO_BE_WRITTEN, UNMISTAKABLE
from engine.method.word_patterns import joined, listed, units
from engine.sample import History, Version
from models.teacher import Fault

HEAD = 400
"""Characters in which a stand-in shows itself, at either end of a text."""

PREDICATE = 60
"""Characters after its subject in which a sentence says what that is."""

LONG = 10_000
"""Characters of a text that are looked at in any case."""


def answer_stand_in(answer: str, instruction: str, old: Version) -> Fault | None:
    """The kind of stand-in that an answer to the instruction is; None: it is an answer, for all one can be sure.

    old: the version that was to be rewritten. Where it is about the like, or is the like, nothing is a stand-in.
    """
    asked = "\n".join(text[:LONG] for text in (instruction, old.instruction, old.input))
    if _declines(answer, asked) and not is_refusal(old.response):
        return Fault.REFUSAL
    if instruction == old.instruction and _praises_itself(answer, old.response, asked):
        return Fault.TEACHER_TALK
    return _speaks_of_the_task(answer, asked, old)


def beginning_stand_in(beginning: str, instruction: str, old: Version) -> Fault | None:
    """The kind of stand-in that every answer is which begins so; None: it may be an answer.

    Of what `answer_stand_in` looks at, the part that does not change with what follows.
    """
    asked = "\n".join(text[:LONG] for text in (instruction, old.instruction, old.input))

    def kind(text: str) -> Fault | None:
        if _declines(text, asked) and not is_refusal(old.response):
            return Fault.REFUSAL
        return _opens_as_talk(text, _whole_opening(text), asked, old)

    return _settled(beginning, kind)


def beginning_of_instruction(beginning: str, old: Version) -> Fault | None:
    """The same of an instruction, for `instruction_stand_in`."""
    asked = f"{old.instruction[:LONG]}\n{old.input[:LONG]}"

    def kind(text: str) -> Fault | None:
        if _declines_request(text, asked):
            return Fault.REFUSAL
        return _opens_as_talk(text, _whole_opening(text), asked, old)

    return _settled(beginning, kind)


AHEAD = 20
"""Characters after a word that may change what it says: "I cannot help" and "I cannot help but"."""


def _settled(beginning: str, kind: Callable[[str], Fault | None]) -> Fault | None:
    """The kind that a text was some characters ago, where it still is of one."""
    return kind(beginning) if kind(beginning[:-AHEAD]) else None


def _whole_opening(beginning: str) -> list[str]:
    """The first two sentences once they are whole, and the first alone before, as far as it has come."""
    sentences = _sentences(beginning)
    return sentences[: 2 if len(sentences) > 2 or len(beginning) >= 2 * HEAD else 1]


def instruction_stand_in(instruction: str, old: Version, history: History = ()) -> Fault | None:
    """The kind of stand-in that an instruction is; None: it is one, for all one can be sure.

    history: what was said before. A text that the instruction speaks of may stand there.
    """
    instruction, asked = instruction[:LONG], f"{old.instruction[:LONG]}\n{old.input[:LONG]}"
    if _declines_request(instruction, asked):
        return Fault.REFUSAL
    if fault := _speaks_of_the_task(instruction, asked, old):
        return fault
    in_history = any(turn.role != "system" for turn in history) and not _material(old)
    return Fault.INPUT_LOST if not in_history and _loses_input(instruction, old) else None


def is_refusal(answer: str) -> bool:
    """True of an answer that begins as chat models decline."""
    head = _head(answer)
    return _FIRM.search(head) is not None or _DECLINES.match(head) is not None


def _declines_request(text: str, asked: str) -> bool:
    """It declines to write an instruction: who asks for help may well begin with what he cannot do himself."""
    return _REQUEST_DECLINED.search(_head(text)) is not None and _declines(text, asked)


def _declines(text: str, asked: str) -> bool:
    if not is_refusal(text) or _ABOUT_DECLINING.search(asked):
        return False
    return _FIRM.search(_head(text)) is not None or not _SPOKEN.search(asked)


# --- speaking of the task -----------------------------------------------------------------------------------------


def _speaks_of_the_task(text: str, asked: str, old: Version) -> Fault | None:
    """`Fault.REVIEW` or `Fault.TEACHER_TALK` where a text speaks of a response instead of being one."""
    sentences = _sentences(text)
    if (fault := _opens_as_talk(text, sentences[:2], asked, old)) or _ABOUT_JUDGING.search(asked):
        return fault
    ends_so = any(_ends_as_talk(words, sentences) for words in _foreign(asked, old))
    return Fault.TEACHER_TALK if ends_so or _asks_back(text, asked, old) else None


def _opens_as_talk(text: str, opening: list[str], asked: str, old: Version) -> Fault | None:
    """The same where the first two sentences, or our own headings, show it."""
    of_ours = sum(heading.search(text[:LONG]) is not None for heading in _OUR_HEADINGS)
    if of_ours > 1 and not any(heading.search(old.response[:LONG]) for heading in _OUR_HEADINGS):
        return Fault.REVIEW
    sample = f"{asked}\n{old.response[:LONG]}"
    unknown = [words for words in _JUDGING if not words.instruction.search(sample)]
    of_instruction = any(_praises_by_instruction(words, opening[0]) for words in unknown)
    if _ABOUT_JUDGING.search(asked):
        if any(_reviews(words, opening) and words.instruction.search(opening[0]) for words in unknown):
            return Fault.REVIEW
        ours = "instruction" not in sample.casefold() and _OUR_TALK.search(" ".join(opening))
        return Fault.TEACHER_TALK if ours or of_instruction else None
    foreign = _foreign(asked, old)
    headings = of_ours + sum(heading.search(text[:LONG]) is not None for heading in _HEADINGS)
    if headings > 1 or any(_reviews(words, opening) for words in foreign):
        return Fault.REVIEW
    talks = any(_talks(words, opening[0]) or _praises(words, opening[-1]) for words in foreign)
    return Fault.TEACHER_TALK if talks or of_instruction or _takes_criticism(opening[0], asked, old) else None


def _foreign(asked: str, old: Version) -> list[_Words]:
    """The words of judging that a sample has no use for."""
    sample = f"{asked}\n{old.response[:LONG]}"
    return [words for words in _JUDGING if not words.nouns.search(sample)]


def _reviews(words: _Words, sentences: list[str]) -> bool:
    """Its first two sentences have a response as their subject, and find fault with it; or it begins as a review."""
    opening = " ".join(sentences)
    return words.review.match(sentences[0]) is not None or (
        words.response.match(opening) is not None
        and words.bad.search(opening) is not None
        and (words.praise(opening) > 0 or words.bad.search(sentences[0]) is not None)
    )


def _ends_as_talk(words: _Words, sentences: list[str]) -> bool:
    """Its last sentence, or its only one, is to the one who asked for the rewrite."""
    alone = len(sentences) == 1 and words.sure.match(sentences[0]) and words.praise(sentences[0]) > 0
    return bool(alone) or _talks(words, sentences[-1])


def _talks(words: _Words, sentence: str) -> bool:
    """A sentence to the one who asked for the rewrite."""
    return bool(words.rewrote.match(sentence) or words.halves.search(sentence) or _praises(words, sentence))


def _praises(words: _Words, sentence: str) -> bool:
    """A response is the sentence's subject, and is praised for what only a text can be, or for more than one thing."""
    found = words.response.match(sentence)
    return found is not None and (
        words.praise(sentence) > 1 or words.of_texts.search(sentence[found.end() :][:PREDICATE]) is not None
    )


def _praises_by_instruction(words: _Words, sentence: str) -> bool:
    """A response or an instruction is praised, and it is an instruction that is spoken of."""
    judged = words.response.match(sentence) is not None and words.instruction.search(sentence) is not None
    return judged and words.praise(sentence) > 0


def _praises_itself(text: str, old: str, asked: str) -> bool:
    """It is the old response once more, and then nothing but praise of that."""
    new, before = text.split(), old.split()
    if not before or new[: len(before)] != before or _ABOUT_JUDGING.search(asked):
        return False
    added = _sentences(" ".join(new[len(before) :]))
    return all(
        _A_TEXT.match(one) and (_STIRS.search(one) or any(words.praise(one) for words in _JUDGING))
        for one in added
    )


def _takes_criticism(sentence: str, asked: str, old: Version) -> bool:
    """It thanks for the criticism or agrees with it, where neither a speech nor a letter is asked for."""
    if _SPOKEN.search(asked) or any(words.agrees.match(_spaced(old.response[:HEAD])) for words in _JUDGING):
        return False
    return any(words.agrees.match(sentence) for words in _JUDGING)


def _asks_back(text: str, asked: str, old: Version) -> bool:
    """It asks for what it was to work on, where the old response did not."""
    if (
        len(text) > HEAD
        or _ASKS.search(old.response[:LONG])
        or _ABOUT_ASKING.search(asked)
        or _SPOKEN.search(asked)
    ):
        return False
    return any(words.asks.search(_spaced(text)) for words in _JUDGING)


class _Words:
    """A language's words, compiled."""

    def __init__(self, words: Judging) -> None:
        self.response = listed(words.response)
        self.nouns = listed(words.nouns)
        self.instruction = listed(words.instruction)
        self.review = listed(words.review)
        self.bad = listed(words.bad)
        self.halves = listed(words.halves)
        self.rewrote = listed(words.rewrote)
        self.asks = listed(words.asks)
        self.of_texts = listed(words.of_texts)
        self.agrees = listed(words.agrees)
        self.sure = listed(words.sure)
        self._good = [listed(one) for one in words.good]

    def praise(self, text: str) -> int:
        """The number of qualities that a text names."""
        return sum(one.search(text) is not None for one in self._good)


def _sentences(text: str) -> list[str]:
    """The sentences at both ends of a text, one at least, without the marks that lay it out."""
    ends = text if len(text) <= 2 * HEAD else f"{text[:HEAD]}\n{text[-HEAD:]}"
    found = [_spaced(one).strip(" *#_>-") for one in _SENTENCE_END.split(ends)]
    return [one for one in found if one and not _NUMBER.fullmatch(one)] or [""]


# --- a text that is not there ---------------------------------------------------------------------------------------


def _loses_input(instruction: str, old: Version) -> bool:
    """The instruction speaks of a text that the old one came with, and carries neither that nor another."""
    if material := _material(old):
        speaks = any(_is_reference(found, instruction) for found in _REFERENCES.finditer(instruction))
    else:
        speaks = bool(_UNMISTAKABLE.search(instruction) and not _REFERENCES.search(old.instruction))
    if not speaks or _PROGRAM.search(instruction) or _CARRIES.search(_TO_BE_FILLED.sub("", instruction)):
        return False
    return not (material and _carried(material, instruction))


def _material(old: Version) -> str:
    """The text that an instruction works on: its input, or what stands in it behind a colon or on further lines."""
    found = None if old.input.strip() else _INLINE.search(old.instruction)
    return found[1] if found else old.input.strip()


def _is_reference(found: re.Match[str], instruction: str) -> bool:
    """It speaks of a text that is there, and not of the one that is to be written."""
    noun = re.escape(found[0].split()[-1])
    written = re.search(INDEFINITE.format(noun=noun), instruction, re.IGNORECASE)
    return written is None and _TO_BE_WRITTEN.match(instruction, found.end()) is None


def _carried(input: str, instruction: str) -> bool:
    """Part of the input stands in the instruction: a few words in a row, or any word of a short input."""
    theirs, ours = units(instruction), units(input)
    if len(ours) <= SHORT_INPUT:
        return any(unit in theirs for unit in ours if len(unit) > 3 or not unit.isascii() or unit.isdigit())
    length = RUN if sum(map(len, ours)) > 2 * len(ours) else 2 * RUN  # of single characters more are chance
    return not _runs(theirs, length).isdisjoint(_runs(ours, length))


def _runs(units: list[str], length: int) -> set[tuple[str, ...]]:
    return {tuple(units[at : at + length]) for at in range(len(units) - length + 1)}


SHORT_INPUT = 8  # words
RUN = 3  # words in a row that are no chance


# --- the patterns ---------------------------------------------------------------------------------------------------


def _head(text: str) -> str:
    return _spaced(text[: 2 * HEAD])[:HEAD]


def _spaced(text: str) -> str:
    return " ".join(text.split()).replace("’", "'")


_DECLINES = joined(DECLINES)
_FIRM = joined(FIRM)
_ABOUT_DECLINING = listed(ABOUT_DECLINING)
_SPOKEN = listed(SPOKEN)
_ABOUT_JUDGING = listed(ABOUT_JUDGING)
_REFERENCES = joined(REFERENCES)
_UNMISTAKABLE = listed(UNMISTAKABLE)
_TO_BE_WRITTEN = listed(TO_BE_WRITTEN)
_JUDGING = [_Words(words) for words in JUDGING.values()]
_A_TEXT, _STIRS = listed(A_TEXT), listed(STIRS)
_HEADINGS, _OUR_HEADINGS = (
    [
        re.compile(rf"^[ \t*#_>\-\d.)]{{0,12}}(?:{one})[*_ ]{{0,4}}[:：]", re.IGNORECASE | re.MULTILINE)
        for one in criteria
    ]
    for criteria in (CRITERIA, OUR_CRITERIA)
)
_OUR_TALK = re.compile(r"\b(?:new|rewritten|revised|original|given) instruction\b", re.IGNORECASE)
_REQUEST_DECLINED = re.compile(
    r"\b(?:your|this|that) (?:\w+ )?(?:request|task|prompt|query)|with (?:that|this)\b|comply|anfrage|demande|"
    r"solicitud|petición|pedido|solicitação|richiesta|запрос|请求|請求|要求|リクエスト|요청|طلب",
    re.IGNORECASE,
)
_ASKS = re.compile(
    r"[?？؟]|\bplease\b|请|請|ください|주세요|bitte|veuillez|por favor|пожалуйста|يرجى", re.IGNORECASE
)
_ABOUT_ASKING = re.compile(
    r"\bask|request|inquir|clarif|question|survey|frag|demand|pregunt|pergunt|вопрос|问|問|질문|سؤال|سأل",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|(?<=[。！？؟])|\n+")
_NUMBER = re.compile(r"\(?\d{1,2}[.)]")  # of a list
_INLINE = re.compile(r"(?:[:：]|\n)\s*(\S[\s\S]{20,})")
_CARRIES = re.compile(
    r"""[:：]\s*\S[\s\S]{20}            # something after a colon
    |["“„«「『][^"”“»」』]{3}           # or in quotation marks
    |(?<!\w)['‘][^'\n]{3,}['’](?!\w)
    |\n\s*\S                            # or on lines of its own
    |```|<\w+>""",
    re.VERBOSE,
)
_TO_BE_FILLED = re.compile(
    r"[\[<{(]{1,2}[^\]>})\n]{0,40}\b(?:insert|your|paste|here|text|passage|article|sentence|link|input|content)\b"
    r"[^\]>})\n]{0,40}[\]>})]{1,2}",
    re.IGNORECASE,
)
_PROGRAM = re.compile(
    r"\b(?:function|program|script|algorithm|method|class|query|regex|formula)\b", re.IGNORECASE
)
