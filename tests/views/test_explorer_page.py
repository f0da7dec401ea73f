"""The page's ES modules: the bundler, and the model run by Node without a browser."""

from __future__ import annotations

import json
import math
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from exploring import readme_graph

import autograd
from autograd import Value, explorer
from autograd.draw.style import ON_PAGE
from autograd.explorer import document
from autograd.explorer.bundle import BundleError, bundled
from autograd.explorer.page_data import PageData
from autograd.graph import KINDS, topological_order
from nn import MLP, hinge

PAGE = Path(explorer.__file__).with_name("page")
MODEL, VIEW = [sorted((PAGE / part).glob("*.js")) for part in ("model", "view")]
NODE = shutil.which("node")


def run(program):
    """What a module of JavaScript gives to `say`, as JSON."""
    if NODE is None:
        pytest.skip("NOT TESTED in JavaScript, Node is missing: apt-get install nodejs, or from https://nodejs.org")
    said = "const say = (result) => process.stdout.write(JSON.stringify(result));"
    command = [NODE, "--input-type=module", "-"]
    done = subprocess.run(command, input=f"{said}\n{program}", capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr[:2000]
    return json.loads(done.stdout)


def imported(*modules):
    """Imports of all that the model and the words export."""
    lines = []
    for module in modules:
        names = re.findall(r"^export (?:function|class|const) (\w+)", (PAGE / module).read_text("utf-8"), re.MULTILINE)
        lines.append(f"import {{ {', '.join(names)} }} from {json.dumps((PAGE / module).as_uri())};")
    return "\n".join(lines)


MODEL_OF = """
const frozen = (thing) => {
  if (typeof thing === "object" && thing !== null && !Object.isFrozen(thing)) {
    Object.freeze(thing);
    Object.values(thing).forEach(frozen);
  }
  return thing;
};
const page = frozen(pageOf(TEXT, OPERATIONS)); // what changes it is an error
const explorer = new Explorer(page);
const gradientsNow = () => page.nodes.map((_, k) => gradientAt(explorer.trace, k, explorer.step).gradient);
"""


def with_model(root, program, examples=(), rate=0.1):
    """What a program gives for which there are `explorer` and `page` of a graph."""
    contents = PageData(root, examples, rate, "")
    modules = [*(f"model/{path.name}" for path in MODEL if path.name != "engine.js"), "view/words.js"]
    script = MODEL_OF.replace("TEXT", json.dumps(document.as_json(contents.data)))
    return run(f"{imported(*modules)}\n{script.replace('OPERATIONS', contents.operations)}\n{program}")


# --- The bundler ----------------------------------------------------------------------------------------------------


def written(folder, **modules):
    """A folder with these modules, by their names without `.js`; `a__b` is b in a."""
    for name, text in modules.items():
        path = folder / f"{name.replace('__', '/')}.js"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def test_modules_run_once_and_after_what_they_import(tmp_path):
    log = 'globalThis.log = [...(globalThis.log ?? []), "{}"];\n'
    folder = written(
        tmp_path,
        main='import { twice } from "./parts/b.js";\nimport { one } from "./parts/a.js";\n'
        + log.format("main")
        + "const hidden = 5;\nexport const answer = () => twice(one) + hidden;\nexport class Empty {}\n",
        parts__a=log.format("a") + "const hidden = 1;\nexport const one = hidden; // kept to itself\n",
        parts__b='import { one } from "../parts/a.js";\n' + log.format("b")
        + "const hidden = 100;\nexport function twice(x) {\n  // one and one\n  return x + one;\n}\n",
    )  # fmt: skip
    script = f"const made = {bundled(folder, 'main.js')};\nsay([made.answer(), Object.keys(made), log, typeof hidden]);"
    assert run(script) == [7, ["answer", "Empty"], ["a", "b", "main"], "undefined"]


@pytest.mark.parametrize(
    ("modules", "message"),
    [
        ({}, "the module main.js cannot be read"),
        ({"main": 'import { a } from "./gone.js";\n'}, "module gone.js, which main.js imports from, cannot be read"),
        (
            {"main": 'import { a, b } from "./other.js";\n', "other": "export const a = 1;\nconst b = 2;\n"},
            "main.js imports b from other.js, which exports a",
        ),
        ({"main": 'import { a } from "./other.js";\n', "other": "f();\n"}, "a from other.js, which exports nothing"),
        (
            {
                "main": 'import { a } from "./a.js";\n',
                "a": 'import { b } from "./b.js";\nexport const a = 1;\n',
                "b": 'import { a } from "./a.js";\nexport const b = 1;\n',
            },
            "modules import each other in a circle: a.js -> b.js -> a.js",
        ),
        ({"main": 'import all from "./a.js";\n'}, "main.js: 'import all from \"./a.js\";' is neither"),
        ({"main": 'import { a } from "https://example.org/a.js";\n'}, "main.js: 'import { a } from"),
        ({"main": "export default 3;\n"}, "main.js: 'export default 3;' is neither"),
        ({"main": "export let changing = 3;\n"}, "main.js: 'export let changing = 3;' is neither"),
    ],
)  # fmt: skip
def test_modules_that_do_not_fit_together(tmp_path, modules, message):
    with pytest.raises(BundleError, match=re.escape(message)):
        bundled(written(tmp_path, **modules), "main.js")


def test_the_bundle_is_the_modules():
    """Whoever imports main.js from its files gets what the bundle gives: its spaces do not count."""
    script = document.module("{}")
    run(f"{script.replace('export default', 'const widget =')}\nsay(typeof widget.render);")
    for path in (*MODEL, *VIEW):
        for name in re.findall(r"^export (?:function|class|const) (\w+)", path.read_text("utf-8"), re.MULTILINE):
            assert name in script


def test_every_module_is_in_the_page():
    """What main.js does not import, by way of others, would be a file that nobody needs."""
    everywhere = "\n".join(path.read_text("utf-8") for path in (PAGE / "main.js", *MODEL, *VIEW))
    for path in (*MODEL, *VIEW):
        assert f'/{path.name}";' in everywhere


def test_the_model_knows_no_view():
    for path in MODEL:
        text = path.read_text("utf-8")
        assert "../" not in "".join(re.findall(r'from "(.*)";', text)), path.name
        assert not re.search(r"\b(document|window|html|svg)\b[.(]", text), path.name


def test_no_view_changes_the_model():
    for path in VIEW:
        assert not re.findall(r"\b(?:explorer|page|trace)(?:\.\w+)+ (?:=|\+=|-=) .*", path.read_text("utf-8")), (
            path.name
        )


def test_kinds_are_those_of_the_graph():
    assert tuple(ON_PAGE) == (*KINDS, "group")
    data = PageData(readme_graph(), [], 0.1, "").data
    assert {row[2] for row in data["nodes"]} == {"leaf", "constant", "computed"}
    assert list(data["kinds"]) == list(ON_PAGE)


# --- Numbers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("2", 2), (" 7 ", 7), ("−2.5", -2.5), ("1e-3", 1e-3), ("nan", "nan"), ("Inf", "inf"), ("-inf", "-inf"),
        ("two", None), ("", None), ("1,5", None), ("1e", None), ("constructor", None), ("__proto__", None),
    ],
)  # fmt: skip
def test_numbers_are_read(text, number):
    program = f"const read = parse({json.dumps(text)}); say(read === undefined ? null : encode(read));"
    assert run(f"{imported('model/numbers.js')}\n{program}") == number


