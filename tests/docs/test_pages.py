"""All pages: snippets that parse and import, links that lead somewhere, commands and options that exist."""

from __future__ import annotations

import argparse
import ast
import re
import shlex
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from lemondata_provider.catalog import load
from lemondata_provider.catalog.values import CHOICES
from lemondata_provider.cli import get_commands
from lemondata_provider.cli.backfill import lines
from lemondata_provider.cli.models import models
from lemondata_provider.cli.plan import Pace, Plan, Row
from tests.docs.markdown import PAGES, ROOT, anchors, between, blocks, rows, text, words

SNIPPETS = [(page, block) for page in PAGES for block in blocks(page, "python")]
GROUP: Any = get_commands()[0]
COMMANDS = {command.name: command for command in GROUP.subcommands}
COMMAND_LINES = [
    (page, line)
    for page in PAGES
    for line in re.findall(r"airflow lemondata \w[^`\n]* [^`\n]*", text(page))
    if "`" not in line
]


@pytest.mark.parametrize(("page", "snippet"), SNIPPETS, ids=lambda text: text.partition("\n")[0])
def test_python_snippet_parses_and_imports_existing_names(page: str, snippet: str) -> None:
    tree = ast.parse(snippet.replace(", ...)", ")"))  # a reader's "and so on" is no argument
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            module = import_module(node.module or "")
            assert all(hasattr(module, alias.name) for alias in node.names), page


@pytest.mark.parametrize("page", PAGES)
def test_relative_link_leads_to_a_file_and_a_heading(page: str) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", text(page)):
        path, _, anchor = target.partition("#")
        if "://" in path:
            continue
        linked = (ROOT / page).parent / path if path else ROOT / page
        assert linked.exists(), target
        assert not anchor or anchor in anchors(str(linked.resolve().relative_to(ROOT))), target


OWN = re.compile(
    r"https://(?:github\.com/[\w-]+/airflow-provider-lemondata/(?:blob|tree|raw)/main|"
    r"raw\.githubusercontent\.com/[\w-]+/airflow-provider-lemondata/main)/([\w./-]+)"
    r"|https://[\w.-]+/airflow-provider-lemondata/([\w./-]*)(?=[#)\s>\"'`]|$)",
    re.MULTILINE,
)


def own_files(part: str) -> list[str]:
    """Return the files of the repository that the absolute links of a text lead to."""
    return [file or f"docs/{page or 'index.html'}".replace(".html", ".md") for file, page in OWN.findall(part)]


def test_own_files_are_those_of_the_repository_and_of_the_site() -> None:
    repository = "https://github.com/me/airflow-provider-lemondata"
    assert own_files(f"[a]({repository}/blob/main/dags/a.py#L1), {repository} and {repository}/issues") == ["dags/a.py"]
    assert own_files("https://me.github.io/airflow-provider-lemondata/reference/cli.html#plan") == [
        "docs/reference/cli.md"
    ]
    assert own_files("(https://me.github.io/airflow-provider-lemondata/)") == ["docs/index.md"]


@pytest.mark.parametrize("page", [*PAGES, "CHANGELOG.md", "pyproject.toml", "lemondata_provider/get_provider_info.py"])
def test_absolute_link_into_repository_or_site_leads_to_a_file(page: str) -> None:
    assert [file for file in own_files(text(page)) if not (ROOT / file).exists()] == []


def parser_of(name: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=name, exit_on_error=False)
    for argument in COMMANDS[name].args:
        argument.add_to_parser(parser)
    return parser


@pytest.mark.parametrize(("page", "line"), COMMAND_LINES)
def test_documented_command_has_only_existing_options(page: str, line: str) -> None:
    _, _, name, *_ = line.split()
    options = set(parser_of(name)._option_string_actions)
    assert set(re.findall(r"--[\w-]+", line)) <= options


def documented(command: str) -> tuple[list[str], str]:
    """Return the arguments and the output of a command that docs/reference/cli.md shows."""
    prompt = f"$ airflow lemondata {command}"
    (shown,) = [block for block in blocks("docs/reference/cli.md", "console") if block.startswith(prompt)]
    line, _, output = shown.partition("\n")
    return shlex.split(line)[3:], output.strip()


def test_documented_models_table_is_what_the_command_prints() -> None:
    (name, *arguments), output = documented("models --operation")
    assert models(parser_of(name).parse_args(arguments)) == output


def test_documented_models_difference_is_part_of_what_the_command_prints(sandbox: Any, tmp_path: Path) -> None:
    (name, *arguments), output = documented("models --live --diff")
    args = parser_of(name).parse_args(arguments)
    args.output = str(tmp_path / "models.json")
    printed, shown = models(args).splitlines(), output.splitlines()
    assert [line for line in printed if line in shown] == shown
    assert {line[0] for line in printed} <= {*"+-~"}


def test_documented_plan_is_what_the_command_prints() -> None:
    (_, dag_id, *_), output = documented("plan")
    plan = Plan(
        dag_id=dag_id,
        runs=21,
        existing=1,
        rows=(
            Row("clip", "veo3.1-fast", 21, Decimal("12.60"), "4 s at 0.15 a second"),
            Row("upscale", "topaz-video-upscale", 21, None, "0.05 a second, and the video is as long as its source"),
        ),
        paces=(Pace("lemondata_default", 1000, 84, 5.04, 504),),
    )
    assert "\n".join(lines(plan)) == output


def test_contributing_names_only_existing_paths() -> None:
    paths = [word for word in words(text("CONTRIBUTING.md")) if re.fullmatch(r"[\w.]+(/[\w.-]+)+/?|\w+/", word)]
    assert paths
    assert [
        path for path in paths if not any((base / path).exists() for base in (ROOT, ROOT / "lemondata_provider"))
    ] == []


def test_contributing_map_names_every_part_of_the_package() -> None:
    named = words(between("CONTRIBUTING.md", "## Map", "`tests/` mirrors"))
    package = ROOT / "lemondata_provider"
    parts = {f"lemondata_provider/{path.parent.name}/" for path in package.glob("[a-z]*/__init__.py")}
    parts |= {f"lemondata_provider/{path.name}" for path in package.glob("[a-z]*.py")}
    assert parts - set(named) == {"lemondata_provider/get_provider_info.py"}  # Airflow's name for it


def test_contributing_glossary_has_at_most_twenty_words() -> None:
    glossary = rows(between("CONTRIBUTING.md", "## Glossary", "## Where to add"))
    assert 0 < len(glossary) <= 20


def test_documented_recommendations_are_in_the_catalog_in_the_same_order() -> None:
    table = rows(between("docs/reference/models.md", "## The catalog in code", "The guide's two upscalers"))
    documented = {words(purpose)[0]: tuple(models.split(", ")) for purpose, models in table}
    assert documented == load().recommendations


def test_documented_words_are_those_of_the_fields_with_choices() -> None:
    assert set(words(between("docs/reference/models.md", "| undocumented words for", "(a warning"))) == set(CHOICES)
