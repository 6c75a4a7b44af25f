"""The model `burnish` of lm-evaluation-harness: a GGUF, with or without an adapter, whose losses are exact.

Tokens stand as in the harness's own Hugging Face model: a context and its continuation are tokenised as one text, what
lies beyond the context's own tokens is scored, an empty context is the start token, and what is too long loses its
beginning. But no text holds a control token: `<|im_start|>` in a question is the characters that one sees.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from lm_eval.api.model import LM
from lm_eval.models.utils import normalize_gen_kwargs, postprocess_generated_text
from lm_eval.utils import get_rolling_token_windows, make_disjoint_window

from engine.run.teachers import digest_of, identified
from engine.tasks.kept import KeptAnswers, key_of
from models.errors import UsageError
from models.files.catalog import student_file
from models.files.digest import sha256_of
from models.llamacpp.student import EmbeddedStudent
from models.llamacpp.writer import EmbeddedWriter
from models.student import Losses, Passage, Piece, StudentInfo, TokenPassage

T = TypeVar("T")

AT_A_TIME = 128
"""Requests between two reports of progress: enough of them at once share decodes."""

REPLY = 256
"""Tokens of a reply at most, where a task names no number: the harness's own."""


class HarnessModel(LM):  # type: ignore[misc]  # the harness is not installed where types are checked
    """A student as the harness asks a model. It raises `BurnishError` of many kinds.

    student: a GGUF file, `ollama:TAG` or `demo`. adapter: a LoRA as a GGUF. context: tokens a request may have at
    most, and no more than the student was trained on. on_progress: is told the requests done, how many there are, and
    how many lost their beginning so far. keep: a folder for the answers, which the same model does not give again.
    The harness's batch sizes and device are of no use here: llama.cpp is asked for all at once, where it runs.
    """

    def __init__(
        self,
        student: str,
        adapter: str | None = None,
        context: int = 4096,
        exact: bool = True,
        gpu_layers: int = -1,
        threads: int | None = None,
        keep: str | None = None,
        batch_size: object = None,
        max_batch_size: object = None,
        device: object = None,
        on_progress: Callable[[int, int, int], None] = lambda *_: None,
    ) -> None:
        super().__init__()
        self._work = _Background()
        self._on_progress = on_progress
        self._cut_requests = 0
        file = self._work.run(identified(student_file(str(student))))
        self._adapter = None if adapter is None else Path(adapter)
        common: dict[str, Any] = {
            "adapter": self._adapter,
            "exact": exact,
            "gpu_layers": gpu_layers,
            "threads": threads,
        }
        self._student = EmbeddedStudent(file.path, digest=digest_of(file), context=context, **common)
        self.info: StudentInfo = self._work.run(self._student.open())
        self.max_length = self.info.context
        self._writer = EmbeddedWriter(file.path, name=file.name, context=self.max_length, **common)
        self._start = [] if self.info.bos is None else [self.info.bos]
        self._prefix = self._start or self._control_token(self.info.bos_text or self.info.eos_text)
        identity = self.get_model_info() | {"adapter": None if adapter is None else sha256_of(Path(adapter))}
        self._kept = KeptAnswers(None if keep is None else Path(keep), identity)

    def close(self) -> None:
        """Free the model's memory."""
        self._work.run(self._student.close())
        self._work.run(self._writer.close())
        self._work.close()

    def get_model_info(self) -> dict[str, object]:
        """The facts about the model that the harness keeps beside its results."""
        return {
            "student": self.info.name,
            "digest": self.info.digest,
            "quantisation": self.info.quantisation,
            "adapter": None if self._adapter is None else self._adapter.name,
            "exact": self.info.exact,
            "context": self.max_length,
        }

    # The harness's three questions

    def loglikelihood(self, requests: Sequence[Any]) -> list[tuple[float, bool]]:
        """Of each (context, continuation): the continuation's log-probability, and whether it is the likeliest text."""
        answers = self._answered("loglikelihood", requests, self._log_likelihoods)
        return [(value, likeliest) for value, likeliest in answers]

    def loglikelihood_rolling(self, requests: Sequence[Any]) -> list[float]:
        """The log-probability of each whole text, in windows of the context's size where it is longer."""
        return self._answered("loglikelihood_rolling", requests, self._whole_log_likelihoods)

    def generate_until(self, requests: Sequence[Any]) -> list[str]:
        """The text that the model writes after each context, up to the first of the task's stop texts."""
        return self._answered("generate_until", requests, self._replies)

    def _answered(
        self, kind: str, requests: Sequence[Any], answers: Callable[[list[Any]], Iterator[list[Any]]]
    ) -> list[Any]:
        """The answers to requests, of which those that are kept are not asked again.

        answers: makes those to the requests' arguments, some at a time.
        """
        keys = [key_of(kind, request.args) for request in requests]
        asked = {
            key: request.args for key, request in zip(keys, requests, strict=True) if key not in self._kept
        }
        done, total = len(set(keys)) - len(asked), len(set(keys))
        left = iter(asked)
        for new in answers(list(asked.values())):
            self._kept.add(dict(zip(islice(left, len(new)), new, strict=True)))
            done += len(new)
            self._on_progress(done, total, self._cut_requests)
        if not asked:
            self._on_progress(done, total, self._cut_requests)
        found = [self._kept[key] for key in keys]
        for request, answer in zip(requests, found, strict=True):
            self.cache_hook.add_partial(kind, request.args, answer)
        return found

    def _log_likelihoods(self, asked: list[Any]) -> Iterator[list[Any]]:
        for part in _parts([_at_its_words(*pair) for pair in asked]):
            ids = self._tokens(
                text for context, continuation in part for text in (context + continuation, context)
            )
            passages = [
                self._passage(ids[context + continuation], ids[context], context)
                for context, continuation in part
            ]
            yield self._scored(passages)

    def _whole_log_likelihoods(self, asked: list[Any]) -> Iterator[list[Any]]:
        for part in _parts([text for (text,) in asked]):
            ids = self._tokens(part)
            windows = [
                [self._cut(*window) for window in self._windows(self._start + ids[text])] for text in part
            ]
            scored = iter(self._scored([window for of_text in windows for window in of_text]))
            yield [sum(next(scored)[0] for _ in of_text) for of_text in windows]

    def _replies(self, asked: list[Any]) -> Iterator[list[Any]]:
        for context, wanted in asked:
            yield [self._written(context, wanted)]

    # Tokens

    def _control_token(self, text: str) -> list[int]:
        ids, _ = self._work.run(self._student.ids([Passage((Piece(text, special=True),), "")]))
        if len(ids[0].context) != 1:
            raise UsageError(
                f"{self.info.path}: its vocabulary has no start and no end token to score a text after"
            )
        return [int(token) for token in ids[0].context]

    def _tokens(self, texts: Iterable[str]) -> dict[str, list[int]]:
        """The tokens of each text by itself, without a start token."""
        known = list(dict.fromkeys(texts))
        ids, _ = self._work.run(self._student.ids([Passage((), text) for text in known]))
        return {text: one.target.tolist() for text, one in zip(known, ids, strict=True)}

    def _passage(self, whole: list[int], context: list[int], text: str) -> TokenPassage:
        """A continuation after its context: what the whole has beyond the context's own tokens."""
        before = self._start + context if text else self._prefix
        return self._cut(before, whole[len(context) :])

    def _windows(self, ids: list[int]) -> Iterable[tuple[list[int], list[int]]]:
        windows = get_rolling_token_windows(ids, self._prefix[0], self.max_length, 1)
        return map(make_disjoint_window, windows)

    def _cut(self, context: list[int], target: list[int]) -> TokenPassage:
        """A passage without the beginning of its context for which there is no room."""
        room = self.max_length + 1 - len(target)  # the last token is only predicted
        self._cut_requests += len(context) > room
        if room < 1:
            raise UsageError(
                f"a continuation has {len(target)} tokens, and the context {self.max_length}: give a larger context"
            )
        return TokenPassage(tuple(context[-room:]), tuple(target))

    # Asking llama.cpp

    def _scored(self, passages: list[TokenPassage]) -> list[tuple[float, bool]]:
        asked = [one for one in passages if one.target]
        losses = iter(self._work.run(self._student.losses(asked)))
        return [_sum(next(losses)) if one.target else (0.0, True) for one in passages]

    def _written(self, context: str, wanted: dict[str, Any]) -> str:
        asked = normalize_gen_kwargs(wanted, REPLY)
        until = [text for text in asked["until"] if text]
        tokens = asked["max_gen_toks"]
        if tokens >= self.max_length:
            raise UsageError(
                f"a reply may have {tokens} tokens, and the context has {self.max_length}: give a larger context"
            )
        written: list[str] = []

        def on_text(text: str) -> None:
            written.append(text)
            so_far = "".join(written)
            if any(stop in so_far for stop in until):
                raise _Stopped

        prompt = (Piece(self._tail(context, self.max_length - tokens)),)
        temperature = asked.get("temperature", 0.0) if asked["do_sample"] else 0.0
        with contextlib.suppress(_Stopped):
            self._work.run(
                self._writer.write(
                    prompt, on_text, max_tokens=tokens, temperature=temperature, repeat_penalty=1.0
                )
            )
        return str(postprocess_generated_text("".join(written), until, None))

    def _tail(self, text: str, room: int) -> str:
        """A text's end that has no more tokens than there is room for."""
        whole = text
        while (count := len(self._start) + len(self._tokens([text])[text])) > room:
            text = text[max(len(text) * (count - room) // count, 1) :]
        self._cut_requests += text != whole
        return text


class _Stopped(Exception):  # noqa: N818
    """A reply has reached one of its stop texts."""


class _Background:
    """An event loop on a thread of its own, where a child's signs of life are heard while the harness is busy."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def _at_its_words(context: str, continuation: str) -> tuple[str, str]:
    """Both, with the spaces at the context's end moved before the continuation, where words have them."""
    kept = context.rstrip()
    return kept, context[len(kept) :] + continuation


def _parts(items: Sequence[T]) -> Iterable[Sequence[T]]:
    return (items[start : start + AT_A_TIME] for start in range(0, len(items), AT_A_TIME))


def _sum(losses: Losses) -> tuple[float, bool]:
    assert losses.ranks is not None
    return -float(losses.nll.sum(dtype=np.float64)), bool((losses.ranks == 1).all())
