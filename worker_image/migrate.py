"""Bring the database to this image's shape: `python -m worker_image.migrate`, before its workers start."""

import logging
from urllib.parse import unquote, urlsplit

from oddline.database import ROLES
from oddline.database.migrate import migrate
from oddline.errors import NotConfigured
from oddline.settings import Settings, load_settings


def passwords(settings: Settings) -> dict[str, str]:
    """The password of each of `ROLES`, taken from the URL that its side connects with.

    Raises:
        NotConfigured: a side has no URL of its own, or one without a password.
    """
    found = {}
    for role in ROLES:
        name = f"database_url_{role.removeprefix('oddline_')}"
        password = urlsplit(getattr(settings, name)).password
        if not password:
            raise NotConfigured(f"ODDLINE_{name.upper()} is not set, or has no password")
        found[role] = unquote(password)
    return found


def main() -> None:
    """Migrate as the owner, whose URL is ODDLINE_DATABASE_URL; the roles get the passwords of their sides' URLs.

    Raises:
        NotConfigured: as `passwords`.
        DatabaseUnavailable: the database does not answer.
    """
    settings = load_settings()
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    migrate(settings.database_url_for("owner"), passwords=passwords(settings))


if __name__ == "__main__":
    main()
