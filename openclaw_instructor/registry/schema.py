"""The arguments of each kind: the JSON Schema that every surface shows, and how large they may be.

Flat objects with no `oneOf` at the root: agent hosts reject other shapes. Sizes stay out of the schemas: llama.cpp
turns `maxLength` and `maxItems` into grammar repetitions and from 2,000 on refuses the whole tool list
(https://github.com/ggml-org/llama.cpp/issues/25746). `LIMITS` holds them, and the descriptions say them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MAX_TOP_K = 100

# Characters of a text, or entries of a list and characters of each.
LIMITS: Mapping[str, int | tuple[int, int]] = {
    "query": 20_000,
    "collection": 64,
    "path": 1_000,
    "text": 200_000,
    "subject": 2_000,
    "body": 1_000_000,
    "from": 2_000,
    "to": 50_000,
    "raw": 20_000_000,
    "labels": (100, 400),
    "candidates": (2_000, 20_000),
}

_DATE = r"^\d{4}-\d{2}-\d{2}$"


def search(collection: str, top_k: int, mode: str) -> dict[str, Any]:
    return _object(
        ["query"],
        query=_text("What to look for: a question or a few words, in plain language."),
        top_k=_top_k("How many passages to return", top_k),
        collection=_text("Which indexed collection to search.") | {"default": collection},
        path=_text("Only files whose path matches this glob, such as `guides/*.md`."),
        after=_day("Only files modified on this day or later (YYYY-MM-DD)."),
        before=_day("Only files modified before this day (YYYY-MM-DD)."),
        mode={
            "type": "string",
            "enum": ["hybrid", "vector", "keyword"],
            "default": mode,
            "description": "Search by meaning (vector), by exact words (keyword) or by both (hybrid).",
        },
    )


def classify(source: str) -> dict[str, Any]:
    labels = {
        "type": "array",
        "items": _text("A label."),
        "minItems": 2,
        "uniqueItems": True,
        "description": (
            "Only to sort by other labels than the tool's own, for this call: at least 2, at most 100, "
            "each `name` or `name: what belongs to it`."
        ),
    }
    if source == "email":
        return _object(
            [],
            subject=_text("Subject line.", blank=True),
            body=_text("Body, plain text or HTML. Give at least a subject or a body, or else `raw`.", blank=True),
            **{
                "from": _text(
                    "Sender, as in the From header. Comes back in the result; the label rests on subject and body.",
                    blank=True,
                )
            },
            to=_text("Recipients, as in the To header. The label does not depend on them.", blank=True),
            raw=_text("The whole message with its headers (.eml, RFC 822), instead of the other fields."),
            labels=labels,
        )
    return _object(["text"], text=_text("The text to classify."), labels=labels)


def match(top_k: int, threshold: float) -> dict[str, Any]:
    return _object(
        ["query", "candidates"],
        query=_text("The text to find the like of."),
        candidates={
            "type": "array",
            "items": _text("A candidate.", blank=True),
            "minItems": 1,
            "description": "The texts to compare with the query, at most 2,000.",
        },
        top_k=_top_k("How many matches to return at most", top_k),
        threshold={
            "type": "number",
            "minimum": -1,
            "maximum": 1,
            "default": threshold,
            "description": "Lowest score that counts as a match: cosine similarity, 1 being the same meaning.",
        },
    )


def _object(required: list[str], **properties: dict[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    return schema | ({"required": required} if required else {})


def _text(description: str, *, blank: bool = False) -> dict[str, Any]:
    return {"type": "string", "description": description} | ({} if blank else {"minLength": 1})


def _day(description: str) -> dict[str, Any]:
    return {"type": "string", "pattern": _DATE, "description": description}


def _top_k(description: str, default: int) -> dict[str, Any]:
    return {
        "type": "integer",
        "minimum": 1,
        "maximum": MAX_TOP_K,
        "default": default,
        "description": f"{description}, 1 to {MAX_TOP_K}.",
    }
