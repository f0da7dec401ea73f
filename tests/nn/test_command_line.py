"""`python -m nn`: what it writes and says, what it refuses, and that Ctrl-C keeps the model."""

import os
import re
import signal
import subprocess
import sys

import pytest

import autograd
import nn
import nn.demos.command_line
from nn import MLP, evaluate
from nn.data import digits, moons
from nn.demos.command_line import main

pytestmark = pytest.mark.sampled(every=2)

pytest.importorskip("sklearn")
pytest.importorskip("matplotlib")
pytest.importorskip("tqdm")

SIGNATURES = {".png": b"\x89PNG\r\n", ".svg": b"<?xml", ".json": b"{"}


def run(*arguments, cwd):
    return subprocess.run(
        [sys.executable, "-m", "nn", *arguments],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": os.path.dirname(nn.__path__[0])},
        capture_output=True,
        text=True,
        timeout=600,
    )


def assert_files(directory, names):
    """Exactly these files, each of the kind that its name says."""
    assert sorted(os.listdir(directory)) == sorted(names)
    for name in names:
        content = (directory / name).read_bytes()
        assert content.startswith(SIGNATURES[os.path.splitext(name)[1]]), name


# --- Training --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def moons_run(tmp_path_factory):
    """A training that writes all it can, and where it was started."""
    directory = tmp_path_factory.mktemp("moons")
    return run("moons", "--epochs", "3", "--out", "new/pictures", "--explore", "out.html", cwd=directory), directory


@pytest.fixture
def without_pictures(monkeypatch):
    """Pictures take longer than the training; two tests look at them."""
    for name in ("_save", "_save_graph"):
        monkeypatch.setattr(nn.demos.command_line, name, lambda *_: "a picture")


def test_moons_trains_and_writes_and_names_its_pictures(moons_run):
    finished, directory = moons_run
    assert finished.returncode == 0, finished.stderr
    out = directory / "new" / "pictures"
    names = ["moons-learning-curves.png", "moons-decision-boundary.png", "moons-graph-of-one-loss.svg"]
    assert_files(out, [*names, "moons-model.json"])
    for name in [*names, "moons-model.json"]:
        assert os.path.join("new/pictures", name) in finished.stdout
    assert "337 parameters" in finished.stdout
    assert "History of 3 epochs: loss 0.8958 ->" in finished.stdout
    assert re.search(r"\d+\.\d% of the points are on the right side", finished.stdout)
    assert "3/3" in finished.stderr
    assert "Traceback" not in finished.stderr


def test_moons_writes_a_page_that_steps_through_a_loss(moons_run):
    finished, directory = moons_run
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.endswith("The explorer: out.html\n")
    page = (directory / "out.html").read_text(encoding="utf-8")
    assert page.lower().startswith("<!doctype html>")
    assert "Two half moons: the cross-entropy of one point" in page
    assert len(page) < 150_000


def test_digits_has_no_page_to_explore(tmp_path):
    finished = run("digits", "--explore", "out.html", cwd=tmp_path)
    assert finished.returncode == 2
    assert "unrecognized arguments: --explore out.html" in finished.stderr


def test_digits_trains_and_writes_and_names_its_pictures(tmp_path, capsys):
    assert main(["digits", "--epochs", "1", "--hidden", "8", "--out", str(tmp_path)]) == 0
    shown = capsys.readouterr()
    names = ["digits-learning-curves.png", "digits-predictions.png", "digits-graph-of-one-loss.svg"]
    assert_files(tmp_path, [*names, "digits-model.json"])
    for name in [*names, "digits-model.json"]:
        assert str(tmp_path / name) in shown.out
    assert "MLP(64, [8, 10]" in shown.out
    assert "610 parameters" in shown.out
    model = MLP(64, [8, 10], rng=1)
    model.load(tmp_path / "digits-model.json")
    data = digits()
    loss, share = evaluate(model, data.test_x, data.test_y)
    assert f"{share:.1%} of 360 held-out digits are read right (loss {loss:.4f})" in shown.out


