"""What the site's people do on an ordinary day: reloads, log rotation, backups, planned restarts."""

import signal
from collections.abc import Callable

import redis

from bench.sample_corpus import postgres, valkey
from bench.sample_corpus.process import run_once
from bench.sample_corpus.site import Site
from bench.sample_corpus.traffic import Traffic

Action = Callable[[Site, Traffic], None]


def _cache() -> redis.Redis:
    return redis.Redis(*valkey.ADDRESS, socket_timeout=5)


def _reload_nginx(site: Site, _: Traffic) -> None:
    site.nginx.signal(signal.SIGHUP)


def _rotate_nginx_logs(site: Site, _: Traffic) -> None:
    site.nginx.signal(signal.SIGUSR1)


def _reload_postgres(site: Site, _: Traffic) -> None:
    with postgres.admin() as connection:
        connection.execute(f"ALTER SYSTEM SET log_min_duration_statement = {site.chance.choice((250, 300, 350, 400))}")
    site.postgres.signal(signal.SIGHUP)


def _checkpoint(_: Site, __: Traffic) -> None:
    with postgres.admin() as connection:
        connection.execute("CHECKPOINT")


def _vacuum(site: Site, _: Traffic) -> None:
    with postgres.admin() as connection:
        connection.execute(f"VACUUM (ANALYZE, VERBOSE) {site.chance.choice(('orders', 'carts', 'products'))}")


def _back_up_database(site: Site, _: Traffic) -> None:
    dump = [f"{postgres.BIN}/pg_dump", "-h", "/run/postgresql", "-v", "-T", "archive_*", "-f", "/tmp/shop.sql", "shop"]
    run_once(
        ["runuser", "-u", "postgres", "--", *dump],
        recorder=site.recorder,
        source="pg_dump",
    )


def _save_cache(_: Site, __: Traffic) -> None:
    _cache().bgsave()


def _switch_append_only(site: Site, _: Traffic) -> None:
    with _cache() as client:
        client.config_set("appendonly", "yes" if client.config_get("appendonly")["appendonly"] == "no" else "no")
    site.pause(0.5, 1.0)


def _reconnect_replica(_: Site, __: Traffic) -> None:
    _cache().client_kill_filter(_type="replica")


def _become_user(site: Site, _: Traffic) -> None:
    for user in ("backupbot", "deploy", "shop"):
        run_once(["su", "-", user, "-c", "true"], recorder=site.recorder, source="su")


def _restart_sshd(site: Site, _: Traffic) -> None:
    site.sshd.signal(signal.SIGHUP)


def _restart_worker(site: Site, _: Traffic) -> None:
    site.worker.restart()
    site.beat.restart()


def _restart_api(site: Site, traffic: Traffic) -> None:
    with traffic.paused():
        site.api.restart()


def _restart_inventory(site: Site, traffic: Traffic) -> None:
    with traffic.paused():
        site.inventory.restart()


def _restart_nginx(site: Site, traffic: Traffic) -> None:
    with traffic.paused():
        site.nginx.restart()


def _restart_replica(site: Site, _: Traffic) -> None:
    site.valkey_replica.restart()


def _restart_syslog(site: Site, _: Traffic) -> None:
    site.rsyslog.restart()


def _upgrade_database(site: Site, traffic: Traffic) -> None:
    """What a minor upgrade does: all that uses it stops, it restarts, all starts again."""
    with traffic.paused():
        for program in (site.beat, site.worker, site.api):
            program.stop()
        site.postgres.restart()
        site.valkey.restart()
        for program in (site.api, site.worker, site.beat):
            program.start()


ACTIONS: tuple[Action, ...] = (
    _reload_nginx,
    _rotate_nginx_logs,
    _reload_postgres,
    _checkpoint,
    _vacuum,
    _back_up_database,
    _save_cache,
    _switch_append_only,
    _reconnect_replica,
    _become_user,
    _restart_sshd,
    _restart_worker,
    _restart_api,
    _restart_inventory,
    _restart_nginx,
    _restart_replica,
    _restart_syslog,
    _upgrade_database,
)
