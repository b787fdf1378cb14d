"""
Whether a stored video is what was asked for.

An expectation is a dict of facts, or the word ``"request"`` for what the request itself says. A fact that the file does
not tell (a fragmented MP4 has no duration, a WebM file tells none) is no mismatch.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lemondata_provider.api.errors import InvalidRequestError, OutputMismatchError
from lemondata_provider.close_matches import closest
from lemondata_provider.hooks.arguments import choice
from lemondata_provider.results.outputs import Output
from lemondata_provider.results.requirements import PARSERS, Requirement, requested

log = logging.getLogger(__name__)

REQUEST = "request"
ON_MISMATCH = ("warn", "fail")


@dataclass(frozen=True)
class Expectation:
    """
    What a video must be.

    :param requirements: of the user; ``None`` takes them from the request.
    :param on_mismatch: ``fail`` or ``warn``.
    """

    requirements: tuple[Requirement, ...] | None
    on_mismatch: str

    @classmethod
    def parse(cls, expect: Any, on_mismatch: Any = "warn") -> Expectation | None:
        """
        Read the arguments of an operator; ``None`` expects nothing.

        :param expect: a dict of facts, or ``"request"``.
        :param on_mismatch: ``fail`` raises an error, ``warn`` logs a warning.
        :raises InvalidRequestError: an argument cannot be right; the message names it, and what is allowed.
        """
        on_mismatch = choice("on_mismatch", on_mismatch, ON_MISMATCH)
        if expect is None:
            return None
        if expect == REQUEST:
            return cls(None, on_mismatch)
        if not isinstance(expect, Mapping) or not expect:
            raise InvalidRequestError(
                f"expect must be {REQUEST!r} or a dict of {', '.join(PARSERS)}, not {expect!r:.80}; templates are not "
                "supported"
            )
        return cls(tuple(_requirement(name, value) for name, value in expect.items()), on_mismatch)

    def mismatches(self, output: Output, request_fields: Mapping[str, Any]) -> list[str]:
        """
        Return one sentence for each difference, and log what the file does not tell.

        :param output: the stored video.
        :param request_fields: the fields of the request by their API names, for ``"request"``.
        """
        found = []
        for requirement in requested(request_fields) if self.requirements is None else self.requirements:
            value = requirement.measure(output)
            if value is None:
                log.warning("%s does not tell its %s, so this is not checked", output.uri, requirement.fact)
            elif not requirement.holds(value):
                found.append(requirement.sentence(value))
        return found

    def enforce(
        self,
        outputs: Iterable[Output],
        request_fields: Mapping[str, Any],
        *,
        task_id: str | None = None,
        poll_url: str | None = None,
    ) -> None:
        """
        Fail or warn if a stored video is not what was asked for; the files stay.

        :param outputs: all stored videos of a task.
        :param request_fields: see :meth:`mismatches`.
        :param task_id: LemonData's id of the task.
        :param poll_url: its poll URL.
        :raises OutputMismatchError: one differs, and ``on_mismatch`` is ``fail``.
        """
        compared = {output.uri: self.mismatches(output, request_fields) for output in outputs}
        found = {uri: differences for uri, differences in compared.items() if differences}
        if not found:
            return
        what = " ".join(f"{uri} is not what was asked for: {'; '.join(each)}." for uri, each in found.items())
        if self.on_mismatch == "warn":
            log.warning("%s", what)
            return
        raise OutputMismatchError(
            f"{what} The file is kept, and the video is paid for. Use it as it is, correct expect, or change the "
            "request and clear the Airflow task to pay for another video.",
            task_id=task_id,
            poll_url=poll_url,
        )


def _requirement(name: Any, value: Any) -> Requirement:
    parse = PARSERS.get(name)
    if parse is None:
        nearest = closest(str(name), PARSERS)
        hint = f": did you mean {nearest!r}?" if nearest else ""
        raise InvalidRequestError(f"expect takes {', '.join(PARSERS)}, not {str(name)[:80]!r}{hint}")
    try:
        return parse(value)
    except ValueError as error:
        hint = " (templates are not supported)" if isinstance(value, str) and "{" in value else ""
        raise InvalidRequestError(f"expect[{name!r}] {error}, not {value!r:.80}{hint}") from None
