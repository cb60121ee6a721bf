"""Who may import whom, how long things may be, and that importing does nothing else."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from insights_lib.cli import app

PACKAGE = Path(__file__).parents[2] / "insights_lib"
# The way of the data. A module imports from modules left of it, and from nothing else of the
# package: a new module gets its place here first.
ORDER = (
    *("errors", "parameters", "reports_file", "datasets", "counting", "exports", "staging"),
    *("remote", "store", "ingest", "stages", "slices", "saved_slices", "countries", "rows"),
    *("metrics", "words", "theme", "figures", "charts", "notebook", "warming"),
    *("sections", "assets", "page"),
    *(
        "place",
        "prctl",
        "fork_server",
        "workers",
        "cluster",
        "forked_kernel",
        "warm_kernels",
        "freshness",
    ),
    *("orders", "execution", "render", "runner"),
    *("mail.ledger", "mail.server", "mail.smtp", "mail.delivery"),
    *(
        "mail.recipients",
        "mail.contents",
        "mail.pictures",
        "mail.message",
        "mail.letters",
        "mail.sending",
    ),
    *("schedule.plan", "schedule.windows", "schedule.incoming", "schedule.once"),
    "retention",
    *("demo", "commands.frame", "commands.data", "commands.view", "commands.mail"),
    *("commands.reports", "commands.schedule", "commands.care", "cli"),
)
STORE_SIDE = {"store", "ingest", "slices", "staging", "exports", "duckdb", "sqlite3"}
CHART_SIDE = {"theme", "figures", "charts", "words", "sections", "assets", "page", "plotly"}
MODULE_LINES = 330
FUNCTION_LINES = 45
PARAMETERS = 5
# Typer makes a command's options of its parameters, so there are as many as the contract has.
COMMANDS = {
    *(("commands.data", "demo"), ("commands.data", "ingest")),
    *(("commands.reports", "run"), ("commands.reports", "status")),
    *(("commands.mail", "send"), ("commands.mail", "history")),
    *(("commands.schedule", "schedule"), ("commands.care", "prune"), ("commands.care", "forget")),
}

# What a module may do while it is imported: import, define, and name things.
DEFINITIONS = (
    ast.Import,
    ast.ImportFrom,
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.Assign,
    ast.AnnAssign,
    ast.AugAssign,
)
# Prints what importing every module did beside reading Python files.
WATCHED_IMPORT = """
import sys

EVENTS = {
    "subprocess.Popen", "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn",
    "os.spawn", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink",
    "os.truncate", "os.chmod", "os.utime", "shutil.copyfile", "shutil.move", "shutil.rmtree",
    "tempfile.mkdtemp", "tempfile.mkstemp", "sqlite3.connect", "socket.connect", "socket.bind",
    "socket.getaddrinfo", "_thread.start_new_thread",
}
seen = []

def watch(event, arguments):
    if event in EVENTS:
        seen.append((event, arguments))
    elif event == "open" and isinstance(arguments[0], str):
        file, mode, flags = arguments
        writes = set(mode or "") & set("wax+") or flags & 3  # O_WRONLY or O_RDWR
        own = "insights_lib" in file and not file.endswith((".py", ".pyc"))
        if writes or own:
            seen.append((event, arguments))

# It looks by a socket of its own, as it is imported, whether there is IPv6.
import papermill

sys.addaudithook(watch)
import duckdb

def connect(*arguments, **options):
    seen.append(("duckdb.connect", arguments))

duckdb.connect = connect
for module in sys.argv[1:]:
    __import__(f"insights_lib.{module}")
