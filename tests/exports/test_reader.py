"""A file is taken in whole and exactly, or refused with its name, a line and a reason."""

import codecs
import csv
import gzip
import io
import os
import re
import zipfile
from collections import Counter
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from insights_lib.errors import ExportError
from insights_lib.exports import reader as exports
from insights_lib.exports.dates import parse_day, parse_month
from insights_lib.exports.reader import check, open_export
from insights_lib.store.catalog import writing
from insights_lib.store.ingest import ingest_file
from insights_lib.store.staging import StagedExport
from tests.reference import lowered
from tests.support.rows import seats_row, stored_rows, usage_row, write_csv
from tests.support.sweeps import sweep

HEAD = "Month,PGAMpnId,CustomerTpid,CustomerTenantId,CustomerName,WorkloadName,MonthlyActiveUsers"
ANN = "2025-01,1,t1,,Ann,Exchange,5"
BOB = "2025-02,1,t2,,Bob,Teams,0"
CSV = f"{HEAD}\n{ANN}\n{BOB}\n"
TSV = CSV.replace(",", "\t")


def lines(*rows: str, head: str = HEAD) -> str:
    """A CSV of rows after a header."""
    return "".join(f"{row}\n" for row in (head, *rows))


def zipped(content: str | bytes, *names: str) -> bytes:
    """A zip archive with the same content under each name."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names or ("export.csv",):
            archive.writestr(name, content)
    return file.getvalue()


def encrypted(archive: bytes) -> bytes:
    """The archive with the mark of encryption where its files are listed."""
    listed = archive.index(b"PK\x01\x02") + 8
    return archive[:listed] + b"\x01" + archive[listed + 1 :]


@pytest.fixture(params=[None, 1, 61], ids=["whole", "line by line", "by 61 bytes"])
def block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are read in one block, or in blocks that end within lines and quotes."""
    if request.param:
        monkeypatch.setattr(exports, "BLOCK", request.param)


QUOTED_LINES = lines(ANN.replace("Ann", '"Ann\n\n""An, na""\n"'), BOB)

