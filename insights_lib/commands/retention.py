"""`insights prune` and `forget`: care of data."""

from typing import Annotated

import typer

from insights_lib.commands import options
from insights_lib.data_retention import forget as forgetting
from insights_lib.data_retention import prune as pruning
from insights_lib.outputs import Outputs
from insights_lib.parameters.reports_yml import read_reports_file


def prune(
    outputs: options.Outputs = options.OUTPUTS,
    parameters: options.Parameters = options.PARAMETERS,
    debug: options.Debug = False,
) -> None:
    """Delete what is older than the retention of reports.yml: reports, log, who was mailed."""
    with options.sentences(debug):
        retention = read_reports_file(parameters).retention
        options.show_lines(pruning.prune(Outputs(outputs), retention).lines())


def forget(
    customer: Annotated[
        str, typer.Option(help="Top parent id, else tenant id, else name; or key, as tpid:0012345.")
    ],
    store: options.Store = options.STORE,
    outputs: options.Outputs = options.OUTPUTS,
    debug: options.Debug = False,
) -> None:
    """Delete a customer from the store and from all reports; these are to be rendered again."""
    with options.sentences(debug):
        options.show_lines(forgetting.forget(customer, store, Outputs(outputs)).lines())
