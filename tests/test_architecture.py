"""The house is as docs/architecture.md says: what the page names exists, imports point down, walls hold.

All of it is read from the source, without importing anything. An exception that is not needed any more is an error.
"""

import ast
import re
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "architecture.md"

LEVELS = [
    {"autograd"},
    {"autograd.symbolic"},
    {"autograd.compiler", "autograd.export", "viewers"},
    {"nn"},
    {"nn.train"},
    {"nn.plots"},
    {"nn.demos"},
]
"""Which part of the house may import which: those of lower levels, and itself."""
VIEWERS = ("autograd.draw", "autograd.explanation", "autograd.explorer", "autograd.names", "autograd.paths")
FRONT_DOORS = {"autograd", "nn", "nn.data", "nn.schedules"}
"""Modules that only hand out names of others, of any level, under the names that users know. No module imports one of
its own house: that would be a cycle."""
PUBLIC_ALL_THE_SAME = {"_asdict", "_fields", "_getframe", "_make", "_replace", "_repr_mimebundle_"}
"""Names with an underscore that Python and notebooks mean for everybody."""
BY_NAME = ("attrgetter", "getattr", "setattr", "hasattr", "delattr")
"""Functions that take an attribute's name."""

OPENS_A_VIEW: set[str] = {"nn/modules.py -> nn.plots.summary", "nn/train/history.py -> nn.plots.curves"}
"""Imports of a level above, "file -> module": a model that a notebook shows, `history.plot()`."""


# --- The source -------------------------------------------------------------------------------------------------------


def module_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_of(path): path for package in ("autograd", "nn") for path in sorted((ROOT / package).rglob("*.py"))}
TREES = {module: ast.parse(path.read_text(encoding="utf-8")) for module, path in FILES.items()}


def place(module, line):
    return f"{name(module)}:{line}"


def name(module):
    return FILES[module].relative_to(ROOT).as_posix()


def at_run_time(tree):
    """The nodes of a module but for what only type checkers read."""
    yield tree
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            for node in child.orelse:
                yield from at_run_time(node)
        else:
            yield from at_run_time(child)


def imports(module):
    """(line, what) for each import of a module of ours, wherever it stands; of a package's name the package."""
    package = module if FILES[module].name == "__init__.py" else module.rpartition(".")[0]
    for node in at_run_time(TREES[module]):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name in FILES:
                    yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            source = node.module or ""
            if node.level:
                base = package.split(".")[: len(package.split(".")) - node.level + 1]
                source = ".".join([*base, source] if source else base)
            for alias in node.names:
                found = f"{source}.{alias.name}"
                if found in FILES or source in FILES:
                    yield node.lineno, found if found in FILES else source


def all_imports():
    """Each import once: (module, imported): line."""
    return {(module, found): line for module in FILES for line, found in imports(module) if found != module}


def check(found, exceptions, what):
    """Fail for what is found and not excepted, and for exceptions that are not needed any more.

    Args:
        found: where it was found, by the line of the list of exceptions.
    """
    wrong = [f"  {where}" for exception, where in found.items() if exception not in exceptions]
    wrong += [f"  not so any more, take it out of the list: {exception!r}" for exception in exceptions - set(found)]
    assert not wrong, "\n".join([what, *wrong])


# --- What the page names exists ---------------------------------------------------------------------------------------


def named_on_the_page():
    """(line, what) for every path, and every dotted name in backticks: of a module or, from `Value.` on, of Value."""
    for number, line in enumerate(PAGE.read_text(encoding="utf-8").splitlines(), 1):
        found = re.findall(r"[\w/]+\.(?:py|js|md)\b|\b(?:autograd|nn|tests|docs|benchmarks)/[\w/]*", line)
        found += re.findall(r"`([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+)`", line)
        yield from ((number, named) for named in dict.fromkeys(found))


def is_there(named):
    if "/" in named or named.endswith((".py", ".js", ".md")):
        return (ROOT / named).exists() or any(path.as_posix().endswith(f"/{named}") for path in FILES.values())
    words = named.split(".")
    if words[0] in ("v", "Value"):
        words = ["value", "Value", *words[1:]]
    return any(
        words[-1] in defined(words[k:-1], TREES[module])
        for module in FILES
        for k in range(1, len(words))
        if f".{module}".endswith("." + ".".join(words[:k]))
    )


def defined(path, tree):
    """The names that a module, or a class in it, defines at its top level."""
    body = tree.body
    for outer in path:
        body = next((node.body for node in body if isinstance(node, ast.ClassDef) and node.name == outer), [])
    names = set()
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name)}
    return names


def test_what_the_page_names_exists():
    missing = {
        named: f"docs/architecture.md:{line} names {named}, which is nowhere"
        for line, named in named_on_the_page()
        if not is_there(named)
    }
    check(missing, set(), "the page speaks of what is not there")


def test_the_page_has_a_picture_a_vocabulary_and_three_walks():
    text = PAGE.read_text(encoding="utf-8")
    assert text.count("```mermaid") == 1
    words = re.search(r"^\| word .*?\n\n", text, re.MULTILINE | re.DOTALL)[0].splitlines()[2:]
    assert 25 <= len([word for word in words if word]) <= 35
    assert re.findall(r"^## Walk (\d)", text, re.MULTILINE) == ["1", "2", "3"]


