"""Log statements out of source code, and the lines that are written by hand."""

from pathlib import Path

import pytest

from oddline.patterns import Masker
from oddline.scoring.training import handwritten, statements
from oddline.scoring.training.statements import Statement, from_c, from_python


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
    found = list(from_python(source))

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
    assert list(from_python(source)) == []


@pytest.mark.parametrize(
    ("source", "level", "text"),
    [
        ('serverLog(LL_WARNING, "Failed saving %s", name);', "warning", "Failed saving {}"),
        ('ereport(ERROR, (errcode(X), errmsg("no file \\"%s\\"", path)));', "error", 'no file "{}"'),
        ('LOG(ERROR) << "lost " << peer << " for good";', "error", "lost {} for good"),
        ('ngx_log_error(NGX_LOG_EMERG, log, 0, "died on signal %d", sig);', "critical", "died on signal {number}"),
        ('elog(FATAL, "cannot go on " "from here");', "critical", "cannot go on from here"),
    ],
)
def test_a_c_statement_gives_level_and_text(source: str, level: str, text: str) -> None:
    found = list(from_c(source))

    assert found == [Statement(level=level, text=text)]


def test_a_text_is_kept_once_with_its_commonest_level() -> None:
    found = [Statement("info", "link is up"), Statement("error", "link is  up"), Statement("info", "link is up")]

    assert statements.distinct(found) == [Statement("info", "link is up")]


def test_what_is_written_can_be_read_back(tmp_path: Path) -> None:
    found = [Statement("error", "disk {path} is full"), Statement("info", "took {number} ms")]

    statements.write(found, path=tmp_path / "few.tsv.xz")

    assert statements.read(tmp_path / "few.tsv.xz") == found


def test_the_shipped_statements_are_many_and_well_formed() -> None:
    found = statements.read()

    assert len(found) >= 13_000
    assert {statement.level for statement in found} == set(statements.LEVELS)
    assert len({statement.text for statement in found}) == len(found)


def test_each_shipped_package_is_named_with_a_permissive_licence() -> None:
    from oddline.scoring.training.collect import is_permissive

    packages = statements.manifest()

    assert len(packages) >= 20
    assert all(package["version"] and is_permissive(str(package["licence"])) for package in packages)


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
