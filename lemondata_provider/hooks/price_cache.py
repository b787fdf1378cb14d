"""
Cache prices for some minutes, so that submits do not double the requests.

Airflow runs each task instance in a process of its own, so the cache is a folder of files.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lemondata_provider.api import calls
from lemondata_provider.api.errors import LemonDataError, ModelNotFoundError, NotFoundError
from lemondata_provider.api.models import ModelPrice

log = logging.getLogger(__name__)

PRICE_TTL = 300.0  # seconds
NO_PRICE_TTL = 60.0  # seconds, for the answer "no price" and for failed requests


class PriceCache:
    """
    Cache the prices of models in memory and in files.

    :param folder: default ``$AIRFLOW_HOME/lemondata-prices``; if it is not writable, the cache is in memory only.
    :param clock: Unix seconds.
    """

    def __init__(self, folder: Path | None = None, clock: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._clock = clock
        self._entries: dict[str, dict[str, Any]] = {}

    @property
    def folder(self) -> Path:
        """Return the folder of the files."""
        if self._folder:
            return self._folder
        home = os.environ.get("AIRFLOW_HOME") or "~/airflow"
        return Path(os.path.expanduser(home)) / "lemondata-prices"  # as Airflow does

    def get(self, base_url: str, api_key: str, model: str, patient: bool = True) -> list[ModelPrice] | None:
        """
        Return the prices of a model: a list, empty if the service publishes none, or ``None`` if not cached.

        :param patient: return ``None`` after a failed request, so that it is sent again.
        :raises LemonDataError: a request failed less than a minute ago, and not ``patient``.
        """
        name = _name(base_url, api_key, model)
        try:
            entry = self._entries.get(name) or json.loads(_read(self.folder / name))
            if not 0 <= entry["until"] - self._clock() <= PRICE_TTL:
                return None
            rows = entry["prices"]
            prices = None if rows is None else [ModelPrice.model_validate(row) for row in rows]
        except Exception:  # noqa: BLE001 # no file, or any broken one, is a missing price
            return None
        self._entries[name] = entry
        if prices is None and not patient:
            raise LemonDataError(f"Asking for the price of {model} failed less than a minute ago")
        return prices

    def put(self, base_url: str, api_key: str, model: str, prices: list[ModelPrice] | None) -> None:
        """Store the prices of a model, or ``None`` after a failed request."""
        until = self._clock() + (PRICE_TTL if prices else NO_PRICE_TTL)
        rows = None if prices is None else [price.model_dump(mode="json", exclude={"raw"}) for price in prices]
        name = _name(base_url, api_key, model)
        self._entries[name] = {"until": until, "prices": rows}
        try:
            _write(self.folder / name, json.dumps(self._entries[name]))
        except OSError as error:
            log.debug("Prices are cached in this process only: %s", error)


def ask(send: Callable[[calls.Call[list[ModelPrice]]], list[ModelPrice]], model: str) -> list[ModelPrice]:
    """
    Return the prices of a model from its own endpoint, or from the price list if that has none.

    :param send: sends a call.
    :raises LemonDataError: the request failed; an unknown model has no prices instead.
    """
    for call in (calls.get_model_pricing(model), calls.get_pricing(model)):
        try:
            prices = send(call)
        except ModelNotFoundError:
            return []
        except NotFoundError:
            continue  # each edition of the service has one of the two endpoints
        # The newer price list ignores the model and returns all prices.
        own_prices = [price for price in prices if price.model == model or call.url != "/v1/pricing"]
        if any(price.unit for price in own_prices):
            return own_prices  # with unreadable ones, since one of them may be the highest
    return []


def _name(base_url: str, api_key: str, model: str) -> str:
    """Return the file name: a digest, since prices depend on the key, which must not be in a file name."""
    return hashlib.sha256("\n".join((base_url, api_key, model)).encode()).hexdigest()[:32] + ".json"


def _read(path: Path) -> str:
    if not path.is_file():
        raise OSError(f"{path} is no regular file")  # to read a pipe or a device may never end
    return path.read_text()


def _write(path: Path, text: str) -> None:
    """Write a file atomically, since other processes read it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=".")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        Path(draft).replace(path)
    finally:
        Path(draft).unlink(missing_ok=True)  # left over only after an error
