"""The sentence encoder says the same of a text whatever stands beside it, and refuses files that are not its own."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from oddline.errors import ModelUnavailable
from oddline.search import Embedder
from oddline.search.embedder import BUILT_IN, MODEL_VERSION


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return Embedder.load()


def test_a_vector_does_not_depend_on_its_neighbours(embedder: Embedder) -> None:
    texts = ["disk full", "user logged in", "connection to <ip> lost", "", "\ud800 磁盘", "word " * 5_000]

    together, alone = embedder.embed(texts), np.vstack([embedder.embed([text]) for text in texts])

    assert together.shape == (len(texts), embedder.dimension)
    assert np.allclose(together, alone, atol=1e-5)
    assert np.allclose(np.linalg.norm(together, axis=1), 1.0, atol=1e-4)


def test_what_means_the_same_lies_nearer_than_what_shares_a_word(embedder: Embedder) -> None:
    question, same, other = embedder.embed(["storage device broken", "I/O error on disk", "storage of cookies allowed"])

    assert question @ same > question @ other


def test_a_model_is_the_files_that_it_names(tmp_path: Path) -> None:
    folder = shutil.copytree(BUILT_IN, tmp_path / MODEL_VERSION)
    (folder / "tokenizer.json").write_text("{}")

    with pytest.raises(ModelUnavailable, match=r"tokenizer.json is not the file"):
        Embedder.load(folder)
    (folder / "config.json").unlink()
    with pytest.raises(ModelUnavailable, match=r"config.json"):
        Embedder.load(folder)
