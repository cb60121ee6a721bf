"""Who may import whom, how long things may be, and that importing does nothing else."""

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from importlib import import_module
from inspect import getsource
from pathlib import Path

import pytest
import typer

from insights_lib.cli import app, function_of
from tests.support.processes import completed

PACKAGE = Path(__file__).parents[2] / "insights_lib"
# The way of the data: a room imports from rooms left of it. A new room gets its place here first.
ROOMS = (
    *("errors", "timing", "disk", "outputs", "tables"),
    *("parameters", "exports", "store", "fetch", "queries", "customer_metrics", "metrics"),
    *("presentation", "customer_charts", "charts", "notebook"),
    *(
        "warm_kernels",
        "page",
        "analysis",
        "run",
        "mail",
        "schedule",
        "data_retention",
        "commands",
        "cli",
    ),
)
SHARED_BY_COMMANDS = {"commands", "commands.options", "commands.progress"}
PACKING = {"page.rows", "page.people"}
STORE_SIDE = {"store", "duckdb", "sqlite3"}
SHOWING = {"presentation", "charts", "notebook", "page", "mail", "plotly", "jinja2"}
COUNTING = {"metrics", "customer_metrics", "queries", "store"}
MODULE_LINES = 300
FUNCTION_LINES = 45
COMMANDS = [*typer.main.get_group(app).commands]
COMMAND_LINES = 35  # without its options, which Typer makes of its parameters
COMMAND_LINE_LINES = 610  # of all commands together
PARAMETERS = 5
AS_IN_NOTEBOOKS = {"open_report", "open_partner"}  # takes all that decides on a report, by name

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

# When it is imported it tries with a socket of its own whether there is IPv6.
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


def modules() -> dict[str, Path]:
    """Every module of the package with its file; a folder's `__init__` has the folder's name."""
    files = sorted(file for file in PACKAGE.rglob("*.py") if file.parent != PACKAGE)
    files += [file for file in sorted(PACKAGE.glob("*.py")) if file.name != "__init__.py"]
    names = [file.relative_to(PACKAGE).with_suffix("").parts for file in files]
    return {
        ".".join(part for part in name if part != "__init__"): file
        for name, file in zip(names, files, strict=True)
    }


MODULES = modules()
each_module = pytest.mark.parametrize("module", MODULES)


def room(module: str) -> str:
    return module.partition(".")[0]


def in_room(name: str) -> list[str]:
    return [module for module in MODULES if room(module) == name]


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


@cache
def imports(module: str) -> frozenset[str]:
    """What a module imports, wherever it does so: modules of the package, other packages."""
    names: set[str] = set()
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            assert node.module
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                names.add(whole if whole.removeprefix("insights_lib.") in MODULES else node.module)
    own = {name.removeprefix("insights_lib.") for name in names}
    return frozenset(name if name in MODULES else room(name) for name in own)


@cache
def reached(module: str) -> frozenset[str]:
    """What is imported with a module: modules, their rooms, and other packages."""
    found: set[str] = set()
    waiting = {module}
    while waiting:
        name = waiting.pop()
        found |= {name, room(name)}
        if room(name) in MODULES:  # the `__init__` of a folder is imported first
            waiting |= {room(name)} - found
        if name in MODULES:
            waiting |= imports(name) - found
    return frozenset(found - {module})


def functions(module: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    nodes = ast.walk(tree(module))
    return (n for n in nodes if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))


def commands() -> set[tuple[str, str]]:
    """The functions that the program makes commands of."""
    made = map(function_of, COMMANDS)
    return {(c.__module__.removeprefix("insights_lib."), c.__name__) for c in made}


def lines_of(first: ast.AST, last: ast.AST) -> int:
    return int(getattr(last, "end_lineno", 0)) - int(getattr(first, "lineno", 0)) + 1


def test_every_file_belongs_to_a_room() -> None:
    assert {room(module) for module in MODULES} == set(ROOMS)


@each_module
def test_a_module_imports_from_its_own_room_and_rooms_left_of_it(module: str) -> None:
    allowed = set(ROOMS[: ROOMS.index(room(module)) + 1])
    assert {room(name) for name in imports(module) if name in MODULES} <= allowed


