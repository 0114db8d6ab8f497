"""Policies of buckets: what they say is what happens, and what is none is refused with its place and its reason."""

import json
import secrets

import boto3
import pytest

from accounts import anonymous, arns, document, new_account, new_user, root_of, statement
from answers import fetch, new_bucket, outcome, refused, status
from lake import REGION, client

DENIED = "AccessDenied"


@pytest.fixture(scope="module")
def owner(lake):
    return new_account(lake, "owner")


@pytest.fixture(scope="module")
def other(lake):
    return new_account(lake, "other")


@pytest.fixture
def bucket(owner):
    """A bucket of the owner with a tagged object in it."""
    bucket = new_bucket(owner.s3, "policy")
    tags = "class=Open&level=5&day=2026-01-01T00%3A00%3A00Z&digest=cXVlcnk%3D"
    owner.s3.put_object(Bucket=bucket, Key="k", Body=b"there", Tagging=tags)
    return bucket


def allow(bucket, principal, action="s3:GetObject", **more):
    return statement("Allow", action, arns(bucket), Principal=principal, **more)


def deny(bucket, principal, action="s3:GetObject", **more):
    return statement("Deny", action, arns(bucket), Principal=principal, **more)


def put(account, bucket, *statements):
    account.s3.put_bucket_policy(Bucket=bucket, Policy=document(*statements))


def test_a_policy_is_given_back_as_it_came_and_taken_away(owner, bucket):
    with refused(404, "NoSuchBucketPolicy"):
        owner.s3.get_bucket_policy(Bucket=bucket)
    text = document(allow(bucket, "*")).replace(",", " ,\n\t") + "\n"
    assert status(owner.s3.put_bucket_policy(Bucket=bucket, Policy=text)) == 204
    assert owner.s3.get_bucket_policy(Bucket=bucket)["Policy"] == text
    for _ in range(2):
        assert status(owner.s3.delete_bucket_policy(Bucket=bucket)) == 204
    with refused(404, "NoSuchBucketPolicy"):
        owner.s3.get_bucket_policy(Bucket=bucket)


MALFORMED = {
    "no JSON": ("{,", "line 1, column 2"),
    "on the third line": ('{"Version":"2012-10-17",\n"Statement":[\n{"Effect":"Permit"}]}', "line"),
    "nothing": ("", "line 1"),
    "no statement": ('{"Version":"2012-10-17","Statement":[]}', "no statement"),
    "another version": ('{"Version":"2020-01-01","Statement":[]}', "version"),
    "no principal": (document(statement("Allow", "s3:GetObject", "arn:aws:s3:::BUCKET/*")), "rincipal"),
    "a principal that is nobody": (
        document(statement("Allow", "s3:GetObject", "arn:aws:s3:::BUCKET/*", Principal={"AWS": "bob"})),
        "`bob`",
    ),
    "an action that there is not": (
        document(statement("Allow", "s3:GetObjects", "arn:aws:s3:::BUCKET/*", Principal="*")),
        "`s3:GetObjects`",
    ),
    "another bucket": (
        document(statement("Allow", "s3:GetObject", "arn:aws:s3:::another/*", Principal="*")),
        "another",
    ),
    "a statement's id twice": (
        document(*[statement("Allow", "s3:GetObject", "arn:aws:s3:::BUCKET/*", Principal="*", Sid="Same")] * 2),
        "`Same`",
    ),
    "an unknown operator": (
        document(
            statement(
                "Allow", "s3:GetObject", "arn:aws:s3:::BUCKET/*", Principal="*", Condition={"Equals": {"s3:prefix": ""}}
            )
        ),
        "`Equals`",
    ),
    "an unknown key": (
        document(
            statement(
                "Allow",
                "s3:GetObject",
                "arn:aws:s3:::BUCKET/*",
                Principal="*",
                Condition={"StringEquals": {"s3:moon": ""}},
            )
        ),
        "`s3:moon`",
    ),
    "a number that is none": (
        document(
            statement(
                "Allow",
                "s3:ListBucket",
                "arn:aws:s3:::BUCKET",
                Principal="*",
                Condition={"NumericLessThan": {"s3:max-keys": "few"}},
            )
        ),
        "`few`",
    ),
    "an action on what it is not for": (
        document(statement("Allow", "s3:ListBucket", "arn:aws:s3:::BUCKET/*", Principal="*")),
        "no action applies",
    ),
    "everybody but one": (
        document(
            statement(
                "Allow",
                "s3:GetObject",
                "arn:aws:s3:::BUCKET/*",
                NotPrincipal={"AWS": "arn:aws:iam::000000000000:root"},
            )
        ),
        "NotPrincipal",
    ),
}


