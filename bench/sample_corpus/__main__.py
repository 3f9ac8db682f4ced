"""Makes the sample corpus: `python -m bench.sample_corpus OUT_DIR` as root, on Debian, after `apt-get update`."""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from bench.sample_corpus import packer, sandbox

_NAMESPACES = ["--mount", "--uts", "--net", "--ipc", "--pid", "--fork", "--kill-child"]


def main() -> None:
    """Download the programs, run the site in a sandbox, and pack what it printed."""
    parser = argparse.ArgumentParser(prog="python -m bench.sample_corpus", description=__doc__)
    parser.add_argument("out_dir", type=Path, help="where corpus.log.xz, demo.log.xz and windows.json are written")
    parser.add_argument("--minutes", type=float, default=18.0, help="length of the run")
    parser.add_argument("--only", help="run only the faults in whose `kind program` this regular expression is found")
    parser.add_argument("--keep-spool", action="store_true", help="leave the unpacked recording beside the result")
    parser.add_argument("--inside", type=Path, nargs=2, metavar=("DEBS", "SCRATCH"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        _run_inside(options)
        return
    options.out_dir.mkdir(parents=True, exist_ok=True)
    debs, scratch = sandbox.download_packages(), sandbox.make_scratch()
    try:
        again = [sys.executable, "-m", "bench.sample_corpus", *sys.argv[1:], "--inside", str(debs), str(scratch)]
        subprocess.run(["unshare", *_NAMESPACES, "nice", "-n", "10", *again], check=True)
    finally:
        shutil.rmtree(debs)
        scratch.rmdir()
    packer.pack(options.out_dir, keep_spool=options.keep_spool)


def _run_inside(options: argparse.Namespace) -> None:
    # Imported late: the process outside needs none of the clients that it imports.
    from bench.sample_corpus import timeline

    debs, scratch = options.inside
    inside = sandbox.enter(packages=debs, scratch=scratch, out_dir=options.out_dir)
    timeline.run(inside, minutes=options.minutes, only=options.only)


if __name__ == "__main__":
    main()