def test_no_module_imports_itself_through_others() -> None:
    graph = {module: imports(module) & set(MODULES) for module in MODULES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a circle: {' <- '.join(error.args[1])}")


@pytest.mark.parametrize("module", [m for m in in_room("page") if m not in PACKING])
def test_of_the_page_only_the_packing_of_rows_reaches_the_store(module: str) -> None:
    """Sections and writer see executed notebooks and packed rows, and nothing else."""
    assert not reached(module) & (STORE_SIDE | {"metrics", "charts", "notebook", "papermill"})
    assert not reached(module) & PACKING


@pytest.mark.parametrize("module", in_room("warm_kernels"))
def test_warm_kernels_know_nothing_of_reports(module: str) -> None:
    assert reached(module) & set(ROOMS) <= {"warm_kernels"}


@pytest.mark.parametrize("module", [m for m in MODULES if room(m) not in {"commands", "cli"}])
def test_a_service_returns_what_it_has_to_say_and_prints_nothing(module: str) -> None:
    assert not reached(module) & {"commands", "cli", "typer", "rich"}
    calls = [node.func for node in ast.walk(tree(module)) if isinstance(node, ast.Call)]
    printing = {ast.unparse(function) for function in calls} & {
        *("print", "sys.stdout.write", "sys.stderr.write")
    }
    assert not printing


@pytest.mark.parametrize("module", in_room("commands"))
def test_no_command_imports_another(module: str) -> None:
    others = {name for name in imports(module) if room(name) == "commands"}
    assert others <= SHARED_BY_COMMANDS


@pytest.mark.parametrize(
    "module", ["metrics", "customer_metrics", *in_room("queries"), *in_room("store")]
)
def test_numbers_are_made_without_knowing_how_they_are_shown(module: str) -> None:
    assert not reached(module) & SHOWING


@pytest.mark.parametrize("module", ["charts", "customer_charts", *in_room("presentation")])
def test_charts_are_drawn_from_tables_without_any_store(module: str) -> None:
    assert not reached(module) & (STORE_SIDE | {"metrics"})


def test_the_demo_knows_nothing_of_how_exports_are_read() -> None:
    """What ingest accepts is tested on files that were not written with its own knowledge."""
    assert reached("exports.demo") & set(MODULES) <= {"errors", "exports", "exports.demo_story"}


@each_module
def test_a_module_that_is_named_in_a_text_is_there(module: str) -> None:
    """No import checker sees what is imported by its name, such as in the processes of a run."""
    texts = [node.value for node in ast.walk(tree(module)) if isinstance(node, ast.Constant)]
    for text in texts:
        if isinstance(text, str) and re.fullmatch(r"insights_lib(\.\w+)+(:\w+)?", text):
            name, _, function = text.partition(":")
            assert hasattr(import_module(name), function or "__name__"), text


@each_module
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
    everything = [*command, *reversed(MODULES)]
    run = completed(everything, cwd=tmp_path)
    assert run.stdout == ""
    assert run.stderr == ""
    assert list(tmp_path.iterdir()) == []


def test_the_program_loads_nothing_that_only_some_commands_need() -> None:
    """Each of these takes from a twentieth of a second to three seconds."""
    heavy = {"duckdb", "httpx", "msal", "nbformat", "nbconvert", "numpy", "pandas", "papermill"}
    heavy |= {"playwright", "plotly"}
    program = f"import sys, insights_lib.cli; print(*{heavy} & set(sys.modules))"
    assert completed([sys.executable, "-c", program]).stdout.split() == []


def test_ingest_loads_nothing_that_only_other_commands_need() -> None:
    other = {"httpx", "msal", "nbformat", "nbconvert", "pandas", "papermill", "playwright"}
    program = (
        "import sys; from insights_lib.cli import function_of; function_of('ingest');"
        f" print(*{other} & set(sys.modules))"
    )
    assert completed([sys.executable, "-c", program]).stdout.split() == []


@each_module
def test_a_module_can_be_read_in_one_sitting(module: str) -> None:
    lines = MODULES[module].read_text(encoding="utf-8").splitlines()
    assert len(lines) <= MODULE_LINES


@each_module
def test_a_function_is_short_and_takes_few_parameters(module: str) -> None:
    for function in functions(module):
        if (module, function.name) in commands():
            continue
        length = lines_of(function, function)
        assert length <= FUNCTION_LINES, f"{function.name} has {length} lines"
        given = function.args
        names = [a.arg for a in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
        names = [name for name in names if name not in {"self", "cls"}]
        if function.name in AS_IN_NOTEBOOKS:
            continue
        assert len(names) <= PARAMETERS, f"{function.name} takes {', '.join(names)}"


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_asks_a_service_and_prints_what_it_returns(command: str) -> None:
    [function] = ast.parse(getsource(function_of(command))).body
    assert isinstance(function, ast.FunctionDef)
    assert lines_of(function.body[0], function.body[-1]) <= COMMAND_LINES


def test_the_command_line_is_thin() -> None:
    files = [MODULES[module] for module in ("cli", *in_room("commands"))]
    assert sum(len(f.read_text("utf-8").splitlines()) for f in files) <= COMMAND_LINE_LINES
