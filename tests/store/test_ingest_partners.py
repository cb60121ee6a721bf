"""Whose rows they are, by account or location, and that no partner sees another's."""

from pathlib import Path

import pytest

from insights_lib.errors import ExportError, StoreError
from insights_lib.store.ingest import Ingested
from insights_lib.store.partners import partner_parts
from tests.support.ingesting import customers, parts_named, parts_on_disk, take, taken, tree
from tests.support.rows import Rows, seats_row, slice_of, usage_row


def profile_row(location: str, account: str, **others: str) -> dict[str, str]:
    row = {"MPNId": location, "PartnerName": f"Office {location}", "PGA_MPNId": account}
    return {**row, "PGA_PartnerName": f"Partner {account}", "Country": "Sweden", **others}


def located_row(month: str, customer: str, location: str, **others: str) -> dict[str, str]:
    """A row of an export of 2020, which names the partner's location only."""
    row = seats_row(month, customer, MpnId=location, **others)
    del row["PGAMpnId"]
    return row


# One partner never sees another


def test_a_slice_reads_only_files_below_the_partners_own_folder(tmp_path: Path) -> None:
    store = tmp_path / "store"
    partners = [str(p) for p in range(1, 121)]  # more than are written at a time
    take(store, [seats_row("2025-01", f"c{p}", PGAMpnId=p) for p in partners])
    take(store, [usage_row("2025-01", f"c{p}", PGAMpnId=p) for p in ("1", "12")])
    assert customers(store, "120") == {"2025-01": ["c120"]}
    for partner in ("1", "12"):
        inputs = slice_of(store, "2025-01_2025-01", partner=partner).inputs
        assert {part.file.parent for part in inputs} == {store / "parts" / partner}
        assert len(inputs) == 2
        assert customers(store, partner) == {"2025-01": [f"c{partner}"] * 2}
    for file in parts_on_disk(store) - parts_named(store, "1"):
        file.unlink()
    assert len(slice_of(store, "2025-01_2025-01").query("FROM active")) == 1


def test_a_partner_of_whom_nothing_is_held_is_named_with_those_that_are(tmp_path: Path) -> None:
    store = tmp_path / "store"
    with pytest.raises(StoreError, match="no store is here"):
        partner_parts(store, "1")
    take(store, [seats_row("2025-01", "a", PGAMpnId=p) for p in ("20", "10")])
    with pytest.raises(StoreError, match=r"partner 1: .* holds nothing of it. It holds: 10, 20\."):
        partner_parts(store, "1")


# Ids that name a folder

UNSAFE_IDS = [
    *("..", ".", "../1", "a/b", "a\\b", "/etc", ".hidden", "-rf", "a b", "a.", "a:b", "*"),
    *("ledger.sqlite", "schedule.sqlite-wal", "run.log", "Mail.LOG", "ledger.sqlite.lock"),
    *("index.html", "Index.HTML"),
    *("con", "NUL.txt", "preview", "１", "x" * 65, "account=1", "%2e%2e"),
]
SAFE_IDS = ["1", "log", "a.logs", "0012345", "A-b_c.9", "x" * 64, "console", "1.2"]


def test_unsafe_partner_ids_are_refused_with_their_line(
    tmp_path: Path, subtests: pytest.Subtests
) -> None:
    store = tmp_path / "deep" / "store"
    store.parent.mkdir()
    take(store, [seats_row("2025-01", "a")])
    for unsafe in UNSAFE_IDS:
        with subtests.test(unsafe):
            rows = [seats_row("2025-01", "b"), seats_row("2025-01", "c", PGAMpnId=unsafe)]
            before = tree(tmp_path / "deep" / "store")
            with pytest.raises(
                ExportError, match=r"line 3: the partner id .* cannot name a folder"
            ):
                take(store, rows)
            assert tree(store) == before
    assert {path.name for path in tmp_path.iterdir()} == {"deep"}


def test_safe_partner_ids_keep_every_character(tmp_path: Path) -> None:
    store = tmp_path / "store"
    take(store, [seats_row("2025-01", f"of {i}", PGAMpnId=i) for i in SAFE_IDS])
    for partner in SAFE_IDS:
        assert customers(store, partner) == {"2025-01": [f"of {partner}"]}
    with pytest.raises(StoreError, match="holds nothing of it"):
        partner_parts(store, "12345")


# Exports that name locations only, and the Profile that maps these to partners

LOCATED = [
    located_row("2025-01", "a", "11"),
    located_row("2025-01", "b", "12"),
    located_row("2025-01", "c", "21"),
]
PROFILE = [profile_row("11", "10"), profile_row("12", "10"), profile_row("21", "20")]