@pytest.mark.parametrize(("text", "told"), MALFORMED.values(), ids=MALFORMED)
def test_what_is_no_policy_is_refused_with_its_reason_and_changes_nothing(owner, bucket, text, told):
    put(owner, bucket, allow(bucket, "*"))
    stands = owner.s3.get_bucket_policy(Bucket=bucket)["Policy"]
    with refused(400, "MalformedPolicy") as caught:
        owner.s3.put_bucket_policy(Bucket=bucket, Policy=text.replace("BUCKET", bucket))
    assert told in caught.value.response["Error"]["Message"]
    assert owner.s3.get_bucket_policy(Bucket=bucket)["Policy"] == stands


def test_a_policy_has_at_most_twenty_kibibytes(owner, bucket):
    text = document(allow(bucket, "*"))
    owner.s3.put_bucket_policy(Bucket=bucket, Policy=text + " " * (20 * 1024 - len(text)))
    with refused(400, "PolicyTooLarge"):
        owner.s3.put_bucket_policy(Bucket=bucket, Policy=text + " " * (20 * 1024 - len(text) + 1))


# Operator: a key, a value that fits the request, one that does not.
TAG = "s3:ExistingObjectTag/"
OPERATORS = {
    "StringEquals": (TAG + "class", "Open", "open"),
    "StringNotEquals": (TAG + "class", "open", "Open"),
    "StringEqualsIgnoreCase": (TAG + "class", "OPEN", "OPENED"),
    "StringNotEqualsIgnoreCase": (TAG + "class", "OPENED", "OPEN"),
    "StringLike": (TAG + "class", "?p*", "?pe"),
    "StringNotLike": (TAG + "class", "?pe", "?p*"),
    "ArnEquals": ("aws:PrincipalArn", "arn:aws:iam::OTHER:root", "arn:aws:iam::OWNER:root"),
    "ArnLike": ("aws:PrincipalArn", "arn:aws:iam::*:r??t", "arn:aws:iam::*:user/*"),
    "ArnNotEquals": ("aws:PrincipalArn", "arn:aws:iam::OWNER:root", "arn:aws:iam::OTHER:root"),
    "ArnNotLike": ("aws:PrincipalArn", "arn:aws:iam::*:user/*", "arn:aws:iam::*:r??t"),
    "BinaryEquals": (TAG + "digest", "cXVlcnk=", "b3RoZXI="),
    "Bool": ("aws:SecureTransport", "false", "true"),
    "IpAddress": ("aws:SourceIp", "127.0.0.0/8", "10.0.0.0/8"),
    "NotIpAddress": ("aws:SourceIp", "10.0.0.0/8", "127.0.0.0/8"),
    "NumericEquals": (TAG + "level", "5.0", "6"),
    "NumericNotEquals": (TAG + "level", "6", "5"),
    "NumericLessThan": (TAG + "level", "6", "5"),
    "NumericLessThanEquals": (TAG + "level", "5", "4"),
    "NumericGreaterThan": (TAG + "level", "4", "5"),
    "NumericGreaterThanEquals": (TAG + "level", "5", "6"),
    "DateEquals": (TAG + "day", "2026-01-01", "2026-01-02"),
    "DateNotEquals": (TAG + "day", "2026-01-02", "2026-01-01"),
    "DateLessThan": ("aws:CurrentTime", "2100-01-01T00:00:00Z", "2020-01-01T00:00:00Z"),
    "DateLessThanEquals": ("aws:EpochTime", "4102444800", "1577836800"),
    "DateGreaterThan": ("aws:CurrentTime", "2020-01-01T00:00:00Z", "2100-01-01T00:00:00Z"),
    "DateGreaterThanEquals": (TAG + "day", "2026-01-01T01:00:00+01:00", "2026-01-01T00:00:00-01:00"),
    "Null": (TAG + "absent", "true", "false"),
    "StringEqualsIfExists": (TAG + "absent", "anything", None),
    "NumericLessThanIfExists": (TAG + "level", "6", "5"),
    "ForAnyValue:StringEquals": (TAG + "class", ["x", "Open"], ["x", "y"]),
    "ForAllValues:StringLike": (TAG + "class", ["O*", "x"], ["x", "y"]),
}


