"""`demo`: show the three agent tools on the project's own docs and on sample e-mail, in a home of its own."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from openclaw_instructor.cli import PROGRAM
from openclaw_instructor.cli.connection import Connection, Local
from openclaw_instructor.cli.match import print_matches
from openclaw_instructor.cli.output import json_option, print_json, print_table, progress, say
from openclaw_instructor.cli.search import print_hits, shorten

QUESTION = "how do I add a task"
WANTED = "cancel my subscription"
CHOICES = (
    "How do I get a refund for a duplicate charge?",
    "Ending your membership and stopping further payments",
    "Changing the e-mail address of your account",
    "What to do when the app does not start",
)
_DATA = Path(__file__).parent / "demo_data"


@click.command()
@json_option
@click.pass_obj
def demo(connection: Connection, as_json: bool) -> None:
    """Show the three agent tools on this project's own docs and sample e-mail.

    Everything happens in the folder `demo` of the home; your own index and tasks stay as they are.
    """
    from openclaw_instructor.daemon.endpoint import close_home_to_others
    from openclaw_instructor.service import Toolbox

    began = time.monotonic()
    settings = connection.settings()
    close_home_to_others(settings)
    settings = settings.model_copy(update={"home": settings.home / "demo"})
    with Toolbox(settings=settings) as toolbox, progress("indexing the docs") as on_progress:
        tools = Local(toolbox)
        tools.index_add("docs", documents())
        indexed = tools.index_sync("docs", on_progress)
        answers = {
            "search_docs": tools.run("search_docs", {"query": QUESTION, "top_k": 3}),
            "classify_email": [_classify(tools.run, path) for path in sorted((_DATA / "mail").glob("*.eml"))],
            "semantic_match": tools.run(
                "semantic_match", {"query": WANTED, "candidates": list(CHOICES), "threshold": 0}
            ),
        }
    result = {"home": str(settings.home), "index": indexed, **answers, "seconds": round(time.monotonic() - began, 1)}
    if as_json:
        print_json(result)
    else:
        _print(result)


def documents() -> list[Path]:
    """Find the project's own README, docs and skills: in a source tree, else the copies inside the package."""
    package = Path(__file__).parent.parent
    root = package.parent if (package.parent / "docs").is_dir() else _DATA
    skills = package.parent if (package.parent / "skills").is_dir() else package
    return [path for path in (root / "README.md", root / "docs", skills / "skills") if path.exists()]


def _classify(run: Callable[[str, dict[str, Any]], dict[str, Any]], path: Path) -> dict[str, Any]:
    raw = path.read_bytes().decode("utf-8")
    return {"file": path.name, **run("classify_email", {"raw": raw})}


def _print(result: dict[str, Any]) -> None:
    _headline("search_docs", f'"{QUESTION}"', "the project's own docs")
    print_hits(result["search_docs"])
    click.echo()
    _headline("classify_email", "sample messages", shorten(str(_DATA / "mail")))
    rows = [
        (answer["file"], answer["label"] or "(unsure)", f"{answer['score']:.2f}", _next(answer))
        for answer in result["classify_email"]
    ]
    print_table(("message", "label", "score", "next"), rows)
    click.echo()
    _headline("semantic_match", f'"{WANTED}"', f"{len(CHOICES)} candidates")
    print_matches(result["semantic_match"])
    say(f"\nDone in {result['seconds']} s. Ask your own:")
    say(f'{_program()} --home {shorten(result["home"])} search "..."')


def _headline(task: str, asked: str, among: str) -> None:
    click.echo(f"{click.style(task, fg='green', bold=True)}: {asked} in {among}\n")


def _next(answer: dict[str, Any]) -> str:
    return ", ".join(f"{other['label']} {other['score']:.2f}" for other in answer.get("runners_up", [])[:2])


def _program() -> str:
    """Return the command that starts this program here: not every environment has it on the PATH."""
    called = Path(sys.argv[0])
    return shorten(str(called.absolute())) if called.name == PROGRAM else PROGRAM
