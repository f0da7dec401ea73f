"""Modules: parameters, states and files, activations, initialisation, and the equations of backpropagation."""

import copy
import errno
import json
import math
import os
import pickle
import random
import stat
import statistics
from math import inf, nan

import numpy as np
import pytest

import autograd
import nn
from autograd import PRIMITIVES, Primitive, Value
from nn import MLP, Layer, Module, Neuron, half_squared_error
from nn.initialisation import he, xavier

UNARY = [name for name, row in PRIMITIVES.items() if row.arity and row.arity - len(row.defaults) == 1]


def data_of(module):
    return [parameter.data for parameter in module.parameters()]


# --- Parameters ------------------------------------------------------------------------------------------------------


def test_named_parameters_come_by_layer_and_neuron_with_the_weights_before_the_bias():
    names = [name for name, _ in MLP(2, [2, 1], rng=0).named_parameters()]
    assert names == [
        "layers.0.neurons.0.w.0",
        "layers.0.neurons.0.w.1",
        "layers.0.neurons.0.b",
        "layers.0.neurons.1.w.0",
        "layers.0.neurons.1.w.1",
        "layers.0.neurons.1.b",
        "layers.1.neurons.0.w.0",
        "layers.1.neurons.0.w.1",
        "layers.1.neurons.0.b",
    ]


def test_parameters_are_the_values_of_named_parameters_in_their_order():
    model = MLP(3, [2, 2], rng=0)
    named = [parameter for _, parameter in model.named_parameters()]
    assert len(model.parameters()) == len(named) == 3 * 2 + 2 + 2 * 2 + 2
    assert all(p is q for p, q in zip(model.parameters(), named))
    neuron = model.layers[1].neurons[0]
    assert [id(p) for p in neuron.parameters()] == [id(p) for p in [*neuron.w, neuron.b]]


def test_parameters_are_found_in_values_modules_lists_tuples_and_dicts_at_any_depth():
    class Everything(Module):
        def __init__(self):
            self.size = 3
            self.name = "text"
            self.scale = Value(1.0)
            self.pair = (Value(2.0), [Value(3.0)])
            self.table = {"left": Value(4.0), "deep": {"right": [Value(5.0)]}}
            self.neuron = Neuron(1, init=lambda rng, nin, nout: 6.0)
            self.computed = Value(1.0) * 2

    assert Everything().state_dict() == {
        "scale": 1.0,
        "pair.0": 2.0,
        "pair.1.0": 3.0,
        "table.left": 4.0,
        "table.deep.right.0": 5.0,
        "neuron.w.0": 6.0,
        "neuron.b": 0.0,
    }


def test_a_shared_parameter_comes_once_under_its_first_name():
    class Tied(Module):
        def __init__(self):
            shared = Value(1.0)
            self.first, self.others, self.last = shared, [Value(1.0), shared], shared

    assert [name for name, _ in Tied().named_parameters()] == ["first", "others.0"]


def test_a_shared_module_comes_once():
    class Twice(Module):
        def __init__(self):
            self.one = Neuron(2, rng=0)
            self.two = self.one

    assert len(Twice().parameters()) == 3


def test_parameters_of_equal_numbers_are_not_taken_for_one():
    assert len(Neuron(5, init=lambda rng, nin, nout: 0.0).parameters()) == 6


def test_a_subclass_may_override_parameters_as_in_micrograd():
    class Line(Module):
        def __init__(self):
            self.hidden = {1, 2}
            self._parts = [Value(2.0), Value(1.0)]

        def parameters(self):
            return self._parts[:1]

    line = Line()
    for part in line._parts:
        part.grad = 5.0
    line.zero_grad()
    assert [part.grad for part in line._parts] == [0.0, 5.0]


def test_a_module_without_attributes_has_no_parameters():
    assert Module().parameters() == []
    assert Module().state_dict() == {}


def test_zero_grad_sets_every_gradient_to_zero_and_without_it_gradients_add_up():
    model = MLP(2, [3, 1], activation="tanh", rng=0)
    model([1.0, -2.0]).backward()
    once = [p.grad for p in model.parameters()]
    model([1.0, -2.0]).backward()
    assert [p.grad for p in model.parameters()] == [2 * g for g in once]
    model.zero_grad()
    assert [p.grad for p in model.parameters()] == [0.0] * len(once)


# --- state_dict and load_state_dict ----------------------------------------------------------------------------------


def test_a_state_can_be_loaded_into_another_module_of_the_same_sizes():
    model, other = MLP(2, [3, 1], rng=0), MLP(2, [3, 1], rng=1)
    assert data_of(other) != data_of(model)
    other.load_state_dict(model.state_dict())
    assert other.state_dict() == model.state_dict()
    assert other([0.3, 0.7]).data == model([0.3, 0.7]).data


