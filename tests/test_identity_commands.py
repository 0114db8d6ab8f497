"""`twinlake account|user|group|key`: what people type about who there is."""

import json
import secrets

import pytest

import admin
from answers import refused
from lake import Keys, client
from test_iam import allow, document, name

READING = document(allow(["s3:GetObject", "s3:ListBucket"]))


@pytest.fixture
def twinlake(lake, tmp_path):
    """Runs a command as root and gives back what it printed, as JSON if there is something."""
    if lake.process is None:
        pytest.skip("identities are made with the root keys of a lake of our own")

    def run(*arguments, code=0, stdin="", environment=None):
        known = environment or admin.variables(lake)
        ended = admin.run(tmp_path, *arguments, "--output", "json", environment=known, stdin=stdin)
        assert ended.returncode == code, ended
        return json.loads(ended.stdout) if ended.stdout else ended.stderr

    return run


@pytest.fixture
def reading(tmp_path):
    path = tmp_path / "reading.json"
    path.write_text(READING)
    return path


def as_key(lake, made, service="s3"):
    return client(lake.endpoint, Keys(made["accessKey"], made["secretKey"]), service)


def test_a_user_with_a_policy_and_a_key_can_work(lake, twinlake, reading, bucket, s3):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    user = name("alice")
    made = twinlake("user", "create", user, "--tag", "team=wind")
    assert made["arn"] == f"arn:aws:iam::000000000000:user/{user}" and made["tags"] == {"team": "wind"}
    twinlake("user", "policy", "put", user, "reading", reading)
    key = twinlake("key", "create", "--user", user)
    assert as_key(lake, key).get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    with refused(403, "AccessDenied"):
        as_key(lake, key).put_object(Bucket=bucket, Key="k", Body=b"y")
    assert twinlake("user", "show", user)["policies"] == ["reading"]
    assert twinlake("user", "policy", "get", user, "reading") == json.loads(READING)
    twinlake("key", "disable", key["accessKey"], "--user", user)
    with refused(403, "InvalidAccessKeyId"):
        as_key(lake, key).get_object(Bucket=bucket, Key="k")
    assert [one["active"] for one in twinlake("key", "list", "--user", user)] == [False]
    assert "DeleteConflict" in twinlake("user", "delete", user, code=1)
    twinlake("key", "delete", key["accessKey"], "--user", user)
    twinlake("user", "policy", "delete", user, "reading")
    twinlake("user", "delete", user)
    assert user not in [one["name"] for one in twinlake("user", "list")]


def test_a_service_account_may_less_than_its_owner_and_never_more(lake, twinlake, tmp_path, reading, bucket, s3):
    s3.put_object(Bucket=bucket, Key="a/k", Body=b"x")
    s3.put_object(Bucket=bucket, Key="b/k", Body=b"x")
    user = name("owner")
    twinlake("user", "create", user)
    twinlake("user", "policy", "put", user, "reading", reading)
    narrowed = tmp_path / "narrowed.json"
    narrowed.write_text(document(allow("s3:*", f"arn:aws:s3:::{bucket}/a/*"), allow("iam:*")))
    key = twinlake("key", "create", "--user", user, "--policy", narrowed, "--description", "nightly")
    service = as_key(lake, key)
    assert service.get_object(Bucket=bucket, Key="a/k")["Body"].read() == b"x"
    for refusal in (
        lambda: service.get_object(Bucket=bucket, Key="b/k"),
        lambda: service.put_object(Bucket=bucket, Key="a/k", Body=b"y"),
        lambda: as_key(lake, key, "iam").create_access_key(UserName=user),
    ):
        with refused(403, "AccessDenied"):
            refusal()
    told = twinlake("key", "list", "--user", user)[0]
    assert told["description"] == "nightly" and json.loads(told["policy"]) == json.loads(narrowed.read_text())
    # What its owner loses, it loses.
    twinlake("user", "policy", "delete", user, "reading")
    with refused(403, "AccessDenied"):
        service.get_object(Bucket=bucket, Key="a/k")


