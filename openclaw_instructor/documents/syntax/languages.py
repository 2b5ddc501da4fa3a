"""List the languages read by syntax: their file names, their grammar, and what counts as a definition.

A grammar is a wheel of its own from PyPI that holds the compiled parser; nothing is ever downloaded. A new language is
an entry of LANGUAGES.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import PurePath

from openclaw_instructor import distribution

_CPP_ONLY = re.compile(r"\s*(?:class\s+\w|namespace\b|template\s*<|using\s+\w|(?:public|private|protected)\s*:)")
# How much of a header is examined to tell C++ from C.
_HEADER_LINES = 5_000


@dataclass(frozen=True)
class Language:
    """A language and its grammar.

    `module` is the grammar's import name, `function` the one in it that gives the parser. `definitions` are the node
    types that stand for something with a name. `assigned` are those that do when a function or a class is their value
    (`const f = () => 1`), `leading` those that belong to the definition behind them, besides comments. The grammar of
    an `optional` language comes with the extra `code`.
    """

    name: str
    suffixes: tuple[str, ...]
    module: str
    definitions: frozenset[str]
    names: tuple[str, ...] = ()
    function: str = "language"
    assigned: frozenset[str] = frozenset()
    leading: frozenset[str] = frozenset()
    optional: bool = False

    @property
    def installed(self) -> bool:
        """Whether the grammar and the library that runs it can be imported."""
        return all(importlib.util.find_spec(module) is not None for module in ("tree_sitter", self.module))

    @property
    def install_hint(self) -> str:
        """The command that installs the grammar."""
        if self.optional:
            return distribution.pip_line("code")
        return f"pip install tree-sitter {self.module.replace('_', '-')}"


def _types(names: str) -> frozenset[str]:
    return frozenset(names.split())


_SCRIPT = "function_declaration generator_function_declaration class_declaration method_definition"
_SCRIPT_ASSIGNED = _types("lexical_declaration variable_declaration expression_statement pair field_definition")
_C = "function_definition struct_specifier union_specifier enum_specifier type_definition preproc_function_def"

LANGUAGES = (
    Language(
        "Python",
        (".py", ".pyi", ".pyw", ".bzl"),
        "tree_sitter_python",
        _types("function_definition class_definition type_alias_statement"),
        names=("SCONSTRUCT", "SNAKEFILE"),
    ),
    Language(
        "JavaScript",
        (".js", ".mjs", ".cjs", ".jsx"),
        "tree_sitter_javascript",
        _types(_SCRIPT),
        assigned=_SCRIPT_ASSIGNED,
        leading=_types("decorator"),
    ),
    Language(
        "TypeScript",
        (".ts", ".mts", ".cts"),
        "tree_sitter_typescript",
        _types(
            f"{_SCRIPT} abstract_class_declaration interface_declaration type_alias_declaration enum_declaration "
            "internal_module module function_signature"
        ),
        function="language_typescript",
        assigned=_SCRIPT_ASSIGNED | {"public_field_definition"},
        leading=_types("decorator"),
    ),
    Language(
        "TSX",
        (".tsx",),
        "tree_sitter_typescript",
        _types(
            f"{_SCRIPT} abstract_class_declaration interface_declaration type_alias_declaration enum_declaration "
            "internal_module module function_signature"
        ),
        function="language_tsx",
        assigned=_SCRIPT_ASSIGNED | {"public_field_definition"},
        leading=_types("decorator"),
    ),
    Language("Go", (".go",), "tree_sitter_go", _types("function_declaration method_declaration type_declaration")),
    Language(
        "Rust",
        (".rs",),
        "tree_sitter_rust",
        _types(
            "function_item function_signature_item struct_item enum_item union_item trait_item impl_item mod_item "
            "macro_definition type_item"
        ),
        leading=_types("attribute_item"),
    ),
    Language(
        "Java",
        (".java",),
        "tree_sitter_java",
        _types(
            "class_declaration interface_declaration enum_declaration record_declaration annotation_type_declaration "
            "method_declaration constructor_declaration compact_constructor_declaration module_declaration"
        ),
    ),
    Language("C", (".c",), "tree_sitter_c", _types(_C)),
    Language(
        "C++",
        (
            ".cc",
            ".cpp",
            ".cxx",
            ".c++",
            ".hh",
            ".hpp",
            ".hxx",
            ".h++",
            ".h",
            ".ipp",
            ".tpp",
            ".inl",
            ".cu",
            ".cuh",
            ".ino",
        ),
        "tree_sitter_cpp",
        _types(f"{_C} class_specifier namespace_definition concept_definition alias_declaration"),
    ),
    Language(
        "C#",
        (".cs", ".csx"),
        "tree_sitter_c_sharp",
        _types(
            "namespace_declaration class_declaration struct_declaration interface_declaration enum_declaration "
            "record_declaration delegate_declaration method_declaration constructor_declaration destructor_declaration "
            "operator_declaration conversion_operator_declaration indexer_declaration property_declaration "
            "event_declaration local_function_statement"
        ),
    ),
    Language(
        "Ruby",
        (".rb", ".rake", ".gemspec", ".ru"),
        "tree_sitter_ruby",
        _types("module class singleton_class method singleton_method"),
        names=("RAKEFILE", "GEMFILE", "VAGRANTFILE", "PODFILE", "BREWFILE", "FASTFILE", "GUARDFILE", "CAPFILE"),
    ),
    Language(
        "PHP",
        (".php", ".phtml"),
        "tree_sitter_php",
        _types(
            "namespace_definition class_declaration interface_declaration trait_declaration enum_declaration "
            "function_definition method_declaration"
        ),
        function="language_php",
    ),
    Language("Shell", (".sh", ".bash", ".zsh", ".ksh", ".bats"), "tree_sitter_bash", _types("function_definition")),
    Language(
        "SQL",
        (".sql", ".ddl"),
        "tree_sitter_sql",
        _types(
            "create_table create_view create_materialized_view create_function create_procedure create_trigger "
            "create_index create_type create_schema create_sequence create_database create_role create_policy "
            "create_extension"
        ),
    ),
    Language(
        "Kotlin",
        (".kt", ".kts"),
        "tree_sitter_kotlin",
        _types(
            "class_declaration object_declaration companion_object function_declaration secondary_constructor "
            "type_alias"
        ),
        optional=True,
    ),
    Language(
        "Swift",
        (".swift",),
        "tree_sitter_swift",
        _types(
            "class_declaration protocol_declaration function_declaration protocol_function_declaration "
            "init_declaration deinit_declaration subscript_declaration typealias_declaration macro_declaration"
        ),
        optional=True,
    ),
    Language(
        "Scala",
        (".scala", ".sc", ".sbt"),
        "tree_sitter_scala",
        _types(
            "class_definition object_definition trait_definition enum_definition package_object function_definition "
            "function_declaration given_definition extension_definition type_definition"
        ),
        optional=True,
    ),
    Language(
        "Lua",
        (".lua",),
        "tree_sitter_lua",
        _types("function_declaration"),
        assigned=_types("variable_declaration assignment_statement field"),
        optional=True,
    ),
    Language(
        "Haskell",
        (".hs",),
        "tree_sitter_haskell",
        _types("function bind data_type newtype type_synomym class instance type_family data_family"),
        leading=_types("signature haddock"),
        optional=True,
    ),
    Language(
        "CSS",
        (".css",),
        "tree_sitter_css",
        _types("rule_set media_statement keyframes_statement supports_statement at_rule"),
        optional=True,
    ),
)


@cache
def _by_name() -> dict[str, Language]:
    return {key: language for language in LANGUAGES for key in (*language.suffixes, *language.names)}


def language_of(path: PurePath, lines: Sequence[str]) -> Language | None:
    """Find the language of a file by its name; a header is C unless its lines can only be C++."""
    suffix = path.suffix.lower()
    if suffix == ".h" and not any(map(_CPP_ONLY.match, islice(lines, _HEADER_LINES))):
        suffix = ".c"
    return _by_name().get(suffix or path.name.upper())
