"""On what kind of disk a folder lies: whether the system tells of changes there."""

from __future__ import annotations

import enum
import os
import re
from pathlib import Path

_MOUNTS = Path("/proc/self/mountinfo")
# The system does not report changes made by another machine.
_REMOTE = frozenset(
    {
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "ceph", "glusterfs", "lustre", "gpfs", "orangefs"),
        *("fuse.sshfs", "fuse.rclone", "fuse.s3fs", "fuse.gcsfuse", "fuse.davfs", "davfs", "davfs2", "fuse.glusterfs"),
        *("fuse.gvfsd-fuse", "fuse.curlftpfs", "fuse.onedriver", "fuse.google-drive-ocamlfuse", "fuse.ceph"),
    }
)
# A disk of the host, shared with a virtual machine.
_SHARED = frozenset({"9p", "drvfs", "virtiofs", "vboxsf", "prl_fs", "fuse.grpcfuse", "fakeowner", "osxfs", "vmhgfs"})


class Disk(enum.Enum):
    """How changes of files become known."""

    EVENTS = "events"
    SILENT = "silent"
    REMOTE = "remote"


def disk_of(path: Path) -> Disk:
    """Find the kind of disk of a path; a local one if the system does not say."""
    return _kind(_mounts(), os.path.realpath(path))


def _kind(mounts: dict[str, str], path: str) -> Disk:
    while path not in mounts and path != "/":
        path = os.path.dirname(path)  # noqa: PTH120 -- many times, on texts
    kind = mounts.get(path, "")
    if kind in _REMOTE:
        return Disk.REMOTE
    return Disk.SILENT if kind in _SHARED or kind == "fuse.vmhgfs-fuse" else Disk.EVENTS


def _mounts() -> dict[str, str]:
    """Read the mount points and their types of file system; later ones cover earlier ones."""
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
