"""Build the docs site: ``make docs``."""

from __future__ import annotations

import logging
import os
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "docs")]
os.environ["AIRFLOW_HOME"] = str(ROOT / "build/docs-airflow")  # Airflow makes its home when it is imported
logging.getLogger("airflow").setLevel(logging.WARNING)

from lemondata_provider import __version__  # noqa: E402 # after the path is set

project = "airflow-provider-lemondata"
author = copyright = "the authors of airflow-provider-lemondata"  # noqa: A001 # Sphinx's name for it
version = release = __version__
extensions = [
    "generated",
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.graphviz",
    "sphinx_copybutton",
]
smartquotes = False  # quotes of code are copied from the prose, too

myst_heading_anchors = 3
copybutton_exclude = ".linenos, .gp, .go"  # a copied console block has neither prompts nor output
graphviz_output_format = "svg"

autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
add_module_names = False
python_use_unqualified_type_names = True
toc_object_entries = False

# The build is offline, so names outside of this package have no page to link to. Types that appear in signatures only
# have no entry in the reference.
nitpick_ignore_regex = [
    ("py:.*", r"(?!lemondata_provider).*"),
    ("py:.*", r"lemondata_provider\.(api\.(polling|auth|wire|retry|storable|errors\.ErrorDetails).*)"),
]

html_theme = "furo"
html_title = f"{project} {version}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_copy_source = False
if repository := re.search(r"https://github\.com/[\w-]+/[\w-]+", (ROOT / "pyproject.toml").read_text()):
    html_theme_options = {
        "source_repository": repository[0],
        "source_branch": "main",
        "source_directory": "docs/",
    }
