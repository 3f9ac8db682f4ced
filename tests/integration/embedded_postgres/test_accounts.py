"""The embedded PostgreSQL runs wherever a checkout lies and whoever starts it, root too."""

import os
import pwd
import shutil
import sys
from pathlib import Path

import pytest
from postgres_servers import kept, postmaster, put, query, run_supervisor, url_once_started, works_in

from oddline.local.postgres import PostgresServer
from oddline.local.postgres_place import INSTALLATIONS, SHARED_LIBRARIES, WHEEL, can_reach
from oddline.local.processes import Account, package_folder

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="root alone can run servers as other users")


def test_an_awkward_path_longer_than_a_socket_may_have_works(folder: Path) -> None:
    server = PostgresServer(folder / ("it's föld er " * 8) / "postgres")
    server.start()
    try:
        assert query(server.owner_url, "SELECT 1") == [(1,)]
    finally:
        server.remove()


@needs_root
def test_an_ordinary_user_runs_it_as_themselves(server: PostgresServer, folder: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    account = Account(uid=nobody.pw_uid, gid=nobody.pw_gid)
    interpreters = [path for path in (sys.executable, "/usr/bin/python3") if Path(path).exists()]
    reachable = [path for path in interpreters if can_reach(Path(path), account=account)]
    if not reachable or not can_reach(package_folder(WHEEL), account=account):
        pytest.skip("NOT CHECKED: the user nobody can reach no Python or no PostgreSQL here")
    folder.mkdir()
    os.chown(folder, account.uid, account.gid)

    with run_supervisor(folder, account=account, interpreter=reachable[0]) as supervisor:
        put(url_once_started(supervisor), 1)
        users = {process.info["uids"].real for process in works_in(folder / "data")}

    assert users == {account.uid}
    assert not (folder / "data").is_symlink()


@needs_root
def test_root_runs_data_of_an_ordinary_user_as_that_user(server: PostgresServer, folder: Path) -> None:
    server.start()
    server.stop()
    nobody = pwd.getpwnam("nobody")
    data = folder / "data"
    for path in (data, *data.rglob("*")):
        os.chown(path, nobody.pw_uid, nobody.pw_gid)

    server.start()

    assert postmaster(folder).uids().real == nobody.pw_uid


@needs_root
def test_root_in_a_checkout_that_nobody_else_can_enter_keeps_binaries_and_data_elsewhere(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = folder / "home"
    packages = home / "venv" / "site-packages"
    wheel = package_folder(WHEEL)
    for part in (Path(WHEEL, INSTALLATIONS[18]), Path(SHARED_LIBRARIES)):
        shutil.copytree(wheel.parent / part, packages / part, ignore=shutil.ignore_patterns("include", "*.a"))
    (packages / WHEEL / "__init__.py").touch()
    home.chmod(0o700)
    monkeypatch.syspath_prepend(packages)
    server = PostgresServer(home / ".oddline" / "postgres")
    try:
        server.start()
        put(server.owner_url, 1)
        server.stop()
        server.start()

        process = postmaster(home / ".oddline" / "postgres")
        assert kept(server.owner_url) == [1]
        assert process.uids().real != 0
        assert not Path(process.exe()).is_relative_to(home)
        assert not Path(process.cwd()).is_relative_to(home)
    finally:
        server.remove()


def test_a_umask_that_hides_all_from_others_does_no_harm(server: PostgresServer) -> None:
    before = os.umask(0o077)
    try:
        server.start()
    finally:
        os.umask(before)

    assert query(server.owner_url, "SELECT 1") == [(1,)]
