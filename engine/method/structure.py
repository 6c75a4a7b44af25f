"""Structure within a text: a rewrite that loses or invents some of it is of no use.

The lines of a list, a poem or a program, where the words stayed. And what programs read: an image's mark, a slot that
is filled in later, a token of a model or a tool. Text about such marks is text, so that only what cannot well be
anything else counts: not what stands in code or in formulas, no tag of HTML, and no brace of a programming language.
Whatever is kept may stand anywhere in the new text, also as code.
"""

from __future__ import annotations

import re
from collections import Counter

from engine.method.word_patterns import units
from engine.sample import Version


def broken_structure(old: Version, new: Version) -> str | None:
    """The structure that a rewrite lost or invented in either text, in words; None: nothing.

    A mark that neither text of the old version has is invented; a new answer may repeat one of the instruction, but
    for an image's, which stands for one image each time.
    """
    asked = f"{old.instruction}\n{old.input}", f"{new.instruction}\n{new.input}"
    everything = f"{asked[0]}\n{old.response}"
    for name, before, after in (("instruction", *asked), ("response", old.response, new.response)):
        if before.strip() == after.strip():
            continue
        required = _marks(before, everything)
        for mark, count in required.items():
            if mark not in after:
                return f"the new {name} lost {mark}"
            if _MEDIA.fullmatch(mark) and after.count(mark) != count:
                return f"the new {name} has {mark} {after.count(mark)} times instead of {count}"
        for mark in _marks(after, everything):
            if mark not in everything or (_MEDIA.fullmatch(mark) and mark not in required):
                return f"the new {name} has {mark}, which was not there"
    if lines := _lines_lost(old.response, new.response):
        return f"the new response has the old one's words, and its {lines} lines as one"
    return None


LINES = 4
"""Lines of a text, from which on they are its layout."""

SAME_WORDS = 0.9
"""The share of two texts' words that are the same, from which on one is the other with a few changes."""


def _lines_lost(before: str, after: str) -> int:
    """The lines of a text that stand as one in its rewrite, which changed few of its words; 0: they do not."""
    lines = sum(bool(line.strip()) for line in before.splitlines())
    if lines < LINES or len(after.strip().splitlines()) > 1:
        return 0
    old, new = Counter(units(before)), Counter(units(after))
    return lines if old and 2 * (old & new).total() >= SAME_WORDS * (old.total() + new.total()) else 0


def _marks(text: str, everything: str) -> Counter[str]:
    """The marks in a text, each with the times that it stands there. `everything`: the sample that it belongs to."""
    prose = _CODE.sub(" ", text)
    patterns = []
    if not (_ABOUT_MARKS.search(everything) or _ABOUT_MARKS.search(prose)):
        patterns += [_TOKENS, _MASKS]
    if not (_MARKUP.search(everything) or _MARKUP.search(prose)):
        patterns.append(_MEDIA)
    found = [mark[0] for pattern in patterns for mark in pattern.finditer(prose)]
    if not (_PROGRAM.search(everything) or _PROGRAM.search(prose)):
        found += _slots(_FORMULAS.sub(" ", prose))
    return Counter(found)


def _slots(prose: str) -> list[str]:
    """The slots in a text. A word in braces may be an aside, `{sic}`: it is a slot beside others, or by its name."""
    found = [slot[0] for slot in _SLOTS.finditer(prose)]
    if len(set(found)) > 1:
        return found
    return [
        slot for slot in found if "_" in slot or slot.startswith("{{") or slot[1:-1].casefold() in _COMMON
    ]


