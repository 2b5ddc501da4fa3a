"""List the control words of RTF 1.9.1 by what the reader does with them."""

from __future__ import annotations

# Encodings by the number of a font's character set.
CHARSETS = {
    0: "cp1252", 77: "mac_roman", 128: "cp932", 129: "cp949", 130: "johab", 134: "gb18030", 136: "big5hkscs",
    161: "cp1253", 162: "cp1254", 163: "cp1258", 177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251",
    222: "cp874", 238: "cp1250", 254: "cp437", 255: "cp850",
}  # fmt: skip
# Encodings of documents by control word.
ENCODINGS = {"mac": "mac_roman", "pc": "cp437", "pca": "cp850"}
# What control words and symbols print.
SIGNS = {
    "tab": "\t", "line": "\n", "emdash": "—", "endash": "–", "bullet": "•", "lquote": "‘", "rquote": "’",  # noqa: RUF001
    "ldblquote": "“", "rdblquote": "”", "emspace": " ", "enspace": " ", "qmspace": " ", "nestcell": " ",
    "nestrow": " ", "~": "\u00a0", "_": "-", "-": "", "{": "{", "}": "}", "\\": "\\",
}  # fmt: skip
# Groups whose text is not part of the document.
SKIPPED = frozenset(
    """
    colortbl listtable listoverridetable revtbl rsidtbl generator header headerl headerr headerf footer footerl footerr
    footerf pict themedata colorschememapping datastore latentstyles xmlnstbl fldinst template private tc tcn xe rxe
    ftnsep ftnsepc ftncn aftnsep aftnsepc aftncn objdata objclass bkmkstart bkmkend filetbl shprslt nonshppict sp
    docvar userprops operator category comment doccomm company manager hlinkbase subject printim buptim
    """.split()  # noqa: SIM905
)
# Groups marked as optional, which a program may skip, whose text is read.
OPTIONAL = frozenset(
    "footnote annotation atnauthor shptxt shpinst shpgrp do dptxbxtext pntext nesttableprops moMath mr".split()  # noqa: SIM905
)
# Destinations: groups whose text is collected apart from the body.
DESTINATIONS = frozenset(
    {"fonttbl", "stylesheet", "footnote", "annotation", "atnauthor", "title", "author", "keywords", "creatim", "revtim"}
)