@pytest.mark.parametrize("order", [(PROFILE, LOCATED), (LOCATED, PROFILE)], ids=["before", "after"])
def test_a_profile_maps_locations_whenever_it_comes(
    order: tuple[Rows, Rows], tmp_path: Path
) -> None:
    store = tmp_path / "store"
    for rows in order:
        take(store, rows)
    assert customers(store, "10") == {"2025-01": ["a", "b"]}
    assert customers(store, "20") == {"2025-01": ["c"]}
    assert partner_parts(store, "10").name == "Partner 10"
    inputs = slice_of(store, "2025-01_2025-01", partner="10").inputs
    assert {part.file.parent.name for part in inputs} == {"11", "12"}
    with pytest.raises(StoreError, match="It holds: 10, 20"):
        partner_parts(store, "11")


def test_a_location_that_no_profile_maps_is_a_partner_of_its_own(tmp_path: Path) -> None:
    store = tmp_path / "store"
    take(store, LOCATED)
    take(store, PROFILE[:1])
    assert customers(store, "10") == {"2025-01": ["a"]}
    assert customers(store, "12") == {"2025-01": ["b"]}
    assert partner_parts(store, "12").name == ""


def test_a_later_profile_moves_a_location_only_when_told_to(tmp_path: Path) -> None:
    store = tmp_path / "store"
    take(store, LOCATED)
    take(store, PROFILE)
    moving = [profile_row("21", "20"), profile_row("11", "20")]
    with pytest.raises(
        ExportError,
        match=r"line 3: the location 11 belongs to the account 10, .* to 20\. .* with --reassign",
    ):
        take(store, moving)
    assert customers(store, "10") == {"2025-01": ["a", "b"]}
    [result] = taken(store, moving, reassign=True)
    assert isinstance(result, Ingested)
    assert customers(store, "20") == {"2025-01": ["a", "c"]}
    assert customers(store, "10") == {"2025-01": ["b"]}


def test_an_account_is_no_location_of_another(tmp_path: Path) -> None:
    store = tmp_path / "store"
    take(store, [seats_row("2025-01", "a", PGAMpnId="10")])
    take(store, [located_row("2025-02", "a", "10")])
    with pytest.raises(ExportError, match="line 2: the location 10 belongs to the account 10"):
        take(store, [profile_row("10", "20")])
    assert customers(store, "10") == {"2025-01": ["a"], "2025-02": ["a"]}


def test_a_location_that_its_account_has_given_up_is_free_for_another(tmp_path: Path) -> None:
    store = tmp_path / "store"
    take(store, LOCATED)
    take(store, PROFILE)
    take(store, [profile_row("12", "10")])
    take(store, [profile_row("11", "20"), profile_row("21", "20")])
    assert customers(store, "20") == {"2025-01": ["a", "c"]}


@pytest.mark.parametrize("reassign", [False, True])
def test_a_profile_that_gives_a_location_to_two_accounts_is_refused(
    reassign: bool, tmp_path: Path
) -> None:
    [refused] = taken(
        tmp_path / "store", [profile_row("11", "10"), profile_row("11", "20")], reassign=reassign
    )
    assert "line 3: the location 11 belongs to the account 10" in str(refused)
    assert "Correct one of the two lines." in str(refused)


def test_a_profile_row_without_an_id_is_rejected(tmp_path: Path) -> None:
    result = take(tmp_path / "store", [profile_row("11", "10"), profile_row("NULL", "10")])
    assert (result.dataset, result.rows_in, result.rows_kept) == ("Profile", 2, 1)
    assert result.rejects == ((3, "no partner id"),)


def test_the_account_counts_and_not_the_location_where_both_are_told(tmp_path: Path) -> None:
    store = tmp_path / "store"
    take(store, PROFILE)
    take(store, [seats_row("2025-01", "a", PGAMpnId="30", MpnId="11")])
    assert customers(store, "30") == {"2025-01": ["a"]}
    with pytest.raises(StoreError, match="holds nothing"):
        partner_parts(store, "10")


def test_a_later_export_by_account_replaces_months_of_one_by_location(tmp_path: Path) -> None:
    store = tmp_path / "store"
    take(store, PROFILE)
    take(store, [*LOCATED, located_row("2025-02", "d", "12")])
    new = [seats_row("2025-01", customer, PGAMpnId="10") for customer in ("a", "new")]
    result = take(store, new)
    assert result.notes == ("replaces 2 rows of 2025-01 from export.tsv",)
    assert customers(store, "10") == {"2025-01": ["a", "new"], "2025-02": ["d"]}
    assert customers(store, "20") == {"2025-01": ["c"]}


def test_locations_of_one_account_in_two_files_are_parts_of_one_export(tmp_path: Path) -> None:
    store = tmp_path / "store"
    take(store, PROFILE)
    first, second = taken(store, LOCATED[:1], LOCATED[1:])
    assert isinstance(first, Ingested)
    assert "2.tsv: would replace 1 row of 2025-01 from 1.tsv" in str(second)
    taken(store, LOCATED[:1], LOCATED[1:], parts=True)
    assert customers(store, "10") == {"2025-01": ["a", "b"]}
