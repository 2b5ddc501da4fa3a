"""LaTeX and BibTeX."""

from __future__ import annotations

import pytest

from tests.documents.office_files import outline, read_as

ARTICLE = r"""\documentclass[12pt]{article}
\usepackage{amsmath} % comment
\newcommand{\foo}[1]{Foo #1}
\title{On Gr\"obner \emph{Bases}}
\author{Anna M\"{u}ller \and Tom Ray\thanks{Uni}}
\date{2024-03-05}
\begin{document}
\maketitle
\begin{abstract}
Short abstract.
\end{abstract}

\section{Intro\label{sec:intro}}
See \cite[p.~3]{Smith2004}.\footnote{A \textbf{bold} note.}

\subsection*[Short]{A long
title over lines}
\begin{itemize}
  \item first \href{http://x.y}{link text}
  \item[Key] second
\end{itemize}
\begin{verbatim}
def f():  # not a comment

    \section{no}
\end{verbatim}
\begin{table}[h]
\caption{Prices}
\begin{tabular}{l|r}
\hline
Part & Price \\
P-1 & 3.50 \\
P-2 & 4.50 \\
\end{tabular}
\end{table}
\begin{theorem}[Pythagoras]
$a^2+b^2=c^2$
\end{theorem}
\input{other}
\end{document}
ignored
"""


def test_an_article() -> None:
    document = read_as("a.tex", ARTICLE.encode())
    assert outline(document) == [
        "Short abstract.",
        "### Intro",
        "See [Smith2004]. (A bold note.)",
        "#### A long title over lines",
        "  - first link text\n  - Key second",
        "def f(): # not a comment\n\n    \\section{no}",
        "Prices",
        "Part | Price",
        "[Part | Price] P-1 | 3.50",
        "[Part | Price] P-2 | 4.50",
        "Theorem (Pythagoras).\n$a^2+b^2=c^2$",
    ]
    assert document.title == "On Gröbner Bases"
    assert document.metadata == {"author": "Anna Müller, Tom Ray (Uni)", "date": "2024-03-05"}
    assert document.notes == ["includes other files, which are read on their own"]


def test_lines_are_those_of_the_source() -> None:
    document = read_as("a.tex", ARTICLE.encode())
    source = ARTICLE.split("\n")
    assert len(document.lines) == len(source)
    for words in ("Short abstract", "Prices", "P-2", "first", "def f"):
        numbers = [[n for n, line in enumerate(lines) if words in line] for lines in (document.lines, source)]
        assert numbers[0] == numbers[1]


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (r"Na\"{\i}ve caf\'e, Stra\ss e, \v{S}koda, \c c, \aa, \O", "Naïve café, Straße, Škoda, ç, å, Ø"),
        (r"50\% \& \$5 \#1 a\_b \{x\}", "50% & $5 #1 a_b {x}"),
        (r"``Quoted'' text -- or --- not~broken", "“Quoted” text – or — not broken"),
        (r"so $x_1 \le \frac{a}{b}$ and \[ E = mc^2 \] and \(y\)", r"so $x_1 \le \frac{a}{b}$ and E = mc^2 and y"),
        (r"costs 5$ only", "costs 5$ only"),
        (r"\verb|\section{x}| and \url{http://x.y/%7E}", r"\section{x} and http://x.y/%7E"),
        (r"\textbf{bold \emph{both}} plain {\bfseries bold}", "bold both plain bold"),
        ("text % comment\nnext", "text\nnext"),
        (r"A & B", "A & B"),
        (r"\def\x#1{gone}kept \setlength{\parindent}{0pt}\label{a}here", "#1gonekept here"),
        (r"unclosed {\it text", "unclosed text"),
        (r"stray } brace and \ end\\", "stray  brace and  end"),
    ],
)
def test_markup_becomes_what_it_prints(source: str, text: str) -> None:
    assert read_as("a.tex", source.encode()).text.split() == text.split()


def test_a_bibliography() -> None:
    text = '@book{knuth,\n  author = {Donald K\\"onig},\n  title = {TeX}\n}\n@misc{x,\n  title={Y},\n\n  year=2020}\n'
    document = read_as("a.bib", text.encode())
    assert outline(document) == [
        "@book{knuth,\n  author = {Donald König},\n  title = {TeX}\n}", "@misc{x,\n  title={Y},", "  year=2020}",
    ]  # fmt: skip


def test_hostile_sources_take_no_time() -> None:
    for piece in (r"\footnote{", r"\(", "$", r"\begin{verbatim}", "{", r"\label{", r"\section{", "[", r"\item["):
        read_as("a.tex", piece.encode() * 20_000)
        read_as("a.tex", piece.encode() * 20_000 + b"}" * 20_000)
