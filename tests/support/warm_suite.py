"""A plugin of pytest: other people's tests, with warm kernels where they would have ordinary ones.

papermill has `WarmEngine` in place of its own engine. nbclient, which knows no engines, is given a
warm kernel for each notebook that it executes as a whole.
"""

from collections.abc import Callable, Iterator
from contextlib import chdir
from functools import wraps
from typing import Any
from unittest.mock import patch

import nbclient
import pytest
from jupyter_client.manager import AsyncKernelManager
from papermill import engines

from insights_lib.warm_kernels.engine import MOST, WarmEngine, _forked, warm_kernels


def _with_warm_kernels(execute: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(execute)
    def executed(client: nbclient.NotebookClient, **options: Any) -> Any:
        server = WarmEngine.fork_server
        brings_its_own = client.km or client.kernel_manager_class is not AsyncKernelManager
        if server is None or brings_its_own or options:  # options: a kernel that is kept
            return execute(client, **options)
        folder = client.resources.get("metadata", {}).get("path") or "."
        with chdir(folder), _forked(server, "", MOST) as kernel:
            client.km = kernel
            try:
                return execute(client)
            finally:
                client.km = None

    return executed


def pytest_configure() -> None:
    """Take the places, before the tests import what is there."""
    engines.NBClientEngine = WarmEngine
    nbclient.NotebookClient.execute = _with_warm_kernels(nbclient.NotebookClient.execute)


@pytest.fixture(scope="session", autouse=True)
def _warm(record_testsuite_property: Callable[[str, object], None]) -> Iterator[None]:
    with warm_kernels() as server, patch.object(server, "fork", wraps=server.fork) as fork:
        yield
        record_testsuite_property("warm kernels", fork.call_count)
