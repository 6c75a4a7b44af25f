"""`burnish-lm-eval`: the command of lm-evaluation-harness, which knows the model `burnish` there.

The harness has no way for another package to say that it has a model, so that `lm_eval` itself cannot know it.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec

from models.errors import BurnishError, UsageError
from tui.cli.exit_codes import FAILED, USAGE
from tui.text.literal import one_line


def main() -> None:
    """The command `burnish-lm-eval`, whose arguments are those of `lm_eval`."""
    try:
        _run()
    except BurnishError as error:
        print(f"burnish: {one_line(str(error))}", file=sys.stderr)
        sys.exit(USAGE if isinstance(error, UsageError) else FAILED)


def _run() -> None:
    if find_spec("lm_eval") is None:
        raise UsageError("the tasks need lm-evaluation-harness: pip install 'burnish[tasks]'")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    from lm_eval.__main__ import cli_evaluate
    from lm_eval.api.registry import model_registry

    model_registry.register("burnish", target="engine.tasks.model:HarnessModel")
    cli_evaluate()
