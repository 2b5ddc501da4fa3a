"""The layers of packages, and what a cheap start must not load."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import openclaw_instructor

PACKAGE = Path(openclaw_instructor.__file__).parent
HEAVY = ("torch", "transformers", "sentence_transformers")

# A package may import those further up in this list, and itself; packages on one line do not import each other.
LAYERS: list[set[str]] = [
    {"distribution", "language", "text"},
    {"untrusted"},
    {"errors"},
    {"flat_yaml", "lock", "paths", "timezone", "web_client"},
    {"credentials"},
    {"reports"},
    {"settings"},
    {"registry", "model"},
    {"engine", "documents"},
    {"index", "testing"},
    {"tasks"},
    {"resources"},
    {"service"},
    {"daemon", "evaluate"},
    {"train"},
    {"server", "openclaw", "integrations"},
    {"doctor", "hosts"},
    {"cli"},
]
LEVEL = {package: level for level, packages in enumerate(LAYERS) for package in packages}
# The arrow that is not a matter of levels: offline work is reached from the command line only.
ONLY_FOR_CLI = {"evaluate", "train"}
MAY_IMPORT_TORCH = {"model", "engine", "train", "evaluate"}


def package_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[0]


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything a module imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: write imports with the full name"
            yield node.lineno, node.module or ""
            if node.module == "openclaw_instructor":
                yield from ((node.lineno, f"openclaw_instructor.{alias.name}") for alias in node.names)


def modules() -> list[Path]:
    """Every module but the entry points: `__init__` of the package, and `__main__`, which nothing imports."""
    return [
        path for path in sorted(PACKAGE.rglob("*.py")) if path != PACKAGE / "__init__.py" and path.name != "__main__.py"
    ]


def test_every_module_belongs_to_a_layer() -> None:
    assert {package_of(path) for path in modules()} <= set(LEVEL)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_arrows_point_one_way(path: Path) -> None:
    package = package_of(path)
    wrong = []
    for line, name in imports(path):
        if not name.startswith("openclaw_instructor."):
            continue
        target = name.split(".")[1]
        if target == package or target not in LEVEL:
            continue
        allowed = LEVEL[target] < LEVEL[package] and (target not in ONLY_FOR_CLI or package in {*ONLY_FOR_CLI, "cli"})
        if not allowed:
            wrong.append(f"{path}:{line}: {package} must not import {target}")
    assert not wrong, "\n".join(wrong)


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


def test_no_circle_of_imports() -> None:
    """Imports for types and those inside functions included; a package's `__init__` stands for itself."""
    names = {module_name(path): path for path in PACKAGE.rglob("*.py")}
    edges = {
        name: {target for _, target in resolved(path, names)} - {name, "openclaw_instructor"}
        for name, path in names.items()
        if name != "openclaw_instructor"
    }
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        pytest.fail("a circle: " + " -> ".join(error.args[1]))


def resolved(path: Path, names: Mapping[str, Path]) -> Iterator[tuple[int, str]]:
    """Line and module of each import of this package: of `from a import b` the module `a.b` where there is one."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names if alias.name in names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None and node.module in names:
            submodules = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from ((node.lineno, name if name in names else node.module) for name in submodules)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_the_model_side_imports_torch(path: Path) -> None:
    if package_of(path) in MAY_IMPORT_TORCH:
        return
    wrong = [f"{path}:{line}: imports {name}" for line, name in imports(path) if name.split(".")[0] in HEAVY]
    assert not wrong, "\n".join(wrong)


def loaded_after(code: str, *arguments: str, said: str = "", answered: str = "") -> set[str]:
    """Which heavy packages a fresh interpreter holds after running `code`, and answering `said` on standard input."""
    script = f"import sys\ntry:\n    {code}\nexcept SystemExit:\n    pass\nsys.stderr.write(' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, timeout=300, check=True, input=said
    )
    assert answered in done.stdout
    loaded = set(done.stderr.split())
    assert "openclaw_instructor" in loaded, done.stderr
    return loaded & {*HEAVY, "numpy", "faiss", "huggingface_hub"}


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["search", "--help"],
        ["tasks", "list"],
        ["tasks", "show", "search_docs"],
        ["tasks", "check"],
    ],
    ids=" ".join,
)
def test_cheap_commands_load_nothing_heavy(arguments: list[str]) -> None:
    assert not loaded_after("from openclaw_instructor.cli import main; main()", *arguments)


def test_the_fake_engine_loads_nothing_heavy() -> None:
    assert not loaded_after("from openclaw_instructor.testing import WordEngine; WordEngine()")


def test_the_bare_package_loads_nothing_heavy() -> None:
    assert not loaded_after("import openclaw_instructor")


def test_listing_tools_loads_nothing_heavy() -> None:
    assert not loaded_after("from openclaw_instructor import Toolbox; assert len(Toolbox().tools()) >= 3")


@pytest.mark.parametrize("options", [[], ["--in-process"]], ids=["daemon", "in-process"])
def test_listing_tools_over_mcp_loads_nothing_heavy(options: list[str]) -> None:
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    messages = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/list"},
    ]
    said = "".join(json.dumps(message) + "\n" for message in messages)
    code = "from openclaw_instructor.cli import main; main()"
    assert not loaded_after(code, "mcp", *options, said=said, answered="semantic_match")


def test_status_of_an_index_loads_no_model(home: Path, tmp_path: Path) -> None:
    from openclaw_instructor import Toolbox

    (tmp_path / "note.md").write_text("# Note\n\nSomething.\n")
    with Toolbox() as toolbox:
        toolbox.index_add("docs", [tmp_path])
    code = "from openclaw_instructor.cli import main; main()"
    assert not loaded_after(code, "index", "status", "--json", answered="docs")


def test_surfaces_load_nothing_heavy_when_imported() -> None:
    light = [path for path in modules() if package_of(path) in {"cli", "server", "openclaw", "registry", "service"}]
    names = [module_name(path) for path in light]
    assert not loaded_after(f"import importlib; [importlib.import_module(name) for name in {names}]")


def test_embedding_leaves_the_compiler_of_torch_alone() -> None:
    code = "from openclaw_instructor import INSTRUCTOR; INSTRUCTOR('mini').encode(['a text'])"
    script = f"import sys; {code}; sys.exit(sum(name in sys.modules for name in ('torch._dynamo', 'sympy')))"
    assert subprocess.run([sys.executable, "-c", script], timeout=300, check=False).returncode == 0
