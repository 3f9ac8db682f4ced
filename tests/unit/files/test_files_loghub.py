"""Real logs of sixteen systems in every packing: each line is an entry, with the time that people read in it."""

import csv
import gzip
import lzma
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import zstandard

from oddline.files import EntryReader, Problems, look_at, read_entries
from oddline.submissions import take_entries

_LOGS = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "loghub"
pytestmark = pytest.mark.skipif(not _LOGS.is_dir(), reason="the sample logs (shared/data) are not here")

NOW = datetime(2026, 11, 5, 8, 15, tzinfo=UTC)
_LEAST_RIGHT = 0.999

Row = dict[str, str]


def _day_first(row: Row) -> str:
    """`Jun 9 06:06:20` of columns that have different names in each log."""
    month, day = (row["Month"], row["Date"]) if "Month" in row else (row["Date"], row["Day"])
    return datetime.strptime(f"2026 {month} {day} {row['Time']} +0000", "%Y %b %d %H:%M:%S %z").strftime(
        "%m-%dT%H:%M:%S"
    )


def _unpadded(row: Row) -> str:
    """`20171224-0:7:20:44`, 44 being milliseconds."""
    clock, _, milliseconds = row["Time"].rpartition(":")
    moment = datetime.strptime(f"{clock} +0000", "%Y%m%d-%H:%M:%S %z")
    return f"{moment.isoformat()[:19]}.{int(milliseconds):03}000"


def _epoch(name: str) -> Callable[[Row], str]:
    return lambda row: datetime.fromtimestamp(int(row[name]), UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _written(form: str, *names: str) -> Callable[[Row], str]:
    def read(row: Row) -> str:
        moment = datetime.strptime(" ".join([*(row[name] for name in names), "+0000"]), f"{form} %z")
        return moment.strftime("%m-%dT%H:%M:%S.%f" if "%Y" not in form and "%y" not in form else "%Y-%m-%dT%H:%M:%S.%f")

    return read


# The format that each is, and the time that people read in a line, from the year on or (none written) from the month.
_SYSTEMS: dict[str, tuple[str, Callable[[Row], str]]] = {
    "Android": ("logcat", _written("%m-%d %H:%M:%S.%f", "Date", "Time")),
    "Apache": ("apache_error", _written("%a %b %d %H:%M:%S %Y", "Time")),
    "BGL": ("bgl", _epoch("Timestamp")),
    "HDFS": ("log4j", _written("%y%m%d %H%M%S", "Date", "Time")),
    "HPC": ("hpc", _epoch("Time")),
    "Hadoop": ("log4j", _written("%Y-%m-%d %H:%M:%S,%f", "Date", "Time")),
    "HealthApp": ("healthapp", _unpadded),
    "Linux": ("syslog", _day_first),
    "Mac": ("syslog", _day_first),
    "OpenSSH": ("syslog", _day_first),
    "OpenStack": ("openstack", _written("%Y-%m-%d %H:%M:%S.%f", "Date", "Time")),
    "Proxifier": ("proxifier", _written("%m.%d %H:%M:%S", "Time")),
    "Spark": ("log4j", _written("%y/%m/%d %H:%M:%S", "Date", "Time")),
    "Thunderbird": ("thunderbird", _epoch("Timestamp")),
    "Windows": ("windows_cbs", _written("%Y-%m-%d %H:%M:%S", "Date", "Time")),
    "Zookeeper": ("log4j", _written("%Y-%m-%d %H:%M:%S,%f", "Date", "Time")),
}
_PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "zstd": zstandard.compress,
    "xz": lambda data: lzma.compress(data, preset=0),
    "line ends of Unix": lambda data: data.replace(b"\r\n", b"\n"),
    "line ends of Windows": lambda data: data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"),
}


@cache
def _log(system: str) -> bytes:
    return (_LOGS / f"{system}_2k.log").read_bytes()


@cache
def _rows(system: str) -> list[Row]:
    with (_LOGS / f"{system}_2k.log_structured.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@cache
def _times(system: str) -> list[str]:
    return [_SYSTEMS[system][1](row) for row in _rows(system)]


def _read(data: bytes) -> tuple[EntryReader, list[dict[str, Any]]]:
    reader = read_entries([data], now=NOW)
    return reader, [entry for block in reader for entry in block.entries]


_read_once = cache(_read)


def _share_right(entries: list[dict[str, Any]], expected: list[str]) -> float:
    right = 0
    for entry, time in zip(entries, expected, strict=True):
        moment = datetime.fromisoformat(entry["timestamp"]).replace(tzinfo=None)
        right += moment.isoformat(timespec="microseconds" if "." in time else "seconds").endswith(time)
    return right / len(expected)


@pytest.mark.parametrize("system", _SYSTEMS)
def test_every_line_is_an_entry_with_its_time(system: str) -> None:
    reader, entries = _read_once(_log(system))

    assert look_at(_log(system)[: 256 * 1024]).format == _SYSTEMS[system][0]
    assert len(entries) == len(_rows(system)) == 2000
    assert _share_right(entries, _times(system)) >= _LEAST_RIGHT
    assert reader.problems == Problems()


@pytest.mark.parametrize("packing", _PACKINGS)
@pytest.mark.parametrize("system", _SYSTEMS)
def test_packing_and_line_ends_change_nothing(system: str, packing: str) -> None:
    data = _PACKINGS[packing](_log(system))

    assert look_at(data[: 256 * 1024]).format == _SYSTEMS[system][0]
    assert _read(data)[1] == _read_once(_log(system))[1]


@pytest.mark.parametrize("system", _SYSTEMS)
def test_no_text_of_a_line_is_lost_and_all_can_be_stored(system: str) -> None:
    _, entries = _read_once(_log(system))

    columns, faults = take_entries(entries, now=NOW)

    contents = [row["Content"] for row in _rows(system)]
    assert not faults
    assert len(columns) == len(contents)
    assert [content for entry, content in zip(entries, contents, strict=True) if not _holds(entry, content)] == []


def _holds(entry: dict[str, Any], content: str) -> bool:
    """Whether all words of what people call the message are in an entry: in the message, or as one of its fields."""
    held = " ".join([entry["message"], *entry["attributes"], *entry["attributes"].values()])
    return all(word.strip("[]():") in held for word in content.split())


@pytest.mark.parametrize("system", _SYSTEMS)
def test_a_broken_line_in_the_middle_is_one_entry_more(system: str) -> None:
    lines = _log(system).split(b"\n")
    broken = bytes([0, 255, 254, 3, 128, 129, 13, 195, 40]) * 20
    data = b"\n".join([*lines[:1000], broken, *lines[1000:]])

    reader, entries = _read(data)

    assert reader.found is not None
    assert reader.found.format == _SYSTEMS[system][0]
    assert entries[:1000] + entries[1001:] == _read_once(_log(system))[1]
    assert reader.problems.replaced > 0
    assert not take_entries(entries, now=NOW)[1]


@pytest.mark.parametrize("system", _SYSTEMS)
def test_what_a_broken_off_gzip_still_holds_is_read(system: str) -> None:
    packed = gzip.compress(_log(system))

    reader, entries = _read(packed[: len(packed) // 2])

    _, all_entries = _read_once(_log(system))
    assert reader.found is not None
    assert reader.found.format == _SYSTEMS[system][0]
    assert reader.problems.damaged
    assert 500 < len(entries) < 2000
    assert entries[:-1] == all_entries[: len(entries) - 1]
