"""
What both clients do alike: what a call becomes on the wire, who may see the key, and what an answer means.

Source: https://docs.lemondata.cc (error-handling, rate-limits).
"""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any, TypedDict, TypeVar

import httpx

from lemondata_provider import __version__
from lemondata_provider.api.answer_body import AnswerBody, decode_json
from lemondata_provider.api.auth import OriginBoundAuth, checked_key, hide_key
from lemondata_provider.api.calls import Call
from lemondata_provider.api.description import describe_answer
from lemondata_provider.api.environment import ssl_context
from lemondata_provider.api.error_response import error_from
from lemondata_provider.api.errors import (
    AccessDeniedError,
    AnswerLostError,
    APIError,
    AuthenticationError,
    ConfigurationError,
    ConnectionFailedError,
    LemonDataError,
    NotFoundError,
    TaskNotFoundError,
    UnreadableAnswerError,
)
from lemondata_provider.api.fields import read_link
from lemondata_provider.api.http_logs import quiet_http_logs
from lemondata_provider.api.rate_limiter import RateLimit
from lemondata_provider.api.redaction import redact
from lemondata_provider.api.sent_media import SentMedia
from lemondata_provider.api.storable import cut_text
from lemondata_provider.api.task import Task
from lemondata_provider.api.urls import DEFAULT_BASE_URL, OLD_HOSTS, BaseUrl

log = logging.getLogger(__name__)
T = TypeVar("T")

CONNECT_TIMEOUT = 10.0
READ_TIMEOUT = 60.0
MIN_UPLOAD_RATE = 100_000.0  # bytes a second: what a request holds may take its time beside the answer
MAX_REDIRECTS = 5
# Requests are paced before they come here, so connections are few unless answers are slow: then they must not queue.
LIMITS = httpx.Limits(max_connections=256, max_keepalive_connections=4, keepalive_expiry=90)
NOT_EXECUTED_REDIRECTS = (301, 302, 307, 308)  # of a create; after a 303 it may have been executed
TASK_ID_HEADER = "x-task-id"
TASK_HEADERS = {
    "task_id": TASK_ID_HEADER,
    "request_id": "x-request-id",
    "billing_transaction_id": "x-billing-transaction-id",
}
USER_AGENT = f"airflow-provider-lemondata/{__version__}"


class ClientOptions(TypedDict, total=False):
    """What both clients take beside base URL and key."""

    timeout: float
    verify: bool | str
    user_agent: str
    connection: str
    transport: Any
    on_rate_limit: Callable[[RateLimit], None]


class _Nothing:
    """What can be awaited, and what can be left alone."""

    def __await__(self) -> Generator[None, None, None]:
        return
        yield


def _follow_nothing_but_reads(response: httpx.Response) -> _Nothing:
    """Hide the target of a redirected create: httpx would parse it, and fail as if nothing had been sent."""
    if response.request.method != "GET":
        response.extensions["location"] = response.headers.pop("Location", "")
    return _Nothing()  # one hook for both clients


