"""The long script: `python -m tests.trust.fuzz --cases 100000 [--target NAME] [--seed N]`.

Each target runs in a process of its own, so that one that dies is a finding and no end. Case n of a target depends
on the seed and n alone: `--target NAME --seed N --only n` judges it again and shows the traceback. Findings are kept
as files in --out, fit to be put into tests/trust/fuzz/cases/NAME.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.command import ALONE
from tests.trust.fuzz.targets import TARGETS
from tests.trust.fuzz.watch import ended_if_stuck, peak, watched

ROOT = Path(__file__).parent.parent.parent.parent
ADDRESSES = 8 << 30  # bytes: beyond, Python has a MemoryError instead of the machine's memory


def case(name: str, seed: int, number: int) -> bytes:
    return TARGETS[name][0].make(Random(f"{seed}/{name}/{number}"))


def place_of(error: BaseException) -> str:
    """What broke and where in burnish: the same for all cases of one finding."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if str(ROOT) in frame.filename]
    last = next((f for f in reversed(frames) if "/tests/" not in f.filename), frames[-1])
    return f"{type(error).__name__} at {Path(last.filename).relative_to(ROOT)}:{last.lineno}"


def work(name: str, seed: int, first: int, count: int, out: Path) -> None:
    """Judge cases first to first + count - 1; what came of it goes to out/state.json, the case at hand beside it."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))
    taken, slowest, findings = 0, 0.0, Counter[str]()
    with tempfile.TemporaryDirectory(dir=_quick()) as folder:
        for number in range(first, first + count):
            made = case(name, seed, number)
            (out / "case").write_bytes(made)
            began = time.process_time()
            try:
                with ended_if_stuck(), watched():
                    taken += TARGETS[name][0].judge(made, Path(folder))
            except BaseException as error:
                if isinstance(error, KeyboardInterrupt):
                    raise
                where = place_of(error)
                if where not in findings:
                    (out / f"{number}").write_bytes(made)
                    (out / f"{number}.txt").write_text(
                        "".join(traceback.format_exception(error))[-5000:], "utf-8", "replace"
                    )
                findings[where] += 1
            slowest = max(slowest, time.process_time() - began)
            state = {
                "next": number + 1,
                "taken": taken,
                "slowest": slowest,
                "peak": peak(),
                "findings": findings,
            }
            (out / "state.json").write_text(json.dumps(state))


def _quick() -> str | None:
    """In memory, where there is such a place: a fuzzer need not wait for a disk."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def fuzz(name: str, seed: int, count: int, out: Path) -> dict[str, Any]:
    """All cases of a target, in as many processes as it takes."""
    out.mkdir(parents=True, exist_ok=True)
    total: dict[str, Any] = {"taken": 0, "slowest": 0.0, "peak": 0, "findings": Counter()}
    began, number = time.monotonic(), 0
    while number < count:
        (out / "state.json").unlink(missing_ok=True)
        command = [
            sys.executable,
            "-m",
            "tests.trust.fuzz",
            "--work",
            name,
            str(seed),
            str(number),
            str(count - number),
        ]
        done = subprocess.run(
            [*command, "--out", str(out)], cwd=ROOT, check=False, capture_output=True, text=True
        )
        state = (
            json.loads((out / "state.json").read_text())
            if (out / "state.json").exists()
            else {"next": number}
        )
        total["taken"] += state.get("taken", 0)
        total["slowest"] = max(total["slowest"], state.get("slowest", 0))
        total["peak"] = max(total["peak"], state.get("peak", 0))
        total["findings"].update(state.get("findings", {}))
        number = state["next"]
        if number < count:
            (out / f"{number}").write_bytes((out / "case").read_bytes())
            complaint = " ".join(done.stderr.split())[-300:]
            total["findings"][f"the process ended with {done.returncode} at case {number}: {complaint}"] += 1
            number += 1
    return total | {"seconds": time.monotonic() - began}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=int, default=100_000, help="of all targets together")
    parser.add_argument("--target", choices=TARGETS, help="this one alone, with all the cases")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--only", type=int, metavar="N", help="judge this case of the target, with a traceback"
    )
    parser.add_argument(
        "--out", type=Path, default=Path(tempfile.gettempdir()) / "burnish-fuzz", help="findings"
    )
    parser.add_argument("--work", nargs=4, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        name, seed, first, count = given.work
        work(name, int(seed), int(first), int(count), given.out)
        return
    if given.only is not None:
        with tempfile.TemporaryDirectory() as folder, watched():
            print(TARGETS[given.target][0].judge(case(given.target, given.seed, given.only), Path(folder)))
        return
    table = Table(title=f"seed {given.seed}; any error but burnish's own, 10 s or 1 GiB is a finding")
    for heading in ("target", "cases", "taken", "refused", "seconds", "slowest (ms)", "peak MiB", "findings"):
        table.add_column(heading, justify="left" if heading == "target" else "right")
    shares = {name: given.cases * share // 1000 for name, (_, share) in TARGETS.items()}
    if given.target:
        shares = {given.target: given.cases}
    found: dict[str, Counter[str]] = {}
    for name, count in shares.items():
        total = fuzz(name, given.seed, count, given.out / name)
        found[name] = total["findings"]
        refused = count - total["taken"] - sum(found[name].values())
        cells = (f"{count:,}", f"{total['taken']:,}", f"{refused:,}", f"{total['seconds']:.0f}")
        more = (f"{total['slowest'] * 1000:.0f}", f"{total['peak'] >> 20}", str(len(found[name])))
        table.add_row(name, *cells, *more)
    Console(width=120).print(table)
    for name, findings in found.items():
        for where, count in findings.most_common():
            print(f"{name}: {count} times {where}")
    sys.exit(any(found.values()))


if __name__ == "__main__":
    os.environ.update(ALONE)
    main()
