"""What the tests show of S3, and `docs/s3-compatibility.md`, which is written from it.

Every call of a boto3 client is noted: the operation, the parameters given, and what came back. What a test that passed
has seen answered with 2xx works; what it never did, and what was refused instead, is refused. The parameters are those
of botocore's model of S3, all of them: what no test has tried says so.

    python -m pytest -q tests --compatibility compare   the whole suite; fails where the page says something else
    python -m pytest -q tests --compatibility update    the whole suite; writes the page
"""

import difflib
import re
from collections import defaultdict
from pathlib import Path

import botocore.session
import pytest

from compatibility_page import PAGE, page

# Refusals of what was asked for, not of what it was asked of: no bucket that is missing, no digest that differs.
TELLING = {
    "400",
    "403",
    "405",
    "501",
    "AccessDenied",
    "AuthorizationHeaderMalformed",
    "AccessControlListNotSupported",
    "IllegalLocationConstraintException",
    "InvalidArgument",
    "InvalidRequest",
    "InvalidStorageClass",
    "MalformedXML",
    "MethodNotAllowed",
    "NotImplemented",
    "UnresolvableGrantByEmailAddress",
}
# Tries every parameter that no other test does, one at a time: what it is told is the refusal of that parameter.
SYSTEMATIC = "test_surface.py"
# What these show, they show beside what they are about.
PASSING_BY = {
    "test_annotations.py",
    "test_bad_input.py",
    "test_durability.py",
    "test_memory.py",
    "test_security.py",
    "test_server.py",
}
CHOICES_MAX = 20
ENTRY = ("Delete", "Objects")
UPDATE = "TWINLAKE_UPDATE_COMPATIBILITY=1 ./test writes it anew"


def choices_of(shape):
    """The values that a shape can have, where they are few."""
    if shape.type_name == "boolean":
        return ["true", "false"]
    return sorted(shape.enum) if 0 < len(getattr(shape, "enum", [])) <= CHOICES_MAX else []


def parameters(shape, path=()):
    """All parameters below a shape: path and shape, the outer ones first. Maps are one parameter, as bodies are."""
    if shape is None:
        return
    if shape.type_name == "list":
        yield from parameters(shape.member, path)
    elif shape.type_name == "structure":
        for name, member in shape.members.items():
            yield (*path, name), member
            yield from parameters(member, (*path, name))


def given(shape, value, path=()):
    """The parameters that a call gives: path, and the value where it is one of few."""
    if shape.type_name == "list":
        for entry in value:
            yield from given(shape.member, entry, path)
    elif shape.type_name == "structure":
        for name, member in shape.members.items():
            if isinstance(value, dict) and value.get(name) is not None:
                yield from given(member, value[name], (*path, name))
                if member.type_name in ("list", "structure"):
                    yield (*path, name), None
    elif choices_of(shape):
        yield path, str(value).lower() if isinstance(value, bool) else str(value)
    else:
        yield path, None


class Shown:
    """What is known of one parameter, or of one of its values: the files of the tests, by outcome."""

    def __init__(self):
        self.works, self.refused = set(), defaultdict(set)

    def add(self, file, status, code):
        if 200 <= status < 300:
            self.works.add(file)
        elif code in TELLING:
            self.refused[code].add(file)

    def codes(self):
        """How it is refused; first of all by the test that tries one thing at a time."""
        alone = sorted(code for code, files in self.refused.items() if SYSTEMATIC in files)
        return alone or sorted(self.refused)

    def file(self):
        """One of the tests that show it, always the same one."""
        files = self.works or {file for code in self.codes() for file in self.refused[code]}
        return min(files, key=lambda file: (file == SYSTEMATIC, file in PASSING_BY, file), default=None)


