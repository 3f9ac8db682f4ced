"""Log statements out of C, Go, Java and JavaScript, and out of packages."""

import io
import json
import tarfile
from pathlib import Path

import pytest

from oddline.scoring.training import collect, packages, statements
from oddline.scoring.training.statements import Statement, c, go, java, javascript


@pytest.mark.parametrize(
    ("source", "level", "text"),
    [
        ('serverLog(LL_WARNING, "Failed saving %s", name);', "warning", "Failed saving {name}"),
        ('ereport(ERROR, (errcode(X), errmsg("no file \\"%s\\"", path)));', "error", 'no file "{path}"'),
        ('void f() { LOG(ERROR) << "lost " << peer->name() << " for good"; }', "error", "lost {name} for good"),
        ('ngx_log_error(NGX_LOG_EMERG, log, 0, "died on signal %d", sig);', "critical", "died on signal {number}"),
        ('elog(FATAL, "cannot go on " "from here");', "critical", "cannot go on from here"),
        ('log_warn(LD_NET, "took %" PRIu64 " ms of %s", spent, who());', "warning", "took {number} ms of {who}"),
        ('log_warn("blocks read: %" PRIu64, count);', "warning", "blocks read: {number}"),
        ('ap_log_error(APLOG_MARK, APLOG_INFO, 0, s, APLOGNO(00042) "child is gone");', "info", "child is gone"),
        ('syslog(LOG_ERR, "%s: cannot open: %s", path, strerror(errno));', "error", "{path}: cannot open: {error}"),
        ('void f() { throw std::runtime_error("no room for " + name); }', "raise", "runtime_error: no room for {name}"),
    ],
)
def test_a_c_statement_gives_level_and_text(source: str, level: str, text: str) -> None:
    assert list(c.from_source(source)) == [Statement(level=level, text=text)]


@pytest.mark.parametrize(
    ("source", "level", "text"),
    [
        ('klog.Errorf("cannot reach %s: %v", node.Name, err)', "error", "cannot reach {name}: {err}"),
        ('logger.Info("peer joined", "peer", id, "round", n)', "info", "peer joined peer={peer} round={round}"),
        ('level.Warn(logger).Log("msg", "queue is full", "size", n)', "warning", "queue is full size={size}"),
        ('lg.Warn("slow disk", zap.String("path", p))', "warning", "slow disk path={path}"),
        ('logger.Error("Lost the member", log.Ctx{"err": err})', "error", "Lost the member {err}"),
        ('log.Printf("[WARN] slow answer of %s", peer)', "warning", "slow answer of {peer}"),
        ('log.Fatalf("took %d ms", ms)', "critical", "took {number} ms"),
        ('klog.V(5).Infof("looking at %q", key)', "debug", "looking at {key}"),
        ('return fmt.Errorf("cannot open %s: %w", path, err)', "raise", "cannot open {path}: {err}"),
    ],
)
def test_a_go_statement_gives_level_and_text(source: str, level: str, text: str) -> None:
    found = list(go.from_source(f"package main\nfunc f() error {{\n{source}\n}}"))

    assert found == [Statement(level=level, text=text)]


@pytest.mark.parametrize(
    ("source", "level", "text"),
    [
        ('LOG.warn("session {} of {} expired", id, peer.getHost());', "warning", "session {id} of {host} expired"),
        ('logger.log(Level.SEVERE, "no such " + kind, e);', "error", "no such {kind}"),
        ('log.info(String.format("took %d ms", ms));', "info", "took {number} ms"),
        ('throw new IOException("cannot read " + file.getName());', "raise", "IOException: cannot read {name}"),
    ],
)
def test_a_java_statement_gives_level_and_text(source: str, level: str, text: str) -> None:
    found = list(java.from_source(f"class A {{ void f() {{ {source} }} }}"))

    assert found == [Statement(level=level, text=text)]


@pytest.mark.parametrize(
    ("source", "level", "text"),
    [
        ("this.logger.error(`lost ${peer.host} for good`)", "error", "lost {host} for good"),
        ('console.warn("retry %d of %s", n, job.name)', "warning", "retry {number} of {name}"),
        ('log.info({ err }, "queue " + queue.name + " is paused")', "info", "queue {name} is paused"),
        ('console.error("cannot connect:", err)', "error", "cannot connect: {err}"),
        ('logger.debug("read ".concat(count, " rows"))', "debug", "read {count} rows"),
        ("throw new TypeError(`no such driver: ${name}`)", "raise", "TypeError: no such driver: {name}"),
    ],
)
def test_a_javascript_statement_gives_level_and_text(source: str, level: str, text: str) -> None:
    assert list(javascript.from_source(source)) == [Statement(level=level, text=text)]
    assert list(javascript.from_typescript(source)) == [Statement(level=level, text=text)]


@pytest.mark.parametrize(
    "source",
    [
        'usage("prints what it knows of itself");',
        'strcmp(name, "no log at all");',
        'printf("to a person at a terminal");',
        'Debug(LDAP_DEBUG_ANY, "of no level that it tells");',
        'log_error("left over: %Y of it");',
        'log_error("--flag of a command");',
    ],
)
def test_what_is_no_log_statement_of_c_is_left(source: str) -> None:
    assert list(c.from_source(source)) == []


def test_packages_are_gathered_by_what_they_say_of_their_licence(tmp_path: Path) -> None:
    for name, licence in (("open", "MIT"), ("shut", "GPL-3.0-only")):
        _npm_package(tmp_path / f"{name}-1.0.0.tgz", name=name, licence=licence)
    out = tmp_path / "out"
    out.mkdir()

    kept = collect.gather(tmp_path, out=out)

    assert [(one.registry, one.name, one.licence, one.count) for one in kept] == [("npm", "open", "MIT", 1)]
    assert statements.read(out / "statements.tsv.xz") == [Statement("warning", "open is not shut")]
    assert statements.manifest(out / "manifest.json")[0]["package"] == "open"


def test_a_list_of_packages_names_registry_and_family(tmp_path: Path) -> None:
    path = tmp_path / "packages.txt"
    path.write_text("# why\npypi Some.Name some\n\nnpm @house/one # new\n")

    listed = packages.listed(path)

    assert [(one.registry, one.name, one.family) for one in listed] == [
        ("pypi", "Some.Name", "some"),
        ("npm", "@house/one", "@house/one"),
    ]
    assert packages.families(listed)["pypi", "some-name"] == "some"


@pytest.mark.parametrize("line", ["cargo serde", "npm", "npm one two three"])
def test_a_line_out_of_form_is_refused(line: str, tmp_path: Path) -> None:
    path = tmp_path / "packages.txt"
    path.write_text(f"{line}\n")

    with pytest.raises(ValueError, match=line):
        packages.listed(path)


def test_every_shipped_package_is_on_the_list() -> None:
    listed = packages.families(packages.listed())

    shipped = {packages.key(str(one["registry"]), str(one["package"])) for one in statements.manifest()}

    assert shipped <= set(listed)


def _npm_package(path: Path, *, name: str, licence: str) -> None:
    files = {
        "package/package.json": json.dumps({"name": name, "version": "1.0.0", "license": licence}),
        "package/lib/index.js": f'logger.warn("{name} is not shut")\n',
        "package/test/index.js": 'logger.warn("seen in tests alone")\n',
    }
    with tarfile.open(path, "w:gz") as bundle:
        for member, text in files.items():
            info = tarfile.TarInfo(member)
            info.size = len(text)
            bundle.addfile(info, io.BytesIO(text.encode()))
