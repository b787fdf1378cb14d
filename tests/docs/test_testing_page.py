"""The how-to about tests: its snippets run as they stand."""

from __future__ import annotations

from typing import Any

from lemondata_provider.hooks.lemondata import LemonDataHook
from tests.docs.markdown import ROOT, blocks

PAGE = "docs/how-to/testing.md"


def snippet(word: str) -> dict[str, Any]:
    """Return the names that the one snippet with this word defines."""
    (source,) = [block for block in blocks(PAGE, "python") if word in block]
    names: dict[str, Any] = {}
    exec(compile(source, PAGE, "exec"), names)  # noqa: S102 # our own page
    return names


def test_snippet_of_a_pushed_xcom_makes_a_context_that_the_next_task_reads() -> None:
    context = snippet("context.xcoms")["context"]
    assert context.xcoms["clip"]["output_path"].endswith(f"{context['ds']}.mp4")


def test_snippet_of_a_lost_answer_is_a_test_that_passes(lemondata_connection: Any) -> None:
    snippet("lost_answer")["test_lost_answer_is_not_submitted_again"](lemondata_connection)


def test_snippet_of_another_connection_points_it_to_the_sandbox(lemondata_sandbox: Any, monkeypatch: Any) -> None:
    snippet("AIRFLOW_CONN_STUDIO_KEY")["test_other_connection"](lemondata_sandbox, monkeypatch)
    assert LemonDataHook("studio_key").list_models()


def test_every_included_file_of_the_page_exists() -> None:
    page = ROOT / PAGE
    included = [line.split("} ")[1] for line in page.read_text().splitlines() if line.startswith("```{literalinclude}")]
    assert len(included) == 3
    assert all((page.parent / path).is_file() for path in included)
