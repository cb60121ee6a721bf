"""Which Chromium this machine has, if any."""

from shutil import which

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
NO_CHROMIUM = f"no Chromium is on the PATH ({', '.join(CHROMIUM)})"


def chromium() -> str | None:
    """The program of a Chromium; None if there is none."""
    return next(filter(None, map(which, CHROMIUM)), None)
