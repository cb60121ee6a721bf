"""New exports are taken when they are whole, and end up where they belong under a free name."""

import errno
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from insights_lib.disk import move_to_free_name
from insights_lib.errors import ExportError
from insights_lib.schedule import inbox
from insights_lib.schedule.inbox import (
    MOST_LOOKS,
    STABLE_SECONDS,
    Arrival,
    Folders,
    take_incoming,
)
from insights_lib.store.ingest import ingest_file
from tests.support.rows import seats_row, stored_rows, write_tsv


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    (tmp_path / "incoming").mkdir()
    places = (tmp_path / name for name in ("incoming", "store", "exports", "refused"))
    return Folders(*places)


def export(file: Path, *customers: str) -> Path:
    return write_tsv(file, [seats_row("2025-01", customer) for customer in customers or "a"])


def take(folders: Folders, between: Callable[[], object] = lambda: None) -> list[Arrival]:
    """What is taken if something happens between one look and the next."""

    def sleep(seconds: float) -> None:
        assert seconds == STABLE_SECONDS
        between()

    return take_incoming(folders, sleep)


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir()) if folder.exists() else []


def customers(folders: Folders) -> list[str]:
    return [row["customer"] for row in stored_rows(folders.store)]


def test_a_new_export_is_ingested_and_moved(folders: Folders) -> None:
    export(folders.incoming / "Seats.tsv")
    assert take(folders) == [Arrival(folders.exports / "Seats.tsv")]
    assert customers(folders) == ["tpid:a"]
    assert names(folders.incoming) == []
    assert names(folders.exports) == ["Seats.tsv"]
    assert "tpid" not in (folders.exports / "Seats.tsv").read_text(encoding="utf-8")


def test_nobody_waits_where_nothing_is_new(folders: Folders) -> None:
    def never() -> None:
        raise AssertionError("it waited")

    assert take(folders, never) == []


def test_a_file_that_still_grows_stays_until_it_does_not(folders: Folders) -> None:
    file = export(folders.incoming / "Seats.tsv")
    more = file.read_bytes()

    def grow() -> None:
        with file.open("ab") as out:
            out.write(more.splitlines()[1] + b"\n")

    [told] = take(folders, grow)
    assert (told.file, "is still being written" in told.refusal) == (file, True)
    assert names(folders.incoming) == ["Seats.tsv"]
    assert not folders.store.exists()
    assert len(take(folders)) == 1
    assert len(customers(folders)) == 1 + MOST_LOOKS


def test_a_file_of_the_same_size_that_is_written_again_and_again_stays(folders: Folders) -> None:
    file = export(folders.incoming / "Seats.tsv")
    [told] = take(folders, grows(file))
    assert "is still being written" in told.refusal


def test_a_file_that_is_new_at_the_second_look_is_waited_for(folders: Folders) -> None:
    export(folders.incoming / "1.tsv")
    late = iter([folders.incoming / "2.tsv"])
    taken = take(folders, lambda: [export(file) for file in late])
    assert [arrival.file.name for arrival in taken] == ["1.tsv", "2.tsv"]
    assert names(folders.incoming) == []


