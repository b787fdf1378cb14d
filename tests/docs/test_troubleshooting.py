"""docs/troubleshooting.md: quotes are the texts of the code, every entry is found and is read in a minute."""

from __future__ import annotations

import ast
import re
from functools import cache
from inspect import getsource
from pathlib import Path

import airflow
import pytest

from lemondata_provider.api import errors
from lemondata_provider.hooks import exceptions
from tests.docs.markdown import ROOT, anchors, rows, text, words

PAGE = "docs/troubleshooting.md"
PACKAGE = ROOT / "lemondata_provider"
MIN_FIXED = 6  # characters that tell a text from others
WORDS_IN_A_MINUTE = 200
# What stands in the quotes for a placeholder of the code: values, and words of LemonData, Airflow or the system.
EXAMPLES = (
    r"(?:ldtask|req)_…",
    r"[a-z0-9]+://[^\s,;)]*[^\s,;.:)]",
    r"'[^']*'",
    r"\b\d[\d.,x]*(?: MB| %)?",
    r"(?<=answered )\d+[^(]*",
    r"(?<=at LemonData: ).*",
    "no such person|prompt(?= changed| rendered)|(?<=different: )prompt|HTTPS_PROXY|ConnectError|ReadTimeout",
    r"Balance: .*|OSError: .*device|the connection closed early|s of video",
    "veo9|sora-2|text-to-video and image-to-video|video-to-video|video_url|image_url|kling-video-o1-pro|text/html",
    "s at 0.15 a second|a second, and the video is as long as its source|image_url|duration(?= is| must)",
    "LemonData publishes no price for this model",
)
# Texts of the code that other texts of the code contain.
NESTED = (
    r"The task may still finish|(?<=generation )failed|Password \(API key\)|not listed on|max_cost_usd is",
    r"cleared by a user|processing|(?<= )must be a number|is already there|were(?= expected)|\[lemondata\] media_roots",
)
OF_AIRFLOW = ("Executor ", "TypeError: Invalid arguments")
TYPE = re.compile(r"(\w+(?:Error|Exception)): ")


def quotes() -> list[str]:
    """Return the quoted messages; a line that begins with spaces continues the one before."""
    blocks = re.findall(r"^```text\n(.*?)^```$", text(PAGE), re.MULTILINE | re.DOTALL)
    return [quote for block in blocks for quote in re.sub(r"\n {2,}", " ", block).splitlines()]


def entries() -> dict[str, str]:
    """Return the text of each entry by its heading."""
    _, *parts = re.split(r"^## ", text(PAGE), flags=re.MULTILINE)
    return dict(part.split("\n", 1) for part in parts)


@cache
def texts_of_code() -> str:
    """Return the fixed parts of all texts of the package, a line each."""
    parts: list[str] = []
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                parts += re.split(r"%(?:\.\d+)?[sdrf]|\n", node.value)
    for path in PACKAGE.rglob("*.js"):
        parts += re.findall(r'"([^"\n]+)"', path.read_text())
    return "\n".join(parts)


def fixed_parts(quote: str) -> list[str]:
    """Return the parts of a quote that the code has as they stand: without examples, sentence by sentence."""
    splitting = "|".join([f"({'|'.join(NESTED)})", *EXAMPLES, "…", r"(?<=[.;:?]) "])
    bare = (part.strip(" .;:?,()'\"") for part in re.split(splitting, TYPE.sub("", quote, count=1)) if part)
    return [part for part in bare if len(part) > 2]


@pytest.mark.parametrize("quote", [each for each in quotes() if not each.startswith(OF_AIRFLOW)])
def test_quoted_message_is_a_text_of_the_code(quote: str) -> None:
    parts = fixed_parts(quote)
    assert sum(map(len, parts)) >= MIN_FIXED
    assert [part for part in parts if part not in texts_of_code()] == []


def test_quoted_message_with_another_word_is_no_text_of_the_code() -> None:
    quote = next(each for each in quotes() if "The deadline came before" in each)
    parts = fixed_parts(quote.replace("waits for it", "waits on it"))
    assert [part for part in parts if part not in texts_of_code()] == ["waits on it without paying again"]


@pytest.mark.parametrize("name", sorted({match[1] for each in quotes() if (match := TYPE.match(each))}))
def test_quoted_error_type_exists(name: str) -> None:
    assert hasattr(errors, name) or hasattr(exceptions, name) or name == "TypeError"


def test_quoted_messages_of_airflow_are_its_own() -> None:
    scheduler = Path(airflow.__file__).with_name("jobs") / "scheduler_job_runner.py"
    assert "\"Executor %s reported that the task instance %s finished with state %s, but the task instance's state" in (
        scheduler.read_text()
    )
    from airflow.sdk import BaseOperator  # noqa: PLC0415 # the quote is of its constructor

    assert "Invalid arguments were passed to {self.__class__.__name__}" in getsource(BaseOperator)


def test_contents_lead_to_every_entry_once() -> None:
    contents, _, _ = text(PAGE).partition("## ")
    links = [re.findall(r"\(#([^)]+)\)$", seen) for seen, _ in rows(contents) if seen.startswith("[")]
    targets = [target for found in links for target in found]
    assert len(links) == len(targets) == len(set(targets))
    (title,) = re.findall(r"^# (.+)$", text(PAGE), re.MULTILINE)
    assert set(targets) == anchors(PAGE) - {title.lower()}


@pytest.mark.parametrize(("heading", "entry"), entries().items(), ids=list(entries()))
def test_entry_says_what_to_do_in_a_minute(heading: str, entry: str) -> None:
    prose = re.sub(r"^```.*?^```$", "", entry, flags=re.MULTILINE | re.DOTALL)
    assert len(prose.split()) <= WORDS_IN_A_MINUTE
    assert "**Do:**" in prose or "you want" in prose
    about_money = "**Money" in prose
    contents = rows(text(PAGE).partition("## ")[0])
    (money,) = [money for seen, money in contents if seen.endswith(f"(#{_anchor(heading)})")]
    assert about_money == bool(money)


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def test_named_options_and_extras_exist() -> None:
    from lemondata_provider.get_provider_info import get_provider_info  # noqa: PLC0415 # few tests need it
    from lemondata_provider.operators.video import SubmitVideoOperator  # noqa: PLC0415 # the same

    source = getsource(SubmitVideoOperator)
    info = get_provider_info()
    named = set(words(text(PAGE)))
    options = {match[1] for word in named if (match := re.match(r"([a-z_]+)=", word))} - {"task_id", "poll_url", "pool"}
    assert {name for name in options if name not in source} == set()
    (form,) = info["connection-types"]
    for extra in ("management_token", "user_agent", "verify", "triggerers", "requests_per_minute"):
        assert extra in named
        assert extra in form["conn-fields"]
    for setting in ("media_roots", "record_prompts"):
        assert setting in info["config"]["lemondata"]["options"]
