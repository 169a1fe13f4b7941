"""Where a source lets the order of a set decide: loops over one, lists and texts made of one, pop.

Sets of numbers keep one order in every run and are passed over; so is what does not ask for the
order: membership, len, sorted, operations between sets.
"""

import ast
import re
from collections.abc import Iterator

from tectra.strategy.names import Function, key_of

__all__ = ["NUMBERS", "SetTable", "ordered_uses"]

# What is known of the elements, from safe to unsafe; of several the last one counts.
EMPTY, NUMBERS, UNKNOWN, TEXTS = range(4)
_MAKERS = {"set", "frozenset"}
_OPERATIONS = {"union", "intersection", "difference", "symmetric_difference", "copy"}
_GROW = {"add", "update", "symmetric_difference_update"}
_NUMERIC_CALLS = {"int", "float", "len", "round", "abs", "ord", "range", "bool"}
_TEXT_CALLS = {"str", "repr", "format", "chr", "bytes"}
_NUMERIC_NAME = re.compile(
    r"(?:^|_)(?:ids?|oids?|px|qty|quantity|price|ns|ms|us|seqs?|counts?|numbers?|index|slots?|i|j|k"
    r"|n|px2|levels?|ticks?|refs?|sizes?)$"
)
_TEXT_NAME = re.compile(r"(?:^|_)(?:symbols?|names?|texts?|strs?|strings?|words?|tags?|venues?)$")
_CALLS_GIVING_IDS = {"submit_order", "set_timer", "integers", "u64"}
# Calls whose result shows the order of what they are given.
_SHOW_ORDER = {
    "list", "tuple", "iter", "enumerate", "zip", "map", "filter", "sum", "str", "repr", "print",
    "format", "reversed", "dict",
}  # fmt: skip
_SHOW_ORDER_METHODS = {"join", "extend", "fromkeys", "array", "fromiter", "writelines", "chain"}
# Calls that give the same whatever the order of a generator's elements.
_ORDER_FREE = {"any", "all", "min", "max", "sorted", "len", "set", "frozenset"}


def _annotated(node: ast.expr | None) -> int | None:
    """Elements of an annotation like `set[str]`; None when it names no set."""
    if node is None:
        return None
    text = ast.unparse(node).strip("'\"").replace("typing.", "").split("|")[0].strip()
    name, _, inner = text.partition("[")
    if name.lower() not in ("set", "frozenset", "abstractset", "mutableset"):
        return None
    inner = inner.rstrip("]").strip()
    return NUMBERS if inner in ("int", "float", "bool") else TEXTS if inner == "str" else UNKNOWN


class SetTable:
    """The variables of some statements that hold sets, by name (`names`, `self.names`)."""

    def __init__(self, body: list[ast.stmt], outer: "SetTable | None" = None) -> None:
        self.kinds: dict[str, int] = dict(outer.kinds) if outer else {}
        self.values: dict[str, ast.expr] = dict(outer.values) if outer else {}
        nodes = [n for statement in body for n in ast.walk(statement)]
        own = {key for key, _, _ in _assignments(nodes)}
        for key in own - {k for k in own if k.startswith("self.")}:
            self.kinds.pop(key, None)
            self.values.pop(key, None)
        for node in nodes:
            if isinstance(node, ast.arg) and (kind := _annotated(node.annotation)) is not None:
                self.kinds[node.arg] = kind
        for _ in range(3):  # a set made of a set made of a set
            for key, value, annotation in _assignments(nodes):
                kind = _annotated(annotation)
                if kind is None and value is not None:
                    self.values[key] = value
                    kind = self.kind(value)
                if kind is not None:
                    self.kinds[key] = max(kind, self.kinds.get(key, EMPTY))
        for node in nodes:
            self._grow(node)

    def _grow(self, node: ast.AST) -> None:
        """Count the elements that are put into a set later."""
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            key = key_of(node.func.value)
            if key in self.kinds and node.func.attr in _GROW:
                many = node.func.attr != "add"
                for given in node.args:
                    kind = self.elements(given) if many else self.element(given)
                    self.kinds[key] = max(self.kinds[key], kind)
        elif isinstance(node, ast.AugAssign) and (key := key_of(node.target)) in self.kinds:
            self.kinds[str(key)] = max(self.kinds[str(key)], self.kind(node.value) or EMPTY)

    def kind(self, node: ast.AST | None) -> int | None:
        """What is known of a set's elements; None when the expression is no set."""
        if isinstance(node, ast.Set):
            return max(self.element(e) for e in node.elts)
        if isinstance(node, ast.SetComp):
            return self.element(node.elt)
        if isinstance(node, ast.IfExp):
            return _worst(self.kind(node.body), self.kind(node.orelse))
        if isinstance(node, ast.BoolOp):
            return _worst(*map(self.kind, node.values))
        if isinstance(node, ast.NamedExpr):
            return self.kind(node.value)
        if isinstance(node, ast.BinOp) and isinstance(
            node.op, (ast.BitOr, ast.BitAnd, ast.Sub, ast.BitXor)
        ):
            if _is_keys(node.left) or _is_keys(node.right):
                return UNKNOWN
            return _worst(self.kind(node.left), self.kind(node.right))
        if isinstance(node, ast.Call):
            return self._kind_of_call(node)
        key = key_of(node) if node is not None else None
        return None if key is None else self.kinds.get(key)

    def _kind_of_call(self, node: ast.Call) -> int | None:
        if isinstance(node.func, ast.Name) and node.func.id in _MAKERS:
            return self.elements(node.args[0]) if node.args else EMPTY
        if isinstance(node.func, ast.Attribute) and node.func.attr in _OPERATIONS:
            base = self.kind(node.func.value)
            return None if base is None else max([base, *map(self.elements, node.args)])
        return None

    def elements(self, node: ast.AST) -> int:
        """What is known of the elements of an iterable."""
        kind = self.kind(node)
        if kind is not None:
            return kind
        if isinstance(node, (ast.List, ast.Tuple)):
            return max(map(self.element, node.elts), default=EMPTY)
        if isinstance(node, (ast.GeneratorExp, ast.ListComp)):
            return self.element(node.elt)
        return self.element(node)  # a plural is named as its elements are

    def element(self, node: ast.AST, depth: int = 4) -> int:
        """What is known of one value."""
        if isinstance(node, ast.Constant):
            return NUMBERS if isinstance(node.value, (int, float)) else TEXTS
        if isinstance(node, ast.JoinedStr):
            return TEXTS
        if isinstance(node, ast.Tuple):
            return max((self.element(e, depth) for e in node.elts), default=NUMBERS)
        if isinstance(node, ast.BinOp):
            return max(self.element(node.left, depth), self.element(node.right, depth))
        if isinstance(node, ast.UnaryOp):
            return self.element(node.operand, depth)
        if isinstance(node, ast.NamedExpr):
            return self.element(node.value, depth)
        if isinstance(node, ast.Starred):
            return self.elements(node.value)
        name = _last_name(node.func if isinstance(node, ast.Call) else node)
        if isinstance(node, ast.Call):
            if name in _NUMERIC_CALLS or name in _CALLS_GIVING_IDS:
                return NUMBERS
            return TEXTS if name in _TEXT_CALLS else UNKNOWN
        if _NUMERIC_NAME.search(name):
            return NUMBERS
        key = key_of(node)
        if key in self.values and depth:
            known = self.element(self.values[key], depth - 1)
            if known != UNKNOWN:
                return known
        return TEXTS if _TEXT_NAME.search(name) else UNKNOWN


