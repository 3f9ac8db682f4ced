"""Bring the database to its newest shape and give each role its password: `python -m worker_image.migrate`."""

import logging
from urllib.parse import unquote, urlsplit

from oddline.database import ROLES
from oddline.database.migrate import migrate
from oddline.errors import NotConfigured
from oddline.settings import Settings, load_settings

log = logging.getLogger(__name__)


def passwords(settings: Settings) -> dict[str, str]:
    """The password of each role, from the URL that its side connects with.

    Raises:
        NotConfigured: a URL is not set, or is not its role's, or has no password.
    """
    found = {}
    for role in ROLES:
        variable = f"database_url_{role.removeprefix('oddline_')}"
        address = urlsplit(getattr(settings, variable))
        if address.username != role or not address.password:
            raise NotConfigured(f"ODDLINE_{variable.upper()} does not name {role} and its password")
        found[role] = unquote(address.password)
    return found


def main() -> None:
    """Migrate as the owner, whom `ODDLINE_DATABASE_URL` names; safe to run at any time."""
    settings = load_settings()
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    migrate(settings.database_url_for("owner"), passwords=passwords(settings))
    log.info("the database has its newest shape")


if __name__ == "__main__":
    main()
