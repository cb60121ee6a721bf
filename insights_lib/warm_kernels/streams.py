"""Standard output and error of a kernel: ipykernel's own, but for where they come from and go.

ipykernel publishes from a thread, and watches what programs print past Python in two others. Both
are in a race with the cell: what a child prints just before a cell ends may be shown with the next
one. Here all that was printed is taken and sent before anything else is, by whoever flushes. One
thread does that for a cell that keeps silent, so that what it printed is there when it is ended.
"""

import codecs
import os
import re
import select
import time
from collections.abc import Callable, Sequence
from threading import RLock, Thread
from typing import Any

from ipykernel.iostream import IOPubThread, OutStream

# Half of a pair, which no message can hold; the others stand for bytes of a file's name.
_LONE = re.compile("[\ud800-\udc7f\udd00-\udfff]")
_LOOK = 0.1  # seconds between looks whether something printed waits for too long
_BLOCK, _BLOCKS = 65536, 16  # as much as a pipe holds, and how many of it are taken at once


class Publisher(IOPubThread):
    """What streams and displays publish through: a function, not a thread with sockets."""

    thread: Any = None
    io_loop: Any = None

    def __init__(self) -> None:
        # Not what it is made of there, which opens sockets.
        self.lock = RLock()
        self.send: Callable[[Sequence[bytes]], Any] = len  # of no use before there is a client

    def send_multipart(self, frames: Sequence[bytes], *_: Any, **__: Any) -> None:
        """Send a message; whoever does so holds the lock for as long as it takes."""
        with self.lock:
            self.send(frames)


class Stream(OutStream):
    """Standard output or error of a notebook, by Python and by all that it starts."""

    def __init__(self, session: Any, pub_thread: Publisher, name: str, **_: Any) -> None:
        super().__init__(session, pub_thread, name, watchfd=False)
        self._descriptor = {"stdout": 1, "stderr": 2}[name]
        # Where ipykernel looks for what its own log should be written to.
        self._original_stdstream_copy = os.dup(self._descriptor)
        self.pipe, printed = os.pipe()
        os.dup2(printed, self._descriptor)
        os.close(printed)
        os.set_blocking(self.pipe, False)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._due = float("inf")

    def fileno(self) -> int:
        """The descriptor: what a child writes to it is shown, too."""
        return self._descriptor

    def write(self, string: str) -> int:
        """Print after what was printed past Python until now."""
        if not isinstance(string, str):
            raise TypeError(f"write() argument must be str, not {type(string)}")
        if self._is_master_process():
            self.take()
            super().write(string if string.isascii() else _LONE.sub("\ufffd", string))
            return len(string)
        # In a fork of the notebook's own, which must not send anything.
        os.write(self._descriptor, string.encode("utf-8", "replace"))
        return len(string)

    def take(self) -> None:
        """Take what was printed past Python."""
        with self.pub_thread.lock:
            for _ in range(_BLOCKS):
                try:
                    block = os.read(self.pipe, _BLOCK)
                except BlockingIOError:
                    break
                with self._buffer_lock:
                    parent = frozenset(self._parent_header_global.items())
                    self._buffers[parent].write(self._decoder.decode(block))
                self._schedule_flush()

    def flush_if_due(self) -> None:
        """Send what was printed some time ago."""
        if time.monotonic() >= self._due:
            self._flush()

    def _schedule_flush(self) -> None:
        if self._due == float("inf"):
            self._due = time.monotonic() + self.flush_interval

    def _flush(self) -> None:
        if self._is_master_process():
            with self.pub_thread.lock:
                self.take()
                self._due = float("inf")
                super()._flush()


def watch(*streams: Stream) -> None:
    """Have a thread that sends what waits, and reads so that nobody who prints has to wait."""
    Thread(target=_watch, args=streams, name="IOPub", daemon=True).start()


def _watch(*streams: Stream) -> None:
    poll = select.poll()
    for stream in streams:
        poll.register(stream.pipe, select.POLLIN)
    while True:
        ready = {descriptor for descriptor, _ in poll.poll(1000 * _LOOK)}
        for stream in streams:
            if stream.pipe in ready:
                stream.take()
            stream.flush_if_due()
