"""
Balance and usage of an organization, with a management token (``mt-…``) instead of an API key.

Source: https://docs.tokenlab.sh (management API), editions since 2026-07.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import quote

from pydantic import Field

from lemondata_provider.api.calls import Call, read_items
from lemondata_provider.api.fields import Price, Text, Time, read_first, read_price, read_text
from lemondata_provider.api.task import Answer

T = TypeVar("T")
PAGE_SIZE = 100
MAX_PAGES = 100  # an answer that ignores the page must not go on for ever


class Balance(Answer):
    """What is left and what was used, in USD; ``None`` if the answer does not say."""

    balance: Price = None
    used: Price = None

    @classmethod
    def read(cls, payload: Mapping[str, Any]) -> Balance:
        """Parse a balance answer; the decimal strings count before the rounded numbers."""
        return cls(
            balance=read_first(read_price, payload, "balance_decimal", "balance"),
            used=read_first(read_price, payload, "total_used_decimal", "total_used"),
        )


class UsageRow(Answer):
    """The cost of one request, as it was settled."""

    request_id: Text = None
    billing_transaction_id: Text = None
    model: Text = None
    cost_usd: Price = None
    created_at: Time = None
    raw: dict[str, Any] = Field(default={}, repr=False)

    @classmethod
    def read(cls, payload: Mapping[str, Any]) -> UsageRow:
        """Parse a row of the usage list."""
        cost = read_first(read_price, payload, "cost_decimal", "cost")
        return cls.model_validate({**payload, "cost_usd": cost, "raw": payload})


def get_balance() -> Call[Balance]:
    """Look up the balance of the organization."""
    return Call("GET", "/v1/management/balance", Balance.read)


def list_api_keys(page: int = 1) -> Call[list[str]]:
    """List the ids of the organization's API keys, one page."""
    params = {"page": str(page), "limit": str(PAGE_SIZE)}
    return Call("GET", "/v1/management/api-keys", lambda payload: read_items(payload, _key_id), params=params)


def get_usage(key_id: str, since: datetime, until: datetime | None = None, page: int = 1) -> Call[list[UsageRow]]:
    """
    List the video requests of an API key, one page.

    :param key_id: as :func:`list_api_keys` returns it.
    :param since: first moment, with its time zone.
    :param until: last moment. Default: now.
    :param page: page number, from 1.
    """
    params = {"scene": "video", "page": str(page), "limit": str(PAGE_SIZE), "startDate": since.isoformat()}
    params |= {"endDate": until.isoformat()} if until else {}
    url = f"/v1/management/api-keys/{quote(key_id, safe='')}/usage"
    return Call("GET", url, lambda payload: read_items(payload, UsageRow.read, "items"), params=params)


def all_pages(send: Callable[[Call[list[T]]], list[T]], get_page: Callable[..., Call[list[T]]]) -> list[T]:
    """
    Return the items of all pages of a list.

    :param send: sends a call, as a client does.
    :param get_page: makes the call for a ``page``.
    """
    items: list[T] = []
    for page in range(1, MAX_PAGES + 1):
        found = send(get_page(page=page))
        items += found
        if len(found) < PAGE_SIZE:
            break
    return items


def _key_id(payload: Mapping[str, Any]) -> str | None:
    return read_text(payload.get("id"))
