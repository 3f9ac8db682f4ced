"""What people set for masking: checked here, so that what takes logs can trust it."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from oddline.database import Transaction
from oddline.errors import InvalidParameter
from oddline.redaction import store
from oddline.redaction.model import ON_BY_DEFAULT, Kind, OwnRule, ProjectRules, Rules
from oddline.redaction.redactor import compiled

MOST_OWN_RULES: Final = 20  # of a source or project: each is tried on every line
LONGEST_EXPRESSION: Final = 500  # characters
LARGEST_PROGRAM: Final = 5_000  # instructions: what it costs at the worst to look at a byte
_NAME: Final = re.compile(r"[a-z][a-z_]{0,29}")  # no digits, which the detector's own masks would look into
_MOST_SOURCES: Final = 1_000  # with rules of their own: all of a project are read at once


def show_masking(tx: Transaction, project: UUID, *, source: str = store.WHOLE_PROJECT) -> dict[str, Any]:
    """What is set for a source, or for the whole project, and what is in force there."""
    rules = store.read_rules(tx, project)
    whole = rules.pop(store.WHOLE_PROJECT, Rules())
    asked = rules.get(source, Rules()) if source else whole
    all_rules = ProjectRules(project=whole, sources=rules)
    return {
        "source": source or None,
        "on": sorted(asked.on),
        "off": sorted(asked.off),
        "own": [{"name": rule.name, "expression": rule.expression} for rule in asked.own],
        "in_force": {
            "kinds": [kind for kind in Kind if kind in all_rules.kinds(source or None)],
            "own": [rule.name for rule in all_rules.own_rules(source or None)],
        },
        "kinds": {str(kind): kind in ON_BY_DEFAULT for kind in Kind},
        "sources": sorted(rules),
    }


def set_masking(
    tx: Transaction,
    project: UUID,
    *,
    on: Sequence[str],
    off: Sequence[str],
    own: Sequence[Mapping[str, str]],
    changed_by: str,
    now: datetime,
    source: str = store.WHOLE_PROJECT,
) -> None:
    """Set what is masked for a source, or for the whole project. What is stored already stays as it is.

    Raises:
        InvalidParameter: a kind is unknown or both on and off, or a rule cannot be used.
    """
    if unknown := sorted({*on, *off} - set(Kind)):
        raise InvalidParameter(f"there is no kind {unknown[0]!r}: kinds are {', '.join(Kind)}", field="on")
    if both := sorted(set(on) & set(off)):
        raise InvalidParameter(f"{both[0]} cannot be both on and off", field="off")
    if len(own) > MOST_OWN_RULES:
        raise InvalidParameter(f"at most {MOST_OWN_RULES} rules of your own", field="own")
    checked = tuple(_checked(rule, field=f"own.{number}") for number, rule in enumerate(own))
    if len({rule.name for rule in checked}) < len(checked):
        raise InvalidParameter("two rules have one name", field="own")
    others = store.read_rules(tx, project).keys() - {source}
    if len(others) >= _MOST_SOURCES:
        raise InvalidParameter(f"at most {_MOST_SOURCES} sources can have rules of their own", field="source")
    rules = Rules(on=frozenset(on), off=frozenset(off), own=checked)
    store.write_rules(tx, project, source=source, rules=rules, changed_by=changed_by, now=now)


def _checked(rule: Mapping[str, str], *, field: str) -> OwnRule:
    """A rule that can run on every line.

    Raises:
        InvalidParameter: its name or its expression is none, or it would mask nothing at all, everywhere.
    """
    import re2

    name, expression = rule["name"], rule["expression"]
    if not _NAME.fullmatch(name) or name in set(Kind):
        raise InvalidParameter(
            "a rule's name is 1 to 30 small letters and underscores, and no kind's", field=f"{field}.name"
        )
    if not 0 < len(expression) <= LONGEST_EXPRESSION or "\0" in expression:
        raise InvalidParameter(f"1 to {LONGEST_EXPRESSION} characters", field=f"{field}.expression")
    try:
        found = compiled(expression)
    except re2.error as error:
        told = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else error.args[0]
        raise InvalidParameter(
            f"no expression of RE2, which has no look-around and no references back: {told}",
            field=f"{field}.expression",
        ) from error
    if found.programsize > LARGEST_PROGRAM:
        raise InvalidParameter(
            f"the expression becomes {found.programsize:,} instructions of RE2; at most {LARGEST_PROGRAM:,} are run on"
            " every line: repeat less often",
            field=f"{field}.expression",
        )
    if found.search("") is not None:
        raise InvalidParameter("the expression finds nothing at all, everywhere", field=f"{field}.expression")
    return OwnRule(name=name, expression=expression)
