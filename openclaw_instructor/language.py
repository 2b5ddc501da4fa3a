"""Tell the language of a text by its frequent words and its letters, or that it is too short to tell much."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

# The most frequent words of each language that are not words of English.
_WORDS = {
    "German": "und der die das ist nicht ich sie wir ein eine mit für auf dem den von zu bitte ihre haben werden",
    "French": "le la les des et est vous nous une pour dans pas que sur avec votre merci bonjour je cette",
    "Spanish": "el la los las que de y en por para con su una es usted gracias hola se del como",
    "Italian": "il lo gli che di e per con una è sono non del della nel grazie ciao si le questo",
    "Portuguese": "o os as que de e em para com uma não é você seu sua por do da obrigado se",
    "Dutch": "de het een en van is niet ik je u wij voor met op dat zijn naar uw bedankt aan",
    "Swedish": "och att det är inte jag du vi en för med på av som till den har hej din tack",
    "Danish or Norwegian": "og at det er ikke jeg du vi en for med på av som til den har hei hej din takk tak",
    "Finnish": "ja on ei se että hän me olen kanssa ole niin kuin mutta hei kiitos sinun voit tämä oli jos",
    "Polish": "i w na nie się z do to jest że proszę dzień dobry dla jak po za od pan pani",
    "Czech or Slovak": "a v na se je že do to s z pro jsem dobrý den prosím jak po za ako sa",
    "Hungarian": "a az és hogy nem is egy van ez meg ha csak kérem köszönöm de vagy már mint el",
    "Romanian": "și în de la cu pe nu este că un o pentru mai din sau vă mulțumesc bună ce dacă",
    "Turkish": "ve bir bu için ile de da çok ben sen değil merhaba teşekkürler olarak daha gibi var sizin ama ne",
    "Vietnamese": "và là của có không được cho tôi bạn một các này xin với để trong đã người những khi",
    "Indonesian": "dan yang di untuk dengan ini itu tidak anda saya dari akan ke pada kami terima kasih ada bisa",
}
_OF_ENGLISH = (
    "the of and to in is you that it for on with as this are be your have from or we can not will at our if please "
    "has was an by my but all me do so what up out about which when there how any more here i"
)
_ENGLISH = frozenset(_OF_ENGLISH.split())
# Letters that stand alone, and parts of addresses, are found in every language.
_STOPWORDS = {
    name: frozenset(word for word in words.split() if len(word) > 1 and word != "com") - _ENGLISH
    for name, words in _WORDS.items()
}
_WORD = re.compile(r"[^\W\d_]+")
_ENOUGH, _READ = 4, 400
_FEW_WORDS = 3
# Lists and code have a word of English here and there, sentences one in five at least.
_ENGLISH_SHARE = 0.15


def other_language(text: str) -> str:
    """Name the language of a text that is not in English, or its script; "" for English and for what cannot be told."""
    words = [word.casefold() for word, _ in zip(_WORD.findall(text[:8_000]), range(_READ), strict=False)]
    letters = "".join(words)
    foreign = Counter(_script(letter) for letter in letters[:1_000])
    foreign.pop("LATIN", None)
    # Chinese has no kana, but for a borrowed sign; of a Japanese text they may be the smaller part.
    if 10 * sum(foreign[kana] for kana in _KANA) > foreign.total():
        foreign["HIRAGANA"] += foreign.pop("CJK", 0)
    if foreign and foreign.total() > 0.5 * min(len(letters), 1_000):
        return f"{_SCRIPTS.get(foreign.most_common(1)[0][0], foreign.most_common(1)[0][0].capitalize())} script"
    if len(words) < _ENOUGH:
        return ""
    english = sum(word in _ENGLISH for word in words)
    counts = {name: sum(word in stopwords for word in words) for name, stopwords in _STOPWORDS.items()}
    best = max(counts, key=counts.__getitem__)
    return best if counts[best] >= max(2, 0.08 * len(words)) and counts[best] > 2 * english else ""


def language(text: str) -> str:
    """Name the language of a text, or its script; "" for what cannot be told, such as a list of numbers."""
    if other := other_language(text):
        return other
    words = [word.casefold() for word, _ in zip(_WORD.findall(text[:8_000]), range(_READ), strict=False)]
    return "English" if sum(word in _ENGLISH for word in words) >= max(2, _ENGLISH_SHARE * len(words)) else ""


def is_short(text: str) -> bool:
    """Whether there are so few words that a label rests on little; a script without blanks counts its letters."""
    words = _WORD.findall(text[:1_000])
    return len(words) < _FEW_WORDS and sum(map(len, words)) < 20


_KANA = ("HIRAGANA", "KATAKANA")
_SCRIPTS = {"CJK": "Chinese", "HIRAGANA": "Japanese", "KATAKANA": "Japanese", "HANGUL": "Korean"}


def _script(letter: str) -> str:
    return unicodedata.name(letter, "OTHER").partition(" ")[0].partition("-")[0]
