"""Log statements out of source code, and the lines that are written by hand."""

from pathlib import Path

import pytest

from oddline.patterns import Masker
from oddline.scoring.training import handwritten, statements
from oddline.scoring.training.licences import Copyright, is_permissive
from oddline.scoring.training.statements import Statement, python


@pytest.mark.parametrize(
    ("source", "level", "text"),
    [
        ('logger.error("disk %s is full", path)', "error", "disk {path} is full"),
        (
            'LOG.warning(f"node {node.name} is late by {seconds:.1f} s")',
            "warning",
            "node {name} is late by {seconds} s",
        ),
        ('self._log.info("took %d ms", timer())', "info", "took {timer} ms"),
        ('log.debug("%(count)s rows, 100%% done", row)', "debug", "{count} rows, 100% done"),
        ('LOG.error(_LE("cannot attach ") + volume.id)', "error", "cannot attach {id}"),
        ('logging.critical("lost {} of {}".format(bad, total))', "critical", "lost {bad} of {total}"),
        ('logger.exception("giving up: %s" % reason)', "error", "giving up: {reason}"),
        ('logger.log(logging.WARNING, "slow call to %s", host)', "warning", "slow call to {host}"),
        ('raise StorageError(f"no space on {device}")', "raise", "StorageError: no space on {device}"),
    ],
)
def test_a_python_statement_gives_level_and_text(source: str, level: str, text: str) -> None:
    found = list(python.from_source(source))

    assert found == [Statement(level=level, text=text)]


@pytest.mark.parametrize(
    "source",
    [
        'math.log("not a logger")',
        'dialog.error("a window, not a log")',
        "logger.error(message)",
        'logger.error("%s", error)',
        'parser.error("shown to a person at a prompt")',
        "raise ValueError",
        'raise Done("this is no failure")',
        'logger.info("word")',
    ],
)
def test_what_is_no_log_statement_or_says_nothing_is_left(source: str) -> None:
    assert list(python.from_source(source)) == []


def test_a_text_is_kept_once_with_its_commonest_level() -> None:
    found = [Statement("info", "link is up"), Statement("error", "link is  up"), Statement("info", "link is up")]

    assert statements.distinct(found) == [Statement("info", "link is up")]


def test_texts_that_differ_in_case_or_in_names_of_values_are_one_and_the_commonest_stays() -> None:
    found = [Statement("error", f"Lost {{{name}}}") for name in ("peer", "node", "peer")]

    assert statements.distinct([*found, Statement("error", "lost {host}")]) == [Statement("error", "Lost {peer}")]


def test_what_is_written_can_be_read_back(tmp_path: Path) -> None:
    found = [Statement("error", "disk {path} is full"), Statement("info", "took {number} ms")]

    statements.write(found, path=tmp_path / "few.tsv.xz")

    assert statements.read(tmp_path / "few.tsv.xz") == found


def test_the_shipped_statements_are_many_and_well_formed() -> None:
    found = statements.read()

    assert len(found) >= 110_000
    assert {statement.level for statement in found} == set(statements.LEVELS)
    assert len({statement.text.casefold() for statement in found}) == len(found)
    assert sum(statement.level == "raise" for statement in found) <= len(found) / 3


def test_each_shipped_package_is_named_with_a_permissive_licence() -> None:
    packages = statements.manifest()

    assert len(packages) >= 150
    assert {package["registry"] for package in packages} == {"pypi", "npm", "debian"}
    assert all(package["version"] and is_permissive(str(package["licence"])) for package in packages)


@pytest.mark.parametrize(
    "licence",
    ["MIT", "Apache License, Version 2.0", "Apache-2.0 AND MIT", "GPL-2 or BSD-3-clause", "Expat", "The MIT License"],
)
def test_a_licence_is_permissive_where_all_its_parts_or_one_of_its_alternatives_are(licence: str) -> None:
    assert is_permissive(licence)


@pytest.mark.parametrize(
    "licence",
    ["", "GPL-2+", "GPL-3.0+ and Apache-2.0", "LGPL-2.1", "MPL-2.0", "SEE LICENSE IN LICENSE.md", "Elastic-2.0"],
)
def test_what_is_not_told_or_not_permissive_is_refused(licence: str) -> None:
    assert not is_permissive(licence)


def test_a_debian_copyright_tells_the_licence_of_each_file_by_its_last_stanza() -> None:
    told = Copyright.parse(
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\n"
        "Files: *\nCopyright: a house\nLicense: Expat\n the text\n\nFiles: lib/*\n build/?.c\nLicense: GPL-2+\n"
    )

    assert told.whole == "Expat"
    assert [told.of(path) for path in ("main.c", "lib/deep/main.c", "build/a.c")] == ["Expat", "GPL-2+", "GPL-2+"]


def test_a_handwritten_file_gives_kind_text_and_severity(tmp_path: Path) -> None:
    path = tmp_path / "lines.txt"
    path.write_text("# why\n[mail]\n- sent\n~ late\n\n[disk]\n+ gone\n")

    lines = handwritten.read_file(path)

    assert [(line.kind, line.text, line.severity) for line in lines] == [
        ("mail", "sent", 0.0),
        ("mail", "late", 0.5),
        ("disk", "gone", 1.0),
    ]


@pytest.mark.parametrize("text", ["- before any header\n", "[mail]\nno severity\n"])
def test_a_handwritten_line_out_of_form_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "lines.txt"
    path.write_text(text)

    with pytest.raises(ValueError, match=r"lines\.txt:\d"):
        handwritten.read_file(path)


def test_no_handwritten_pattern_is_both_routine_and_bad() -> None:
    lines = handwritten.read()
    patterns = Masker().mask_many(line.text for line in lines)

    routine = {pattern for pattern, line in zip(patterns, lines, strict=True) if line.severity == 0.0}
    bad = {pattern for pattern, line in zip(patterns, lines, strict=True) if line.severity == 1.0}

    assert routine & bad == set()
    assert len(routine) > 200
    assert len(bad) > 200
