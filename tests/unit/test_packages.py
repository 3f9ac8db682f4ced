"""What the packages of the functions hold: locked as everything is, and nothing that only others need."""

import re
from pathlib import Path

import pytest

from functions.package import ROOT, SHARED, own_files


def pins(file: Path) -> set[str]:
    return set(re.findall(r"^[a-z0-9.-]+==[^ \\;]+", file.read_text(), re.MULTILINE))


@pytest.mark.parametrize("function", SHARED)
def test_what_a_function_needs_is_pinned_as_in_the_lock_file(function: str) -> None:
    folder = ROOT / "functions" / function
    named = {re.split(r"[\[=]", line)[0] for line in (folder / "requirements.in").read_text().split()}

    pinned = pins(folder / "requirements.txt")

    assert pinned <= pins(ROOT / "requirements.lock")
    assert named <= {pin.partition("==")[0] for pin in pinned}


@pytest.mark.parametrize("function", SHARED)
def test_a_package_holds_its_own_function_and_no_model(function: str) -> None:
    files = {file.relative_to(ROOT) for file in own_files(function)}

    assert Path("functions", function, "app.py") in files
    assert {file.parts[1] for file in files if file.parts[0] == "functions" and len(file.parts) > 2} == {
        function,
        *SHARED[function],
    }
    assert sum((ROOT / file).stat().st_size for file in files) < 2 * 1024**2
    contexts = {file.parts[1] for file in files if file.parts[0] == "oddline"}
    assert not {"local", "cli", "client", "cost", "sample"} & contexts
