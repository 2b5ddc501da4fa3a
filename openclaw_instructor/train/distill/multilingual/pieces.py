"""Add pieces of other languages to an English WordPiece vocabulary, so that English text is cut as before.

The English pieces keep their numbers. New ones are trained on text with an equal share of each language. Of these, the
ones that English texts would use are left out: there the English pieces are to serve on.
Accents stay, because without them Hindi, Japanese, Korean and Vietnamese lose letters, and words of Han,
Hiragana and Katakana end where the script changes, because between them there are no spaces.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from openclaw_instructor.model.tokenizer_rules import SCRIPT_RUNS
from openclaw_instructor.train.distill.multilingual.rows import AlignedTexts
from openclaw_instructor.train.distill.vocabulary import SPECIAL

if TYPE_CHECKING:
    from tokenizers import Tokenizer

LONGEST_WORD = 400  # characters; a run of Han has no space for long
CHARACTERS = 1_200_000  # of each language, to train the pieces on
ALPHABET = 9_000
ENGLISH_SHARE = 0.2  # a piece that is used in English this often, relative to other languages, is left out
_MORE = 1.15  # pieces trained for each one wanted
_ENGLISH_TEXTS = 60_000
_ROUNDS = 12  # at most; a piece that is left out may let another take its place


def write_multilingual_tokenizer(english: Path, texts: AlignedTexts, size: int, folder: Path) -> Path:
    """Write the tokenizer at `english` with pieces for the languages of `texts`, `size` in all, into `folder`."""
    content = json.loads((english / "tokenizer.json").read_text(encoding="utf-8"))
    old: dict[str, int] = content["model"]["vocab"]
    wanted = size - len(old)
    trained = _train(texts, int(wanted * _MORE))
    new = [piece for piece in trained if piece not in old]
    foreign = [text for _, text in _balanced(texts, CHARACTERS // 4)]
    plain = [text for text in texts.english if text.isascii()][:_ENGLISH_TEXTS]
    for _ in range(_ROUNDS):
        pieces = [*old, *new]
        used = _assembled(content, pieces)
        in_english, elsewhere = _counts(used, plain, pieces), _counts(used, foreign, pieces)
        kept = [piece for piece in new if in_english[piece] <= ENGLISH_SHARE * elsewhere[piece]]
        if len(kept) == len(new):
            break
        new = kept
    folder.mkdir(parents=True, exist_ok=True)
    _assembled(content, [*old, *new[:wanted]]).save(str(folder / "tokenizer.json"), pretty=False)
    config = (english / "tokenizer_config.json").read_text(encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(config, encoding="utf-8")
    return folder


def _train(texts: AlignedTexts, count: int) -> list[str]:
    """Train pieces on equal shares of the languages, the commonest first."""
    from tokenizers import Tokenizer, models, trainers

    tokenizer = Tokenizer(models.WordPiece(unk_token=SPECIAL[1], max_input_chars_per_word=LONGEST_WORD))
    _set_rules(tokenizer)
    trainer = trainers.WordPieceTrainer(
        vocab_size=count, limit_alphabet=ALPHABET, special_tokens=list(SPECIAL), show_progress=False
    )
    tokenizer.train_from_iterator((text for _, text in _balanced(texts, CHARACTERS)), trainer)
    numbers = tokenizer.get_vocab()
    return [piece for piece in sorted(numbers, key=numbers.__getitem__) if piece not in SPECIAL]


def _assembled(content: dict[str, object], pieces: Sequence[str]) -> Tokenizer:
    """Make a tokenizer of these pieces with the special tokens and edges of `content`."""
    from tokenizers import Tokenizer

    model = dict(content["model"])  # type: ignore[call-overload]
    model |= {"vocab": {piece: number for number, piece in enumerate(pieces)}}
    model |= {"max_input_chars_per_word": LONGEST_WORD}
    tokenizer = Tokenizer.from_str(json.dumps(content | {"model": model}))
    _set_rules(tokenizer)
    return tokenizer


def _set_rules(tokenizer: Tokenizer) -> None:
    from tokenizers import Regex, normalizers, pre_tokenizers

    bert = normalizers.BertNormalizer(handle_chinese_chars=False, strip_accents=False, lowercase=True)
    # Turkish İ is lower-cased to an i with a dot above of its own.
    dotted = normalizers.Replace("i\N{COMBINING DOT ABOVE}", "i")
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), bert, dotted])
    runs = pre_tokenizers.Split(Regex(SCRIPT_RUNS), "isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.BertPreTokenizer(), runs])


def _balanced(texts: AlignedTexts, characters: int) -> Iterator[tuple[str, str]]:
    """Yield (language, text) until each language has so many characters."""
    used: dict[str, int] = defaultdict(int)
    for _, language, text in texts.translations:
        if used[language] < characters:
            used[language] += len(text)
            yield language, text


def _counts(tokenizer: Tokenizer, texts: Sequence[str], pieces: Sequence[str]) -> Counter[str]:
    counts: Counter[int] = Counter()
    for encoding in tokenizer.encode_batch_fast(list(texts), add_special_tokens=False):
        counts.update(encoding.ids)
    return Counter({pieces[number]: count for number, count in counts.items()})