def test_groups_have_members_and_policies(lake, twinlake, reading, bucket):
    group, user = name("group"), name("bob")
    twinlake("group", "create", group)
    twinlake("user", "create", user)
    twinlake("group", "add", group, user)
    twinlake("group", "policy", "put", group, "reading", reading)
    assert twinlake("group", "show", group)["members"] == [user]
    as_key(lake, twinlake("key", "create", "--user", user)).list_objects_v2(Bucket=bucket)
    assert "DeleteConflict" in twinlake("group", "delete", group, code=1)
    twinlake("group", "remove", group, user)
    twinlake("group", "policy", "delete", group, "reading")
    twinlake("group", "delete", group)
    assert "NoSuchEntity" in twinlake("group", "show", group, code=1)


def test_accounts_are_made_with_a_key_and_removed_when_they_are_empty(lake, twinlake):
    tenant = name("tenant")
    made = twinlake("account", "create", tenant)
    assert len(made["account"]) == 12 and len(made["canonicalId"]) == 64
    own = f"own-{secrets.token_hex(4)}"
    as_key(lake, made["rootKey"]).create_bucket(Bucket=own)
    assert "EntityAlreadyExists" in twinlake("account", "create", tenant, code=1)
    assert "DeleteConflict" in twinlake("account", "delete", made["account"], code=1)
    as_key(lake, made["rootKey"]).delete_bucket(Bucket=own)
    # Whoever runs the lake can look after the users of every account.
    twinlake("user", "create", "carol", "--account", made["account"])
    assert [one["name"] for one in twinlake("user", "list", "--account", made["account"])] == ["carol"]
    twinlake("user", "delete", "carol", "--account", made["account"])
    twinlake("account", "delete", made["account"])
    assert made["account"] not in [one["account"] for one in twinlake("account", "list")]
    with refused(403, "InvalidAccessKeyId"):
        as_key(lake, made["rootKey"]).list_buckets()
    assert "DeleteConflict" in twinlake("account", "delete", "000000000000", code=1)


def test_an_account_root_does_not_administer_the_lake(lake, twinlake):
    made = twinlake("account", "create", name("tenant"))
    keys = made["rootKey"]
    theirs = admin.variables(lake) | {"TWINLAKE_ACCESS_KEY": keys["accessKey"], "TWINLAKE_SECRET_KEY": keys["secretKey"]}
    assert "AccessDenied" in twinlake("account", "list", code=1, environment=theirs)
    assert "AccessDenied" in twinlake("user", "list", "--account", "000000000000", code=1, environment=theirs)
    assert "AccessDenied" in twinlake("key", "create", "--account", "000000000000", code=1, environment=theirs)
    twinlake("user", "create", "alice", environment=theirs)
    assert [one["account"] for one in twinlake("user", "list", environment=theirs)] == [made["account"]]


def test_passwords_are_set_changed_and_taken_away(lake, twinlake):
    iam = lake.client("iam")
    user = name("dora")
    twinlake("user", "create", user)
    for bad in ("", "short", "x" * 129):
        twinlake("user", "password", user, code=1, stdin=bad + "\n")
    assert twinlake("user", "show", user)["hasPassword"] is False
    twinlake("user", "password", user, stdin="correct horse battery staple\n")
    assert twinlake("user", "show", user)["hasPassword"] is True
    assert iam.get_login_profile(UserName=user)["LoginProfile"]["PasswordResetRequired"] is False
    with refused(409, "EntityAlreadyExists"):
        iam.create_login_profile(UserName=user, Password="another horse entirely")
    iam.update_login_profile(UserName=user, Password="another horse entirely", PasswordResetRequired=True)
    assert iam.get_login_profile(UserName=user)["LoginProfile"]["PasswordResetRequired"] is True
    assert "DeleteConflict" in twinlake("user", "delete", user, code=1)
    twinlake("user", "password", user, "--remove")
    with refused(404, "NoSuchEntity"):
        iam.get_login_profile(UserName=user)
    twinlake("user", "delete", user)
    stored = b"".join(path.read_bytes() for path in lake.directory.rglob("*") if path.is_file() and path.stat().st_size < 64 << 20)
    assert b"correct horse" not in stored and b"correct horse" not in lake.output().encode()


def test_tables_are_for_people(lake, twinlake, tmp_path):
    user = name("eve")
    twinlake("user", "create", user)
    shown = admin.run(tmp_path, "user", "list", environment=admin.variables(lake)).stdout
    assert shown.splitlines()[0].split()[:2] == ["NAME", "ACCOUNT"] and user in shown
    helped = admin.run(tmp_path, "key", "create", "--help").stdout
    assert "--policy" in helped and "shown this once" in helped
