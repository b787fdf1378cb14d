"""What the operators have in common whose videos the page shows."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowRescheduleException, AirflowTaskTimeout

from lemondata_provider.api.redaction import Shielded, redact
from lemondata_provider.hooks.task_instance import TaskInstanceKey
from lemondata_provider.hooks.version_compat import mask_secrets
from lemondata_provider.videos.entry import EntryError, VideoEntry
from lemondata_provider.videos.outcome import asked, with_error, with_result
from lemondata_provider.videos.xcoms import write_entry

if TYPE_CHECKING:
    from airflow.sdk import Context

log = logging.getLogger(__name__)


class EntryMixin:
    """An operator whose video the page shows; no trouble with that ever fails it."""

    write_entry: Callable[[TaskInstanceKey, VideoEntry], None] = staticmethod(write_entry)
    lemondata_conn_id: str

    def entry(self) -> VideoEntry:
        """Return what is known by now."""
        raise NotImplementedError

    def asked_entry(self, fields: Mapping[str, Any]) -> VideoEntry:
        """Return the entry of a request that was not submitted, without what Airflow knows as secret."""
        # What is shielded is no text yet, and would not be masked.
        texts = {name: str(value) if isinstance(value, Shielded) else value for name, value in fields.items()}
        return asked(mask_secrets(texts), self.lemondata_conn_id, records_prompts())

    def entry_json(self) -> dict[str, Any]:
        """Return the entry as it crosses a deferral; nothing if it cannot be made, since the video is paid for."""
        try:
            return self.entry().to_json()
        except Exception as error:  # noqa: BLE001 # as below
            log.warning("The page of videos will know less: %s: %s", type(error).__name__, redact(str(error)))
            return {}

    def show(self, context: Context, entry: Callable[[], VideoEntry]) -> None:
        """
        Write the entry of a task instance; trouble is one line of its log.

        :param context: Airflow's context.
        :param entry: makes the entry.
        """
        try:
            self.write_entry(TaskInstanceKey.of(context["ti"]), entry())
        except Exception as error:  # noqa: BLE001 # the video counts, not what a page shows of it
            log.warning("The page of videos lacks this task instance: %s: %s", type(error).__name__, redact(str(error)))

    def show_result(self, context: Context, result: dict[str, Any]) -> dict[str, Any]:
        """Write the entry of a task instance that succeeds, and return its result."""
        self._show_end(context, lambda: with_result(self.entry(), result, time.time()))
        return result

    @contextmanager
    def failures_shown(self, context: Context) -> Iterator[None]:
        """
        Write the entry of whatever fails.

        A deferral and ``execution_timeout`` are no ``Exception``: after the latter the entry of the submit stays, whose
        video may be finished and is paid for.
        """
        try:
            yield
        except AirflowRescheduleException:
            raise
        except Exception as exception:
            self._show_end(context, partial(self._failed_entry, exception))
            raise

    def _show_end(self, context: Context, entry: Callable[[], VideoEntry]) -> None:
        """Write the last entry. A timeout of Airflow's must not replace an end that is certain: a retry might pay."""
        try:
            self.show(context, entry)
        except AirflowTaskTimeout:
            log.warning("execution_timeout came while the last entry for the page of videos was written")

    def _failed_entry(self, exception: Exception) -> VideoEntry:
        entry = with_error(self.entry(), exception, time.time())
        return replace(entry, error=entry.error and EntryError(**mask_secrets(asdict(entry.error))))


def records_prompts() -> bool:
    """Return whether ``[lemondata] record_prompts`` lets prompts be stored; what is no boolean does not."""
    try:
        return bool(conf.getboolean("lemondata", "record_prompts", fallback=True))
    except Exception:  # noqa: BLE001 # a wrong setting fails no task
        return False
