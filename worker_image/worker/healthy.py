"""Whether this container's worker works, for Docker and ECS: `python -m worker_image.worker.healthy` exits 0 or 1."""

import os
import sys
from pathlib import Path

from worker_image.worker.pulse import LATEST_S, Pulse


def main() -> None:
    """Say when the worker did its last task, and exit with 0 if that was lately."""
    # Settings would take longer to import than all else.
    age_s = Pulse(Path(os.environ.get("ODDLINE_HOME", ".oddline"))).age_s()
    print(f"the last task was done {age_s:.0f} s ago")  # noqa: T201  # Docker keeps it
    sys.exit(0 if age_s <= LATEST_S else 1)


if __name__ == "__main__":
    main()
