"""What writes the page on compatibility: what counts as shown, and when the page is compared."""

from types import SimpleNamespace

import pytest

import compatibility
import compatibility_page
from compatibility import Notes, given, parameters

INPUT = compatibility.model().operation_model("PutBucketVersioning").input_shape
STATUS = ("VersioningConfiguration", "Status")


def test_every_parameter_is_found_and_every_value_that_is_given():
    paths = [path for path, _ in parameters(INPUT)]
    assert ("Bucket",) in paths and STATUS in paths and STATUS[:1] in paths
    asked = {"Bucket": "b", "VersioningConfiguration": {"Status": "Enabled"}}
    assert set(given(INPUT, asked)) == {(("Bucket",), None), (STATUS[:1], None), (STATUS, "Enabled")}
    deletion = compatibility.model().operation_model("DeleteObjects").input_shape
    asked = {"Bucket": "b", "Delete": {"Objects": [{"Key": "a"}, {"Key": "b", "ETag": "x"}], "Quiet": False}}
    found = set(given(deletion, asked))
    assert {(("Delete", "Objects", "ETag"), None), (("Delete", "Quiet"), "false")} <= found


def test_only_what_a_test_saw_that_passed_counts():
    notes = Notes()
    notes.add("Op", [(("A",), "x")], 200, None)
    notes.close("test_a.py", False)
    assert not notes.shown["Op", ("A",), "x"].works
    notes.add("Op", [(("A",), "x")], 200, None)
    notes.add("Op", [(("A",), "y"), (("B",), None)], 501, "NotImplemented")
    notes.add("Op", [(("C",), None)], 404, "NoSuchBucket")
    notes.close("test_a.py", True)
    assert notes.shown["Op", ("A",), None].works == {"test_a.py"}
    assert notes.shown["Op", ("A",), "y"].codes() == notes.shown["Op", ("B",), None].codes() == ["NotImplemented"]
    assert notes.shown["Op", ("C",), None].codes() == [], "that says nothing of the parameter"


def test_outcomes_are_put_the_same_way_whatever_was_noted_first():
    pages = []
    for order in (1, -1):
        notes = Notes()
        for file, value, status, code in [
            ("test_b.py", "x", 200, None),
            ("test_a.py", "y", 400, "InvalidArgument"),
            ("test_surface.py", "y", 501, "NotImplemented"),
            ("test_server.py", "x", 200, None),
        ][::order]:
            notes.add("PutObject", [(("A",), value)], status, code)
            notes.close(file, True)
        values = [(value, notes.shown["PutObject", ("A",), value]) for value in "xyz"]
        pages.append(compatibility_page.page({"PutObject": [(("A",), notes.shown["PutObject", ("A",), None], values)]}))
    assert pages[0] == pages[1]
    outcome = "**works**: `x`; refused with `NotImplemented`: `y`; *not shown*: `z`"
    assert f"| PutObject | `A` | {outcome} | `test_b.py` |" in pages[0]


@pytest.mark.parametrize("part", [True, False])
def test_a_page_that_says_something_else_fails_a_whole_run(monkeypatch, tmp_path, part):
    path = tmp_path / "page.md"
    path.write_text("as it was\n")
    monkeypatch.setattr(compatibility, "PAGE", path)
    monkeypatch.setattr(compatibility, "text", lambda: "as it is\n")
    here = compatibility.Path(compatibility.__file__).parent
    config = SimpleNamespace(args=[str(here)], stash={compatibility.PART: part}, getoption=lambda _: "compare")
    session = SimpleNamespace(config=config, exitstatus=0)
    compatibility.pytest_sessionfinish(session, 0)
    assert session.exitstatus == (0 if part else pytest.ExitCode.TESTS_FAILED)
    assert ("+as it is" in config.stash[compatibility.VERDICT]) != part
    config.getoption = lambda _: "update"
    compatibility.pytest_sessionfinish(session, 0)
    assert path.read_text() == ("as it was\n" if part else "as it is\n")
