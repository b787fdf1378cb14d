"""The entry of a submission: what the page shows of it, whatever it came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lemondata_provider.api.request import REQUEST_FIELDS
from lemondata_provider.operators.submission import Submission
from lemondata_provider.videos.entry import VideoEntry, read_transaction
from lemondata_provider.videos.mixin import EntryMixin


class SubmissionEntryMixin(EntryMixin):
    """An operator that submits the video which the page shows."""

    _submission: Submission | None = None  # that is under way
    _entry: VideoEntry | None = None  # of the request, or of an earlier stretch
    _first_progress: float | None = None
    _transaction: str | None = None

    def entry(self) -> VideoEntry:
        """Return what is known of the video by now."""
        if self._entry is None:
            self._entry = self.asked_entry({name: getattr(self, name) for name in REQUEST_FIELDS})
        entry = _entry_of(self._submission, self._entry) if self._submission else self._entry
        return replace(entry, first_progress=self._first_progress, billing_transaction=self._transaction)

    def remember_charge(self, result: Mapping[str, Any]) -> None:
        """Remember LemonData's id of the charge, which the result of a finished task names."""
        self._transaction = read_transaction(result.get("billing_transaction_id"))


def _entry_of(submission: Submission, asked: VideoEntry) -> VideoEntry:
    """Return the entry of a submission, as far as it came, with what this task instance paid for."""
    record, before = submission.record, submission.before
    if record.task_id is None:  # nothing was submitted, or nothing that is known; earlier tries may have paid
        earlier = before.paid() if before else ()
        return replace(asked, model=record.model, operation=record.operation, earlier=earlier)
    return replace(
        asked,
        video_task=record.task_id,
        poll_url=record.poll_url,
        model=record.model,
        operation=record.operation,
        created=record.created,
        estimated_cost=record.estimated_cost_usd,
        earlier=record.earlier,
    )
