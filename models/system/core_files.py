"""No core file: what a process had in memory when it crashed, and here that is a dataset's texts."""

from __future__ import annotations

import sys

if sys.platform != "win32":
    import resource


def no_core_file() -> None:
    """From now on neither this process nor its children leave one."""
    if sys.platform == "win32":
        return
    # One byte, not none: where the system hands cores to a program, Linux asks for the limit of one byte to leave
    # it out, and takes a limit of none for no limit. No file is as small as that.
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    least = 1 if most == resource.RLIM_INFINITY else min(1, most)
    resource.setrlimit(resource.RLIMIT_CORE, (least, most))
