"""A file of one JSON line each, on a disk or in a bucket."""

from __future__ import annotations

import errno
import importlib
import os
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from destination_mailchimp.failures import SyncFailure
from mailchimp_api.masking import mask


class LinesFile:
    """``target`` is a path or a bucket URL, ``option`` the option that names it, for messages.

    A file is appended to and flushed with every line. A bucket can't be appended to: each sync makes an object
    of its own, with the time in its name, complete when the sync has ended.
    Raises SyncFailure if the target can't be opened.
    """

    def __init__(self, target: str, option: str) -> None:
        self._option = option
        self._local = "://" not in target
        self._file: BinaryIO | None = _open(target, option)

    def append(self, line: dict[str, Any]) -> None:
        """Write one line, whatever it holds. Raises SyncFailure if the file can't be written any more."""
        assert self._file is not None
        try:
            self._file.write(_dump(line) + b"\n")
            if self._local:
                self._file.flush()
        except Exception as error:
            # Each kind of bucket raises errors of its own.
            raise SyncFailure(f"{self._option} can't be written ({_cause(error)}).", "transient_error") from error

    def close(self) -> None:
        """Finish the file; in a bucket it is there only now. Raises SyncFailure if it can't be finished."""
        file, self._file = self._file, None
        if file is None:
            return
        try:
            file.close()
        except Exception as error:
            # Each kind of bucket raises errors of its own.
            raise SyncFailure(
                f"{self._option} can't be finished ({type(error).__name__}). Records of this sync may be missing from "
                "it; the accounting in the log says how many there were.",
                "transient_error",
            ) from error


def check_target(target: str, option: str) -> None:
    """Raise SyncFailure if the target can't be used here at all, as far as that shows. Opens and writes nothing."""
    if "://" in target:
        _check_bucket(target, option)
    else:
        _check_path(Path(target), option)


def _check_path(path: Path, option: str) -> None:
    if path.is_dir():
        raise _unwritable(path, option, IsADirectoryError())
    if path.exists():
        if not os.access(path, os.W_OK):
            raise _unwritable(path, option, PermissionError())
        return
    # The folders that are missing are made when the file is opened.
    folder = next(folder for folder in path.absolute().parents if folder.exists())
    if not folder.is_dir():
        raise _unwritable(path, option, NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)))
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _unwritable(path, option, PermissionError())


def _check_bucket(target: str, option: str) -> None:
    fsspec = _module_for_buckets(option)
    scheme, _, rest = target.rpartition("::")[2].partition("://")
    if not rest:
        raise SyncFailure(f"{option} names no bucket.")
    try:
        fsspec.get_filesystem_class(scheme)
    except ImportError as error:
        raise SyncFailure(
            f"{option} is a URL that begins with {scheme}://, and what opens such URLs is not installed here: "
            f"{mask(str(error)).rstrip('.')}. In a container, that takes an image of your own."
        ) from None
    except ValueError:
        raise SyncFailure(
            f"{option} is a URL that begins with {scheme}://, which nothing here can open. Give a path, or the URL of "
            "a bucket such as s3://bucket/rejects.jsonl."
        ) from None


def _unwritable(path: Path, option: str, error: OSError) -> SyncFailure:
    """What a person can do about a path that can't be written."""
    shown = mask(str(path))
    if isinstance(error, IsADirectoryError):
        return SyncFailure(f"{option}: {shown} is a folder. Give the path of a file in it.")
    if isinstance(error, PermissionError):
        user = f" (uid {os.getuid()})" if hasattr(os, "getuid") else ""
        return SyncFailure(
            f"{option}: this user{user} may not write {shown}. Give it the right to, or name another path; in a "
            "container, one in a folder that is mounted and that uid 1000 may write to."
        )
    return SyncFailure(f"{option}: {shown} can't be written ({_cause(error)}). Give the path of a file that can be.")


def _dump(line: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(line)
    except (TypeError, ValueError):
        return orjson.dumps({name: _plain(value) for name, value in line.items()})


def _plain(value: Any) -> Any:
    """The value, or where JSON can't hold it (too large, too deep) its text: better inexact than lost."""
    try:
        orjson.dumps(value)
    except (TypeError, ValueError):
        try:
            return repr(value)
        except (RecursionError, ValueError):
            return "can't be shown"
    return value


def _cause(error: Exception) -> str:
    """What was the matter, without the path or address that an error's own text may hold."""
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__


def _module_for_buckets(option: str) -> Any:
    try:
        return importlib.import_module("fsspec")
    except ImportError:
        raise SyncFailure(
            f"{option} is a bucket URL, for which the package must be installed with its extra: "
            "destination-mailchimp[buckets]."
        ) from None


def _open(target: str, option: str) -> BinaryIO:
    if "://" not in target:
        path = Path(target)
        _check_path(path, option)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Made for its owner alone: it holds personal data. One that is there keeps its mode.
            return os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab")
        except OSError as error:
            raise _unwritable(path, option, error) from None
    _check_bucket(target, option)
    fsspec = _module_for_buckets(option)
    stamp = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    head, dot, ending = target.rpartition(".")
    name = f"{head}-{stamp}.{ending}" if dot and "/" not in ending else f"{target}-{stamp}"
    try:
        opened: BinaryIO = fsspec.open(name, "wb").open()
    except Exception as error:  # noqa: BLE001 - each kind of bucket raises errors of its own
        raise SyncFailure(f"{option} can't be written ({type(error).__name__}).") from None
    return opened