@pytest.mark.parametrize("operator", OPERATORS)
def test_conditions(owner, other, bucket, operator):
    key, fits, fits_not = OPERATORS[operator]
    named = lambda value: json.loads(json.dumps(value).replace("OTHER", other.number).replace("OWNER", owner.number))
    for value, expected in ((fits, "ok"), (fits_not, DENIED)):
        if value is not None:
            put(owner, bucket, allow(bucket, root_of(other), Condition={operator: {key: named(value)}}))
            assert outcome(other.s3.get_object, Bucket=bucket, Key="k") == expected, value


def test_all_conditions_must_hold_and_one_value_of_each(owner, other, bucket):
    condition = {
        "StringEquals": {TAG + "class": ["Closed", "Open"], TAG + "level": "5"},
        "IpAddress": {"aws:SourceIp": ["::1", "127.0.0.1"]},
    }
    put(owner, bucket, allow(bucket, root_of(other), Condition=condition))
    assert fetch(other.s3, bucket, "k") == b"there"
    condition["StringEquals"][TAG + "level"] = "6"
    put(owner, bucket, allow(bucket, root_of(other), Condition=condition))
    with refused(403, DENIED):
        fetch(other.s3, bucket, "k")


def test_conditions_on_what_a_request_says(owner, other, bucket):
    """Of a listing its prefix and how much of it, of a write its tags and its list, of a copy its source."""
    root = root_of(other)
    put(
        owner,
        bucket,
        allow(
            bucket,
            root,
            "s3:ListBucket",
            Condition={"StringLike": {"s3:prefix": "in/*"}, "NumericLessThanEquals": {"s3:max-keys": "10"}},
        ),
        allow(bucket, root, ["s3:PutObject", "s3:PutObjectTagging"]),
        deny(
            bucket,
            root,
            "s3:PutObject",
            Condition={
                "Null": {"s3:RequestObjectTag/class": "false"},
                "StringNotEquals": {"s3:RequestObjectTag/class": "a"},
            },
        ),
        deny(bucket, root, "s3:PutObject", Condition={"StringLike": {"s3:x-amz-copy-source": f"{bucket}/secret*"}}),
        allow(bucket, root, ["s3:GetObject", "s3:GetObjectTagging"]),
    )
    s3 = other.s3
    assert outcome(s3.list_objects_v2, Bucket=bucket, Prefix="in/a", MaxKeys=10) == "ok"
    assert outcome(s3.list_objects_v2, Bucket=bucket, Prefix="in/a", MaxKeys=11) == DENIED
    assert outcome(s3.list_objects_v2, Bucket=bucket, Prefix="out", MaxKeys=10) == DENIED
    assert outcome(s3.list_objects_v2, Bucket=bucket, MaxKeys=10) == DENIED
    assert outcome(s3.put_object, Bucket=bucket, Key="n", Tagging="class=a") == "ok"
    assert outcome(s3.put_object, Bucket=bucket, Key="n", Tagging="class=b") == DENIED
    owner.s3.put_object(Bucket=bucket, Key="secret-1", Body=b"x")
    assert outcome(s3.copy_object, Bucket=bucket, Key="c", CopySource=f"{bucket}/secret-1") == DENIED
    assert outcome(s3.copy_object, Bucket=bucket, Key="c", CopySource=f"{bucket}/n") == "ok"


