"""What `explain` says: the sum over all paths where that is short, else the recursive form, as `backward()` has it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from autograd import table
from autograd.explanation.page import Factor, Page, equals
from autograd.freshness import NOT_OF_NOW, outdated
from autograd.graph import edges, propagate, topological_order
from autograd.names import counted, in_math_mode, name_of, names_of, one_line
from autograd.paths import count, exactly, live_edges, nodes_between, paths
from autograd.primitive import ZERO
from autograd.scopes import scope_of
from autograd.symbolic.formulas import ELLIPSIS, conditions, definition, local_derivative
from autograd.symbolic.notation import Formula, Name, leaves, product, total
from autograd.symbolic.precedence import COMPARISONS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from autograd.explanation.page import Parts
    from autograd.value import Value

    Edge = tuple[Value, int]  # a result, and the position of the operand


def derive(root: Value, wrt: Value, limit: int) -> tuple[float, int, str, str]:
    """What `explain` says: the derivative, the number of paths, the text, and the same in LaTeX."""
    graph = _Graph(root, wrt)
    number_of_paths, factors = count(graph.nodes)
    if not graph.nodes:
        page = _why_zero(graph)
    elif root is wrt:
        page = Page()
        page.say(graph.d(wrt), " = 1: it is ", graph.name(root), " itself.")
    else:
        if factors <= limit:
            page = _sum_over_paths(graph, number_of_paths)
        else:
            page = _recursive_form(graph, number_of_paths, factors, limit)
        _note_what_is_not_finite(page, graph)
        _note_what_is_old(page, graph)
        _compare_with_backward(page, graph)
    return graph.derivative, number_of_paths, page.text, page.latex


class _Graph:
    """What lies on the way from `wrt` to the root: names, derivatives, and how they are written."""

    def __init__(self, root: Value, wrt: Value) -> None:
        self.root, self.wrt = root, wrt
        self.named = names_of(root)
        self.named.setdefault(wrt, name_of(wrt.label or "v"))
        self.nodes = nodes_between(wrt, root)
        self.gradients = propagate(self.nodes, {root: 1.0}) if self.nodes else {}
        self.results: dict[Value, list[Edge]] = {node: [] for node in self.nodes}
        for node in self.nodes[1:]:  # the first is `wrt`
            for position, operand in live_edges(node, self.results):
                self.results[operand].append((node, position))
        self.derivative = self.gradients.get(wrt, 0.0)

    def local(self, node: Value, position: int) -> float:
        """A recorded local derivative."""
        _, local = edges(node)[position]
        assert local is not None, "there is no such edge"
        return local

    def name(self, node: Value) -> Formula:
        """A node by its name."""
        return Formula(node.data, self.named[node])

    def d(self, node: Value) -> Formula:
        """The derivative of the root through the whole graph."""
        root, below = self.named[self.root], self.named[node]
        return Formula(name=Name(f"d{root.text}/d{below.text}", rf"\frac{{d{root.latex}}}{{d{below.latex}}}"))

    def symbol(self, node: Value, position: int) -> Formula:
        """What the local derivative by one operand is called; with its place, where the operand stands in several."""
        operand = node.operands[position]
        above, below = self.named[node], self.named[operand]
        text, latex = f"∂{above.text}/∂{below.text}", rf"\frac{{\partial {above.latex}}}{{\partial {below.latex}}}"
        if sum([other is operand for other in node.operands]) > 1:
            text, latex = f"{text}|{position + 1}", rf"\left.{latex}\right|_{{{position + 1}}}"
        return Formula(name=Name(text, latex))

    def rule(self) -> Formula:
        """The chain rule, for any node x with results y."""
        text, latex = self.named[self.root]
        total_by = rf"\frac{{d{latex}}}{{dx}} = \sum_y \frac{{d{latex}}}{{dy}}"
        return Formula(
            name=Name(f"d{text}/dx = Σ d{text}/dy · ∂y/∂x", rf"{total_by} \cdot \frac{{\partial y}}{{\partial x}}")
        )

    def formula(self, node: Value, position: int) -> Formula:
        """The local derivative as the rule of the node's operation says it."""
        return local_derivative(node, position, self.named)

    def number(self, node: Value, position: int) -> Formula:
        """The local derivative as a number."""
        return Formula(float(self.local(node, position)))


