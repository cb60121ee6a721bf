"""Messages of Jupyter's protocol over one socket, each with its channel, in one order."""

from collections.abc import Iterable, Iterator
from struct import Struct, calcsize, pack, unpack_from

SHELL, IOPUB = 0, 1
BLOCK = 1_000_000  # bytes to read at once

# The channel and how many frames follow. After it: the length of each frame, and the frames.
_HEAD = Struct("!BI")


def packed(channel: int, frames: Iterable[bytes]) -> bytes:
    """A message as it goes over the socket; its frames are what `Session.serialize` returns."""
    views = [memoryview(frame).cast("B") for frame in frames]
    lengths = pack(f"!{len(views)}Q", *map(len, views))
    return b"".join((_HEAD.pack(channel, len(views)), lengths, *views))


class Unpacker:
    """Makes messages of the blocks that come from the socket."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def __len__(self) -> int:
        """How many bytes wait for the rest of their message."""
        return len(self._bytes)

    def feed(self, block: bytes) -> Iterator[tuple[int, list[bytes]]]:
        """The channels and frames of the messages that this block completes."""
        self._bytes += block
        while len(self._bytes) >= _HEAD.size:
            channel, count = _HEAD.unpack_from(self._bytes)
            begin = _HEAD.size + calcsize(f"!{count}Q")
            if len(self._bytes) < begin:
                return
            lengths = unpack_from(f"!{count}Q", self._bytes, _HEAD.size)
            end = begin + sum(lengths)
            if len(self._bytes) < end:
                return
            frames = []
            for length in lengths:
                frames.append(bytes(self._bytes[begin : begin + length]))
                begin += length
            del self._bytes[:end]
            yield channel, frames
