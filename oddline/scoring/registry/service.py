"""Choose among the models: promote, roll back, try one beside the live one; workers follow within a minute."""

from dataclasses import replace
from datetime import datetime

from oddline.audit import Action, Actor, record
from oddline.database import Database, Transaction
from oddline.errors import Conflict, NotFound
from oddline.scoring.registry import store
from oddline.scoring.registry.model import Change, Choice, StoredModel

CHANGES_SHOWN = 20


def list_models(tx: Transaction) -> list[StoredModel]:
    """Every model in the registry, the newest first."""
    return store.list_all(tx)


def find_model(tx: Transaction, version: str) -> StoredModel:
    """A model whose files are all stored.

    Raises:
        NotFound: the registry has none of that version.
    """
    found = store.find(tx, version)
    if found is None or found.state == "adding":
        raise NotFound(f"the registry has no model {version!r}")
    return found


def read_choice(tx: Transaction) -> Choice:
    """Which model scores, and which is tried beside it."""
    return store.read_choice(tx)


def list_changes(tx: Transaction, *, limit: int = CHANGES_SHOWN) -> list[Change]:
    """The newest changes of the choice, newest first."""
    return store.list_changes(tx, limit=limit)


def failing_models(tx: Transaction) -> list[StoredModel]:
    """The chosen models that a worker last failed to open."""
    choice = store.read_choice(tx)
    chosen = [store.find(tx, version) for version in (choice.live, choice.shadow) if version is not None]
    return [model for model in chosen if model is not None and model.state == "failing"]


def promote(db: Database, version: str | None, *, by: Actor, now: datetime) -> Choice:
    """Let a model score from now on; None is the one that comes with the installation.

    A model that was tried beside the live one is so no more.

    Raises:
        NotFound: the registry has none of that version.
        Conflict: it is the live one already.
    """
    with db.transaction() as tx:
        if version is not None:
            find_model(tx, version)
        choice = store.read_choice(tx, lock=True)
        if choice.live == version:
            raise Conflict(f"{version or 'the built-in model'} is live already")
        store.add_change(tx, "promote", before=choice.live, after=version, changed_by=_name(by), now=now)
        _record(tx, Action.MODEL_PROMOTED, before=choice.live, after=version, by=by, now=now)
        return _make_live(tx, choice, version, by=by, now=now)


def rollback(db: Database, *, by: Actor, now: datetime) -> Choice:
    """Let the model score again that did before the last promotion; once more goes one promotion further back.

    Raises:
        Conflict: no promotion is left that could be rolled back.
    """
    with db.transaction() as tx:
        choice = store.read_choice(tx, lock=True)
        undone = store.undo_promotion(tx)
        if undone is None:
            raise Conflict("there is no promotion to roll back")
        store.add_change(tx, "rollback", before=choice.live, after=undone.before, changed_by=_name(by), now=now)
        _record(tx, Action.MODEL_ROLLED_BACK, before=choice.live, after=undone.before, by=by, now=now)
        return _make_live(tx, choice, undone.before, by=by, now=now)


def set_shadow(db: Database, version: str | None, *, by: Actor, now: datetime) -> Choice:
    """Score with this model, too, beside the live one; None ends that.

    Raises:
        NotFound: the registry has none of that version.
        Conflict: it is the live one.
    """
    with db.transaction() as tx:
        if version is not None:
            find_model(tx, version)
        choice = store.read_choice(tx, lock=True)
        if version is not None and choice.live == version:
            raise Conflict(f"{version} is live: beside itself it would show nothing")
        if version != choice.shadow:
            _record(tx, Action.MODEL_TRIED, before=choice.shadow, after=version, by=by, now=now)
        return _set_shadow(tx, choice, version, by=by, now=now)


def _make_live(tx: Transaction, choice: Choice, version: str | None, *, by: Actor, now: datetime) -> Choice:
    choice = replace(choice, live=version)
    if version is not None and choice.shadow == version:
        return _set_shadow(tx, choice, None, by=by, now=now)
    store.write_choice(tx, choice)
    return choice


def _set_shadow(tx: Transaction, choice: Choice, version: str | None, *, by: Actor, now: datetime) -> Choice:
    if version != choice.shadow:
        store.add_change(tx, "shadow", before=choice.shadow, after=version, changed_by=_name(by), now=now)
        choice = replace(choice, shadow=version, shadow_since=None if version is None else now)
    store.write_choice(tx, choice)
    return choice


def _name(by: Actor) -> str:
    """How the history of the choice calls somebody."""
    return by.name or by.id


def _record(
    tx: Transaction, action: Action, *, before: str | None, after: str | None, by: Actor, now: datetime
) -> None:
    details = {"before": before, "after": after}
    named = after or ("none" if action is Action.MODEL_TRIED else "built-in")
    record(tx, project=None, by=by, action=action, subject=f"model:{named}", details=details, now=now)
