"""The entry of a submission: what the page shows of it, whatever it came to."""

from __future__ import annotations

from dataclasses import replace

from lemondata_provider.operators.submission import Submission
from lemondata_provider.videos.entry import VideoEntry


def entry_of(submission: Submission, asked: VideoEntry) -> VideoEntry:
    """
    Return the entry of a submission, with what this task instance paid for.

    :param submission: the submission, as far as it came.
    :param asked: the entry of its request.
    """
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
