"""Turns into another program that ends with its parent; a script of its own, so that no Python runs after a fork."""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def launch(program: list[str], *, parent: int, death_signal: int, uid: int, gid: int) -> None:
    """Take on the account (unless `uid` is negative), ask for `death_signal` at the parent's end, become `program`.

    The order matters: a change of account clears the wish for a signal (prctl(2)). Elsewhere than on Linux there is no
    such wish, and what is left over is ended by the next start alone.
    """
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_PDEATHSIG, death_signal) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:
        sys.exit("the parent ended before its child began")
    os.execv(program[0], program)  # noqa: S606


if __name__ == "__main__":
    parent, death_signal, uid, gid = (int(number) for number in sys.argv[1:5])
    launch(sys.argv[5:], parent=parent, death_signal=death_signal, uid=uid, gid=gid)
