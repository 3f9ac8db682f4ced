"""Take out of an installed environment what no image runs: `python trim.py SITE_PACKAGES`, while an image is built."""

import shutil
import subprocess
import sys
from pathlib import Path

# Tests, what builds and installs, databases and brokers of others, zones, mappers and resources that nobody asks for,
# hints for editors and debuggers; and what CPython does not load: the library of ONNX Runtime for programs in C, whose
# code the module for Python has too, and zstandard's module for PyPy.
UNUSED = (
    "**/tests",
    "alembic/testing",
    "boto3/data",
    "celery/contrib/testing",
    "cffi",
    "flower/static/**/*.map",
    "kombu/transport/SQS",
    "kombu/transport/azure*.py",
    "kombu/transport/gcpubsub.py",
    "kombu/transport/mongodb.py",
    "kombu/transport/pgmq.py",
    "kombu/transport/qpid.py",
    "kombu/transport/sqlalchemy",
    "pip*",
    "setuptools*",
    "pkg_resources",
    "_distutils_hack",
    "distutils-precedence.pth",
    "numpy/_core/include",
    "numpy/_core/lib",
    "numpy/distutils",
    "numpy/f2py",
    "numpy/_core/_*_tests.*.so",
    "numpy/_core/_simd.*.so",
    "onnxruntime/capi/libonnxruntime.so.*",
    "onnxruntime/datasets",
    "onnxruntime/quantization",
    "onnxruntime/tools",
    "onnxruntime/transformers",
    "polars/testing",
    "sqlalchemy/dialects/mssql",
    "sqlalchemy/dialects/mysql",
    "sqlalchemy/dialects/oracle",
    "sqlalchemy/ext/asyncio",
    "sqlalchemy/orm",
    "sqlalchemy/testing",
    "humanize/locale",
    "pytz/zoneinfo",
    "tornado/test",
    "zstandard/_cffi.*.so",
    "*.dist-info/sboms",
    "**/*.c",
    "**/*.pyi",
    "**/*.pyx",
    "**/*.pxd",
)

AWS_SERVICES = frozenset(
    {
        "bedrock-runtime",
        "cloudwatch",
        "logs",
        "s3",
        "scheduler",
        "secretsmanager",
        "sesv2",
        "signin",
        "sns",
        "ssm",
        "sso",
        "sso-oidc",
        "sts",
        "xray",
    }
)
"""Those that code of ours asks, and those that botocore and the X-Ray SDK ask by themselves; it knows 400."""

NO_SHELL = 'def register_repl(group: object) -> None:\n    """Nobody asks for Celery\'s commands as a shell."""\n'
"""In the place of click-repl, which Celery's command imports, with two large packages behind it."""


def trim(site_packages: Path) -> None:
    """Delete what is unused, and the symbols that only a debugger reads."""
    for pattern in UNUSED:
        for found in list(site_packages.glob(pattern)):
            if found.is_dir():
                shutil.rmtree(found)
            else:
                found.unlink(missing_ok=True)
    if (site_packages / "celery").exists():
        (site_packages / "click_repl.py").write_text(NO_SHELL, encoding="utf-8")
    for service in (site_packages / "botocore" / "data").iterdir():
        if service.is_dir() and service.name not in AWS_SERVICES:
            shutil.rmtree(service)
    # Libraries in `….libs` were patched when their wheel was made, and do not survive it.
    libraries = [path for path in site_packages.rglob("*.so*") if not path.parent.name.endswith(".libs")]
    subprocess.run(["strip", "--strip-unneeded", *libraries], check=True)


if __name__ == "__main__":
    trim(Path(sys.argv[1]))
