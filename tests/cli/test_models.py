from __future__ import annotations

import json
from argparse import Namespace
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


def told(**facts: Any) -> Model:
    model = Model.read(facts)
    assert model is not None
    return model


def args(**given: Any) -> Namespace:
    options = {"operation": None, "family": None, "json": False, "live": False, "diff": False, "output": None}
    return Namespace(**{**options, "conn_id": "lemondata_default", **given})


def test_what_the_service_does_not_tell_is_taken_from_our_entry():
    theirs = merged([told(id="sora-2", owned_by="openai"), told(id="topaz", category="image")], OURS)
    assert theirs.models == OURS.models[:1]
    new = merged([told(id="new", owned_by="Acme", supported_operations=["lip-sync"])], OURS).models[0]
    assert (new.family, new.operations, new.audio, new.recommended_for) == ("Acme", ("lip-sync",), "unknown", ())


def test_a_model_without_operations_is_left_out_of_a_file_where_it_would_be_refused():
    theirs = merged([told(id="new"), told(id="sora-2")], OURS)
    assert [model.id for model in known(theirs).models] == ["sora-2"]


def test_changes_name_what_was_added_removed_and_has_other_operations():
    theirs = merged([told(id="sora-2", supported_operations=["motion-control"]), told(id="new")], OURS)
    assert changes(OURS, theirs) == ["+ new: ", "- topaz", "~ sora-2: +motion-control -text-to-video"]
    assert changes(OURS, OURS) == []


def test_models_are_chosen_by_operation_and_family():
    assert [model.id for model in chosen(OURS, "video-to-video", None)] == ["topaz"]
    assert [model.id for model in chosen(OURS, None, "openai")] == ["sora-2"]
    with pytest.raises(SystemExit, match="No model of operation 'fly'; there are: text-to-video, video-to-video"):
        chosen(OURS, "fly", None)
    with pytest.raises(SystemExit, match="No model of family 'OpenAI'; there are: Other"):
        chosen(OURS, "video-to-video", "OpenAI")


def test_a_table_is_as_wide_as_what_is_in_it():
    assert table([row(OURS.models[1])]).splitlines() == [
        "model | family | operations     | audio | recommended_for",
        "======+========+================+=======+================",
        "topaz | Other  | video-to-video | none  |",
    ]
    assert table([]) == ""


def test_our_own_inventory_is_listed_without_a_connection():
    assert len(models(args()).splitlines()) == len(load().models) + 2
    listed = json.loads(models(args(json=True, family="google")))
    assert {model["family"] for model in listed} == {"Google"}
    assert set(listed[0]) == {"id", "family", "operations", "audio", "recommended_for"}


def test_a_filtered_inventory_is_no_data_file(tmp_path):
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


def test_a_broken_catalog_is_said_and_does_not_block_what_writes_it(broken, service):
    for options in ({}, {"diff": True}):
        with pytest.raises(SystemExit, match=r"catalog_path: .*inventory\.json cannot be read"):
            models(args(**options))
    service.append(told(id="sora-2"))
    models(args(live=True, output=str(broken)))
    assert [model.id for model in load(str(broken)).models] == ["sora-2"]
    assert models(args()).splitlines()[2].startswith("sora-2")


@pytest.mark.parametrize("path", ["no/such/x.json", ".", "/dev/null"])
def test_where_nothing_can_be_written_is_said(tmp_path, path):
    with pytest.raises(SystemExit, match="cannot be written"):
        models(args(output=str(tmp_path / path)))
    assert list(tmp_path.iterdir()) == []
    assert not Path("/dev/null").is_file()


def test_a_link_to_a_file_stays_one(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "x.json")
    models(args(output=str(tmp_path / "link")))
    assert (tmp_path / "link").is_symlink()
    assert load(str(tmp_path / "x.json")).models == load().models


def test_a_file_is_written_as_a_whole_or_stays_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "x.json"
    path.write_text("before")
    monkeypatch.setattr(Catalog, "to_json", lambda self: '{"models": [{}]}')
    with pytest.raises(SystemExit, match="Nothing was written"):
        models(args(output=str(path)))
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("x.json", "before")]


def test_an_inventory_of_nothing_is_not_written(tmp_path, service):
    service.append(told(id="new"))
    with pytest.raises(SystemExit, match="no video model"):
        models(args(live=True, output=str(tmp_path / "x.json")))
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_is_told_twice_has_the_operations_of_both_and_none_is_blank():
    lists = (["lip-sync", ""], [" ", "text-to-video", "lip-sync"])
    theirs = merged([told(id="zz", owned_by=" ", supported_operations=one) for one in lists], OURS)
    assert theirs.models == (CatalogModel("zz", "Other", ("lip-sync", "text-to-video")),)


def test_operations_in_other_words_do_not_replace_ours():
    theirs = merged([told(id="sora-2", supported_operations=["text_to_video", "image_to_video"])], OURS)
    assert theirs.models == OURS.models[:1]


def test_differences_are_json_where_json_is_asked_for(service):
    service.append(told(id="new"))
    assert json.loads(models(args(diff=True, json=True)))[0] == "+ new: "
    service[:] = [Model(id=model.id) for model in load().models]
    assert json.loads(models(args(diff=True, json=True))) == []