# ---------------------------------------------------------------------------------------------------------------------
# The sum over all paths
# ---------------------------------------------------------------------------------------------------------------------


def _sum_over_paths(graph: _Graph, number_of_paths: int) -> Page:
    ways = paths(graph.wrt, graph.root, limit=number_of_paths)
    products = [list(zip(reversed(path.nodes[1:]), reversed(path.positions))) for path in ways]
    edges = list(dict.fromkeys([edge for edges in products for edge in edges]))
    formulas = {edge: graph.formula(*edge) for edge in edges}

    def added_up_with(factor_of: Callable[..., Formula]) -> list[Formula]:
        return [total([product([factor_of(*edge) for edge in edges]) for edges in products])]

    page = Page()
    page.say(*_paths_counted(graph, number_of_paths), ".")
    page.gap()
    page.equation(
        graph.d(graph.wrt),
        added_up_with(graph.symbol),
        added_up_with(lambda *edge: formulas[edge]),
        added_up_with(graph.number),
        [total([Formula(path.product) for path in ways])],
        [Formula(graph.derivative)],
    )
    page.gap()
    page.say("The factors, each the local derivative of one operation by one of its operands:")
    page.table([_factor(graph, edge, formulas[edge]) for edge in edges])
    known = list({leaf.text: leaf for formula in formulas.values() for leaf in leaves(formula) if leaf.name}.values())
    for k in range(0, len(known), 5):
        numbers = _listed([(leaf, *equals(leaf.value)) for leaf in known[k : k + 5]])
        page.say("and " if k else "with ", *numbers, indent=1)
    added_up = sum([path.product for path in ways])
    if not _agree(added_up, graph.derivative, sum([abs(path.product) for path in ways])):
        page.say("backward() adds up before it multiplies: the sum of the products is ", Formula(added_up), " here.")
    return page


def _factor(graph: _Graph, edge: Edge, formula: Formula) -> Factor:
    node, position = edge
    made_by = definition(node, graph.named, position)
    return Factor(graph.name(node), made_by, graph.symbol(*edge), formula, graph.number(*edge))


def _paths_counted(graph: _Graph, number: int) -> Parts:
    paths_in_words = f"{exactly(number)} path{'' if number == 1 else 's'}"
    return graph.d(graph.wrt), f": {paths_in_words} from ", graph.name(graph.wrt), " to ", graph.name(graph.root)


# ---------------------------------------------------------------------------------------------------------------------
# The recursive form
# ---------------------------------------------------------------------------------------------------------------------

_MOST_LINES = 40


def _recursive_form(graph: _Graph, number_of_paths: int, factors: int, limit: int) -> Page:
    """As many steps as a screen holds, the first ones and the last."""
    steps = _steps(graph)
    for shown in (12, 10, 8, 6, 4):
        page = Page()
        why = f", with {exactly(factors)} factors in all, more than limit={limit}."
        page.say(*_paths_counted(graph, number_of_paths), why)
        number = sum([len(results) for results in graph.results.values()])
        how = f"backward() takes each of {counted(number, 'edge')} once, from ", graph.name(graph.root), " down: "
        page.say(*how, graph.rule(), " over all y computed directly from x.")
        page.gap()
        _say_steps(page, graph, steps, shown)
        page.gap()
        if len(page.lines) < _MOST_LINES:
            break
    return page


def _say_steps(page: Page, graph: _Graph, steps: list[list[Value]], shown: int) -> None:
    half = shown // 2 if len(steps) > shown else len(steps)
    left_out = [node for step in steps[half:-half] for node in step]
    said = [*steps[:half], *(steps[-half:] if left_out else [])]
    used = dict.fromkeys([result for step in said for result, _ in _edges_said(graph, step[0])])
    for step in said[:half]:
        _say_step(page, graph, step, used)
    if left_out:
        ends = "from ", graph.name(left_out[0]), " to ", graph.name(left_out[-1])
        given = _derivatives(graph, ", which give ", [node for node in left_out if node in used])
        page.say(f"... {counted(len(left_out), 'node')} left out, ", *ends, *given)
    for step in said[half:]:
        _say_step(page, graph, step, used)


