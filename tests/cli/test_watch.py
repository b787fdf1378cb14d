"""Waiting for a task in a terminal."""

from __future__ import annotations

import io
from argparse import Namespace

import pytest
from rich.console import Console

from lemondata_provider.api.calls import submit_video
from lemondata_provider.api.errors import LemonDataError, TaskNotFoundError
from lemondata_provider.api.polling import Failed, PollAgain
from lemondata_provider.api.request import VideoRequest
from lemondata_provider.api.task import Task
from lemondata_provider.cli.watch import watch
from lemondata_provider.hooks.lemondata import LemonDataHook


def submit(prompt: str = "x") -> Task:
    with LemonDataHook().get_conn() as client:
        return client.send(submit_video(VideoRequest.checked(model="veo3.1-fast", prompt=prompt, duration=4)))


@pytest.fixture
def submitted(sandbox):
    return submit()


@pytest.fixture
def unfinished(sandbox):
    """A task that the first poll finds unfinished, on a busy machine too."""
    sandbox.configure(generation_seconds=1.0)
    return submit()


def run(task: str, terminal: bool = False, **more) -> tuple[str, str]:
    """Return the answer, and what was shown meanwhile."""
    shown = io.StringIO()
    console = Console(file=shown, force_terminal=terminal, width=120)
    args = Namespace(task=task, conn_id="lemondata_default", poll_interval=0.05)
    return watch(args, console=console, **more), shown.getvalue()


def test_watch_poll_url_or_id_ends_with_the_video(sandbox, submitted):
    for task in (submitted.poll_url, submitted.id):
        answer, _ = run(task)
        assert answer.startswith(f"Task {submitted.id} completed in ")
        assert ".mp4" in answer
    assert len(sandbox.ledger.creates) == 1


def test_watch_signed_link_is_shown_without_its_signature(sandbox, submitted):
    sandbox.configure(link_seconds=60)
    answer, _ = run(submitted.id)
    assert "?" not in answer


def test_watch_no_terminal_prints_one_line_for_each_change(unfinished):
    _, shown = run(unfinished.id)
    lines = shown.splitlines()
    assert any(f"Task {unfinished.id} is " in line for line in lines)
    assert len(lines) == len(set(lines))


def test_watch_terminal_draws_a_bar(unfinished):
    _, shown = run(unfinished.id, terminal=True)
    assert unfinished.id in shown
    assert "━" in shown


def test_watch_failed_task_exits_with_the_reason(sandbox):
    with pytest.raises(SystemExit, match="failed at LemonData"):
        run(submit("[fail]").id)


def test_watch_interrupted_leaves_the_task_alone(sandbox, unfinished):
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as stopped:
        run(unfinished.id, sleep=interrupt)
    assert stopped.value.code == 130
    assert sandbox.ledger.requests("cancel") == 0


def test_watch_unknown_task_exits_with_the_reason(mocker):
    hook = mocker.Mock()
    hook.poll.return_value = Failed(TaskNotFoundError("There is no such task."))
    with pytest.raises(SystemExit, match="no such task"):
        run("ldtask_none", new_hook=lambda conn_id: hook)


def test_watch_poll_fails_and_goes_on_says_so_once(mocker):
    hook, error = mocker.Mock(), LemonDataError("Cannot connect.")
    hook.poll.side_effect = [PollAgain(0.0, error), PollAgain(0.0, error), Failed(LemonDataError("The end."))]
    shown = io.StringIO()
    console = Console(file=shown, width=120)
    args = Namespace(task="ldtask_1", conn_id="c", poll_interval=0.05)
    with pytest.raises(SystemExit, match="The end"):
        watch(args, console=console, new_hook=lambda conn_id: hook)
    assert shown.getvalue().count("Cannot connect") == 1


def test_watch_words_of_the_service_are_no_markup(mocker):
    hook = mocker.Mock()

    def poll(poller):
        poller.last_task = Task(id="ldtask_1", poll_url="/v1/tasks/ldtask_1", raw_status="odd[/x]")
        return Failed(LemonDataError("The end.")) if hook.poll.call_count > 1 else PollAgain(0.0)

    hook.poll.side_effect = poll
    for terminal in (True, False):
        hook.poll.reset_mock()
        with pytest.raises(SystemExit, match="The end"):
            run("ldtask_1", terminal, new_hook=lambda conn_id: hook)


@pytest.mark.parametrize("task", ["", "/"])
def test_watch_names_no_task_exits_before_anything_is_sent(mocker, task):
    new_hook = mocker.Mock()
    with pytest.raises(SystemExit, match="neither a poll URL nor an id"):
        run(task, new_hook=new_hook)
    new_hook.assert_not_called()
