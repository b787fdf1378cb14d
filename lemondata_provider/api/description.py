"""What an answer held, in one line for a message: shortened, and without secrets."""

from __future__ import annotations

import json
import re
from typing import Any

from lemondata_provider.api.redaction import redact
from lemondata_provider.api.storable import cut_text, storable

MAX_DESCRIPTION = 300  # characters
_QUERY = re.compile(r"(https?://[^\s\"'<>?]*)\?[^\s\"'<>]*", re.IGNORECASE)  # it may be a signature


def describe_answer(answer: Any) -> str:
    """
    Return what an answer held.

    :param answer: decoded JSON, or a text that is none.
    """
    known = redact(storable(answer))
    text = known if isinstance(known, str) else json.dumps(known, ensure_ascii=False)
    return cut_text(_QUERY.sub(r"\1?…", " ".join(text.split())), MAX_DESCRIPTION) or "nothing"
