"""Make the WordPiece tokenizer: masks are single tokens, words in camel case or snake case are several words."""

from collections.abc import Iterable
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


def train(texts: Iterable[str], *, vocabulary: int) -> Tokenizer:
    """A WordPiece tokenizer of at most `vocabulary` pieces learnt from masked lines."""
    tokenizer = Tokenizer(models.WordPiece(unk_token=SPECIAL[UNKNOWN], max_input_chars_per_word=64))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Replace(Regex(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])"), " "),
            normalizers.BertNormalizer(),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=vocabulary,
        min_frequency=2,
        special_tokens=[*SPECIAL, *PLACEHOLDERS],
        continuing_subword_prefix="##",
        show_progress=False,
    )
    tokenizer.train_from_iterator([*texts, *[" ".join(_CODES)] * _CODE_COPIES], trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", START), ("[SEP]", END)]
    )
    return tokenizer
