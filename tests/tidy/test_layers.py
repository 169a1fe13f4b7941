"""The layers that data passes: providers, dispatcher, consumers, over an infrastructure that knows
none of them. Whole paths of imports are followed, not single ones.
"""

import subprocess
import sys
from functools import cache

import pytest
import sources
from floors import FACE, FLOORS, floor_of, imports, module_of, package_of

MODULES = sources.files(".py", ".pyx", ".pxd", ".pyi", under=("tectra",), generated=True)

# From where data comes to who uses it. A later layer may import an earlier one, never the reverse.
LAYERS = (
    ("feed", "gateway"),
    ("venue", "dispatch", "portfolio"),  # side by side on one floor: none imports another
    ("risk", "oms"),
    ("strategy",),
    ("engine",),
    ("runtime", "backtest", "replay"),
    ("research", "recorder", "testing"),
    ("ops",),
)
INFRASTRUCTURE = ("core", "schema", "refdata", "journal", "net", "signals", "book", "protocol")


@cache
def graph() -> dict[str, frozenset[str]]:
    """Package -> the packages that its modules name."""
    out: dict[str, set[str]] = {}
    for path in MODULES:
        mine = package_of(module_of(path)).split(".")[0]
        if mine not in FLOORS:
            continue
        found = out.setdefault(mine, set())
        for _, target in imports(path):
            if target.startswith("tectra."):
                found.add(package_of(target).split(".")[0])
    return {name: frozenset(found - {name}) for name, found in out.items()}


def reach(start: str, edges: dict[str, frozenset[str]]) -> set[str]:
    """Every package that an import of `start` can bring in."""
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        for target in edges.get(waiting.pop(), ()):
            if target not in seen:
                seen.add(target)
                waiting.append(target)
    return seen


@pytest.mark.timeout(30)  # it reads every source
def test_core_reaches_nothing_but_itself() -> None:
    assert reach("core", graph()) <= {"paths"}
    assert reach("schema", graph()) <= {"paths"}


@pytest.mark.parametrize("package", INFRASTRUCTURE)
def test_infrastructure_reaches_no_application(package: str) -> None:
    application = {name for layer in LAYERS for name in layer} | {"sim", ""}
    assert not reach(package, graph()) & application


@pytest.mark.parametrize("layer", range(len(LAYERS)))
def test_no_layer_reaches_a_later_one(layer: int) -> None:
    later = {name for names in LAYERS[layer + 1 :] for name in names}
    for package in LAYERS[layer]:
        assert not reach(package, graph()) & later, package


def test_no_package_reaches_itself() -> None:
    edges = graph()
    assert not [name for name in edges if name in reach(name, edges)]


def test_the_order_of_the_layers_is_that_of_the_floors() -> None:
    """Changing the floors to let an import through changes this, too."""
    tops = [max(FLOORS[name] for name in layer) for layer in LAYERS]
    bottoms = [min(FLOORS[name] for name in layer) for layer in LAYERS]
    assert all(top < bottom for top, bottom in zip(tops, bottoms[1:], strict=False))
    assert max(FLOORS[name] for name in INFRASTRUCTURE) < bottoms[0]
    assert FLOORS["core"] == min(FLOORS.values()) and floor_of("") == FACE > max(FLOORS.values())


@pytest.mark.e2e
@pytest.mark.timeout(60)
@pytest.mark.parametrize("package", ["core", "schema", "journal", "feed", "risk"])
def test_a_package_stands_alone(package: str, fresh_env: dict[str, str]) -> None:
    """What a fresh interpreter has loaded after an import is of lower floors only."""
    code = f"import sys, tectra.{package}; print(*(m for m in sys.modules if m[:7] == 'tectra.'))"
    done = subprocess.run(
        [sys.executable, "-c", code], env=fresh_env, capture_output=True, text=True, check=True
    )
    loaded = {name.split(".")[1] for name in done.stdout.split()} - {"paths", package}
    above = {name for name in loaded if FLOORS[name] >= FLOORS[package]}
    assert package in done.stdout and not above


def test_the_search_itself() -> None:
    edges = {
        "feed": frozenset({"core"}),
        "core": frozenset({"book"}),
        "book": frozenset({"feed", "ops"}),
    }
    assert reach("core", edges) == {"book", "feed", "ops", "core"}
    assert "core" in reach("feed", graph()) and "book" in reach("engine", graph())
    assert "engine" in reach("ops", graph())
