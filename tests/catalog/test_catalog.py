from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lemondata_provider.api.request import Operation
from lemondata_provider.catalog import Catalog, CatalogError, CatalogModel, load, recommend
from lemondata_provider.catalog.catalog import AUDIO_ON, SHIPPED
from lemondata_provider.catalog.operations import OPERATIONS
from lemondata_provider.sandbox.models import inventory
from tests.catalog.tables import CATALOG, GUIDE, OPERATION


def written(path: Path, content: Any) -> str:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


def model(name: str, **fields: Any) -> dict[str, Any]:
    return {"id": name, "family": "New", "operations": ["text-to-video"], **fields}


# --- the guide


def test_models_each_model_of_the_guide_has_its_family_and_operations() -> None:
    guide = {
        (name, family): tuple(OPERATION[short] for short in operations)
        for family, models in GUIDE["models"].items()
        for name, operations in models.items()
    }
    assert {(model.id, model.family): model.operations for model in CATALOG.models} == guide


def test_models_each_is_in_the_sandbox() -> None:
    assert {known.id for known in load().models} - inventory().keys() == set()


def test_matrix_models_of_the_guide_is_the_matrix_of_the_guide() -> None:
    columns = [OPERATION[short] for short in GUIDE["columns"]]
    guide = {family: dict(zip(columns, cells, strict=True)) for family, cells in GUIDE["matrix"].items()}
    assert CATALOG.matrix() == guide
    assert [*CATALOG.matrix()] == [*guide]


def test_recommendations_each_purpose_of_the_guide_keeps_its_order() -> None:
    assert {purpose: list(ids) for purpose, ids in CATALOG.recommendations.items()} == GUIDE["recommendations"]
    for known in load().models:
        named = [purpose for purpose, ids in load().recommendations.items() if known.id in ids]
        assert list(known.recommended_for) == named


def test_audio_on_by_default_is_that_of_the_guide() -> None:
    on = {known.id for known in CATALOG.models if known.audio == AUDIO_ON}
    assert on - {"seedance-1.5-pro"} == {*GUIDE["audio_on_by_default"]}  # later editions: Seedance too


def test_operations_audio_to_video_and_video_extension_have_no_model() -> None:
    assert set(OPERATIONS) == {operation.value for operation in Operation}
    for operation in ("audio-to-video", "video-extension"):
        assert operation in OPERATIONS
        assert CATALOG.able(operation) == []


# --- what can be asked


def test_operations_of_unknown_model_is_empty() -> None:
    assert CATALOG.operations_of("hailuo-2.3-fast") == ("image-to-video",)
    assert CATALOG.operations_of("new-1") == ()


def test_find_id_in_other_case_is_none() -> None:
    found = CATALOG.find("hailuo-2.3-fast")
    assert found is not None
    assert (found.family, found.operations) == ("MiniMax", ("image-to-video",))
    assert found.recommended_for == ("fast-iteration",)
    assert CATALOG.find("Hailuo-2.3-fast") is None


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("sora2", "sora-2"),
        ("SORA-2", "sora-2"),
        ("veo-3.1", "veo3.1"),
        ("kling-v3-pro", "kling-v3.0-pro"),
        ("xyz", None),
    ],
)
def test_nearest_misspelled_id_is_the_closest_model(given: str, meant: str | None) -> None:
    assert CATALOG.nearest(given) == meant


@pytest.mark.parametrize(
    ("purpose", "operation", "model_id"),
    [
        ("best-quality", None, "veo3.1-pro"),
        ("Best quality", None, "veo3.1-pro"),
        ("best_quality", "video-to-video", "kling-video-o1-pro"),
        ("fast-iteration", "image-to-video", "veo3.1-fast"),
        ("reference-images", "reference-to-video", "veo3.1"),
        ("video-to-video", None, "topaz-video-upscale"),
    ],
)
def test_recommend_purpose_and_operation_is_the_first_able_model(
    purpose: str, operation: str | None, model_id: str
) -> None:
    assert CATALOG.recommend(purpose, operation) == model_id
    assert recommend(purpose, operation=operation) == load().recommend(purpose, operation)


def test_recommend_unknown_purpose_raises_with_the_known_ones() -> None:
    with pytest.raises(CatalogError, match="best-quality, fast-iteration, reference-images, video-to-video"):
        CATALOG.recommend("cheapest")