def test_a_state_is_a_copy():
    model = Neuron(1, rng=0)
    state = model.state_dict()
    model.w[0].data = 7.0
    assert state["w.0"] != 7.0


def test_loading_keeps_the_values_and_their_gradients():
    model = Neuron(1, rng=0)
    weight = model.w[0]
    weight.grad = 3.0
    model.load_state_dict({"b": 1, "w.0": 2.5})
    assert model.w[0] is weight
    assert (weight.data, weight.grad, model.b.data) == (2.5, 3.0, 1.0)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda state: state.pop("b"), ValueError, "missing b"),
        (lambda state: state.update(c=1.0), ValueError, "unknown c"),
        (lambda state: (state.pop("w.1"), state.update(v=1.0)), ValueError, r"missing w\.1; unknown v"),
        (lambda state: state.clear(), ValueError, r"missing w\.0, w\.1, w\.2 and 1 more"),
        (lambda state: state.update(b="1.0"), TypeError, r"got str '1\.0'"),
        (lambda state: state.update(b=None), TypeError, "wants a number.* got NoneType"),
        (lambda state: state.update(b=[1.0]), TypeError, "got a list"),
    ],
    ids=["missing", "unknown", "renamed", "empty", "text", "None", "list"],
)
def test_a_state_that_does_not_fit_changes_nothing(change, error, message):
    neuron = Neuron(3, rng=0)
    before = data_of(neuron)
    state = dict.fromkeys(neuron.state_dict(), 9.0)
    change(state)
    with pytest.raises(error, match=message):
        neuron.load_state_dict(state)
    assert data_of(neuron) == before


def test_names_that_are_no_texts_are_unknown():
    with pytest.raises(ValueError, match=r"missing b; unknown 1, None\."):
        Neuron(1, rng=0).load_state_dict({"w.0": 1.0, 1: 2.0, None: 3.0})


@pytest.mark.parametrize("state", [None, 5, [1.0, 2.0], [["w.0", 1.0]]])
def test_a_state_that_is_no_mapping_is_refused_with_a_message_that_says_so(state):
    neuron = Neuron(1, rng=0)
    before = data_of(neuron)
    with pytest.raises((TypeError, ValueError), match="state"):
        neuron.load_state_dict(state)
    assert data_of(neuron) == before


# --- Files -----------------------------------------------------------------------------------------------------------


def test_a_saved_model_is_loaded_exactly(tmp_path):
    model = MLP(3, [4, 2], rng=0)
    numbers = [1e-300, 5e-324, -0.0, 0.1, 1 / 3, math.pi, 1.7976931348623157e308]
    for parameter, number in zip(model.parameters(), numbers):
        parameter.data = number
    path = tmp_path / "model.json"
    model.save(path)
    other = MLP(3, [4, 2], rng=1)
    other.load(path)
    assert [number.hex() for number in data_of(other)] == [number.hex() for number in data_of(model)]
    assert os.listdir(tmp_path) == ["model.json"]


def test_a_path_may_be_a_string_and_an_existing_file_is_replaced(tmp_path):
    path = str(tmp_path / "model.json")
    neuron = Neuron(1, rng=0)
    neuron.save(path)
    neuron.b.data = 5.0
    neuron.save(path)
    other = Neuron(1, rng=1)
    other.load(path)
    assert other.state_dict() == neuron.state_dict()


def test_a_file_is_json_that_names_its_format(tmp_path):
    path = tmp_path / "model.json"
    Neuron(1, init=lambda rng, nin, nout: 0.5).save(path)
    assert json.loads(path.read_text()) == {"format": "chainrule state 1", "state": {"w.0": 0.5, "b": 0.0}}


