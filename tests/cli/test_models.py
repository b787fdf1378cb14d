from __future__ import annotations

import json
from argparse import Namespace
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from lemondata_provider.api.models import Model
from lemondata_provider.catalog import Catalog, CatalogModel, load
from lemondata_provider.cli import models as module
from lemondata_provider.cli.models import changes, chosen, known, merged, models, row
from lemondata_provider.cli.table import table

OURS = Catalog(
    models=(
        CatalogModel("sora-2", "OpenAI", ("text-to-video",), "none", ("fast iteration",)),
        CatalogModel("topaz", "Other", ("video-to-video",), "none", ()),
    )
)


def served(**fields: Any) -> Model:
    model = Model.read(fields)
    assert model is not None
    return model


def args(**given: Any) -> Namespace:
    options = {"operation": None, "family": None, "json": False, "live": False, "diff": False, "output": None}
    return Namespace(**{**options, "conn_id": "lemondata_default", **given})


def test_merged_field_missing_at_the_service_is_taken_from_the_catalog():
    theirs = merged([served(id="sora-2", owned_by="openai"), served(id="topaz", category="image")], OURS)
    assert theirs.models == OURS.models[:1]
    new = merged([served(id="new", owned_by="Acme", supported_operations=["lip-sync"])], OURS).models[0]
    assert (new.family, new.operations, new.audio, new.recommended_for) == ("Acme", ("lip-sync",), "unknown", ())


def test_known_model_without_operations_is_left_out():
    theirs = merged([served(id="new"), served(id="sora-2")], OURS)
    assert [model.id for model in known(theirs).models] == ["sora-2"]


def test_changes_added_removed_and_changed_models_are_lines():
    theirs = merged([served(id="sora-2", supported_operations=["motion-control"]), served(id="new")], OURS)
    assert changes(OURS, theirs) == ["+ new: ", "- topaz", "~ sora-2: +motion-control -text-to-video"]
    assert changes(OURS, OURS) == []


def test_chosen_operation_or_family_selects_models():
    assert [model.id for model in chosen(OURS, "video-to-video", None)] == ["topaz"]
    assert [model.id for model in chosen(OURS, None, "openai")] == ["sora-2"]
    with pytest.raises(SystemExit, match="No model of operation 'fly'; there are: text-to-video, video-to-video"):
        chosen(OURS, "fly", None)
    with pytest.raises(SystemExit, match="No model of family 'OpenAI'; there are: Other"):
        chosen(OURS, "video-to-video", "OpenAI")


def test_table_columns_are_as_wide_as_their_cells():
    assert table([row(OURS.models[1])]).splitlines() == [
        "model | family | operations     | seconds | resolutions | usd | audio | status | recommended_for",
        "======+========+================+=========+=============+=====+=======+========+================",
        "topaz | Other  | video-to-video |         |             |     | none  | listed |",
    ]
    assert table([]) == ""


def test_models_without_live_lists_the_catalog():
    assert len(models(args()).splitlines()) == len(load().models) + 2
    listed = json.loads(models(args(json=True, family="google")))
    assert {model["family"] for model in listed} == {"Google"}
    assert set(listed[0]) == {field.name for field in fields(CatalogModel)}


def test_models_output_with_a_filter_is_refused(tmp_path):
    with pytest.raises(SystemExit, match="--output writes the whole inventory"):
        models(args(output=str(tmp_path / "x.json"), family="Google"))


@pytest.fixture
def broken(tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW__LEMONDATA__CATALOG_PATH", str(tmp_path / "inventory.json"))
    return tmp_path / "inventory.json"


@pytest.fixture
def service(monkeypatch):
    listed: list[Model] = []

    class Hook:
        def __init__(self, conn_id: str) -> None: ...

        def list_models(self) -> list[Model]:
            return listed

    monkeypatch.setattr(module, "CommandLineHook", Hook)
    return listed


def test_models_catalog_file_missing_is_an_error_but_live_output_writes_it(broken, service):
    for options in ({}, {"diff": True}):
        with pytest.raises(SystemExit, match=r"catalog_path: .*inventory\.json cannot be read"):
            models(args(**options))
    service.append(served(id="sora-2"))
    models(args(live=True, output=str(broken)))
    assert [model.id for model in load(str(broken)).models] == ["sora-2"]
    assert models(args()).splitlines()[2].startswith("sora-2")


@pytest.mark.parametrize("path", ["no/such/x.json", ".", "/dev/null"])
def test_models_output_path_not_writable_is_an_error(tmp_path, path):
    with pytest.raises(SystemExit, match="cannot be written"):
        models(args(output=str(tmp_path / path)))
    assert list(tmp_path.iterdir()) == []
    assert not Path("/dev/null").is_file()


def test_models_output_symlink_stays_a_symlink(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "x.json")
    models(args(output=str(tmp_path / "link")))
    assert (tmp_path / "link").is_symlink()
    assert load(str(tmp_path / "x.json")).models == known(load()).models


def test_models_output_invalid_content_leaves_the_file_unchanged(tmp_path, monkeypatch):
    path = tmp_path / "x.json"
    path.write_text("before")
    monkeypatch.setattr(Catalog, "to_json", lambda self: '{"models": [{}]}')
    with pytest.raises(SystemExit, match="Nothing was written"):
        models(args(output=str(path)))
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("x.json", "before")]


def test_models_output_no_model_with_operations_is_refused(tmp_path, service):
    service.append(served(id="new"))
    with pytest.raises(SystemExit, match="no video model"):
        models(args(live=True, output=str(tmp_path / "x.json")))
    assert list(tmp_path.iterdir()) == []


def test_merged_duplicate_model_has_the_operations_of_both():
    lists = (["lip-sync", ""], [" ", "text-to-video", "lip-sync"])
    theirs = merged([served(id="zz", owned_by=" ", supported_operations=one) for one in lists], OURS)
    assert theirs.models == (CatalogModel("zz", "Other", ("lip-sync", "text-to-video")),)


def test_merged_misspelled_operations_do_not_replace_the_catalog():
    theirs = merged([served(id="sora-2", supported_operations=["text_to_video", "image_to_video"])], OURS)
    assert theirs.models == OURS.models[:1]


def test_models_diff_json_prints_a_list(service):
    service.append(served(id="new"))
    assert json.loads(models(args(diff=True, json=True)))[0] == "+ new: "
    service[:] = [Model(id=model.id) for model in load().models]
    assert json.loads(models(args(diff=True, json=True))) == []