print(*seen, sep="\\n", end="")
"""


def file_of(module: str) -> Path:
    return PACKAGE / f"{module.replace('.', '/')}.py"


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(file_of(module).read_text(encoding="utf-8"))


@cache
def imports(module: str) -> frozenset[str]:
    """What a module imports anywhere: modules of the package, and other packages, by name."""
    found: set[str] = set()
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            assert node.module
            whole = node.module == "insights_lib"
            found |= {f"insights_lib.{a.name}" for a in node.names} if whole else {node.module}
    own = {name: name.removeprefix("insights_lib.") for name in found}
    return frozenset(n if n in ORDER else n.split(".")[0] for n in own.values())


def all_imports(module: str) -> set[str]:
    """What a module imports, itself or through modules of the package."""
    found = set(imports(module))
    for other in found & set(ORDER):
        found |= all_imports(other)
    return found


def functions(module: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    nodes = ast.walk(tree(module))
    return (n for n in nodes if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))


def test_every_module_has_its_place_on_the_way_of_the_data() -> None:
    files = [file for file in PACKAGE.rglob("*.py") if file.name != "__init__.py"]
    assert {".".join(f.relative_to(PACKAGE).with_suffix("").parts) for f in files} == set(ORDER)


@pytest.mark.parametrize("module", ORDER)
def test_a_module_imports_only_modules_left_of_it(module: str) -> None:
    allowed = set(ORDER[: ORDER.index(module)])
    assert imports(module) & set(ORDER) <= allowed


@pytest.mark.parametrize("module", ["metrics", "slices", "ingest"])
def test_numbers_are_made_without_knowing_how_they_are_shown(module: str) -> None:
    assert not all_imports(module) & CHART_SIDE


@pytest.mark.parametrize("module", ["charts", "figures", "theme", "words"])
def test_charts_are_drawn_from_tables_without_any_store(module: str) -> None:
    assert not all_imports(module) & (STORE_SIDE | {"metrics"})


def test_the_page_sees_executed_notebooks_only() -> None:
    assert not imports("page") & (STORE_SIDE | {"metrics", "charts", "papermill", "parameters"})
    taken = [
        alias.name
        for node in ast.walk(tree("page"))
        if isinstance(node, ast.ImportFrom) and node.module == "insights_lib.notebook"
        for alias in node.names
    ]
    assert all(name.isupper() for name in taken), f"{taken} is more than names of media types"


def test_the_demo_knows_nothing_of_how_exports_are_read() -> None:
    """What ingest accepts is tested on files that were not written with its own knowledge."""
    assert all_imports("demo") & set(ORDER) <= {"errors"}


@pytest.mark.parametrize("module", ORDER)
def test_a_module_only_imports_and_defines(module: str) -> None:
    first, *others = tree(module).body
    assert isinstance(first, ast.Expr), "a module begins with its docstring"
    assert ast.get_docstring(tree(module))
    for statement in others:
        for_types = isinstance(statement, ast.If) and ast.unparse(statement.test) == "TYPE_CHECKING"
        known = isinstance(statement, DEFINITIONS) or for_types
        assert known, f"line {statement.lineno} does something"


def test_importing_the_program_starts_and_touches_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-B", "-W", "error", "-c", WATCHED_IMPORT]
    everything = [*command, *reversed(ORDER)]
    run = subprocess.run(everything, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert run.stdout == ""
    assert run.stderr == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("module", ORDER)
def test_a_module_can_be_read_in_one_sitting(module: str) -> None:
    lines = file_of(module).read_text(encoding="utf-8").splitlines()
    assert len(lines) <= MODULE_LINES


@pytest.mark.parametrize("module", ORDER)
def test_a_function_is_short_and_takes_few_parameters(module: str) -> None:
    for function in functions(module):
        if (module, function.name) in COMMANDS:
            continue
        length = (function.end_lineno or 0) - function.lineno + 1
        assert length <= FUNCTION_LINES, f"{function.name} has {length} lines"
        given = function.args
        names = [a.arg for a in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
        names = [name for name in names if name not in {"self", "cls"}]
        assert len(names) <= PARAMETERS, f"{function.name} takes {', '.join(names)}"


def test_the_commands_that_may_take_more_parameters_are_there() -> None:
    """An exemption that nothing uses any more would let something else through."""
    registered = {command.callback for command in app.registered_commands}
    own = "insights_lib."
    assert {(c.__module__.removeprefix(own), c.__name__) for c in registered if c} == COMMANDS
