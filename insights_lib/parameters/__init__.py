"""What reports are asked for: the files of `parameters/`, checked."""

from insights_lib.parameters.spec import DateRange, Filters, ReportSpec, report_spec

__all__ = ["DateRange", "Filters", "ReportSpec", "report_spec"]