def _derivatives(graph: _Graph, words: str, nodes: list[Value]) -> Parts:
    """The derivatives of nodes whose equations are not written out."""
    return (words, *_listed([(graph.d(node), *equals(graph.gradients[node])) for node in nodes])) if nodes else ()


def _edges_said(graph: _Graph, node: Value) -> list[Edge]:
    """The edges to a node's results that the equation of its derivative mentions."""
    edges = graph.results[node]
    return edges if len(edges) <= 3 else [*edges[:2], edges[-1]]


def _steps(graph: _Graph) -> list[list[Value]]:
    """The nodes from the root down; those of one operation that are as far away from it, as in a layer, in one step."""
    distance: dict[Value, int] = {}
    steps: dict[tuple[int, object, int], list[Value]] = {}
    for node in reversed(graph.nodes):
        distance[node] = max([distance[result] + 1 for result, _ in graph.results[node]], default=0)
        kind = distance[node], node.primitive or node.kind, len(graph.results[node])
        steps.setdefault(kind, []).append(node)
    return [steps[key][::-1] for key in sorted(steps, key=lambda key: key[0])]


def _say_step(page: Page, graph: _Graph, step: list[Value], used: Collection[Value]) -> None:
    """The equation of the first node of a step; of the others what is used further down."""
    node = step[0]
    made_by: Parts = () if node.is_leaf else (" = ", definition(node, graph.named))
    others: Parts = (f", and {len(step) - 1:,} like it, to ", graph.name(step[-1])) if len(step) > 1 else ()
    page.say(graph.name(node), *made_by, *others, *_place(node))
    if node is graph.root:
        page.equation(graph.d(node), [Formula(1.0)], indent=1)
        return
    edges = _edges_said(graph, node)
    formulas = [graph.formula(*edge) for edge in edges]
    d = [[graph.d(result)] if result is not graph.root else [] for result, _ in edges]
    gradients = [[Formula(graph.gradients[result])] if result is not graph.root else [] for result, _ in edges]

    def added(upstream: list[list[Formula]], locals_: list[Formula]) -> Formula:
        terms = [product([*factor, local]) for factor, local in zip(upstream, locals_)]
        return total(terms if edges is graph.results[node] else [*terms[:2], ELLIPSIS, *terms[2:]])

    page.equation(
        graph.d(node),
        [added(d, [graph.symbol(*edge) for edge in edges]), added(d, formulas)],
        [added(gradients, [graph.number(*edge) for edge in edges]), Formula(graph.gradients[node])],
        because=conditions(formulas[0]) if len(formulas) == 1 else None,
        indent=1,
    )
    if likewise := _derivatives(graph, "likewise ", [other for other in step[1:] if other in used]):
        page.say(*likewise, indent=1)


def _place(node: Value) -> Parts:
    """The scopes that a node was computed in, except its neuron, which the indices of its name give."""
    scope = scope_of(node)
    parts = [part.name for part in scope.chain() if part.kind != "neuron"] if scope else []
    place = one_line(" / ".join(parts))
    return ("  (", Formula(name=Name(place, rf"\mathrm{{{in_math_mode(place)}}}")), ")") if parts else ()


# ---------------------------------------------------------------------------------------------------------------------
# What else there is to say
# ---------------------------------------------------------------------------------------------------------------------