# Kind of file: (its text or bytes, the line the error names or None, words of the reason).
BAD_FILES: dict[str, tuple[str | bytes, int | None, str]] = {
    "empty": ("", None, "is empty"),
    "blank": (" \r\n\n", None, "is empty"),
    "byte order mark alone": (codecs.BOM_UTF8, 1, "no known dataset"),
    "other columns": ("a,b\n1,2\n", 1, "columns .a, b., separated by commas, are of no known"),
    "other columns, semicolons": ("a;b\n1;2\n", 1, "separated by semicolons, are of no known"),
    "other columns, tabs": ("a\tb,c\n1\t2\n", 1, "separated by tabs, are of no known dataset"),
    "no header": (f"{ANN}\n{BOB}\n", 1, "no known dataset"),
    "misspelt mark": (CSV.replace("Workload", "Wrkload"), 1, "'WrkloadName' is like WorkloadName"),
    "account misspelt": (CSV.replace("PGAMpnId", "PGAMpnld,MpnId"), 1, "is not PGAMpnId, but look"),
    "customer misspelt": (CSV.replace("CustomerTpid", "CustomerTpld"), 1, "is not CustomerTpid, "),
    "columns without a name": (CSV.replace("\n", ",,\n"), 1, "columns 8, 9 have no name"),
    "many columns": (lines(ANN, head=HEAD + ",x" * 1000), 1, "has 1,007 columns"),
    "long header": (lines(ANN, head=HEAD + "x" * 500_000), 1, "longer than 32 KiB"),
    "long header alone": (HEAD + "x" * 40_000, 1, "longer than 32 KiB"),
    "long header, UTF-16": ((HEAD + "x" * 40_000).encode("utf-16"), 1, "longer than 32 KiB"),
    "Excel's quotes": (TSV.replace("Ann", '"Ann, Ltd"'), 2, "Save it as “CSV UTF-8"),
    "Excel's quotes, UTF-16": (TSV.replace("Ann", '"A, L"').encode("utf-16"), 2, "stand in quotes"),
    "Excel's quotes far below": (
        lines(*[ANN] * 99, BOB).replace(",", "\t") + TSV[-20:].replace("Bob", '"B, L"'),
        102,
        "stand in quotes",
    ),
    "web page": ("<!DOCTYPE html>\n<html>", None, "is a web page"),
    "web page after blanks": ("\ufeff\r\n <HTML>", None, "is a web page"),
    "workbook": (zipped("", "[Content_Types].xml"), None, "is an Excel workbook.*CSV UTF-8"),
    "old workbook": (b"\xd0\xcf\x11\xe0" + b"\0" * 99, None, "is an old Excel workbook.*CSV UTF-8"),
    "OpenDocument": (zipped("", "mimetype"), None, "is a spreadsheet; save it as CSV"),
    "Parquet, damaged": (b"PAR1" + b"\0" * 99, None, "cannot be read .*; write it again"),
    "Parquet, packed": (gzip.compress(b"PAR1" + b"\0" * 99), None, "is a packed Parquet file"),
    "zip without files": (zipped("", "__MACOSX/x"), None, "is a zip archive without any file"),
    "zip of a zip": (zipped(zipped(CSV)), None, "is a zip archive within another"),
    "zip cut": (zipped(CSV)[:-9], None, "cannot be read"),
    "zip damaged": (zipped(CSV)[:60] + b"\0\0" + zipped(CSV)[62:], None, "cannot be read"),
    "zip encrypted": (encrypted(zipped(CSV)), None, "is encrypted; unpack it"),
    "zip of zeros": (zipped("\0" * (64 << 20)), None, "more than 200 times its size"),
    "gzip of rows": (
        gzip.compress(f"{HEAD}\n{ANN}\n".encode() + b" " * (64 << 20)),
        None,
        "unpacks to more than 200 times its size",
    ),
    "gzip of a zip": (gzip.compress(zipped(CSV)), None, "is a zip archive within another"),
    "CR alone": (CSV.replace("\n", "\r"), None, "CR alone"),
    "CR alone in one line": (f"{HEAD}\n{ANN}\r{BOB}\n", 2, "CR stands without LF"),
    "CR alone in a TSV field": (TSV.replace("Ann", "A\rn"), 2, "CR stands without LF"),
    "NUL in the header": ("\0" + CSV, None, "NUL bytes"),
    "NUL far below": (lines(*[ANN] * 200, BOB.replace("b", "\0")), 202, "NUL byte"),
    "UTF-16 LE undeclared": (CSV.encode("utf-16-le"), None, "UTF-16 without a byte order mark"),
    "UTF-16 BE undeclared": (CSV.encode("utf-16-be"), None, "UTF-16 without a byte order mark"),
    "UTF-16 cut in a character": (CSV.encode("utf-16")[:-1], None, "cannot be read"),
    "UTF-32": (CSV.encode("utf-32"), None, "NUL"),
    "Latin-1": (lines(ANN, BOB.replace("Bob", "Bö")).encode("latin-1"), 3, "is not UTF-8"),
    "Latin-1 after quoted line ends": (
        (QUOTED_LINES + BOB.replace("Bob", "Bö") + "\n").encode("latin-1"),
        7,
        "is not UTF-8",
    ),
    "surrogates in UTF-8": (CSV.replace("Bob", "\ud800").encode("utf-8", "surrogatepass"), 3, "is"),
    "gzip cut": (gzip.compress(CSV.encode())[:-9], None, "cannot be read"),
    "gzip without its checksum": (gzip.compress(CSV.encode())[:-8], None, "cannot be read"),
    "gzip damaged": (gzip.compress(CSV.encode())[:-8] + b"\1" * 8, None, "cannot be read"),
    "gzip of nothing": (gzip.compress(b""), None, "is empty"),
    "required column missing": (
        CSV.replace("Month,", "Mounth,"),
        1,
        "OfficeUsage lacks the column Month .nearest: 'Mounth'",
    ),
    "required columns missing": (
        CSV.replace("Month,PGAMpnId", "a,b"),
        1,
        "lacks the column Month, and PGAMpnId or",
    ),
    "column twice": (CSV.replace("CustomerName", "customer_tpid"), 1, "customer_tpid stands twice"),
    "short line": (lines(ANN[:-2], BOB), 2, "has 6 fields, the header has 7"),
    "long line": (lines(ANN, BOB + ",x"), 3, "has 8 fields, the header has 7"),
    "extra empty field": (lines(ANN, BOB + ","), 3, "has 8 fields, the header has 7"),
    "extra empty field in all lines": (lines(ANN + ",", BOB + ","), 2, "has 8 fields"),
    "blank line": (lines(ANN, "", BOB), 3, "is blank"),
    "line of blanks": (lines(ANN, "  ", BOB), 3, "has 1 fields"),
    "cut in the last line": (lines(ANN) + BOB[:12], 3, "has 3 fields.* cut short"),
    "cut after a line end in quotes": (lines(ANN) + '2025-01,1,"', 3, "quote is not closed"),
    "line ends mixed": (f"{HEAD}\r\n{ANN}\n{BOB}\n", None, "1 lines end with CR LF and 2 with LF"),
    "line ends mixed at the end": (f"{HEAD}\n{ANN}\n{BOB}\r\n", None, "1 lines .* and 2 with LF"),
    "quote within a field": (lines(ANN, BOB.replace("Bob", 'Bob "B" B')), 3, "a quote stands"),
    "text after a quoted field": (lines(ANN.replace("Ann", '"Ann"a'), BOB), 2, "a quote stands"),
    "blank before a quoted field": (lines(ANN.replace("Ann", ' "Ann"'), BOB), 2, "a quote stands"),
    "quote within, after quoted line ends": (
        QUOTED_LINES + BOB.replace("Bob", 'B"b') + "\n",
        7,
        "a quote stands",
    ),
    "quote not doubled": (lines(ANN.replace("Ann", '"A"nn"'), BOB), 2, "a quote stands"),
    "quote not closed in a large file": (
        lines(ANN, BOB.replace("Bob", '"Bob'), *[ANN] * 60_000),
        3,
        "quote is not closed",
    ),
    "quote not closed, semicolons": (
        lines(ANN, BOB.replace("Bob", '"Bob')).replace(",", ";"),
        3,
        "quote is not closed",
    ),
    "quote not closed": (lines(ANN, BOB.replace("Bob", '"Bob')), 3, "quote is not closed"),
    "quote swallows rows": (
        lines(ANN.replace("Ann", '"Ann'), ANN, BOB.replace("Bob", '"Bob"')),
        4,
        "a quote stands",
    ),
    "endless line": (lines(ANN + "x" * (1 << 21)), 2, "longer than 1 MiB"),
}
bad_files = pytest.mark.parametrize(
    ("content", "line", "reason"), BAD_FILES.values(), ids=list(BAD_FILES)
)