def test_recommend_no_able_model_raises_with_alternatives() -> None:
    with pytest.raises(CatalogError, match=r"motion-control; models with it: kling-3\.0-motion-control"):
        CATALOG.recommend("fast-iteration", "motion-control")
    with pytest.raises(CatalogError, match="operations: text-to-video, image-to-video"):
        CATALOG.recommend("fast-iteration", "upscale")


# --- the data file


def test_to_json_shipped_catalog_is_the_shipped_file() -> None:
    assert load().to_json() == SHIPPED.read_text()


def test_load_written_file_returns_the_same_catalog(tmp_path: Path) -> None:
    catalog = Catalog([CatalogModel("new-1", "새 회사", ("text-to-video", "lip-sync"), recommended_for=("demos",))])
    read = load(written(tmp_path / "models.json", catalog.to_json()))
    assert (read.models, read.recommendations) == (catalog.models, {"demos": ("new-1",)})
    assert read.matrix() == {"새 회사": {"text-to-video": True, "lip-sync": True}}
    assert read.recommend("demos") == "new-1"


def test_recommendations_some_models_missing_keep_their_order(tmp_path: Path) -> None:
    some = [replace(known, operations=("text-to-video",)) for known in CATALOG.models if known.family != "Google"]
    read = load(written(tmp_path / "models.json", Catalog(some, CATALOG.recommendations).to_json()))
    assert read.recommendations["best-quality"] == ("kling-video-o1-pro", "viduq3-pro")
    assert read.recommendations["video-to-video"] == CATALOG.recommendations["video-to-video"]
    assert read.models == tuple(some)


def test_load_empty_catalog_has_no_models(tmp_path: Path) -> None:
    assert load(written(tmp_path / "models.json", Catalog([]).to_json())).models == ()


def test_load_same_file_reads_it_again_only_if_it_changed(tmp_path: Path) -> None:
    path = written(tmp_path / "models.json", {"models": [model("new-1")]})
    assert load(path) is load(path)
    Path(path).unlink()
    written(Path(path), {"models": [model("new-2")]})
    assert [known.id for known in load(path).models] == ["new-2"]
    assert load() is load()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{", "is no JSON"),
        ([], 'an object with a list of "models"'),
        ({"models": {}}, 'an object with a list of "models"'),
        ({"models": [1]}, 'models[0] must have an "id" and a "family"'),
        ({"models": [model("a"), {"id": "b"}]}, 'models[1] must have an "id" and a "family"'),
        ({"models": [model(" ")]}, 'models[0] must have an "id" and a "family"'),
        ({"models": [model("a", operations="text-to-video")]}, 'the "operations" of a must be a list'),
        (
            {"models": [model("a", audio=True)]},
            'the "audio" of a must be one of on by default, off by default, no stable',
        ),
        ({"models": [model("a", listed="yes")]}, """the "listed" of a must be like True, not 'yes'"""),
        ({"models": [model("a", durations=[4, "8"])]}, """the "durations" of a must be like [4, 8], not [4, '8']"""),
        ({"models": [model("a"), model("a")]}, "duplicate ids: a"),
        ({"models": [model("a")], "recommendations": {"x": ["b"]}}, "recommended ids without a model: b"),
        ({"models": [model("a")], "recommendations": ["a"]}, '"recommendations" must be an object'),
    ],
)
def test_load_invalid_file_raises_with_its_path_and_the_reason(tmp_path: Path, content: Any, sentence: str) -> None:
    path = written(tmp_path / "models.json", content)
    with pytest.raises(CatalogError) as refused:
        load(path)
    assert str(refused.value).startswith(path)
    assert sentence in str(refused.value)


def test_load_missing_file_raises(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"nowhere.json cannot be read: No such file or directory"):
        load(str(tmp_path / "nowhere.json"))


@pytest.mark.slow
def test_import_after_airflow_sdk_loads_only_the_standard_library() -> None:
    code = (
        "import sys, airflow.sdk; airflow.sdk.BaseOperator; before = {*sys.modules} - {'lemondata_provider'};"
        "import lemondata_provider.catalog.checks;"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before} - sys.stdlib_module_names;"
        "print(sorted(new))"
    )
    root = Path(__file__).parents[2]
    answer = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert answer.stdout.split() == ["['lemondata_provider']"]
