"""List well-known checkpoints: how they take instructions, their sizes and licences. Imports nothing heavy.

Sizes, limits and licences are those of the model cards on the hub. What a card says of instructions is in `form`,
`prompts` and `template` (see `instructions.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Known:
    """A checkpoint: dimension, most tokens of a text, millions of weights, languages, licence, and form.

    `matryoshka` are the dimensions it may be truncated to; `runs` is "here" or "st" (through sentence-transformers).
    """

    dimension: int
    max_tokens: int
    millions: int
    languages: str
    licence: str
    form: Literal["masked", "prefix", "template", "none"] = "none"
    prompts: tuple[tuple[str, str], ...] = ()
    template: str = ""
    matryoshka: tuple[int, ...] = ()
    runs: Literal["here", "st"] = "here"


_E5 = (("query", "query: "), ("document", "passage: "), ("text", "query: "))
_BGE = (("query", "Represent this sentence for searching relevant passages: "),)
_MXBAI = _BGE
_ARCTIC_2 = (("query", "query: "),)
_GEMMA = (
    ("query", "task: search result | query: "),
    ("document", "title: none | text: "),
    ("text", "task: sentence similarity | query: "),
)
_INSTRUCT = "Instruct: {instruction}\nQuery: "
_QWEN = "Instruct: {instruction}\nQuery:"
_HALVES = (512, 256, 128)

KNOWN: dict[str, Known] = {
    "mini": Known(384, 512, 19, "English", "Apache-2.0", "masked"),
    "hkunlp/instructor-base": Known(768, 512, 110, "English", "Apache-2.0", "masked"),
    "hkunlp/instructor-large": Known(768, 512, 335, "English", "Apache-2.0", "masked"),
    "hkunlp/instructor-xl": Known(768, 512, 1_241, "English", "Apache-2.0", "masked"),
    "sentence-transformers/gtr-t5-base": Known(768, 512, 110, "English", "Apache-2.0"),
    "sentence-transformers/sentence-t5-base": Known(768, 256, 110, "English", "Apache-2.0"),
    "sentence-transformers/all-MiniLM-L6-v2": Known(384, 256, 23, "English", "Apache-2.0"),
    "sentence-transformers/all-MiniLM-L12-v2": Known(384, 128, 33, "English", "Apache-2.0"),
    "sentence-transformers/all-mpnet-base-v2": Known(768, 384, 109, "English", "Apache-2.0"),
    "sentence-transformers/multi-qa-mpnet-base-dot-v1": Known(768, 512, 109, "English", "not stated"),
    "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2": Known(384, 128, 118, "50 languages", "Apache-2.0"),
    "BAAI/bge-small-en-v1.5": Known(384, 512, 33, "English", "MIT", "prefix", _BGE),
    "BAAI/bge-base-en-v1.5": Known(768, 512, 109, "English", "MIT", "prefix", _BGE),
    "BAAI/bge-large-en-v1.5": Known(1024, 512, 335, "English", "MIT", "prefix", _BGE),
    "BAAI/bge-m3": Known(1024, 8192, 568, "100 languages", "MIT"),
    "intfloat/e5-small-v2": Known(384, 512, 33, "English", "MIT", "prefix", _E5),
    "intfloat/multilingual-e5-small": Known(384, 512, 118, "94 languages", "MIT", "prefix", _E5),
    "intfloat/multilingual-e5-base": Known(768, 512, 278, "94 languages", "MIT", "prefix", _E5),
    "intfloat/multilingual-e5-large": Known(1024, 512, 560, "94 languages", "MIT", "prefix", _E5),
    "intfloat/multilingual-e5-large-instruct": Known(
        1024, 512, 560, "94 languages", "MIT", "template", template=_INSTRUCT
    ),
    "thenlper/gte-base": Known(768, 512, 109, "English", "MIT"),
    "Snowflake/snowflake-arctic-embed-m-v1.5": Known(
        768, 512, 109, "English", "Apache-2.0", "prefix", _BGE, matryoshka=(256,)
    ),
    "Snowflake/snowflake-arctic-embed-l-v2.0": Known(
        1024, 8192, 568, "74 languages", "Apache-2.0", "prefix", _ARCTIC_2, matryoshka=(256,)
    ),
    "mixedbread-ai/mxbai-embed-large-v1": Known(
        1024, 512, 335, "English", "Apache-2.0", "prefix", _MXBAI, matryoshka=_HALVES
    ),
    "MongoDB/mdbr-leaf-ir": Known(768, 512, 23, "English", "Apache-2.0", "prefix", _BGE, matryoshka=_HALVES),
    "ibm-granite/granite-embedding-english-r2": Known(768, 8192, 149, "English", "Apache-2.0"),
    "Alibaba-NLP/gte-modernbert-base": Known(768, 8192, 149, "English", "Apache-2.0"),
    "Qwen/Qwen3-Embedding-0.6B": Known(
        1024, 32_768, 596, "100 languages", "Apache-2.0", "template", template=_QWEN, matryoshka=_HALVES, runs="st"
    ),
    "google/embeddinggemma-300m": Known(
        768, 2048, 308, "100 languages", "Gemma", "prefix", _GEMMA, matryoshka=_HALVES, runs="st"
    ),
}


def reads_only_english(name: str) -> bool:
    """Whether the checkpoint of this name is known to read English alone."""
    return name in KNOWN and KNOWN[name].languages == "English"