def written(folder: Path, content: str | bytes, name: str = "export") -> Path:
    file = folder / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def opened(file: Path, workdir: Path) -> exports.OpenedExport:
    """A file with one export."""
    (source,) = check(file)
    return open_export(source, workdir)


def staged(export: exports.OpenedExport, workdir: Path) -> list[dict[str, Any]]:
    """All that the store would be given of an export."""
    with duckdb.connect() as engine:
        rows = StagedExport(export, engine, workdir)
        columns = rows.columns
        found = rows.rows(f"SELECT {', '.join(columns)} FROM staged ORDER BY file_row_number")
    return [dict(zip(columns, row, strict=True)) for row in found]


def column(name: str, file: Path, workdir: Path) -> list[Any]:
    """What the store would be given of a column."""
    return [row[name] for row in staged(opened(file, workdir), workdir)]


@bad_files
def test_a_bad_file_is_refused_with_its_line_and_the_reason(
    content: str | bytes, line: int | None, reason: str, tmp_path: Path, block: None
) -> None:
    file = written(tmp_path, content)
    where = re.escape(str(file)) + (f", line {line}" if line else "")
    if content[:2] == b"PK":
        where = re.escape(str(file))
    with pytest.raises(ExportError, match=f"^{where}.*: .*{reason}") as refused:
        opened(file, tmp_path).checked()
    assert len(str(refused.value).removeprefix(str(file))) < 400


# Wrong numbers of fields that add up to the right sum: (rows, first wrong line, its fields).
COMPENSATING = {
    "short then long": ((ANN[:-2], BOB + ",x"), 2, "has 6 fields"),
    "long then short": ((ANN + ",x", BOB[:-2]), 2, "has 8 fields"),
    "short then empty field": ((BOB, ANN[:-2], BOB + ","), 3, "has 6 fields"),
    "empty field then short": ((BOB, ANN + ",", BOB[:-2]), 3, "has 8 fields"),
    "blank then empty fields": (("", ANN + ",,,,,,"), 2, "is blank"),
    "empty fields then blank": ((ANN + ",,,,,,", ""), 2, "has 13 fields"),
    "two lines in one, and a blank": ((f"{ANN}{BOB}", ""), 2, "has 13 fields"),
    "quoted": (('"2025-01",1,t', BOB + ",,,,"), 2, "has 3 fields"),
}


@pytest.mark.parametrize(("rows", "line", "reason"), COMPENSATING.values(), ids=list(COMPENSATING))
@pytest.mark.parametrize("delimiter", [",", "\t"], ids=["csv", "tsv"])
def test_lines_too_short_and_too_long_do_not_make_up_for_each_other(
    rows: tuple[str, ...], line: int, reason: str, delimiter: str, tmp_path: Path
) -> None:
    file = written(tmp_path, lines(*rows).replace(",", delimiter))
    with pytest.raises(ExportError, match=f"line {line}: {reason}"):
        staged(opened(file, tmp_path), tmp_path)


def test_nor_do_they_behind_a_line_end_in_quotes(tmp_path: Path) -> None:
    file = written(tmp_path, lines(ANN.replace("Ann", '"A\nn"'), ANN[:-2], BOB + ","))
    with pytest.raises(ExportError, match="line 4: has 6 fields"):
        staged(opened(file, tmp_path), tmp_path)


ANN_AND_BOB = [("tpid:t1", "Ann", "5"), ("tpid:t2", "Bob", "0")]


def test_what_is_refused_is_not_written_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_for_hours(staged: StagedExport, *_: object) -> None:
        staged.engine.execute("SELECT count(*) FROM range(10_000_000_000_000) WHERE random() > 2")

    monkeypatch.setattr(StagedExport, "_write", write_for_hours)
    export = opened(written(tmp_path, BAD_FILES["NUL far below"][0]), tmp_path)
    with pytest.raises(ExportError, match="NUL byte"):
        staged(export, tmp_path)


