"""Which variables of the environment are secret, and how no program that we start gets them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

SECRET = "INSIGHTS_SECRET_"  # noqa: S105 - how the variables begin that fetch.yml may name
_MAIL = "INSIGHTS_SMTP_"


def is_secret(name: str) -> bool:
    """Whether a variable belongs to a login of ours, which no kernel or browser may have."""
    return name.startswith((_MAIL, SECRET))


@contextmanager
def secrets_hidden() -> Iterator[None]:
    """Keep secret variables out of the environment, which what is started meanwhile inherits."""
    hidden = {name: os.environ.pop(name) for name in filter(is_secret, [*os.environ])}
    try:
        yield
    finally:
        os.environ.update(hidden)