class Bomb:
    def __reduce__(self):
        return exec, ("raise SystemExit('code of a file was executed')",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "was not written by Module.save"),
        (b'{"format": "chainrule state 1", "state": {"w.0": 1.0, "b"', "was not written by Module.save"),
        (b"\x00\xff\xfe broken", "was not written by Module.save"),
        (pickle.dumps(Bomb()), "was not written by Module.save"),
        (b"__import__('os').abort()", "was not written by Module.save"),
        (b"[1.0, 2.0]", "its format is not 'chainrule state 1'"),
        (b'{"w.0": 1.0, "b": 2.0}', "its format is not 'chainrule state 1'"),
        (b'{"format": "chainrule state 2", "state": {"w.0": 1.0, "b": 2.0}}', "its format is not"),
        (b'{"format": "chainrule state 1"}', "its format is not"),
        (b'{"format": "chainrule state 1", "state": {"w.0": 1.0}}', "missing b"),
        (b'{"format": "chainrule state 1", "state": {"w.0": 1.0, "b": "2.0"}}', '"2.0"'),
    ],
    ids=["empty", "cut off", "binary", "pickle", "code", "list", "bare", "version", "no state", "missing", "text"],
)
def test_a_file_of_another_kind_is_refused_and_changes_nothing(tmp_path, content, message):
    path = tmp_path / "model.json"
    path.write_bytes(content)
    neuron = Neuron(1, rng=0)
    before = data_of(neuron)
    with pytest.raises(ValueError, match=message) as caught:
        neuron.load(path)
    assert str(path) in str(caught.value)
    assert data_of(neuron) == before


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ('"w.0": NaN, "b": 2.0', r"model\.json: w\.0 wants a finite number that fits into a float, got NaN"),
        ('"w.0": 1.0, "b": -Infinity', r"model\.json: b wants a finite number.*got -Infinity"),
        ('"w.0": 1e999, "b": 2.0', r"model\.json: w\.0 wants a finite number.*got Infinity"),
        ('"w.0": 1' + 400 * "0" + ', "b": 2.0', r"model\.json: w\.0 wants a finite number.*got 1000"),
        ('"w.0": 1' + 9999 * "0" + ', "b": 2.0', r"model\.json was not written by Module\.save"),
        ('"w.0": true, "b": 2.0', r"model\.json: w\.0 wants a finite number.*got true"),
        ('"w.0": null, "b": 2.0', r"model\.json: w\.0 wants a finite number.*got null"),
        ('"w.0": [1.0], "b": 2.0', r"model\.json: w\.0 wants a finite number.*got \[1\.0\]"),
        ('"w.0": 1.0, "b": 2.0, "w.0": 3.0', r"model\.json was not written by Module\.save: w\.0 is in it twice"),
        ('"w.0": 1.0, "b": 2.0, "' + 999 * "c" + '": 1', r"model\.json: .* unknown c{100}\. Build"),
        ('1: 1.0, "b": 2.0', r"model\.json was not written by Module\.save"),
    ],
    ids=["nan", "inf", "1e999", "400 digits", "10000 digits", "true", "null", "list", "twice", "unknown", "no name"],
)
def test_a_file_with_a_number_that_is_none_is_refused_and_changes_nothing(tmp_path, numbers, message):
    path = tmp_path / "model.json"
    path.write_text(f'{{"format": "chainrule state 1", "state": {{{numbers}}}}}')
    neuron = Neuron(1, rng=0)
    before = data_of(neuron)
    with pytest.raises(ValueError, match=message) as caught:
        neuron.load(path)
    assert data_of(neuron) == before
    assert len(str(caught.value)) < len(str(path)) + 250


@pytest.mark.parametrize("state", ["null", "5", "[1.0, 2.0]", '"text"'])
def test_a_file_whose_state_is_no_table_of_numbers_is_refused_clearly(tmp_path, state):
    path = tmp_path / "model.json"
    path.write_text(f'{{"format": "chainrule state 1", "state": {state}}}')
    with pytest.raises(ValueError, match=r"model\.json was not written by .*state"):
        Neuron(1, rng=0).load(path)


def test_loading_a_file_that_is_not_there_names_it(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"absent\.json"):
        Neuron(1, rng=0).load(tmp_path / "absent.json")


def test_saving_into_a_directory_that_is_not_there_names_it_and_leaves_nothing_behind(tmp_path):
    with pytest.raises(FileNotFoundError, match="absent"):
        Neuron(1, rng=0).save(tmp_path / "absent" / "model.json")
    assert os.listdir(tmp_path) == []


def test_a_failed_save_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "model.json"
    neuron = Neuron(1, rng=0)
    neuron.save(path)
    before = path.read_bytes()
    neuron.b.data = 1.0

    def full(_file):
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"no space left on device: '.*model\.json'"):
        neuron.save(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["model.json"]


def test_saving_over_a_directory_fails_and_leaves_nothing_behind(tmp_path):
    (tmp_path / "model.json").mkdir()
    with pytest.raises(OSError, match=r"model\.json"):
        Neuron(1, rng=0).save(tmp_path / "model.json")
    assert os.listdir(tmp_path) == ["model.json"]


@pytest.mark.parametrize("number", [nan, inf, -inf])
def test_a_number_that_could_not_be_loaded_again_is_not_saved(tmp_path, number):
    path, neuron = tmp_path / "model.json", Neuron(1, rng=0)
    neuron.save(path)
    before = path.read_bytes()
    neuron.b.data = number
    with pytest.raises(ValueError, match=f"b is {number}, and only finite numbers are saved"):
        neuron.save(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError("no")])
