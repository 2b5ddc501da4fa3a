"""Reports of `tasks evaluate` and `tasks tune`: the measures of a classify task as a page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from openclaw_instructor.reports.page import (
    Bar,
    Bars,
    Chart,
    Curve,
    Matrix,
    Page,
    Section,
    Table,
    cut,
    now,
    share,
    shortened,
)

# More labels than a page has room for as columns; those that are confused most are shown.
_MOST_LABELS, _MOST_CONFUSIONS = 20, 30
_LONGEST_TEXT = 200
_NUMBERS = frozenset(("texts", "right", "precision", "recall", "F1", "times", "score", "mean score", "share right",
                      "answered", "score from", "before", "after", "change", "macro-F1", "noise", "accuracy", "gain",
                      "noise of gain", "abstain below", "right of these"))  # fmt: skip


def evaluation_page(result: Mapping[str, Any], facts: Mapping[str, str]) -> Page:
    """Return the report of an evaluation; `facts` are what only the caller knows, such as the file of the data."""
    noise = f"accuracy {share(result['accuracy'])} ± {share(result['accuracy_noise'])}"
    right = f", of these right {share(result['accuracy_of_answered'])}" if result["coverage"] else ""
    summary = (
        f"{result['count']:,} texts: {noise}, macro-F1 {share(result['macro_f1'])}; "
        f"answered {result['coverage']:.0%}{right}"
    )
    known = {"task": result["task"], "checkpoint": result["checkpoint"], "instruction": result["instruction"]}
    counts = {"texts": f"{result['count']:,}", "labels": str(len(result["labels"])), "date": now()}
    curves = [_coverage({"share right": result}, {"answers now": result["coverage"]}), _reliability(result)]
    sections = [Section("Can its scores be trusted?", curves), Section("Labels", [*_labels(result)])]
    if result["mistakes"]:
        sections.append(Section("Mistakes", [_mistakes(result["mistakes"])]))
    return Page(f"How well {result['task']} does", summary, {**known, **facts, **counts}, sections, _left_out(result))


def tuning_page(
    table: Mapping[str, Any], measured: tuple[Mapping[str, Any], Mapping[str, Any]], facts: Mapping[str, str]
) -> Page:
    """Return the report of a comparison: what was tried, and the setup in force beside the one that won.

    `measured` are the measures of both.
    """
    before = next(row for row in table["setups"] if row["now"])
    after = next(row for row in table["setups"] if row["winner"])
    threshold = table["abstain_below"]
    if before is after:
        found = f"what is in force won, with a macro-F1 of {share(before['macro_f1'])}"
    else:
        gain = f"{after['gain']:+.3f} ± {after['gain_noise']:.3f}"
        found = f"macro-F1 {share(before['macro_f1'])} now, {share(after['macro_f1'])} ({gain}) with {_setup(after)}"
    summary = f"{table['count']:,} texts: {found}; abstain_below {threshold['now']:g} now, best {threshold['best']:g}"
    known = {"task": table["task"], "checkpoint": table["checkpoint"], "instruction now": before["instruction"],
             "instruction of the best": after["instruction"]}  # fmt: skip
    how = f"{table['folds']} folds, {table['repeats']} times; a setup wins by more than twice its noise"
    counts = {"texts": f"{table['count']:,}", "judged on": how, "date": now()}
    sections = [
        Section("What was tried", [_setups(table["setups"])]),
        _compared(*measured, changed=before is not after),
        Section("Threshold", [_thresholds(table)]),
    ]
    return Page(f"What would do better for {table['task']}", summary, {**known, **facts, **counts}, sections,
                _left_out(table))  # fmt: skip


def _coverage(results: Mapping[str, Mapping[str, Any]], marks: Mapping[str, float]) -> Chart:
    curves = [Curve(name, [(row["coverage"], row["accuracy"]) for row in each["by_coverage"]])
              for name, each in results.items()]  # fmt: skip
    several = len(results) > 1
    columns = ["answered", *(f"right {name}" if several else name for name in results)]
    rows = zip(*(each["by_coverage"] for each in results.values()), strict=True)
    cells = [[f"{row[0]['coverage']:.0%}", *(share(each["accuracy"]) for each in row),
              *([] if several else [share(row[0]["from_score"])])] for row in rows]  # fmt: skip
    ends = {f"{name}: " if several else "": (each["by_coverage"][0]["accuracy"], each["by_coverage"][-1]["accuracy"])
            for name, each in results.items()}  # fmt: skip
    said = "; ".join(
        f"{name}{share(some)} of the surest 10%, {share(all_)} of all" for name, (some, all_) in ends.items()
    )
    columns += [] if several else ["score from"]
    numbers = Table("Accuracy by coverage", columns, cells, frozenset(columns[1:]))
    description = f"How many answers are right when only the surest so many are given. {said}."
    return Chart("Accuracy of the surest", description, "share answered, the surest first", "share right of these",
                 curves, numbers, marks)  # fmt: skip


def _reliability(result: Mapping[str, Any]) -> Chart:
    rows = [row for row in result["reliability"] if row["count"]]
    cells = [[f"{row['from']:.1f}-{row['to']:.1f}", row["count"], share(row["mean_score"]), share(row["accuracy"])]
             for row in rows]  # fmt: skip
    numbers = Table("Reliability", ["scores", "texts", "mean score", "share right"], cells, _NUMBERS)
    description = (
        "Whether answers with a score of 0.8 are right 8 times in 10: on the dashed line scores say what they mean, "
        f"below it they promise too much. Calibration error {share(result['calibration_error'])}."
    )
    curve = Curve("share right", [(row["mean_score"], row["accuracy"]) for row in rows])
    return Chart("Reliability", description, "score", "share right", [curve], numbers, diagonal=True)


def _labels(result: Mapping[str, Any]) -> Iterator[Table | Matrix]:
    yield _by_label(result)
    if result["confusions"]:
        yield _confusion(result)
        taken = [[row["truth"], row["answered"], row["count"]] for row in result["confusions"]]
        yield cut(Table("What is taken for what", ["truth", "taken for", "times"], taken, _NUMBERS), _MOST_CONFUSIONS)


def _by_label(result: Mapping[str, Any]) -> Table:
    rows = [[row["label"], row["count"], row["right"], share(row["precision"]), share(row["recall"]), share(row["f1"])]
            for row in result["labels"]]  # fmt: skip
    return Table("By label", ["label", "texts", "right", "precision", "recall", "F1"], rows, _NUMBERS)


def _confusion(result: Mapping[str, Any]) -> Matrix:
    times = {(row["truth"], row["answered"]): row["count"] for row in result["confusions"]}
    wrong: Counter[str] = Counter()
    for (truth, answered), count in times.items():
        wrong.update({truth: count, answered: count})
    labels = [row["label"] for row in result["labels"]]
    chosen = set(sorted(labels, key=lambda label: -wrong[label])[:_MOST_LABELS])
    names = [label for label in labels if label in chosen]
    times |= {(row["label"], row["label"]): row["right"] for row in result["labels"]}
    counts = [[times.get((truth, answered), 0) for answered in names] for truth in names]
    description = "Rows are the true labels, columns what was answered."
    if len(names) < len(labels):
        description += f" Shown are the {len(names)} of {len(labels)} labels that are confused most."
    return Matrix("Confusions", description, names, counts)


def _mistakes(mistakes: Sequence[Mapping[str, Any]]) -> Table:
    rows = []
    for each in mistakes:
        near = each["nearest"][0] if each["nearest"] else None
        example = f"{near['label']}: {near['example']} ({near['similarity']:.2f})" if near else ""
        text = shortened(each["text"], _LONGEST_TEXT)
        rows.append([each["truth"], each["answered"], f"{each['score']:.2f}", text, example])
    return Table("The surest of the wrong answers", ["truth", "taken for", "score", "text", "nearest example"], rows,
                 _NUMBERS)  # fmt: skip


def _setup(row: Mapping[str, Any]) -> str:
    parts = [f"“{shortened(row['instruction'], 60)}”"]
    parts += ["descriptions" if row["descriptions"] else "names alone"]
    return ", ".join([*parts, *(["data taught"] if row["taught"] else [])])


def _setups(setups: Sequence[Mapping[str, Any]]) -> Bars:
    groups: dict[str, list[Bar]] = {}
    for row in setups:
        name = ("descriptions" if row["descriptions"] else "names") + (", data taught" if row["taught"] else "")
        groups.setdefault(row["instruction"], []).append(Bar(name, row["macro_f1"], row["noise"], _mark(row)))
    rows = [[_mark(row), row["instruction"], "yes" if row["descriptions"] else "no",
             "yes" if row["taught"] else "no", share(row["macro_f1"]), share(row["noise"]), share(row["accuracy"]),
             "" if row["now"] else f"{row['gain']:+.3f}", "" if row["now"] else share(row["gain_noise"])]
            for row in setups]  # fmt: skip
    columns = [
        "",
        "instruction",
        "descriptions",
        "data taught",
        "macro-F1",
        "noise",
        "accuracy",
        "gain",
        "noise of gain",
    ]
    best = max(setups, key=lambda row: row["macro_f1"])
    description = f"Macro-F1 of every setup with its noise; the highest is {share(best['macro_f1'])}: {_setup(best)}."
    return Bars("Setups", description, groups, 1.0, numbers=Table("Setups", columns, rows, _NUMBERS))


def _mark(row: Mapping[str, Any]) -> str:
    return " and ".join(name for name, holds in (("now", row["now"]), ("best", row["winner"])) if holds)


def _compared(before: Mapping[str, Any], after: Mapping[str, Any], *, changed: bool) -> Section:
    if changed:
        return Section("Before and after", [_coverage({"now": before, "best": after}, {}), _change(before, after)])
    return Section("As it is, which is best", [_coverage({"now and best": before}, {}), _by_label(before)])


def _change(before: Mapping[str, Any], after: Mapping[str, Any]) -> Table:
    others = {row["label"]: row["f1"] for row in after["labels"]}
    rows = [[row["label"], row["count"], share(row["f1"]), share(others.get(row["label"], 0.0)),
             f"{others.get(row['label'], 0.0) - row['f1']:+.3f}"] for row in before["labels"]]  # fmt: skip
    return Table("F1 by label", ["label", "texts", "before", "after", "change"], rows, _NUMBERS)


def _thresholds(table: Mapping[str, Any]) -> Chart:
    rows = table["thresholds"]
    curves = [
        Curve("answered", [(row["abstain_below"], row["coverage"]) for row in rows]),
        Curve("right of these", [(r["abstain_below"], r["accuracy"]) for r in rows if r["accuracy"] is not None]),
    ]
    cells = [[f"{row['abstain_below']:.2f}", f"{row['coverage']:.0%}", share(row["accuracy"])] for row in rows]
    numbers = Table("By threshold", ["abstain below", "answered", "right of these"], cells, _NUMBERS)
    best = table["abstain_below"]
    description = (
        "How many texts are answered, and how many of these rightly, for each abstain_below, with the best setup. "
        f"Now {best['now']:g}, best {best['best']:g}."
    )
    marks = {"now": best["now"], "best": best["best"]} if best["now"] != best["best"] else {"now and best": best["now"]}
    return Chart("Threshold", description, "abstain below", "share", curves, numbers, marks)


def _left_out(result: Mapping[str, Any]) -> list[str]:
    return [f"{each['count']:,} left out: {each['reason']}" for each in result["left_out"]]
