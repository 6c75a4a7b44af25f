"""A prompt's length before it is sent, held against the context of the teacher."""

from __future__ import annotations

import re

from models.teacher import Fault, Request, TeacherError

_RUN = re.compile(r"(.)\1{2,}", re.DOTALL)


def check_fits(request: Request, context: int) -> None:
    """Raise TOO_LONG where prompt and reply may not fit: a server would cut the prompt, or refuse it."""
    estimate = estimated_tokens(request)
    if estimate + request.max_tokens > context:
        raise TeacherError(
            Fault.TOO_LONG,
            f"about {estimate} tokens of prompt and {request.max_tokens} of reply do not fit the teacher's context "
            f"of {context}: give it a larger one, or leave the sample out",
        )


def estimated_tokens(request: Request) -> int:
    """A prompt's tokens on the high side, for the English and the code that datasets hold: a token for three
    bytes (4.2 to 4.9 were seen) and 16 a message for its turn's control tokens."""
    return 32 + sum(16 + -(-len(m.content.encode("utf-8", "surrogatepass")) // 3) for m in request.messages)


def least_tokens(request: Request) -> int:
    """A prompt's tokens on the low side: no tokenizer makes fewer of it, so a server that read fewer has cut it.

    A token has at most 7 ASCII characters on the average (4 to 5 in English, 3 in code) or 4 others; a run of one
    character, such as an indentation or a rule, counts for two, for it may be one token.
    """
    text = _RUN.sub(r"\1\1", "".join(message.content for message in request.messages))
    ascii_only = len(text.encode("ascii", "ignore"))
    return ascii_only // 7 + (len(text) - ascii_only) // 4
