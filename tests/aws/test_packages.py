"""What `sam build` made: small, for the right Python and processor, and without what a function never loads."""

import os
from pathlib import Path

import pytest
from cfnlint.decode import decode

ELF_MACHINES = {"arm64": 0xB7, "x86_64": 0x3E}  # e_machine of the ELF header
NEVER = {
    "boto3", "botocore", "celery", "click", "inquirer", "numpy", "onnxruntime", "pip", "polars", "setuptools",
    "sqlalchemy", "tokenizers", "torch", "worker_image",
}  # fmt: skip
MOST_MB = 60  # unpacked, without compiled files; cryptography has 15 of them; Lambda takes 250


@pytest.fixture(scope="module")
def packages(request: pytest.FixtureRequest) -> dict[str, Path]:
    folder: Path = request.config.getoption("--packages")
    template, _ = decode(str(folder / "template.yaml"))
    return {
        name: folder / name
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function" and "Handler" in resource["Properties"]
    }


def test_every_zip_function_has_one(packages: dict[str, Path]) -> None:
    assert {"Ingest", "Console", "Reconcile", "LogEvents", "UploadedFiles"} <= packages.keys()
    assert all((package / "oddline" / "settings.py").is_file() for package in packages.values())


def test_none_holds_what_lambda_brings_or_only_workers_load(packages: dict[str, Path]) -> None:
    for package in packages.values():
        assert not NEVER & {path.name for path in package.iterdir()}
        assert not [*package.rglob("*.onnx"), *package.glob("oddline/sample/*"), *package.glob("oddline/local/*")]


def test_each_is_small(packages: dict[str, Path]) -> None:
    for package in packages.values():
        files = [path for path in package.rglob("*") if path.is_file() and path.suffix != ".pyc"]

        assert sum(path.stat().st_size for path in files) < MOST_MB * 1024**2


def test_machine_code_is_for_the_python_and_processor_asked_for(packages: dict[str, Path]) -> None:
    machine = ELF_MACHINES[os.environ.get("LAMBDA_ARCHITECTURE", "arm64")]
    python = "cpython-" + os.environ.get("LAMBDA_PYTHON", "3.14").replace(".", "")

    for package in packages.values():
        libraries = [path for path in package.rglob("*") if ".so" in path.suffixes]
        assert libraries
        for library in libraries:
            assert int.from_bytes(library.read_bytes()[18:20], "little") == machine, library
            assert "cpython-" not in library.name or python in library.name