class Notes:
    """What the calls of this run have shown. Only what a test saw that passed in the end counts."""

    def __init__(self):
        self.shown = defaultdict(Shown)
        self.pending = []

    def add(self, operation, found, status, code):
        """`found` are the parameters given, as `given` tells them."""
        self.pending.append((operation, list(found), status, code))

    def close(self, file, passed):
        """The test in this file has ended."""
        noted, self.pending = self.pending, []
        for operation, found, status, code in noted if passed else []:
            self.shown[operation, (), None].add(file, status, code)
            for path, value in found:
                self.shown[operation, path, None].add(file, status, code)
                if value is not None:
                    self.shown[operation, path, value].add(file, status, code)


NOTES = Notes()


def watch(client):
    """Notes every call of a client of S3 from now on."""
    if client.meta.service_model.service_name == "s3":
        client.meta.events.register("provide-client-params.s3", _asked)
        client.meta.events.register("after-call.s3", _answered)
    return client


def _asked(params, model, context, **_):
    context["given"] = list(given(model.input_shape, params)) if model.input_shape else []


def _answered(parsed, model, context, **_):
    found, status = context.get("given", []), parsed["ResponseMetadata"].get("HTTPStatusCode", 0)
    if parsed.get("Errors"):  # DeleteObjects answers for each entry
        inner = [(path, value) for path, value in found if path[:2] == ENTRY and len(path) > len(ENTRY)]
        NOTES.add(model.name, inner, 400, parsed["Errors"][0].get("Code"))
        found = [(path, value) for path, value in found if (path, value) not in inner]
    NOTES.add(model.name, found, status, parsed.get("Error", {}).get("Code"))


def model():
    return botocore.session.get_session().get_service_model("s3")


def text():
    """The page as this run's notes would have it."""
    rows = {}
    for name in model().operation_names:
        operation = NOTES.shown[name, (), None]
        rows[name] = [((), operation, [])]
        if operation.works:
            rows[name] += _rows(name)
    return page(rows)


def _rows(operation):
    """A row for each parameter: path, what is known of it, and of each value it can have. What lies in a parameter that
    does not work needs no rows of its own."""
    closed = []
    for path, shape in parameters(model().operation_model(operation).input_shape):
        if any(path[: len(outer)] == outer for outer in closed):
            continue
        shown = NOTES.shown[operation, path, None]
        if not shown.works:
            closed.append(path)
        yield path, shown, [(value, NOTES.shown[operation, path, value]) for value in choices_of(shape)]


def pytest_addoption(parser):
    about = "what becomes of docs/s3-compatibility.md after a whole run"
    parser.addoption("--compatibility", choices=["compare", "update"], help=about)


def pytest_configure(config):
    config.stash[PART] = False


PART, VERDICT = pytest.StashKey(), pytest.StashKey()


def pytest_deselected(items):
    if items:
        items[0].config.stash[PART] = True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    item.stash[VERDICT] = True
    NOTES.pending.clear()
    ran = yield
    NOTES.close(re.split(r"[/:]", item.nodeid.removeprefix("tests/"))[0], item.stash[VERDICT])
    return ran


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    report = yield
    item.stash[VERDICT] &= report.passed
    return report


def pytest_sessionfinish(session, exitstatus):
    """Compares or writes the page; only a whole run knows what it should say."""
    wanted = session.config.getoption("--compatibility")
    if not wanted:
        return
    whole = [Path(argument).resolve() for argument in session.config.args] == [Path(__file__).parent]
    if exitstatus != 0 or not whole or session.config.stash[PART]:
        session.config.stash[VERDICT] = "not compared: only a whole run that passes shows everything"
        return
    now, before = text(), PAGE.read_text() if PAGE.exists() else ""
    if wanted == "update":
        PAGE.write_text(now)
    elif now != before:
        lines = difflib.unified_diff(before.splitlines(), now.splitlines(), "the page", "the tests", n=0, lineterm="")
        session.config.stash[VERDICT] = "\n".join([*list(lines)[:60], UPDATE])
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        return
    session.config.stash[VERDICT] = "as the tests show it" if wanted == "compare" else "written"


def pytest_terminal_summary(terminalreporter, config):
    if verdict := config.stash.get(VERDICT, None):
        terminalreporter.section(f"docs/{PAGE.name}")
        terminalreporter.write_line(verdict)
