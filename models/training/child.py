"""The process that trains: `python -m models.training.child`, started by models/training/process.py."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from dataclasses import asdict

from models.errors import ModelFileError
from models.system.core_files import no_core_file
from models.training.job import Job, Report


def main() -> None:
    no_core_file()
    os.umask(0o077)
    commands, reports = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)  # what a library prints must not come between the reports
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer

    def tell(kind: str, **told: object) -> None:
        reports.write(json.dumps({"kind": kind, **told}) + "\n")
        reports.flush()

    def report(one: Report) -> None:
        tell(type(one).__name__, **asdict(one))

    job = Job.from_json(json.loads(commands.readline()))

    def end_with_the_parent() -> None:
        commands.read()
        os._exit(0)

    threading.Thread(target=end_with_the_parent, daemon=True).start()
    from models.training.lora import train  # noqa: PLC0415  it loads PyTorch, which may print

    try:
        train(job, report)
    except ModelFileError as error:
        tell("file", why=error.why)
    except MemoryError as error:
        tell("refused", why=f"not enough memory to train ({error}); choose a smaller student")
    sys.stdout.flush()
    os._exit(0)  # no library is waited for: all is written


if __name__ == "__main__":
    main()
