"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from autograd import Value, draw_dot, explore
from autograd.files import write_whole

NOT_PATHS = [True, 1, None, 2.0, ["page.html"]]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(folder):
    return sorted(os.listdir(folder))


def test_text_is_written_as_it_is(folder):
    write_whole("a.txt", "é\r\n\n")
    write_whole(folder / "b.txt", b"\x00\xff")
    assert (folder / "a.txt").read_bytes() == "é\r\n\n".encode()
    assert (folder / "b.txt").read_bytes() == b"\x00\xff"
    assert names(folder) == ["a.txt", "b.txt"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_permissions_stay_what_they_were_and_new_ones_are_the_usual(folder):
    for mode in (0o600, 0o640, 0o777):
        (folder / "old").write_text("old")
        (folder / "old").chmod(mode)
        write_whole("old", "new")
        assert stat.S_IMODE((folder / "old").stat().st_mode) == mode
        assert (folder / "old").read_text() == "new"
    before = os.umask(0o027)
    try:
        write_whole("fresh", "new")
    finally:
        os.umask(before)
    assert stat.S_IMODE((folder / "fresh").stat().st_mode) == 0o640


@pytest.mark.skipif(os.name == "nt", reason="Windows lets few people make symbolic links")
def test_of_a_symbolic_link_the_target_is_replaced(folder):
    (folder / "there").mkdir()
    (folder / "there" / "target").write_text("old")
    (folder / "link").symlink_to(Path("there") / "target")
    (folder / "dangling").symlink_to(Path("there") / "to be")
    write_whole("link", "new")
    write_whole("dangling", "made")
    assert (folder / "link").is_symlink()
    assert (folder / "there" / "target").read_text() == "new"
    assert (folder / "there" / "to be").read_text() == "made"
    assert names(folder / "there") == ["target", "to be"]


def test_of_several_hard_links_this_one_is_replaced(folder):
    (folder / "old").write_text("old")
    os.link(folder / "old", folder / "page.html")
    write_whole("page.html", "new")
    assert (folder / "page.html").read_text() == "new"
    assert (folder / "old").read_text() == "old"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")
def test_what_is_no_regular_file_stays_what_it_is(folder):
    os.mkfifo(folder / "pipe")
    for path in ("pipe", os.devnull):
        with pytest.raises(OSError, match="no regular file.*" + path):
            write_whole(path, "text")
    assert stat.S_ISFIFO((folder / "pipe").stat().st_mode)
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)
    assert names(folder) == ["pipe"]


@pytest.mark.parametrize("path", ["", "."])
def test_a_folder_is_no_file(folder, path):
    with pytest.raises(IsADirectoryError):
        write_whole(path, "text")
    assert names(folder) == []


def test_a_folder_that_is_not_there_is_named_as_it_was_given(folder):
    with pytest.raises(FileNotFoundError) as caught:
        write_whole(os.path.join("nowhere", "page.html"), "text")
    assert caught.value.filename == os.path.join("nowhere", "page.html")
    assert "unfinished" not in str(caught.value)
    assert names(folder) == []


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root, and Windows, may write anything")
def test_a_file_that_is_protected_is_not_replaced(folder):
    (folder / "precious").write_text("old")
    (folder / "precious").chmod(0o444)
    with pytest.raises(PermissionError):
        write_whole("precious", "new")
    assert (folder / "precious").read_text() == "old"


@pytest.mark.parametrize("where", ["os.replace", "os.chmod"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_what_goes_wrong_leaves_the_old_file_and_no_other(folder, monkeypatch, where, error):
    (folder / "page.html").write_text("old")

    def fail(*_):
        raise error

    monkeypatch.setattr(where, fail)
    with pytest.raises((KeyboardInterrupt, OSError)):
        write_whole("page.html", "new")
    assert names(folder) == ["page.html"]
    assert (folder / "page.html").read_text() == "old"


def test_text_that_cannot_be_encoded_leaves_the_old_file(folder):
    (folder / "page.html").write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write_whole("page.html", "half \ud800 of a pair")
    assert (folder / "page.html").read_text() == "old"


def test_threads_that_write_one_file_do_not_meet(folder):
    failures = []

    def write(k):
        try:
            for _ in range(20):
                write_whole("page.html", str(k) * 1000)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if os.name != "nt":  # where a file that is just being replaced is locked
        assert failures == []
    assert len(set((folder / "page.html").read_text())) == 1
    assert names(folder) == ["page.html"]


# --- Who writes files -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", NOT_PATHS, ids=repr)
def test_a_path_is_a_string_or_a_path(folder, path):
    picture = draw_dot(Value(1.0))
    writers = [lambda: write_whole(path, "text")]
    if path is not None:
        writers += [
            lambda: explore(Value(1.0)).to_html(path),
            lambda: picture.save(path),
            lambda: picture.save("graph", path),
            lambda: picture.render(path),
            lambda: picture.render("graph", path),
            lambda: picture.render(outfile=path),
            lambda: picture.render(path, renderer="cairo"),
        ]
    for write in writers:
        with pytest.raises(TypeError, match=f"a path is a string or a pathlib.Path, got {type(path).__name__}"):
            write()
    assert names(folder) == []
    os.fstat(1)  # standard output is still open


def test_a_page_keeps_its_place_until_the_new_one_is_whole(folder, monkeypatch):
    page = explore(Value(1.0, label="x")).to_html("page.html")
    monkeypatch.setattr("os.replace", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        explore(Value(2.0, label="y")).to_html("page.html")
    assert (folder / "page.html").read_bytes() == page.encode()
    assert names(folder) == ["page.html"]