def _why_zero(graph: _Graph) -> Page:
    page = Page()
    root, wrt, zero = graph.name(graph.root), graph.name(graph.wrt), (graph.d(graph.wrt), " = 0: ")
    order = topological_order(graph.root)
    if graph.wrt not in set(order):
        page.say(*zero, root, " does not depend on ", wrt, ", which is not in its graph.")
        if graph.root in set(topological_order(graph.wrt)):
            page.say("It is the other way round: ", wrt, " was computed from ", root, ".")
        elif graph.root.kind == "constant":
            page.say(root, " is a constant: a plain number, detached, or computed where nothing is recorded.")
        elif graph.wrt.label and any(node.label == graph.wrt.label for node in order):
            page.say("Another node with the same label is: was one of the two made anew?")
    elif graph.wrt.kind == "constant":
        page.say(*zero, wrt, " is a constant, for which no derivative is recorded.")
    else:
        page.say(*zero, root, " was computed from ", wrt, ", but every way between them is cut.")
        cuts = _cuts(graph)
        for node, position in cuts[:5]:
            cut = graph.name(node), " = ", definition(node, graph.named, position)
            page.say(*cut, _why_cut(node, position), indent=1)
        if len(cuts) > 5:
            page.say(f"and {len(cuts) - 5} more", indent=1)
    return page


def _cuts(graph: _Graph) -> list[Edge]:
    """The edges without a local derivative at which paths from `wrt` end."""
    reached = {graph.wrt}
    cuts = []
    for node in topological_order(graph.root):
        if live_edges(node, reached):
            reached.add(node)
        cuts += [(node, k) for k, (operand, local) in enumerate(edges(node)) if local is None and operand in reached]
    return cuts


def _why_cut(node: Value, position: int) -> str:
    if node.primitive in COMPARISONS:
        return ": a comparison is 0 or 1, its derivative is 0"
    if node.primitive is table.where:
        return ": it only decides" if position == 0 else ": the other one was chosen"
    return ": the rule of this operation says that nothing flows back"


def _note_what_is_not_finite(page: Page, graph: _Graph) -> None:
    nodes = [node for node in reversed(graph.nodes) if not math.isfinite(graph.gradients[node])]
    for node in nodes[:1]:
        first = "From ", graph.name(graph.root), " down, the first that is not finite is ", graph.d(node)
        page.say(*first, *equals(graph.gradients[node]), ".")
    for node in nodes:
        for position, _ in live_edges(node, graph.results) if node is not graph.wrt else ():
            if graph.local(node, position) is ZERO:
                closed = graph.symbol(node, position)
                page.say("Nothing flows along ", closed, " = 0, whatever arrives: not even nan or inf.")
                return


def _note_what_is_old(page: Page, graph: _Graph) -> None:
    old = outdated(topological_order(graph.root))
    nodes = [node for node in reversed(graph.nodes) if node in old]
    if nodes:
        others = f" and {counted(len(nodes) - 3, 'more node')}" if len(nodes) > 3 else ""
        number = "is" if len(nodes) == 1 else "are"
        names = _listed([(graph.name(node),) for node in nodes[:3]])
        page.say("Old data: ", *names, f"{others} {number} {NOT_OF_NOW}. Run the forward pass again.")


def _compare_with_backward(page: Page, graph: _Graph) -> None:
    root, wrt = graph.root, graph.wrt
    gradient = (graph.name(wrt), ".grad", *equals(wrt.grad))
    if not root.has_grad:
        page.say("backward() has not run from ", graph.name(root), " yet: ", *gradient, ".")
    elif root.grad == 0.0:
        page.say("Gradients are set to 0 since backward() ran, if it did: ", *gradient, ".")
    elif _agree(wrt.grad, root.grad * graph.derivative):
        times = () if root.grad == 1.0 else (", which is ", graph.name(root), ".grad times as much")
        page.say("backward() agrees: ", *gradient, *times, ".")
    elif wrt.is_leaf:
        page.say(*gradient, ", not this: a leaf adds up what each backward() brings until it is set to 0.")
    else:
        page.say(*gradient, ", not this: that is from the backward() of another root.")


def _agree(x: float, y: float, scale: float = 0.0) -> bool:
    """Whether two numbers are equal up to rounding, in a sum of terms of this scale."""
    if x != x or y != y:
        return x != x and y != y
    return x == y or abs(x - y) <= 1e-9 * max(abs(x), abs(y), scale)


def _listed(items: Sequence[Parts]) -> Parts:
    return tuple([part for k, item in enumerate(items) for part in ((", ", *item) if k else item)])