def test_variables(owner, bucket):
    everything = statement("Allow", "s3:*", "*")
    alice, bob = new_user(owner, name="alice"), new_user(owner, name="bob")
    own = statement(
        "Allow", "s3:PutObject", f"arn:aws:s3:::{bucket}/of/${{aws:username}}/*", Principal=root_of(owner)
    )
    own["Principal"] = {"AWS": [alice.arn, bob.arn]}
    put(owner, bucket, own)
    for user, another in ((alice, bob), (bob, alice)):
        assert outcome(user.s3.put_object, Bucket=bucket, Key=f"of/{user.name}/x") == "ok"
        assert outcome(user.s3.put_object, Bucket=bucket, Key=f"of/{another.name}/x") == DENIED
    carol = new_user(owner, everything, name="carol")
    assert outcome(carol.s3.put_object, Bucket=bucket, Key=f"of/{alice.name}/y") == "ok"


def test_everything_but(owner, other, bucket):
    """NotAction and NotResource; and NotPrincipal, which can only be denied something."""
    third = new_account(owner.lake, "third")
    more = {"Principal": root_of(other)}
    but_deleting = {"Effect": "Allow", "NotAction": "s3:Delete*", "Resource": arns(bucket), **more}
    put(owner, bucket, but_deleting)
    assert outcome(other.s3.put_object, Bucket=bucket, Key="open/x") == "ok"
    assert outcome(other.s3.delete_object, Bucket=bucket, Key="open/x") == DENIED

    but_open = {"Effect": "Deny", "Action": "s3:*", "NotResource": f"arn:aws:s3:::{bucket}/open/*", **more}
    put(owner, bucket, but_deleting, but_open)
    assert outcome(other.s3.get_object, Bucket=bucket, Key="open/x") == "ok"
    assert outcome(other.s3.get_object, Bucket=bucket, Key="k") == DENIED

    excepted = {"AWS": [root_of(account)["AWS"] for account in (owner, other)]}
    but_two = {"Effect": "Deny", "NotPrincipal": excepted, "Action": "s3:GetObject", "Resource": arns(bucket)}
    put(owner, bucket, allow(bucket, "*"), but_two)
    assert outcome(other.s3.get_object, Bucket=bucket, Key="k") == "ok"
    assert outcome(third.s3.get_object, Bucket=bucket, Key="k") == DENIED
    assert outcome(anonymous(owner.lake).get_object, Bucket=bucket, Key="k") == DENIED


def test_between_accounts_both_sides_must_allow(owner, other, bucket):
    reads = statement("Allow", "s3:GetObject", arns(bucket))
    allowed, silent = new_user(other, reads), new_user(other)
    get = lambda user: outcome(user.s3.get_object, Bucket=bucket, Key="k")
    assert (get(allowed), get(silent), get(other)) == (DENIED, DENIED, DENIED)
    put(owner, bucket, allow(bucket, root_of(other)))
    assert (get(allowed), get(silent), get(other)) == ("ok", DENIED, "ok")
    put(owner, bucket, allow(bucket, {"AWS": silent.arn}))
    assert (get(allowed), get(silent), get(other)) == (DENIED, DENIED, DENIED)
    put(owner, bucket, allow(bucket, {"AWS": allowed.arn}))
    assert get(allowed) == "ok"
    # Within the account one side is enough.
    mine = new_user(owner)
    assert get(mine) == DENIED
    put(owner, bucket, allow(bucket, {"AWS": mine.arn}))
    assert get(mine) == "ok"


