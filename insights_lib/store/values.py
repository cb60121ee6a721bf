"""What the ids and workloads of an export must be; one that is not refuses the file, with its line.

Each function looks at the table `staged`.
"""

from insights_lib.exports.datasets import EMS, OFFICE, is_ems_workload
from insights_lib.exports.integrity import LONGEST_RECORD
from insights_lib.parameters.spec import is_safe_name
from insights_lib.store.ids import is_spoilt
from insights_lib.store.staging import StagedExport


def dataset_by_workload(staged: StagedExport) -> str:
    """OfficeUsage and the EMSUsage of 2020 have the same columns; their workloads differ.

    Raises:
        ExportError: There are workloads of both.
    """
    dataset = staged.export.header.dataset.name
    if dataset != OFFICE:
        return dataset
    workloads = staged.rows(
        """SELECT workload, min(file_row_number) FROM staged
           WHERE workload IS NOT NULL GROUP BY workload ORDER BY 2"""
    )
    of_ems = [is_ems_workload(name) for name, _ in workloads]
    if any(of_ems) and not all(of_ems):
        other, row = workloads[of_ems.index(not of_ems[0])]
        raise staged.refusal(
            row,
            f"the workload {other!r} and {workloads[0][0]!r} of an earlier line are of "
            "different datasets (OfficeUsage and EMSUsage); export each by itself.",
        )
    return EMS if any(of_ems) else OFFICE


def refuse_spoilt_ids(staged: StagedExport) -> None:
    """Refuse ids that a spreadsheet has taken for numbers: several would look like one.

    Raises:
        ExportError: There is such an id.
    """
    found = []
    for name in {"account", "location", "spoilt_id"}.intersection(staged.columns):
        found += staged.rows(
            f"""SELECT min(file_row_number), {name} FROM staged
                GROUP BY {name} HAVING {is_spoilt(name)} ORDER BY 1 LIMIT 1"""
        )
    for row, text in sorted(found)[:1]:
        raise staged.refusal(
            row,
            f"the id {text!r} was spoilt by a spreadsheet, which takes ids for numbers; export the "
            "file again, and do not save it there.",
        )


def refuse_unsafe_accounts(staged: StagedExport) -> None:
    """Refuse partner ids that cannot name a folder.

    Raises:
        ExportError: There is such an id.
    """
    for account, row in staged.rows(
        """SELECT account, min(file_row_number) FROM staged
           WHERE account IS NOT NULL GROUP BY account ORDER BY 2"""
    ):
        if not is_safe_name(account):
            raise staged.refusal(
                row,
                f"the partner id {account!r} cannot name a folder; letters, digits, '-', '_' "
                "and '.' are allowed, at most 64 of them.",
            )


def refuse_damaged_texts(staged: StagedExport) -> None:
    """Refuse values that no export as a text could have: NUL bytes, and more than a row may have.

    Raises:
        ExportError: There is such a value.
    """
    for name in staged.columns:
        damaged = staged.rows(
            f"""SELECT file_row_number, strlen("{name}") FROM staged
                WHERE strlen("{name}") > {LONGEST_RECORD} OR contains("{name}", chr(0))
                ORDER BY 1 LIMIT 1"""
        )
        for row, size in damaged:
            long = f"has {size:,} bytes; at most {LONGEST_RECORD >> 20} MiB are taken."
            what = long if size > LONGEST_RECORD else "holds a NUL byte; the data is damaged."
            raise staged.refusal(row, f"{staged.column_name(name)} {what}")