@pytest.mark.usefixtures("without_pictures")
def test_the_saved_model_is_the_trained_one(tmp_path, capsys):
    assert main(["moons", "--epochs", "5", "--hidden", "6", "--lr", "0.5", "--seed", "3", "--out", str(tmp_path)]) == 0
    model = MLP(2, [6, 1], rng=0)
    model.load(tmp_path / "moons-model.json")
    loss, share = evaluate(model, *moons(seed=3), loss="hinge")
    assert f"{share:.1%} of the points are on the right side (hinge loss {loss:.4f})" in capsys.readouterr().out


@pytest.mark.usefixtures("without_pictures")
def test_the_same_seed_gives_the_same_output_again(tmp_path, capsys):
    outputs = []
    for seed in ("3", "3", "4"):
        assert main(["moons", "--epochs", "2", "--hidden", "4", "--seed", seed, "--out", str(tmp_path)]) == 0
        outputs.append((capsys.readouterr().out, (tmp_path / "moons-model.json").read_text()))
    assert outputs[0] == outputs[1] != outputs[2]


@pytest.mark.usefixtures("without_pictures")
def test_compiled_and_eager_training_say_so_and_give_the_same_model(tmp_path, capsys):
    pytest.importorskip("llvmlite")
    models = []
    for options, line in (([], "Compiled to native code."), (["--eager"], "Training eagerly: as asked for")):
        assert main(["moons", "--epochs", "5", "--hidden", "4", *options, "--out", str(tmp_path)]) == 0
        shown = capsys.readouterr()
        assert shown.out.split("\n")[2] == line
        assert ("eager: 100%" if options else "compiled: 100%") in shown.err
        models.append(MLP(2, [4, 1], rng=0))
        models[-1].load(tmp_path / "moons-model.json")
    compiled, eager = (model.state_dict() for model in models)
    assert compiled == pytest.approx(eager, rel=1e-10)


@pytest.mark.usefixtures("without_pictures")
def test_without_llvmlite_one_line_says_what_to_install(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "llvmlite", None)
    monkeypatch.setattr(nn.train.progress, "_said", set())
    assert main(["moons", "--epochs", "1", "--hidden", "4", "--out", str(tmp_path)]) == 0
    shown = capsys.readouterr()
    line = shown.out.split("\n")[2]
    assert line.startswith("Training eagerly: llvmlite is not installed")
    assert 'pip install ".[compile]"' in line
    assert "llvmlite" not in shown.err


@pytest.mark.usefixtures("without_pictures")
@pytest.mark.parametrize("hidden", ["3", "3,2", ""])
def test_sizes_of_the_hidden_layers(hidden, tmp_path, capsys):
    assert main(["moons", "--epochs", "0", "--hidden", hidden, "--out", str(tmp_path)]) == 0
    sizes = ", ".join([*filter(None, hidden.split(",")), "1"])
    shown = capsys.readouterr().out
    assert f"MLP(2, [{sizes}]" in shown
    assert "History of 0 epochs" in shown


@pytest.mark.usefixtures("without_pictures")
def test_digits_are_read_by_the_network_of_the_default_options(tmp_path, capsys):
    assert main(["digits", "--out", str(tmp_path)]) == 0
    match = re.search(r"([\d.]+)% of 360 held-out digits are read right", capsys.readouterr().out)
    assert float(match[1]) >= 95.0