def test_canonical_users_and_everybody(owner, other, bucket):
    nobody = anonymous(owner.lake)
    put(owner, bucket, allow(bucket, {"CanonicalUser": other.canonical_id}))
    assert outcome(other.s3.get_object, Bucket=bucket, Key="k") == "ok"
    assert outcome(nobody.get_object, Bucket=bucket, Key="k") == DENIED
    with refused(400, "MalformedPolicy"):
        put(owner, bucket, allow(bucket, {"CanonicalUser": "0" * 64}))
    for everybody in ("*", {"AWS": "*"}):
        put(owner, bucket, allow(bucket, everybody))
        assert fetch(nobody, bucket, "k") == b"there"
        assert outcome(nobody.put_object, Bucket=bucket, Key="k") == DENIED


def test_an_explicit_deny_wins(owner, other, bucket):
    user = new_user(owner, statement("Allow", "s3:*", "*"))
    put(owner, bucket, allow(bucket, "*", "s3:*"), deny(bucket, "*"))
    for s3 in (owner.s3, other.s3, user.s3, anonymous(owner.lake)):
        assert outcome(s3.get_object, Bucket=bucket, Key="k") == DENIED
    # Whoever holds the root keys of the lake is bound by nothing.
    assert fetch(owner.lake.client(), bucket, "k") == b"there"


def test_who_may_not_list_does_not_learn_what_is_there(owner, other, bucket):
    put(owner, bucket, allow(bucket, root_of(other)))
    assert outcome(other.s3.get_object, Bucket=bucket, Key="absent") == DENIED
    put(owner, bucket, allow(bucket, root_of(other), ["s3:GetObject", "s3:ListBucket"]))
    assert outcome(other.s3.get_object, Bucket=bucket, Key="absent") == "NoSuchKey"
    prefix = {"Condition": {"StringLike": {"s3:prefix": "in/*"}}}
    put(owner, bucket, allow(bucket, root_of(other)), allow(bucket, root_of(other), "s3:ListBucket", **prefix))
    assert outcome(other.s3.get_object, Bucket=bucket, Key="in/absent") == "NoSuchKey"
    assert outcome(other.s3.get_object, Bucket=bucket, Key="absent") == DENIED
    put(owner, bucket, deny(bucket, root_of(other)), allow(bucket, root_of(other), "s3:ListBucket"))
    assert outcome(other.s3.get_object, Bucket=bucket, Key="absent") == DENIED


def test_nobody_locks_an_account_out_of_its_bucket(owner, bucket):
    everything = statement("Allow", "s3:*", "*")
    user = new_user(owner, everything)
    locked = document(deny(bucket, "*", "s3:*"))
    with refused(400, "InvalidRequest") as caught:
        user.s3.put_bucket_policy(Bucket=bucket, Policy=locked)
    assert "x-amz-confirm-remove-self-bucket-access" in caught.value.response["Error"]["Message"]
    with refused(404, "NoSuchBucketPolicy"):
        owner.s3.get_bucket_policy(Bucket=bucket)
    user.s3.put_bucket_policy(Bucket=bucket, Policy=locked, ConfirmRemoveSelfBucketAccess=True)
    for act in (user.s3.get_bucket_policy, user.s3.delete_bucket_policy):
        assert outcome(act, Bucket=bucket) == DENIED
    assert outcome(owner.s3.list_objects_v2, Bucket=bucket) == DENIED
    assert owner.s3.get_bucket_policy(Bucket=bucket)["Policy"] == locked
    owner.s3.put_bucket_policy(Bucket=bucket, Policy=locked)
    owner.s3.delete_bucket_policy(Bucket=bucket)
    assert outcome(user.s3.get_object, Bucket=bucket, Key="k") == "ok"


