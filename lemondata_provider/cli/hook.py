"""The hook where there is no task: in an ``airflow`` command, on the machine that has Airflow's database."""

from __future__ import annotations

from typing import Any

from airflow.models.connection import Connection

from lemondata_provider.hooks.lemondata import LemonDataHook
from lemondata_provider.hooks.settings import ConnectionSettings


class CommandLineHook(LemonDataHook):
    """Talk to LemonData from a command: a task asks the API server for its connection, a command the database."""

    @classmethod
    def get_connection(cls, conn_id: str) -> Any:
        """Look a connection up as ``airflow connections get`` does."""
        return Connection.get_connection_from_secrets(conn_id)

    def settings(self) -> ConnectionSettings:
        """
        Return what the connection says.

        :raises LemonDataError: if there is none, or it cannot be used.
        """
        return self._look_up()