# --- Help and what is refused ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["digits", "moons"])
def test_help_of_a_command_names_all_options_and_their_defaults(command, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([command, "--help"])
    assert stopped.value.code == 0
    shown = capsys.readouterr().out
    for option in ("--epochs N", "--seed N", "--lr RATE", "--hidden SIZES", "--eager", "--out DIR"):
        assert option in shown
    assert shown.count("(default ") == 5


def test_help_names_the_commands(tmp_path):
    finished = run("--help", cwd=tmp_path)
    assert (finished.returncode, finished.stderr) == (0, "")
    assert "digits" in finished.stdout
    assert "moons" in finished.stdout
    assert "Ctrl-C" in finished.stdout


REFUSED = [
    (["--epochs", "-1"], "--epochs: wants an integer of at least 0, got '-1'"),
    (["--epochs", "1.5"], "--epochs: wants an integer of at least 0, got '1.5'"),
    (["--epochs", "many"], "--epochs: wants an integer of at least 0, got 'many'"),
    (["--epochs", "²"], "--epochs: wants an integer of at least 0, got '²'"),
    (["--epochs", ""], "--epochs: wants an integer of at least 0, got ''"),
    (["--epochs"], "--epochs: expected one argument"),
    (["--seed", "x"], "--seed: wants an integer of at least 0, got 'x'"),
    (["--seed", "-1"], "--seed: wants an integer of at least 0, got '-1'"),
    (["--lr", "0"], "--lr: wants a number above 0, got '0'"),
    (["--lr", "-0.1"], "--lr: wants a number above 0, got '-0.1'"),
    (["--lr", "x"], "--lr: wants a number above 0, got 'x'"),
    (["--lr", "nan"], "--lr: wants a number above 0, got 'nan'"),
    (["--lr", "inf"], "--lr: wants a number above 0, got 'inf'"),
    (["--hidden", "a,b"], "--hidden: wants sizes such as 16,16, got 'a,b'"),
    (["--hidden", "0"], "--hidden: wants sizes such as 16,16, got '0'"),
    (["--hidden", "16,,16"], "--hidden: wants sizes such as 16,16, got '16,,16'"),
    (["--hidden", "16,-1"], "--hidden: wants sizes such as 16,16, got '16,-1'"),
    (["--depth", "3"], "unrecognized arguments: --depth 3"),
    (["more"], "unrecognized arguments: more"),
]


@pytest.mark.parametrize("command", ["digits", "moons"])
@pytest.mark.parametrize(("options", "message"), REFUSED, ids=[" ".join(options) for options, _ in REFUSED])
def test_a_bad_value_is_one_line_and_exit_code_2(command, options, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        main([command, *options])
    shown = capsys.readouterr()
    assert stopped.value.code == 2
    assert shown.out == ""
    assert shown.err.count("\n") == 1
    assert shown.err.startswith("python -m nn")
    assert message in shown.err
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "digits"),
        (["letters"], "invalid choice: 'letters'"),
        (["moons", "--lr", "0"], "--lr: wants a number above 0, got '0'"),
    ],
)
def test_a_bad_command_is_one_line_and_exit_code_2(arguments, message, tmp_path):
    finished = run(*arguments, cwd=tmp_path)
    assert (finished.returncode, finished.stdout) == (2, "")
    assert finished.stderr.count("\n") == 1
    assert message in finished.stderr
    assert os.listdir(tmp_path) == []


def assert_one_line(stream, *parts):
    lines = stream.rstrip("\n").split("\n")
    assert len(lines) == 1
    for part in parts:
        assert part in lines[0]


def test_a_directory_that_cannot_be_made_is_one_line_and_exit_code_1(tmp_path, capsys):
    (tmp_path / "taken").write_text("a file")
    assert main(["moons", "--epochs", "0", "--out", str(tmp_path / "taken")]) == 1
    assert_one_line(capsys.readouterr().err, "python -m nn moons: ", "taken", "write --out with a place that can be")


def test_a_place_that_cannot_be_written_is_noticed_before_the_training(tmp_path, capsys, monkeypatch):
    def no_training(*_, **__):
        raise AssertionError("it was trained")

    monkeypatch.setattr("nn.demos.command_line.fit", no_training)
    (tmp_path / "moons-model.json").mkdir()
    assert main(["moons", "--out", str(tmp_path)]) == 1
    assert_one_line(capsys.readouterr().err, "Is a directory: ", "moons-model.json': write --out with")
    assert main(["moons", "--out", str(tmp_path / "new"), "--explore", str(tmp_path / "absent" / "a.html")]) == 1
    assert_one_line(capsys.readouterr().err, "absent", "write --explore with")

    def refused(path, *_):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "open", refused)  # as for a directory of somebody else
    assert main(["moons", "--out", str(tmp_path / "new")]) == 1
    assert_one_line(capsys.readouterr().err, "Permission denied", "moons-model.json", "write --out with")
    assert os.listdir(tmp_path / "new") == []


