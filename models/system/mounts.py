"""Whether a folder is on a disk of this machine, or on another machine: as far as Linux says."""

from __future__ import annotations

import re
from pathlib import Path

_ELSEWHERE = {
    *("afs", "beegfs", "ceph", "cifs", "davfs", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4"),
    *("gcsfuse", "rclone", "s3fs", "smb3", "smbfs", "smbnetfs", "sshfs"),
}


def file_system(path: Path, mounts: Path = Path("/proc/self/mountinfo")) -> str | None:
    """The kind of file system that an absolute path is on, such as "ext4" or "nfs4"; None where nobody says."""
    depth, kind = 0, None
    try:
        lines = mounts.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return None
    for line in lines:  # proc(5): the mount point is the fifth field, the kind the first after the hyphen
        fields, _, rest = line.partition(" - ")
        point = re.sub(r"\\(\d{3})", lambda found: chr(int(found[1], 8)), fields.split()[4])
        parts = len(Path(point).parts)
        if parts >= depth and path.is_relative_to(point):  # of two at one place the later is seen
            depth, kind = parts, rest.split()[0].removeprefix("fuse.")
    return kind


def is_elsewhere(kind: str) -> bool:
    """Whether what is written to such a file system goes to another machine."""
    return kind in _ELSEWHERE
