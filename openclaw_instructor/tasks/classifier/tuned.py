"""Put the set-up that won a comparison in force."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openclaw_instructor.registry.own_entry import write_values

if TYPE_CHECKING:
    from openclaw_instructor.registry.kinds.classify import ClassifyTask
    from openclaw_instructor.tasks.classifier.tuning import Tuned
    from openclaw_instructor.tasks.runners import Resources


def changes(task: ClassifyTask, tuned: Tuned, resources: Resources) -> dict[str, Any]:
    """Return the keys of the task's entry that the winner has otherwise, with their values."""
    now = {
        "instruction": task.instruction("text", resources.engine.checkpoint_name).strip(),
        "abstain_below": task.abstain_below,
        "descriptions": task.descriptions,
    }
    best = {
        "instruction": tuned.winner.instruction,
        "abstain_below": tuned.threshold,
        "descriptions": tuned.winner.descriptions,
    }
    return {key: value for key, value in best.items() if value != now[key]}


def apply(task: ClassifyTask, tuned: Tuned, resources: Resources) -> list[str]:
    """Write the winner into the owner's file, and teach the data if that won; return what was done as sentences.

    Raises what `write_values` and the corrections raise.
    """
    path = resources.engine.settings.instructions_path
    done = []
    if wanted := changes(task, tuned, resources):
        write_values(path, resources.registry, task.name, wanted)
        done.append(f"wrote {', '.join(f'{key}: {value}' for key, value in wanted.items())} to {path}")
    if tuned.winner.taught:
        added = [resources.corrections.add(task.name, label, text, source="tune") for text, label in tuned.texts]
        new = sum(not each.known for each in added)
        done.append(f"taught {new} texts as corrections; `tasks corrections list` shows them")
    return done or ["what is in force won; nothing was changed"]
