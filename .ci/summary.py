"""Print one line for all test runs: how many passed, failed and were skipped."""

import sys
from xml.etree import ElementTree

suites = [suite for path in sys.argv[1:] for suite in ElementTree.parse(path).getroot().iter("testsuite")]  # noqa: S314 # written by our own run
total, failures, errors, skipped = (
    sum(int(suite.get(name)) for suite in suites) for name in ("tests", "failures", "errors", "skipped")
)
failed = failures + errors
print(f"{total - failed - skipped} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
