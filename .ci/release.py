"""
Check what is to be published: python .ci/release.py SDIST WHEEL

The versions are the same everywhere, the links of the README work on a package index, and the sdist has all files of
the repository and nothing that was generated. The last line says whether this is a release or a rehearsal.
"""

from __future__ import annotations

import email
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from email.message import Message
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[1]
LINK = "lemondata_provider/example_dags"  # to dags/: the sdist has the files in both places
ADDED = re.compile(r"(PKG-INFO|[^/]+\.egg-info/.*|setup\.cfg)")  # by setuptools


def main(sdist: Path, wheel: Path) -> int:
    """Print what is wrong; return 1 if anything is."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = email.message_from_bytes(archive.read(name))
    head = changelog_head()
    problems = [*versions(metadata, head, sdist), *readme(metadata), *contents(sdist)]
    for problem in problems:
        print(f"not ready: {problem}")
    if problems:
        return 1
    version = metadata["Version"]
    if head == "Unreleased":
        print(f"rehearsal: CHANGELOG.md begins with [Unreleased]; to release, name it [{version}] with the date")
    else:
        print(f"release: version, changelog, README and sdist agree on {version}")
    return 0


def changelog_head() -> str:
    """Return the first version of the changelog."""
    found = re.search(r"^## \[([^]]+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    return found[1] if found else ""


def versions(metadata: Message, head: str, sdist: Path) -> Iterator[str]:
    """Compare the versions of package, wheel, sdist and changelog."""
    version = metadata["Version"]
    if f'__version__ = "{version}"' not in (ROOT / "lemondata_provider/__init__.py").read_text():
        yield f"the wheel is {version}, and lemondata_provider/__init__.py says otherwise"
    if sdist.name != f"airflow_provider_lemondata-{version}.tar.gz":
        yield f"the wheel is {version}, and the sdist {sdist.name}"
    if head not in ("Unreleased", version):
        yield f"the wheel is {version}, and CHANGELOG.md begins with [{head}]"
    listed = subprocess.run(["git", "tag", "--points-at", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)
    tags = {*listed.stdout.split()}
    if tags - {f"v{version}"}:
        yield f"the wheel is {version}, and HEAD has the tag {', '.join(sorted(tags))}"
    if tags and head == "Unreleased":
        yield "HEAD has a tag, and CHANGELOG.md begins with [Unreleased]"


def readme(metadata: Message) -> Iterator[str]:
    """Check the links of the README: a package index knows no files of the repository."""
    urls = dict(entry.split(", ", 1) for entry in metadata.get_all("Project-URL") or [])
    source = urls["Source"]
    raw = source.replace("https://github.com/", "https://raw.githubusercontent.com/")
    own = re.compile(rf"(?:{re.escape(source)}/(?:blob|tree|raw)|{re.escape(raw)})/main/([^#?]*)")
    for name, url in urls.items():
        if not url.startswith(source):
            yield f"the project's URL {name} is in another repository: {url}"
    for target in [*urls.values(), *links((ROOT / "README.md").read_text())]:
        if not target.startswith(("https://", "#", "mailto:")):
            yield f"README.md links to {target}, which is dead on a package index"
        elif (found := own.match(target)) and not (ROOT / found[1]).exists():
            yield f"there is no {found[1]}: {target}"


def links(markdown: str) -> Iterator[str]:
    """Return the targets of all links and images."""

    def walk(tokens: list[Token]) -> Iterator[str]:
        for token in tokens:
            for name in ("href", "src"):
                if target := token.attrGet(name):
                    yield str(target)
            if token.type.startswith("html"):
                yield from re.findall(r'(?:href|src|srcset)="([^"]*)"', token.content)
            yield from walk(token.children or [])

    return walk(MarkdownIt().enable("table").parse(markdown))


def contents(sdist: Path) -> Iterator[str]:
    """Compare the sdist with the repository."""
    with tarfile.open(sdist) as archive:
        there = {member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()}
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    tracked = {*listed.stdout.split("\0")} - {"", LINK}
    wanted = tracked | {f"{LINK}/{name.removeprefix('dags/')}" for name in tracked if name.startswith("dags/")}
    if missing := sorted(wanted - there):
        yield f"the sdist lacks {', '.join(missing)}"
    if more := sorted(name for name in there - wanted if not ADDED.fullmatch(name)):
        yield f"the sdist has files that are not in the repository: {', '.join(more)}"


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:3])))
