"""Keep what a work folder was prepared from: it must be used for nothing else, and the model card tells it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from openclaw_instructor.errors import InvalidArguments

_FILE = "prepared.json"


@dataclass(frozen=True)
class Record:
    """The `options` of the command that prepared a folder, and how many rows it read from each of the `sources`."""

    options: dict[str, str]
    sources: dict[str, int]

    def write(self, work: Path) -> None:
        """Write it into a work folder."""
        work.mkdir(parents=True, exist_ok=True)
        new = work / (_FILE + ".new")
        new.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        new.replace(work / _FILE)

    @classmethod
    def read(cls, work: Path) -> Record:
        """Read that of a work folder. Raises InvalidArguments where there is none that can be read."""
        path = work / _FILE
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            options, sources = dict(content["options"]), dict(content["sources"])
        except (OSError, ValueError, KeyError, TypeError):
            raise InvalidArguments(
                f"{path} is missing or damaged, so nobody knows what {work} was prepared from; give another --work"
            ) from None
        return cls(options, sources)

    def check(self, asked: Mapping[str, str], work: Path) -> None:
        """Raise InvalidArguments if an option that is asked for differs from that of the preparation."""
        for option, value in asked.items():
            before = self.options.get(option, value)
            if before != value:
                raise InvalidArguments(
                    f"{work} was prepared with {option} {before}, not {value}; give that, or another --work"
                )
