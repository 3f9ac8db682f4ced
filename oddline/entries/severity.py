"""The severities that are asked for by names or numbers, the same in every function and command."""

from collections.abc import Iterable
from typing import Final

from oddline.errors import InvalidParameter
from oddline.submissions import SEVERITY_NUMBERS, SEVERITY_TEXTS

_FIRST_OF_A_NAME: Final = (0, 1, 5, 9, 13, 17, 21)  # numbers whose names are also those of the numbers that follow


def severity_number(given: str) -> int:
    """OpenTelemetry's number of a severity given by name or number.

    Raises:
        ValueError: it is none.
    """
    if given.upper() in SEVERITY_NUMBERS:
        return SEVERITY_NUMBERS[given.upper()]
    if given in map(str, SEVERITY_TEXTS):
        return int(given)
    raise ValueError("this is no severity: a name, such as ERROR, or OpenTelemetry's number, 0 to 24")


def severity_numbers(given: Iterable[str]) -> tuple[int, ...]:
    """The numbers that are asked for by names or numbers.

    A name that answers show stands for all numbers that they show under it, any other for exactly that one.

    Raises:
        InvalidParameter: one is none.
    """
    try:
        return tuple(sorted({number for one in given for number in _numbers_of(one)}))
    except ValueError as error:
        raise InvalidParameter(f"severity: {error}", field="severity") from error


def _numbers_of(given: str) -> set[int]:
    number = severity_number(given)
    if given.isdigit() or number not in _FIRST_OF_A_NAME:
        return {number}
    return {other for other, text in SEVERITY_TEXTS.items() if text == SEVERITY_TEXTS[number]}
