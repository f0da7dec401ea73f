"""Watches what a function reads besides its arguments, to notice changes at the next call.

A recording keeps numbers, lists and objects as they were. The places where the function finds them are collected here:
variables that it closes over, global ones that its code names, attributes by the names in the code, and what is in
lists, dicts and small arrays; in the function itself and in the functions and objects that it gets at, unless they are
installed packages. At a call it takes some nanoseconds a place to see that the same things are still there.
"""

from __future__ import annotations

import dis
import functools
import marshal
import random
import sys
import sysconfig
import types
from collections import deque
from inspect import getattr_static
from operator import is_
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from autograd.errors import PACKAGES
from autograd.modes import changes
from autograd.primitive import Primitive
from autograd.value import Value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

FEW = 64
"""Lists and dicts of objects with up to this many entries are compared entry by entry."""
LONG = 1000
"""Of a list or dict of more entries only the length is compared."""

BYTES = 8192
"""Arrays, and lists of numbers, up to this size are compared by what is in them."""

EFFORT = 200
"""So much is looked at at every call, the nearest first, a variable or an attribute for 1: about 2 microseconds."""

_INSTALLED = (
    *PACKAGES,
    *{sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")},
    "<frozen",
)
_PLAIN = (Value, Primitive, int, float, complex, str, bytes, type(None), types.BuiltinFunctionType, np.ufunc)
_WITHOUT_ATTRIBUTES = (tuple, frozenset, list, deque, dict, set, np.ndarray)
_LOOKS_UP = frozenset({"getattr", "vars", "attrgetter", "methodcaller"})
"""What finds attributes by names that are not in the code."""

_NOT_CALLED = frozenset(
    f"__{name}__"
    for name in (
        *("new", "init", "post_init", "init_subclass", "del", "repr", "str", "format", "hash", "dir", "sizeof"),
        *("setattr", "delattr", "copy", "deepcopy", "reduce", "reduce_ex", "getstate", "setstate"),
    )
)
"""Methods that a function calls of no object that it is given."""


class Look(NamedTuple):
    """A way of looking at what is there: in a cell, under a key, at all that is in a list, ...

    `now(container, key)` says what is there. `quick` is the source of a test whether it is the same, with c#, k# and v#
    for container (what is in it, if it is a cell), key and content.
    """

    now: Callable[[Any, Any], Any]
    quick: str


_CELL = Look(lambda cell, _: cell.cell_contents, "c# is v#")
_KEY = Look(lambda mapping, key: mapping[key], "c#[k#] is v#")
_NO_KEY = Look(lambda mapping, key: key in mapping, "k# not in c#")
_ATTRIBUTE = Look(getattr, "getattr(c#, k#) is v#")
_LENGTH = Look(lambda things, _: len(things), "len(c#) == v#")
_DATA = Look(lambda things, _: _as_data(things), "dumps(c#, 2) == v#")
_BYTES = Look(lambda array, _: array.tobytes(), "c#.tobytes() == v#")
_ENTRIES = Look(lambda things, _: list(things), "len(c#) == len(v#) and all(map(is_, c#, v#))")
_ITEMS = Look(
    lambda things, _: [*things, *things.values()],
    "2 * len(c#) == len(v#) and all(map(is_, (*c#, *c#.values()), v#))",
)
_VALUES = Look(_ENTRIES.now, "c# == v#")  # ten times as fast; overlooks another Value of the same number
_ONLY_LENGTH = Look(_ENTRIES.now, "len(c#) == len(v#)"), Look(_ITEMS.now, "2 * len(c#) == len(v#)")
_OF_ARRAY = Look(lambda array, _: array.ravel().tolist(), "all(map(is_, c#.flat, v#))")


class Place(NamedTuple):
    """Where a function finds something, and what was there.

    A quick look takes this effort, see EFFORT; None where a call does not look, because it takes too long or because
    changes here are counted in `modes.changes`.
    """

    look: Look
    container: Any
    key: Any
    content: Any
    effort: int | None = 1


class Watch:
    """The places where a function finds what it reads, and their contents when this was made.

    `unchanged()` says whether all that a call checks is the same, `draws` whether a generator of random numbers is
    among the things.
    """

    def __init__(self, f: Callable[..., Any]) -> None:
        self._seen = [changes[0]]
        walk = _Walk()
        names = -1
        while len(walk.names) > names:  # code further on names attributes of objects before it
            names = len(walk.names)
            walk.go(f)
        self.draws = walk.draws
        self._places = walk.places
        self.unchanged = _quick(walk.places, self._seen)

    def changed(self) -> bool:
        """Whether anything at all has changed, also where calls do not look."""
        seen = changes[0]
        for look, container, key, content, *_ in self._places:
            try:
                if not _same(look.now(container, key), content):
                    return True
            except (LookupError, ValueError, AttributeError):  # it is there no more
                return True
        self._seen[0] = seen
        return False


def _quick(places: Iterable[Place], seen: list[int]) -> Callable[[], bool]:
    """One expression for all places, in a function that closes over them: a look into a variable takes 3 ns.

    With a loop over the places benchmarks/RESULTS.md, "demo, flat vectors" takes 7% longer.
    """
    shared = {"changes": changes, "seen": seen, "dumps": marshal.dumps, "is_": is_}
    cells = {name: types.CellType(thing) for name, thing in shared.items()}
    terms = ["changes[0] == seen[0]"]
    left = EFFORT
    for n, (look, container, key, content, effort) in enumerate(places):
        if effort is not None and effort <= left:
            left -= effort
            cells[f"c{n}"] = container if look is _CELL else types.CellType(container)
            cells |= {f"k{n}": types.CellType(key), f"v{n}": types.CellType(content)}
            terms.append(look.quick.replace("#", str(n)))
    source = (
        f"def with_cells({', '.join(cells)}):\n"
        f" def unchanged():\n"
        f"  try: return {' and '.join(terms)}\n"
        f"  except (LookupError, ValueError, AttributeError, NameError): return False"
    )
    known: dict[str, Any] = {}
    exec(source, known)
    (code,) = [x for x in known["with_cells"].__code__.co_consts if isinstance(x, types.CodeType)]
    return types.FunctionType(code, known, closure=tuple([cells[name] for name in code.co_freevars]))


def _same(now: Any, before: Any) -> bool:
    if isinstance(before, list):
        return len(now) == len(before) and all(map(is_, now, before))
    return now is before or (
        isinstance(before, (bytes, int, float)) and type(now) is type(before) and repr(now) == repr(before)
    )


class _Walk:
    """Breadth-first search through everything reachable from a function."""

    def __init__(self) -> None:
        self.names: set[str] = set()  # of attributes, in all code found so far
        self.draws = self._any_name = False

    def go(self, f: Any) -> None:
        self.places: list[Place] = []
        self._seen: dict[int, Any] = {}
        self._kinds: dict[type, set[str]] = {}
        self._queue = deque([f])
        while self._queue:
            thing = self._queue.popleft()
            if not isinstance(thing, _PLAIN) and id(thing) not in self._seen:
                self._seen[id(thing)] = thing  # it keeps its identity for itself
                self._visit(thing)

    def _visit(self, thing: Any) -> None:
        if isinstance(thing, types.FunctionType):
            self._function(thing)
        elif isinstance(thing, types.MethodType):
            self._queue += (thing.__func__, thing.__self__)
        elif isinstance(thing, functools.partial):
            self._queue += (thing.func, *thing.args, thing.keywords)
        elif isinstance(thing, (property, classmethod, staticmethod)):
            self._queue.append(thing.fget if isinstance(thing, property) else thing.__func__)
        elif isinstance(thing, types.ModuleType):
            if not _is_installed(getattr(thing, "__file__", None)):
                self._named(vars(thing))
        elif isinstance(thing, type):
            self._class(thing, made=True)
        else:
            if isinstance(thing, (tuple, frozenset)):  # immutable; its elements may not be
                named = [name for name in getattr(thing, "_fields", ()) if self._wants(name)]
                self._queue += [getattr(thing, name) for name in named] if named else thing
            elif isinstance(thing, (list, deque, dict, set)):
                self._container(thing)
            elif isinstance(thing, np.ndarray):
                self._array(thing)
            if type(thing) not in _WITHOUT_ATTRIBUTES:
                self._object(thing)

    def _function(self, f: types.FunctionType) -> None:
        code = f.__code__
        installed = _is_installed(code.co_filename)
        of_module, attributes, imported = _names_in(code)
        self.names |= attributes
        if not installed:
            self._place(_ATTRIBUTE, f, "__code__", code)
            if f.__defaults__:
                self._place(_ATTRIBUTE, f, "__defaults__", f.__defaults__)
            self._named(vars(f))
            self._queue += [sys.modules[name] for name in imported if name in sys.modules]
            self._any_name = self._any_name or not _LOOKS_UP.isdisjoint(of_module | attributes)
            for name in of_module:
                if name in f.__globals__:
                    self._key(f.__globals__, name)
        for cell in f.__closure__ or ():
            try:
                content = cell.cell_contents
            except ValueError:  # nothing is in it yet
                continue
            self._queue.append(content)
            if not installed:
                self._place(_CELL, cell, None, content)
        self._queue += (*(f.__defaults__ or ()), *(f.__kwdefaults__ or {}).values())

    def _class(self, kind: type, made: bool) -> None:
        """The attributes and methods of a class by the names in the code, and what Python calls by itself."""
        for cls in kind.__mro__:
            installed = _is_installed(getattr(sys.modules.get(cls.__module__), "__file__", None), cls.__module__)
            is_ours = cls.__module__.split(".")[0] in ("autograd", "nn")
            for name, content in list(vars(cls).items()):
                special = name.startswith("__") and name.endswith("__")
                if name in self.names or (special and callable(content) and (made or name not in _NOT_CALLED)):
                    if not installed:
                        self._key(vars(cls), name)
                    elif is_ours and isinstance(content, (types.FunctionType, property)):
                        self._queue.append(content)

    def _object(self, thing: Any) -> None:
        self.draws = self.draws or isinstance(thing, _GENERATORS)
        kind = type(thing)
        if kind not in self._kinds:
            self._class(kind, made=False)
            self._kinds[kind] = {name for cls in kind.__mro__[:-1] for name in vars(cls) if self._wants(name)}
        if kind.__dictoffset__:
            attributes = object.__getattribute__(thing, "__dict__")
            counted = getattr(kind, "counts_changes", False)
            self._queue.append(attributes.get("__wrapped__"))
            self._named(attributes, counted)
            for name in self._kinds[kind].difference(attributes):  # found in the class as long as it is not here
                self._place(_NO_KEY, attributes, name, False, None if counted else 1)
        for name in self._kinds[kind]:
            if isinstance(getattr_static(kind, name), types.MemberDescriptorType) and hasattr(thing, name):
                self._queue.append(getattr(thing, name))
                self._place(_ATTRIBUTE, thing, name, getattr(thing, name))

    def _wants(self, name: str) -> bool:
        return self._any_name or name in self.names

    def _named(self, attributes: Mapping[str, Any], counted: bool = False) -> None:
        for name in list(attributes):
            if self._wants(name):
                self._key(attributes, name, counted)

    def _key(self, mapping: Mapping[str, Any], name: str, counted: bool = False) -> None:
        self._queue.append(mapping[name])
        self._place(_KEY, mapping, name, mapping[name], None if counted else 1)

    def _container(self, things: Any) -> None:
        if len(things) > LONG:
            self._place(_LENGTH, things, None, len(things))
            return
        data = _as_data(things)
        if data is not None:
            self._place(_DATA, things, None, data, 1 + len(data) // 64)
            return
        is_dict = isinstance(things, dict)
        if len(things) > FEW or isinstance(things, set):
            look, effort = _ONLY_LENGTH[is_dict], 1
        elif type(things) is list and set(map(type, things)) == {Value}:
            look, effort = _VALUES, 3 + len(things) // 8
        else:
            look, effort = _ITEMS if is_dict else _ENTRIES, 8 + 3 * len(things)
        entries = look.now(things, None)
        self._queue += entries
        counted = getattr(type(things), "counts_changes", False)
        self._place(look, things, None, entries, None if counted else effort)

    def _array(self, array: Any) -> None:
        if array.dtype.kind == "O":
            entries = array.ravel().tolist()
            self._queue += entries if len(entries) <= LONG else []
            effort = 8 + 3 * len(entries) if len(entries) <= FEW else None
            self._place(_OF_ARRAY, array, None, entries, effort)
        elif array.nbytes <= BYTES:
            self._place(_BYTES, array, None, array.tobytes(), 4 + array.nbytes // 256)

    def _place(self, *place: Any) -> None:
        self.places.append(Place(*place))


def _as_data(things: Any) -> bytes | None:
    """Lists and dicts of numbers and text, nested to any depth, as bytes; None for others and for long ones."""
    try:
        data = marshal.dumps(things, 2)
    except ValueError:
        return None
    return data if len(data) <= BYTES else None


_GENERATORS = (random.Random, np.random.Generator, np.random.RandomState)


@functools.cache
def _is_installed(file: str | None, module: str = "") -> bool:
    """Whether code in this file is of an installed package, this library included: assumed not to change."""
    return module != "__main__" if file is None else file.startswith(_INSTALLED)


_READ_BY = {
    **dict.fromkeys(("LOAD_GLOBAL", "LOAD_NAME"), 0),
    **dict.fromkeys(("LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR", "IMPORT_FROM"), 1),
    "IMPORT_NAME": 2,
}


@functools.lru_cache(maxsize=1024)
def _names_in(code: types.CodeType) -> tuple[frozenset[str], ...]:
    """The names of global variables, of attributes and of modules that code reads, with the functions written in it."""
    names: tuple[set[str], ...] = set(), set(), set()
    for instruction in dis.get_instructions(code):
        if instruction.opname in _READ_BY:
            names[_READ_BY[instruction.opname]].add(instruction.argval)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            for own, inner in zip(names, _names_in(constant)):
                own |= inner
    return tuple(map(frozenset, names))