def _worst(*kinds: int | None) -> int | None:
    return max((k for k in kinds if k is not None), default=None)


def _is_keys(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("keys", "items")
    )


def _last_name(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _assignments(
    nodes: list[ast.AST],
) -> Iterator[tuple[str, ast.expr | None, ast.expr | None]]:
    """(variable, value, annotation) of every assignment to one variable."""
    for node in nodes:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if (key := key_of(target)) is not None:
                    yield key, node.value, None
        elif isinstance(node, ast.AnnAssign):
            if (key := key_of(node.target)) is not None:
                yield key, node.value, node.annotation
        elif isinstance(node, ast.NamedExpr):
            yield node.target.id, node.value, None


def _iterated(node: ast.AST, parents: dict[ast.AST, ast.AST]) -> Iterator[tuple[ast.AST, str]]:
    """Expressions whose order a node asks for, with the words for it."""
    if isinstance(node, (ast.For, ast.AsyncFor)):
        yield node.iter, "iterates over a set"
    elif isinstance(node, (ast.ListComp, ast.DictComp, ast.GeneratorExp)):
        if not _in_order_free(node, parents):
            for generator in node.generators:
                yield generator.iter, "iterates over a set"
    elif isinstance(node, ast.Starred) or _unpacks(node):
        yield node.value, "unpacks a set"  # type: ignore[attr-defined]
    elif isinstance(node, ast.FormattedValue):
        yield node.value, "writes out a set"
    elif isinstance(node, ast.YieldFrom):
        yield node.value, "iterates over a set"
    elif isinstance(node, ast.Call):
        yield from _iterated_by_call(node)


def _iterated_by_call(node: ast.Call) -> Iterator[tuple[ast.AST, str]]:
    name = _last_name(node.func)
    if isinstance(node.func, ast.Name):
        if name in _SHOW_ORDER or (name in ("min", "max") and node.keywords):
            for given in node.args:
                yield given, f"gives a set to {name}()"
    elif isinstance(node.func, ast.Attribute):
        if name == "pop" and not node.args:
            yield node.func.value, "pops an element of a set"
        elif name in _SHOW_ORDER_METHODS:
            for given in node.args:
                yield given, f"gives a set to {name}()"


def _unpacks(node: ast.AST) -> bool:
    return isinstance(node, ast.Assign) and isinstance(node.targets[0], (ast.Tuple, ast.List))


def _in_order_free(node: ast.AST, parents: dict[ast.AST, ast.AST]) -> bool:
    """Whether a comprehension feeds a call that gives the same for every order; a sum does for
    whole numbers.
    """
    parent = parents.get(node)
    if not isinstance(parent, ast.Call) or not isinstance(parent.func, ast.Name):
        return False
    if parent.func.id == "sum" and isinstance(node, ast.GeneratorExp):
        whole = node.elt.func if isinstance(node.elt, ast.Call) else node.elt
        return isinstance(whole, ast.Constant) or _last_name(whole) == "len"
    return parent.func.id in _ORDER_FREE and not parent.keywords


def ordered_uses(function: ast.AST, table: SetTable) -> Iterator[tuple[ast.AST, str]]:
    """(node, what it does) wherever the order of a set of unknown things or of texts decides."""
    parents = {child: node for node in ast.walk(function) for child in ast.iter_child_nodes(node)}
    for node in ast.walk(function):
        if isinstance(node, Function) and node is not function:
            continue
        for found, what in _iterated(node, parents):
            kind = table.kind(found)
            if kind is not None and kind >= UNKNOWN:
                text = ast.unparse(found)
                yield found, f"{what}: {text if len(text) <= 40 else text[:37] + '...'}"
