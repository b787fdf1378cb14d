"""
The form of a path that names a file in a store, or on a disk of the worker.

``s3://[connection@]bucket/key``, ``gs://``, ``abfs://``, ``file:///path`` or an absolute path. Nothing is looked up.
"""

from __future__ import annotations

STORES = ("s3", "gs", "abfs")


def is_stored(text: str) -> bool:
    """Say whether a text names a file in a store or on a disk; a folder, which ends in a slash, is none."""
    scheme, has_scheme, rest = text.partition("://")
    if text.endswith("/"):
        return False
    if not has_scheme:
        return text.startswith("/") and not text.startswith("//")
    host, _, key = rest.partition("/")
    bucket = host.rpartition("@")[2]
    if scheme == "file":
        return bucket in ("", "localhost") and bool(key)
    return scheme in STORES and bool(bucket and key)


def without_connection(text: str) -> str:
    """Return a path in a store without the Airflow connection that reads it: the file is the same."""
    scheme, has_scheme, rest = text.partition("://")
    host, slash, key = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{key}" if has_scheme and is_stored(text) else text
