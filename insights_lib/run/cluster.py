"""Reports made by a Dask cluster, through the interface of `concurrent.futures`.

Its workers need this package in the same version, and see the store and the outputs under the same
paths. A worker that dies is replaced by another one: Dask gives its report to that.
"""

import asyncio
import logging
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager

from insights_lib.errors import ParameterError, ReportError

_PATIENCE = 10  # seconds to wait for the scheduler


@contextmanager
def cluster(address: str) -> Iterator[Executor]:
    """Have the workers of a cluster; what they have not begun is cancelled after an error.

    Raises:
        ParameterError: Dask is not installed, or this is not an address.
        ReportError: No scheduler answers there, or it has no worker.
    """
    try:
        from distributed import Client  # noqa: PLC0415 - an extra that not everybody has
    except ImportError as error:
        raise ParameterError(
            "--dask needs Dask, which is not installed; run `pip install '.[dask]'` here."
        ) from error
    # It would show how it looks for a scheduler that is gone; the reports tell that it is.
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    try:
        asyncio.run(_call(address))
        client = Client(address, timeout=_PATIENCE, set_as_default=False)
    except ValueError as error:
        raise ParameterError(
            f"--dask {address!r} is not an address such as tcp://10.0.0.5:8786 ({error})."
        ) from error
    except OSError as error:
        raise ReportError(
            f"no Dask scheduler answers at {address} within {_PATIENCE} seconds; start it with "
            "`dask scheduler`, or leave out --dask."
        ) from error
    with client:
        if not client.nthreads():
            raise ReportError(f"the Dask cluster at {address} has no worker; start some.")
        executor = client.get_executor()
        try:
            yield executor
        except BaseException:
            executor.shutdown(wait=False)
            raise
        executor.shutdown()


async def _call(address: str) -> None:
    """See that somebody answers: a client that finds nobody goes on trying when it is given up."""
    from distributed.comm.core import connect  # noqa: PLC0415 - as above

    await (await connect(address, timeout=_PATIENCE)).close()
