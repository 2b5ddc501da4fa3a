"""On what kind of disk a folder lies: whether the system tells of changes there."""

from __future__ import annotations

import enum
import os
import re
from pathlib import Path

_MOUNTS = Path("/proc/self/mountinfo")
# Changes that another machine makes are not told.
_REMOTE = frozenset(
    {
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "ceph", "glusterfs", "lustre", "gpfs", "orangefs"),
        *("fuse.sshfs", "fuse.rclone", "fuse.s3fs", "fuse.gcsfuse", "fuse.davfs", "davfs", "davfs2", "fuse.glusterfs"),
        *("fuse.gvfsd-fuse", "fuse.curlftpfs", "fuse.onedriver", "fuse.google-drive-ocamlfuse", "fuse.ceph"),
    }
)
# The disk of this machine behind the wall of a virtual one.
_SHARED = frozenset({"9p", "drvfs", "virtiofs", "vboxsf", "prl_fs", "fuse.grpcfuse", "fakeowner", "osxfs", "vmhgfs"})


class Disk(enum.Enum):
    """How changes of files become known."""

    EVENTS = "events"
    SILENT = "silent"
    REMOTE = "remote"


def disk_of(path: Path) -> Disk:
    """Find the kind of disk that a path lies on; one that tells of changes where the system does not say."""
    return _kind(_mounts(), os.path.realpath(path))


def _kind(mounts: dict[str, str], path: str) -> Disk:
    while path not in mounts and path != "/":
        path = os.path.dirname(path)  # noqa: PTH120 -- many times, on texts
    kind = mounts.get(path, "")
    if kind in _REMOTE:
        return Disk.REMOTE
    return Disk.SILENT if kind in _SHARED or kind == "fuse.vmhgfs-fuse" else Disk.EVENTS


def _mounts() -> dict[str, str]:
    """Read where which type of file system is mounted; later ones lie over earlier ones."""
    try:
        lines = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return {}
    found = {}
    for line in lines:
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        if len(fields) > 4 and after:
            point = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), fields[4])
            found[point] = after.split(" ", 1)[0]
    return found
