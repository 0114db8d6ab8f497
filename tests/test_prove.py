"""Theorems about policies: proved of the examples, and answered with a counterexample where an edit makes them false."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from lake import binary

EXAMPLES = Path(__file__).parents[1] / "policy" / "examples.cedar"
SOLVER = os.environ.get("CVC5", "cvc5")


def prover():
    """Beside the program."""
    return binary().with_name("twinlake-prove")


@pytest.fixture(autouse=True)
def solver():
    assert prover().exists(), f"{prover()} is missing: it is built with twinlake"
    if shutil.which(SOLVER) is None:
        pytest.skip("cvc5 is missing: apt-get install cvc5, or name it in CVC5")


def prove(*arguments, environment=None):
    return subprocess.run(
        [prover(), *arguments], env=os.environ | (environment or {}), capture_output=True, text=True, timeout=120
    )


def findings(*arguments, code):
    """What was found about each property."""
    done = prove(*arguments, "--output", "json")
    assert done.returncode == code and done.stderr == "", done
    return {finding["property"]: finding for finding in json.loads(done.stdout)["findings"]}


@pytest.fixture
def edited(tmp_path):
    """The examples with one passage changed."""

    def edit(passage, instead):
        text = EXAMPLES.read_text()
        assert passage in text
        path = tmp_path / "edited.cedar"
        path.write_text(text.replace(passage, instead))
        return path

    return edit


def test_the_four_theorems_hold_of_the_examples():
    found = findings(EXAMPLES, "--against", EXAMPLES, code=0)
    assert list(found) == ["confidential-eu", "embargo", "replicas", "not-wider"]
    assert {finding["verdict"] for finding in found.values()} == {"proved"}
    assert all(finding["requestKinds"] > 0 for finding in found.values())
    # Everything that can be read is looked at, not only GetObject.
    assert found["embargo"]["requestKinds"] > 5 and found["not-wider"]["requestKinds"] > 100


@pytest.mark.parametrize(
    ("false", "passage", "instead"),
    [
        ("confidential-eu", 'in Lake::Jurisdiction::"EU" };', 'in Lake::Jurisdiction::"EU" || principal.tier == "cold" };'),
        ("embargo", "when { resource has embargoUntil && context.now <", "when { resource has embargoUntil && !(resource.hasTag(\"class\")) && context.now <"),
        ("replicas", "unless { context.replicas >= resource.minReplicas }", "unless { context.replicas + 1 >= resource.minReplicas }"),
    ],
)  # fmt: skip
def test_an_edit_that_makes_a_theorem_false_is_answered_with_a_request(edited, false, passage, instead):
    path = edited(passage, instead)
    if false == "embargo":
        # The permit alone keeps the embargo as well: both must go.
        text = path.read_text().replace("(context.now >= resource.embargoUntil ||", "(resource.hasTag(\"class\") || context.now >= resource.embargoUntil ||")
        path.write_text(text)
    # What holds in every lake would keep the embargo.
    found = findings(path, "--against", EXAMPLES, "--alone", code=1)
    assert {name for name, finding in found.items() if finding["verdict"] == "refuted"} == {false, "not-wider"}
    for name in (false, "not-wider"):
        assert found[name]["counterexample"]["permittedBy"], found[name]
    assert all(finding["verdict"] == "proved" for name, finding in found.items() if name not in (false, "not-wider"))


def test_the_embargo_holds_by_its_permit_alone(edited):
    path = edited("forbid (principal, action in [Lake::Action::\"read\", Lake::Action::\"lake:ReadRaw\"]", "forbid (principal is Lake::User, action in [Lake::Action::\"read\", Lake::Action::\"lake:ReadRaw\"]")  # fmt: skip
    assert findings(path, "--alone", "--property", "embargo", code=0)["embargo"]["verdict"] == "proved"


def test_the_embargo_of_every_lake_holds_whatever_its_operator_says(tmp_path):
    path = tmp_path / "open.cedar"
    path.write_text("permit (principal, action, resource);\n")
    assert findings(path, "--property", "embargo", code=0)["embargo"]["verdict"] == "proved"
    assert findings(path, "--property", "embargo", "--alone", code=1)["embargo"]["verdict"] == "refuted"


def test_a_widened_edit_is_shown_for_people(edited):
    path = edited('in Lake::Jurisdiction::"EU" };', 'in Lake::Jurisdiction::"EU" || principal in Lake::Jurisdiction::"CH" };')
    done = prove(path, "--against", EXAMPLES, "--property", "not-wider")
    assert done.returncode == 1, done
    assert done.stdout.startswith("NOT TRUE   not-wider: the new policies allow nothing that the old ones do not")
    for words in ('Lake::Jurisdiction::"CH"', 'classification: "confidential"', "lake:HoldReplica", "edited.cedar#base.hold"):
        assert words in done.stdout, done.stdout
    # The other way round it is a narrower set.
    assert findings(EXAMPLES, "--against", path, "--property", "not-wider", code=0)["not-wider"]["verdict"] == "proved"


def test_atoms_are_free_and_it_says_so(tmp_path):
    path = tmp_path / "atoms.cedar"
    path.write_text(
        'permit (principal is Lake::Anonymous, action in Lake::Action::"read", resource is Lake::Object)\n'
        'when { context.atoms.contains("a") };\n'
    )
    done = prove(path, "--alone", "--property", "embargo")
    assert done.returncode == 1 and "atoms" in done.stdout.splitlines()[-1], done.stdout
    assert 'atoms: ["a"]' in done.stdout, done.stdout


def test_what_cannot_be_asked(tmp_path):
    misspelt, unfinished = tmp_path / "misspelt.cedar", tmp_path / "unfinished.cedar"
    misspelt.write_text(EXAMPLES.read_text().replace("resource.minReplicas };", "resource.minReplica };"))
    unfinished.write_text("permit (principal, action, resource)")
    for arguments, environment, words in [
        ((misspelt,), {}, "minReplica"),
        ((unfinished,), {}, "line 1, column "),
        ((tmp_path / "nowhere.cedar",), {}, "cannot be read"),
        ((EXAMPLES, EXAMPLES), {}, "examples.cedar"),
        ((EXAMPLES, "--property", "not-wider"), {}, "--against"),
        ((EXAMPLES,), {"CVC5": str(tmp_path / "no-solver")}, "install cvc5"),
    ]:
        done = prove(*arguments, environment=environment)
        assert done.returncode == 2 and done.stdout == "" and words in done.stderr, done
        assert done.stderr.startswith("twinlake-prove: ") or "Usage" in done.stderr, done.stderr


def test_a_solver_that_breaks_off_proves_nothing():
    done = prove(EXAMPLES, "--property", "replicas", environment={"CVC5": "/bin/true"})
    assert done.returncode in (2, 3) and "proved" not in done.stdout, done


def test_the_admin_command_becomes_the_program(tmp_path):
    done = subprocess.run([binary(), "policy", "prove", EXAMPLES], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and done.stdout.count("proved") == 3, done
    done = subprocess.run([binary(), "policy", "prove", "--help"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and "--against" in done.stdout, done
    alone = tmp_path / "twinlake"
    shutil.copy(binary(), alone)
    done = subprocess.run([alone, "policy", "prove", EXAMPLES], capture_output=True, text=True, timeout=120)
    assert done.returncode == 1 and "twinlake-prove" in done.stderr and "belongs beside" in done.stderr, done
