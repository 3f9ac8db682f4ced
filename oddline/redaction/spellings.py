"""The ways in which one value is written in logs and in what is stored: found in one of them, it is found."""

import json
import unicodedata
from urllib.parse import quote


def spellings(value: str) -> list[str]:
    """A value as it is, composed and decomposed, as JSON text and as URLs hold it; each once, the value first.

    A mail address also in small letters, in which we and others keep them.
    """
    found = []
    forms = [value, value.casefold()] if "@" in value else [value]
    for form in (*forms, unicodedata.normalize("NFC", value), unicodedata.normalize("NFD", value)):
        in_json = json.dumps(form, ensure_ascii=False)[1:-1]
        found += [
            form,
            in_json,
            json.dumps(in_json, ensure_ascii=False)[1:-1],  # a document within a document
            json.dumps(form)[1:-1],
            ascii(form)[1:-1],
            quote(form, safe=""),
            quote(form, safe="@"),
        ]
    return list(dict.fromkeys(found))