def test_numbers_are_written_and_come_back():
    numbers = ["nan", "inf", "-inf", 0.1, -2, 1e300, 5e-324]
    program = f"say({json.dumps(numbers)}.map((x) => encode(decode(x))));"
    assert run(f"{imported('model/numbers.js')}\n{program}") == numbers
    shown = run(f"{imported('model/numbers.js')}\nsay([0.5, -1234567, 1e-5, 1 / 3, -0, NaN].map((x) => show(x)));")
    assert shown == ["0.5", "−1.235e6", "1e−5", "0.3333", "0", "nan"]


# --- Steps ----------------------------------------------------------------------------------------------------------


def test_steps_go_forth_and_back():
    loss = readme_graph()
    forth, back, gradients, last = with_model(
        loss,
        """
        const forth = [], back = [], { last } = explorer.trace;
        const state = () => JSON.stringify([explorer.step, gradientsNow(), equationOf(explorer.trace, explorer.step)]);
        for (; ; explorer.goTo(explorer.step + 1)) if (forth.push(state()) > last) break;
        const gradients = gradientsNow();
        for (; ; explorer.goTo(explorer.step - 1)) if (back.push(state()) > last) break;
        say([forth, back, gradients, last]);
        """,
    )
    assert len(set(forth)) == len(forth) == last + 1
    assert back == forth[::-1]
    loss.backward()
    assert gradients == [node.grad if node.kind != "constant" else None for node in topological_order(loss)]


