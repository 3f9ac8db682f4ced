"""Settings: from the environment, frozen, and all of them documented."""

from pathlib import Path

import pytest
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from oddline.errors import NotConfigured
from oddline.settings import DEFAULT_MODEL, Settings

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "settings.md"


def row(name: str, field: FieldInfo) -> str:
    default = "the shipped model" if field.default == DEFAULT_MODEL else str(field.default or "")
    return f"| `ODDLINE_{name.upper()}` | {default} | {field.description} |"


def test_every_setting_stands_in_the_documentation_with_its_default() -> None:
    documented = [line for line in DOCUMENT.read_text().splitlines() if line.startswith("| `ODDLINE_")]

    assert documented == [row(name, field) for name, field in Settings.model_fields.items()]


def test_a_setting_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ODDLINE_PUBLISH_PAUSE", "7.5")

    assert Settings().publish_pause == 7.5


def test_the_sources_of_log_groups_are_read_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ODDLINE_TRIGGER_SOURCES", '{"/aws/lambda/pay": "payments"}')

    assert Settings().trigger_sources == {"/aws/lambda/pay": "payments"}


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().port = 1  # type: ignore[misc]  # that is what is tried


def test_each_role_has_its_own_url_or_the_general_one() -> None:
    settings = Settings(database_url="postgresql://general", database_url_ingest="postgresql://own")

    assert settings.database_url_for("ingest") == "postgresql://own"
    assert settings.database_url_for("search") == "postgresql://general"


def test_a_missing_url_is_named() -> None:
    with pytest.raises(NotConfigured, match="ODDLINE_DATABASE_URL_SEARCH"):
        Settings(database_url="").database_url_for("search")
