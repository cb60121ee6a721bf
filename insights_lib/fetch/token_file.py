"""The tokens of one sign-in, in a file for its owner only."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from msal import SerializableTokenCache

from insights_lib.disk import locked, make_folder, write_private
from insights_lib.errors import SignInError

_PATIENCE = 120  # seconds for which another process may be signing in


class TokenFile(SerializableTokenCache):
    """What MSAL remembers, which is on the disk before any of it is used.

    Every renewal brings another refresh token. Were it used before it is stored, and the machine
    stopped between, the one that is stored might not be taken any more.
    """

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._file = file

    def add(self, event: Any, **options: Any) -> None:
        """Store a new token."""
        super().add(event, **options)
        self._write()

    def modify(self, *entry: Any, **options: Any) -> None:
        """Store a token that replaces another, or forget one."""
        super().modify(*entry, **options)
        self._write()

    @contextmanager
    def used(self) -> Iterator[None]:
        """Have the tokens for oneself, as they stand in the file now.

        Raises:
            SignInError: The file is not of this program, or another process holds it.
        """
        make_folder(self._file.parent)
        busy = SignInError(f"{self._file}: another process is signing in; try again later.")
        with locked(self._file.with_name(f".{self._file.name}.lock"), busy, _PATIENCE):
            try:
                text = self._file.read_text(encoding="utf-8") if self._file.exists() else ""
                self.deserialize(text)
            except (OSError, ValueError) as error:
                raise SignInError(
                    f"{self._file}: cannot be read; delete it and run insights login."
                ) from error
            yield

    def _write(self) -> None:
        write_private(self._file, self.serialize().encode())