@pytest.mark.parametrize(("wanted", "found"), [("-1", 0), ("-Infinity", 0), ("1e9", 10), ("Infinity", 10), ("4", 4)])
def test_there_is_no_step_before_the_first_and_behind_the_last(wanted, found):
    a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    assert with_model(a * b * a + b, f"explorer.goTo({wanted}); say(explorer.step);") == found


def test_node_steps():
    a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    program = """
        const stops = [1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1].map((direction) => {
          explorer.goToNode(direction);
          return explorer.step;
        });
        say(stops);
    """
    assert with_model(a * b * a, program) == [1, 2, 3, 5, 7, 7, 5, 3, 2, 1, 0, 0]


def test_play_ends_at_the_end_and_begins_anew():
    program = """
        explorer.set({ speed: 1e6 });
        const ended = () => new Promise((done) => {
          const steps = [];
          let hasPlayed = false;
          explorer.listen(() => {
            if (steps.at(-1) !== explorer.step) steps.push(explorer.step);
            hasPlayed ||= explorer.isPlaying;
            if (hasPlayed && !explorer.isPlaying) done([...steps]);
          });
          explorer.playOrPause();
        });
        explorer.goTo(4);
        const first = await ended();
        const second = await ended();
        say([first, second, explorer.trace.last]);
    """
    first, second, last = with_model(readme_graph(), program)
    assert first == list(range(4, last + 1))
    assert second == [last, *range(last + 1)]


def test_every_change_is_heard():
    program = """
        let heard = 0;
        explorer.listen(() => (heard += 1));
        const counts = [];
        const { learning } = page;
        for (const change of [
          () => {}, () => explorer.goTo(3), () => explorer.goToNode(1), () => explorer.set({ view: 0 }),
          () => explorer.close(), () => explorer.set({ picked: learning[0] }), () => explorer.tell("a"),
          () => explorer.set({ h: 1 }),
          () => explorer.pause(), () => explorer.setNumber(learning[0], 7), () => explorer.hold(learning[0], true),
          () => explorer.descend(), () => explorer.choose(0), () => explorer.setBack(),
          () => explorer.nudge(learning[0]),
        ]) {
          heard = 0;
          change();
          counts.push(heard);
        }
        say(counts);
    """
    assert with_model(readme_graph(), program) == [0, *[1] * 13, 0]


def test_a_message_lasts_until_the_next_step():
    program = """
        explorer.tell("something", "lessons");
        const { message } = explorer;
        explorer.goTo(1);
        say([message.about, message.text, explorer.message.text]);
    """
    assert with_model(readme_graph(), program) == ["lessons", "something", ""]


# --- Numbers in leaves ----------------------------------------------------------------------------------------------


def test_an_edge_that_is_cut_by_an_edit_takes_its_step_away():
    x, y = Value(1.0, label="x"), Value(2.0, label="y")
    loss = autograd.where(autograd.greater(x, 0.0), x * y, y)
    program = """
        explorer.goTo(Infinity);
        const before = [explorer.step, explorer.trace.last];
        explorer.setNumber(0, -1);
        const cut = [explorer.step, explorer.trace.last, gradientsNow()[0]];
        explorer.setBack();
        say([before, cut, [explorer.trace.last, explorer.numbers[0]]]);
    """
    assert topological_order(loss)[0] is x
    assert with_model(loss, program) == [[7, 7], [5, 5, None], [7, 1]]


