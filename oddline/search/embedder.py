"""Turn patterns and questions into vectors that lie near each other where they mean the same."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer

from oddline.scoring import opened_model

MODEL_VERSION: Final = "minilm-1"  # another one has every pattern get its vector anew
BUILT_IN: Final = Path(__file__).parent / "models" / MODEL_VERSION
_READ_CHARS: Final = 2_048  # no 64 tokens are longer, but for padding with blanks; bounds the cost of a hostile line
_TEXTS_AT_ONCE: Final = 32

Vectors = NDArray[np.float32]


class Embedder:
    """A sentence encoder in ONNX Runtime. Make one per process, after any fork: sessions do not survive one.

    Attributes:
        version: name of the model, which vectors are kept under.
        dimension: length of a vector.
    """

    def __init__(
        self, *, session: onnxruntime.InferenceSession, tokenizer: Tokenizer, config: Mapping[str, Any]
    ) -> None:
        self._session = session
        self._tokenizer = tokenizer
        self.version: str = config["version"]
        self.dimension: int = config["dimension"]

    @classmethod
    def load(cls, folder: Path = BUILT_IN, *, threads: int = 1) -> "Embedder":
        """The model of a folder with `config.json`, `model.onnx` and `tokenizer.json`.

        Raises:
            ModelUnavailable: a file is missing, damaged, or not the one that config.json names.
        """
        with opened_model(folder) as files:
            everything = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
            session = files.open_session(threads=threads, optimization=everything)
            return cls(session=session, tokenizer=files.open_tokenizer(), config=files.config)

    def embed(self, texts: Sequence[str]) -> Vectors:
        """A vector of unit length for each text, (texts, dimension); neighbours change nothing."""
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        by_length: dict[int, list[tuple[int, list[int]]]] = defaultdict(list)
        for place, text in enumerate(texts):
            ids = self._tokenizer.encode(text[:_READ_CHARS].encode(errors="replace").decode()).ids
            by_length[len(ids)].append((place, ids))
        for lines in by_length.values():  # texts of as many tokens run together: nothing is padded
            for start in range(0, len(lines), _TEXTS_AT_ONCE):
                places, rows = zip(*lines[start : start + _TEXTS_AT_ONCE], strict=True)
                (vectors[list(places)],) = self._session.run(
                    ["embedding"], {"input_ids": np.array(rows, dtype=np.int64)}
                )
        return vectors
