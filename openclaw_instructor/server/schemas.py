"""Define the bodies of requests, and refuse invalid ones in one sentence."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr, ValidationError
from starlette.requests import Request

from openclaw_instructor.errors import InvalidArguments
from openclaw_instructor.server.request_body import is_file

MAX_INPUTS = 2_048
MAX_INPUT_CHARACTERS = 200_000

# Matches surrogate pairs and other escapes first, so that the group matches lone surrogates only.
_ESCAPES = re.compile(rb"\\u[dD][89abAB]..\\u[dD][c-fC-F]..|(\\u[dD][89a-fA-F]..)|\\.", re.DOTALL)

# The answer of POST /v1/rerank.
RERANKED = {
    "type": "object",
    "required": ["model", "results", "truncated"],
    "properties": {
        "model": {"type": "string"},
        "results": {
            "type": "array",
            "description": "Best first.",
            "items": {
                "type": "object",
                "required": ["index", "relevance_score"],
                "properties": {
                    "index": {"type": "integer", "description": "The place of the document in the request, from 0."},
                    "relevance_score": {"type": "number"},
                    "document": {"type": "object", "properties": {"text": {"type": "string"}}},
                },
            },
        },
        "truncated": {
            "type": "array",
            "items": {"type": "integer"},
            "description": "Documents that did not fit whole.",
        },
    },
}

# The answer of POST /v1/embeddings.
EMBEDDINGS = {
    "type": "object",
    "required": ["object", "model", "data", "usage", "truncated"],
    "properties": {
        "object": {"const": "list"},
        "model": {"type": "string"},
        "data": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["object", "index", "embedding"],
                "properties": {
                    "object": {"const": "embedding"},
                    "index": {"type": "integer"},
                    "embedding": {
                        "description": "L2-normalised: numbers, or base64 of little-endian float32.",
                        "anyOf": [{"type": "array", "items": {"type": "number"}}, {"type": "string"}],
                    },
                },
            },
        },
        "usage": {
            "type": "object",
            "properties": {"prompt_tokens": {"type": "integer"}, "total_tokens": {"type": "integer"}},
        },
        "truncated": {"type": "array", "items": {"type": "integer"}, "description": "Texts that did not fit whole."},
    },
}

_Body = TypeVar("_Body", bound=BaseModel)


# A path of this service: a link must not lead a browser elsewhere.
_OWN_PAGE = r"^/([A-Za-z0-9._~-][A-Za-z0-9._~/?&=-]*)?$"


class Strict(BaseModel):
    """A body that has nothing but what is named here."""

    model_config = ConfigDict(extra="forbid")


class IndexAdd(Strict):
    """Body of POST /v1/index/add."""

    name: StrictStr = Field(min_length=1, max_length=64)
    # Absolute: a caller's working directory and home are not the daemon's.
    folders: list[Annotated[StrictStr, Field(pattern="^/[^\\x00]*$")]] = Field(min_length=1, max_length=10_000)
    include: list[StrictStr] = []
    exclude: list[StrictStr] = []


class IndexName(Strict):
    """Body of POST /v1/index/remove; without a folder, the whole collection."""

    name: StrictStr = Field(min_length=1, max_length=64)
    folder: Annotated[StrictStr, Field(pattern="^/[^\\x00]*$")] | None = None


class IndexInspect(Strict):
    """Body of POST /v1/index/inspect."""

    task: StrictStr = Field("search_docs", min_length=1, max_length=64)
    arguments: dict[str, Any] = Field(description="The arguments of the task.")
    expect: StrictStr = Field(min_length=1, max_length=4_200, description="The file that should be found.")
    changes: dict[str, Any] = Field({}, description="Keys of the task that are otherwise, such as `instructions`.")


class IndexCheck(Strict):
    """Body of POST /v1/index/verify and /repair; `full` compares or makes anew every word of the full text."""

    full: StrictBool = False


class IndexFile(Strict):
    """Body of POST /v1/index/backup and /restore: a file of the daemon's machine."""

    file: Annotated[StrictStr, Field(pattern="^/[^\\x00]*$")]


class IndexExport(IndexFile):
    """Body of POST /v1/index/export; without names, every collection."""

    names: list[Annotated[StrictStr, Field(min_length=1, max_length=64)]] = []


class IndexImport(IndexFile):
    """Body of POST /v1/index/import; `roots` maps the folders of the export to those of this machine."""

    roots: dict[str, StrictStr] = {}
    replace: StrictBool = False


class Nothing(Strict):
    """Body of a request that has nothing to say."""


class IndexSync(Strict):
    """Body of POST /v1/index/sync; without a name, every collection. `full` reads every file."""

    name: StrictStr | None = Field(None, min_length=1, max_length=64)
    full: StrictBool = False


class SessionLink(Strict):
    """Body of POST /v1/session/link: what the session may do, and the page that the browser goes on to."""

    scope: Literal["read", "write", "admin"] = "write"
    # A path of this service: the link must not lead a browser elsewhere.
    page: Annotated[StrictStr, Field(pattern=r"^/([A-Za-z0-9._~-][A-Za-z0-9._~/?&=-]*)?$", max_length=500)] | None = (
        None
    )