def test_the_step_stays_at_its_event():
    program = """
        explorer.goTo(9);
        explorer.setNumber(0, 1.5);
        say([explorer.step, explorer.trace.steps[9].kind, explorer.trace.data[0]]);
    """
    assert with_model(readme_graph(), program) == [9, "edge", 1.5]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "-0", "1e308"])
def test_any_number_can_stand_in_a_leaf(number):
    loss = readme_graph()
    data, gradients = with_model(
        loss,
        f"explorer.setNumber(0, {number}); explorer.goTo(Infinity);"
        "say([explorer.trace.data.map(encode), explorer.trace.gradients.map(encode)]);",
    )
    nodes = topological_order(loss)
    again = {nodes[0]: Value(float(number.replace("Infinity", "inf")))}
    for node in nodes[1:]:
        again[node] = node.primitive(*[again[o] for o in node.operands]) if node.primitive else node
    loss.zero_grad()
    again[loss].backward()
    assert list(map(float, data)) == pytest.approx([again[node].data for node in nodes], nan_ok=True)
    free = [k for k, node in enumerate(nodes) if node.kind != "constant"]
    wanted = [again[nodes[k]].grad for k in free]
    assert [float(gradients[k]) for k in free] == pytest.approx(wanted, nan_ok=True)


def test_a_nudge_changes_nothing():
    loss = readme_graph()
    found, same, words = with_model(
        loss,
        """
        const state = () => JSON.stringify([explorer.numbers, explorer.trace.data, explorer.step, explorer.message]);
        explorer.set({ h: 1e-6 });
        const before = state();
        const found = explorer.nudge(0);
        say([found, state() === before, nudgeInWords(page, found)]);
        """,
    )
    loss.backward()
    a = topological_order(loss)[0]
    assert same
    assert found["gradient"] == a.grad
    assert found["slope"] == pytest.approx(a.grad, rel=1e-4)
    assert words.startswith("a 2 → 2: loss 2.28 → 2.28. Change / h = ")


# --- Learning -------------------------------------------------------------------------------------------------------

DATA = [([0.3, -0.9], 1), ([1.1, 0.4], -1), ([-0.6, 0.2], 1)]


def losses_of(model):
    return [hinge(model([Value(x[0], label="x0"), Value(x[1], label="x1")]), y) for x, y in DATA]


@pytest.mark.parametrize("is_over_all", [True, False])
def test_gradient_steps_are_those_of_sgd(is_over_all):
    model = MLP(2, [3, 1], activation="tanh", rng=2)
    losses = losses_of(model)
    leaves = topological_order(losses[0])
    numbers, curve, said = with_model(
        losses[0],
        f"""
        explorer.choose(1);
        explorer.set({{ rate: 0.3, isOverAll: {json.dumps(is_over_all)} }});
        for (let k = 0; k < 4; k++) explorer.descend();
        say([explorer.shared, explorer.losses, messageInWords(explorer)]);
        """,
        losses,
    )
    means = [autograd.mean(losses_of(model)).data]
    for _ in range(4):
        losses = losses_of(model)
        learnt = autograd.mean(losses) if is_over_all else losses[1]
        for parameter in model.parameters():
            parameter.grad = 0.0
        learnt.backward()
        for parameter in model.parameters():
            parameter.data -= 0.3 * parameter.grad
        means.append(autograd.mean(losses_of(model)).data)
    assert curve == pytest.approx(means, rel=1e-12)
    for parameter in model.parameters():
        assert numbers[str(leaves.index(parameter))] == pytest.approx(parameter.data, rel=1e-12)
    whose = "mean loss" if is_over_all else "this example's loss"
    assert said.startswith(f"A step against the gradient moves the parameters: {whose} ")


