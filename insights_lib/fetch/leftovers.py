"""Deleting at Partner Center what was made there, if not at once then by the next fetch."""

from contextlib import suppress

import httpx

from insights_lib.errors import FetchError
from insights_lib.fetch.notes import Leftover, Notes
from insights_lib.fetch.partner_center import PartnerCenter
from insights_lib.fetch.refusals import ApiError


def discard(center: PartnerCenter, notes: Notes, dataset: str) -> None:
    """Delete there what is noted of a dataset, and forget it.

    Raises:
        FetchError: It could not be deleted; the next fetch does that.
    """
    if note := notes.of(dataset):
        try:
            center.delete_report(note.report)
            center.delete_query(note.query)
        except FetchError:
            notes.leave(Leftover(note.name, note.report, note.query))
            notes.forget(dataset)
            raise
        notes.forget(dataset)


def delete_leftovers(center: PartnerCenter, notes: Notes, dataset: str) -> None:
    """Delete there what is left of a dataset; what cannot be deleted now stays noted."""
    note = notes.of(dataset)
    for leftover in notes.leftovers(dataset):
        if note and note.query == leftover.query:  # it is in use again
            notes.settle(leftover)
        else:
            delete_leftover(center, notes, leftover)


def delete_leftover(center: PartnerCenter, notes: Notes, leftover: Leftover) -> None:
    """Delete a report there and its query; if that cannot be done now, they stay noted."""
    with suppress(FetchError):
        known = bool(leftover.report)
        for report in [leftover.report] if known else _reports_named(leftover.name, center):
            center.delete_report(report)
        center.delete_query(leftover.query)
        notes.settle(leftover)


def _reports_named(name: str, center: PartnerCenter) -> list[str]:
    try:
        return center.report_ids(name)
    except ApiError as error:
        if error.status == httpx.codes.NOT_FOUND:
            return []
        raise
