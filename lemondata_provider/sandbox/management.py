"""The answers of the management endpoints: balance, keys and usage, from the ledger."""

from __future__ import annotations

from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

from lemondata_provider.sandbox.ledger import Create, Ledger
from lemondata_provider.sandbox.settings import Settings

PAGE_SIZE = 100
RECHARGED = Decimal(1000)
_KEY: dict[str, Any] = {
    "id": "key_1",
    "name": "sandbox",
    "key_prefix": "sk-sand",
    "status": "active",
    "models": [],
    **dict.fromkeys(("limit_amount", "limit_amount_decimal", "expires_at", "last_used_at")),
    "created_at": "2026-01-01T00:00:00Z",
}


def organization_balance(ledger: Ledger, settings: Settings) -> dict[str, Any]:
    """What is left of the balance."""
    total = RECHARGED if settings.balance_usd is None else Decimal(str(settings.balance_usd))
    amounts = {"balance": total - ledger.spent, "total_recharge": total, "total_used": ledger.spent}
    answer: dict[str, Any] = {"object": "organization_balance", "organization_id": "org_sandbox"}
    for name, amount in amounts.items():
        answer |= {name: float(amount), f"{name}_decimal": str(amount)}
    return answer


def key_list(ledger: Ledger) -> dict[str, Any]:
    """The one key of the sandbox."""
    return {"object": "list", "data": [_key(ledger)], "pagination": _pagination(1, 1)}


def usage_list(ledger: Ledger, since: str, page: int) -> dict[str, Any]:
    """What each video cost, newest first."""
    start = datetime.fromisoformat(since).timestamp() if since else 0.0
    rows = [_row(create) for create in reversed(ledger.creates) if create.time >= start and not create.refunded]
    return {
        "api_key": _key(ledger),
        "items": rows[(page - 1) * PAGE_SIZE : page * PAGE_SIZE],
        "pagination": _pagination(page, len(rows)),
        "summary": {},
        "breakdowns": {},
    }


def _key(ledger: Ledger) -> dict[str, Any]:
    return {**_KEY, "used_amount": float(ledger.spent), "used_amount_decimal": str(ledger.spent)}


def _pagination(page: int, total: int) -> dict[str, int]:
    return {"page": page, "limit": PAGE_SIZE, "total": total, "totalPages": -(-total // PAGE_SIZE)}


def _row(create: Create) -> dict[str, Any]:
    return {
        "request_id": create.request_id,
        "billing_transaction_id": create.transaction_id,
        "model": create.model,
        "scene": "video",
        "usage_unit": "second",
        "cost": float(create.cost),
        "cost_decimal": str(create.cost),
        "created_at": datetime.fromtimestamp(create.time, timezone.utc).isoformat(),
    }
