"""The errors of this library. They have one base, so that a caller can show any as a sentence.

Every message says what failed, where, what was allowed and what to do.
"""


class InsightsError(Exception):
    """Something that the user can understand and mend. Its text is one readable sentence."""

    def _render_traceback_(self) -> list[str]:
        """Show only the sentence in a notebook: IPython calls this in place of the traceback."""
        return [f"{type(self).__name__}: {self}"]


class ParameterError(InsightsError, ValueError):
    """A parameter, an option or a parameter file is wrong. Nothing was run."""


class ExportError(InsightsError):
    """An export is refused as a whole. The store stays as it was."""


class NotAnExport(ExportError):  # noqa: N818 - it tells what the file is not
    """A file is nothing that Partner Center writes, such as a web page or a workbook."""


class StoreError(InsightsError):
    """The store is missing, or holds nothing of what was asked for."""


class ReportError(InsightsError):
    """A report could not be rendered. The message names the section and the reason."""


class BusyError(ReportError):
    """Another process is at work there, and may do what was asked for."""


class MailError(InsightsError):
    """Mail could not be sent; the message says why, and what to do."""


class FetchError(InsightsError):
    """Partner Center did not give what was asked for; the message says why, and what to do."""


class SignInError(FetchError):
    """Nobody is signed in, or the sign-in is not enough; the message says how to sign in."""


def reason_of(error: BaseException) -> str:
    """Why something failed, in one line without frames."""
    own = isinstance(error, (InsightsError, OSError))
    return " ".join((str(error) if own else f"{type(error).__name__}: {error}").split())