# --- Arrows point down ------------------------------------------------------------------------------------------------


def part(module):
    if module.startswith(VIEWERS):
        return "viewers"
    parts = {part for level in LEVELS for part in level}
    while module not in parts:
        module = module.rpartition(".")[0]
    return module


def level(part):
    return next(k for k, parts in enumerate(LEVELS) if part in parts)


def test_no_part_imports_one_above_it_or_beside_it():
    upwards = {}
    for (module, found), line in all_imports().items():
        if module in FRONT_DOORS or module.endswith("__main__") or found in FRONT_DOORS:
            continue
        own, other = part(module), part(found)
        if own != other and level(other) >= level(own):
            upwards[f"{name(module)} -> {found}"] = f"{place(module, line)} imports {found}, which is not below it"
    check(upwards, OPENS_A_VIEW, "arrows point down: demos -> train -> nn -> autograd; viewers, compiler -> core")


def test_the_engine_knows_no_network():
    known = [
        f"{place(module, line)} imports {found}"
        for (module, found), line in all_imports().items()
        if module.split(".")[0] == "autograd" and found.split(".")[0] == "nn"
    ]
    assert not known, f"autograd imports nn: {known}"


def test_no_module_imports_itself_by_way_of_others():
    """Nor in a function: an import that has to wait until it is called hides a cycle, it does not open one."""
    edges = all_imports()
    circles = {
        f"{name(module)} -> {found}": f"{place(module, edges[module, found])} imports {found}"
        for circle in cycles(set(edges))
        for module, found in sorted(edges)
        if {module, found} <= circle
    }
    check(circles, set(), "these imports go round in a circle")


def cycles(edges):
    """The sets of modules that all import each other, directly or not (Tarjan's strongly connected components)."""
    imported = defaultdict(list)
    for module, found in sorted(edges):
        imported[module].append(found)
    number, low, stack, found = {}, {}, [], []

    def visit(module):
        number[module] = low[module] = len(number)
        stack.append(module)
        for other in imported[module]:
            if other not in number:
                visit(other)
            if other in stack:
                low[module] = min(low[module], low[other])
        if low[module] == number[module]:
            circle = set(stack[stack.index(module) :])
            del stack[stack.index(module) :]
            if len(circle) > 1:
                found.append(circle)

    for module in sorted(imported):
        if module not in number:
            visit(module)
    return found


# --- Walls ------------------------------------------------------------------------------------------------------------


def is_private(word):
    return word.startswith("_") and not word.endswith("__") and word not in PUBLIC_ALL_THE_SAME


def own_names(tree):
    """The private names that a file defines: functions, variables, attributes of self, slots, arguments."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and is_self(node.value):
            names.add(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            names.add(node.value)  # in __slots__
    return names


def is_self(node):
    return isinstance(node, ast.Name) and node.id in ("self", "cls")


def of_value():
    """The private names of Value: its slots, and what its class defines."""
    tree = next(
        node for node in TREES["autograd.value"].body if isinstance(node, ast.ClassDef) and node.name == "Value"
    )
    return {word for word in own_names(tree) if is_private(word) and word.isidentifier()} - {"_"}


def private_uses(tree):
    """(line, what) for each use of what is private to others."""
    own, value = own_names(tree), of_value()
    bound = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in ("autograd", "nn"):
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names if is_private(alias.name))
        elif isinstance(node, ast.Attribute) and is_private(node.attr) and not is_self(node.value):
            of_module = isinstance(node.value, ast.Name) and node.value.id in bound
            if of_module or node.attr in value or node.attr not in own:
                yield node.lineno, ast.unparse(node)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in BY_NAME:
            for argument in node.args:
                if isinstance(argument, ast.Constant) and argument.value in value:
                    yield node.lineno, ast.unparse(node)


def test_private_names_stay_in_their_house():
    """Beside the core's own files nobody uses a private name of Value, and nobody one of another module."""
    uses = {}
    for module in FILES:
        found = [f"{place(module, line)} uses {what}" for line, what in private_uses(TREES[module])]
        if found and part(module) != "autograd":
            uses[name(module)] = "\n  ".join(found)
    check(uses, set(), "write v.data, v.grad, v.operands, v.primitive, v.kind, graph.edges(v), or make it public")


# --- The checks are checked -------------------------------------------------------------------------------------------


def test_a_circle_is_seen():
    assert cycles({("a", "b"), ("b", "c"), ("c", "a"), ("c", "d")}) == [{"a", "b", "c"}]
    assert cycles({("a", "b"), ("b", "c"), ("a", "c")}) == []


def test_a_private_use_is_seen_and_ones_own_is_none():
    source = """
from autograd import value
from autograd.modes import _Block
class Own:
    def __init__(self, other): self._mine = other._mine
def f(v): return v._data + value._number, getattr(v, "_grad"), v._theirs, v.data, v._replace(a=1)
"""
    found = sorted(what for _, what in private_uses(ast.parse(source)))
    assert found == ["autograd.modes._Block", "getattr(v, '_grad')", "v._data", "v._theirs", "value._number"]


def test_what_only_type_checkers_read_is_no_import():
    tree = ast.parse("if TYPE_CHECKING:\n    import a\nelse:\n    import b\ndef f():\n    import c")
    assert [node.names[0].name for node in at_run_time(tree) if isinstance(node, ast.Import)] == ["b", "c"]
