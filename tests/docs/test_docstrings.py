"""The examples in docstrings run, against the sandbox."""

from __future__ import annotations

import doctest
from typing import Any

import pytest

from lemondata_provider.api import client
from lemondata_provider.hooks import lemondata

EXAMPLES = [
    example
    for module in (client, lemondata)
    for example in doctest.DocTestFinder(exclude_empty=True).find(module)
    if example.examples
]


def test_docstrings_of_hook_and_clients_have_an_example() -> None:
    assert {example.name.rpartition(".")[2] for example in EXAMPLES} == {"AsyncClient", "Client", "LemonDataHook"}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_docstring_example_prints_what_it_shows(example: doctest.DocTest, sandbox: Any) -> None:
    example.globs |= {"api_key": sandbox.api_key, "base_url": sandbox.url}
    printed: list[str] = []
    assert doctest.DocTestRunner().run(example, out=printed.append).failed == 0, "".join(printed)
