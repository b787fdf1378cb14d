"""Faults on demand: a queue of what is to go wrong with which of the next requests."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, get_args, get_type_hints

On = Literal["create", "poll", "cancel", "models", "file", "any"]  # any: every API call, downloads are not meant
BEFORE = frozenset({"reset", "hang_before", "html_502_before", "error", "redirect"})
AFTER = frozenset({"lost_answer", "hang", "html_502", "truncated_json", "half_json", "unreadable", "cut"})
KINDS = BEFORE | AFTER | {"slow"}


class FaultError(ValueError):
    """A fault that does not exist, or a detail that it cannot have."""


@dataclass
class Fault:
    """One fault.

    Not accepted, nothing charged: `reset` (the connection is reset), `hang_before` (no answer for `seconds`),
    `html_502_before`, `error` (`status`, `code` and hints), `redirect` (`status` and `location`).
    Accepted, a create is charged, and then: `lost_answer` (the connection closes with no answer), `hang`,
    `html_502`, `truncated_json` (the connection closes in the middle of the body), `half_json` (a whole answer of
    half a JSON document), `unreadable` (200 with text that is no JSON), `cut` (all headers and a `share` of the body,
    then the connection closes: for files).
    `slow` only waits `seconds` before all goes on as usual.
    """

    kind: str
    on: On = "any"
    times: int = 1  # -1: always
    status: int | None = None
    code: str | None = None
    message: str | None = None
    retryable: bool | None = None
    retry_after: float | None = None  # in the body and, unless `headers` says otherwise, as Retry-After
    seconds: float = 3600.0
    share: float = 0.5  # of the body
    location: str | None = None
    body: Any = None  # the whole body: text, or anything else as JSON
    headers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            known = ", ".join(sorted(KINDS))
            raise FaultError(f"There is no fault {self.kind!r}; there are: {known}.")
        if self.on not in get_args(On):
            raise FaultError(f"A fault cannot be on {self.on!r}; it can be on: {', '.join(get_args(On))}.")
        for name in ("seconds", "retry_after", "status", "share"):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or value < 0):
                raise FaultError(f"{name} of a fault must be a number that is not negative, got {value!r}.")
        if self.share > 1:
            raise FaultError(f"share of a fault must be between 0 and 1, got {self.share!r}.")
        if type(self.times) is not int or not isinstance(self.headers, dict):
            raise FaultError("times of a fault must be an integer, and headers an object.")

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Fault:
        """The fault that JSON describes; refuses names that it does not know."""
        unknown = values.keys() - {item.name for item in fields(cls)}
        if unknown or "kind" not in values:
            known = ", ".join(get_type_hints(cls))
            raise FaultError(f"A fault has a kind and these details: {known}; got {', '.join(sorted(values))}.")
        return cls(**values)

    def meets(self, kind: str) -> bool:
        """Whether the fault is for requests of this kind."""
        return self.on == kind or (self.on == "any" and kind not in {"file", "other"})


@dataclass
class Faults:
    """The faults that wait for their requests, first come first served."""

    _queue: list[Fault] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, fault: Fault) -> None:
        """Put a fault at the end of the queue."""
        with self._lock:
            self._queue.append(fault)

    def take(self, kind: str) -> Fault | None:
        """The fault for a request of this kind, if one waits; it counts as used."""
        with self._lock:
            fault = next((fault for fault in self._queue if fault.times and fault.meets(kind)), None)
            if fault is not None and fault.times > 0:
                fault.times -= 1
            self._queue = [fault for fault in self._queue if fault.times]
            return fault

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        with self._lock:
            self._queue.clear()

    def public(self) -> list[dict[str, Any]]:
        """The waiting faults as JSON can hold them."""
        with self._lock:
            return [asdict(fault) for fault in self._queue]
