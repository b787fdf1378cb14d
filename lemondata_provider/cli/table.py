"""Rows as a text table, as wide as its contents: what a command prints is the same on a terminal and in a pipe."""

from __future__ import annotations

from collections.abc import Iterable


def table(rows: Iterable[dict[str, str]]) -> str:
    """
    Write rows below their names, in the form of Airflow's own tables.

    :param rows: each with the same names.
    """
    lines = list(rows)
    if not lines:
        return ""
    names = list(lines[0])
    widths = [max(len(line) for line in (name, *(row[name] for row in lines))) for name in names]
    head = _line(names, widths)
    rule = "=+=".join("=" * width for width in widths)
    return "\n".join([head, rule, *(_line([row[name] for name in names], widths) for row in lines)])


def _line(cells: list[str], widths: list[int]) -> str:
    return " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()
