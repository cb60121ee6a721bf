"""The errors of this library: one base, so that a caller can show any of them as a sentence.

Every message says what failed, where, what was allowed and what to do about it.
"""


class InsightsError(Exception):
    """Something the user can understand and mend; its text is one readable sentence."""

    def _render_traceback_(self) -> list[str]:
        """Show the sentence alone in a notebook: IPython asks an exception for this first."""
        return [f"{type(self).__name__}: {self}"]


class ParameterError(InsightsError, ValueError):
    """A parameter, an option or a parameter file is wrong; nothing was run."""


class ExportError(InsightsError):
    """An export file is refused as a whole; the store is as it was before."""


class NotAnExport(ExportError):  # noqa: N818 - it tells what the file is not
    """A file is nothing that Partner Center writes, such as a web page or a workbook."""


class StoreError(InsightsError):
    """The store is missing, or holds nothing for what was asked."""


class ReportError(InsightsError):
    """A report could not be rendered; the message names the section and the reason."""


class BusyError(ReportError):
    """Somebody else is at work there; what is to be done may be done by that one."""


class MailError(InsightsError):
    """Mail could not be sent; the message says why, and what to do."""


def reason_of(error: BaseException) -> str:
    """Why something failed, in one line without frames."""
    own = isinstance(error, (InsightsError, OSError))
    return " ".join((str(error) if own else f"{type(error).__name__}: {error}").split())
