"""The list of example DAGs, and their copies."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

from lemondata_provider.cli.examples import FOLDER, examples

DAGS = Path(__file__).parents[2] / "dags"
NAMES = sorted(path.stem for path in DAGS.glob("*.py"))
ONE = "lemondata_storyboard"


def run(*names: str, copy: Path | None = None, overwrite: bool = False) -> Any:
    return examples(Namespace(names=[*names], copy=copy and str(copy), overwrite=overwrite))


def test_examples_list_has_a_row_for_each_dag_with_what_it_shows_and_needs():
    rows = run()
    assert [row["example"] for row in rows] == NAMES
    assert all(row["shows"].rstrip().endswith(".") and row["needs"].startswith("a key") for row in rows)
    assert {
        "example": ONE,
        "shows": "Three scenes in a row: each begins with the last frame of the one before.",
        "needs": "a key, a bucket or a folder, a model that returns its last frame",
    } in rows


def test_examples_needs_name_a_folder_if_the_dag_has_one():
    for row in run():
        has_folder = '"folder": Param' in (DAGS / f"{row['example']}.py").read_text()
        assert ("a bucket or a folder" in row["needs"]) is has_folder, row["example"]


def test_examples_copy_writes_all_files_into_a_new_folder(tmp_path):
    target = tmp_path / "airflow" / "dags"
    assert run(copy=target) == f"Copied to {target}: {len(NAMES)}."
    assert {path.name: path.read_text() for path in target.iterdir()} == {
        path.name: path.read_text() for path in DAGS.glob("*.py")
    }


def test_examples_copy_with_names_writes_only_these(tmp_path):
    run(ONE, copy=tmp_path)
    assert [path.stem for path in tmp_path.iterdir()] == [ONE]


def test_examples_copy_again_leaves_same_files_alone(tmp_path):
    run(ONE, copy=tmp_path)
    before = (tmp_path / f"{ONE}.py").stat().st_mtime_ns
    assert run(copy=tmp_path) == f"Copied to {tmp_path}: {len(NAMES) - 1}. There already, unchanged: 1."
    assert (tmp_path / f"{ONE}.py").stat().st_mtime_ns == before


def test_examples_copy_refuses_a_file_that_differs_and_copies_nothing(tmp_path):
    changed = tmp_path / f"{ONE}.py"
    changed.write_text("MINE = True\n")
    with pytest.raises(SystemExit, match=f"^Nothing was copied: .* has other files named {ONE}.py.*--overwrite"):
        run(copy=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [changed.name]
    assert changed.read_text() == "MINE = True\n"


def test_examples_copy_with_overwrite_replaces_a_file_that_differs(tmp_path):
    changed = tmp_path / f"{ONE}.py"
    changed.write_text("MINE = True\n")
    assert run(copy=tmp_path, overwrite=True) == f"Copied to {tmp_path}: {len(NAMES)}."
    assert changed.read_bytes() == (FOLDER / changed.name).read_bytes()


@pytest.mark.parametrize("overwrite", [False, True])
def test_examples_copy_below_a_file_says_what_cannot_be_written(tmp_path, overwrite):
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit, match=r"file/dags cannot be written: Not a directory$"):
        run(copy=tmp_path / "file" / "dags", overwrite=overwrite)


def test_examples_copy_writes_through_no_dangling_link(tmp_path):
    (tmp_path / f"{ONE}.py").symlink_to(tmp_path / "elsewhere.py")
    with pytest.raises(SystemExit, match=r"^Nothing was copied"):
        run(copy=tmp_path)
    assert not (tmp_path / "elsewhere.py").exists()


@pytest.mark.parametrize(
    ("folder", "why"), [("", "--copy needs a folder"), ("~no-such-user/dags", "^~no-such-user/dags cannot be written")]
)
def test_examples_copy_to_no_folder_is_refused(folder, why):
    with pytest.raises(SystemExit, match=why):
        examples(Namespace(names=[], copy=folder, overwrite=False))


def test_examples_unknown_name_is_refused_with_those_that_exist():
    with pytest.raises(SystemExit, match=f"^There is no example storyboard; there are: .*{ONE}"):
        run("storyboard")


def test_examples_overwrite_without_copy_is_refused():
    with pytest.raises(SystemExit, match="--overwrite needs --copy DIR"):
        run(overwrite=True)