@pytest.mark.parametrize("command", ["digits", "moons"])
def test_a_data_set_that_is_missing_is_one_line_and_exit_code_1(command, tmp_path, capsys, monkeypatch):
    for module in ("sklearn", "sklearn.datasets", "sklearn.model_selection"):
        monkeypatch.setitem(sys.modules, module, None)
    assert main([command, "--out", str(tmp_path)]) == 1
    assert_one_line(capsys.readouterr().err, f"python -m nn {command}: ", 'pip install ".[data]"')


def test_a_loss_that_explodes_ends_in_one_message_and_exit_code_1(tmp_path, capsys):
    assert main(["moons", "--epochs", "5", "--lr", "1e300", "--out", str(tmp_path)]) == 1
    last = capsys.readouterr().err.rstrip("\n").split("\n")[-1]
    assert last.startswith("python -m nn moons: the loss became")


def test_the_model_is_kept_where_a_picture_cannot_be_made(tmp_path, capsys, monkeypatch):
    def no_layout(_root):
        raise RuntimeError("no program to lay out graphs")

    monkeypatch.setattr(autograd, "draw_dot", no_layout)
    assert main(["moons", "--epochs", "1", "--hidden", "3", "--out", str(tmp_path)]) == 1
    shown = capsys.readouterr()
    assert shown.err.rstrip("\n").split("\n")[-1] == "python -m nn moons: no program to lay out graphs"
    model = MLP(2, [3, 1], rng=0)
    model.load(tmp_path / "moons-model.json")
    assert evaluate(model, *moons(), loss="hinge")[0] > 0


@pytest.mark.parametrize("seed", ["4294967296", "99999999999999999999"])
def test_a_seed_may_be_large_or_is_refused_in_one_line(seed, tmp_path):
    finished = run("moons", "--epochs", "0", "--hidden", "2", "--seed", seed, "--out", ".", cwd=tmp_path)
    assert "Traceback" not in finished.stderr
    assert finished.returncode in (0, 2)


# --- Ctrl-C ----------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.sampled(every=4)
@pytest.mark.parametrize(
    ("command", "options"),
    [(command, options) for command in ("moons", "digits") for options in ([], ["--eager"])],
)
def test_ctrl_c_ends_the_training_and_keeps_the_model(command, options, tmp_path):
    ours = signal.signal(signal.SIGINT, signal.default_int_handler)  # a child inherits it where it is ignored
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "nn", command, "--epochs", "1000000", "--hidden", "4", *options, "--out", tmp_path],
            env=os.environ | {"PYTHONPATH": os.path.dirname(nn.__path__[0])},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    finally:
        signal.signal(signal.SIGINT, ours)
    with process:
        try:
            shown = b""
            while b"loss" not in shown:  # in the progress bar, after the first epoch
                part = process.stderr.read1()
                assert part, shown.decode()
                shown += part
            process.send_signal(signal.SIGINT)
            out, rest = process.communicate(timeout=600)
        finally:
            process.kill()
    assert process.returncode == 130
    assert b"Traceback" not in shown + rest
    output = out.decode()
    stopped = re.search(r"Stopped after (\d+) whole epochs; what was learned so far is kept", output)
    assert 1 <= int(stopped[1]) < 1000000
    assert f"History of {stopped[1]} epoch" in output
    name = str(tmp_path / f"{command}-model.json")
    assert name in output
    if command == "digits":
        model = MLP(64, [4, 10], rng=0)
    else:
        model = MLP(2, [4, 1], init="micrograd", rng=1337)
    before = model.state_dict()
    model.load(name)
    assert all(number != before[key] for key, number in model.state_dict().items() if ".b" in key)