class Wire:
    """What a call becomes on the wire, and what comes of its answer: the same for both clients."""

    def __init__(self, base_url: str, api_key: str, options: ClientOptions) -> None:
        self.base = BaseUrl.parse(base_url)
        self._key = checked_key(api_key)
        self._timeout = options.get("timeout", READ_TIMEOUT)
        self._on_rate_limit = options.get("on_rate_limit")
        connection = options.get("connection")
        self._connection = f" (connection {connection!r})" if connection else ""
        self._of_connection = f" of connection {connection!r}" if connection else ""
        self.http_options: dict[str, Any] = {
            "auth": OriginBoundAuth(self.base, api_key),
            "headers": {
                "User-Agent": options.get("user_agent", USER_AGENT),
                "Accept": "application/json",
                "Accept-Encoding": "identity",  # see AnswerBody
            },
            "timeout": httpx.Timeout(self._timeout, connect=CONNECT_TIMEOUT),
            "limits": LIMITS,
            "follow_redirects": False,
            "event_hooks": {"response": [_follow_nothing_but_reads]},
            "transport": options.get("transport"),
            # With a transport of the caller's own there is no certificate to check.
            "verify": options.get("transport") is not None or ssl_context(options.get("verify", True)),
        }

    def build_request(self, call: Call[Any], http: httpx.Client | httpx.AsyncClient) -> httpx.Request:
        """Return the HTTP request of a call."""
        if (url := self._url(call)) != self.base.resolve(call.url):
            log.warning("The poll URL %s cannot be used on %s: polling %s", redact(call.url), self.base, url)
        return http.build_request(call.method, url, json=call.body, params=dict(call.params) or None)

    def _url(self, call: Call[Any]) -> str:
        """Return the URL of a call, or else of its fallback: the first may be elsewhere, or unfit to be sent."""
        links = (read_link(target) for target in (call.url, call.fallback_url))
        return next((url for link in links if link and (url := self.base.resolve(link))), "")

    def time_limit(self, call: Call[Any], request: httpx.Request) -> float:
        """Return the seconds that a request may take as a whole, redirects included."""
        upload = int(request.headers.get("Content-Length", 0)) / MIN_UPLOAD_RATE
        return (call.timeout or CONNECT_TIMEOUT + self._timeout) + upload

    def redirected(self, response: httpx.Response) -> httpx.Request | None:
        """Return the request that a redirect asks for; only a ``GET`` follows one."""
        redirects = response.request.extensions.get("redirects", 0)
        following = response.next_request
        if following is None or response.request.method != "GET" or redirects >= MAX_REDIRECTS:
            return None
        following.extensions["redirects"] = redirects + 1
        return following

    def timed_out(self, call: Call[Any], seconds: float) -> AnswerLostError:
        """Return the error of a request that took too long."""
        return AnswerLostError(f"No whole answer from {self._where(call)} within {seconds:.0f} s", **call.error_context)

    @contextmanager
    def translate_transport_errors(self, call: Call[Any]) -> Iterator[None]:
        """Raise whether the request may have left: that decides about paying twice."""
        try:
            with quiet_http_logs():
                yield
        except _NEVER_OPENED as error:
            message = f"Cannot connect to {self._where(call)}: {_reason(error)}{self._old_host_hint(error)}"
            raise ConnectionFailedError(message, **call.error_context) from None
        except httpx.HTTPError as error:
            message = f"No whole answer from {self._where(call)}: {_reason(error)}"
            raise AnswerLostError(message, **call.error_context) from None

    @contextmanager
    def tolerate_lost_body(self, call: Call[Any], response: httpx.Response) -> Iterator[None]:
        """Suppress the loss of a body that is not needed: the status refuses, or the headers name the created task."""
        try:
            yield
        except httpx.HTTPError:
            names_task = response.is_success and call.reads_headers and TASK_ID_HEADER in response.headers
            if not (names_task or response.status_code >= 400):
                raise

    def _old_host_hint(self, error: BaseException) -> str:
        if self.base.host not in OLD_HOSTS or not any(isinstance(cause, socket.gaierror) for cause in _causes(error)):
            return ""
        return f". {self._moved(DEFAULT_BASE_URL)}"

    def _moved(self, origin: str) -> str:
        where = f"set it as Base URL{self._of_connection}"
        if origin in (DEFAULT_BASE_URL, *(f"https://{host}" for host in OLD_HOSTS)):
            return f"LemonData's API has moved to {origin}: {where}."
        return f"The answer redirects to {origin}: if that is LemonData's API, {where}."

    def _where(self, call: Call[Any]) -> str:
        """Return the URL without its query, which may be signed, and the connection."""
        return f"{self._url(call).partition('?')[0]}{self._connection}"

    def parse_response(self, call: Call[T], response: httpx.Response, body: AnswerBody) -> T:
        """Turn an answer into what the call asked for, or raise what it means."""
        if self._on_rate_limit and (limit := RateLimit.read(response.headers, time.time())):
            self._on_rate_limit(limit)
        try:
            return self._read(call, response, body)
        except LemonDataError as error:
            sent = SentMedia(call.body)
            raise (error.replace(**sent.hide(error.to_dict())) if sent else error) from None
        except RecursionError:
            what = f"{response.status_code} with brackets nested too deeply"
            raise UnreadableAnswerError(f"Not LemonData's JSON: {what}", **call.error_context) from None

    def _read(self, call: Call[T], response: httpx.Response, body: AnswerBody) -> T:
        text = body.text
        payload = decode_json(text)
        if call.reads_headers and response.is_success:
            payload = self._with_headers(payload, response)
        if isinstance(payload, dict) and "poll_url" in payload:
            # Before it is cleaned: without a control character the link would lead elsewhere.
            payload = {**payload, "poll_url": read_link(payload["poll_url"])}
        # Whatever the service quotes, the key stays here; only a backslash can disguise it, or cut a character in two.
        if self._key in text or "\\" in text:
            payload = self._hide(payload)
        if response.is_success and isinstance(payload, dict):
            found = call.read(payload)
            if isinstance(found, Task):
                return found.with_absolute_links(str(response.request.url))  # type: ignore[return-value]  # T is Task
            return found
        text = self._hide(cut_text(text))
        if response.status_code >= 400:
            headers = self._hide(dict(response.headers))
            error = error_from(response.status_code, headers, payload or text, now=time.time())
            raise self._explain(error, call, response)
        location = response.extensions.get("location", "")
        if response.status_code in NOT_EXECUTED_REDIRECTS and (origin := self.base.other_host(location)):
            message = f"LemonData answered {response.status_code}, so nothing was done. {self._moved(origin)}"
            raise ConfigurationError(message, **call.error_context)
        kind = self._hide(f"{response.status_code} {response.headers.get('content-type', 'without a content type')}")
        held = describe_answer(text if payload is None else payload)
        raise UnreadableAnswerError(f"Not LemonData's JSON ({kind}): {held}", **call.error_context)

    def _with_headers(self, payload: Any, response: httpx.Response) -> Any:
        """Add what the headers say of the task to a create answer; they also stand for a body that is unreadable."""
        headers = response.headers
        found = {name: self._hide(headers[header]) for name, header in TASK_HEADERS.items() if headers.get(header)}
        if location := response.extensions.get("location"):
            found["poll_url"] = self._hide(location)
        if isinstance(payload, dict):
            named = {name: value for name, value in payload.items() if value}
            if named.keys() & {"id", "task_id"}:
                found.pop("poll_url", None)  # where a task is polled follows from its id
            return {**found, **named}
        return found if payload is None and found.keys() & {"task_id", "poll_url"} else payload

    def _hide(self, value: Any) -> Any:
        return hide_key(value, self._key)

    def _explain(self, error: APIError, call: Call[Any], response: httpx.Response) -> LemonDataError:
        message = error.message
        if isinstance(error, (AuthenticationError, AccessDeniedError)):
            message += self._connection
        if isinstance(error, NotFoundError) and self.base.resolve(call.url) is None:
            message += f" (asked {response.request.url} instead of {call.url}, which is not on {self.base})"
        elif isinstance(error, NotFoundError) and not isinstance(error, TaskNotFoundError):
            message += f" (asked {self._where(call)}: check the Base URL {self.base}{self._of_connection})"
        if origin := self.base.other_host(str(response.request.url)):
            message += f" (redirected to {origin}, without the key). {self._moved(origin)}"
        return error.replace(message=message, **call.error_context)


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


_NEVER_OPENED = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
    UnicodeError,  # a host name that no resolver takes
)
