"""From a rendered operator to the submission that it means; nothing is sent here."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from lemondata_provider.api.redaction import redact
from lemondata_provider.api.signed_links import hide_signatures
from lemondata_provider.hooks.exceptions import submit_errors_as_airflow_errors
from lemondata_provider.hooks.task_instance import TaskInstanceKey
from lemondata_provider.operators.fingerprint import fingerprint
from lemondata_provider.operators.output import OutputFile
from lemondata_provider.operators.record import Options, Record
from lemondata_provider.operators.submission import Submission
from lemondata_provider.operators.submit_store import submit_store_of
from lemondata_provider.operators.validation import check_requests, checked_requests, with_operations

if TYPE_CHECKING:
    from airflow.sdk import Context

    from lemondata_provider.operators.video import SubmitVideoOperator


def prepare(operator: SubmitVideoOperator, context: Context) -> tuple[Submission, OutputFile | None]:
    """
    Return the submission of a rendered operator, and the file that its video is for, if it names one.

    :param operator: the operator.
    :param context: Airflow's context.
    :raises LemonDataFailException: a field is invalid; nothing was sent.
    """
    with submit_errors_as_airflow_errors(None):
        given = checked_requests(operator)
        named = OutputFile.of(operator, context)
    output = named and named.of_request(given[0])
    requests = with_operations(given)
    body = requests[0].body()
    operator.log.info("Request: %s", hide_signatures(redact(body)))
    store = submit_store_of(operator, context)
    submission = Submission(
        hook=operator.hook,
        requests=requests,
        new_record=Record(
            fingerprint(given[0].body()),  # another package or catalog may infer another operation
            max_tries=getattr(context["ti"], "max_tries", 0),
            deadline=time.time() + operator.timeout,
            model=requests[0].model,
            operation=body.get("operation"),
            try_id=store.current.id if store else None,
        ),
        options=Options(operator.on_unknown_submit, operator.on_clear, operator.resubmit_failed),
        poll_interval=operator.poll_interval,
        store=store,
        task_instance=TaskInstanceKey.of(context["ti"]),
        cancel_replaced=operator.cancel_on_kill,
        check=partial(check_requests, requests, operator.validation, operator.hook),
        find_file=output.raise_if_there if output else lambda _: None,
        price=partial(operator.guards.check, operator.hook),
        is_killed=lambda: operator.is_killed,
        sleep=operator.sleep,
    )
    return submission, output
