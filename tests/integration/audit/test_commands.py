"""`oddline audit`, and what the other commands leave in the trail."""

import json
from pathlib import Path

import pytest
from acting import OTHER
from commands import Command, command_for, told
from trail import Trail

from oddline.objects import FolderObjects
from oddline.settings import Side


@pytest.fixture
def oddline(database_urls: dict[Side, str], tmp_path: Path) -> Command:
    """Runs `oddline` as the operator of the database, in a folder of its own."""
    return command_for(tmp_path, database_url=database_urls["worker"])


def trail_of(oddline: Command, project: str) -> list[tuple[str, str]]:
    """(action, name of the actor) of each action, the oldest first."""
    listed = json.loads(told(oddline("audit", "list", "--project", project, "--json")))
    return [(one["action"], one["name"]) for one in reversed(listed)]


def test_keys_that_are_made_and_revoked_leave_their_trace_and_are_not_in_it(oddline: Command) -> None:
    key = json.loads(told(oddline("keys", "create", "--project", "shop", "--json")))["key"]
    told(oddline("keys", "revoke", key))

    trail = trail_of(oddline, "shop")

    assert [action for action, _ in trail] == ["project.made", "key.made", "key.revoked"]
    assert all("@" in name for _, name in trail)
    assert key.split("_", 2)[2] not in told(oddline("audit", "export", "--project", "shop"))


def test_what_operators_do_with_the_installation_stands_in_its_trail(oddline: Command) -> None:
    told(oddline("keys", "create", "--project", "shop", "--json"))
    told(oddline("queues", "hold", "notifications"))
    told(oddline("workers", "limit", "send_email", "1/m"))
    told(oddline("projects", "quota", "shop", "--entries", "1000"))

    assert [action for action, _ in trail_of(oddline, "installation")] == ["queue.held", "rate.limited"]
    assert [action for action, _ in trail_of(oddline, "shop")][2:] == ["project.limited"]


def test_somebody_who_is_forgotten_can_be_read_no_more(oddline: Command, trail: Trail) -> None:
    trail.act("source:a", by=OTHER)

    told(oddline("audit", "forget", OTHER.id))
    again = oddline("audit", "forget", OTHER.id)

    assert trail_of(oddline, "first")[0] == ("source.changed", "erased")
    assert (again.returncode, "has forgotten" in again.stderr) == (1, True)


def test_a_trail_that_was_changed_fails_the_command(oddline: Command, trail: Trail, tmp_path: Path) -> None:
    trail.heads = FolderObjects(tmp_path / ".oddline" / "objects")
    trail.sealed("source:a", "source:b")

    before = told(oddline("audit", "verify"))
    table, lines = (told(oddline("audit", how, "--project", "first")) for how in ("list", "export"))
    trail.tamper("DELETE FROM audit_actions WHERE number = 1")
    after = oddline("audit", "verify", "--project", "first", "--json")

    assert f"{trail.project}  2 rows from 1, 2 heads, 0 not sealed yet  valid" in before
    assert "source.changed" in table
    assert [json.loads(line)["number"] for line in lines.splitlines()] == [2, 1]
    assert after.returncode == 1
    [verdict] = json.loads(after.stdout)
    assert (verdict["valid"], verdict["finding"]["fault"], verdict["finding"]["number"]) == (False, "missing", 1)
