"""STS: temporary keys, roles that are taken on, and what narrows them."""

import datetime
import json

import boto3
import pytest
from botocore.config import Config

import admin
from answers import refused
from lake import REGION, Keys, client
from test_iam import alice, allow, deny, document, iam, keys_of, name, ours  # noqa: F401: fixtures

ACCOUNT = "000000000000"


def by(lake, credentials, service="s3"):
    """A client with temporary keys."""
    return boto3.client(
        service,
        endpoint_url=lake.endpoint,
        region_name=REGION,
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
        config=Config(signature_version="s3v4", retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
    )


def trusting(user, **more):
    principal = {"AWS": f"arn:aws:iam::{ACCOUNT}:user/{user}"}
    return document({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", **more})


@pytest.fixture
def trainer(iam, alice):  # noqa: F811
    """A role that alice may take on, which may read: its name and its ARN."""
    role = name("trainer")
    arn = iam.create_role(RoleName=role, AssumeRolePolicyDocument=trusting(alice[0]))["Role"]["Arn"]
    iam.put_role_policy(RoleName=role, PolicyName="reading", PolicyDocument=document(allow(["s3:GetObject", "s3:ListBucket"])))
    return role, arn


def test_everybody_is_told_who_they_are(lake, alice, iam):  # noqa: F811
    user, as_alice = alice
    told = as_alice("sts").get_caller_identity()
    assert (told["Account"], told["Arn"]) == (ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/{user}")
    assert told["UserId"] == iam.get_user(UserName=user)["User"]["UserId"]
    # The lake's root and the root of the first account are two, though tools know one ARN.
    root = lake.client("sts").get_caller_identity()
    assert (root["Arn"], root["UserId"]) == (f"arn:aws:iam::{ACCOUNT}:root", "root")
    made = json.loads(admin.ask(lake, "POST", "/keys", {}, query=[("account", ACCOUNT)]).body)
    keys = Keys(made["accessKey"], made["secretKey"])
    told = client(lake.endpoint, keys, "sts").get_caller_identity()
    assert (told["Arn"], told["UserId"]) == (root["Arn"], ACCOUNT)
    admin.ask(lake, "DELETE", f"/keys/{keys.access}", query=[("account", ACCOUNT)])


def test_a_role_does_what_it_may_and_its_user_does_not(lake, alice, trainer, s3, bucket):  # noqa: F811
    user, as_alice = alice
    role, arn = trainer
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    with refused(403, "AccessDenied"):
        as_alice().get_object(Bucket=bucket, Key="k")
    assumed = as_alice("sts").assume_role(RoleArn=arn, RoleSessionName="night-1")
    assert assumed["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/night-1"
    credentials = assumed["Credentials"]
    assert credentials["AccessKeyId"].startswith("ASIA")
    left = credentials["Expiration"] - datetime.datetime.now(datetime.timezone.utc)
    assert datetime.timedelta(minutes=59) < left <= datetime.timedelta(minutes=61)
    as_role = by(lake, credentials)
    assert as_role.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    with refused(403, "AccessDenied"):
        as_role.put_object(Bucket=bucket, Key="k", Body=b"y")
    told = by(lake, credentials, "sts").get_caller_identity()
    assert told["Arn"] == assumed["AssumedRoleUser"]["Arn"] and told["UserId"].endswith(":night-1")


def test_nobody_takes_on_a_role_that_does_not_trust_them(lake, iam, trainer):  # noqa: F811
    _, arn = trainer
    mallory = name("mallory")
    iam.create_user(UserName=mallory)
    iam.put_user_policy(UserName=mallory, PolicyName="all", PolicyDocument=document(allow("s3:*")))
    sts = client(lake.endpoint, keys_of(iam, mallory), "sts")
    with refused(403, "AccessDenied"):
        sts.assume_role(RoleArn=arn, RoleSessionName="s1")
    with refused(403, "AccessDenied"):
        sts.assume_role(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/{name('none')}", RoleSessionName="s1")


def test_an_explicit_no_outweighs_trust(iam, alice, trainer):  # noqa: F811
    user, as_alice = alice
    _, arn = trainer
    iam.put_user_policy(UserName=user, PolicyName="no", PolicyDocument=document(deny("sts:AssumeRole", arn)))
    with refused(403, "AccessDenied"):
        as_alice("sts").assume_role(RoleArn=arn, RoleSessionName="s1")


def test_trust_may_ask_for_more(iam, alice):  # noqa: F811
    user, as_alice = alice
    condition = {"StringEquals": {"sts:RoleSessionName": "good"}}
    arn = iam.create_role(RoleName=name("role"), AssumeRolePolicyDocument=trusting(user, Condition=condition))["Role"]["Arn"]
    as_alice("sts").assume_role(RoleArn=arn, RoleSessionName="good")
    with refused(403, "AccessDenied"):
        as_alice("sts").assume_role(RoleArn=arn, RoleSessionName="bad")


def test_a_session_policy_narrows_and_never_widens(lake, alice, trainer, s3, bucket):  # noqa: F811
    _, as_alice = alice
    _, arn = trainer
    s3.put_object(Bucket=bucket, Key="a/1", Body=b"x")
    s3.put_object(Bucket=bucket, Key="b/1", Body=b"x")
    policy = document(allow("s3:*", f"arn:aws:s3:::{bucket}/a/*"))
    assumed = as_alice("sts").assume_role(RoleArn=arn, RoleSessionName="s1", Policy=policy)
    narrowed = by(lake, assumed["Credentials"])
    assert narrowed.get_object(Bucket=bucket, Key="a/1")["Body"].read() == b"x"
    with refused(403, "AccessDenied"):
        narrowed.get_object(Bucket=bucket, Key="b/1")
    with refused(403, "AccessDenied"):
        narrowed.put_object(Bucket=bucket, Key="a/2", Body=b"x")
    with refused(400, "MalformedPolicyDocument"):
        as_alice("sts").assume_role(RoleArn=arn, RoleSessionName="s1", Policy="{")


def test_temporary_keys_are_their_user_and_ask_for_no_others(lake, iam, alice, bucket):  # noqa: F811
    user, as_alice = alice
    iam.put_user_policy(UserName=user, PolicyName="p", PolicyDocument=document(allow(["s3:ListBucket", "sts:*"])))
    credentials = as_alice("sts").get_session_token(DurationSeconds=900)["Credentials"]
    by(lake, credentials).list_objects_v2(Bucket=bucket)
    with refused(403, "AccessDenied"):
        by(lake, credentials, "sts").get_session_token()
    iam.delete_user_policy(UserName=user, PolicyName="p")
    with refused(403, "AccessDenied"):
        by(lake, credentials).list_objects_v2(Bucket=bucket)


def test_a_session_ends_with_whom_it_is_for(lake, iam, alice, trainer, bucket):  # noqa: F811
    _, as_alice = alice
    role, arn = trainer
    as_role = by(lake, as_alice("sts").assume_role(RoleArn=arn, RoleSessionName="s1")["Credentials"])
    as_role.list_objects_v2(Bucket=bucket)
    iam.delete_role_policy(RoleName=role, PolicyName="reading")
    iam.delete_role(RoleName=role)
    with refused(400, "InvalidToken"):
        as_role.list_objects_v2(Bucket=bucket)
    # Another role of that name is another role.
    iam.create_role(RoleName=role, AssumeRolePolicyDocument=trusting(alice[0]))
    iam.put_role_policy(RoleName=role, PolicyName="reading", PolicyDocument=document(allow("s3:ListBucket")))
    with refused(400, "InvalidToken"):
        as_role.list_objects_v2(Bucket=bucket)


def test_tokens_that_are_bent_or_missing_are_refused(lake, alice, trainer, bucket):  # noqa: F811
    _, as_alice = alice
    sts = as_alice("sts")
    one = sts.assume_role(RoleArn=trainer[1], RoleSessionName="s1")["Credentials"]
    other = sts.assume_role(RoleArn=trainer[1], RoleSessionName="s2")["Credentials"]
    bent = one["SessionToken"][:-2] + ("AA" if one["SessionToken"][-2:] != "AA" else "BB")
    for token in (bent, other["SessionToken"], "x", one["SessionToken"] * 9):
        with refused(400, "InvalidToken") as caught:
            by(lake, one | {"SessionToken": token}).list_objects_v2(Bucket=bucket)
        assert "root" not in str(caught.value)
    with refused(403):
        client(lake.endpoint, Keys(one["AccessKeyId"], one["SecretAccessKey"])).list_objects_v2(Bucket=bucket)


@pytest.mark.parametrize("seconds", [0, 899, 3601, 43201])
def test_a_session_is_no_longer_than_its_role_allows(alice, trainer, seconds):  # noqa: F811
    with pytest.raises(Exception) as caught:
        alice[1]("sts").assume_role(RoleArn=trainer[1], RoleSessionName="s1", DurationSeconds=seconds)
    assert "ValidationError" in str(caught.value) or "Parameter validation" in str(caught.value)


def test_links_that_a_session_makes_carry_its_token(lake, alice, trainer, s3, bucket):  # noqa: F811
    import urllib.request

    s3.put_object(Bucket=bucket, Key="k", Body=b"linked")
    as_role = by(lake, alice[1]("sts").assume_role(RoleArn=trainer[1], RoleSessionName="s1")["Credentials"])
    link = as_role.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"}, ExpiresIn=60)
    assert urllib.request.urlopen(link).read() == b"linked"


def test_roles_are_kept_and_described(iam):  # noqa: F811
    role, somebody = name("role"), name("somebody")
    iam.create_user(UserName=somebody)
    trust = trusting(somebody)
    made = iam.create_role(RoleName=role, AssumeRolePolicyDocument=trust, MaxSessionDuration=7200, Path="/ml/")["Role"]
    assert made["Arn"] == f"arn:aws:iam::{ACCOUNT}:role/ml/{role}"
    iam.update_role(RoleName=role, Description="trains", MaxSessionDuration=3600)
    told = iam.get_role(RoleName=role)["Role"]
    assert (told["Description"], told["MaxSessionDuration"]) == ("trains", 3600)
    assert told["AssumeRolePolicyDocument"] == json.loads(trust)
    with refused(400, "MalformedPolicyDocument"):
        iam.update_assume_role_policy(RoleName=role, PolicyDocument="{}")
    iam.delete_role(RoleName=role)
    with refused(404, "NoSuchEntity"):
        iam.get_role(RoleName=role)


def test_accounts_keep_to_themselves_unless_both_sides_agree(lake, iam, s3, bucket, tmp_path):  # noqa: F811
    import admin

    made = admin.run(tmp_path, "account", "create", name("tenant"), "--output", "json", environment=admin.variables(lake))
    assert made.returncode == 0, made.stderr
    told = json.loads(made.stdout)
    root = Keys(told["rootKey"]["accessKey"], told["rootKey"]["secretKey"])
    tenant = client(lake.endpoint, root)
    assert client(lake.endpoint, root, "sts").get_caller_identity()["Arn"] == f"arn:aws:iam::{told['account']}:root"
    own = name("own")
    tenant.create_bucket(Bucket=own)
    assert [one["Name"] for one in tenant.list_buckets()["Buckets"]] == [own]
    assert own not in [one["Name"] for one in s3.list_buckets()["Buckets"]]
    with refused(403, "AccessDenied"):
        tenant.list_objects_v2(Bucket=bucket)
    with refused(409, "BucketAlreadyExists"):
        tenant.create_bucket(Bucket=bucket)
    # Each account has users of its own, also of the same name.
    theirs = client(lake.endpoint, root, "iam")
    theirs.create_user(UserName="alice")
    assert theirs.get_user(UserName="alice")["User"]["Arn"] == f"arn:aws:iam::{told['account']}:user/alice"
    theirs.put_user_policy(UserName="alice", PolicyName="all", PolicyDocument=document(allow("*")))
    as_theirs = client(lake.endpoint, keys_of(theirs, "alice"))
    as_theirs.put_object(Bucket=own, Key="k", Body=b"x")
    with refused(403, "AccessDenied"):
        as_theirs.list_objects_v2(Bucket=bucket)
    # A role here may trust somebody there, who must be allowed to take it on there.
    here = iam.create_role(
        RoleName=name("guest"),
        AssumeRolePolicyDocument=document(
            {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{told['account']}:user/alice"}, "Action": "sts:AssumeRole"}
        ),
    )["Role"]
    iam.put_role_policy(RoleName=here["RoleName"], PolicyName="p", PolicyDocument=document(allow("s3:ListBucket")))
    key = theirs.create_access_key(UserName="alice")["AccessKey"]
    sts = client(lake.endpoint, Keys(key["AccessKeyId"], key["SecretAccessKey"]), "sts")
    guest = sts.assume_role(RoleArn=here["Arn"], RoleSessionName="visit")["Credentials"]
    by(lake, guest).list_objects_v2(Bucket=bucket)
    theirs.delete_user_policy(UserName="alice", PolicyName="all")
    with refused(403, "AccessDenied"):
        sts.assume_role(RoleArn=here["Arn"], RoleSessionName="visit")
