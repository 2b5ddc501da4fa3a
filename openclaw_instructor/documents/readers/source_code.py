"""Read source code by its definitions where there is a grammar, else by blank lines."""

from __future__ import annotations

import re
from pathlib import PurePath

from openclaw_instructor.documents.document import Block, Document, UnreadableDocument
from openclaw_instructor.documents.encoding import binary, lines_of
from openclaw_instructor.documents.formats import Format
from openclaw_instructor.documents.readers.text import paragraphs
from openclaw_instructor.documents.syntax.languages import LANGUAGES, Language, language_of

# Larger files are data rather than settings, and not worth searching.
_MAX_DATA_BYTES = 200_000
_DATA_SUFFIXES = (".json", ".jsonc", ".json5", ".xml")
# A file that mostly consists of longer lines was generated.
_LONG_LINE = 2_000
_LONG_SHARE = 0.5
_LOCKED_VERSIONS = re.compile(r"(?:.*[-.])?lock\.(?:json|ya?ml)|npm-shrinkwrap\.json", re.IGNORECASE)
# Read by blank lines.
_OTHER_SUFFIXES = (
    ".ada", ".adb", ".ads", ".ahk", ".applescript", ".asm", ".astro", ".awk", ".bas", ".bat", ".bicep", ".cfg",
    ".clj", ".cljc", ".cljs", ".cls", ".cmake", ".cmd", ".cob", ".coffee", ".conf", ".cr", ".cypher", ".d", ".dart",
    ".edn", ".dockerfile", ".ejs", ".el", ".elm", ".erb", ".erl", ".ex", ".exs", ".f", ".f03", ".f08", ".f90",
    ".f95", ".fish", ".feature", ".for", ".frag", ".fs", ".fsi", ".fsx", ".gd", ".glsl", ".gql", ".gradle",
    ".graphql", ".groovy", ".haml", ".hbs", ".hcl", ".hlsl", ".hrl", ".ini", ".j2", ".jinja", ".jinja2", ".jl",
    ".json", ".json5", ".jsonc", ".jsp", ".just", ".less", ".liquid", ".lisp", ".lsp", ".m", ".m4", ".mk", ".ml",
    ".mli", ".mm", ".mustache", ".nim", ".nix", ".nu", ".odin", ".pas", ".pl", ".pm", ".pp", ".prisma", ".pro",
    ".properties", ".proto", ".ps1", ".psd1", ".psm1", ".pug", ".purs", ".qml", ".r", ".raku", ".rego", ".rkt",
    ".robot", ".s", ".sass", ".scm", ".scss", ".service", ".sol", ".styl", ".sv", ".svelte", ".svh", ".tcl", ".tf",
    ".tfvars", ".thrift", ".toml", ".twig", ".v", ".vb", ".vert", ".vhd", ".vhdl", ".vim", ".vue", ".wgsl", ".xml",
    ".yaml", ".yml", ".zig",
)  # fmt: skip
_OTHER_NAMES = (
    "MAKEFILE", "GNUMAKEFILE", "DOCKERFILE", "CONTAINERFILE", "JENKINSFILE", "PROCFILE", "JUSTFILE", "EARTHFILE",
    "TILTFILE", "CADDYFILE", "CODEOWNERS",
)  # fmt: skip


def read(data: bytes, path: PurePath) -> Document:
    """Read source code: a definition, or several small ones, under the definitions around it.

    Raises UnreadableDocument for what programs write for programs: minified code, lists of locked versions, data.
    """
    lines, notes = _written_lines(data, path)
    language = language_of(path, lines)
    if language is None:
        return Document(lines, paragraphs(lines, 1, len(lines)), notes=notes)
    blocks, reason = _by_syntax(lines, language)
    if reason:
        notes = [*notes, f"read by blank lines, not by its definitions: {reason}"]
    blocks = blocks or paragraphs(lines, 1, len(lines))
    return Document(lines, blocks, metadata={"language": language.name}, notes=notes)


def _written_lines(data: bytes, path: PurePath) -> tuple[list[str], list[str]]:
    """Return the lines of a file that a person may have written, and notes on its encoding."""
    if binary(data):
        raise UnreadableDocument("a binary file")
    if _LOCKED_VERSIONS.fullmatch(path.name):
        raise UnreadableDocument("a generated list of locked versions")
    if path.suffix.lower() in _DATA_SUFFIXES and len(data) > _MAX_DATA_BYTES:
        raise UnreadableDocument(
            f"data, not settings: {len(data) / 1000:.0f} kB are over the limit of {_MAX_DATA_BYTES // 1000} kB"
        )
    lines, notes = lines_of(data)
    long = sum(len(line) for line in lines if len(line) > _LONG_LINE)
    # What programs export is one line too, and has been bounded above.
    if path.suffix.lower() not in _DATA_SUFFIXES and long > _LONG_SHARE * sum(map(len, lines)):
        raise UnreadableDocument(f"minified or generated: most of it is lines of over {_LONG_LINE:,} characters")
    return lines, notes


def _by_syntax(lines: list[str], language: Language) -> tuple[list[Block], str]:
    """Return the blocks of the text, or none and the reason."""
    from openclaw_instructor.documents.syntax import parsing, pieces

    # Some scanners take NUL for the end of the text.
    source = "\n".join(lines).replace("\0", " ").encode("utf-8", "replace")
    if len(source) > parsing.MAX_BYTES:
        return [], f"it is over {parsing.MAX_BYTES // 1_000_000} MB"
    try:
        tree = parsing.parse(source, language)
    except ImportError:
        return [], f"no grammar for {language.name} is installed; run: {language.install_hint}"
    if tree is None:
        return [], "parsing it takes too long"
    return pieces.blocks(tree.root_node, source, lines, language), ""


# Installing a grammar changes the version, so that the files of its language are read again.
FORMATS = (
    *(
        Format(
            language.name,
            language.suffixes,
            read,
            version=2 if language.installed else 1,
            names=language.names,
            isolated=True,
        )
        for language in LANGUAGES
    ),
    Format(
        "other code and settings",
        _OTHER_SUFFIXES,
        read,
        names=_OTHER_NAMES,
        patterns=("DOCKERFILE.*", "CONTAINERFILE.*", "MAKEFILE.*", "JENKINSFILE.*"),
    ),
)
