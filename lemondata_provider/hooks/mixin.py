"""What operator, sensor and transfer have in common."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from lemondata_provider.api.redaction import shield
from lemondata_provider.hooks.lemondata import LemonDataHook


class LemonDataMixin:
    """An operator with a connection to LemonData, in whose templates no inline media show."""

    lemondata_conn_id: str

    @cached_property
    def hook(self) -> LemonDataHook:
        """Return the connection to LemonData."""
        return LemonDataHook(self.lemondata_conn_id)

    def render_template(self, *args: Any, **kwargs: Any) -> Any:
        """Render a template, and shield the inline media that it brought in; mapped tasks come this way too."""
        return shield(super().render_template(*args, **kwargs))  # type: ignore[misc] # Airflow's operators have it
