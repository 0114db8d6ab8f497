"""Conditions on tags, whose names conditions say in whatever case while S3 tells them apart by it: nobody passes a condition
by a second tag."""

import secrets

import boto3
import pytest

from accounts import arns, document, new_account, new_user, statement
from answers import new_bucket, outcome, refused, status
from lake import REGION, client

DENIED = "AccessDenied"


@pytest.fixture(scope="module")
def owner(lake):
    return new_account(lake, "owner")


@pytest.fixture
def bucket(owner):
    return new_bucket(owner.s3, "tags")


def tagging(*pairs):
    return {"TagSet": [{"Key": name, "Value": value} for name, value in pairs]}


def test_a_second_tag_opens_nothing(owner, bucket):
    def reader(effect, key, value):
        on = statement(effect, "s3:GetObject", "*", Condition={"StringEquals": {f"s3:ExistingObjectTag/{key}": value}})
        everything = [statement("Allow", "s3:*", "*")] if effect == "Deny" else []
        return new_user(owner, *everything, on).s3

    opens, opens_loudly = reader("Allow", "state", "open"), reader("Allow", "STATE", "open")
    closes, closes_loudly = reader("Deny", "state", "secret"), reader("Deny", "STATE", "secret")
    for pairs, is_open in [
        ([("state", "open")], True),
        ([("State", "open")], True),
        ([("state", "secret")], False),
        ([("state", "secret"), ("State", "open")], False),
        ([("state", "open"), ("sTATE", "secret")], False),
        ([("STATE", "open"), ("State", "open"), ("other", "secret")], True),
    ]:
        owner.s3.put_object(Bucket=bucket, Key="k", Body=b"")
        owner.s3.put_object_tagging(Bucket=bucket, Key="k", Tagging=tagging(*pairs))
        for which, s3 in enumerate([opens, opens_loudly, closes, closes_loudly]):
            expected = "ok" if is_open else DENIED
            assert outcome(s3.get_object, Bucket=bucket, Key="k") == expected, (pairs, which)


def test_a_second_tag_of_a_request_slips_through_nowhere(owner, bucket):
    drafts = {"StringEquals": {"s3:RequestObjectTag/state": "draft"}}
    only_drafts = new_user(
        owner, statement("Allow", "s3:PutObject", "*"), statement("Allow", "s3:PutObjectTagging", "*", Condition=drafts)
    ).s3
    published = {"ForAllValues:StringEquals": {"s3:RequestObjectTag/state": "published"}}
    never_published = new_user(
        owner, statement("Allow", "s3:*", "*"), statement("Deny", "s3:PutObjectTagging", "*", Condition=published)
    ).s3
    put = dict(Bucket=bucket, Key="k", Body=b"")
    for s3 in (only_drafts, never_published):
        assert status(s3.put_object(**put, Tagging="state=draft")) == 200
        assert status(s3.put_object(**put, Tagging="State=draft&state=draft")) == 200
        for tags in ("state=published", "State=published", "State=draft&state=published", "State=published&state=draft"):
            with refused(403, DENIED):
                s3.put_object(**put, Tagging=tags)


@pytest.mark.parametrize("name", ["LAKE:class", "lake:Class", "Lake:embargo-until"])
def test_what_policies_read_has_one_spelling(owner, bucket, name):
    owner.s3.put_object(Bucket=bucket, Key="k", Body=b"", Tagging="lake:class=secret")
    writer = new_user(owner, statement("Allow", ["s3:PutObject", "s3:PutObjectTagging"], "*")).s3
    both = tagging((name, "open"), ("lake:class", "secret"))
    for s3 in (owner.s3, writer):
        with refused(400, "InvalidTag"):
            s3.put_object_tagging(Bucket=bucket, Key="k", Tagging=both)
        with refused(400, "InvalidTag"):
            s3.put_object(Bucket=bucket, Key="new", Body=b"", Tagging=f"{name}=open")
        with refused(400, "InvalidTag"):
            s3.put_bucket_tagging(Bucket=bucket, Tagging=both)
    assert owner.s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == tagging(("lake:class", "secret"))["TagSet"]
    with refused(403, DENIED):
        writer.put_object_tagging(Bucket=bucket, Key="k", Tagging=tagging(("lake:class", "open")))


def test_names_of_an_identitys_tags_differ_in_more_than_case(owner):
    iam = client(owner.lake.endpoint, owner.keys, "iam")
    name = f"u-{secrets.token_hex(4)}"
    twice = [{"Key": "team", "Value": "a"}, {"Key": "Team", "Value": "b"}]
    trust = document({"Effect": "Allow", "Principal": {"AWS": owner.number}, "Action": ["sts:AssumeRole", "sts:TagSession"]})
    with refused(400):
        iam.create_user(UserName=name, Tags=twice)
    with refused(400):
        iam.create_role(RoleName=name, Tags=twice, AssumeRolePolicyDocument=trust)
    iam.create_user(UserName=name, Tags=twice[:1])
    role = iam.create_role(RoleName=name, Tags=twice[:1], AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    for tag, untag, told, who in [
        (iam.tag_user, iam.untag_user, lambda: iam.list_user_tags(UserName=name)["Tags"], {"UserName": name}),
        (iam.tag_role, iam.untag_role, lambda: iam.get_role(RoleName=name)["Role"].get("Tags", []), {"RoleName": name}),
    ]:
        with refused(400):
            tag(**who, Tags=twice)
        assert told() == twice[:1]
        # As IAM documents it: the new one takes the place of the old one.
        tag(**who, Tags=twice[1:])
        assert told() == twice[1:]
        untag(**who, TagKeys=["TEAM"])
        assert told() == []
        tag(**who, Tags=twice[:1])

    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document(
        statement("Allow", "s3:*", "arn:aws:s3:::*/${aws:PrincipalTag/team}/*")))  # fmt: skip
    bucket = new_bucket(owner.s3, "own")
    user = new_user(owner, statement("Allow", "sts:*", "*"))
    sts = client(owner.lake.endpoint, user.keys, "sts")
    with refused(400):
        sts.assume_role(RoleArn=role, RoleSessionName="twice", Tags=twice)
    made = sts.assume_role(RoleArn=role, RoleSessionName="other", Tags=twice[1:])["Credentials"]
    s3 = boto3.client(
        "s3", endpoint_url=owner.lake.endpoint, region_name=REGION, aws_access_key_id=made["AccessKeyId"],
        aws_secret_access_key=made["SecretAccessKey"], aws_session_token=made["SessionToken"],
    )  # fmt: skip
    assert status(s3.put_object(Bucket=bucket, Key="b/k", Body=b"")) == 200
    with refused(403, DENIED):
        s3.put_object(Bucket=bucket, Key="a/k", Body=b"")