def test_a_policy_is_for_the_account_of_its_bucket(owner, other, bucket):
    """Who is let near it from elsewhere is told that this cannot be; who is not let near it, that it may not."""
    nobody, mine = anonymous(owner.lake), new_user(owner)
    text = document(allow(bucket, "*", "s3:*"))
    acts = lambda s3: (
        outcome(s3.get_bucket_policy, Bucket=bucket),
        outcome(s3.put_bucket_policy, Bucket=bucket, Policy=document(allow(bucket, root_of(other)))),
        outcome(s3.delete_bucket_policy, Bucket=bucket),
    )
    assert acts(other.s3) == acts(nobody) == (DENIED,) * 3
    owner.s3.put_bucket_policy(Bucket=bucket, Policy=text)
    assert acts(other.s3) == acts(nobody) == ("MethodNotAllowed",) * 3
    with refused(405, "MethodNotAllowed"):
        nobody.delete_bucket_policy(Bucket=bucket)
    assert owner.s3.get_bucket_policy(Bucket=bucket)["Policy"] == text
    assert owner.lake.client().get_bucket_policy(Bucket=bucket)["Policy"] == text
    assert outcome(mine.s3.get_bucket_policy, Bucket=bucket) == "ok"
    put(owner, bucket, allow(bucket, root_of(other), "s3:PutBucketPolicy"))
    assert acts(other.s3) == (DENIED, "MethodNotAllowed", DENIED)


def test_keys_of_any_script_and_direction_can_be_named(owner, other, bucket):
    keys = ["a\u202eb", "данные/ряд.csv", "mixed/данные\u2066", "日本 and ελληνικά"]
    for key in keys:
        owner.s3.put_object(Bucket=bucket, Key=key, Body=b"")
        for named in (key, f"{key[:-1]}?", f"{key[:-1]}*"):
            named = f"arn:aws:s3:::{bucket}/{named}"
            put(owner, bucket, statement("Allow", "s3:GetObject", named, Principal=root_of(other)))
            assert outcome(other.s3.get_object, Bucket=bucket, Key=key) == "ok", named
            assert outcome(other.s3.get_object, Bucket=bucket, Key="k") == DENIED


def test_an_exception_for_a_role_is_none_for_its_sessions(owner, bucket):
    """As IAM documents it: what is excepted of a role is one session of it, by name."""
    iam = client(owner.lake.endpoint, owner.keys, "iam")
    name = f"role-{secrets.token_hex(4)}"
    role = iam.create_role(
        RoleName=name, AssumeRolePolicyDocument=document({"Effect": "Allow", "Principal": root_of(owner), "Action": "sts:AssumeRole"})
    )["Role"]["Arn"]  # fmt: skip
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document(statement("Allow", "s3:*", "*")))
    sts = client(owner.lake.endpoint, new_user(owner, statement("Allow", "sts:*", "*")).keys, "sts")

    def session(called):
        made = sts.assume_role(RoleArn=role, RoleSessionName=called)["Credentials"]
        s3 = boto3.client(
            "s3", endpoint_url=owner.lake.endpoint, region_name=REGION, aws_access_key_id=made["AccessKeyId"],
            aws_secret_access_key=made["SecretAccessKey"], aws_session_token=made["SessionToken"],
        )  # fmt: skip
        return lambda: outcome(s3.get_object, Bucket=bucket, Key="k")

    nightly, weekly = session("nightly"), session("weekly")
    one = f"arn:aws:sts::{owner.number}:assumed-role/{name}/nightly"
    for excepted, expected in [
        ([role, root_of(owner)["AWS"]], (DENIED, DENIED)),
        ([one, role, root_of(owner)["AWS"]], ("ok", DENIED)),
    ]:
        put(owner, bucket, {
            "Effect": "Deny", "NotPrincipal": {"AWS": excepted}, "Action": "s3:GetObject", "Resource": arns(bucket)
        })  # fmt: skip
        assert (nightly(), weekly()) == expected
        assert outcome(owner.s3.get_object, Bucket=bucket, Key="k") == "ok"