def test_an_interrupted_save_leaves_nothing_behind(tmp_path, monkeypatch, error):
    def replace(*_):
        raise error

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises((KeyboardInterrupt, OSError)):
        Neuron(1, rng=0).save(tmp_path / "model.json")
    assert os.listdir(tmp_path) == []


def test_two_may_save_to_one_path_at_a_time(tmp_path, monkeypatch):
    """The second save begins and ends while the first one is writing."""
    path, first, second = tmp_path / "model.json", Neuron(1, rng=0), Neuron(1, rng=1)
    waiting = [second]

    def sync(_file):
        while waiting:
            waiting.pop().save(path)

    monkeypatch.setattr(os, "fsync", sync)
    first.save(path)
    read = Neuron(1, rng=2)
    read.load(path)
    assert data_of(read) == data_of(first)
    assert os.listdir(tmp_path) == ["model.json"]


def test_a_path_may_be_bytes(tmp_path):
    path, neuron, read = os.fsencode(tmp_path / "model.json"), Neuron(1, rng=0), Neuron(1, rng=1)
    neuron.save(path)
    read.load(path)
    assert data_of(read) == data_of(neuron)
    assert os.listdir(tmp_path) == ["model.json"]


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_file_that_is_replaced_keeps_its_mode_and_a_new_one_has_that_of_any_new_file(tmp_path, monkeypatch):
    path = tmp_path / "model.json"
    while_written = []
    Neuron(1, rng=0).save(path)
    (tmp_path / "other").write_text("")
    assert path.stat().st_mode == (tmp_path / "other").stat().st_mode
    monkeypatch.setattr(os, "fsync", lambda file: while_written.append(stat.S_IMODE(os.fstat(file).st_mode)))
    for mode in (0o600, 0o640, 0o666, 0o400):
        path.chmod(mode)
        Neuron(1, rng=1).save(path)
        assert stat.S_IMODE(path.stat().st_mode) == mode
    assert while_written == [0o600] * 4


@pytest.mark.skipif(os.name != "posix", reason="links of POSIX")
@pytest.mark.parametrize("exists", [False, True])
def test_a_symbolic_link_stays_one_and_what_it_leads_to_is_written(tmp_path, exists):
    (tmp_path / "models").mkdir()
    target, link, neuron, read = tmp_path / "models" / "1.json", tmp_path / "latest", Neuron(1, rng=0), Neuron(1, rng=1)
    if exists:
        target.write_text("old")
    link.symlink_to(target)
    neuron.save(link)
    assert link.is_symlink()
    read.load(target)
    assert data_of(read) == data_of(neuron)
    assert os.listdir(tmp_path / "models") == ["1.json"]


@pytest.mark.skipif(os.name != "posix", reason="links of POSIX")
def test_another_hard_link_goes_on_to_lead_to_the_old_file(tmp_path):
    path, other = tmp_path / "model.json", tmp_path / "kept.json"
    Neuron(1, rng=0).save(path)
    os.link(path, other)
    before = path.read_bytes()
    Neuron(1, rng=1).save(path)
    assert other.read_bytes() == before != path.read_bytes()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes of POSIX")
def test_a_pipe_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match=r"This is no regular file.*pipe'"):
        Neuron(1, rng=0).save(tmp_path / "pipe")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


# --- Printing --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("module", "text"),
    [
        (Neuron(2, rng=0), "Neuron(2, activation='relu')"),
        (Neuron(2, rng=0, nonlin=False), "Neuron(2, activation='linear')"),
        (Layer(2, 3, "tanh", rng=0), "Layer(2, 3, activation='tanh')"),
        (MLP(2, [3, 1], rng=0), "MLP(2, [3, 1], activation='relu', output='linear')"),
        (MLP(2, (3, 1), "tanh", "sigmoid", rng=0), "MLP(2, [3, 1], activation='tanh', output='sigmoid')"),
    ],
)
def test_repr(module, text):
    assert repr(module) == text


def test_the_parameters_of_an_mlp_are_labelled_by_layer_neuron_and_input():
    labels = [parameter.label for parameter in MLP(2, [1, 1], rng=0).parameters()]
    assert labels == ["W0[0,0]", "W0[0,1]", "b0[0]", "W1[0,0]", "b1[0]"]


