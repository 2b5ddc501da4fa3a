"""List tools and run tasks: every surface goes through a Toolbox."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openclaw_instructor.errors import InvalidArguments, UnsupportedInput, UserError
from openclaw_instructor.paths import expanded
from openclaw_instructor.registry.arguments import validate
from openclaw_instructor.registry.tool_spec import ToolSpec
from openclaw_instructor.reports.notebook import Rows, table
from openclaw_instructor.resources import HomeResources
from openclaw_instructor.tasks import runners
from openclaw_instructor.tasks.tool_result import ToolResult
from openclaw_instructor.untrusted import marked

if TYPE_CHECKING:
    from openclaw_instructor.engine import Embeddings
    from openclaw_instructor.index import CollectionStatus, SyncReport
    from openclaw_instructor.index.file_states import FileState
    from openclaw_instructor.index.maintenance.operations import Maintenance
    from openclaw_instructor.index.workers.protocol import Workers
    from openclaw_instructor.registry.kinds.classify import ClassifyTask
    from openclaw_instructor.tasks.classifier.evaluation import Evaluation
    from openclaw_instructor.tasks.classifier.sources import Item
    from openclaw_instructor.tasks.classifier.tuning import Tuned
    from openclaw_instructor.tasks.rerank import Ranking


class Toolbox(HomeResources):
    """Registry, model and index of one home folder, in this process. Thread-safe.

    Making one is cheap: the engine and the index open on first use, the weights load on the first text to embed.
    """

    def tools(self) -> list[ToolSpec]:
        """Return the enabled tasks, in the registry's order, edits of the files included."""
        self.registry.refresh()
        return self.registry.tool_specs()

    def run(self, task: str, arguments: Mapping[str, Any]) -> ToolResult:
        """Run a task and return its result as a flat, JSON-able dict; what files and mails say in it is `untrusted`.

        Raises UnknownTask, InvalidArguments, and what the engine and the index raise: all InstructorError.
        """
        self.registry.refresh()
        definition = self.registry.get(task)
        checked = validate(definition, arguments)
        return ToolResult(marked(runners.run(definition, checked, self)))

    def try_task(
        self, task: str, arguments: Mapping[str, Any], *, changes: Mapping[str, Any] | None = None, text: str = ""
    ) -> ToolResult:
        """Run a task that is not saved: with other keys, or as a text of instructions.yaml defines it.

        Raises UnknownTask, InvalidArguments, also for a task that changes something, and what `run` raises.
        """
        from openclaw_instructor.registry import trial

        self.registry.refresh()
        if text:
            definition = trial.written(self.settings.instructions_path, text, task)
        else:
            definition = trial.changed(self.registry, task, changes or {})
        if definition.effect != "read":
            raise InvalidArguments(f"`{task}` changes something, so it is not tried; save it and run it")
        return ToolResult(marked(runners.run(definition, validate(definition, arguments), self)))

    def decide(
        self, state: Any, questions: Mapping[str, Mapping[str, Any]], model: str | None = None
    ) -> dict[str, Any]:
        """Answer typed questions about one piece of evidence; see `tasks.decide`.

        `model` is the checkpoint that the caller chose. Raises UnsupportedInput, and what the engine raises.
        """
        from openclaw_instructor.tasks.decide import decide

        self.registry.refresh()
        if model is not None and model not in (self.settings.checkpoint, self.engine.checkpoint_name):
            raise UnsupportedInput(
                f"the decision model `{model}` is not served, {self.engine.checkpoint_name} is; "
                "openclaw-instructor openclaw decisions --apply selects it"
            )
        return decide(state, questions, self)

    def teach(self, task: str, label: str, message: Mapping[str, Any], *, source: str = "library") -> dict[str, Any]:
        """Keep the message, given as to `run`, as an example of the label: the next call of the task uses it.

        Raises UnknownTask, InvalidArguments, StoreError, and what the engine raises.
        """
        from openclaw_instructor.tasks import teach

        self.registry.refresh()
        return teach.teach(teach.classify_task(self.registry, task), label, message, self, source)

    def add_rule(self, task: str, sender: str, label: str, *, source: str = "library") -> dict[str, Any]:
        """Let all mail of an address or domain have this label. Raises UnknownTask, InvalidArguments, StoreError."""
        from openclaw_instructor.tasks import teach

        self.registry.refresh()
        return teach.add_rule(teach.classify_task(self.registry, task), sender, label, self.corrections, source)

    def evaluate(self, task: str, data: str | Path, columns: Mapping[str, str] | None = None) -> Evaluation:
        """Measure a classify task, as it answers now, on a file or folder of labelled texts; see `tasks evaluate`.

        `columns` names the columns of a table by what they hold. Raises UnknownTask, InvalidData, UnreadableSource.
        """
        from openclaw_instructor.tasks.classifier import evaluation

        return evaluation.evaluate(*self._labelled(task, data, columns), self)

    def tune(self, task: str, data: str | Path, columns: Mapping[str, str] | None = None, **options: Any) -> Tuned:
        """Compare setups of a classify task on labelled texts, and change nothing; options are those of `tuning.tune`.

        Raises what `evaluate` raises.
        """
        from openclaw_instructor.tasks.classifier import tuning

        return tuning.tune(*self._labelled(task, data, columns), self, **options)

    def _labelled(
        self, task: str, data: str | Path, columns: Mapping[str, str] | None
    ) -> tuple[ClassifyTask, Iterator[Item]]:
        """Return a classify task and the labelled texts of a file or folder as it takes them."""
        from openclaw_instructor.tasks.classifier.sources import labelled_items
        from openclaw_instructor.tasks.teach import classify_task

        self.registry.refresh()
        chosen = classify_task(self.registry, task)
        return chosen, labelled_items(expanded(data), columns, is_mail=chosen.input == "email")

    def corrections_report(self, task: str | None = None) -> dict[str, Any]:
        """Return the corrections, with contradictions, recent changes, and suggested rules."""
        from openclaw_instructor.tasks.classifier.history import report

        return report(self.corrections.all(task))

    def undo_correction(self, number: int) -> dict[str, Any]:
        """Undo a correction or rule and return it. Raises InvalidArguments for one that is not in force."""
        return self.corrections.undo(number).as_dict()

    def embed(self, texts: Sequence[str], input_type: str = "", *, bulk: bool = False) -> Embeddings:
        """Embed texts under the instruction `input_type` names (see Registry.embedding_instruction); "" is none.

        `bulk` work lets other requests pass, and waits for a model that is loading however long it takes.
        """
        from openclaw_instructor.engine import Priority, role_of

        self.registry.refresh()
        instruction = self.registry.embedding_instruction(input_type, self.engine.checkpoint_name)
        priority = Priority.BULK if bulk else Priority.INTERACTIVE
        return self.engine.embed(list(texts), instruction, role=role_of(input_type), priority=priority)

    def index_add(
        self,
        name: str,
        folders: Sequence[str | Path],
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
    ) -> None:
        """Register folders as a collection; `index_sync` then reads them.

        Documents are steered by the task that searches this collection, else by the first search task.
        """
        self.registry.refresh()
        instruction = self.document_instruction(name)
        paths = [expanded(folder).absolute() for folder in folders]
        self.index.add(name, paths, include=include, exclude=exclude, instruction=instruction)

    def index_sync(
        self,
        name: str | None = None,
        on_progress: Callable[[int, int, str], None] | None = None,
        *,
        full: bool = False,
        only: Sequence[str] | None = None,
        workers: Workers | None = None,
    ) -> SyncReport:
        """Bring one collection, or all, up to date with its folders, and with the registry's document instruction.

        With `full`, every file is read, whatever its times say. With `only`, these files are known to be all that has
        changed. `workers` read, cut and embed.
        """
        self.registry.refresh()
        steering = self.document_instruction
        return self.index.sync(name, steering=steering, on_progress=on_progress, full=full, only=only, workers=workers)

    def index_status(self, name: str | None = None, *, check: bool = True) -> list[CollectionStatus]:
        """Report the state of one collection, or of each: what it holds, and whether a sync is due.

        `check` compares the files on disk with the index, by their times.
        """
        self.registry.refresh()
        states = self.index.status(name, steering=self.document_instruction, check=check)
        return Rows("Collections", ("name", "documents", "chunks", "skipped", "synced_at", "reason"), states)

    def index_remove(self, name: str, folder: str | Path | None = None) -> None:
        """Remove a collection, or one of its folders, from the index; the files stay."""
        self.index.remove(name, None if folder is None else Path(folder))

    def index_files(self, name: str | None = None, path: str | None = None) -> list[FileState]:
        """List the files of one collection, or of each, with their state; `path` restricts them."""
        return Rows("Files", ("file", "state", "passages", "reason"), self.index.files(name, path))

    def index_inspect(
        self, task: str, arguments: Mapping[str, Any], expect: str, changes: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Run a search task, with `changes` as in `try_task`, and say at which stage the file `expect` was lost.

        Raises UnknownTask, InvalidArguments, and what the search raises.
        """
        from openclaw_instructor.tasks import search

        self.registry.refresh()
        definition = search.changed(self.registry, task, changes or {})
        found = search.inspect(definition, validate(definition, arguments), self, expect)
        return found | {"result": marked(found["result"])} if "result" in found else found

    def index_compact(self) -> dict[str, Any]:
        """Free the disk space of deleted content of the index; return bytes `before`, `after` and `freed`."""
        return self.index.compact()

    @property
    def maintenance(self) -> Maintenance:
        """What looks after the index, also where it is too damaged to be opened."""
        from openclaw_instructor.index.maintenance.operations import Maintenance

        return Maintenance(self.settings, self.engine)

    def index_verify(self, *, full: bool = False) -> dict[str, Any]:
        """Check the index: `ok`, the `problems`, what was `checked`, and the command that mends it (`fix`).

        With `full`, the full text is compared word by word too.
        """
        return self.maintenance.verify(full=full)

    def index_repair(self, *, full: bool = False) -> dict[str, Any]:
        """Mend the index and sync what was lost of it: what was `done`, the file `kept`, the reports of `synced`.

        With `full`, the full text is made anew in any case.
        """
        report = self.maintenance.repair(full=full)
        synced, notes = [], []
        for name in report.pop("to_sync"):
            try:
                synced += self.index_sync(name).as_dict()["collections"]
            except UserError as error:
                # A folder that is gone: what was saved of it is there.
                notes.append(f"collection `{name}` could not be synced: {error.message}")
        return report | {"synced": synced, "notes": notes}

    def index_backup(self, file: str | Path) -> dict[str, Any]:
        """Copy the index to a file while it may be in use; return its name, bytes and counts."""
        return self.maintenance.backup(expanded(file).absolute())

    def index_restore(self, file: str | Path) -> dict[str, Any]:
        """Put a backup in the place of the index, which is kept beside it; return both names and counts."""
        return self.maintenance.restore(expanded(file).absolute())

    def index_export(self, file: str | Path, names: Sequence[str] = ()) -> dict[str, Any]:
        """Export these collections, or all, to a file for another home; return its name, bytes and counts."""
        return self.maintenance.export(expanded(file).absolute(), names)

    def index_import(
        self, file: str | Path, roots: Mapping[str, str] | None = None, *, replace: bool = False
    ) -> dict[str, Any]:
        """Import the collections of an export; `roots` maps their folders of before to those of now."""
        return self.maintenance.take(expanded(file).absolute(), roots, replace=replace)

    def rerank(self, query: str, documents: Sequence[str]) -> Ranking:
        """Order documents by how well they answer the query, under the instructions `query` and `passage`."""
        from openclaw_instructor.tasks.rerank import rank

        self.registry.refresh()
        checkpoint = self.reranking_checkpoint
        of_query, of_document = (self.registry.embedding_instruction(name, checkpoint) for name in ("query", "passage"))
        return rank(self.reranker, query, documents, (of_query, of_document))

    def _repr_html_(self) -> str:
        """Show the tasks in a notebook."""
        rows = [(task.name, task.kind, task.description) for task in self.registry.tasks.values()]
        return table(f"Toolbox of {self.settings.home}", ("task", "kind", "description"), rows)
