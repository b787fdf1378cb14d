"""The example DAGs of the package: ``airflow lemondata examples`` lists and copies them."""

from __future__ import annotations

import ast
import os
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "example_dags"
NEEDS = "Needs: "  # begins the last line of a DAG's docstring


def examples(args: Namespace) -> str | list[dict[str, Any]]:
    """
    List the example DAGs, or copy them.

    :param args: ``names`` (none: all), ``copy`` and ``overwrite``.
    :raises SystemExit: an example does not exist, or a file cannot be written.
    """
    files = _named(args.names)
    if args.copy:
        return _copy(files, _folder(args.copy), overwrite=args.overwrite)
    if args.overwrite:
        raise SystemExit("--overwrite needs --copy DIR.")
    if args.copy is not None:  # a variable of the shell that is not set
        raise SystemExit("--copy needs a folder, and got an empty text.")
    return [_row(file) for file in files]


def _named(names: Sequence[str]) -> list[Path]:
    """
    Return the files of examples, in the order of their names.

    :raises SystemExit: with the examples that there are.
    """
    found = {file.stem: file for file in sorted(FOLDER.glob("*.py"))}
    if unknown := sorted({*names} - {*found}):
        raise SystemExit(f"There is no example {', '.join(unknown)}; there are: {', '.join(found)}")
    return [file for name, file in found.items() if name in names or not names]


def _folder(path: str) -> Path:
    try:
        return Path(path).expanduser()
    except RuntimeError:  # ~name
        raise SystemExit(f"{path} cannot be written: there is no such user.") from None


def _row(file: Path) -> dict[str, Any]:
    lines = (ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "").splitlines()
    needs = [line.removeprefix(NEEDS).rstrip(".") for line in lines if line.startswith(NEEDS)]
    return {"example": file.stem, "shows": lines[0] if lines else "", "needs": "".join(needs)}


def _copy(files: Sequence[Path], folder: Path, *, overwrite: bool) -> str:
    """
    Copy files into a folder. All or none: files that are there and differ are found before the first copy.

    :raises SystemExit: why nothing, or not everything, was copied.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        new = [file for file in files if not _is_copied(file, folder)]
        taken = [file.name for file in new if os.path.lexists(folder / file.name)]  # a dangling link, too
        if taken and not overwrite:
            raise SystemExit(
                f"Nothing was copied: {folder} has other files named {', '.join(taken)}. "
                "Name the examples that you want, or replace the files with --overwrite."
            )
        for file in new:
            (folder / file.name).write_bytes(file.read_bytes())
    except OSError as error:
        raise SystemExit(f"{error.filename or folder} cannot be written: {error.strerror}") from None
    there = len(files) - len(new)
    return f"Copied to {folder}: {len(new)}." + (f" There already, unchanged: {there}." if there else "")


def _is_copied(file: Path, folder: Path) -> bool:
    copy = folder / file.name
    return copy.is_file() and copy.read_bytes() == file.read_bytes()