# --- Sizes and inputs ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "module", [Neuron(2, rng=0), Layer(2, 3, rng=0), MLP(2, [3, 1], rng=0)], ids=["Neuron", "Layer", "MLP"]
)
class TestInputs:
    @pytest.mark.parametrize("x", [[], [1.0], [1.0, 2.0, 3.0], 1.0, None])
    def test_another_number_of_inputs_is_refused_by_name(self, module, x):
        got = len(x) if isinstance(x, list) else 1
        with pytest.raises(ValueError, match=rf"{type(module).__name__}\(2.* wants 2 inputs, got {got}"):
            module(x)

    @pytest.mark.parametrize("x", ["ab", ["a", 1.0], [None, 1.0], [1.0, None], [[1.0], [2.0]], [1j, 1.0]])
    def test_inputs_that_are_not_numbers_are_refused(self, module, x):
        with pytest.raises(TypeError, match=r"wants (a|one) number"):
            module(x)

    @pytest.mark.parametrize("kind", [tuple, np.array, iter, lambda x: [Value(x[0]), int(x[1])]])
    def test_inputs_may_be_any_sequence_of_numbers_or_values(self, module, kind):
        outputs, wanted = module(kind([1.0, 2.0])), module([1.0, 2.0])
        for output, want in zip(*[z if isinstance(z, list) else [z] for z in (outputs, wanted)]):
            assert output.data == want.data


@pytest.mark.parametrize("x", [{0: 1.0, 1: 2.0}, {1.0, 2.0}, frozenset([1.0, 2.0])])
def test_inputs_without_an_order_are_refused(x):
    with pytest.raises(TypeError, match=r"MLP\(2, .* wants its inputs in order, got .*: write a list"):
        MLP(2, [1], rng=0)(x)


def test_several_examples_at_a_time_are_refused_with_what_to_write():
    for X in ([[1.0, 2.0]] * 3, np.zeros((3, 2))):
        with pytest.raises(ValueError, match=r"wants 2 inputs, got 3: write \[model\(x\) for x in X\]"):
            MLP(2, [1], rng=0)(X)


def test_a_seed_may_be_one_of_numpy():
    assert data_of(MLP(3, [4, 1], rng=np.int64(5))) == data_of(MLP(3, [4, 1], rng=5))


def test_one_input_may_come_without_a_list():
    neuron = Neuron(1, activation="linear", init=lambda rng, nin, nout: 3.0)
    assert neuron(2.0).data == neuron(Value(2.0)).data == neuron([2.0]).data == neuron(np.array(2.0)).data == 6.0


