"""The notebooks of docs/notebooks, executed: python -m tests.notebooks writes what they show now.

They run in an empty folder with an empty home, in float32, so that every processor shows the same numbers to the digits
that are printed. `make docs` runs this.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from traitlets.config import Config

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
_PATIENCE_SECONDS = 600


def executed(path: Path, folder: Path) -> Any:
    """The notebook with what its cells show now. Raises CellExecutionError."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.update(outputs=[], execution_count=None)
    with _surroundings(folder), tempfile.TemporaryDirectory() as sockets:
        # Over files and not over TCP, which others on the machine could listen to; a socket's path has to be short.
        kernel = {"transport": "ipc", "ip": f"{sockets}/kernel"}
        options = {"timeout": _PATIENCE_SECONDS, "record_timing": False, "config": Config(KernelManager=kernel)}
        NotebookClient(notebook, resources={"metadata": {"path": str(folder)}}, **options).execute()
    # The version of Python would change with every machine.
    notebook.metadata["language_info"] = {"name": "python"}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = _joined(cell.outputs)
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "text/html" in data:
                # What a table shows is not repeated as the text of its object.
                data["text/plain"] = "see the table"
    return notebook


def _joined(outputs: list[Any]) -> list[Any]:
    """The outputs with what was printed in one: a busy machine sends it in several parts."""
    joined: list[Any] = []
    for output in outputs:
        before = joined[-1] if joined else {}
        if output.output_type == "stream" and before.get("name") == output.name:
            before["text"] += output.text
        else:
            joined.append(output)
    return joined


def texts(notebook: Any) -> list[str]:
    """What each code cell printed, or shows as text."""
    found = []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            said = [output.get("text", output.get("data", {}).get("text/plain", "")) for output in cell.outputs]
            found.append("\n".join(said))
    return found


@contextmanager
def _surroundings(folder: Path) -> Iterator[None]:
    """The environment of the kernel: nothing of the home of the person who runs this is read or written."""
    own = {
        "HOME": folder,
        "OPENCLAW_INSTRUCTOR_HOME": folder / "home",
        "OPENCLAW_INSTRUCTOR_DTYPE": "float32",
        "IPYTHONDIR": folder / "ipython",
        "JUPYTER_CONFIG_DIR": folder / "jupyter",
        "JUPYTER_RUNTIME_DIR": folder / "runtime",
        "MPLCONFIGDIR": folder / "matplotlib",
        "PYTHONWARNINGS": "ignore",
    }
    before = {name: os.environ.get(name) for name in own}
    os.environ.update({name: str(value) for name, value in own.items()})
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.__setitem__(name, value)


def main() -> None:
    for path in NOTEBOOKS:
        with tempfile.TemporaryDirectory() as folder:
            nbformat.write(executed(path, Path(folder)), path)
        sys.stdout.write(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1e3:.0f} kB\n")


if __name__ == "__main__":
    main()
