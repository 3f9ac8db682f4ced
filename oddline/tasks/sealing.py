"""What tasks are given and give back, where it is about people: encrypted in the ledger, and told apart there."""

import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from oddline.encryption import Cipher

if TYPE_CHECKING:
    from oddline.tasks.model import Task

SEALED = "sealed"  # the one member of a sealed value, and what stands in its place where it is not shown
_PREFIX = f"{SEALED}:"  # of a sealed text, where there is no room for JSON


def seal(value: Any, cipher: Cipher) -> dict[str, str]:
    """`value`, which JSON can hold, as a value that says nothing.

    Raises:
        NotConfigured: there is no key.
    """
    return {SEALED: cipher.encrypt(zlib.compress(json.dumps(value).encode())).decode()}


def seal_text(text: str, cipher: Cipher) -> str:
    """A text, such as an error's, as one that says nothing; raises as `seal`."""
    return _PREFIX + cipher.encrypt(text.encode()).decode()


def unseal(value: Any, cipher: Cipher) -> Any:
    """What `seal` or `seal_text` was given; anything else as it is.

    Raises:
        Undecipherable: none of the keys made it.
    """
    if _is_sealed_value(value):
        return json.loads(zlib.decompress(cipher.decrypt(value[SEALED].encode())))
    if _is_sealed_text(value):
        return cipher.decrypt(value.removeprefix(_PREFIX).encode()).decode()
    return value


def opened(task: "Task", cipher: Cipher) -> "Task":
    """A task with what is sealed of it as it was; raises as `unseal`."""
    return replace(
        task,
        payload=unseal(task.payload, cipher),
        result=unseal(task.result, cipher),
        error=unseal(task.error, cipher),
    )


def shown(value: Any) -> Any:
    """`value` as anybody may see it: of what is sealed only that it is."""
    return SEALED if _is_sealed_value(value) or _is_sealed_text(value) else value


def renewed(value: Any, cipher: Cipher) -> Any:
    """`value` with whatever in it an older key made under the newest one; the same if there is nothing to do.

    Raises:
        Undecipherable: none of the keys made some of it.
    """
    if _is_sealed_value(value):
        return {SEALED: _renewed_token(value[SEALED], cipher)}
    if _is_sealed_text(value):
        return _PREFIX + _renewed_token(value.removeprefix(_PREFIX), cipher)
    return _each(value, lambda part: renewed(part, cipher))


def _renewed_token(token: str, cipher: Cipher) -> str:
    return token if cipher.is_newest(token.encode()) else cipher.renew(token.encode()).decode()


def _each(value: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(value, Mapping):
        return {name: change(part) for name, part in value.items()}
    return [change(part) for part in value] if isinstance(value, list) else value


def _is_sealed_value(value: Any) -> bool:
    return isinstance(value, Mapping) and value.keys() == {SEALED}


def _is_sealed_text(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(_PREFIX)