class DecisionsRequest(Strict):
    """Body of POST /v1/decisions: a batch of OpenClaw's decision contract, version 1, and the model it chose."""

    state: Any = Field(None, description="The evidence: a text, or JSON whose names and values are read as text.")
    questions: dict[str, dict[str, Any]] = Field(
        min_length=1,
        description="By name: a `choice` with `criteria` {label: description}, a `score` with a list of levels, or a "
        "`boolean` with descriptions of `true` and `false`; each with optional `instructions`.",
    )
    model: StrictStr | None = Field(None, description="The checkpoint that is served; GET /v1/models names it.")


class RerankDocument(BaseModel):
    """A document of POST /v1/rerank, where it is written as an object."""

    model_config = ConfigDict(extra="ignore")

    text: Annotated[StrictStr, Field(max_length=MAX_INPUT_CHARACTERS)]


class EmbeddingsRequest(BaseModel):
    """Body of POST /v1/embeddings, as OpenAI's, plus `input_type`. What other servers also take is ignored."""

    model_config = ConfigDict(extra="ignore")

    input: StrictStr | list[StrictStr] = Field(description="A text, or up to 2,048 texts.")
    model: StrictStr | None = Field(None, description="The checkpoint that is served; GET /v1/models names it.")
    input_type: StrictStr = Field(
        "", max_length=2_000, description="A name of the registry's embeddings, a task such as `search_docs.query`, "
        "or an instruction written out. Empty: no instruction.",
    )  # fmt: skip
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: StrictInt | None = Field(
        None, description="Fewer than the checkpoint's own only where it was trained for that."
    )
    user: StrictStr | None = Field(None, description="Ignored.")

    @property
    def texts(self) -> list[str]:
        """The input as a list."""
        return [self.input] if isinstance(self.input, str) else self.input


class RerankRequest(BaseModel):
    """Body of POST /v1/rerank, as Cohere's and Jina's. What other servers also take is ignored."""

    model_config = ConfigDict(extra="ignore")

    query: StrictStr = Field(min_length=1, max_length=MAX_INPUT_CHARACTERS)
    documents: list[StrictStr | RerankDocument] = Field(min_length=1, max_length=MAX_INPUTS)
    top_n: StrictInt | None = Field(None, ge=1, description="Most results; default: one for each document.")
    return_documents: bool = Field(False, description="Repeat the text of each document in its result.")
    model: StrictStr | None = Field(None, description="Ignored: one model is served.")

    @property
    def texts(self) -> list[str]:
        """The texts of the documents."""
        return [known if isinstance(known, str) else known.text for known in self.documents]


async def read_object(request: Request) -> dict[str, Any]:
    """Read the JSON object of a body; an empty body is an empty object. Raises InvalidArguments."""
    if is_file(request.scope):
        raise InvalidArguments("the body is announced as a file; send one JSON object as application/json")
    body = await request.body()
    if not body.strip():
        return {}
    try:
        value = _parsed(body)
    except orjson.JSONDecodeError as error:
        raise InvalidArguments(f"the body is not valid JSON ({error}); send one JSON object in UTF-8") from None
    if not isinstance(value, dict):
        raise InvalidArguments(f"the body must be a JSON object, not {type(value).__name__}")
    return value


def _parsed(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if "surrogate" not in str(error):
            raise
    # JavaScript may cut a text inside an emoji and write a lone surrogate, which becomes the replacement character.
    return orjson.loads(_ESCAPES.sub(lambda escape: b"\\ufffd" if escape[1] else escape[0], body))


async def read(request: Request, kind: type[_Body]) -> _Body:
    """Read the body as `kind`. Raises InvalidArguments."""
    value = await read_object(request)
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        message = f"`{place}`: {first['msg'][:1].lower()}{first['msg'][1:]}; see /openapi.json"
        raise InvalidArguments(message, str(first["loc"][0])) from None


async def read_embeddings(request: Request) -> EmbeddingsRequest:
    """Read the body of POST /v1/embeddings.

    Raises InvalidArguments, with a clear message for token lists and sizes.
    """
    value = await read_object(request)
    given = value.get("input")
    first = given[0] if isinstance(given, list) and given else None
    if isinstance(first, int | list) and not isinstance(first, bool):
        raise InvalidArguments(
            "`input` holds token ids; send texts, because another tokenizer's ids mean nothing here. LangChain's "
            "OpenAIEmbeddings sends texts with check_embedding_ctx_length=False",
            "input",
        )
    if given == []:
        raise InvalidArguments("`input` is an empty list; send at least one text", "input")
    checked = await read(request, EmbeddingsRequest)
    if len(checked.texts) > MAX_INPUTS:
        message = f"`input` has {len(checked.texts):,} texts and the limit is {MAX_INPUTS:,}; send fewer"
        raise InvalidArguments(message, "input")
    for number, text in enumerate(checked.texts):
        if len(text) > MAX_INPUT_CHARACTERS:
            raise InvalidArguments(
                f"`input[{number}]` is {len(text):,} characters long and the limit is {MAX_INPUT_CHARACTERS:,}", "input"
            )
    return checked
