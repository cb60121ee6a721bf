"""Waiting for what another process does, without a fixed time."""

import time
from pathlib import Path


def gone(pid: int, seconds: float = 5) -> bool:
    """Whether a process ends within some seconds; one that nobody has waited for has ended too."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state[0] == "Z":
            return True
    return False
