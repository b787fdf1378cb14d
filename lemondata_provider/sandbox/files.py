"""The finished videos on disk: each is drawn once, when it is first wanted."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path


class Files:
    """A folder of videos; without a folder of the caller's, a temporary one that `close` removes."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._temporary: Path | None = None
        self._drawing: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._lock = threading.Lock()

    def get(self, name: str, draw: Callable[[Path], None], suffix: str = "mp4") -> Path:
        """The file of that name, drawn if it is not there; who asks meanwhile waits for that drawing."""
        with self._lock:
            path = self._place() / f"{name}.{suffix}"
            drawing = self._drawing[path.name]
        with drawing:
            if not path.exists():
                # A folder that outlives the process must never show half a video.
                unfinished = path.with_name(f"{path.name}.part")
                draw(unfinished)
                unfinished.replace(path)
        return path

    def close(self) -> None:
        """Remove the folder if it was a temporary one."""
        with self._lock:
            if self._temporary is not None:
                shutil.rmtree(self._temporary, ignore_errors=True)
                self._temporary = None

    def _place(self) -> Path:
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
            return self._folder
        if self._temporary is None:
            self._temporary = Path(tempfile.mkdtemp(prefix="lemondata-sandbox-"))
        return self._temporary
