"""Check the names that a template uses against the known variables and their fields, without rendering it.

A small walk over Jinja's syntax tree that carries the shape of each name: `for t in new` makes `t` a trial,
so `t.acuracy` is found before a run starts. What it cannot follow (macros, computed keys) it lets pass.
"""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import NamedTuple

from jinja2 import nodes

from navarch.prompts.variables import VALUE, Shape

# Filters that give back a list of the same items, and those that give one of the items.
_SAME = frozenset({"list", "sort", "reverse", "selectattr", "rejectattr", "select", "reject", "unique"})
_ITEM = frozenset({"first", "last", "min", "max", "random"})
_GLOBALS = frozenset(
    {"range", "dict", "lipsum", "cycler", "joiner", "namespace", "loop", "caller", "varargs", "kwargs"}
)


class BadName(NamedTuple):
    """A name that is not known here: `template` and `line` say where it stands."""

    template: str
    line: int
    message: str


class NameCheck:
    """One walk over a template and what it includes.

    Afterwards `used` holds the top-level names that were read.
    """

    def __init__(self, trees: Mapping[str, nodes.Template], known: Mapping[str, Shape]) -> None:
        self.trees = trees
        self.known = known
        self.used: set[str] = set()
        self.bad: list[BadName] = []
        self._template = ""
        self._including: tuple[str, ...] = ()

    def run(self, template: str, scope: Mapping[str, Shape] | None = None) -> None:
        """Check `template` and the parts it includes; `scope` holds names set around it."""
        if template not in self.trees or template in self._including:
            return
        outer, self._template = self._template, template
        self._including = (*self._including, template)
        self._body(self.trees[template].body, dict(scope or {}))
        self._including = self._including[:-1]
        self._template = outer

    def _body(self, body: Sequence[nodes.Node], scope: dict[str, Shape]) -> None:
        for node in body:
            self._statement(node, scope)

    def _statement(self, node: nodes.Node, scope: dict[str, Shape]) -> None:
        match node:
            case nodes.For():
                self._loop(node, scope)
            case nodes.Assign():
                _bind(node.target, self._shape(node.node, scope), scope)
            case nodes.Include():
                for name in _literals(node.template):
                    self.run(name, scope)
            case nodes.Import() | nodes.FromImport():
                scope.update(dict.fromkeys(_imported(node), VALUE))
            case nodes.AssignBlock() | nodes.With() | nodes.Macro():
                self._block(node, scope)
            case nodes.Expr():
                self._shape(node, scope)
            case _:
                # Blocks that open no scope of their own: if, output, block, filter, call.
                for child in node.iter_child_nodes():
                    self._statement(child, scope)

    def _block(self, node: nodes.AssignBlock | nodes.With | nodes.Macro, scope: dict[str, Shape]) -> None:
        """Check a block with a scope of its own."""
        inner = dict(scope)
        if isinstance(node, nodes.With):
            for target, value in zip(node.targets, node.values, strict=True):
                _bind(target, self._shape(value, scope), inner)
        elif isinstance(node, nodes.Macro):
            scope[node.name] = VALUE
            inner.update({arg.name: VALUE for arg in node.args})
        self._body(node.body, inner)
        if isinstance(node, nodes.AssignBlock):
            _bind(node.target, VALUE, scope)

    def _loop(self, node: nodes.For, scope: dict[str, Shape]) -> None:
        inner = {**scope, "loop": VALUE}
        _bind(node.target, _item(self._shape(node.iter, scope)), inner)
        if node.test is not None:
            self._shape(node.test, inner)
        self._body(node.body, inner)
        self._body(node.else_, dict(scope))

    def _shape(self, node: nodes.Node, scope: dict[str, Shape]) -> Shape:
        """Return the shape of an expression and note every unknown name inside it."""
        match node:
            case nodes.Name():
                return self._name(node, scope)
            case nodes.Getattr():
                return self._field(node, self._shape(node.node, scope), node.attr)
            case nodes.Getitem():
                return self._index(node, scope)
            case nodes.Filter() if node.node is not None:
                return self._filter(node, scope)
            case nodes.Test(node=nodes.Name() as name, name="defined" | "undefined"):
                if name.name in self.known:
                    self.used.add(name.name)
                return VALUE
            case nodes.CondExpr() if node.expr2 is not None:
                self._shape(node.test, scope)
                left, right = self._shape(node.expr1, scope), self._shape(node.expr2, scope)
                return left if left == right else VALUE
            case nodes.Add():
                left, right = self._shape(node.left, scope), self._shape(node.right, scope)
                return left if left == right else VALUE
            case _:
                for child in node.iter_child_nodes():
                    self._shape(child, scope)
                return VALUE

    def _name(self, node: nodes.Name, scope: dict[str, Shape]) -> Shape:
        if node.ctx != "load" or node.name in _GLOBALS:
            return VALUE
        if node.name in scope:
            return scope[node.name]
        if node.name in self.known:
            self.used.add(node.name)
            return self.known[node.name]
        self._unknown(node, f"variable {node.name!r}", node.name, [*self.known, *scope])
        return VALUE

    def _field(self, node: nodes.Node, shape: Shape, field: str) -> Shape:
        if not isinstance(shape, dict):
            if isinstance(shape, tuple) and not field.isdigit():
                self._unknown(node, f"field {field!r} of a list", field, [])
            return VALUE
        if field in shape:
            return shape[field]
        if field not in ("items", "keys", "get"):
            self._unknown(node, f"field {field!r}", field, list(shape))
        return VALUE

    def _index(self, node: nodes.Getitem, scope: dict[str, Shape]) -> Shape:
        shape = self._shape(node.node, scope)
        self._shape(node.arg, scope)
        if isinstance(shape, tuple):
            return shape if isinstance(node.arg, nodes.Slice) else shape[0]
        if isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
            return self._field(node, shape, node.arg.value)
        return VALUE

    def _filter(self, node: nodes.Filter, scope: dict[str, Shape]) -> Shape:
        assert node.node is not None
        shape = self._shape(node.node, scope)
        for child in (*node.args, *(pair.value for pair in node.kwargs)):
            self._shape(child, scope)
        if node.name in _SAME:
            return shape
        if node.name in _ITEM:
            return _item(shape)
        return VALUE

    def _unknown(self, node: nodes.Node, what: str, name: str, known: Sequence[str]) -> None:
        near = get_close_matches(name, known, n=1)
        hint = (
            f"; did you mean {near[0]!r}?"
            if near
            else f"; known are {', '.join(sorted(known))}"
            if known
            else ""
        )
        self.bad.append(BadName(self._template, node.lineno, f"uses the unknown {what}{hint}"))


def included(tree: nodes.Template) -> Iterator[tuple[str | None, int]]:
    """Yield the name and line of every include, import and extends; None where the name is computed."""
    for node in tree.find_all((nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)):
        target: nodes.Node = node.template  # type: ignore[attr-defined]
        names = list(_literals(target))
        if not names:
            yield None, node.lineno
        for name in names:
            yield name, node.lineno


def _imported(node: nodes.Import | nodes.FromImport) -> list[str]:
    """Return the names that an import makes."""
    if isinstance(node, nodes.Import):
        return [node.target]
    return [name if isinstance(name, str) else name[1] for name in node.names]


def _literals(node: nodes.Node) -> list[str]:
    return [node.value] if isinstance(node, nodes.Const) and isinstance(node.value, str) else []


def _item(shape: Shape) -> Shape:
    return shape[0] if isinstance(shape, tuple) else VALUE


def _bind(target: nodes.Node, shape: Shape, scope: dict[str, Shape]) -> None:
    """Give the names of an assignment their shape; the parts of an unpacked tuple are values."""
    if isinstance(target, nodes.Name):
        scope[target.name] = shape
    for name in target.find_all(nodes.Name):
        scope[name.name] = VALUE
