"""The command line `insights`: all commands together; only the one that is called is loaded."""

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

# In the order of the help, each with the module of its function.
_MODULES = {"demo": "data", "login": "fetch", "fetch": "fetch", "ingest": "data"}
_MODULES |= {"partners": "data", "preview": "reports", "run": "reports", "status": "reports"}
_MODULES |= {"send": "mail", "history": "mail", "schedule": "schedule"}
_MODULES |= {"prune": "retention", "forget": "retention"}


class _Commands(Mapping[str, TyperCommand]):
    """The commands by name, each made when it is asked for."""

    def __getitem__(self, name: str) -> Any:
        single = typer.Typer(add_completion=False)
        single.command(name)(function_of(name))
        return get_command(single)

    def __iter__(self) -> Iterator[str]:
        return iter(_MODULES)

    def __len__(self) -> int:
        return len(_MODULES)


class _Program(TyperGroup):
    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands: Any = _Commands()


def function_of(name: str) -> Callable[..., None]:
    """The function of a command.

    Raises:
        KeyError: No command has this name.
    """
    module = import_module(f"insights_lib.commands.{_MODULES[name]}")
    function: Callable[..., None] = vars(module)[name]
    return function


app = typer.Typer(cls=_Program, add_completion=False, pretty_exceptions_enable=False)


@app.callback(no_args_is_help=True)
def _program() -> None:
    """Customer reports for Microsoft partners, from the export files of Partner Center."""
