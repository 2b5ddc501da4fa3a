"""The words of a text: folded alike on both sides, names taken apart, literals kept."""

from __future__ import annotations

import hashlib
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_instructor.index import fulltext
from openclaw_instructor.index.words import EXACT, extras, fold, forms, standing, unspaced, words


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Résumé naïve façade", "resume naive facade"),
        ("re\u0301sume\u0301", "resume"),
        ("co\u00adoperate zero\u200bwidth", "cooperate zerowidth"),
        ("Đường phố Việt Nam", "duong pho viet nam"),
        ("ΕΛΛΆΔΑ Ελλάδα ὁδός ΟΔΟΣ", "ελλαδα ελλαδα οδοσ οδοσ"),
        ("Ёжик ёлка Майский", "ежик елка маискии"),
        ("Straße STRASSE ẞ", "strasse strasse ss"),
        ("ﬁle ﬂow eﬃcient", "file flow efficient"),
        ("ｆｕｌｌ　ｗｉｄｔｈ ４２", "full width 42"),
        ("Øre Łódź Æther œuvre ısı", "ore lodz aether oeuvre isi"),
        ("e‑mail e−mail it’s", "e-mail e-mail it's"),
        ("CO₂ m² note¹", "co2 m2 note "),
        ("Product™ Company®", "product  company "),
        ("plain ASCII", "plain ascii"),
    ],
)
def test_what_looks_alike_is_the_same(text: str, folded: str) -> None:
    assert fold(text) == folded


@given(st.text(alphabet=st.characters(max_codepoint=0x1FFF, exclude_categories=("Cs", "Cn")), max_size=30))
def test_composed_and_decomposed_texts_have_the_same_words(text: str) -> None:
    for form in ("NFC", "NFD"):
        assert words(unicodedata.normalize(form, text)) == words(unicodedata.normalize("NFC", text))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("call getFileSize()", "call get file size"),
        ("HTTPServer XMLHttpRequest base64Encode", "http server xml http request base64 encode"),
        ("PDFs over IPv6, sha256, A4", "pdfs over ipv6 sha256 a4"),
        ("get_file_size get-file-size GET_FILE_SIZE", "get file size get file size get file size"),
        ("v3.14.2 V2.0 v8", "v 3 14 2 v 2 0 v8"),
        ("東京都 APIキー か\u3099 น้ำ", "東京 京都 都 api キー ー が นา า"),
        ("हिन्दी 🚀❤️", "हिन्दी 🚀 ❤"),
        ("x" * 70 + "Yzz", "x" * 70 + "yzz"),
    ],
)
def test_words_stand_in_order_with_names_taken_apart(text: str, found: str) -> None:
    assert forms(text) == found.split()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("getFileSize", "get file size getfilesize="),
        ("get_file_size e-mail", "getfilesize= email= get_file_size= e-mail="),
        ("ERR-7731", "err7731= err-7731= err^"),
        ("at 10.0.0.1:8080, on 2024-03-05.", "20240305= 10.0.0.1:8080= 2024-03-05="),
        ("git --dry-run -v C++ C#", "dryrun= --dry-run= -v= c++= c#="),
        ("1,000,000 people", "1000000="),
        ("ask IT in the U.S. now", "u.s= it^ us^"),
        ("well, nothing. Here", ""),
        ("a--b ... -- x_ _y", ""),
    ],
)
def test_a_text_is_found_by_its_names_and_literals_too(text: str, found: str) -> None:
    assert extras(text) == found.split()


@given(st.text(max_size=40))
def test_a_word_stands_where_it_is_said_to(text: str) -> None:
    for position, word in standing(text):
        assert text[position : position + len(word)] == word


def test_scripts_without_blanks_are_known() -> None:
    assert [unspaced(word) for word in ("東京", "ไทย", "한국", "tokyo", "", "東a")] == [
        True,
        True,
        True,
        False,
        False,
        False,
    ]


def test_another_stream_needs_a_migration() -> None:
    """Rows are removed from the full text by the streams that they were written with: after a change of these, a new
    step of `migrations.py` fills `passages` anew, and then this digest is changed."""
    text = "The getFileSize of Việt Nam's naïve café: ERR-7731, v3.14.2, --dry-run 東京都 IT e-mail 1,000 C++ U.S. 🚀"
    made = [
        fulltext.word_stream(text),
        fulltext.extras_stream("A", "B c", "d", text),
        fulltext.forms_stream("", "B", "", text),
    ]
    assert EXACT in made[1]
    assert hashlib.sha256("\n".join(made).encode()).hexdigest()[:16] == "ba1210081cd29eae"
