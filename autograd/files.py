"""Atomic writes: a file is replaced only once the new one is complete."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from contextlib import contextmanager, suppress

from autograd.errors import got

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    Path = str | bytes | os.PathLike[str] | os.PathLike[bytes]


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file so that under its name there is always a whole one: the new one, or whatever was there before.

    It is written beside its place under a name of its own and put there when it is complete. An existing file keeps its
    permissions; of a symbolic link the target is replaced, of several hard links this one alone. A text is written in
    UTF-8 with its line ends as they are. Where there is something else than a regular file, it is an OSError.
    """
    with _unfinished(checked_path(path)) as (name, target, permissions):
        with open(name, "wb") as file:
            file.write(content.encode("utf-8") if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        if permissions is not None:
            os.chmod(name, permissions)
        os.replace(name, target)


def check_writable(path: Path) -> None:
    """Raise the error that writing this file would raise; the file stays as it is.

    Raises:
        TypeError, OSError: as `write_whole`.
    """
    with _unfinished(checked_path(path)):
        pass


def checked_path(path: object) -> str:
    """A path as a string; a TypeError for what is none, as an int, which is one of the process's open files."""
    if isinstance(path, (str, bytes, os.PathLike)):
        return os.fsdecode(path)
    raise TypeError(f'a path is a string or a pathlib.Path, got {got(path)}: write a file\'s name, such as "page.html"')


@contextmanager
def _unfinished(path: str) -> Iterator[tuple[str, str, int | None]]:
    """An empty file beside the one that it is to replace, removed afterwards if it is still there.

    Yields:
        Its name, the name that it is to get, and the permissions of the file that is there; None if there is none.
    """
    try:
        target = os.path.realpath(path)
        permissions = _permissions(target)
        name = os.path.join(os.path.dirname(target), f".{secrets.token_hex(8)}.unfinished")
        try:
            # unreadable to others where it replaces a file: that one may have been private
            os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666 if permissions is None else 0o600))
            yield name, target, permissions
        finally:
            with suppress(FileNotFoundError):
                os.remove(name)
    except OSError as error:  # under the name that the caller knows
        raise type(error)(error.errno, error.strerror, path) from None


def _permissions(target: str) -> int | None:
    """Those of the file that is there; None if there is none."""
    try:
        mode = os.stat(target).st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "This is no regular file, which alone can be replaced by a whole one")
    if not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    return stat.S_IMODE(mode)
