"""The service itself: its tasks, its money and its files, without any HTTP."""

from __future__ import annotations

import threading
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lemondata_provider.sandbox import videos
from lemondata_provider.sandbox.answers import Json, create_answer, task_answer, transaction_id
from lemondata_provider.sandbox.faults import Faults
from lemondata_provider.sandbox.files import Files
from lemondata_provider.sandbox.ledger import Create, Ledger, without_payloads
from lemondata_provider.sandbox.limits import Window
from lemondata_provider.sandbox.models import NEWEST
from lemondata_provider.sandbox.orders import Order, take_order
from lemondata_provider.sandbox.refusals import Refusal
from lemondata_provider.sandbox.settings import Settings
from lemondata_provider.sandbox.tasks import Task, new_task


class Service:
    """One LemonData; any thread may use it."""

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        folder: Path | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.settings = settings or Settings()
        self.first_settings = self.settings
        self.clock = clock
        self.ledger = Ledger()
        self.faults = Faults()
        self.files = Files(folder)
        self._tasks: dict[str, Task] = {}
        self._polls_after_end: Counter[str] = Counter()
        self._windows: defaultdict[str, Window] = defaultdict(Window)
        self._lock = threading.RLock()

    def configure(self, changes: dict[str, Any]) -> Settings:
        """Change settings from the next request on; tasks keep the times they were made with."""
        with self._lock:
            self.settings = self.settings.changed(changes)
            return self.settings

    def reset(self) -> None:
        """Back to the first state: no tasks, no faults, an empty ledger, the first settings."""
        with self._lock:
            self.settings = self.first_settings
            self._tasks.clear()
            self._polls_after_end.clear()
            self._windows.clear()
            self.faults.clear()
            self.ledger.clear()

    def admit(
        self, authorization: str, *, is_public: bool = False, is_management: bool = False
    ) -> tuple[str, dict[str, str]]:
        """Who calls, and the rate limit headers for the answer; refuses strangers and who calls too often."""
        settings = self.settings
        if is_public and not authorization and settings.edition == NEWEST:
            return "", {}
        key = authorization.removeprefix("Bearer ").strip()
        if is_management and key == settings.management_token:
            return key, {}
        if key in settings.expired_keys:
            raise Refusal(401, "expired_api_key", "This API key has expired.", retryable=False)
        if (
            is_management
            or key not in {settings.api_key, *settings.other_keys}
            or not authorization.startswith("Bearer ")
        ):
            raise Refusal(401, "invalid_api_key", "This API key is not valid.", hint="Send Authorization: Bearer sk-…")
        limit = settings.requests_per_minute
        if limit is None:
            if not settings.rate_limit_headers:
                return key, {}
            limit = 1000
        with self._lock:
            window, now = self._windows[key], self.clock()
            wait = window.wait(now, limit, settings.rate_window_seconds)
            headers = window.headers(now, limit, settings.rate_window_seconds)
        shown = headers if settings.rate_limit_headers else {}
        if wait:
            message = f"Too many requests; try again in {wait} s."
            refusal = Refusal(429, "rate_limit_exceeded", message, retryable=True, retry_after=wait)
            refusal.headers = {"Retry-After": str(wait), **shown}
            raise refusal
        return key, shown

    def create(self, body: object, caller: str, base_url: str, request_id: str | None = None) -> Json:
        """Accept an order and charge it."""
        with self._lock:
            settings, now = self.settings, self.clock()
            order = take_order(body, settings)
            self._check_balance(order)
            token = uuid.uuid4().hex if settings.poll_url_form == "query" else ""
            task = new_task((f"{settings.id_prefix}{uuid.uuid4().hex[:20]}", token), caller, order, settings, now)
            self._tasks[task.id] = task
            shown = without_payloads(body)
            entry = Create(task.id, order.model, order.operation, shown, now, order.cost, request_id=request_id)
            self.ledger.charge(entry)
            return create_answer(task, settings, base_url)

    def poll(self, task_id: str, token: str, base_url: str) -> Json:
        """How a task stands."""
        with self._lock:
            task, now = self._task(task_id), self.clock()
            if task.token and token != task.token:
                raise _unknown(task_id)
            self._settle(task, now)
            late = False
            if task.status(now) == "completed":
                self._polls_after_end[task_id] += 1
                late = self._polls_after_end[task_id] <= self.settings.video_url_late
            return task_answer(task, self.settings, base_url, now, late=late)

    def cancel(self, task_id: str, caller: str, base_url: str) -> Json:
        """Cancel a task and give its money back."""
        with self._lock:
            task, now = self._task(task_id), self.clock()
            if task.owner != caller:
                raise Refusal(403, "access_denied", "This task belongs to another API key.")
            task = self._tasks[task_id] = task.cancel(now)
            with self.ledger.entry(task_id) as entry:
                entry.cancelled = entry.refunded = True
            return task_answer(task, self.settings, base_url, now)

    def video(self, task_id: str) -> Path:
        """Return the file of a completed task; the first request renders it and blocks."""
        with self._lock:
            task, settings = self._task(task_id), self.settings
            if task.status(self.clock()) != "completed":
                raise Refusal(404, "file_not_found", f"There is no file of task {task_id!r}.")
        return self.files.get(task_id, lambda path: videos.draw(task.order, settings, path, self._own_file))

    def last_frame(self, task_id: str) -> Path:
        """Return the last frame of a completed task's video, as a PNG file; renders and blocks as `video` does."""
        video = self.video(task_id)
        return self.files.get(task_id, lambda path: videos.draw_last_frame(video, path), "png")

    def overview(self) -> list[Json]:
        """Every task as it stands now, oldest first."""
        with self._lock:
            now = self.clock()
            return [self._row(task, now) for task in self._tasks.values()]

    def settle(self) -> None:
        """Settle whatever has ended by now."""
        with self._lock:
            for task in self._tasks.values():
                self._settle(task, self.clock())

    def _row(self, task: Task, now: float) -> Json:
        return {
            "id": task.id,
            "model": task.order.model,
            "operation": task.order.operation,
            "status": task.status(now),
            "cancelled": task.cancelled is not None,
            "progress": task.progress(now),
            "elapsed": round(min(now, task.ends) - task.created, 3),
            "prompt": task.order.prompt if len(task.order.prompt) <= 60 else f"{task.order.prompt[:59]}…",
        }

    def _task(self, task_id: str) -> Task:
        task = self._tasks.get(task_id)
        limit = self.settings.forget_after
        if task is None or (limit is not None and self.clock() >= task.created + limit):
            raise _unknown(task_id)
        return task

    def _settle(self, task: Task, now: float) -> None:
        if task.cancelled is not None or now < task.ends:
            return
        with self.ledger.entry(task.id) as entry:
            if entry.transaction_id is None:
                entry.transaction_id = transaction_id(task)
                entry.refunded = bool(task.failure) and self.settings.refund_failed

    def _check_balance(self, order: Order) -> None:
        if self.settings.balance_usd is None:
            return
        self.settle()
        balance = round(self.settings.balance_usd - float(self.ledger.spent), 6)
        if order.cost > balance:
            raise Refusal(
                402,
                "insufficient_balance",
                f"The balance of ${balance:.2f} does not cover the estimated cost of ${order.cost}.",
                balance_usd=balance,
                estimated_cost_usd=float(order.cost),
                retryable=False,
            )

    def _own_file(self, url: str) -> Path | None:
        # Our own files are opened, not fetched: whether the server is free to answer must not matter.
        name, _, suffix = urlsplit(url).path.rpartition("/files/")[2].rpartition(".")
        with self._lock:
            known = name in self._tasks
        try:
            return (self.last_frame if suffix == "png" else self.video)(name) if known else None
        except Refusal:
            return None


def _unknown(task_id: str) -> Refusal:
    return Refusal(404, "async_task_not_found", f"The task {task_id!r} does not exist or has expired.", retryable=False)
