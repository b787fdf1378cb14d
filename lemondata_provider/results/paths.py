"""
Paths of results: which kind of target a path means, and which file in a folder.

A path is kept as text: a copied or pickled ``ObjectStoragePath`` loses its connection (apache/airflow#64632). Only
``file``, ``s3``, ``gs`` and ``abfs`` are allowed: how a file system abandons half a file is known for these.
"""

from __future__ import annotations

from os.path import splitext
from typing import Any

from lemondata_provider.api.errors import InvalidRequestError
from lemondata_provider.hooks.arguments import is_literal
from lemondata_provider.results.local import LocalTarget
from lemondata_provider.results.objects import EXTRAS, ObjectTarget
from lemondata_provider.results.target import Target


def target_for(path: Any) -> Target:
    """
    Return the target of a path.

    :param path: an absolute path, a URI, or an ``ObjectStoragePath``.
    :raises InvalidRequestError: this package writes no such file.
    """
    text = str(path)
    scheme, has_scheme, rest = text.partition("://")
    host, _, key = rest.partition("/")
    conn_id, _, bucket = host.rpartition("@")
    if text.endswith("/"):
        raise InvalidRequestError(f"{text!r} is a folder: name a file in it")
    if not has_scheme:
        return LocalTarget(text, text)
    if scheme == "file" and bucket in ("", "localhost"):
        return LocalTarget(text, f"/{key}")
    if scheme not in EXTRAS:
        raise InvalidRequestError(f"{text!r} must begin with file://, {'://, '.join(EXTRAS)}:// or /")
    if not bucket or not key:
        raise InvalidRequestError(f"{text!r} must name a bucket and a file: {scheme}://[connection@]bucket/clip.mp4")
    return ObjectTarget(text, scheme, conn_id or None, f"{bucket}/{key}")


def checked_path(name: str, path: Any) -> Any:
    """
    Return a path of the DAG file as it is kept in an operator; a template is checked once it is rendered.

    :param name: of the parameter.
    :param path: of a file or a folder, or nothing.
    :raises InvalidRequestError: this package writes no such file.
    """
    # An ObjectStoragePath would lose its connection in the copies that Airflow makes of an operator.
    text = str(path) if hasattr(path, "conn_id") else path
    if isinstance(text, str) and is_literal(text):
        try:
            target_for(file_path(text, "task"))
        except InvalidRequestError as error:
            raise InvalidRequestError(f"{name}: {error.message}") from None
    return text


def file_path(path: Any, task_id: str, map_index: int = -1) -> str:
    """
    Return the path of a file: one that ends in ``/`` is a folder, in which the Airflow task names the file.

    :param path: of a file or a folder.
    :param task_id: Airflow's.
    :param map_index: of a mapped task; -1 for others.
    """
    text = str(path)
    if not text.endswith("/"):
        return text
    return f"{text}{task_id}{'' if map_index < 0 else f'-{map_index}'}.mp4"


def numbered(name: str, number: int) -> str:
    """Return the name of the second, third … video of a task: ``clip-2.mp4`` beside ``clip.mp4``."""
    stem, suffix = splitext(name)
    return f"{stem}-{number}{suffix}"
