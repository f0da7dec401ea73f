"""Files that are written whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from contextlib import suppress


def write_whole(path: str | os.PathLike[str], content: str | bytes) -> None:
    """Write a file so that under its name there is always a whole one: the new one, or whatever was there before.

    It is written beside its place under a name of its own and put there when it is complete. An existing file keeps its
    permissions; of a symbolic link the target is replaced, of several hard links this one alone.

    Args:
        path: where. There may be a file, which has to be a regular one.
        content: bytes, or a text, which is written in UTF-8 with its line ends as they are.

    Raises:
        TypeError: the path is neither a string nor a path object.
        OSError: the file cannot be written, or what is there is no regular file. All is then as it was before.

    Example:
        >>> from pathlib import Path
        >>> write_whole("two_lines.txt", "one\\ntwo\\n")
        >>> Path("two_lines.txt").read_bytes()
        b'one\\ntwo\\n'
    """
    written = content.encode("utf-8") if isinstance(content, str) else content
    checked_path(path)
    try:
        target = os.path.realpath(path)
        permissions = _permissions(target)
        unfinished = os.path.join(os.path.dirname(target), f".{secrets.token_hex(8)}.unfinished")
        try:
            mode = 0o666 if permissions is None else permissions
            with open(unfinished, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
                file.write(written)
            if permissions is not None:
                os.chmod(unfinished, permissions)
            os.replace(unfinished, target)
        except BaseException:
            with suppress(FileNotFoundError):
                os.remove(unfinished)
            raise
    except OSError as error:  # under the name that the caller knows
        raise OSError(error.errno, error.strerror, os.fspath(path)) from None


def checked_path(path: object) -> str:
    """A path as a string.

    Raises:
        TypeError: it is neither a string nor a path object. An int in particular is one of the process's open files.

    Example:
        >>> from pathlib import PurePosixPath
        >>> checked_path(PurePosixPath("pages") / "loss.html")
        'pages/loss.html'
    """
    plain = os.fspath(path) if isinstance(path, os.PathLike) else path
    if isinstance(plain, str):
        return plain
    got = f"{type(path).__name__} {path!r}" if isinstance(path, (int, float, bytes)) else type(path).__name__
    raise TypeError(f'a path is a string or a pathlib.Path, got {got}: write a file\'s name, such as "page.html"')


def _permissions(target: str) -> int | None:
    """Those of the file that is there; None where there is none."""
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
