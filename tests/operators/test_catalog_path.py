"""The setting ``[lemondata] catalog_path``, and what the operator does with its file."""

from __future__ import annotations

import os

import pytest

from lemondata_provider.api.errors import ConfigurationError, InvalidRequestError
from lemondata_provider.catalog import load
from lemondata_provider.operators.validation import catalog
from tests.operators.helpers import operator


@pytest.fixture
def other_catalog(tmp_path, monkeypatch):
    """A data file of the user's own."""
    path = tmp_path / "models.json"
    path.write_text('{"models": [{"id": "sora-2", "family": "OpenAI", "operations": ["video-to-video"]}]}')
    monkeypatch.setenv("AIRFLOW__LEMONDATA__CATALOG_PATH", str(path))
    return path


def test_catalog_path_valid_file_replaces_the_catalog(sandbox, context, other_catalog):
    assert [model.id for model in catalog().models] == ["sora-2"]
    with pytest.raises(InvalidRequestError, match="sora-2: video-to-video needs video_url"):
        operator(prompt="x")


def test_catalog_path_invalid_file_raises_error_that_names_it(other_catalog):
    other_catalog.write_text("{}")
    with pytest.raises(ConfigurationError, match=r"\[lemondata\] catalog_path: .*models.json: it must be an object"):
        operator(prompt="x")


@pytest.mark.parametrize("kind", ["link to a pipe", "device", "endless device", "folder"])
def test_catalog_path_no_regular_file_raises_and_does_not_hang(tmp_path, monkeypatch, kind):
    path = tmp_path / "models.json"
    if "pipe" in kind:
        os.mkfifo(tmp_path / "pipe")
    places = {
        "pipe": "pipe",
        "device": "/dev/null",
        "endless device": "/dev/zero",
        "folder": ".",
        "link to a pipe": "pipe",
    }
    path.symlink_to(tmp_path / places[kind])
    monkeypatch.setenv("AIRFLOW__LEMONDATA__CATALOG_PATH", str(path))
    with pytest.raises(ConfigurationError, match=r"catalog_path: .*models.json is no regular file"):
        operator(prompt="x")


@pytest.mark.parametrize("text", ["[" * 100_000, '{"models": ' + "[" * 50_000, '{"a":' * 50_000])
def test_catalog_path_deeply_nested_file_raises_error_that_names_it(other_catalog, text):
    other_catalog.write_text(text)
    with pytest.raises(ConfigurationError, match=r"catalog_path: .*models.json has brackets nested too deeply"):
        operator(prompt="x")


def test_catalog_path_empty_uses_the_shipped_file(monkeypatch):
    monkeypatch.setenv("AIRFLOW__LEMONDATA__CATALOG_PATH", "")
    assert catalog() is load()


@pytest.mark.parametrize("validation", ["warn", "off"])
def test_catalog_path_unreadable_file_submits_unless_strict(sandbox, context, validation, monkeypatch):
    op = operator(validation=validation)
    monkeypatch.setenv("AIRFLOW__LEMONDATA__CATALOG_PATH", "/nowhere/models.json")
    assert op.execute(context)["operation"] == "text-to-video"