GOOD_FILES: dict[str, str | bytes] = {
    "csv": CSV,
    "tsv": TSV,
    "CR LF": CSV.replace("\n", "\r\n"),
    "CR LF tsv": TSV.replace("\n", "\r\n"),
    "byte order mark": "\ufeff" + CSV,
    "byte order mark tsv": "\ufeff" + TSV,
    "no last line end": CSV[:-1],
    "no last line end CR LF": CSV.replace("\n", "\r\n")[:-2],
    "gzip": gzip.compress(CSV.encode()),
    "gzip with byte order mark": gzip.compress(("\ufeff" + TSV).encode()),
    "gzip in two members": gzip.compress(CSV[:80].encode()) + gzip.compress(CSV[80:].encode()),
    "UTF-16 LE": codecs.BOM_UTF16_LE + CSV.encode("utf-16-le"),
    "UTF-16 BE": codecs.BOM_UTF16_BE + TSV.replace("\n", "\r\n").encode("utf-16-be"),
    "UTF-16 in gzip": gzip.compress(TSV.encode("utf-16")),
    "all quoted": "".join('"' + line.replace(",", '","') + '"\r\n' for line in CSV.splitlines()),
    "byte order mark and all quoted": "\ufeff"
    + "".join('"' + line.replace(",", '","') + '"\n' for line in CSV.splitlines()),
    "blanks around values": CSV.replace(",", " , ").replace("\n", " \n "),
    "columns in another order": "".join(
        ",".join(reversed(line.split(","))) + "\n" for line in CSV.splitlines()
    ),
    "more columns": "".join(f"x,{line},y\n" for line in CSV.splitlines()),
    "semicolons": CSV.replace(",", ";"),
    "semicolons, byte order mark, CR LF": "\ufeff" + CSV.replace(",", ";").replace("\n", "\r\n"),
    "semicolons, all quoted": "".join(
        '"' + line.replace(",", '";"') + '"\r\n' for line in CSV.splitlines()
    ),
    "sep line": "sep=;\r\n" + CSV.replace(",", ";").replace("\n", "\r\n"),
    "sep line with a byte order mark": "\ufeffsep=,\n" + CSV,
    "sep line in quotes": '"sep=\t"\n' + TSV,
    "zip": zipped(CSV),
    "zip with what a Mac adds": zipped(CSV, "seats.csv", "__MACOSX/._seats.csv", ".DS_Store"),
    "zip in a folder": zipped(TSV.encode("utf-16"), "exports/2025/office.txt"),
    "zip of gzip": zipped(gzip.compress(CSV.encode())),
}
# What stands behind the last row: (the rest of the file, how many lines it has).
ENDS = {
    "a blank line": ("\n", 1),
    "blank lines": ("\n\n\n", 3),
    "blanks without a line end": ("  ", 1),
    "delimiters": (",,,,,,\n", 1),
    "fewer delimiters, and blank lines": (",,,,,,\n\n,,\n \n,", 5),
}
GOOD_FILES["blanks around values"] = GOOD_FILES["blanks around values"].rstrip(" ")


@pytest.mark.parametrize("content", GOOD_FILES.values(), ids=list(GOOD_FILES))
def test_a_good_file_is_read_exactly(content: str | bytes, tmp_path: Path, block: None) -> None:
    export = opened(written(tmp_path, content), tmp_path)
    assert export.checked().rows == 2
    assert export.header.dataset.name == "OfficeUsage"
    rows = staged(export, tmp_path)
    names = ["customer", "CustomerName", "MonthlyActiveUsers"]
    assert [tuple(row[name] for name in names) for row in rows] == ANN_AND_BOB
    assert [row["month_text"] for row in rows] == ["2025-01", "2025-02"]


@pytest.mark.parametrize(("rest", "blank"), ENDS.values(), ids=list(ENDS))
@pytest.mark.parametrize("delimiter", [",", "\t", ";"], ids=["commas", "tabs", "semicolons"])
@pytest.mark.parametrize(
    "packed", sweep([bytes, gzip.compress, zipped]), ids=["plain", "gzip", "zip"]
)
def test_lines_without_a_value_at_the_end_are_rejected_rows(
    packed: Any, delimiter: str, rest: str, blank: int, tmp_path: Path, block: None
) -> None:
    content = packed((CSV + rest).replace(",", delimiter).encode())
    file = written(tmp_path, content)
    (result,) = ingest_file(file, tmp_path / "store")
    assert (result.rows_in, result.rows_kept, result.rows_rejected) == (2 + blank, 2, blank)
    assert result.rejects == tuple((4 + i, "no value in the whole line") for i in range(blank))
    assert not result.notes
    assert file.read_bytes() == content


def test_a_header_and_lines_without_a_value_are_no_rows(tmp_path: Path) -> None:
    (result,) = ingest_file(written(tmp_path, f"sep=,\n{HEAD}\n\n,,,\n"), tmp_path / "store")
    assert (result.rows_in, result.rows_kept) == (2, 0)
    assert [line for line, _ in result.rejects] == [3, 4]


def test_a_zip_archive_is_the_exports_in_it_in_the_order_of_their_names(tmp_path: Path) -> None:
    file = tmp_path / "exports.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("b/later.csv", CSV.replace("Ann", "Ann B").replace(",5", ",7"))
        archive.writestr("a.tsv", TSV)
    first, second = ingest_file(file, tmp_path / "store")
    assert (first.file, second.file) == (file / "a.tsv", file / "b/later.csv")
    assert second.notes == ("replaces 2 rows of 2025-01 to 2025-02 from exports.zip/a.tsv",)
    assert len(stored_rows(tmp_path / "store")) == 2


