from __future__ import annotations

import json
from argparse import Namespace
from typing import Any

import pytest

from lemondata_provider.api.inventory import Model
from lemondata_provider.catalog import Catalog, CatalogModel, load
from lemondata_provider.cli.inventory import changes, chosen, known, merged, models, row
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
