"""Ask a language model that is a program: lines of JSON in, lines of JSON out."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Sequence

from openclaw_instructor.errors import InvalidArguments, InvalidData


class Program:
    """Completes prompts by a command, which reads lines {"prompt": ...} and writes lines {"completion": ...}."""

    def __init__(self, command: str) -> None:
        try:
            self._arguments = shlex.split(command)
        except ValueError as error:
            raise InvalidArguments(f"--complete: {command!r} cannot be split into words ({error})") from None
        if not self._arguments:
            raise InvalidArguments("--complete: give the command of a language model")

    def __call__(self, prompts: Sequence[str]) -> list[str]:
        """Return the completions, in order. Raises InvalidData with what the command said when it fails."""
        asked = "".join(f"{json.dumps({'prompt': prompt})}\n" for prompt in prompts)
        name = self._arguments[0]
        try:
            done = subprocess.run(self._arguments, input=asked, capture_output=True, text=True, check=True)
        except OSError as error:
            raise InvalidData(f"--complete: {name} cannot be started ({error.strerror})") from None
        except subprocess.CalledProcessError as error:
            raise InvalidData(
                f"--complete: {name} ended with status {error.returncode}: {error.stderr[-500:]}"
            ) from None
        try:
            answers = [str(json.loads(line)["completion"]) for line in done.stdout.splitlines() if line.strip()]
        except (ValueError, KeyError, TypeError):
            raise InvalidData(f'--complete: {name} wrote a line that is not {{"completion": ...}}') from None
        if len(answers) != len(prompts):
            raise InvalidData(f"--complete: {name} wrote {len(answers)} completions for {len(prompts)} prompts")
        return answers
