"""Take out of entries that come back from a backup what was erased since it was made."""

from uuid import UUID

import polars as pl

from oddline.chunks import Change
from oddline.database import Database
from oddline.encryption import Cipher
from oddline.patterns import source_names
from oddline.privacy.finder import Finder
from oddline.privacy.places import erase_entries
from oddline.redaction import ErasedValues, open_values, read_erased


def erased_again(db: Database, *, project: UUID, cipher: Cipher) -> Change:
    """What takes the values of a project's erasures out of entries; each time of those that there are then."""

    def change(entries: pl.DataFrame) -> pl.DataFrame:
        with db.transaction() as tx:
            erasures, names = read_erased(tx, project), source_names(tx, project)
        for secret, ignore_case in erasures:
            finder = Finder(ErasedValues(open_values(secret, cipher), ignore_case), cipher=cipher)
            if entries.select(finder.in_entries().any()).item():
                entries = erase_entries(entries, finder=finder, names=names)
        return entries

    return change
