"""Make the WordPiece tokenizer: masks are single tokens, words in camel case or snake case are several words.

It is learnt from masked lines, or cut out of the vocabulary of a published checkpoint.
"""

from collections.abc import Sequence
from typing import Final

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

from oddline.patterns import PLACEHOLDERS

SPECIAL: Final = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
PAD, UNKNOWN, START, END, MASK = range(len(SPECIAL))
# Codes that mean something in themselves; training text is too small to have them all often enough.
_CODES: Final = (
    *map(str, range(32)),
    *("100", "200", "201", "202", "204", "206", "301", "302", "304", "400", "401", "403", "404", "405", "408", "409"),
    *("410", "413", "422", "429", "499", "500", "501", "502", "503", "504", "507", "104", "110", "111", "113"),
    *("124", "126", "127", "128", "129", "130", "134", "135", "136", "137", "139", "143", "254", "255"),
)
_CODE_COPIES: Final = 200  # Enough for each to become a piece of its own.
COMMON_WORDS: Final = 10_000  # Of a published vocabulary's 30,000: what follows is names and other languages.
_SHORT_PIECE: Final = 3


def train(texts: Sequence[str], *, vocabulary: int) -> Tokenizer:
    """A WordPiece tokenizer of at most `vocabulary` pieces learnt from masked lines, the same from the same ones."""
    learner = _tokenizer(models.WordPiece(unk_token=SPECIAL[UNKNOWN]))
    learner.add_special_tokens([*SPECIAL, *PLACEHOLDERS])
    lines = [*texts, *[" ".join(_CODES)] * _CODE_COPIES]
    letters = sorted({letter for text in lines for letter in learner.normalizer.normalize_str(text) if letter > " "})
    # The trainer numbers letters as a hash map holds them, and breaks ties by number: they are numbered here.
    first = [*SPECIAL, *PLACEHOLDERS, *letters, *(f"##{letter}" for letter in letters)]
    trainer = trainers.WordPieceTrainer(
        vocab_size=vocabulary, min_frequency=2, special_tokens=first, limit_alphabet=len(letters), show_progress=False
    )
    learner.train_from_iterator(lines, trainer)

    return _over(learner.get_vocab())


def cut(words: Sequence[str], texts: Sequence[str], *, common: int = COMMON_WORDS) -> Tokenizer:
    """A tokenizer over those of `words` (a checkpoint's vocabulary, the most frequent first) that logs need.

    These are the ones that occur in `texts`, the `common` first, and all short pieces, so that anything can be spelt.
    """
    plain = [word for word in words if word.isascii() and not word.startswith("[")]
    everything = _over({word: row for row, word in enumerate(dict.fromkeys([*SPECIAL, *PLACEHOLDERS, *plain]))})
    seen = {token for line in everything.encode_batch(texts) for token in line.tokens}
    kept = [
        word
        for row, word in enumerate(plain)
        if word in seen or row < common or len(word.removeprefix("##")) <= _SHORT_PIECE
    ]
    return _over({word: row for row, word in enumerate(dict.fromkeys([*SPECIAL, *PLACEHOLDERS, *kept]))})


def _over(vocabulary: dict[str, int]) -> Tokenizer:
    """The tokenizer of a vocabulary that begins with SPECIAL and PLACEHOLDERS."""
    tokenizer = _tokenizer(models.WordPiece(vocabulary, unk_token=SPECIAL[UNKNOWN], max_input_chars_per_word=64))
    tokenizer.add_special_tokens([*SPECIAL, *PLACEHOLDERS])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", START), ("[SEP]", END)]
    )
    return tokenizer


def _tokenizer(model: models.WordPiece) -> Tokenizer:
    """A tokenizer that takes camel case and snake case apart, lowers and splits as BERT does."""
    tokenizer = Tokenizer(model)
    camel_case = normalizers.Replace(Regex(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])"), " ")
    tokenizer.normalizer = normalizers.Sequence([camel_case, normalizers.BertNormalizer()])
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return tokenizer
