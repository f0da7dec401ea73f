"""Every notebook runs from its first cell to its last and says what is committed, which is light."""

import re
from pathlib import Path

import pytest

nbclient = pytest.importorskip("nbclient", reason='NOT TESTED, nbclient is missing: pip install ".[notebook]"')
nbformat = pytest.importorskip("nbformat", reason='NOT TESTED, nbformat is missing: pip install ".[notebook]"')

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))


def said(notebook):
    """What each cell of code printed, and its results as text, but for what differs from one machine to another."""
    for cell in notebook.cells:
        outputs = cell.outputs if cell.cell_type == "code" else []
        printed = "".join(output.text for output in outputs if output.get("name") == "stdout")
        results = [output.data.get("text/plain", "") for output in outputs if "data" in output]
        yield cell.source, [same_everywhere(text) for text in (printed, *results)]


def same_everywhere(text):
    text = re.sub(r"0x[0-9a-f]+", "an address", text)
    text = re.sub(r"\S*ipykernel_\d+\S+\.py", "a cell", text)
    text = re.sub(r"\b\d+(\.\d+)? (s|ms|µs)\b", "some time", text)
    return re.sub(r"-?\d+\.\d{10,}(e-?\d+)?", lambda number: f"{float(number[0]):.9g}", text)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
@pytest.mark.filterwarnings("ignore")
def test_notebook_runs_and_says_what_is_committed(path, tmp_path):
    notebook = nbformat.read(path, as_version=4)
    committed = list(said(notebook))
    client = nbclient.NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()
    assert list(said(notebook)) == committed, "python notebooks/run.py, and look at what is new"


def test_what_differs_between_machines_is_not_compared():
    one = "<X at 0x7f01>, -inf (/tmp/ipykernel_1/22.py, line 6), 1.0144211630518523 in 12.5 ms"
    other = "<X at 0x7f32>, -inf (/tmp/ipykernel_9/33.py, line 6), 1.0144211630518507 in 3 ms"
    assert same_everywhere(one) == same_everywhere(other)
    assert same_everywhere("loss 0.8958 -> 0.1") != same_everywhere("loss 0.8959 -> 0.1")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_committed_outputs_are_light_and_whole(path):
    notebook = nbformat.read(path, as_version=4)
    assert path.stat().st_size < 1_000_000
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert outputs
    assert not [output for output in outputs if output.output_type == "error"]
    assert not [output for output in outputs if output.get("name") == "stderr"]
