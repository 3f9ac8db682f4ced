"""Further models for tests: the shipped files under another version, with other figures in config.json."""

import json
import shutil
from pathlib import Path
from typing import Any

from oddline.settings import Settings

BUILT_IN = Settings(_env_file=None).model_folder  # type: ignore[call-arg]


def built_in_version() -> str:
    """The version of the shipped model."""
    return str(json.loads((BUILT_IN / "config.json").read_bytes())["version"])


def model_folder(parent: Path, *, version: str = "second", **figures: Any) -> Path:
    """A folder with a model that reads lines as the shipped one does; `figures` are other values in its config.json."""
    folder = Path(shutil.copytree(BUILT_IN, parent / f"{version}-{len(list(parent.iterdir()))}"))
    config = json.loads((folder / "config.json").read_bytes()) | {"version": version} | figures
    (folder / "config.json").write_text(json.dumps(config))
    return folder
