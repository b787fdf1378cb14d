"""What parameters may be, to type checkers: values, templates, and outputs of other tasks."""

from __future__ import annotations

from typing import Any

from airflow.sdk import XComArg

Text = str | XComArg
Texts = list[str] | list[XComArg] | XComArg
Objects = list[dict[str, Any]] | XComArg
Object = dict[str, Any] | XComArg
Switch = bool | str | XComArg
Integer = int | str | XComArg
Number = float | str | XComArg
