"""What a process on Linux can ask to be done with it."""

import ctypes

# Be killed by a signal when the parent ends, 0 for none; be called so by `ps` and `top`, in at most
# 15 characters; be the parent of what a child leaves behind when it ends.
END_WITH_PARENT, NAME, ADOPT_ORPHANS = 1, 15, 36


def prctl(option: int, value: int | bytes) -> None:
    """Have the system do one of these; see the manual, `man 2 prctl`."""
    ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
