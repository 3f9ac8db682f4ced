"""Open the folder of a model: the files that its config.json names and no others, its tokenizer, its session."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnxruntime
from tokenizers import Tokenizer

from oddline.errors import ModelUnavailable


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """What a folder holds: `config.json`, `model.onnx` and `tokenizer.json`."""

    config: Mapping[str, Any]
    model: bytes
    tokenizer: bytes

    def open_tokenizer(self) -> Tokenizer:
        """The tokenizer, which cuts at what the model reads.

        Raises:
            ModelUnavailable: it cannot be read.
        """
        try:
            tokenizer = Tokenizer.from_str(self.tokenizer.decode())
        except Exception as error:  # tokenizers raises bare Exception for whatever it cannot read.
            raise ModelUnavailable(f"tokenizer.json cannot be read: {error}") from error
        tokenizer.no_padding()
        tokenizer.enable_truncation(self.config["max_tokens"] + tokenizer.num_special_tokens_to_add(is_pair=False))
        return tokenizer

    def open_session(
        self, *, threads: int, optimization: onnxruntime.GraphOptimizationLevel
    ) -> onnxruntime.InferenceSession:
        """The model, ready to be run.

        Raises:
            ModelUnavailable: it cannot be opened.
        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.graph_optimization_level = optimization
        try:
            return onnxruntime.InferenceSession(self.model, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's errors share no base but Exception.
            raise ModelUnavailable(f"model.onnx cannot be opened: {error}") from error


@contextmanager
def opened_model(folder: Path) -> Iterator[ModelFiles]:
    """The files of a folder, for a block that makes something of them.

    Raises:
        ModelUnavailable: a file is missing, damaged, not the one that config.json names, or the block finds that
            config.json lacks what it needs.
    """
    try:
        config = json.loads((folder / "config.json").read_bytes())
        model, tokenizer = (
            _checked(folder / name, config["sha256"][name]) for name in ("model.onnx", "tokenizer.json")
        )
        yield ModelFiles(config, model, tokenizer)
    except OSError as error:
        raise ModelUnavailable(f"model {folder.name}: {error.strerror}: {error.filename}") from error
    except (KeyError, TypeError, ValueError) as error:  # What is not JSON, or lacks a member, is a ValueError too.
        raise ModelUnavailable(f"model {folder.name}: config.json cannot be used: {error!r}") from error


def _checked(file: Path, checksum: str) -> bytes:
    body = file.read_bytes()
    if hashlib.sha256(body).hexdigest() != checksum:
        raise ModelUnavailable(f"model {file.parent.name}: {file.name} is not the file that config.json names")
    return body