def test_the_input_may_be_a_value_that_gets_a_gradient():
    x = [Value(0.5), Value(-0.25)]
    neuron = Neuron(2, activation="linear", init=lambda rng, nin, nout: 3.0)
    neuron(x).backward()
    assert [value.grad for value in x] == [3.0, 3.0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Neuron(0), "nin is an integer of at least 1, got 0"),
        (lambda: Neuron(-1), "nin is an integer of at least 1, got -1"),
        (lambda: Neuron(2.0), r"nin is an integer of at least 1, got 2\.0"),
        (lambda: Neuron("2"), "nin is an integer of at least 1, got '2'"),
        (lambda: Layer(2, 0), "nout is an integer of at least 1, got 0"),
        (lambda: Layer(2, True), "nout is an integer of at least 1, got True"),
        (lambda: MLP(0, [1]), "nin is an integer of at least 1, got 0"),
        (lambda: MLP(2, [3, 0]), "nout is an integer of at least 1, got 0"),
        (lambda: MLP(2, []), r"sizes of its layers in a list such as \[16, 16, 1\], got \[\]"),
        (lambda: MLP(2, 3), r"sizes of its layers in a list such as \[16, 16, 1\], got 3"),
    ],
)
def test_sizes_are_whole_numbers_of_at_least_one(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_one_output_comes_as_a_value_and_several_as_a_list():
    assert isinstance(MLP(2, [3, 1], rng=0)([1.0, 2.0]), Value)
    assert len(MLP(2, [3, 2], rng=0)([1.0, 2.0])) == 2
    assert isinstance(Layer(2, 1, rng=0)([1.0, 2.0]), Value)
    assert len(Layer(2, 3, rng=0)([1.0, 2.0])) == 3


# --- Activations -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", UNARY)
def test_every_unary_row_of_the_table_is_an_activation(name):
    neuron = Neuron(1, activation=name, init=lambda rng, nin, nout: 0.5)
    x = Value(1.25)
    out = neuron([x])
    out.backward()
    z = Value(0.625)
    wanted = PRIMITIVES[name](z)
    wanted.backward()
    assert out.data == pytest.approx(wanted.data, nan_ok=True, rel=1e-15)
    assert x.grad == pytest.approx(0.5 * z.grad, nan_ok=True, rel=1e-15)


def test_a_row_of_ones_own_is_an_activation(monkeypatch):
    monkeypatch.setitem(PRIMITIVES, "modules_cube", None)  # to take the row out of the table afterwards
    Primitive("modules_cube", lambda x: x**3, partials=(lambda out, x: 3 * x * x,))
    neuron = Neuron(1, activation="modules_cube", init=lambda rng, nin, nout: 2.0)
    out = neuron([1.0])
    out.backward()
    assert (out.data, neuron.w[0].grad, neuron.b.grad) == (8.0, 12.0, 12.0)


def test_linear_hands_on_the_pre_activation_itself():
    passed = MLP(2, [2], rng=0).forward([1.0, 2.0])
    assert all(a is z for a, z in zip(passed.a[0], passed.z[0]))


def test_nonlin_false_is_micrograds_word_for_linear():
    linear = Neuron(2, "tanh", init="micrograd", rng=0, nonlin=False)
    assert linear([1.0, 2.0]).data == Neuron(2, "linear", init="micrograd", rng=0)([1.0, 2.0]).data
    assert Layer(2, 1, rng=0, nonlin=False)([1.0, 2.0]).primitive.name == "dot"


@pytest.mark.parametrize("activation", [lambda z: z.tanh() * 2, Value.relu, PRIMITIVES["tanh"]])
def test_an_activation_may_be_a_function_of_a_value(activation):
    out = Neuron(1, activation=activation, init=lambda rng, nin, nout: 0.5)([1.0])
    assert out.data == activation(Value(0.5)).data


@pytest.mark.parametrize("make", [lambda name: Neuron(2, name), lambda name: MLP(2, [2, 1], name)])
def test_an_unknown_activation_is_refused_with_the_names_of_all(make):
    with pytest.raises(ValueError, match="unknown activation 'rellu'") as caught:
        make("rellu")
    for name in ["linear", "relu", "tanh", "sigmoid", "gelu", "leaky_relu", "softplus"]:
        assert f" {name}," in str(caught.value)


def test_an_unknown_activation_is_refused_also_where_there_is_no_hidden_layer():
    with pytest.raises(ValueError, match="unknown activation 'rellu'"):
        MLP(2, [1], activation="rellu")


def test_softmax_as_an_activation_is_answered_with_where_it_is():
    with pytest.raises(ValueError, match="Softmax is in the loss"):
        MLP(2, [3], output="softmax")


@pytest.mark.parametrize("function", [autograd.softmax, autograd.log_softmax, autograd.logsumexp, autograd.mean])
def test_a_function_of_a_list_is_no_activation(function):
    with pytest.raises(TypeError, match=f"{function.__name__} is a function of a list, and an activation") as caught:
        MLP(2, [3], output=function)
    assert ("Softmax is in the loss: write output='linear'" in str(caught.value)) == ("softmax" in function.__name__)


@pytest.mark.parametrize("activation", [None, 3, ["relu"]])
def test_an_activation_that_is_neither_name_nor_function_is_refused(activation):
    with pytest.raises(TypeError, match="an activation is a name or a function of a Value"):
        Neuron(2, activation=activation)


@pytest.mark.parametrize("name", ["add", "dot", "where", "clip", "sum", "__class__", "backward"])
def test_a_name_that_is_not_a_function_of_one_number_is_no_activation(name):
    with pytest.raises(ValueError, match="unknown activation"):
        Neuron(2, activation=name)


# --- Initialisation --------------------------------------------------------------------------------------------------


def weights_of(layer):
    return [weight.data for neuron in layer.neurons for weight in neuron.w]


@pytest.mark.parametrize(
    ("activation", "init", "variance"),
    [
        ("relu", "he", 2 / 100),
        ("relu", "auto", 2 / 100),
        ("gelu", "auto", 2 / 100),
        ("tanh", "xavier", 2 / (100 + 300)),
        ("tanh", "auto", 2 / (100 + 300)),
        ("linear", "auto", 2 / (100 + 300)),
        ("relu", "micrograd", 1 / 3),
    ],
)
def test_weights_have_the_variance_of_their_initialisation_and_biases_are_zero(activation, init, variance):
    layer = Layer(100, 300, activation, init, rng=0)
    weights = weights_of(layer)
    # The variance of 30,000 draws is off by at most sqrt(2 / 30000) = 0.8% (one standard deviation)
    assert statistics.pvariance(weights) == pytest.approx(variance, rel=0.04)
    assert statistics.fmean(weights) == pytest.approx(0.0, abs=4 * math.sqrt(variance / len(weights)))
    assert [neuron.b.data for neuron in layer.neurons] == [0.0] * 300


def test_xavier_is_uniform_within_its_bound():
    weights = weights_of(Layer(100, 300, "tanh", rng=0))
    bound = math.sqrt(6 / 400)
    assert max(map(abs, weights)) <= bound
    assert sum(weight > bound / 2 for weight in weights) / len(weights) == pytest.approx(0.25, abs=0.02)


def test_the_last_layer_gets_the_initialisation_of_its_own_activation():
    model = MLP(3, [2, 2], rng=7)
    rng = random.Random(7)
    for layer, draw in zip(model.layers, (he, xavier)):
        assert weights_of(layer) == [draw(rng, layer.nin, layer.nout) for _ in range(layer.nin * layer.nout)]


def test_the_same_seed_gives_the_same_network_and_another_seed_another():
    assert data_of(MLP(3, [4, 1], rng=5)) == data_of(MLP(3, [4, 1], rng=5))
    assert data_of(MLP(3, [4, 1], rng=5)) == data_of(MLP(3, [4, 1], rng=random.Random(5)))
    assert data_of(MLP(3, [4, 1], rng=5)) != data_of(MLP(3, [4, 1], rng=6))


def test_a_seed_leaves_pythons_own_random_alone():
    state = random.getstate()
    MLP(3, [4, 1], rng=5)
    assert random.getstate() == state


def test_without_a_source_pythons_own_random_is_used():
    state = random.getstate()
    try:
        random.seed(5)
        first = data_of(MLP(3, [4, 1]))
        random.seed(5)
        second = data_of(MLP(3, [4, 1]))
    finally:
        random.setstate(state)
    assert first == second == data_of(MLP(3, [4, 1], rng=5))


def test_the_neurons_of_a_layer_differ():
    assert len(set(weights_of(Layer(3, 4, rng=0)))) == 12


def test_an_initialisation_may_be_a_function():
    sizes = []

    def init(_rng, nin, nout):
        sizes.append((nin, nout))
        return float(len(sizes))

    model = MLP(2, [2, 1], init=init)
    assert sizes == [(2, 2)] * 4 + [(2, 1)] * 2
    assert data_of(model) == [1.0, 2.0, 0.0, 3.0, 4.0, 0.0, 5.0, 6.0, 0.0]


def test_an_unknown_initialisation_is_refused_with_the_names_of_all():
    with pytest.raises(ValueError, match="unknown initialisation 'kaiming': write one of auto, he, xavier, micrograd"):
        Neuron(2, init="kaiming")


@pytest.mark.parametrize("rng", ["seed", 1.5, np.random.default_rng(0)])
def test_a_source_of_another_kind_is_refused(rng):
    with pytest.raises(TypeError, match="rng is a seed"):
        MLP(2, [1], rng=rng)


def micrograd_weights(nin, nouts, rng):
    sizes = [nin, *nouts]
    for fan_in, fan_out in zip(sizes, nouts):
        for _ in range(fan_out):
            yield from [rng.uniform(-1, 1) for _ in range(fan_in)]
            yield 0.0


def test_micrograds_initialisation_draws_in_micrograds_order():
    assert data_of(MLP(2, [3, 4, 1], init="micrograd", rng=1337)) == list(
        micrograd_weights(2, [3, 4, 1], random.Random(1337))
    )
    assert data_of(MLP(2, [1], init="micrograd", rng=1337)) == [0.23550571390294128, 0.06653114721000164, 0.0]


def test_micrograds_initialisation_gives_the_weights_of_micrograd_itself():
    micrograd = pytest.importorskip(
        "micrograd.nn", reason='NOT TESTED, micrograd is missing: pip install ".[benchmark]"'
    )
    state = random.getstate()
    try:
        random.seed(1337)
        theirs = micrograd.MLP(2, [16, 16, 1]).parameters()
        random.seed(1337)
        ours = MLP(2, [16, 16, 1], init="micrograd").parameters()
    finally:
        random.setstate(state)
    assert [p.data for p in ours] == [p.data for p in theirs]


# --- A neuron is one dot node ----------------------------------------------------------------------------------------


def test_a_pre_activation_is_one_dot_node_of_bias_weights_and_inputs():
    neuron = Neuron(2, activation="tanh", rng=0)
    x = [Value(1.5), Value(-2.5)]
    a = neuron(x)
    assert a.primitive.name == "tanh"
    (z,) = a.parents
    assert z.primitive.name == "dot"
    bias, first, second, one, *inputs = z.parents
    assert bias is neuron.b
    assert first is neuron.w[0]
    assert second is neuron.w[1]
    assert one.data == 1.0
    assert inputs[0] is x[0]
    assert inputs[1] is x[1]
    assert z.local_derivatives == (1.0, 1.5, -2.5, None, neuron.w[0].data, neuron.w[1].data)


def test_a_weights_gradient_does_not_leak_into_later_passes_through_the_shared_constant():
    model = MLP(2, [3, 2, 1], activation="tanh", rng=0)
    first, second = model.forward([1.0, 2.0]), model.forward([3.0, 4.0])
    first.output.backward()
    grads = [p.grad for p in model.parameters()]
    model.zero_grad()
    second.output.backward()
    model.zero_grad()
    first.output.backward()
    assert [p.grad for p in model.parameters()] == grads


# --- The four fundamental equations (Nielsen, chapter 2) against a recursion in NumPy --------------------------------

NUMPY = {
    "sigmoid": (lambda z: 1 / (1 + np.exp(-z)), lambda z: np.exp(-z) / (1 + np.exp(-z)) ** 2),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "relu": (lambda z: np.maximum(z, 0), lambda z: (z > 0).astype(float)),
    "linear": (lambda z: z, np.ones_like),
}


@pytest.mark.parametrize("activation", NUMPY)
@pytest.mark.parametrize("output", NUMPY)
def test_gradients_of_z_and_a_obey_the_four_fundamental_equations(activation, output):
    rng = np.random.default_rng(3)
    sizes = [3, 4, 5, 2]
    model = MLP(3, sizes[1:], activation, output, rng=3)
    for layer in model.layers:
        for neuron in layer.neurons:
            neuron.b.data = rng.normal()
    x, y = rng.normal(size=3), rng.normal(size=2)
    passed = model.forward(x)
    half_squared_error(passed.output, y.tolist()).backward()

    W = [np.array([[w.data for w in neuron.w] for neuron in layer.neurons]) for layer in model.layers]
    b = [np.array([neuron.b.data for neuron in layer.neurons]) for layer in model.layers]
    functions = [NUMPY[activation]] * 2 + [NUMPY[output]]
    a, z = [x], []
    for weights, bias, (function, _) in zip(W, b, functions):
        z.append(weights @ a[-1] + bias)
        a.append(function(z[-1]))
    deltas = [(a[-1] - y) * functions[-1][1](z[-1])]  # BP1
    for k in (1, 0):
        deltas.insert(0, (W[k + 1].T @ deltas[0]) * functions[k][1](z[k]))  # BP2

    close = {"rtol": 1e-12, "atol": 1e-12}
    for k, (layer, delta) in enumerate(zip(model.layers, deltas)):
        np.testing.assert_allclose([value.data for value in passed.z[k]], z[k], **close)
        np.testing.assert_allclose([value.data for value in passed.a[k]], a[k + 1], **close)
        np.testing.assert_allclose([value.grad for value in passed.z[k]], delta, **close)
        np.testing.assert_allclose([neuron.b.grad for neuron in layer.neurons], delta, **close)  # BP3
        gradients = [[w.grad for w in neuron.w] for neuron in layer.neurons]
        np.testing.assert_allclose(gradients, np.outer(delta, a[k]), **close)  # BP4
    for k in (0, 1):
        np.testing.assert_allclose([value.grad for value in passed.a[k]], W[k + 1].T @ deltas[k + 1], **close)


def test_forward_hands_back_what_the_call_returns():
    model = MLP(2, [3, 2], rng=0)
    passed = model.forward([1.0, 2.0])
    assert [[len(part) for part in parts] for parts in (passed.z, passed.a)] == [[3, 2], [3, 2]]
    assert [value.data for value in passed.output] == [value.data for value in model([1.0, 2.0])]
    assert all(out is a for out, a in zip(passed.output, passed.a[-1]))


# --- Copies and pickles ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))], ids=["deepcopy", "pickle"]
)
@pytest.mark.parametrize("activation", ["relu", "tanh", "leaky_relu", "identity", "linear"])
@pytest.mark.parametrize("output", ["linear", "sigmoid"])
def test_a_copy_computes_the_same_and_shares_nothing(duplicate, activation, output):
    model = MLP(2, [3, 1], activation, output, rng=0)
    other = duplicate(model)
    assert repr(other) == repr(model)
    assert other.state_dict() == model.state_dict()
    assert other([0.5, -1.0]).data == model([0.5, -1.0]).data
    assert not set(other.parameters()) & set(model.parameters())
    before = data_of(model)
    other([0.5, -1.0]).backward()
    for parameter in other.parameters():
        parameter.data += 1.0
    assert data_of(model) == before
    assert [p.grad for p in model.parameters()] == [0.0] * len(before)


def test_results_that_are_kept_are_no_parameters():
    class Remembers(Module):
        def __init__(self):
            self.w = Value(1.0)

        def __call__(self, x):
            self.last = self.w * x[0]
            self.target = self.last.detach()
            return self.last

    model = Remembers()
    nn.predict(model, [[1.0]])
    assert list(model.state_dict()) == ["w"]


def test_values_in_numpy_arrays_are_parameters():
    class Holds(Module):
        def __init__(self):
            self.W = np.array([[Value(1.0), Value(2.0)], [Value(3.0), Value(4.0)]])
            self.scale = np.array([1.0, 2.0])

    assert Holds().state_dict() == {"W.0.0": 1.0, "W.0.1": 2.0, "W.1.0": 3.0, "W.1.1": 4.0}
