"""The kinds of fields beside a sample's texts, told from their names and values."""

from __future__ import annotations

import json
import re
from enum import Flag, auto
from typing import Any

# Names ----------------------------------------------------------------------------------------------------


class Side(Flag):
    """The texts that a field depends on."""

    ASKED = auto()  # the instruction and its input
    ANSWERED = auto()  # the response
    EITHER = ASKED | ANSWERED


def _names(words: str) -> frozenset[str]:
    """Names as `words_of` joins them: without what stands between the words."""
    return frozenset(words.replace("_", "").split())


_REASONING = _names(
    "reasoning reasoning_content reasoning_text reasoning_details reasoning_trace reasoning_traces think thinking "
    "thinking_content thinking_trace thought thoughts thought_process rationale rationales cot complex_cot "
    "chain_of_thought scratchpad analysis_channel"
)
_WHOLE = _names(
    "text full_text formatted formatted_text chat_text chat messages conversation conversations dialogue dialog turns "
    "formatted_chat full_prompt_and_response"
)
_ASKING = _names(
    "instruction prompt question query user human request user_message user_prompt full_prompt formatted_prompt "
    "prompt_text instruction_text input_text"
)
# What answers the old instruction is wrong for a new one, and right for an old one with a better response.
_ANSWERING = _names(
    "output response completion assistant reference target targets tests output_text response_text"
)
KEYS = _names(  # also where they say a word or a number
    "answer answers chosen rejected solution solutions final_answer correct_answer expected_answer expected_output "
    "ground_truth gold gold_answer reference_answer choices options test_cases responses completions"
)
_VERDICTS = _names("label labels kto_tag")
_COUNTED = _names("token tokens tok toks len length lengths chars char characters words word sentences")
_JUDGED = _names(
    "score scores rating ratings reward rewards quality perplexity ppl nll loss losses logprob logprobs logp ifd "
    "similarity entropy readability toxicity"
)
_MADE = _names("hash md5 sha1 sha256 sha512 checksum fingerprint digest minhash simhash")
_VECTORS = _names("embedding embeddings emb vector vectors mask logits")
_ELSEWHERE = _names(
    "max min limit budget threshold stop weight weights rate scale type name version image images file files video "
    "audio commit git repo source model"
)
"""Words of settings, and of things that a count or a hash is of more likely than of a text."""
_OF_ASKED = _names("instruction prompt question query user human problem input")
_OF_ANSWERED = _names("output response completion answer assistant target chosen")

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+[a-z]*")


def words_of(name: str) -> list[str]:
    """A field's name in words: `numTokens`, `num_tokens` and `num-tokens` are the same."""
    return [word.casefold() for word in _WORDS.findall(name)]


def is_reasoning(name: str) -> bool:
    """True of a field's name under which an answer's reasoning stands beside it."""
    return "".join(words_of(name)) in _REASONING


def texts_named(joined: str) -> Side | None:
    """The texts that a field of this name depends on, whatever it holds; None: its name does not say."""
    if joined in _WHOLE:
        return Side.EITHER
    if joined in _ASKING | _ANSWERING | KEYS:
        return Side.ASKED
    return None


def measured_texts(words: list[str], value: Any, within: Side) -> Side:
    """The texts that a count, a score, a vector or a hash was made of; none where a field is no such thing.

    `within`: the texts that a field is about whose name does not say.
    """
    held, joined = frozenset(words), "".join(words)
    if held & _ELSEWHERE:
        return Side(0)
    if joined in _VERDICTS:
        return Side.EITHER if _is_verdict(value) or _is_numbers(value) else Side(0)
    about = Side(0)
    if held & _OF_ASKED and joined != "inputids":
        about |= Side.ASKED
    if held & _OF_ANSWERED:
        about |= Side.ANSWERED
    if "rejected" in held:
        about = Side.ASKED
    measured = (
        (bool(held & _COUNTED) and _is_numbers(value))
        or (joined in _COUNTED and _is_strings(value))
        or (bool(held & _JUDGED) and not isinstance(value, bool) and _is_short(value))
        or (bool(held & _VECTORS) and _is_vector(value))
        or ("ids" in held and bool(held & (_COUNTED | _OF_ASKED | _OF_ANSWERED)) and _is_vector(value))
        or (bool(held & _MADE) and isinstance(value, str | int))
    )
    return about or within if measured else Side(0)


# Values ---------------------------------------------------------------------------------------------------

_NUMBER = re.compile(r"\s*[-+]?\d+(\.\d+)?(e[-+]?\d+)?\s*", re.IGNORECASE)


def parsed(value: str) -> Any:
    """The list or object that a text is in JSON; None: it is none."""
    if value[:1] not in "[{" or value.rstrip()[-1:] not in "]}":
        return None
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, list | dict) else None


def is_prose(value: Any) -> bool:
    """True of a text of several words, or a list of steps; a word alone is a setting or a topic."""
    if isinstance(value, str):
        return len(value.split()) > 1 or len(value) >= 16
    return isinstance(value, list | dict)


def says_something(value: Any) -> bool:
    """True of a value that holds a text."""
    if isinstance(value, list):
        return any(map(says_something, value))
    return (isinstance(value, str) and len(value.split()) > 1) or isinstance(value, dict)


def _is_verdict(value: Any) -> bool:
    return isinstance(value, bool) or value in (0, 1) or str(value).casefold() in ("true", "false", "0", "1")


def _is_numbers(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_is_numbers, value))
    if isinstance(value, dict):
        return all(map(_is_numbers, value.values()))
    if isinstance(value, str):
        return _NUMBER.fullmatch(value) is not None or (
            (inner := parsed(value)) is not None and _is_numbers(inner)
        )
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_vector(value: Any) -> bool:
    """True of a list of numbers, also as a table's cell writes it."""
    value = parsed(value) if isinstance(value, str) else value
    return isinstance(value, list | dict) and _is_numbers(value)


def _is_strings(value: Any) -> bool:
    value = parsed(value) if isinstance(value, str) else value
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_short(value: Any) -> bool:
    """True of what a score may be: a number, a word such as `good`, or several of them."""
    if isinstance(value, list):
        return all(map(_is_short, value))
    if isinstance(value, dict):
        return all(map(_is_short, value.values()))
    return not isinstance(value, str) or len(value) <= 16
