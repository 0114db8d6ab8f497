"""The guide's chapter about policies, done as it is written."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import admin
from lake import binary

GUIDE = (Path(__file__).parents[1] / "docs/guide.md").read_text()


def chapter(title):
    return re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", GUIDE, re.S | re.M).group(1)


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.S | re.M)


@pytest.fixture
def shell(new_lake, tmp_path):
    """Does lines as a shell would, in a directory of their own, as root of a lake with what the chapter speaks of."""
    lake = new_lake().start()
    s3, iam = lake.client(), lake.client("iam")
    s3.create_bucket(Bucket="books")
    s3.put_object(Bucket="books", Key="a", Body=b"x")
    s3.put_object(Bucket="books", Key="draft", Body=b"x", Tagging="state=review")
    iam.create_group(GroupName="readers")
    iam.create_user(UserName="alice")
    iam.add_user_to_group(GroupName="readers", UserName="alice")
    environment = os.environ | admin.variables(lake) | {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "HOME": str(tmp_path)}
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/twinlake").symlink_to(binary())

    def run(line, code=0):
        done = subprocess.run(line, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == code, (line, done)
        return done.stdout + done.stderr

    run.directory = tmp_path
    return run


def commands(block):
    return [line.split("   #")[0].strip() for line in block.splitlines() if line.startswith("twinlake ")]


def test_a_table_of_rights_becomes_a_set(shell):
    text = chapter("Tables of rights")
    (shell.directory / "rights.toml").write_text(blocks(text, "toml")[0])
    [importing] = commands(blocks(text, "sh")[0])
    shell(importing)
    shell("twinlake policy put rights rights.cedar")
    shell("twinlake policy test cases.toml", code=1)
    (shell.directory / "cases.toml").write_text(
        '[[case]]\nwho = "group/cygno"\nobject = "s3://books/a"\nexpected = "deny"\n'
    )
    assert "deny" in shell("twinlake policy test cases.toml")


def test_the_policies_of_the_lake(shell):
    text = chapter("Policies of the lake")
    [cases] = [block for block in blocks(text, "toml") if "[[case]]" in block]
    (shell.directory / "research.toml").write_text(cases)
    research = blocks(text, "cedar")[0]
    wrong = research + 'forbid (principal, action in Lake::Action::"read", resource is Lake::Object)\nwhen { resource.sise > 1 };\n'
    (shell.directory / "research.cedar").write_text(wrong)
    [console] = blocks(text, "console")
    said = shell("twinlake policy validate research.cedar", code=1)
    assert said.splitlines()[0] == console.splitlines()[1]
    (shell.directory / "research.cedar").write_text(research)
    before, after = blocks(text, "sh")
    said = [shell(command) for command in commands(before) + commands(after)]
    told = dict(zip(commands(before) + commands(after), said))
    for command, words in {
        "twinlake policy diff research.cedar": ["alice", "group/readers"],
        "twinlake policy explain s3://books/draft --as alice": [
            "may not", "under review until the first of March", "2027-03-01T00:00:00.000Z"],
        "twinlake policy explain s3://books/draft --as alice --at 2027-03-01": ["may s3:GetObject", "does not change"],
        "twinlake policy forecast --at 2027-06-01": ["2027-03-01T00:00:00.000Z", "opens"],
        "twinlake policy history research": ["review of run 7", "root"],
        "twinlake policy rollback research 1": ["version 1 again"],
    }.items():
        assert all(word in told[command] for word in words), (command, told[command])


def test_what_can_never_happen(shell):
    if not shutil.which("cvc5") and "CVC5" not in os.environ:
        pytest.skip("there is no solver")
    shutil.copytree(Path(__file__).parents[1] / "policy", shell.directory / "policy", ignore=shutil.ignore_patterns("src", "tests"))
    proving, widened = blocks(chapter("What policies can never let happen"), "console")
    # How many kinds there are changes with every action that the lake learns.
    uncounted = lambda text: re.sub(r"\(\d+ kinds", "(some kinds", text).splitlines()
    command, *lines = uncounted(proving)
    assert uncounted(shell(command.removeprefix("$ "))) == lines
    edit = widened.split("\n$ ")
    shell(edit[0].removeprefix("$ "))
    command, _, shown = edit[1].partition("\n")
    said = shell(command, code=1)
    assert uncounted(said)[0] == uncounted(shown)[0]
    assert "permitted by   edited.cedar#base.hold" in said and 'Lake::Jurisdiction::"CH"' in said
