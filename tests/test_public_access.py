"""What of public access a bucket blocks: each of four flags does what it says, and what it does not say it leaves alone."""

import pytest

from accounts import anonymous, arns, document, new_account, new_user, root_of, statement
from answers import fetch, new_bucket, outcome, refused, status

DENIED = "AccessDenied"
FLAGS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


@pytest.fixture(scope="module")
def owner(lake):
    return new_account(lake, "owner")


@pytest.fixture(scope="module")
def other(lake):
    return new_account(lake, "other")


@pytest.fixture
def bucket(owner):
    bucket = new_bucket(owner.s3, "public")
    owner.s3.put_object(Bucket=bucket, Key="k", Body=b"there")
    return bucket


def block(account, bucket, *flags):
    configuration = dict.fromkeys(flags, True)
    account.s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=configuration)


def allow(bucket, principal, **more):
    return document(statement("Allow", "s3:GetObject", arns(bucket), Principal=principal, **more))


def test_blocks_are_kept_told_and_taken_away(owner, bucket):
    s3 = owner.s3
    with refused(404, "NoSuchPublicAccessBlockConfiguration"):
        s3.get_public_access_block(Bucket=bucket)
    for flags in ((), FLAGS[:1], FLAGS[1:], FLAGS):
        block(owner, bucket, *flags)
        told = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
        assert told == {flag: flag in flags for flag in FLAGS}
    for _ in range(2):
        assert status(s3.delete_public_access_block(Bucket=bucket)) == 204
    with refused(404, "NoSuchPublicAccessBlockConfiguration"):
        s3.get_public_access_block(Bucket=bucket)


def test_public_lists_are_not_taken(owner, other, bucket):
    s3 = owner.s3
    everybody = 'uri="http://acs.amazonaws.com/groups/global/AllUsers"'
    puts = (
        lambda **acl: s3.put_bucket_acl(Bucket=bucket, **acl),
        lambda **acl: s3.put_object_acl(Bucket=bucket, Key="k", **acl),
        lambda **acl: s3.put_object(Bucket=bucket, Key="n", **acl),
        lambda **acl: s3.copy_object(Bucket=bucket, Key="n", CopySource=f"{bucket}/k", **acl),
        lambda **acl: s3.create_multipart_upload(Bucket=bucket, Key="n", **acl),
    )
    block(owner, bucket, "BlockPublicAcls")
    for put in puts:
        for acl in ({"ACL": "public-read"}, {"ACL": "authenticated-read"}, {"GrantRead": everybody}):
            assert outcome(put, **acl) == DENIED
        assert outcome(put, GrantRead=f"id={other.canonical_id}") == "ok"
    block(owner, bucket, *FLAGS[1:])
    for put in puts:
        assert outcome(put, ACL="public-read") == "ok"


