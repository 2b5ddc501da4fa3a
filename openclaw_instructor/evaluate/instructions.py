"""Choose the instruction of each data set: from the packaged YAML, a user's file of the same form, or none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import yaml

from openclaw_instructor.errors import InvalidData
from openclaw_instructor.evaluate.datasets import KINDS
from openclaw_instructor.registry.task import render

PACKAGED = Path(__file__).with_name("instructions.yaml")
Instruction = str | Mapping[str, str]


@dataclass(frozen=True)
class Instructions:
    """A named set of instructions; `facets` describes the instruction-following test."""

    name: str
    kinds: Mapping[str, Instruction]
    datasets: Mapping[str, Instruction]
    facets: Mapping[str, Mapping[str, Any]]

    @classmethod
    def load(cls, source: str | Path | None) -> Instructions:
        """Load the packaged set for None, no instructions for "none", else a YAML file. Raises InvalidData."""
        if source is not None and str(source) == "none":
            return cls("none", {}, {}, cls.load(None).facets)
        path = PACKAGED if source is None else Path(source)
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise InvalidData(f"{path}: cannot be read as YAML ({error}); give a file like {PACKAGED.name}") from None
        if not isinstance(content, dict):
            raise InvalidData(f"{path}: must hold `kinds:` and `datasets:`; see docs/evaluation.md")
        _check(path, content)
        parts = {key: content.get(key) or {} for key in ("kinds", "datasets", "facets")}
        return cls("packaged" if source is None else path.stem, **parts)

    def of(self, name: str, kind: str, role: str) -> str:
        """Return the rendered instruction of a data set; `role` is "query" or "document" for retrieval, else "text"."""
        short = name.rsplit("/", 1)[-1]
        found = next((value for key, value in self.datasets.items() if fnmatch(short, key)), self.kinds.get(kind, ""))
        if not isinstance(found, str):
            found = found.get(role, "")
        return render(found)


def _check(path: Path, content: dict[str, Any]) -> None:
    for key in content:
        if key not in ("version", "kinds", "datasets", "facets"):
            raise InvalidData(f"{path}: unknown key `{key}`; known: version, kinds, datasets, facets")
        if key != "version" and not isinstance(content[key] or {}, dict):
            raise InvalidData(f"{path}: `{key}:` must hold names and their values; see docs/evaluation.md")
    for kind in content.get("kinds") or {}:
        if kind not in KINDS:
            raise InvalidData(f"{path}: kinds.{kind}: unknown kind; known: {', '.join(KINDS)}")
    for section in ("kinds", "datasets"):
        for key, value in (content.get(section) or {}).items():
            roles = value if isinstance(value, dict) else {"text": value}
            if not all(role in ("query", "document", "text") and isinstance(text, str) for role, text in roles.items()):
                raise InvalidData(f"{path}: {section}.{key}: give a string, or `query:` and `document:` strings")
