"""What takes the entries of an operator in a test."""

from __future__ import annotations

import json

from lemondata_provider.hooks.task_instance import TaskInstanceKey
from lemondata_provider.videos.entry import VideoEntry


class Entries(list[VideoEntry]):
    """Takes the entries of an operator, as the page would read them."""

    def write(self, task_instance: TaskInstanceKey, entry: VideoEntry) -> None:
        value = entry.to_json()
        assert json.loads(json.dumps(value)) == value  # Airflow would store a tuple as something else
        read = VideoEntry.from_json(value)
        assert read is not None
        self.append(read)

    @property
    def states(self) -> list[str]:
        return [entry.state.value for entry in self]
