"""States and files: what is saved is loaded exactly, and what cannot be loaded changes nothing."""

import errno
import json
import math
import os
import pickle
import stat
from math import inf, nan

import pytest
from training import data_of

from nn import MLP, Neuron

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
