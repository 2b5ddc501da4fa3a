"""Open ZIP archives of XML, such as Office files and EPUB books, within limits and without trusting them.

Nothing is fetched, and libxml2 bounds depth, and what entities may grow to, unless it is told that trees may be huge.
"""

from __future__ import annotations

import contextlib
import io
import zipfile
import zlib
from collections.abc import Collection, Iterator
from typing import IO, TYPE_CHECKING

from openclaw_instructor.documents.content import identify
from openclaw_instructor.documents.document import UnreadableDocument

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

MAX_UNPACKED_BYTES = 300_000_000
# Text compresses to a tenth, a sheet of equal numbers to a hundredth.
_MAX_RATIO = 200
_RATIO_FROM_BYTES = 20_000_000
_MAX_MEMBERS = 20_000
_ENCRYPTED = 0x1
DAMAGED = "damaged: its parts cannot be read"


class Archive:
    """The members of a ZIP, by names that ignore case and the direction of slashes.

    Raises UnreadableDocument for what is no ZIP, is encrypted, or would unfold to more than can be meant. Only what is
    read counts: a presentation may be full of videos.
    """

    def __init__(self, data: bytes) -> None:
        if not data.startswith(b"PK"):
            content = identify(data)
            raise UnreadableDocument(content.name if content else "not a file of this format" if data else "empty")
        self._unpacked = 0
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
            members = self._zip.infolist()
        except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError):
            raise UnreadableDocument("damaged: its end is missing or its directory broken") from None
        if len(members) > _MAX_MEMBERS:
            raise UnreadableDocument(f"holds more than {_MAX_MEMBERS} parts")
        self._members = {_name(member.filename): member for member in members}

    def __contains__(self, name: str) -> bool:
        return _name(name) in self._members

    def names(self) -> list[str]:
        """List the names of all members, in lower case."""
        return list(self._members)

    def read(self, name: str) -> bytes:
        """Read the content of a member; b"" if there is none. Raises UnreadableDocument."""
        with self._open(name) as file:
            return file.read()

    def xml(self, name: str) -> Element | None:
        """Parse an XML member and return its root; None if there is no such member. Raises UnreadableDocument."""
        from lxml import etree

        if name not in self:
            return None
        with self._open(name) as file, _xml_faults():
            parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True)
            root: Element = etree.parse(file, parser).getroot()
            return root

    def elements(self, name: str, *tags: str, inside: Collection[str], keep: bool = False) -> Iterator[Element]:
        """Yield the children of elements whose local name is in `inside`, as they are parsed.

        With `tags`, only children with one of these local names are returned. An element's memory is released when the
        next one is taken, unless `keep` is set. Raises UnreadableDocument.
        """
        from lxml import etree

        if name not in self:
            return
        with self._open(name) as file, _xml_faults():
            found = etree.iterparse(
                file,
                tag=[f"{{*}}{tag}" for tag in tags] or None,
                resolve_entities=False,
                no_network=True,
                remove_comments=True,
                remove_pis=True,
            )
            for _, element in found:
                parent = element.getparent()
                if parent is not None and local(parent) in inside:
                    yield element
                    if keep:
                        continue
                    element.clear()
                    while element.getprevious() is not None:
                        del parent[0]

    def _open(self, name: str) -> _Member:
        member = self._members.get(_name(name))
        if member is None:
            return _Member(io.BytesIO())
        if member.flag_bits & _ENCRYPTED:
            raise UnreadableDocument("encrypted: it opens with a password only")
        self._unpacked += member.file_size
        is_bomb = member.file_size > max(_RATIO_FROM_BYTES, _MAX_RATIO * member.compress_size)
        if is_bomb or self._unpacked > MAX_UNPACKED_BYTES:
            raise UnreadableDocument(f"unfolds to {member.file_size // 1_000_000} MB or more")
        try:
            return _Member(self._zip.open(member))
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError):
            raise UnreadableDocument(DAMAGED) from None


class _Member:
    """A member as a file; errors in it are raised as those of the document."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def __enter__(self) -> _Member:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read(self, size: int = -1) -> bytes:
        try:
            return self._file.read(size)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError):
            raise UnreadableDocument(DAMAGED) from None


@contextlib.contextmanager
def _xml_faults() -> Iterator[None]:
    from lxml import etree

    try:
        yield
    except etree.XMLSyntaxError as error:
        said = str(error).lower()
        if "entit" in said:
            raise UnreadableDocument("refused: its XML defines entities, as attacks do") from None
        raise UnreadableDocument("nested too deeply" if "depth" in said else DAMAGED) from None


def local(element: Element) -> str:
    """Return the name of an element without its namespace.

    The strict and the common Office formats differ only in their namespaces.
    """
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def attribute(element: Element, name: str) -> str:
    """Return the value of an attribute in any namespace; "" if there is none."""
    if (value := element.get(name)) is not None:
        return value
    return next((value for key, value in element.items() if key.rpartition("}")[2] == name), "")


def child(element: Element | None, *names: str) -> Element | None:
    """Return the first child of that name, then its first child of the next name; None if one is missing."""
    for name in names:
        if element is None:
            return None
        element = next((one for one in element if local(one) == name), None)
    return element


def _name(name: str) -> str:
    return name.replace("\\", "/").lstrip("/").lower()
