"""A secrets backend that is away while a file is there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from airflow.sdk.definitions.connection import Connection
from airflow.secrets import BaseSecretsBackend


class FlakySecrets(BaseSecretsBackend):
    """
    A backend with one connection.

    :param conn_id: its id.
    :param connection: the connection as JSON.
    """

    def __init__(self, conn_id: str, connection: str) -> None:
        super().__init__()
        self._conn_id, self._connection = conn_id, connection

    def get_connection(self, conn_id: str, team_name: str | None = None) -> Any:
        """Return the connection, unless the backend is away."""
        if conn_id != self._conn_id:
            return None
        if (Path(os.environ["AIRFLOW_HOME"]) / "secrets_away").exists():
            raise ConnectionError("the secrets backend does not answer")
        return Connection.from_json(self._connection, conn_id=conn_id)
