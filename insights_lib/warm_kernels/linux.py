"""What a process on Linux can ask to be done with it; see prctl(2)."""

import ctypes
import signal
from typing import Any

_PDEATHSIG, _NAME, _CHILD_SUBREAPER = 1, 15, 36


def name_process(name: str) -> None:
    """Be called so by `ps` and `top`; at most 15 characters."""
    _prctl(_NAME, ctypes.c_char_p(name.encode()))


def adopt_orphans() -> None:
    """Be the parent of what a child leaves behind when it ends."""
    _prctl(_CHILD_SUBREAPER, 1)


def end_with_parent(wanted: bool) -> None:
    """Be killed when the process that this one is a child of ends, or do not be."""
    _prctl(_PDEATHSIG, signal.SIGKILL if wanted else 0)


def _prctl(option: int, value: Any) -> None:
    ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
