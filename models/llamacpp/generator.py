"""Text from one model, token by token, the part of the prompt that the last request shared not computed again."""

from __future__ import annotations

import codecs
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from models.llamacpp.bindings import Context, Ids, Model, Sampler


@dataclass(frozen=True, slots=True)
class GeneratedText:
    finish: Literal["stop", "length", "cancelled", "too-long"]
    text: str
    prompt_tokens: int
    cached_tokens: int  # of the prompt, that stood in the KV cache
    tokens: int  # generated, the closing one not counted
    seconds: float  # spent on these
    reading: float  # seconds spent on the prompt
    logprobs: list[tuple[str, float]]  # of the tokens, natural, before the grammar; empty where not asked for


class TextGenerator:
    """Replies from one model, one at a time. `window`: tokens a prompt and its reply share."""

    def __init__(self, model: Model, context: Context, *, window: int) -> None:
        self.model, self.context, self.window = model, context, window
        self.cached: Ids = np.empty(0, np.int32)  # what the KV cache holds

    def generate(
        self,
        pieces: Iterable[Sequence[Any]],
        *,
        seed: int,
        temperature: float,
        max_tokens: int,
        schema: dict[str, Any] | None,
        logprobs: bool,
        repeat_penalty: float,
        on_text: Callable[[str], None],
        cancelled: Callable[[], bool],
    ) -> GeneratedText:
        """Continue the (text, special) pieces until the model ends its reply, `max_tokens` or the window's end."""
        began = time.monotonic()
        prompt = self.model.passage(pieces)
        if len(prompt) >= self.window:
            return GeneratedText("too-long", "", len(prompt), 0, 0, 0.0, 0.0, [])
        sampler = Sampler(
            self.context, seed=seed, temperature=temperature, schema=schema, repeat_penalty=repeat_penalty
        )
        try:
            decoder = codecs.getincrementaldecoder("utf-8")("replace")
            text: list[str] = []
            chances: list[tuple[str, float]] = []
            finish: Literal["stop", "length", "cancelled", "too-long"] = "length"
            tokens = 0
            cached = self._keep_shared(prompt)
            done = self._read(prompt, cancelled)
            read = time.monotonic()
            while done and tokens < max_tokens and len(prompt) + tokens < self.window:
                token = sampler.draw()
                if self.model.ends(token):
                    finish = "stop"
                    break
                tokens += 1
                piece = decoder.decode(self.model.piece(token))
                if logprobs:
                    chances.append((piece, _logprob(self.context.logits(1)[0], token)))
                if piece:
                    text.append(piece)
                    on_text(piece)
                done = self._read(np.append(self.cached, np.int32(token)), cancelled)
            text.append(decoder.decode(b"", final=True))
            if not done:
                finish = "cancelled"
            seconds = time.monotonic() - read
            return GeneratedText(
                finish, "".join(text), len(prompt), cached, tokens, seconds, read - began, chances
            )
        finally:
            sampler.close()

    def _read(self, ids: Ids, cancelled: Callable[[], bool]) -> bool:
        """Make the cache hold `ids`, with logits after the last. False if cancelled on the way."""
        at = self._keep_shared(ids)
        context = self.context
        while at < len(ids):
            self.cached = ids[:at]
            if cancelled():
                return False
            count = min(len(ids) - at, context.shape.batch)
            context.token[:count] = ids[at : at + count]
            context.position[:count] = np.arange(at, at + count)
            context.sequence[:count] = 0
            context.wanted[:count] = 0
            context.wanted[count - 1] = at + count == len(ids)
            context.decode(count)
            at += count
        self.cached = ids
        return True

    def _keep_shared(self, ids: Ids) -> int:
        """Forget what the cache holds beyond the beginning that it shares with `ids`; the number of ids shared."""
        n = min(len(self.cached), len(ids) - 1)  # the last is decoded anew, for its logits
        different = np.flatnonzero(self.cached[:n] != ids[:n])
        at = int(different[0]) if len(different) else n
        if at < len(self.cached):
            if not self.context.forget(0, at):
                self.context.forget(0)
                at = 0
            self.cached = ids[:at]
        return at


def _logprob(logits: NDArray[np.float32], token: int) -> float:
    """The natural logarithm of a token's probability, rounded, of the logits of all."""
    shifted = logits.astype(np.float64) - logits.max()
    return round(float(shifted[token] - np.log(np.exp(shifted).sum())), 4)
