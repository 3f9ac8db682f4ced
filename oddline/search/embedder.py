"""Turn patterns and questions into vectors that lie near each other where they mean the same."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer

from oddline.errors import ModelUnavailable

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

    def __init__(self, *, session: onnxruntime.InferenceSession, tokenizer: Tokenizer, config: dict[str, Any]) -> None:
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
        try:
            config = json.loads((folder / "config.json").read_bytes())
            model, words = (
                _checked(folder / name, config["sha256"][name]) for name in ("model.onnx", "tokenizer.json")
            )
            tokenizer = Tokenizer.from_str(words.decode())
            tokenizer.enable_truncation(config["max_tokens"] + tokenizer.num_special_tokens_to_add(is_pair=False))
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = threads
            options.inter_op_num_threads = 1
            session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except OSError as error:
            raise ModelUnavailable(f"model {folder.name}: {error.strerror}: {error.filename}") from error
        except (KeyError, TypeError, ValueError) as error:
            raise ModelUnavailable(f"model {folder.name}: config.json cannot be used: {error!r}") from error
        return cls(session=session, tokenizer=tokenizer, config=config)

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


def _checked(file: Path, checksum: str) -> bytes:
    body = file.read_bytes()
    if hashlib.sha256(body).hexdigest() != checksum:
        raise ModelUnavailable(f"model {file.parent.name}: {file.name} is not the file that config.json names")
    return body
