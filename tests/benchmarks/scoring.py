"""How fast the student scores, beside what else could do it: `python -m tests.benchmarks.scoring --help`.

A version is four passages: L(y), L(y|x), L(x), L(x|g(y)). A V2 decision is seven for burnish, and what the
published procedure runs for it, sixteen: four versions of four. The same samples, the same GGUF, the methods by
turns, medians. `--torch-python` names a Python with torch, transformers, gguf and accelerate for the published
procedure; without it those columns stay empty.

Two sets are of conversations: rows with one system message of about 800 tokens, and rows of six turns of which each is
scored. They are held against each passage by itself, in a cache that is empty at its beginning.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from engine.method.scores import distinct_passages, ifd_passages, r_ifd_passages
from engine.method.templates import Template, TemplateName, prompt_for
from engine.sample import History, Turn, Version
from models.files.catalog import demo_path
from models.llamacpp.process import ENVIRONMENT
from models.llamacpp.student import EmbeddedStudent
from models.student import Passage, Piece
from models.system.machine import physical_cores
from tests import conftest, golden
from tests.golden import Row

HERE = Path(__file__).parent
METHODS = {
    "a": "burnish",
    "r": "burnish, with the ranks of every token",
    "b": "llama_decode alone, same schedule",
    "b1": "llama_decode alone, a passage at a time",
    "s": "burnish, each passage by itself",
    "c": "create_completion(echo, logprobs=1)",
    "d": "Llama(logits_all=True) + numpy",
    "e": "torch float32, as published",
}
OURS = ("a", "r")
SERVED = {"b": "limit", "b1": "limit-1", "s": "by-itself", "c": "completion", "d": "logits_all"}
CONVERSATIONS = {"system": "rows with one system message", "turns": "rows of six turns"}
SYSTEM = 3300
"""Characters of the system message."""


@dataclass(frozen=True)
class Work:
    """Calls to the student, each a list of passages, and the number of things they score."""

    calls: list[list[Passage]]
    count: int

    def plain(self) -> list[Any]:
        return [
            [
                ([(piece.text, piece.special) for piece in p.context], p.target, p.whole, p.ranked)
                for p in call
            ]
            for call in self.calls
        ]


def works(rows: list[Row], all_rows: list[Row]) -> dict[str, Work]:
    """By name: versions, the shortest of all rows alone, and decisions, ours and the published way."""
    versions = [golden.passages(row) for row in rows]
    shortest = min(map(golden.passages, all_rows), key=lambda four: sum(len(p.target) for p in four))
    first, second, published = [], [], []
    for n in range(len(rows)):
        # What a teacher would write is as long as what is there: the next sample stands for the new
        # instruction and response, the response after that for the second reflection.
        new = rows[(n + 1) % len(rows)]
        final = {**new, "output": rows[(n + 2) % len(rows)]["output"]}
        old_y, old_yx, _, _ = versions[n]
        new_y, new_yx, new_x, new_xy = golden.passages(new)
        first += [old_y, old_yx, new_y, new_yx]
        second += [new_x, new_xy, golden.passages(final)[3]]
        published += [*versions[n], *golden.passages(new), *golden.passages(new), *golden.passages(final)]
    return {
        "versions": Work([[p for four in versions for p in four]], len(rows)),
        "ranked": Work([[replace(p, ranked=True) for four in versions for p in four]], len(rows)),
        "one": Work([shortest], 1),
        "decisions": Work([first, second], len(rows)),
        "published": Work([published], len(rows)),
    }


def conversations(rows: list[Row], prompt: Template) -> dict[str, Work]:
    """By name: the rows after one long system message, and six rows at a time as one conversation."""
    rules = "\n".join(f"{row['instruction']} {row['output']}" for row in rows * 40)
    system = (Turn(role="system", text=rules[:SYSTEM]),)
    after_system = [p for row in rows for p in exchange(row, system, prompt)]
    turns: list[Passage] = []
    for start in range(0, len(rows), 6):
        said: History = ()
        for row in rows[start : start + 6]:
            turns += exchange(row, said, prompt)
            said += Turn(role="user", text=asked(row)), Turn(role="assistant", text=row["output"])
    return {"system": Work([after_system], len(rows)), "turns": Work([turns], len(rows))}


def asked(row: Row) -> str:
    return f"{row['instruction']}\n{row['input']}" if row["input"] else str(row["instruction"])


def exchange(row: Row, history: History, prompt: Template) -> list[Passage]:
    def after(instruction: str, input: str) -> tuple[Piece, ...]:
        return prompt(instruction, input, history)

    version = Version(instruction=asked(row), response=row["output"])
    return distinct_passages([ifd_passages(version, after), r_ifd_passages(version, after)])


class Served:
    """A method in a process of its own."""

    def __init__(self, command: list[str], work: dict[str, Any]) -> None:
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT | os.environ
        )
        self._say(work)

    def _say(self, value: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(value) + "\n")
        self.process.stdin.flush()

    def seconds(self, name: str) -> float:
        self._say(name)
        return float(self.answer())

    def answer(self) -> Any:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


async def measure(model: Path, packaged: Path, all_rows: list[Row], options: argparse.Namespace) -> None:
    student = EmbeddedStudent(model, digest="sha256:0")
    prompt = prompt_for(TemplateName.VICUNA, await student.open())
    exchanged = golden.demo("smollm2-vicuna")[: options.exchanges]
    work = works(all_rows[: options.samples], all_rows) | conversations(exchanged, prompt)
    plain = {name: each.plain() for name, each in work.items()}
    threads = str(physical_cores())
    script = [sys.executable, "-m", "tests.benchmarks.scoring_limits", str(model)]
    tokenizer = Served([*script, "ids", threads], plain)
    ids = tokenizer.answer()
    tokenizer.close()
    served = {
        key: Served([*script, name, threads], plain)
        for key, name in SERVED.items()
        if key not in options.skip
    }
    if options.torch_python:
        command = [options.torch_python, str(HERE / "scoring_torch.py"), str(packaged), threads]
        served["e"] = Served(command, ids)

    async def ours(name: str) -> float:
        began = time.perf_counter()
        for call in work[name].calls:
            await student.losses(call)
        return time.perf_counter() - began

    async def seconds(key: str, name: str) -> float:
        if key in OURS:
            return await ours("ranked" if key == "r" else name)
        return served[key].seconds(name)

    plan = list(tasks(served))
    times: dict[tuple[str, str], list[float]] = {task: [] for task in plan}
    for _ in range(options.runs):
        for key, name in plan:
            if (
                key != "c"
            ):  # which takes half a minute for it, and comes right after another that has warmed the file
                await seconds(key, "one")  # what was idle for long may have lost its pages
            times[key, name].append(await seconds(key, name))
            print(f"{name:10} ({key:<2}) {METHODS[key]:40}{times[key, name][-1]:8.2f} s", flush=True)
    status = Path(f"/proc/{student.pid}/status")
    peak = int(status.read_text().split("VmHWM:")[1].split()[0]) * 1024 if status.exists() else None
    await student.close()
    for process in served.values():
        process.close()
    report(model, work, ids, times, peak)


def tasks(served: dict[str, Served]) -> Iterator[tuple[str, str]]:
    """The tasks that are timed, each beside the one it is compared with."""
    keys = {
        "one": ("a", "c"),
        "versions": ("a", "r", "b", "b1", "d", "e"),
        "decisions": ("a", "b"),
        "published": ("e",),
        **dict.fromkeys(CONVERSATIONS, ("a", "s")),
    }
    for name, methods in keys.items():
        present = [key for key in methods if key in OURS or key in served]
        if present != ["a"]:
            yield from ((key, name) for key in present)


def report(
    model: Path,
    work: dict[str, Work],
    ids: dict[str, list[tuple[list[int], int]]],
    times: dict[tuple[str, str], list[float]],
    peak: int | None,
) -> None:
    medians = {task: median(runs) for task, runs in times.items()}
    versions, tokens = work["versions"].count, sum(scored for _, scored in ids["versions"])
    print(f"\n{model.name}: {versions} versions, {tokens} target tokens")
    print(f"{'':42}{'versions/s':>12}{'target tok/s':>14}{'decisions/s':>13}   spread")
    for key, title in METHODS.items():
        if (key, "versions") in medians:
            seconds, runs = medians[key, "versions"], times[key, "versions"]
            decided = medians.get((key, "published" if key == "e" else "decisions"))
            rate = f"{work['decisions'].count / decided:13.3f}" if decided else " " * 13
            line = f"{versions / seconds:12.3f}{tokens / seconds:14.1f}{rate}"
            print(f"({key:<2}) {title:37}{line}   {min(runs) / seconds:.2f}-{max(runs) / seconds:.2f}")
        elif (key, "one") in medians:
            print(f"({key:<2}) {title:37}{1 / medians[key, 'one']:12.3f}   the shortest version alone")
    ratios = {
        "(r)/(a) on versions": (("a", "versions"), ("r", "versions")),
        "(a)/(b) on versions": (("b", "versions"), ("a", "versions")),
        "(a)/(b) on decisions": (("b", "decisions"), ("a", "decisions")),
        "(a)/(c)": (("c", "one"), ("a", "one")),
        "(a)/(d)": (("d", "versions"), ("a", "versions")),
        "(a)/(e) on versions": (("e", "versions"), ("a", "versions")),
        "(a)/(e) on decisions": (("e", "published"), ("a", "decisions")),
        **{f"(a)/(s) on {words}": (("s", name), ("a", name)) for name, words in CONVERSATIONS.items()},
    }
    for title, (slow, fast) in ratios.items():
        if slow in times:
            pairs = [a / b for a, b in zip(times[slow], times[fast], strict=True)]
            print(f"{title:42}{median(pairs):12.2f}   {min(pairs):.2f}-{max(pairs):.2f}")
    if peak is not None:
        size = model.stat().st_size
        print(
            f"{'peak memory of the child, MB':42}{peak / 1e6:12.0f}   the file and {(peak - size) / 1e6:.0f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--samples", type=int, default=6)
    parser.add_argument("--exchanges", type=int, default=18, help="of each set of conversations")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--torch-python", metavar="PATH")
    parser.add_argument("--skip", nargs="*", choices=SERVED, default=[], help="methods to leave out")
    parser.add_argument("--models", nargs="+", default=["smollm2-f32", "smollm2-q4_1", "gemma-f32"])
    parser.add_argument(
        "--brief",
        action="store_true",
        help="SmolLM2 F32, one run over a few conversations: a minute",
    )
    options = parser.parse_args()
    if options.brief:
        options.models, options.runs, options.samples, options.exchanges = ["smollm2-f32"], 1, 1, 6
        options.skip, options.torch_python = ["b", "b1", "c", "d"], None
    smollm2 = demo_path()
    gemma = conftest.packaged_gemma()
    models = {
        "smollm2-f32": (conftest.dequantised(smollm2, "smollm2-135m-instruct-f32.gguf"), smollm2),
        "smollm2-q4_1": (smollm2, smollm2),
        "gemma-f32": (conftest.dequantised(gemma, "gemma-3-270m-f32.gguf"), gemma),
        "gemma-q4_k_m": (gemma, gemma),
    }
    name = "smollm2-vicuna"
    rows = golden.alpaca(name) if (golden.SHARED / f"alpaca-{name}.jsonl").exists() else golden.demo(name)
    for model in options.models:
        asyncio.run(measure(*models[model], rows, options))


if __name__ == "__main__":
    main()
