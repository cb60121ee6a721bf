"""What a session of Python gets beside the names: plotly templates, and completions in IPython."""

from functools import cache

import plotly.io as pio
from IPython.core.getipython import get_ipython

from insights_lib.analysis.completion import completions
from insights_lib.presentation.theme import own_templates


@cache
def prepare() -> None:
    """Give plotly the templates `insights` and `insights_dark`, and Tab the names of this data."""
    for name, template in own_templates().items():
        pio.templates[name] = template
    shell = get_ipython()
    if shell is not None:
        shell.Completer.custom_matchers.append(completions(shell.user_ns))
