"""Tables of rights, as communities keep them for other gateways: they become Cedar that the lake takes."""

import subprocess

import pytest

from lake import binary

CYGNO = """
# What a community's gateway had in its tables.
[[allow]]
groups = ["cygno", "/cygno"]
buckets = ["cygnus", "cygno-data", "cygno-analysis", "cygno-sim"]
rights = ["read", "write", "list", "s3:GetBucketLocation", "s3:ListAllMyBuckets"]

[[allow]]
groups = ["cygno-users", "/cygno-users", "training", "/training"]
buckets = ["cygnus", "cygno-data"]
rights = ["read", "list"]

[[allow]]
groups = ["end-users-catchall"]
buckets = ["${aws:PrincipalTag/preferred_username}"]
rights = ["read", "write", "list", "s3:CreateBucket", "s3:DeleteBucket"]

[[allow]]
groups = ["end-users-catchall"]
users = ["indigo:2b7c1f"]
buckets = ["scratch"]
prefix = "shared/\\u00fc*\\"/"
rights = ["read", "write", "list", "s3:PutObjectRetention"]

[[allow]]
groups = ["end-users-catchall"]
buckets = ["*"]
prefix = "public/"
rights = ["read", "list"]

[[allow]]
groups = ["admins"]
buckets = ["*"]
rights = ["manage", "list"]
"""


def twinlake(*arguments):
    return subprocess.run([binary(), "policy", *arguments], capture_output=True, text=True, timeout=60)


@pytest.fixture
def table(tmp_path):
    def write(text, name="rights.toml"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def test_what_a_table_becomes_is_valid_cedar(table, tmp_path):
    done = twinlake("import", table(CYGNO))
    assert done.returncode == 0 and done.stderr == "", done
    assert done.stdout.count("permit (") == 8 + 2 + 8 + 1 + 4 + 2 + 1, done.stdout
    cedar = tmp_path / "rights.cedar"
    cedar.write_text(done.stdout)
    # It validates strictly, for who proves reads it as the lake does: that a solver is missing is said later.
    judged = twinlake("prove", cedar, "--property", "confidential-eu")
    assert judged.returncode == 0 or "there is no solver" in judged.stderr, judged


def test_an_action_that_does_not_exist_is_found_by_the_lake(table, tmp_path):
    row = '[[allow]]\ngroups = ["a"]\nbuckets = ["data"]\nrights = ["s3:GetObjekt"]\n'
    cedar = tmp_path / "rights.cedar"
    cedar.write_text(twinlake("import", table(row)).stdout)
    judged = twinlake("prove", cedar)
    assert judged.returncode == 2 and "s3:GetObjekt" in judged.stderr, judged


def test_a_table_in_csv(table):
    csv = table("groups,buckets,prefix,rights\ncygno /cygno,cygno-data cygnus,runs/,read list\n", "rights.csv")
    toml = table(
        '[[allow]]\ngroups = ["cygno", "/cygno"]\nbuckets = ["cygno-data", "cygnus"]\nprefix = "runs/"\n'
        'rights = ["read", "list"]\n'
    )
    assert twinlake("import", csv).stdout == twinlake("import", toml).stdout != ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "row 1: the table is empty"),
        ("[[allow]]\ngroups = [\n", "line "),
        ('[[allow]]\ngroups = ["a"]\nbuckets = ["data"]\nrights = ["read"]\nuntil = "2027"\n', "line 5: unknown field `until`"),
        ('[[allow]]\ngroups = ["a"]\nbuckets = ["DATA"]\nrights = ["read"]\n', "row 1: `DATA` is no name of a bucket"),
        ('[[allow]]\ngroups = ["a"]\nbuckets = ["data"]\nrights = ["everything"]\n', "row 1: `everything` is no right"),
        ("x" * (256 << 10) + "\n", "more than 262144 bytes"),
    ],
)  # fmt: skip
def test_what_is_no_table_becomes_nothing(table, text, words):
    done = twinlake("import", table(text))
    assert done.returncode == 1 and done.stdout == "" and words in done.stderr, done
    assert done.stderr.startswith("twinlake: ") and done.stderr.count("\n") == 1, done.stderr
