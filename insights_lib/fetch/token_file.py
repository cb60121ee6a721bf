"""The tokens of one sign-in: in the keyring of the system, or in a file for its owner only."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from msal import SerializableTokenCache
from msal_extensions import build_encrypted_persistence
from msal_extensions.persistence import BasePersistence, PersistenceNotFound

from insights_lib.disk import locked, make_folder, write_private
from insights_lib.errors import SignInError

_PATIENCE = 120  # seconds for which another process may be signing in


class TokenFile(SerializableTokenCache):
    """What MSAL remembers, which is on the disk before any of it is used.

    Every renewal brings another refresh token. Were it used before it is stored, and the machine
    stopped between, the one that is stored might not be taken any more.

    They are in the keyring where one is at hand: DPAPI, the macOS Keychain, libsecret. A file that
    was written without one is taken over.
    """

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._file = file
        self._keyring: BasePersistence | None = None

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
                self._keyring = _keyring(self._file)
                self.deserialize(_checked(self._read()))
            except Exception as error:  # each keyring fails in its own ways
                raise SignInError(
                    f"{self._file}: cannot be read; delete it and run insights login."
                ) from error
            yield

    def _read(self) -> str:
        if self._keyring:
            with suppress(PersistenceNotFound):
                return str(self._keyring.load())
        return self._file.read_text(encoding="utf-8") if self._file.exists() else ""

    def _write(self) -> None:
        try:
            if self._keyring:
                self._keyring.save(self.serialize())
                self._file.unlink(missing_ok=True)
            else:
                write_private(self._file, self.serialize().encode())
        except Exception as error:
            why = getattr(error, "strerror", None) or type(error).__name__
            raise SignInError(
                f"{self._file}: the sign-in cannot be kept ({why}); see the disk and the keyring."
            ) from error


def _checked(kept: str) -> str:
    """What was kept, if it is tokens as MSAL keeps them: kinds of entries.

    Raises:
        ValueError: It is something else.
    """
    content = json.loads(kept) if kept else {}
    kinds = [*content.values()] if isinstance(content, dict) else [None]
    entries = [entry for kind in kinds if isinstance(kind, dict) for entry in kind.values()]
    if not all(isinstance(part, dict) for part in (*kinds, *entries)):
        raise ValueError(kept[:0])  # the tokens themselves are in no message
    return kept


def _keyring(file: Path) -> BasePersistence | None:
    """Where the system keeps the tokens safe; None without a keyring, as on a server."""
    try:
        return build_encrypted_persistence(str(file.absolute().with_suffix(".keyring")))
    except Exception:  # noqa: BLE001 - what it needs of each system fails in its own ways
        return None