def test_a_file_that_grows_while_it_is_ingested_is_ingested_again(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = export(folders.incoming / "Seats.tsv")

    def slow(path: Path, store: Path) -> None:
        ingest_file(path, store)
        export(file, "a", "b")
        os.utime(file, ns=(1, 1))

    with monkeypatch.context() as patched:
        patched.setattr(inbox, "ingest_file", slow)
        [arrival] = take(folders)
    assert arrival.file == file
    assert "Seats.tsv: was changed while it was taken" in arrival.refusal
    assert [one.refusal for one in take(folders)] == [""]
    assert customers(folders) == ["tpid:a", "tpid:b"]


@pytest.mark.parametrize(
    "name", [".Seats.tsv", "Seats.tsv.tmp", "Seats.tsv.PART", "Seats.tsv.crdownload"]
)
def test_what_is_hidden_or_unfinished_is_left_alone(name: str, folders: Folders) -> None:
    export(folders.incoming / name)
    assert take(folders) == []
    assert names(folders.incoming) == [name]


def test_links_and_folders_are_not_followed(folders: Folders, tmp_path: Path) -> None:
    (folders.incoming / "folder").mkdir()
    export(folders.incoming / "folder" / "inner.tsv")
    (folders.incoming / "link.tsv").symlink_to(export(tmp_path / "outside.tsv"))
    (folders.incoming / "up").symlink_to(tmp_path)
    assert take(folders) == []
    assert names(folders.incoming) == ["folder", "link.tsv", "up"]


def test_a_folder_that_is_not_there_is_told_of(folders: Folders) -> None:
    folders.incoming.rmdir()
    with pytest.raises(ExportError, match="no such folder; make it"):
        take(folders)


def test_a_refused_file_has_its_reason_beside_it_and_the_others_are_taken(
    folders: Folders,
) -> None:
    (folders.incoming / "bad.tsv").write_text("Colour\nred\n", encoding="utf-8")
    (folders.incoming / "torn.tsv.gz").write_bytes(b"\x1f\x8b no gzip")
    os.utime(folders.incoming / "bad.tsv", ns=(1, 1))
    export(folders.incoming / "good.tsv")
    bad, *others = take(folders)
    assert bad.file == folders.refused / "bad.tsv"
    assert {arrival.file.name: bool(arrival.refusal) for arrival in others} == {
        "good.tsv": False,
        "torn.tsv.gz": True,
    }
    reason = (folders.refused / "bad.tsv.reason.txt").read_text(encoding="utf-8")
    assert reason == f"{bad.refusal}\n"
    assert "bad.tsv" in reason
    assert (folders.refused / "bad.tsv").read_text(encoding="utf-8") == "Colour\nred\n"
    assert names(folders.refused) == [
        *("bad.tsv", "bad.tsv.reason.txt", "torn.tsv.gz", "torn.tsv.gz.reason.txt"),
    ]
    assert names(folders.incoming) == []


def test_nothing_is_ever_overwritten(folders: Folders) -> None:
    for folder in (folders.exports, folders.refused):
        folder.mkdir()
    for name in ("exports/a.tsv", "exports/a-2.tsv", "refused/b.tsv", "refused/b.tsv.reason.txt"):
        (folders.incoming.parent / name).write_text("old", encoding="utf-8")
    export(folders.incoming / "a.tsv")
    (folders.incoming / "b.tsv").write_text("Colour\n", encoding="utf-8")
    take(folders)
    assert names(folders.exports) == ["a-2.tsv", "a-3.tsv", "a.tsv"]
    assert names(folders.refused) == [
        *("b-2.tsv", "b-2.tsv.reason.txt", "b.tsv", "b.tsv.reason.txt"),
    ]
    for name in ("exports/a.tsv", "exports/a-2.tsv", "refused/b.tsv", "refused/b.tsv.reason.txt"):
        assert (folders.incoming.parent / name).read_text(encoding="utf-8") == "old"


def test_the_later_export_wins_whatever_its_name(folders: Folders) -> None:
    os.utime(export(folders.incoming / "a.tsv", "both", "new"), ns=(2 * 10**9, 2 * 10**9))
    os.utime(export(folders.incoming / "b.tsv", "both", "old"), ns=(10**9, 10**9))
    take(folders)
    assert customers(folders) == ["tpid:both", "tpid:new"]


def test_a_file_that_was_ingested_but_not_moved_is_done_again(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    export(folders.incoming / "Seats.tsv")

    def killed(*_: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(inbox, "_move", killed)
        with pytest.raises(KeyboardInterrupt):
            take(folders)
    assert names(folders.incoming) == ["Seats.tsv"]
    take(folders)
    assert names(folders.exports) == ["Seats.tsv"]
    assert customers(folders) == ["tpid:a"]


def test_across_file_systems_a_file_is_copied_as_a_whole(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = export(folders.incoming / "Seats.tsv").read_bytes()

    def elsewhere(file: Path, target: Path) -> None:
        if file.parent == folders.incoming:
            raise OSError(errno.EXDEV, "another file system")
        move_to_free_name(file, target)

    monkeypatch.setattr(inbox, "move_to_free_name", elsewhere)
    take(folders)
    assert (folders.exports / "Seats.tsv").read_bytes() == content
    assert names(folders.exports) == ["Seats.tsv"]
    assert names(folders.incoming) == []


def test_a_file_that_cannot_be_moved_leaves_no_empty_one_behind(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    export(folders.incoming / "Seats.tsv")

    def refused(*_: Path) -> None:
        raise OSError(errno.EACCES, "not allowed")

    with monkeypatch.context() as patched:
        patched.setattr(inbox, "move_to_free_name", refused)
        with pytest.raises(OSError, match="not allowed"):
            take(folders)
    assert names(folders.exports) == []
    assert names(folders.incoming) == ["Seats.tsv"]


@pytest.mark.parametrize("across", [False, True], ids=["same file system", "another"])
@pytest.mark.parametrize("name", ["Seats.tsv", "Colour.tsv"])
def test_whenever_it_is_killed_no_export_is_empty_and_none_is_lost(
    name: str, across: bool, folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before each call that changes one of the folders, and done in the end."""
    file = folders.incoming / name
    content = export(file).read_bytes() if name == "Seats.tsv" else b"Colour\nred\n"
    file.write_bytes(content)
    calls, most = 0, 0

    def dying(function: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: Any, **options: Any) -> object:
            nonlocal calls
            if not arguments[0].is_relative_to(folders.incoming.parent / "store"):
                calls += 1
            if across and function is move_to_free_name and arguments[0] == file:
                raise OSError(errno.EXDEV, "another file system")
            if calls > most:
                raise KeyboardInterrupt
            return function(*arguments, **options)

        return call

    for place, part in ((inbox, "move_to_free_name"), (inbox, "make_file"), (shutil, "copy2")):
        monkeypatch.setattr(place, part, dying(getattr(place, part)))
    for part in ("unlink", "write_text"):
        monkeypatch.setattr(Path, part, dying(getattr(Path, part)))
    for most in (*range(12), 99):  # noqa: B007 - it is what `dying` looks at
        calls = 0
        with suppress(KeyboardInterrupt):
            take(folders)
        left = [*folders.exports.glob("[!.]*"), *folders.refused.glob("[!.]*")]
        assert {f.read_bytes() for f in left if f.suffix == ".tsv"} <= {content}
        assert file.exists() or left
    assert not file.exists()
    done = folders.exports if name == "Seats.tsv" else folders.refused
    assert (done / name).read_bytes() == content
    assert all(f.stat().st_size for f in done.iterdir())


# What is not an export, and what only grows


def grows(file: Path) -> Callable[[], None]:
    changes = count(1)
    return lambda: os.utime(file, ns=(1, next(changes)))


STRANGE = {
    "desktop.ini": b"[.ShellClassInfo]\r\nIconResource=C:\\Windows\\x.dll,3\r\n",
    "~$Seats.xlsx": b"\x05Anna " + b" " * 50 + b"\x00" * 100,
    "page.csv": b"<!DOCTYPE html>\n<title>Sign in</title>\n",
    "empty.tsv": b"",
    "note.txt": "Grüße\nAnna\n".encode("latin-1"),
}


@pytest.mark.parametrize("name", STRANGE)
def test_what_is_not_an_export_is_put_aside_and_does_not_count_as_one(
    name: str, folders: Folders
) -> None:
    (folders.incoming / name).write_bytes(STRANGE[name])
    export(folders.incoming / "Seats.tsv")
    arrivals = {arrival.file.name: arrival for arrival in take(folders)}
    assert arrivals["Seats.tsv"] == Arrival(folders.exports / "Seats.tsv")
    assert arrivals[name].file == folders.refused / name
    assert name in arrivals[name].refusal
    assert not arrivals[name].is_export
    assert names(folders.refused) == sorted([name, f"{name}.reason.txt"])


def test_a_recognised_export_that_is_refused_counts_as_one(folders: Folders) -> None:
    write_tsv(folders.incoming / "Seats.tsv", [seats_row("someday", "a")])
    [arrival] = take(folders)
    assert arrival.refusal
    assert arrival.is_export


@pytest.mark.parametrize(
    ("content", "is_export"),
    [
        (None, True),
        (b"", True),  # nobody can tell yet
        (b"PGAMpnId\tMon", True),
        (b"[.ShellClassInfo]\r\nIcon", False),
        (b"\x00\x01\x02\n" * 10, False),
    ],
)
def test_a_file_that_grows_counts_as_an_export_if_it_may_become_one(
    content: bytes | None, is_export: bool, folders: Folders
) -> None:
    file = export(folders.incoming / "Seats.tsv")
    if content is not None:
        file.write_bytes(content)
    [arrival] = take(folders, grows(file))
    assert "is still being written" in arrival.refusal
    assert arrival.is_export == is_export
    assert names(folders.incoming) == ["Seats.tsv"]


def test_a_name_that_cannot_be_read_says_nothing_of_what_is_inside(folders: Folders) -> None:
    export(folders.incoming / "a\x1b[2J.tsv")
    (folders.incoming / "b\x1b[2J.tsv").write_bytes(STRANGE["desktop.ini"])
    found = {arrival.file.name[0]: arrival.is_export for arrival in take(folders)}
    assert found == {"a": True, "b": False}


def test_trouble_with_the_store_does_not_make_a_good_file_a_refused_one(
    folders: Folders,
) -> None:
    export(folders.incoming / "Seats.tsv")
    folders.store.write_text("a file where the folder should be", encoding="utf-8")
    [arrival] = take(folders)
    assert arrival.file == folders.incoming / "Seats.tsv"
    assert "cannot be taken into" in arrival.refusal
    assert names(folders.incoming) == ["Seats.tsv"]
    assert names(folders.refused) == []


@pytest.mark.parametrize(
    "name",
    [
        "-rf *.tsv",
        "'; DROP TABLE parts; --.tsv",
        "{partner}[1]$(id) 100%.tsv",
        "c" * 251 + ".tsv",
        "Ü — 日本.tsv",
    ],
)
def test_an_odd_name_is_but_a_name(name: str, folders: Folders) -> None:
    for _ in range(2):
        export(folders.incoming / name)
        [arrival] = take(folders)
        assert arrival.refusal == ""
    assert name in names(folders.exports)
    assert len(names(folders.exports)) == 2
    assert customers(folders) == ["tpid:a"]


@pytest.mark.parametrize("name", [b"a\nb.tsv", b"a\x1b[2J.tsv", b"a\xff.tsv", b"a\xe2\x80\xae.tsv"])
def test_a_name_that_is_not_readable_text_is_refused_and_made_readable(
    name: bytes, folders: Folders
) -> None:
    source = export(folders.incoming.parent / "source.tsv")
    os.rename(os.fsencode(source), os.path.join(os.fsencode(folders.incoming), name))  # noqa: PTH104, PTH118 - as bytes
    [arrival] = take(folders)
    assert "its name is not readable text; rename the file" in arrival.refusal
    assert all(found.isprintable() for found in names(folders.refused))
    assert len(names(folders.refused)) == 2
    assert names(folders.incoming) == []


def test_a_refused_file_with_the_longest_name_has_a_reason(folders: Folders) -> None:
    name = "å" * 125 + ".tsv"
    (folders.incoming / name).write_text("Colour\n", encoding="utf-8")
    take(folders)
    assert name in names(folders.refused)
    assert [n.endswith(".reason.txt") for n in names(folders.refused)].count(True) == 1
