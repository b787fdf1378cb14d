"""``airflow lemondata``. Every Airflow command imports this module, so it imports nothing but what that command has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.cli.cli_config import CLICommand

_ADOPTION = "lemondata_provider.operators.adoption"


def get_commands() -> list[CLICommand]:
    """Return the commands of ``airflow lemondata``."""
    from airflow.cli.cli_config import (  # noqa: PLC0415 # only a command line needs it
        ARG_DAG_ID,
        ARG_MAP_INDEX,
        ARG_TASK_ID,
        ActionCommand,
        Arg,
        GroupCommand,
        lazy_load_command,
    )

    def argument(flag: str, **options: Any) -> Arg:
        return Arg((flag,), **options)  # type: ignore[no-untyped-call]  # Airflow leaves it untyped

    whose = (ARG_DAG_ID, ARG_TASK_ID, argument("run_id", help="The id of the DAG run"), ARG_MAP_INDEX)
    video_task = argument("--video-task", required=True, help="The id of the task at LemonData")
    poll_url = argument("--poll-url", help="Where that is looked at, default: /v1/tasks/<its id>")
    return [
        GroupCommand(
            name="lemondata",
            help="Repair a submit to LemonData whose answer nobody saw",
            subcommands=[
                ActionCommand(
                    name="adopt",
                    help="Wait for a task that was found at LemonData, instead of submitting",
                    func=lazy_load_command(f"{_ADOPTION}.adopt"),
                    args=(*whose, video_task, poll_url),
                ),
                ActionCommand(
                    name="forget",
                    help="Submit anew, because there is no such task at LemonData",
                    func=lazy_load_command(f"{_ADOPTION}.forget"),
                    args=whose,
                ),
            ],
        )
    ]
