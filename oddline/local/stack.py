"""What a local stack is to those who use it: its address, its keys, the settings of its programs."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, urlsplit, urlunsplit

from oddline.audit import Action, Actor, recorder
from oddline.database import ROLES, Database
from oddline.encryption import Cipher
from oddline.errors import Forbidden, StackFailed, Unauthenticated
from oddline.identity import Scope, authenticate, create_key, ensure_project
from oddline.local.state import LOOPBACK, choose_port, write_private
from oddline.settings import Settings
from oddline.submissions import new_id

FILE = "stack.json"
PROJECT = "default"
FLOWER_USER = "oddline"
FLOWER_PORT = 5555


@dataclass(frozen=True, slots=True)
class Stack:
    """A stack as it was started last; kept in a file that only its owner may read."""

    port: int
    url: str
    api_key: str
    hmac_secret: str
    database_urls: dict[str, str]
    redis_url: str
    objects_url: str
    home: str
    first_start: bool = False
    encryption_keys: str = ""  # none in the file of an older version; each start makes what is missing
    flower_password: str = ""
    flower_url: str = ""  # none where Flower was not wished for

    @staticmethod
    def is_there(home: Path) -> bool:
        """Whether a stack was ever started in this folder."""
        return (home / FILE).exists()

    @classmethod
    def load(cls, home: Path) -> Self:
        """The stack of a home folder.

        Raises:
            StackFailed: none was ever started there.
        """
        try:
            return cls(**json.loads((home / FILE).read_text(encoding="utf-8")))
        except FileNotFoundError as error:
            raise StackFailed(f"no local stack was started in {home}: `oddline up` does it") from error

    @classmethod
    def prepare(
        cls,
        settings: Settings,
        *,
        owner_url: str,
        passwords: Mapping[str, str],
        redis_url: str,
        with_flower: bool = False,
    ) -> Self:
        """The stack for servers that run; it keeps its key, or gets a new one where the database does not know it."""
        home = settings.home.absolute()
        before = cls.load(home) if cls.is_there(home) else None
        is_port_told = "port" in settings.model_fields_set
        kept_keys = settings.encryption_keys or (before.encryption_keys if before else "")
        encryption_keys = kept_keys or secrets.token_hex(24)
        cipher = settings.model_copy(update={"encryption_keys": encryption_keys}).cipher()
        port = choose_port(before.port if before and not is_port_told else settings.port)
        database_urls = {role.removeprefix("oddline_"): _as_role(owner_url, role, passwords[role]) for role in ROLES}
        stack = cls(
            port=port,
            url=f"http://{settings.host}:{port}",
            api_key=_key(database_urls["worker"], before=before.api_key if before else "", cipher=cipher),
            hmac_secret=settings.hmac_secret or (before.hmac_secret if before else secrets.token_hex(24)),
            database_urls=database_urls,
            redis_url=redis_url,
            objects_url=settings.objects_url or str(home / "objects"),
            home=str(home),
            first_start=before is None,
            encryption_keys=encryption_keys,
            flower_password=settings.flower_password or (before and before.flower_password) or secrets.token_hex(24),
            flower_url=f"http://{LOOPBACK}:{choose_port(FLOWER_PORT)}" if with_flower else "",
        )
        write_private(home / FILE, json.dumps(asdict(stack) | {"first_start": False}))
        return stack

    def is_on(self, database_url: str) -> bool:
        """Whether the stack keeps its data in this database, by whatever role."""
        own, other = urlsplit(self.database_urls["worker"]), urlsplit(database_url)
        return (own.hostname, own.port, own.path) == (other.hostname, other.port, other.path)

    def environment(self) -> dict[str, str]:
        """The settings of the stack's programs, as environment variables."""
        return {
            "ODDLINE_HOME": self.home,
            "ODDLINE_REDIS_URL": self.redis_url,
            "ODDLINE_OBJECTS_URL": self.objects_url,
            "ODDLINE_LEGACY_PROJECT": PROJECT,
            "ODDLINE_HMAC_SECRET": self.hmac_secret,
            "ODDLINE_ENCRYPTION_KEYS": self.encryption_keys,
            "ODDLINE_FLOWER_PASSWORD": self.flower_password,
            "ODDLINE_OPERATOR_PROJECT": PROJECT,
            **{f"ODDLINE_DATABASE_URL_{side.upper()}": url for side, url in self.database_urls.items()},
        }

    def settings(self) -> Settings:
        """The settings of a process on this machine that works with the stack."""
        urls = {f"database_url_{side}": url for side, url in self.database_urls.items()}
        return Settings(
            home=Path(self.home),
            redis_url=self.redis_url,
            objects_url=self.objects_url,
            encryption_keys=self.encryption_keys,
            **urls,  # type: ignore[arg-type]  # mypy takes the mapping for positional types
        )


def _as_role(owner_url: str, role: str, password: str) -> str:
    address = urlsplit(owner_url)
    place = address.netloc.rpartition("@")[2]
    return urlunsplit(address._replace(netloc=f"{role}:{quote(password, safe='')}@{place}"))


def _key(worker_url: str, *, before: str, cipher: Cipher) -> str:
    """The key of before if it is still in force: the database may be another one now."""
    db = Database(worker_url, size=1)
    now = datetime.now(UTC)
    try:
        authenticate(db, presented=before, scope=Scope.ADMIN, now=now)
    except (Unauthenticated, Forbidden):
        made_by: Any = {"by": Actor(id="system", cipher=cipher, name="oddline up"), "now": now}
        made = recorder(Action.PROJECT_MADE, "project", **made_by, name=PROJECT)
        project = ensure_project(db, PROJECT, new_id=new_id(), now=now, also=made)
        scopes = list(Scope)
        also = recorder(Action.KEY_MADE, "key", **made_by, scopes=scopes)
        return create_key(db, project=project, name="first", key_id=new_id(), now=now, scopes=scopes, also=also).key
    else:
        return before
    finally:
        db.close()