def test_public_lists_that_stand_may_be_ignored(owner, other, bucket):
    s3, nobody = owner.s3, anonymous(owner.lake)
    everybody = 'uri="http://acs.amazonaws.com/groups/global/AllUsers"'
    s3.put_bucket_acl(Bucket=bucket, ACL="public-read")
    s3.put_object_acl(Bucket=bucket, Key="k", GrantRead=f"id={other.canonical_id},{everybody}")
    reads = lambda: (
        outcome(nobody.get_object, Bucket=bucket, Key="k"),
        outcome(nobody.list_objects_v2, Bucket=bucket),
        outcome(other.s3.get_object, Bucket=bucket, Key="k"),
    )
    assert reads() == ("ok", "ok", "ok")
    block(owner, bucket, "BlockPublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    assert reads() == ("ok", "ok", "ok")
    block(owner, bucket, "IgnorePublicAcls")
    assert reads() == (DENIED, DENIED, "ok")
    s3.delete_public_access_block(Bucket=bucket)
    assert reads() == ("ok", "ok", "ok")


# What a policy says, and whether that lets everybody in.
POLICIES = {
    "everybody": ("*", {}, True),
    "everybody of AWS": ({"AWS": "*"}, {}, True),
    "everybody from a network": ("*", {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}, False),
    "everybody from half the world": ("*", {"IpAddress": {"aws:SourceIp": "0.0.0.0/1"}}, True),
    "everybody from all the world, network by network": (
        "*", {"IpAddress": {"aws:SourceIp": [f"{first}.0.0.0/8" for first in range(256)]}}, True,
    ),
    "everybody whom nobody knows": ("*", {"StringEquals": {"aws:userid": "anonymous"}}, True),
    "everybody with a header": ("*", {"StringEquals": {"s3:x-amz-server-side-encryption-aws-kms-key-id": "k"}}, True),
    "everybody of an account": ("*", {"StringEquals": {"aws:PrincipalAccount": "123456789012"}}, False),
    "everybody of some accounts": ("*", {"StringLike": {"aws:PrincipalAccount": "1234*"}}, True),
    "everybody but from a network": ("*", {"NotIpAddress": {"aws:SourceIp": "192.0.2.0/24"}}, True),
    "everybody over TLS": ("*", {"Bool": {"aws:SecureTransport": "true"}}, True),
    "an account": ({"AWS": "arn:aws:iam::000000000000:root"}, {}, False),
}


@pytest.mark.parametrize(("principal", "condition", "is_public"), POLICIES.values(), ids=POLICIES)
def test_public_policies_are_known_and_not_taken(owner, bucket, principal, condition, is_public):
    text = allow(bucket, principal, **({"Condition": condition} if condition else {}))
    public = lambda: owner.s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"]
    assert public() is False
    owner.s3.put_bucket_policy(Bucket=bucket, Policy=text)
    assert public() is is_public
    owner.s3.delete_bucket_policy(Bucket=bucket)
    block(owner, bucket, "BlockPublicPolicy")
    assert outcome(owner.s3.put_bucket_policy, Bucket=bucket, Policy=text) == (DENIED if is_public else "ok")
    block(owner, bucket, "BlockPublicAcls", "IgnorePublicAcls", "RestrictPublicBuckets")
    assert outcome(owner.s3.put_bucket_policy, Bucket=bucket, Policy=text) == "ok"


@pytest.mark.parametrize("condition", [
    {"StringEquals": {"aws:userid": "anonymous"}},
    {"IpAddress": {"aws:SourceIp": [f"{first}.0.0.0/8" for first in range(256)]}},
], ids=["nobody", "everywhere"])  # fmt: skip
def test_nothing_public_comes_through_all_four_blocks(owner, other, bucket, condition):
    nobody, mine = anonymous(owner.lake), new_user(owner)
    get = lambda s3: outcome(s3.get_object, Bucket=bucket, Key="k")
    elsewhere = statement("Allow", "s3:GetObject", arns(bucket), Principal=root_of(other))
    everybody = statement("Allow", "s3:GetObject", arns(bucket), Principal="*", Condition=condition)
    owner.s3.put_bucket_policy(Bucket=bucket, Policy=document(elsewhere, everybody))
    assert (get(nobody), get(other.s3)) == ("ok", "ok")
    block(owner, bucket, *FLAGS)
    # What is public counts for the bucket's own account alone, and so does whatever else the policy says.
    assert (get(nobody), get(other.s3), get(owner.s3)) == (DENIED, DENIED, "ok")
    assert get(mine.s3) == (DENIED if "StringEquals" in condition else "ok")
    assert outcome(owner.s3.put_bucket_policy, Bucket=bucket, Policy=document(everybody)) == DENIED


def test_who_may_know_is_told_what_is_blocked(owner, other, bucket):
    block(owner, bucket, *FLAGS)
    told = "access is denied: the bucket's public access block takes no"
    writer = new_user(owner, statement("Allow", "s3:PutObject", "*"))
    for refuse in (
        lambda: owner.s3.put_bucket_policy(Bucket=bucket, Policy=allow(bucket, "*")),
        lambda: owner.s3.put_bucket_acl(Bucket=bucket, ACL="public-read"),
        lambda: owner.s3.put_object(Bucket=bucket, Key="n", ACL="public-read"),
    ):
        with refused(403, DENIED) as caught:
            refuse()
        assert caught.value.response["Error"]["Message"].startswith(told)
    # Who may set no list is not told which ones the bucket takes.
    for s3 in (writer.s3, other.s3, anonymous(owner.lake)):
        with refused(403, DENIED) as caught:
            s3.put_object(Bucket=bucket, Key="n", ACL="public-read")
        assert caught.value.response["Error"]["Message"] == "Access Denied"


def test_a_public_list_makes_a_bucket_public(owner, bucket):
    public = lambda: owner.s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"]
    for canned, expected in (("public-read", True), ("authenticated-read", True), ("private", False)):
        owner.s3.put_bucket_acl(Bucket=bucket, ACL=canned)
        assert public() is expected
    owner.s3.put_bucket_acl(Bucket=bucket, ACL="public-read")
    block(owner, bucket, "IgnorePublicAcls")
    assert public() is False


def test_public_policies_that_stand_may_be_confined(owner, other, bucket):
    """To the account of the bucket; what is not public of them is."""
    nobody, mine = anonymous(owner.lake), new_user(owner)
    get = lambda s3: outcome(s3.get_object, Bucket=bucket, Key="k")
    reads = lambda: (get(nobody), get(other.s3), get(mine.s3), get(owner.s3))
    owner.s3.put_bucket_policy(Bucket=bucket, Policy=allow(bucket, "*"))
    block(owner, bucket, "BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy")
    assert reads() == ("ok", "ok", "ok", "ok")
    block(owner, bucket, "RestrictPublicBuckets")
    assert reads() == (DENIED, DENIED, "ok", "ok")
    owner.s3.put_bucket_policy(Bucket=bucket, Policy=allow(bucket, root_of(other)))
    assert reads() == (DENIED, "ok", DENIED, "ok")


def test_blocks_are_set_by_whom_the_bucket_lets(owner, other, bucket):
    reader = new_user(owner, statement("Allow", "s3:GetBucketPublicAccessBlock", arns(bucket)))
    block(owner, bucket, "BlockPublicAcls")
    assert reader.s3.get_public_access_block(Bucket=bucket)
    for s3 in (reader.s3, other.s3, anonymous(owner.lake)):
        assert outcome(s3.delete_public_access_block, Bucket=bucket) == DENIED
    nothing = {"PublicAccessBlockConfiguration": {}}
    assert outcome(other.s3.put_public_access_block, Bucket=bucket, **nothing) == DENIED
    owner.s3.put_bucket_acl(Bucket=bucket, ACL="private")
    assert fetch(owner.s3, bucket, "k") == b"there"