_CODE = re.compile(
    r"^[ ]{0,3}(```|~~~).*?(?:^[ ]{0,3}\1|\Z)|(`+)(?!`).+?(?<!`)\2(?!`)", re.DOTALL | re.MULTILINE
)
_FORMULAS = re.compile(
    r"""\$\$.{1,2000}?\$\$ | \$[^$\n]+\$ | \\\(.{1,2000}?\\\) | \\\[.{1,2000}?\\\]
    | \\begin\{.{1,2000}?\\end\{[^}]{0,40}\}
    | \\[a-zA-Z]+(?:[ \t]*(?:\[[^\]]{0,200}\]|\{[^{}]{0,200}\}))+""",
    re.DOTALL | re.VERBOSE,
)
_MARKUP = re.compile(
    r"""<(?!(?:image|audio|video|img|speech)>)/?[a-z][a-z0-9]*(?:\s[^<>\n]*)?/?> | </(?:image|audio|video)>
    | \b(?:html5?|svg|xml|rss)\b""",
    re.IGNORECASE | re.VERBOSE,
)
"""Marks of HTML and its like, in which <video> is a tag."""
_ABOUT_MARKS = re.compile(
    r"""\b(?:\w*bert|gpt-?[2-4]|tokeni[sz]\w*|chatml|chat\ templates?
        |(?:special|mask|masked|masking|end|stop|control|channel)\ tokens?)\b""",
    re.IGNORECASE | re.VERBOSE,
)
"""Words of a text that speaks of a model's tokens."""
_PROGRAM = re.compile(
    r"""^[ \t]*(?:def|class|function|fn|func|struct|public|private|static|const|let|var|package|namespace)
        \s+\w.*[:;{(][ \t]*$
    | ^[ \t]*(?:import\s+[\w.{]+|from\s+[\w.]+\s+import\b.*|\#include\b.*|using\s+\w+;|SELECT\b.*)[ \t]*;?[ \t]*$
    | \b[frb]{1,2}["'][^"'\n]*\{ | \.format\( | => | \)\s*\{ | ;[ \t]*$ | \$\{ | ^[ \t]*[}\]],?[ \t]*$ | \{%-? | \{\#
    | "\s*:\s*["\[{\d] | \{\s*["'] | \{\s*[\w-]+\s*: | \b(?:print|printf|console\.log|println!?)\(
    | \b(?:jinja2?|handlebars|mustache|vue(?:\.?js)?|angular|svelte|jsx|helm|liquid|ansible|django|terraform|openapi
       |f-strings?|format\ strings?|string\ (?:interpolation|formatting)|template\ (?:engine|literal)s?)\b""",
    re.MULTILINE | re.VERBOSE | re.IGNORECASE,
)
"""Signs of a program, in which a brace is its own."""

_MEDIA = re.compile(
    r"<(?:image|audio|video|speech|img)(?:_?\d+)?>(?!\s*(?:tag|element|attribute)s?\b)"
    r"|<\|(?:image|audio|video)(?:_?\d+)?\|>"
)
_TOKENS = re.compile(
    r"""<\|(?!(?:image|audio|video)(?:_?\d+)?\|>)[a-z][a-z0-9_]{1,40}\|> | <｜[^<>｜\n]{1,40}｜>
    | <(?:start|end)_of_(?:turn|image|audio)> | <extra_id_\d+> | <fim_(?:prefix|middle|suffix)>
    | \[/?INST\] | <</?SYS>>
    | </?(?:tool_calls?|tool_responses?|tool_results?|tool_use|function_calls?|function_response|functioncall)>
    | \[/?(?:TOOL_CALLS|TOOL_RESULTS|AVAILABLE_TOOLS|TOOL_CONTENT)\]""",
    re.IGNORECASE | re.VERBOSE,
)
_MASKS = re.compile(r"\[(?:MASK|SEP|CLS|PAD|UNK|BLANK|EOS|BOS)\]|<mask>")
_SLOTS = re.compile(
    r"""(?<![{$\\^_\w}]) \{\{ \s* [A-Za-z_][\w.-]+ (?:\ [\w.-]+){0,4} \s* \}\} (?![}\w])
    | (?<![{$\\^_\w}()\[=\"'</&@]) \{ (?=\w{3,}\}) [A-Za-z][A-Za-z0-9]* (?:_[A-Za-z0-9]+)* \} (?![}\w\[({\"'^_/])""",
    re.VERBOSE,
)
"""`{{order number}}` and `{order_number}`; a letter or two in braces are mathematics."""
_COMMON = frozenset(
    re.findall(
        r"\w+",
        """name title text input output question answer context topic subject content message document passage query
        prompt instruction response language word sentence keyword keywords user customer client company brand product
        service item order number amount price date time city country location address email phone url link sender
        recipient role task author job position event""",
    )
)
"""Names of single slots."""
