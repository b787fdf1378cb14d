"""What was asked of the sandbox and what it charged, so that a test can say: exactly one create."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any

_SHOWN = 30


@dataclass
class Create:
    """One accepted create: money."""

    id: str
    model: str
    operation: str
    body: dict[str, Any]
    time: float
    cost: Decimal
    transaction_id: str | None = None
    request_id: str | None = None
    cancelled: bool = False
    refunded: bool = False


@dataclass
class Request:
    """One request; its status is None until an answer begins, and stays None where none was given."""

    kind: str
    method: str
    path: str
    time: float
    status: int | None = None
    fault: str | None = None


@dataclass
class Ledger:
    """The record of all creates and requests since the last reset; never holds a key or a payload."""

    _creates: list[Create] = field(default_factory=list)
    _requests: list[Request] = field(default_factory=list)
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    @property
    def creates(self) -> list[Create]:
        """Every accepted create, oldest first."""
        with self._lock:
            return list(self._creates)

    @property
    def calls(self) -> list[Request]:
        """Every request, oldest first."""
        with self._lock:
            return list(self._requests)

    @property
    def spent(self) -> Decimal:
        """What all creates cost, without what was given back, in USD."""
        with self._lock:
            return sum((entry.cost for entry in self._creates if not entry.refunded), Decimal(0))

    def requests(self, kind: str | None = None, status: int | None = None) -> int:
        """How many requests of this kind (create, poll, cancel, models, file) got this status; None: any."""
        return sum(
            (kind is None or call.kind == kind) and (status is None or call.status == status) for call in self.calls
        )

    def charge(self, entry: Create) -> None:
        """Write down an accepted create."""
        with self._lock:
            self._creates.append(entry)

    def arrived(self, request: Request) -> None:
        """Write down a request, before anything is done about it."""
        with self._lock:
            self._requests.append(request)

    @contextmanager
    def entry(self, task_id: str) -> Iterator[Create]:
        """The entry of a task, to be changed."""
        with self._lock:
            yield next(entry for entry in self._creates if entry.id == task_id)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._creates.clear()
            self._requests.clear()

    def public(self) -> dict[str, Any]:
        """The ledger as JSON can hold it."""
        with self._lock:
            creates = [{**asdict(entry), "cost": str(entry.cost)} for entry in self._creates]
            counts = Counter(f"{call.kind} {call.status or 'no answer'}" for call in self._requests)
            calls = [asdict(call) for call in self._requests]
        return {"creates": creates, "spent_usd": str(self.spent), "counts": counts, "requests": calls}


def without_payloads(value: Any) -> Any:
    """The value with every `data:` URL in it shortened to its beginning and its length."""
    if isinstance(value, dict):
        return {name: without_payloads(item) for name, item in value.items()}
    if isinstance(value, list):
        return [without_payloads(item) for item in value]
    if isinstance(value, str) and value.startswith("data:"):
        return f"{value[:_SHOWN]}… ({len(value)} characters)"
    return value