def test_leaves_that_are_held_fixed_do_not_move():
    w, x = Value(0.5, label="w"), Value(2.0, label="x")
    loss = (w * x + 1.0) ** 2
    moved, nothing, back = with_model(
        loss,
        """
        const [w, x] = page.learning;
        explorer.hold(x, true);
        explorer.descend();
        const moved = [explorer.numbers[w], explorer.numbers[x], messageInWords(explorer)];
        explorer.hold(w, true);
        explorer.descend();
        const nothing = [explorer.numbers[w] === moved[0], messageInWords(explorer)];
        explorer.setBack();
        say([moved, nothing, [explorer.numbers[w], explorer.losses]]);
        """,
    )
    assert moved[:2] == [0.5 - 0.1 * 2 * 2.0 * 2.0, 2]
    assert "moves w: loss 4 → " in moved[2]
    assert nothing[0]
    assert "no leaf, since all are held fixed" in nothing[1]
    assert back == [0.5, []]


def test_training_stops_where_the_loss_is_no_number():
    x = Value(3.0, label="x")
    program = """
        explorer.trainOrPause();
        const isOver = () => explorer.losses.length > 1 && !explorer.isTraining;
        await new Promise((done) => explorer.listen(() => isOver() && done()));
        say([Number.isFinite(explorer.losses.at(-1)), Number.isFinite(explorer.losses.at(-2))]);
    """
    assert with_model((x * x) ** 2, program, rate=1e3) == [False, True]


# --- Large graphs ---------------------------------------------------------------------------------------------------


def test_recorded_steps_of_a_very_large_graph(monkeypatch):
    monkeypatch.setattr("autograd.explorer.page_data._MOST_NODES", 2)
    a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    loss = a * b * a
    kinds_of_steps, gradients, words = with_model(
        loss,
        """
        explorer.goTo(5);
        const halfway = gradientsNow();
        explorer.goTo(Infinity);
        const words = explorer.trace.steps.slice(1).map((_, k) => equationOf(explorer.trace, k + 1).symbolic[0]);
        say([explorer.trace.steps.map(({ kind }) => kind), [halfway, gradientsNow()], words]);
        """,
    )
    assert kinds_of_steps == ["start", "forward", "forward", "seed", "edge", "edge", "edge", "edge"]
    assert gradients == [["…", None, "2", 1], ["−12", "4", "2", 1]]
    assert words[-1].endswith("1 contribution, each upstream × local derivative")
    assert not math.isnan(loss.data)


# --- Words ----------------------------------------------------------------------------------------------------------


def test_many_leaves_that_move_are_counted():
    leaves = [Value(1.0 + k, label=f"x{k}") for k in range(7)]
    said = "explorer.descend(); say(messageInWords(explorer));"
    assert "moves x0, x1, x2, x3 and 3 more: loss 28 → " in with_model(autograd.sum(leaves), said)
    assert "moves x0, x1 and x2: loss 6 → " in with_model(autograd.sum(leaves[:3]), said)


def test_words_about_nodes_edges_and_groups():
    a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    loss = (a * b + 1.0) * a
    places = {node: k for k, node in enumerate(topological_order(loss))}
    one = places[loss.operands[0].operands[1]]
    program = f"""
        const node = (k) => thingInWords(explorer, {{ nodes: [k], group: null }});
        const arrow = (...edges) => thingInWords(explorer, {{ edges, from: {{ title: "a" }}, to: {{ title: "C" }} }});
        const edge = {{ result: {places[loss]}, position: 1 }};
        const before = [node({places[loss]}), arrow(edge)];
        explorer.goTo(Infinity);
        say([...before, node({places[a]}), node({one}), arrow(edge), arrow(edge, {{ ...edge, position: 0 }})]);
    """
    assert with_model(loss, program) == [
        ["C", "C = v2·a", "not computed yet", "no gradient yet"],
        ["∂C/∂a = v2 = −5", "no gradient has arrived along it yet"],
        ["a", "leaf, data 2", "gradient −11 (2 of 2 contributions)"],
        ["constant, data 1", "a constant: it gets no gradient"],
        ["∂C/∂a = v2 = −5", "upstream × local derivative: 1 × (−5) = −5"],
        ["2 edges from a to C", "2 have carried their contributions, the largest of size 5"],
    ]
