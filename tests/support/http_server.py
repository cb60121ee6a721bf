"""A real web server on loopback that hands out the files of a folder, as object stores do."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

from aiohttp import web
from aiohttp.typedefs import Handler


@dataclass
class Served:
    """A folder that is served.

    Attributes:
        url: Where.
        asked: Which of its files were asked for, in turn.
    """

    url: str = ""
    asked: list[str] = field(default_factory=list)


@contextmanager
def served(folder: Path) -> Iterator[Served]:
    """Serve a folder on a free port."""
    shown = Served()

    @web.middleware
    async def note(request: web.Request, handler: Handler) -> web.StreamResponse:
        shown.asked.append(request.path.removeprefix("/store/"))
        return await handler(request)

    async def start() -> web.AppRunner:
        app = web.Application(middlewares=[note])
        app.router.add_static("/store", folder)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        shown.url = f"http://127.0.0.1:{runner.addresses[0][1]}/store"
        return runner

    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever)
    thread.start()
    runner = asyncio.run_coroutine_threadsafe(start(), loop).result(timeout=30)
    try:
        yield shown
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(timeout=30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()
