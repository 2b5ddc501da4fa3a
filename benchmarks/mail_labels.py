"""How well `classify_email` sorts the 366 mails of tests/data/mails, which no label was made from.

    python benchmarks/mail_labels.py [--checkpoint mini] [--tasks instructions.yaml] [--wrong] [--json]

`right` is the mail's label or one that its row calls acceptable. The shares of right and wrong are of all mails, of
those answered only where it is said. Recall of phishing is the share of mails labelled `phishing` that are called
that; harmless are all that are no attack and no spam. `--tasks` lays an instructions.yaml over the packaged one, to try
other labels. See tests/data/mails/README.md.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openclaw_instructor.service import Toolbox
from openclaw_instructor.settings import Settings

MAILS = Path(__file__).parents[1] / "tests" / "data" / "mails"
SETS = ("english", "second", "languages")
TASK, FRAUD, SURE = "classify_email", "phishing", 0.8


@dataclass(frozen=True)
class Outcome:
    """A mail of the set and what was said of it."""

    mail: dict[str, Any]
    label: str | None
    score: float
    reason: str | None

    @property
    def abstained(self) -> bool:
        return self.label is None

    @property
    def right(self) -> bool:
        return self.label == self.mail["label"] or self.label in self.mail["acceptable"]

    @property
    def wrong(self) -> bool:
        return not self.abstained and not self.right

    @property
    def harmless(self) -> bool:
        return not self.mail["attack"] and self.mail["label"] != "spam"


def read() -> list[dict[str, Any]]:
    """Every mail, English first; `set` says which file it is from."""
    files = {name: (MAILS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines() for name in SETS}
    return [json.loads(line) | {"set": name} for name, lines in files.items() for line in lines]


def classify(mails: Iterable[dict[str, Any]], checkpoint: str, tasks: Path | None) -> list[Outcome]:
    """Classify one mail a call, as an agent does, in a home of its own."""
    home = Path(tempfile.mkdtemp(prefix="mail-labels-"))
    try:
        if tasks:
            shutil.copy(tasks, home / "instructions.yaml")
        with Toolbox(settings=Settings.load(home, checkpoint=checkpoint, load_wait=600)) as toolbox:
            return [_outcome(mail, toolbox.run(TASK, _arguments(mail))) for mail in mails]
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _arguments(mail: dict[str, Any]) -> dict[str, str]:
    return {key: mail[key] for key in ("raw", "from", "to", "subject", "body") if key in mail}


def _outcome(mail: dict[str, Any], result: dict[str, Any]) -> Outcome:
    return Outcome(mail, result["label"], result["score"], result["reason"])


def share(outcomes: Iterable[Outcome], holds: Callable[[Outcome], bool]) -> float:
    """The share of outcomes for which it holds; 0 of none."""
    known = [holds(outcome) for outcome in outcomes]
    return sum(known) / len(known) if known else 0.0


def summary(outcomes: list[Outcome]) -> dict[str, float]:
    """The numbers of one group of mails, as shares."""
    answered = [outcome for outcome in outcomes if not outcome.abstained]
    phishing = [outcome for outcome in outcomes if outcome.mail["label"] == FRAUD]
    attacks = [outcome for outcome in outcomes if outcome.mail["attack"]]
    harmless = [outcome for outcome in outcomes if outcome.harmless]
    return {
        "mails": len(outcomes),
        "right": share(outcomes, lambda outcome: outcome.right),
        "right of answered": share(answered, lambda outcome: outcome.right),
        "abstained": share(outcomes, lambda outcome: outcome.abstained),
        "wrong": share(outcomes, lambda outcome: outcome.wrong),
        f"wrong above {SURE}": share(outcomes, lambda outcome: outcome.wrong and outcome.score > SURE),
        "phishing recall": share(phishing, lambda outcome: outcome.label == FRAUD),
        "attacks called phishing or spam": share(attacks, lambda outcome: outcome.label in {FRAUD, "spam"}),
        "harmless called phishing": share(harmless, lambda outcome: outcome.label == FRAUD),
    }


def by_label(outcomes: list[Outcome]) -> dict[str, dict[str, Any]]:
    """For each label of the set: how many right, abstained and wrong, its precision, and what it was taken for."""
    table = {}
    for label in sorted({outcome.mail["label"] for outcome in outcomes}):
        mine = [outcome for outcome in outcomes if outcome.mail["label"] == label]
        called = [outcome for outcome in outcomes if outcome.label == label]
        taken = Counter(str(outcome.label) for outcome in mine if outcome.wrong)
        table[label] = {
            "mails": len(mine),
            "right": sum(outcome.right for outcome in mine),
            "abstained": sum(outcome.abstained for outcome in mine),
            "wrong": sum(outcome.wrong for outcome in mine),
            "precision": share(called, lambda outcome: outcome.right) if called else None,
            "taken for": dict(taken.most_common()),
        }
    return table


def by_language(outcomes: list[Outcome]) -> dict[str, dict[str, float]]:
    """Right, abstained and wrong, as shares, for each language."""
    languages = list(dict.fromkeys(outcome.mail["language"] for outcome in outcomes))
    groups = {name: [outcome for outcome in outcomes if outcome.mail["language"] == name] for name in languages}
    return {
        name: {key: summary(group)[key] for key in ("mails", "right", "abstained", "wrong")}
        for name, group in groups.items()
    }


def mistakes(outcomes: list[Outcome]) -> list[dict[str, Any]]:
    """Every wrong answer, the surest first."""
    return [
        {"id": outcome.mail["id"], "label": outcome.label, "score": outcome.score, "note": outcome.mail["note"]}
        for outcome in sorted(outcomes, key=lambda outcome: -outcome.score)
        if outcome.wrong
    ]


def report(outcomes: list[Outcome], checkpoint: str) -> dict[str, Any]:
    english, second, others = ([each for each in outcomes if each.mail["set"] == name] for name in SETS)
    return {
        "checkpoint": checkpoint,
        "english": summary(english),
        "second set": summary(second),
        "other languages": summary(others),
        "all": summary(outcomes),
        "labels": by_label(english),
        "languages": by_language(outcomes),
        "mistakes": mistakes(outcomes),
    }


def show(results: dict[str, Any], *, wrong: bool) -> None:
    """Print the tables."""
    groups = ["english", "second set", "other languages", "all"]
    print(f"{'':33}" + "".join(f"{name:>17}" for name in groups))
    for key in results["all"]:
        values = [results[name][key] for name in groups]
        print(f"{key:33}" + "".join(f"{value:17}" if key == "mails" else f"{value:17.1%}" for value in values))
    print(f"\n{'English, by label':18}{'mails':>7}{'right':>7}{'none':>7}{'wrong':>7}{'precision':>11}  taken for")
    for label, row in results["labels"].items():
        precision = "" if row["precision"] is None else f"{row['precision']:.0%}"
        taken = ", ".join(f"{name} {count}" for name, count in row["taken for"].items())
        counts = "".join(f"{row[key]:7}" for key in ("mails", "right", "abstained", "wrong"))
        print(f"{label:18}{counts}{precision:>11}  {taken}")
    print(f"\n{'language':18}{'mails':>7}{'right':>7}{'none':>7}{'wrong':>7}")
    for language, row in results["languages"].items():
        shares = "".join(f"{row[key]:7.0%}" for key in ("right", "abstained", "wrong"))
        print(f"{language:18}{row['mails']:7}{shares}")
    if wrong:
        print("\nWrong, the surest first")
        for row in results["mistakes"]:
            print(f"{row['score']:.2f}  {row['id']:24}{row['label']:16}{row['note']}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", default="mini")
    parser.add_argument("--tasks", type=Path, help="an instructions.yaml to lay over the packaged one")
    parser.add_argument("--wrong", action="store_true", help="list every wrong answer")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    options = parser.parse_args()
    results = report(classify(read(), options.checkpoint, options.tasks), options.checkpoint)
    if options.json:
        print(json.dumps(results, indent=1, ensure_ascii=False))
    else:
        show(results, wrong=options.wrong)


if __name__ == "__main__":
    main()
