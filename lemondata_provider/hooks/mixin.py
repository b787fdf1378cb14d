"""What operator, sensor and transfer have in common."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from lemondata_provider.api.redaction import shield
from lemondata_provider.hooks.lemondata import LemonDataHook

if TYPE_CHECKING:
    from airflow.sdk.definitions.xcom_arg import PlainXComArg


class LemonDataMixin:
    """An operator with a connection to LemonData, in whose templates no inline media show."""

    lemondata_conn_id: str
    last_result: Mapping[str, Any] | None = None

    def remember_result(self, result: dict[str, Any]) -> dict[str, Any]:
        """
        Remember and return what this process found out or stored: links and lineage name it without asking Airflow.

        :param result: what the operator returns; call this before anything else can fail.
        """
        self.last_result = result
        return result

    @cached_property
    def hook(self) -> LemonDataHook:
        """Return the connection to LemonData."""
        return LemonDataHook(self.lemondata_conn_id)

    @property
    def output(self) -> PlainXComArg:
        """Return a reference to the result, or with ``["video_url"]`` to the URL of the video."""
        return super().output  # type: ignore[misc,no-any-return] # Airflow's operators have it, of a wider type

    def render_template(self, *args: Any, **kwargs: Any) -> Any:
        """Render a template, and shield the inline media that it brought in; mapped tasks come this way too."""
        return shield(super().render_template(*args, **kwargs))  # type: ignore[misc] # Airflow's operators have it
