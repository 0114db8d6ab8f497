"""Who is deleted and who is made anew under the same name are two: what named the one means nothing for the other."""

import json

import pytest

import admin
from accounts import arns, document, new_account, new_user, statement
from answers import new_bucket, outcome, refused
from embargoes import FAR, saying
from lake import Keys, client

DENIED = "AccessDenied"
NOBODY = "arn:aws:iam::000000000000:user/nobody-is-called-so"


@pytest.fixture(scope="module")
def owner(lake):
    return new_account(lake, "owner")


@pytest.fixture
def iam(owner):
    return client(owner.lake.endpoint, owner.keys, "iam")


@pytest.fixture
def bucket(owner):
    bucket = new_bucket(owner.s3, "names")
    owner.s3.put_object(Bucket=bucket, Key="k", Body=b"there")
    return bucket


def made_anew(owner, iam, user, *statements):
    """Deletes a user, and makes another who is called the same and may do this."""
    iam.delete_access_key(UserName=user.name, AccessKeyId=user.keys.access)
    for name in iam.list_user_policies(UserName=user.name)["PolicyNames"]:
        iam.delete_user_policy(UserName=user.name, PolicyName=name)
    iam.delete_user(UserName=user.name)
    assert iam.create_user(UserName=user.name)["User"]["Arn"] == user.arn
    if statements:
        iam.put_user_policy(UserName=user.name, PolicyName="own", PolicyDocument=document(*statements))
    key = iam.create_access_key(UserName=user.name)["AccessKey"]
    keys = Keys(key["AccessKeyId"], key["SecretAccessKey"])
    return user._replace(keys=keys, s3=client(owner.lake.endpoint, keys))


def test_a_bucket_policy_means_whom_it_named(owner, iam, bucket):
    user = new_user(owner)
    text = document(statement("Allow", "s3:GetObject", arns(bucket), Principal={"AWS": user.arn}))
    owner.s3.put_bucket_policy(Bucket=bucket, Policy=text)
    user.s3.get_object(Bucket=bucket, Key="k")
    namesake = made_anew(owner, iam, user)
    with refused(403, DENIED):
        namesake.s3.get_object(Bucket=bucket, Key="k")
    assert owner.s3.get_bucket_policy(Bucket=bucket)["Policy"] == text
    # Written anew, it means who is called so now.
    owner.s3.put_bucket_policy(Bucket=bucket, Policy=text)
    namesake.s3.get_object(Bucket=bucket, Key="k")


def test_who_was_excepted_is_excepted_no_more(owner, iam, bucket):
    reads = statement("Allow", "s3:GetObject", arns(bucket))
    user = new_user(owner, reads)
    root = f"arn:aws:iam::{owner.number}:root"
    deny = statement("Deny", "s3:GetObject", arns(bucket), NotPrincipal={"AWS": [user.arn, root]})
    owner.s3.put_bucket_policy(Bucket=bucket, Policy=document(deny))
    user.s3.get_object(Bucket=bucket, Key="k")
    namesake = made_anew(owner, iam, user, reads)
    with refused(403, DENIED):
        namesake.s3.get_object(Bucket=bucket, Key="k")


def test_a_role_trusts_whom_it_named(owner, iam):
    user = new_user(owner)
    trust = statement("Allow", "sts:AssumeRole", None, Principal={"AWS": user.arn})
    del trust["Resource"]
    role = iam.create_role(RoleName=f"of-{user.name}", AssumeRolePolicyDocument=document(trust))["Role"]["Arn"]

    def take_on(who):
        sts = client(owner.lake.endpoint, who.keys, "sts")
        return sts.assume_role(RoleArn=role, RoleSessionName="work")["Credentials"]

    take_on(user)
    namesake = made_anew(owner, iam, user)
    with refused(403, DENIED):
        take_on(namesake)
    iam.update_assume_role_policy(RoleName=f"of-{user.name}", PolicyDocument=document(trust))
    take_on(namesake)


def test_an_embargo_lets_in_whom_it_named(owner, iam, bucket):
    reads = statement("Allow", "s3:GetObject", arns(bucket))
    user = new_user(owner, reads)
    with saying(owner.s3, x_lake_embargo_until=FAR, x_lake_embargo_readers=f"user/{user.name}"):
        owner.s3.put_object(Bucket=bucket, Key="closed", Body=b"secret")
    rule = {"default_seconds": 1000, "readers": [f"user/{user.name}"]}
    answer = admin.ask(owner.lake, "PUT", f"/buckets/{bucket}/embargo", rule, keys=owner.keys)
    assert answer.status == 200 and json.loads(answer.body)["readers"] == [f"user/{user.name}"], answer
    owner.s3.put_object(Bucket=bucket, Key="by-default", Body=b"secret")
    for key in "closed", "by-default":
        assert user.s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"secret"
    namesake = made_anew(owner, iam, user, reads)
    for key in "closed", "by-default":
        assert outcome(lambda key=key: namesake.s3.get_object(Bucket=bucket, Key=key)) == DENIED


def test_who_is_not_there_can_be_named_by_nothing(owner, iam, bucket):
    def put(arn):
        text = document(statement("Allow", "s3:GetObject", arns(bucket), Principal={"AWS": arn}))
        owner.s3.put_bucket_policy(Bucket=bucket, Policy=text)

    trust = statement("Allow", "sts:AssumeRole", None, Principal={"AWS": NOBODY})
    del trust["Resource"]
    user = new_user(owner)
    for arn in NOBODY, "arn:aws:iam::999999999999:root", "999999999999", user.arn.replace(":user/", ":user/path/"):
        with refused(400, "MalformedPolicy"):
            put(arn)
    with refused(400, "MalformedPolicyDocument"):
        iam.create_role(RoleName="x", AssumeRolePolicyDocument=document(trust))
    with saying(owner.s3, x_lake_embargo_until=FAR, x_lake_embargo_readers="user/nobody-is-called-so"):
        with refused(400, "InvalidArgument"):
            owner.s3.put_object(Bucket=bucket, Key="closed", Body=b"secret")
    put("arn:aws:iam::000000000000:user/lab:somebody")  # Who comes with a token is in no list.
