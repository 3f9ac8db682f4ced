"""The syslog side of the site: rsyslogd, which takes in and prints what sshd, cron and su say."""

import re
import shutil
import subprocess
from pathlib import Path

from bench.sample_corpus.process import Program
from bench.sample_corpus.recorder import Recorder

SSH_ADDRESS = ("10.20.0.10", 22)
SSHD_CONFIG = Path("/etc/ssh/sshd_config")
_RSYSLOG_CONFIG = Path("/etc/rsyslog.conf")
_PROGRAM = re.compile(r"^\w{3} [ \d]\d [\d:]{8} \S+ ([\w./-]+?)(?:\[\d+\])?:")

_RSYSLOG = """
module(load="imuxsock")
*.* action(type="omfile" file="/dev/stdout" template="RSYSLOG_TraditionalFileFormat")
"""
_SSHD = """
Port 22
ListenAddress 10.20.0.10
HostKey /etc/ssh/ssh_host_ed25519_key
LogLevel VERBOSE
UsePAM yes
MaxAuthTries 4
MaxStartups 20:30:60
LoginGraceTime 6
PermitRootLogin no
PrintMotd no
PrintLastLog no
"""
_CRON = """
* * * * * deploy /bin/true rotate-sessions
* * * * * root /bin/true collect-metrics --no-error-if-empty
*/2 * * * * backupbot /bin/true verify-last-backup
*/3 * * * * shop /bin/true purge-failed-uploads
"""


def make(recorder: Recorder) -> tuple[Program, Program, Program]:
    """rsyslogd, sshd and cron; start them in this order."""
    rsyslog = Program("rsyslogd", ["/usr/sbin/rsyslogd", "-n", "-iNONE"], recorder, source_of=_source_of)
    sshd = Program("sshd", ["/usr/sbin/sshd", "-D"], recorder, address=SSH_ADDRESS)
    cron = Program("cron", ["/usr/sbin/cron", "-f"], recorder)
    return rsyslog, sshd, cron


def _source_of(line: str) -> str:
    found = _PROGRAM.match(line)
    return found[1].lower() if found else "rsyslogd"


def create() -> None:
    """Write configurations, host key, and the key with which deploy and backupbot log in."""
    _RSYSLOG_CONFIG.write_text(_RSYSLOG, encoding="utf-8")
    SSHD_CONFIG.write_text(_SSHD, encoding="utf-8")
    Path("/etc/cron.d").mkdir(exist_ok=True)
    for found in Path("/etc/cron.d").iterdir():
        found.unlink()
    Path("/etc/cron.d/shop").write_text(_CRON, encoding="utf-8")
    Path("/etc/crontab").write_text("", encoding="utf-8")
    Path("/run/sshd").mkdir()
    for user in ("deploy", "backupbot"):
        folder = Path("/home") / user / ".ssh"
        folder.mkdir(parents=True)
        _keygen(folder / "id_ed25519", comment=f"{user}@office")
        shutil.copy(folder / "id_ed25519.pub", folder / "authorized_keys")
        folder.chmod(0o700)
        subprocess.run(["chown", "-R", f"{user}:{user}", str(folder)], check=True)
    _keygen(Path("/etc/ssh/ssh_host_ed25519_key"), comment="sample-host")


def _keygen(path: Path, *, comment: str) -> None:
    path.unlink(missing_ok=True)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)], check=True)


def ssh(user: str, *, source: str, password: str | None = None) -> int:
    """Log in from the address `source`, with the user's key or with a password; return ssh's exit status."""
    options = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "ConnectTimeout=5"]
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/root"}
    if password is None:
        options += ["-i", f"/home/{user}/.ssh/id_ed25519", "-o", "BatchMode=yes"]
    else:
        asker = Path("/tmp") / f"ask-{abs(hash(password))}"
        asker.write_text(f"#!/bin/sh\necho '{password}'\n", encoding="utf-8")
        asker.chmod(0o755)
        options += ["-o", "PubkeyAuthentication=no", "-o", "NumberOfPasswordPrompts=2"]
        environment |= {"SSH_ASKPASS": str(asker), "SSH_ASKPASS_REQUIRE": "force"}
    done = subprocess.run(
        ["ssh", "-b", source, *options, f"{user}@{SSH_ADDRESS[0]}", "true"],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=30,
        check=False,
    )
    return done.returncode
