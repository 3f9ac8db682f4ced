"""The images say what the code says: commands, queues, settings, Python, what is asked of AWS."""

import importlib
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from oddline.database import ROLES
from oddline.errors import NotConfigured
from oddline.settings import Settings
from oddline.tasks import Queue
from worker_image.migrate import passwords
from worker_image.trim import AWS_SERVICES

ROOT = Path(__file__).resolve().parents[2]
WORKER, SEARCH = ROOT / "worker_image" / "Dockerfile", ROOT / "functions" / "search" / "Dockerfile"
DOCUMENT = ROOT / "docs" / "image.md"
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "infra" / "compose.yaml").read_text())
URLS = {
    f"database_url_{role.removeprefix('oddline_')}": f"postgresql://{role}:p%40ss-{role}@host/oddline" for role in ROLES
}


def pins(lock: Path) -> set[str]:
    return set(re.findall(r"^\S+==.*(?= \\$)", lock.read_text(), re.MULTILINE))


@pytest.mark.parametrize("lock", ["worker_image", "functions/search", "infra"])
def test_an_image_installs_what_is_tested(lock: str) -> None:
    installed = pins(ROOT / lock / "requirements.lock")

    assert installed
    assert installed <= pins(ROOT / "requirements.lock")


@pytest.mark.parametrize("dockerfile", [WORKER, SEARCH])
def test_an_image_has_the_python_of_the_functions(dockerfile: Path) -> None:
    template = (ROOT / "template.yaml").read_text()

    (version,) = re.findall(r"^ARG BASE=\S+/python:(\S+)-slim$", dockerfile.read_text(), re.MULTILINE)

    assert f"Runtime: python{version}\n" in template


@pytest.mark.parametrize("dockerfile", [WORKER, SEARCH])
def test_a_dockerfile_sets_settings_and_starts_what_there_is(dockerfile: Path) -> None:
    text = dockerfile.read_text()

    settings = {name.lower() for name in re.findall(r"\bODDLINE_(\w+)=", text)}
    modules = re.findall(r'"(worker_image[\w.]*|functions[\w.]*)"', text)

    assert settings == {"home"}
    assert modules
    for module in modules:
        home, _, attribute = module.rpartition(".")
        assert find_spec(home)
        assert hasattr(importlib.import_module(home), attribute) or find_spec(module), module


def test_the_documented_workers_take_each_queue_once_and_class_by_class() -> None:
    served = re.findall(r"^\| (\w+) \| `(?:\w+,?)+` \|", DOCUMENT.read_text(), re.MULTILINE)
    queues = re.findall(r"^\| \w+ \| `((?:\w+,?)+)` \|", DOCUMENT.read_text(), re.MULTILINE)

    assert served == ["scoring", "general", "background"]
    assert sorted(",".join(queues).split(",")) == sorted(Queue)


def test_the_documented_variables_are_settings_or_the_drivers_own() -> None:
    named = set(re.findall(r"`([A-Z][A-Z_]{5,})`", DOCUMENT.read_text()))

    settings = {f"ODDLINE_{name.upper()}" for name in Settings.model_fields}
    assert named <= settings | {"PGPASSWORD", "REMAP_SIGTERM", "REQUIREMENTS"}
    assert {f"ODDLINE_{name.upper()}" for name in URLS} <= named


def test_compose_gives_settings_and_starts_what_there_is() -> None:
    ours = [service for service in COMPOSE["services"].values() if service["image"] == "oddline-all"]

    modules = [service["command"][0] for service in ours if "command" in service]
    variables = {name for service in ours for name in service["environment"]}

    assert all(find_spec(module) for module in modules)
    assert variables <= {f"ODDLINE_{name.upper()}" for name in Settings.model_fields}


def test_images_keep_what_the_code_asks_of_aws() -> None:
    sources = [path for folder in ("oddline", "functions", "worker_image") for path in (ROOT / folder).rglob("*.py")]

    asked = {name for path in sources for name in re.findall(r"\.client\(\s*\"([\w-]+)\"", path.read_text())}

    assert {"s3", "sesv2"} <= asked
    assert asked <= AWS_SERVICES


def test_migrations_take_each_roles_password_from_its_url() -> None:
    assert passwords(Settings(**URLS)) == {role: f"p@ss-{role}" for role in ROLES}


@pytest.mark.parametrize(
    "url", ["", "postgresql://oddline_search@host/oddline", "postgresql://oddline_worker:p@host/o"]
)
def test_migrations_refuse_a_url_without_its_role_or_password(url: str) -> None:
    with pytest.raises(NotConfigured, match="ODDLINE_DATABASE_URL_SEARCH"):
        passwords(Settings(**URLS | {"database_url_search": url}))
