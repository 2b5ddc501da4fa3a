"""A daemon in a temporary home, the load on it in a process of its own, and what both take of the machine."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import Any


def load_process(kind: str, daemon: Any, **what: Any) -> dict[str, Any]:
    """Run `flood` or `searches` in a process of its own."""
    order = json.dumps({"kind": kind, "url": daemon.url, "token": daemon.token, **what})
    ended = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("load.py"))],
        input=order,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    answer: dict[str, Any] = json.loads(ended.stdout)
    return answer


def processor_seconds(pid: int | None = None) -> float:
    """Of one process so far, or of the whole machine; 0 where there is no /proc."""
    try:
        if pid is not None:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")
        user, nice, system = Path("/proc/stat").read_text().split()[1:4]
        return (int(user) + int(nice) + int(system)) / os.sysconf("SC_CLK_TCK")
    except OSError:
        return 0.0


class Home:
    """A temporary home with a daemon."""

    def __init__(self, **settings: Any) -> None:
        from openclaw_instructor.daemon import lifecycle
        from openclaw_instructor.settings import Settings

        self.folder = Path(tempfile.mkdtemp(prefix="serve-benchmark-"))
        (self.folder / "config.yaml").write_text("".join(f"{key}: {value}\n" for key, value in settings.items()))
        self.settings = Settings.load(self.folder)
        self._lifecycle = lifecycle
        self.daemon = lifecycle.ensure(self.settings)

    def close(self) -> None:
        self._lifecycle.stop(self.settings)
        shutil.rmtree(self.folder, ignore_errors=True)

    def resident(self) -> float:
        """Resident memory of the daemon in MB."""
        told = subprocess.run(
            ["ps", "-o", "rss=", "-p", str(self.daemon.pid)], capture_output=True, text=True, check=True
        )
        return int(told.stdout) * 1024 / 1e6

    def embedded(self) -> float:
        """Texts the daemon's model has read so far."""
        request = urllib.request.Request(
            self.daemon.url + "/metrics", headers={"Authorization": f"Bearer {self.daemon.token}"}
        )
        with urllib.request.urlopen(request) as answer:
            told = re.search(r"(?m)^\w+_embedded_texts_total (\S+)", answer.read().decode())
        return float(told[1]) if told else 0.0