def test_a_zip_archive_with_one_export_that_is_refused_is_refused_as_a_whole(
    tmp_path: Path,
) -> None:
    file = tmp_path / "exports.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.csv", CSV)
        archive.writestr("b.csv", CSV.replace("2025-02", "13/1/2025"))
    with pytest.raises(
        ExportError, match=r"exports\.zip/b\.csv, line 3: '13/1/2025' is not a month"
    ):
        ingest_file(file, tmp_path / "store")
    assert not list((tmp_path / "store").rglob("*.parquet"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names here")
def test_a_pipe_is_refused_and_nobody_waits(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for pipe in (tmp_path / "pipe", Path("/dev/null")):
        with pytest.raises(ExportError, match="is not a regular file; save the export as one"):
            ingest_file(pipe, tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_a_file_that_cannot_be_an_export_is_refused_without_waiting_for_the_store(
    tmp_path: Path,
) -> None:
    ingest_file(written(tmp_path, CSV), tmp_path / "store")
    bomb = written(tmp_path, gzip.compress(b"a,b\n" + b"1,2\n" * 1_000_000), "bomb")
    with writing(tmp_path / "store"):
        for file in (bomb, written(tmp_path, f"{'c,' * 300_000}d\n", "wide")):
            with pytest.raises(ExportError, match=r"no known dataset|longer than"):
                ingest_file(file, tmp_path / "store")


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".txt", ".gz", ".zst", ".parquet", ".json"])
def test_the_name_of_a_file_says_nothing_about_its_content(suffix: str, tmp_path: Path) -> None:
    export = opened(written(tmp_path, TSV, f"export{suffix}"), tmp_path)
    assert len(staged(export, tmp_path)) == 2


def test_a_missing_last_line_end_is_told(tmp_path: Path) -> None:
    export = opened(written(tmp_path, CSV[:-1]), tmp_path).checked()
    assert any("was the file cut?" in note for note in export.notes)
    assert not opened(written(tmp_path, CSV), tmp_path).checked().notes


def test_a_header_alone_is_a_file_of_no_rows(tmp_path: Path) -> None:
    for text in (HEAD, HEAD + "\n", "\ufeff" + HEAD + "\r\n"):
        export = opened(written(tmp_path, text), tmp_path)
        assert export.checked().rows == 0
        assert staged(export, tmp_path) == []


def test_a_file_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="nowhere: cannot be read"):
        check(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "name",
    ['"Ann" Ltd', '"', '""', '"Ann', 'Ann"', 'A "n" n, Ltd', "'Ann'", "Ann\\", "\\", "#Ann", "a;b"],
)
def test_a_quote_is_an_ordinary_character_in_a_tsv(name: str, tmp_path: Path) -> None:
    text = TSV.replace("Ann", name)
    assert column("CustomerName", written(tmp_path, text), tmp_path) == [name, "Bob"]


@pytest.mark.parametrize(
    "name",
    ['a "b" c', '"', '""', ",", "a,b", "a\nb", "a\r\nb", "a\rb", '"\n"', '",\n"', f"x\n{ANN}\ny"],
)
def test_a_quoted_field_of_a_csv_holds_quotes_commas_and_line_ends(
    name: str, tmp_path: Path, block: None
) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    file = written(tmp_path, CSV.replace("Ann", quoted))
    assert column("CustomerName", file, tmp_path) == [name, "Bob"]


@pytest.mark.parametrize("line_end", ["\n", "\r\n"], ids=["LF", "CR LF"])
def test_a_large_file_of_line_ends_within_quotes_is_read_exactly(
    line_end: str, tmp_path: Path
) -> None:
    """More than the parser reads at once, and what stands in quotes looks like rows."""
    name = f"{line_end}{ANN}" * 3_000
    rows = [usage_row("2025-01", f"t{i}", CustomerName=f"{i}{name}") for i in range(450)]
    found = staged(opened(write_csv(tmp_path / "large.csv", rows), tmp_path), tmp_path)
    assert [(row["customer"], row["CustomerName"]) for row in found] == [
        (f"tpid:{row['CustomerTpid']}", row["CustomerName"]) for row in rows
    ]


def test_a_line_can_be_told_after_a_very_long_field(tmp_path: Path) -> None:
    """Python's own CSV reader stops at 131,072 characters unless told otherwise."""
    text = lines(ANN.replace("Ann", '"' + "a\n" * 100_000 + '"'), BOB.replace("t2", ""))
    assert opened(written(tmp_path, text), tmp_path).checked().lines_of([1]) == [100_003]


SPACES = [c for c in map(chr, range(0x110000)) if c.isspace() and c not in "\t\n\r"]


def test_whitespace_of_every_kind_is_trimmed_at_the_ends_only(tmp_path: Path) -> None:
    rows = [
        TSV.splitlines()[1].replace("t1", f"{c}{c}a{c}b{c} ").replace("Exch", f"{c}x{c}")
        for c in SPACES
    ]
    text = "\n".join([TSV.split("\n", maxsplit=1)[0], *rows, ""])
    found = column("customer", written(tmp_path, text), tmp_path)
    assert found == [f"tpid:a{c}b" for c in SPACES]


def test_line_ends_and_tabs_in_quotes_are_trimmed_too(tmp_path: Path) -> None:
    text = CSV.replace("t1", '"\t\r\n t1\n"').replace("Ann", '"\n\t "')
    found = staged(opened(written(tmp_path, text), tmp_path), tmp_path)
    assert (found[0]["customer"], found[0]["CustomerName"]) == ("tpid:t1", None)


@pytest.mark.parametrize("missing", ["", " ", "NULL", "null", "Unknown", " UNKNOWN ", "0" * 8])
def test_a_missing_value_is_null(missing: str, tmp_path: Path) -> None:
    if missing.startswith("0"):
        missing = "00000000-0000-0000-0000-000000000000"
    file = written(tmp_path, TSV.replace("t1", missing))
    assert column("customer", file, tmp_path) == ["name:Ann", "tpid:t2"]


@pytest.mark.parametrize(
    "value",
    [
        *("NA", "N/A", "nan", "None", "-", "0", "0012345", "1e5", "1.0", "true", "NULLS"),
        *("2025-01-01", "é", "e\u0301", "İ", "ß", "名前", "😀", "\u200bx", "\ufeffx", "=1+1"),
    ],
)
def test_any_other_value_stays_as_it_is(value: str, tmp_path: Path) -> None:
    file = written(tmp_path, TSV.replace("t1", value))
    assert column("customer", file, tmp_path) == [f"tpid:{value}", "tpid:t2"]


@pytest.mark.parametrize(
    "text",
    [
        *("2022-06-01", "2022-06", "20220601", "202206", "6/1/2022", "06/01/2022", "2022-06-30"),
        *("2022-06-01T00:00:00", "2022-06-01T00:00:00Z", "2022-06-01 00:00:00.000"),
        *("2022-06-01T00:00:00+00:00", "6/1/2022 12:00:00 AM", "6/1/2022 0:00"),
    ],
)
def test_every_form_of_a_month_is_its_first_day(text: str) -> None:
    assert parse_month(text) == date(2022, 6, 1)


def test_a_date_with_slashes_names_the_month_first_and_its_first_day() -> None:
    assert parse_month("5/1/2021") == date(2021, 5, 1)
    with pytest.raises(ValueError, match="is not a month"):
        parse_month("1/5/2021")


BAD_MONTHS = [
    *("13/1/2022", "31/12/2022", "2022-13", "202213", "2022-00-01", "2022-06-31", "6/31/2022"),
    *("0000-01", "6/1/22", "2022", "June 2022", "2022-6", "44713", "2022/06/01", "1.6.2022"),
    *("2022-06-01T", "2022-06-01Tnoon", "2022-06-01 x", "٢٠٢٢-٠٦", "2022-06-01\n", "-2022-06"),
    *("20220601 x", "6/30/2022", "01/12/2025", "12/31/2022", "Feb-25", "0001-01-01", "1989-12"),
    *("2024-12-31T23:00:00Z", "2022-06-01T00:00:01", "6/1/2022 12:00:00 PM", "6/1/2022 1:00"),
    *("2022-06-01T24:00:00", "2022-06-01 00:00:00.001", "2022-06-01T0"),
]


@pytest.mark.parametrize("text", [*BAD_MONTHS, "", " 2022-06"])
def test_any_other_text_is_no_month(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a (month|date)|out of range|month must|day is"):
        parse_month(text)


@pytest.mark.parametrize(
    "text",
    [
        *("2026-03-14", "20260314", "3/14/2026", "03/14/2026", "2026-03-14T00:00:00Z"),
        *("2026-03-14 13:45", "3/14/2026 11:59:59 PM"),
    ],
)
def test_every_form_of_a_day_is_that_day(text: str) -> None:
    assert parse_day(text) == date(2026, 3, 14)


def test_the_last_day_that_there_is_is_a_day() -> None:
    assert parse_day("9999-12-31") == date(9999, 12, 31)


@pytest.mark.parametrize(
    "text",
    [
        *("2026-03", "202603", "14/3/2026", "2026-02-30", "14.3.2026", "45000", "soon", ""),
        *("2026-03-14Tnoon", "3/14/26", "2026-03-14 x"),
    ],
)
def test_any_other_text_is_no_day(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a da|out of range|month must|day is"):
        parse_day(text)


def test_months_written_day_first_are_refused_and_not_taken_for_january(tmp_path: Path) -> None:
    rows = [seats_row(f"01/{m:02d}/2025", f"c{m}") for m in range(1, 13)]
    with pytest.raises(ExportError, match=r"line 3: '01/02/2025' is not a month; .*month first"):
        ingest_file(write_csv(tmp_path / "british.csv", rows), tmp_path / "store")


@pytest.mark.parametrize("text", ["13/1/2022", "2022-02-30", "", "NULL"])
def test_a_wrong_month_is_refused_with_its_line(text: str, tmp_path: Path) -> None:
    bad = BOB.replace("2025-02", text)
    for content, line in ((lines(ANN, bad), 3), (QUOTED_LINES + bad + "\n", 7)):
        with pytest.raises(
            ExportError, match=f"export, line {line}: .* is not a month; allowed: 2"
        ):
            ingest_file(written(tmp_path, content), tmp_path / "store")


@pytest.mark.parametrize(
    "text",
    [
        *("five", "1,5", "1 000", "0x10", "NaN", "inf", "1_0", "--1", "1e", "٥", "5%", "."),
        *("1e400", "-1e400", "1e15", "-1e15", "9" * 400),
    ],
)
def test_a_measure_that_is_no_number_is_refused_with_its_line(text: str, tmp_path: Path) -> None:
    bad = '2025-02,1,t2,,"B\nob",Teams,"' + text + '"'
    with pytest.raises(ExportError, match=r"line 3: MonthlyActiveUsers is .*a number such as"):
        ingest_file(written(tmp_path, lines(ANN, bad, ANN)), tmp_path / "store")


@pytest.mark.parametrize("text", ["999999999999999", "-999999999999999.5", "1e14", "1e-400"])
def test_large_and_small_numbers_below_the_limit_are_taken(text: str, tmp_path: Path) -> None:
    row = '2025-02,1,t2,,"B\nob",Teams,"' + text + '"'
    ingest_file(written(tmp_path, lines(ANN, row, ANN)), tmp_path / "store")
    amounts = [row["amount"] for row in stored_rows(tmp_path / "store")]
    assert float(text) in amounts


@pytest.mark.parametrize("text", ["1,5", "0,0001", ",5", "5,", "1,5e3", "1.5"])
def test_a_decimal_comma_is_one_in_a_file_with_semicolons(text: str, tmp_path: Path) -> None:
    content = lines(ANN[:-1], BOB).replace(",", ";").replace("Exchange;", f"Exchange;{text}")
    ingest_file(written(tmp_path, content), tmp_path / "store")
    used = {row["customer"]: row["used"] for row in stored_rows(tmp_path / "store")}
    assert used == {"tpid:t1": True, "tpid:t2": False}


@pytest.mark.parametrize("text", ["1.234,5", "1,2,3", "1 234", ","])
def test_other_ways_with_commas_are_refused_in_a_file_with_semicolons(
    text: str, tmp_path: Path
) -> None:
    content = lines(ANN[:-1], BOB).replace(",", ";").replace("Exchange;", f"Exchange;{text}")
    with pytest.raises(ExportError, match="line 2: MonthlyActiveUsers is"):
        ingest_file(written(tmp_path, content), tmp_path / "store")


SPOILT = [
    *("1.23457E+12", "1,23457E+12", "1E+12", "1.0E12", "4000100.0", "4000100,00", "4000100."),
    *('="4000100"', "=4000100", "4,000,100", "#NUM!", "#N/A", "########", "-1.5e+10"),
]
ID_COLUMNS = ("CustomerTpid", "CustomerTenantId", "SubscriptionId", "PGAMpnId", "MpnId")


@pytest.mark.parametrize("text", sweep(SPOILT, 5))
def test_an_id_that_a_spreadsheet_has_spoilt_is_refused_with_its_line(
    text: str, tmp_path: Path, subtests: pytest.Subtests
) -> None:
    for column in ID_COLUMNS:
        with subtests.test(column):
            rows = [seats_row("2025-01", "a"), seats_row("2025-01", "b", **{column: text})]
            told = rf"(?i)line 3: the id {re.escape(repr(text))} was spoilt by a spreadsheet"
            with pytest.raises(ExportError, match=told):
                ingest_file(write_csv(tmp_path / "seats.csv", rows), tmp_path / "store")


def test_the_ids_of_a_profile_and_of_usage_are_looked_at_too(tmp_path: Path) -> None:
    profile = {"MPNId": "4000100.0", "PGA_MPNId": "1", "Country": "Sweden"}
    used = usage_row("2025-01", "a", CustomerTenantId="1.23457E+12")
    for row in (profile, used):
        with pytest.raises(ExportError, match=r"line 2: the id .* was spoilt by a spreadsheet"):
            ingest_file(write_csv(tmp_path / "export.csv", [row]), tmp_path / "store")


@pytest.mark.parametrize(
    "text", ["1e5", "12E5", "0012345", "a.0", "1.2", "A=1", "x,y", "ab#1", "1.5.0", "4000-100"]
)
def test_an_id_that_only_looks_odd_stays_as_it_is(text: str, tmp_path: Path) -> None:
    rows = [seats_row("2025-01", text)]
    ingest_file(write_csv(tmp_path / "seats.csv", rows), tmp_path / "store")
    assert [row["customer"] for row in stored_rows(tmp_path / "store")] == [f"tpid:{text}"]


NUMBERS = {
    **{"5": True, "0": False, "-1": False, "0.0001": True, "+5": True, "5.": True, ".5": True},
    **{"1e3": True, "1E-3": True, "-0.0": False, "": False, "NULL": False, "007": True},
    **{" 5 ": True, "9" * 15: True, "1e14": True, "-1e14": False, "000": False},
}


def test_a_usage_row_counts_when_its_measure_is_above_zero(tmp_path: Path) -> None:
    rows = [ANN[:-1].replace("t1", f"t{i}") + number for i, number in enumerate(NUMBERS)]
    ingest_file(written(tmp_path, lines(*rows)), tmp_path / "store")
    used = {row["customer"]: row["used"] for row in stored_rows(tmp_path / "store")}
    assert used == {f"tpid:t{i}": above for i, above in enumerate(NUMBERS.values())}


# Columns whose stored value is the trimmed one, and their names in the store.
FREE = {
    "SubscriptionId": "subscription",
    "SubscriptionState": "state",
    "SKU": "sku",
    "CustomerMarket": "customer_market",
    "PricingLevel": "pricing_model",
}
GUID_0 = "00000000-0000-0000-0000-000000000000"


def known(text: str) -> str | None:
    """A value as definitions.md reads it."""
    text = text.strip()
    return None if text.upper() in {"", "NULL", "UNKNOWN", GUID_0} else text


def stored(row: dict[str, str], column: str) -> str | None:
    """A value as the store keeps it: ids that are GUIDs in lower case."""
    value = known(row[column]) if column in row else None
    return lowered(value) if value and column in {"SubscriptionId", "CustomerTenantId"} else value


def strict_csv(rows: list[list[str]], line_end: str, quote_all: bool) -> str:
    """Rows as RFC 4180 writes them."""
    text = ""
    for row in rows:
        fields = [
            '"' + field.replace('"', '""') + '"'
            if quote_all or any(c in field for c in ',"\r\n')
            else field
            for field in row
        ]
        text += ",".join(fields) + line_end
    return text


words = st.sampled_from(
    ["a", "NULL", " unknown ", "NA", "007", GUID_0, '"', '""', "\\", "#", "\u2028"]
)
texts = words | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5)
csv_texts = texts | st.text(st.sampled_from('a ",\r\n\t'), max_size=5)
tsv_texts = texts.map(lambda text: text.translate(str.maketrans("\t\r\n", "   ")))


@st.composite
def export_texts(draw: st.DrawFn) -> tuple[str, list[dict[str, str]]]:
    """A table, and its text as a CSV or a TSV."""
    as_csv, values = draw(st.sampled_from([(True, csv_texts), (False, tsv_texts)]))
    customers = st.sampled_from(["t", "", " 0 "])
    rows = [
        seats_row("2025-01", draw(customers), CustomerName="", **{c: draw(values) for c in FREE})
        for _ in range(draw(st.integers(0, 6)))
    ]
    for row in rows:  # spreadsheets spoil ids with these
        row["SubscriptionId"] = re.sub("[.,+=#]", "", row["SubscriptionId"])
    table = [list(seats_row("", "")), *(list(row.values()) for row in rows)]
    line_end = draw(st.sampled_from(["\n", "\r\n"]))
    if as_csv:
        return strict_csv(table, line_end, draw(st.booleans())), rows
    return "".join("\t".join(row) + line_end for row in table), rows


blocks = st.sampled_from([1, 50, 333, exports.BLOCK])
in_a_loop = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@settings(max_examples=25, deadline=None, suppress_health_check=in_a_loop)
@given(table=export_texts(), block=blocks)
def test_every_value_of_a_table_comes_back_trimmed_from_the_store(
    table: tuple[str, list[dict[str, str]]], block: int
) -> None:
    text, rows = table
    with TemporaryDirectory() as folder, mock.patch.object(exports, "BLOCK", block):
        (result,) = ingest_file(written(Path(folder), text), Path(folder) / "store")
        found = stored_rows(Path(folder) / "store") if result.rows_kept else []
    kept = [row for row in rows if row["CustomerTpid"]]
    assert (result.rows_in, result.rows_kept) == (len(rows), len(kept))
    if kept:
        assert Counter((r["customer"], *(r[name] for name in FREE.values())) for r in found) == (
            Counter(
                (f"tpid:{row['CustomerTpid'].strip()}", *(stored(row, c) for c in FREE))
                for row in kept
            )
        )


def plainly_read(data: bytes) -> list[list[str]]:
    """The rows as Python's csv module reads them, or, of a TSV, as splitting does.

    The text ends with its last line that holds more than delimiters.
    """
    text = data.decode("utf-8")
    delimiter = "\t" if "\t" in text.split("\n", maxsplit=1)[0] else ","
    end = text.find("\n", len(text.rstrip(f"{delimiter} \t\r\n")))
    text = text[: end + 1] if end >= 0 else text
    if delimiter == ",":
        return list(csv.reader(io.StringIO(text, newline=""), strict=True))
    rows = text.removesuffix("\n").split("\n")
    return [row.removesuffix("\r").split("\t") for row in rows]


@settings(max_examples=80, deadline=None, suppress_health_check=in_a_loop)
@given(
    table=export_texts(),
    what=st.sampled_from(["cut", "flip", "lose", "gain", "swap"]),
    where=st.floats(0, 1, exclude_max=True),
    byte=st.sampled_from([*b'\t\n\r",a', 0xE9]),
    block=blocks,
)
def test_a_damaged_file_is_refused_or_read_as_it_stands(
    table: tuple[str, list[dict[str, str]]], what: str, where: float, byte: int, block: int
) -> None:
    data = table[0].encode()
    after_header = data.index(b"\n") + 1
    i = after_header + int(where * (len(data) - after_header))
    damaged = {
        "cut": data[:i],
        "flip": data[:i] + bytes([byte]) + data[i + 1 :],
        "lose": data[:i] + data[i + 1 :],
        "gain": data[:i] + bytes([byte]) + data[i:],
        "swap": data[:i] + data[i : i + 2][::-1] + data[i + 2 :],
    }[what]
    with TemporaryDirectory() as folder, mock.patch.object(exports, "BLOCK", block):
        file = written(Path(folder), damaged)
        try:
            found = staged(opened(file, Path(folder)), Path(folder))
        except ExportError:
            return
    header, *rows = plainly_read(damaged)
    assert all(len(row) == len(header) for row in rows)
    named = [dict(zip(header, row, strict=True)) for row in rows]
    assert [list(row.values())[:-1] for row in found] == [as_staged(row) for row in named]


def as_staged(row: dict[str, str]) -> list[str | None]:
    """What the store would be given of a row, but whether an id was spoilt."""
    columns = ["PGAMpnId", "MpnId", "Month", "CustomerName", "SubscriptionId"]
    columns += ["IsDuplicateRowForPGA", "SubscriptionState", "Product", "CustomerMarket"]
    columns += ["PartnerAttributionType", "PartnerLocation", "SalesChannel", "CustomerSegment"]
    columns += ["SKU", "PricingLevel", "AvailableSeatsEOP", "TotalAssignedSeats"]
    columns += ["BilledRevenueUSD", "AzureConsumedRevenueUSD"]
    columns += ["SubscriptionStartDate", "SubscriptionEndDate", "IsAutoRenew"]
    keys = {"tpid": "CustomerTpid", "tenant": "CustomerTenantId", "name": "CustomerName"}
    ids = [f"{kind}:{stored(row, key)}" for kind, key in keys.items() if stored(row, key)]
    values = {name: stored(row, name) for name in columns}
    return [*(values | {"Month": values["Month"] or ""}).values(), next(iter(ids), None)]
