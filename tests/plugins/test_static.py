"""The files of the page: nothing in them can turn text into HTML, and nothing is loaded from elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import lemondata_provider

STATIC = Path(lemondata_provider.__file__).parent / "plugins/static"
MODULES = sorted(STATIC.glob("*.js"))
TEXT_TO_CODE = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|dangerouslySet|srcdoc"
SVG = "http://www.w3.org/2000/svg"  # a name, never loaded


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_module_makes_no_html_or_code_of_text(module):
    assert re.findall(TEXT_TO_CODE, module.read_text()) == []


@pytest.mark.parametrize("file", sorted(STATIC.iterdir()), ids=lambda path: path.name)
def test_file_names_no_other_host(file):
    assert set(re.findall(r"https?://[^\s\"'`)]+", file.read_text())) <= {SVG}


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_module_imports_only_its_neighbours(module):
    imported = re.findall(r"""(?:from|import)\s*\(?\s*["']([^"']+)["']""", module.read_text())
    assert {name for name in imported if not (STATIC / name).exists() or not name.startswith("./")} == set()


def test_modules_are_all_reached_from_the_entry():
    reached, waiting = set(), ["videos.js"]
    while waiting:
        if (name := waiting.pop()) not in reached:
            reached.add(name)
            waiting += re.findall(r'from "\./([^"]+)"', (STATIC / name).read_text())
    assert reached == {module.name for module in MODULES}
