"""The life of a task, as a pure function of the time: pending, processing, then completed or failed."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import Literal

from lemondata_provider.sandbox.orders import Order
from lemondata_provider.sandbox.refusals import Refusal
from lemondata_provider.sandbox.settings import Settings

CANCELLABLE = frozenset({"seedance-1.5-pro", "seedance-2.0", "seedance-2.0-fast"})
_STEERING = re.compile(r"\[(?P<word>fail|forever|queued)(?::(?P<reason>[^\]]*))?\]")

Status = Literal["pending", "processing", "completed", "failed"]


@dataclass(frozen=True)
class Task:
    """One accepted create; its times are fixed when it is made.

    A prompt steers how the task ends: `[fail]` fails, `[fail:reason]` fails with that reason, `[forever]` never ends,
    and `[queued]` never begins.
    """

    id: str
    token: str
    owner: str
    order: Order
    created: float
    processing_from: float
    ends: float
    expected_seconds: float
    failure: str = ""
    cancelled: float | None = None

    def status(self, now: float) -> Status:
        """Where the task stands at this instant."""
        if self.cancelled is not None:
            return "failed"
        if now >= self.ends:
            return "failed" if self.failure else "completed"
        return "processing" if now >= self.processing_from else "pending"

    def progress(self, now: float) -> int:
        """How far the task is, 0 to 100; only a completed one has 100."""
        if self.status(now) == "completed":
            return 100
        if self.cancelled is not None or now < self.processing_from:
            return 0
        return min(99, int(100 * (min(now, self.ends) - self.created) / max(self.expected_seconds, 1e-9)))

    def changed(self, now: float) -> float:
        """The last instant, not after now, at which the status changed."""
        if self.cancelled is not None:
            return self.cancelled
        return max(instant for instant in (self.created, self.processing_from, self.ends) if instant <= now)

    def reason(self) -> dict[str, str]:
        """Why the task failed: code and message."""
        if self.cancelled is not None:
            return {"code": "task_cancelled", "message": "The task was cancelled before it started."}
        return {"code": "generation_failed", "message": self.failure}

    def cancel(self, now: float) -> Task:
        """The task, cancelled; refuses where the contract does."""
        if self.order.model not in CANCELLABLE:
            message = f"Tasks of {self.order.model} cannot be cancelled."
            raise Refusal(400, "unsupported_task_cancel", message, retryable=False)
        status = self.status(now)
        if status != "pending":
            message = f"The task is {status}; only queued tasks can be cancelled."
            raise Refusal(409, "task_not_cancellable", message, retryable=False)
        return replace(self, cancelled=now)


def new_task(identity: tuple[str, str], owner: str, order: Order, settings: Settings, now: float) -> Task:
    """A task that begins now; `identity` is its id and the token of its poll URL (empty: none)."""
    steering = _STEERING.search(order.prompt)
    word = steering["word"] if steering else ""
    reason = steering["reason"] if steering else ""
    ends = math.inf if word in ("forever", "queued") else now + settings.generation_seconds
    return Task(
        id=identity[0],
        token=identity[1],
        owner=owner,
        order=order,
        created=now,
        processing_from=math.inf if word == "queued" else min(now + settings.pending_seconds, ends),
        ends=ends,
        expected_seconds=settings.generation_seconds,
        failure=(reason or "The model could not produce this video.") if word == "fail" else "",
    )
