"""What fit shows while it trains, and what it says without tqdm and without llvmlite."""

import subprocess
import sys

import pytest
from training import SIGNS, X, data_of, fit, make, trained, warmed_up

import nn
from nn import SGD

# --- Progress --------------------------------------------------------------------------------------------------------


def test_the_progress_bar_says_the_loss_and_the_accuracy(capsys):
    pytest.importorskip("tqdm")
    trained(progress=True)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "3/3" in shown.err
    assert "loss" in shown.err
    assert "accuracy" in shown.err


@pytest.mark.parametrize("progress", [None, False])
def test_without_a_terminal_nothing_is_shown_unless_asked_for(progress, capsys):
    trained(progress=progress)
    assert capsys.readouterr() == ("", "")


def test_a_progress_bar_without_tqdm_says_what_to_install_and_changes_nothing(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    model, optimizer, snapshot = warmed_up()
    with pytest.raises(ModuleNotFoundError, match=r'tqdm.*pip install "\.\[progress\]".*progress=False'):
        fit(model, X, SIGNS, "hinge", optimizer, progress=True)
    snapshot.assert_unchanged()


@pytest.mark.parametrize("progress", [None, False])
def test_without_tqdm_a_terminal_just_shows_nothing(progress, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert trained(progress=progress) == trained()
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("progress", [True, False])
def test_what_the_bar_shows_last_is_the_last_epoch(progress, capsys):
    pytest.importorskip("tqdm")
    model = make()
    history = fit(model, X, SIGNS, "hinge", epochs=200, progress=progress)
    shown = capsys.readouterr().err.rstrip().split("\r")[-1]
    if progress:
        assert shown.startswith("eager: 100%")
        assert shown.endswith(f"loss {history.loss[-1]:.4f}, accuracy {history.accuracy[-1]:.1%}]")
    else:
        assert shown == ""


# --- Without llvmlite ------------------------------------------------------------------------------------------------


@pytest.fixture
def _without_llvmlite(monkeypatch):
    monkeypatch.setitem(sys.modules, "llvmlite", None)
    monkeypatch.setattr(nn.train.progress, "_said", set())


@pytest.mark.usefixtures("_without_llvmlite")
def test_without_llvmlite_training_is_eager_and_says_what_to_install():
    model = make()
    history = fit(model, X, SIGNS, "hinge", SGD(model.parameters(), lr=0.2), epochs=3, progress=False, compiled="auto")
    assert (history.loss, data_of(model)) == trained()
    assert not history.compiled
    assert history.note.startswith("llvmlite is not installed")
    assert history.note.endswith('pip install ".[compile]" in your clone of chainrule')


@pytest.mark.usefixtures("_without_llvmlite")
def test_without_llvmlite_compiled_steps_are_an_error_that_changes_nothing():
    model, optimizer, snapshot = warmed_up()
    with pytest.raises(ModuleNotFoundError, match=r"llvmlite.*pip install"):
        fit(model, X, SIGNS, "hinge", optimizer, compiled=True, progress=False)
    snapshot.assert_unchanged()


@pytest.mark.usefixtures("_without_llvmlite")
@pytest.mark.parametrize(
    ("progress", "terminal", "compiled", "lines"),
    [
        (True, False, "auto", 1),
        (None, True, "auto", 1),
        (None, False, "auto", 0),
        (False, True, "auto", 0),
        (True, True, False, 0),
    ],
)
def test_without_llvmlite_one_line_says_so_where_progress_is_shown(
    progress, terminal, compiled, lines, capsys, monkeypatch
):
    pytest.importorskip("tqdm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    trained(progress=progress, compiled=compiled)
    trained(progress=progress, compiled=compiled)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count('pip install ".[compile]"') == lines
    assert shown.err.startswith("nn.fit: llvmlite is not installed") == bool(lines)


@pytest.mark.usefixtures("_without_llvmlite")
def test_a_terminal_without_tqdm_is_told_as_well(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    trained(progress=None, compiled="auto")
    assert capsys.readouterr().err.count("\n") == 1


def test_llvmlite_that_cannot_be_loaded_is_as_good_as_none(monkeypatch):
    def refuse(_name):
        raise OSError("libz.so: cannot open")

    monkeypatch.setattr(nn.train.steps, "import_module", refuse)
    history = fit(make(), X, SIGNS, "hinge", epochs=1, progress=False, compiled="auto")
    assert (history.compiled, history.note) == (False, "llvmlite cannot be loaded: libz.so: cannot open")


def test_eager_training_imports_neither_numpy_nor_llvmlite():
    code = (
        "import sys; from nn import MLP, fit; fit(MLP(1, [1]), [[1.0]], [1.0], 'mean_squared_error', compiled=False);"
        "assert not {'numpy', 'llvmlite'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
