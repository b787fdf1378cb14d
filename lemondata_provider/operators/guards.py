"""What is asked of the service before money is spent: what the model accepts today, and what the video would cost."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from lemondata_provider.api.contract import check_contract
from lemondata_provider.api.errors import (
    AnswerLostError,
    ConnectionFailedError,
    InvalidRequestError,
    LemonDataError,
    ModelNotFoundError,
    ServiceError,
    UnreadableAnswerError,
)
from lemondata_provider.api.fields import read_price
from lemondata_provider.api.prices import Estimate, plain
from lemondata_provider.api.request import VideoRequest
from lemondata_provider.api.submit_outcome import MODEL_NOT_FOUND
from lemondata_provider.close_matches import close_matches
from lemondata_provider.hooks.arguments import choice, flag
from lemondata_provider.hooks.lemondata import LemonDataHook
from lemondata_provider.operators.validation import catalog


@dataclass(frozen=True)
class SubmitGuards:
    """
    What the user wants to be sure of.

    :param check_live: ask the service what the model accepts.
    :param max_cost_usd: what one video may cost.
    :param unknown_cost: what happens where that cannot be said beforehand: ``refuse`` or ``allow``.
    """

    check_live: bool = False
    max_cost_usd: Decimal | None = None
    unknown_cost: str = "refuse"

    def check(self, hook: LemonDataHook, request: VideoRequest) -> str | None:
        """
        Check a request right before it is submitted, and return what it will cost in USD, if that is known.

        :raises InvalidRequestError: if it must not be submitted.
        :raises LemonDataError: if its price has to be known, and could not be asked for.
        """
        if self.check_live:
            check_live(hook, request)
        estimate = self._estimate(hook, request)
        if problem := over_budget(request.model, estimate, self.max_cost_usd, self.unknown_cost):
            raise InvalidRequestError(problem)
        if estimate.usd is None:
            hook.log.info("What %s costs is not known beforehand: %s", request.model, estimate.reason)
            return None
        about = "at most" if estimate.is_maximum else "about"
        hook.log.info("%s costs %s %s USD (%s)", request.model, about, plain(estimate.usd), estimate.reason)
        return plain(estimate.usd)

    def _estimate(self, hook: LemonDataHook, request: VideoRequest) -> Estimate:
        needed = self.max_cost_usd is not None
        try:
            return hook.estimate(request, patient=needed)
        except LemonDataError as error:
            if needed and self.unknown_cost == "refuse":
                raise _not_submitted(error) from error
            hook.log.warning("The price of %s could not be asked for: %s", request.model, error)
            return Estimate(None, "its price could not be asked for")


def over_budget(model: str, estimate: Estimate, max_cost_usd: Decimal | None, unknown_cost: str) -> str | None:
    """Say why a video must not be submitted at its price, or nothing if it may."""
    if max_cost_usd is None:
        return None
    limit = f"max_cost_usd is {plain(max_cost_usd)}"
    if estimate.usd is None:
        problem = f"What {model!r} would cost is unknown ({estimate.reason}), and {limit}. Nothing was submitted."
        allowed = unknown_cost == "allow"
        return None if allowed else f'{problem} unknown_cost="allow" submits it all the same.'
    if estimate.usd <= max_cost_usd:
        return None
    fitting = int(max_cost_usd // estimate.per_second) if estimate.per_second else 0
    hint = f" At most {fitting} s of it fit." if fitting else ""
    at_most = "at most " if estimate.is_maximum else ""
    cost = f"{model!r} would cost {at_most}{plain(estimate.usd)} USD ({estimate.reason})"
    return f"{cost}, and {limit}. Nothing was submitted.{hint}"


def check_live(hook: LemonDataHook, request: VideoRequest) -> None:
    """
    Check a request against what the service tells of its model; trouble in asking stops nothing.

    :raises InvalidRequestError: if the service does not know the model, or its contract says otherwise.
    """
    try:
        model = hook.get_model(request.model, patient=False)
    except ModelNotFoundError as error:
        close = close_matches(request.model, (model.id for model in catalog().models), cutoff=0.5)
        has_suggestions = any(error.hints.get(name) for name in ("did_you_mean", "suggestions"))
        suggested = {} if has_suggestions or not close else {"did_you_mean": close[0], "suggestions": list(close)}
        raise InvalidRequestError(
            f"LemonData does not know the model {request.model!r} today. Nothing was submitted.",
            code=MODEL_NOT_FOUND,
            hints={**error.hints, **suggested},
        ) from None
    except LemonDataError as error:
        hook.log.warning("check_live could not ask about %s, and submits unchecked: %s", request.model, error)
        return
    check_contract(request, model)


def read_guards(check_live: Any, max_cost_usd: Any, unknown_cost: Any) -> SubmitGuards:
    """
    Check the arguments of an operator.

    :raises InvalidRequestError: if one of them cannot be meant.
    """
    return SubmitGuards(
        flag("check_live", check_live),
        None if max_cost_usd is None else _amount(max_cost_usd),
        choice("unknown_cost", unknown_cost, ("refuse", "allow")),
    )


def _amount(value: Any) -> Decimal:
    if (amount := read_price(value)) is None:
        raise InvalidRequestError(f"max_cost_usd must be an amount of USD such as 0.5, not {value!r}")
    return amount


def _not_submitted(error: LemonDataError) -> LemonDataError:
    """Return the error of a question before the submit: one that may mean a lost submit elsewhere does not here."""
    if not isinstance(error, (AnswerLostError, UnreadableAnswerError, ServiceError)):
        return error
    return ConnectionFailedError(
        f"The price could not be asked for, and nothing was submitted: {error.message}",
        status=error.status,
        code=error.code,
        param=error.param,
        hints=error.hints,
        retry_after=error.retry_after,
        final=error.final,  # the service may say itself that a retry does not help
    )
