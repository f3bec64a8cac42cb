"""Every operation of the header is there, in both engines, and every example in the documentation runs."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest
from conftest import AUDIENCE, PASSWORD

import doorward
from doorward import _operations
from doorward._native import ffi, lib

HEADER = Path(__file__).parents[3] / "ffi/include/doorward.h"

# Python's names, where they are not C's.
NAMES = {"revoke_token": "revoke"}
# What has no method, and why.
ELSEWHERE = {
    "dw_config_entropy": "a random source of the host's own: for C hosts without one of the system's",
    "dw_id_text": "ids are text already",
    "dw_id_parse": "ids are text already",
    "dw_session_is_fresh": "Session.fresh, which needs no library",
    "dw_open_handles": "for tests, which ask the library",
}


def functions() -> set[str]:
    return set(re.findall(r"\b(dw_\w+)\(", HEADER.read_text())) - {"dw_text"}


def operations() -> set[str]:
    """The operations: what can be called at once, and begun."""
    names = functions()
    return {name.removeprefix("dw_op_") for name in names if name.replace("dw_op_", "dw_", 1) in names - {name}}


def public(engine: type) -> set[str]:
    return {name for name, _ in inspect.getmembers(engine, callable) if not name.startswith("_")}


def test_each_operation_of_the_header_is_a_method_of_both_engines() -> None:
    assert len(operations()) > 30
    methods = {NAMES.get(name, name) for name in operations()}
    assert methods <= public(doorward.Engine)
    assert methods <= public(doorward.AsyncEngine)
    known = {operation.name for operation in vars(_operations).values() if isinstance(operation, _operations.Operation)}
    assert known == operations()


def test_each_operation_is_a_coroutine_of_the_asynchronous_engine_as_the_readmes_say() -> None:
    """They said that it has the same methods as coroutines: it has no ``backup``, and ``now``, ``events`` and more are none."""
    root = Path(__file__).parents[3]
    for readme in (root / "README.md", root / "bindings/python/README.md"):
        assert "`doorward.AsyncEngine` has the same operations as coroutines" in readme.read_text(), readme
    methods = {
        name for name in public(doorward.AsyncEngine) if inspect.iscoroutinefunction(getattr(doorward.AsyncEngine, name))
    }
    assert methods - {"open", "close"} == {NAMES.get(name, name) for name in operations()}


def test_each_function_of_the_header_is_used() -> None:
    package = Path(doorward.__file__).parent
    source = "\n".join(path.read_text() for path in sorted(package.glob("*.py")))
    begun = {f"dw_op_{name}" for name in operations()} | {f"dw_{name}" for name in operations()}
    taken = {f"dw_op_take_{take}" for take in re.findall(r"(?:take=|_value\([^,]+, )\"(\w+)\"", source)}
    results = set(re.findall(r"_result\(\"(\w+)\"", source)) | set(re.findall(r"self\._read\(\"\w+\", \"(\w+)\"", source))
    taken |= {f"dw_op_take_{name}" for name in results}
    held = re.findall(r"\b(?:hold|opening)\(\"(\w+)\"", source)
    freed = {f"dw_{name}_free" for name in (*results, *held)}
    of_kinds = set(re.findall(r"_(?:function|number|read)\(\"(\w+)\"", source))
    of_kinds = {f"dw_{kind}_{name}" for kind in ("engine", "context") for name in of_kinds}
    unused = {
        name
        for name in functions() - begun - taken - freed - of_kinds - set(ELSEWHERE)
        if not re.search(rf"\b{name}\b", source)
    }
    assert unused == set()
    assert set(ELSEWHERE) <= functions()


def test_both_engines_have_the_same_methods_with_the_same_parameters() -> None:
    only_here = {"backup"}  # of a file that the library has
    assert public(doorward.Engine) - public(doorward.AsyncEngine) == only_here
    assert public(doorward.AsyncEngine) - public(doorward.Engine) == set()
    for name in public(doorward.AsyncEngine) - {"open"}:
        one = inspect.signature(getattr(doorward.Engine, name))
        other = inspect.signature(getattr(doorward.AsyncEngine, name))
        assert one == other, name
    for name in operations():
        assert inspect.iscoroutinefunction(getattr(doorward.AsyncEngine, NAMES.get(name, name))), name


def test_the_library_is_of_the_header_s_version() -> None:
    assert f'#define DW_VERSION "{doorward.__version__}"' in HEADER.read_text()
    assert lib.DW_OK == 0


@pytest.mark.parametrize(("result", "ids"), [("dw_session", ["id", "account"]), ("dw_access", ["account", "session", "token"])])
def test_a_result_that_is_read_in_one_step_begins_with_its_ids(result: str, ids: list[str]) -> None:
    assert [name for name, _ in ffi.typeof(result).fields][: len(ids)] == ids
    assert [ffi.offsetof(result, name) for name in ids] == [16 * place for place in range(len(ids))]


def test_each_status_has_its_exception() -> None:
    statuses = {name: int(number) for name, number in re.findall(r"^    (DW_\w+) = (\d+),$", _statuses(), re.M)}
    assert len(statuses) > 50
    classes = {name: doorward.errors.error_class(number) for name, number in statuses.items() if number}
    assert {name for name, kind in classes.items() if kind is doorward.Misuse} == {
        name for name, number in statuses.items() if 10 <= number < 20 and name != "DW_NOT_UTF8"
    }
    assert classes["DW_NOT_UTF8"] is doorward.Refused
    assert classes["DW_CONFIG_KEY_FILE"] is doorward.ConfigError
    assert classes["DW_UNRESOLVED"] is doorward.StoreError
    assert classes["DW_CLOCK"] is doorward.StoreError
    assert doorward.errors.error_class(4711) is doorward.Refused
    raised = set(classes.values())
    assert raised == {kind for kind in vars(doorward.errors).values() if _is_error(kind)} - {doorward.Error}


def _statuses() -> str:
    return HEADER.read_text().split("typedef enum dw_status {")[1].split("} dw_status;")[0]


def _is_error(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, doorward.Error)


def modules() -> list[str]:
    found = [module.name for module in pkgutil.walk_packages(doorward.__path__, "doorward.") if "._" not in module.name]
    return ["doorward", *found]


def examples() -> list[doctest.DocTest]:
    finder = doctest.DocTestFinder(exclude_empty=True)
    # Django's own modules need its settings; they have tests of their own.
    names = [name for name in modules() if not name.startswith("doorward.django")] + ["doorward._base"]
    return [test for name in names for test in finder.find(importlib.import_module(name), name) if test.examples]


@pytest.mark.parametrize("example", examples(), ids=lambda example: example.name)
def test_each_example_runs(example: doctest.DocTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with doorward.Engine.open("memory:", audience=AUDIENCE) as engine:
        ada = engine.register("ada", PASSWORD)
        login = engine.login("ada", PASSWORD, label="Firefox")
        example.globs.update(Engine=doorward.Engine, doorward=doorward, engine=engine, ada=ada, login=login)
        written: list[str] = []
        runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
        runner.run(example, out=written.append, clear_globs=False)
        assert runner.summarize(verbose=False).failed == 0, "".join(written)


def test_each_method_has_an_example() -> None:
    ours = (".Engine.", ".Base.")
    shown = {example.name.rpartition(".")[2] for example in examples() if any(one in example.name for one in ours)}
    assert public(doorward.Engine) <= shown
