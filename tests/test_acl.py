"""Access control lists: what they say is kept, told and done, as far as the bucket's ownership lets them say anything."""

import secrets

import pytest

from accounts import anonymous, arns, document, new_account, new_user, root_of, statement
from answers import fetch, new_bucket, outcome, refused, status
from forms import signed_form
from sigv4 import presigned, request

DENIED = "AccessDenied"
EVERYBODY = "http://acs.amazonaws.com/groups/global/AllUsers"
SIGNED = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"
LOGS = "http://acs.amazonaws.com/groups/s3/LogDelivery"
OFF = "AccessControlListNotSupported"


@pytest.fixture(scope="module")
def owner(lake):
    return new_account(lake, "owner")


@pytest.fixture(scope="module")
def other(lake):
    return new_account(lake, "other")


@pytest.fixture
def bucket(owner):
    bucket = new_bucket(owner.s3, "acl")
    owner.s3.put_object(Bucket=bucket, Key="k", Body=b"there")
    return bucket


def owned(account, ownership, **options):
    name = f"acl-{secrets.token_hex(6)}"
    account.s3.create_bucket(Bucket=name, ObjectOwnership=ownership, **options)
    return name


def grants(told):
    """Grantee and permission of each grant, in their order."""
    named = lambda grantee: grantee.get("ID") or grantee["URI"]
    return [(named(grant["Grantee"]), grant["Permission"]) for grant in told["Grants"]]


def full(account):
    return account.canonical_id, "FULL_CONTROL"


def listed(account, *pairs):
    """A list that names the account as the owner."""
    kind = lambda named: {"Type": "Group", "URI": named} if "/" in named else {"Type": "CanonicalUser", "ID": named}
    entries = [{"Grantee": kind(named), "Permission": permission} for named, permission in pairs]
    return {"Owner": {"ID": account.canonical_id}, "Grants": entries}


CANNED = {
    "private": [],
    "public-read": [(EVERYBODY, "READ")],
    "public-read-write": [(EVERYBODY, "READ"), (EVERYBODY, "WRITE")],
    "authenticated-read": [(SIGNED, "READ")],
}


@pytest.mark.parametrize("canned", CANNED)
def test_lists_that_have_names(owner, bucket, canned):
    expected = [*CANNED[canned], full(owner)]
    s3, born = owner.s3, f"acl-{secrets.token_hex(6)}"
    s3.create_bucket(Bucket=born, ACL=canned)
    s3.put_bucket_acl(Bucket=bucket, ACL=canned)
    for name in (born, bucket):
        told = s3.get_bucket_acl(Bucket=name)
        assert grants(told) == expected
        assert told["Owner"] == {"ID": owner.canonical_id, "DisplayName": owner.name}
    s3.put_object(Bucket=bucket, Key="put", ACL=canned)
    s3.copy_object(Bucket=bucket, Key="copied", CopySource=f"{bucket}/k", ACL=canned)
    upload = {"Bucket": bucket, "Key": "parts"}
    upload["UploadId"] = s3.create_multipart_upload(**upload, ACL=canned)["UploadId"]
    part = {"PartNumber": 1, "ETag": s3.upload_part(**upload, PartNumber=1, Body=b"x")["ETag"]}
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [part]})
    s3.put_object_acl(Bucket=bucket, Key="k", ACL=canned)
    for key in ("put", "copied", "parts", "k"):
        assert grants(s3.get_object_acl(Bucket=bucket, Key=key)) == expected, key


def test_lists_for_log_delivery_and_for_machines_of_amazon(owner, bucket):
    owner.s3.put_bucket_acl(Bucket=bucket, ACL="log-delivery-write")
    expected = [(LOGS, "WRITE"), (LOGS, "READ_ACP"), full(owner)]
    assert grants(owner.s3.get_bucket_acl(Bucket=bucket)) == expected
    with refused(501, "NotImplemented"):
        owner.s3.put_bucket_acl(Bucket=bucket, ACL="aws-exec-read")
    with refused(400, "InvalidArgument"):
        owner.s3.put_bucket_acl(Bucket=bucket, ACL="public-ready")
    assert grants(owner.s3.get_bucket_acl(Bucket=bucket)) == expected


def test_grants_in_headers(owner, other, bucket):
    given = {
        "GrantFullControl": f'id="{owner.canonical_id}"',
        "GrantRead": f"id={other.canonical_id}, uri=\"{EVERYBODY}\"",
        "GrantReadACP": f'uri="{SIGNED}"',
        "GrantWriteACP": f'id="{other.canonical_id}"',
    }
    expected = {
        full(owner),
        (other.canonical_id, "READ"),
        (EVERYBODY, "READ"),
        (SIGNED, "READ_ACP"),
        (other.canonical_id, "WRITE_ACP"),
    }
    s3, at = owner.s3, {"Bucket": bucket, "Key": "k"}
    for put in (s3.put_object, s3.put_object_acl):
        put(**at, **given)
        assert set(grants(s3.get_object_acl(**at))) == expected
        s3.put_object_acl(**at, ACL="private")
    s3.put_bucket_acl(Bucket=bucket, **given, GrantWrite=f'uri="{LOGS}"')
    assert set(grants(s3.get_bucket_acl(Bucket=bucket))) == expected | {(LOGS, "WRITE")}


def test_lists_in_documents(owner, other, bucket):
    s3 = owner.s3
    list_of_all = listed(
        owner, (other.canonical_id, "READ"), full(owner), (EVERYBODY, "READ_ACP"), (SIGNED, "WRITE_ACP"), (LOGS, "WRITE")
    )
    s3.put_bucket_acl(Bucket=bucket, AccessControlPolicy=list_of_all)
    told = s3.get_bucket_acl(Bucket=bucket)
    # In their order, groups before accounts.
    assert grants(told) == [
        (EVERYBODY, "READ_ACP"),
        (SIGNED, "WRITE_ACP"),
        (LOGS, "WRITE"),
        (other.canonical_id, "READ"),
        full(owner),
    ]
    assert told["Grants"][3]["Grantee"] == {
        "Type": "CanonicalUser",
        "ID": other.canonical_id,
        "DisplayName": other.name,
    }
    # What was told can be put back, and nothing at all can be granted.
    s3.put_object_acl(Bucket=bucket, Key="k", AccessControlPolicy={"Owner": told["Owner"], "Grants": told["Grants"]})
    assert grants(s3.get_object_acl(Bucket=bucket, Key="k")) == grants(told)
    s3.put_bucket_acl(Bucket=bucket, AccessControlPolicy=listed(owner))
    assert grants(s3.get_bucket_acl(Bucket=bucket)) == []
    s3.put_bucket_acl(Bucket=bucket, ACL="private")


def test_what_is_no_list_is_refused_and_changes_nothing(owner, other, bucket):
    s3, unknown = owner.s3, "f" * 64
    put = lambda **options: s3.put_object_acl(Bucket=bucket, Key="k", **options)
    by_mail = listed(owner)
    by_mail["Grants"] = [{"Grantee": {"Type": "AmazonCustomerByEmail", "EmailAddress": "a@b.example"}, "Permission": "READ"}]
    for options, answer in (
        ({"GrantRead": f"id={unknown}"}, (400, "InvalidArgument")),
        ({"GrantRead": "uri=http://acs.amazonaws.com/groups/global/Some"}, (400, "InvalidArgument")),
        ({"GrantRead": "everybody"}, (400, "InvalidArgument")),
        ({"GrantRead": "emailAddress=a@b.example"}, (400, "UnresolvableGrantByEmailAddress")),
        ({"AccessControlPolicy": by_mail}, (400, "UnresolvableGrantByEmailAddress")),
        ({"AccessControlPolicy": listed(owner, (unknown, "READ"))}, (400, "InvalidArgument")),
        ({"AccessControlPolicy": listed(owner, (other.canonical_id, "EVERYTHING"))}, (400, "MalformedACLError")),
        ({"AccessControlPolicy": listed(owner, *[(other.canonical_id, "READ")] * 101)}, (400, "MalformedACLError")),
        ({"AccessControlPolicy": listed(other, full(other))}, (403, DENIED)),
        ({"ACL": "private", "GrantRead": f"id={other.canonical_id}"}, (400, "InvalidRequest")),
        ({"ACL": "private", "AccessControlPolicy": listed(owner)}, (400, "UnexpectedContent")),
        ({}, (400, "MissingSecurityHeader")),
    ):
        with refused(*answer):
            put(**options)
    assert grants(s3.get_object_acl(Bucket=bucket, Key="k")) == [full(owner)]


def test_each_permission_does_what_it_says(owner, other, bucket):
    """And nothing more: of the six things that can be done, those that a grant on bucket or object allows."""
    at = {"Bucket": bucket, "Key": "k"}
    acts = {
        "list": lambda: other.s3.list_objects_v2(Bucket=bucket),
        "write": lambda: other.s3.put_object(Bucket=bucket, Key="new"),
        "bucket acl": lambda: other.s3.get_bucket_acl(Bucket=bucket),
        "read": lambda: other.s3.get_object(**at),
        "object acl": lambda: other.s3.get_object_acl(**at),
        "tags": lambda: other.s3.get_object_tagging(**at),
    }
    allowed = lambda: {name for name, act in acts.items() if outcome(act) == "ok"}
    assert allowed() == set()
    on_bucket = lambda *pairs: owner.s3.put_bucket_acl(Bucket=bucket, AccessControlPolicy=listed(owner, *pairs))
    for permission, expected in (
        ("READ", {"list"}),
        ("WRITE", {"write"}),
        ("READ_ACP", {"bucket acl"}),
        ("FULL_CONTROL", {"list", "write", "bucket acl"}),
    ):
        on_bucket((other.canonical_id, permission))
        assert allowed() == expected, permission
    on_bucket(full(owner))
    for permission, expected in (
        ("READ", {"read"}),
        ("WRITE", set()),
        ("READ_ACP", {"object acl"}),
        ("FULL_CONTROL", {"read", "object acl"}),
    ):
        owner.s3.put_object_acl(**at, AccessControlPolicy=listed(owner, (other.canonical_id, permission)))
        assert allowed() == expected, permission
    owner.s3.put_object_acl(**at, AccessControlPolicy=listed(owner, (other.canonical_id, "WRITE_ACP")))
    other.s3.put_object_acl(**at, AccessControlPolicy=listed(owner, (other.canonical_id, "READ")))
    assert allowed() == {"read"}


def test_everybody_and_everybody_who_signs(owner, other, bucket):
    nobody = anonymous(owner.lake)
    owner.s3.put_object_acl(Bucket=bucket, Key="k", ACL="authenticated-read")
    assert fetch(other.s3, bucket, "k") == b"there"
    assert outcome(nobody.get_object, Bucket=bucket, Key="k") == DENIED
    owner.s3.put_object_acl(Bucket=bucket, Key="k", ACL="public-read")
    assert fetch(nobody, bucket, "k") == b"there"
    # What is granted to an account its users have once the account lets them.
    reads = statement("Allow", "s3:GetObject", arns(bucket))
    allowed, silent = new_user(other, reads), new_user(other)
    owner.s3.put_object_acl(Bucket=bucket, Key="k", AccessControlPolicy=listed(owner, (other.canonical_id, "READ")))
    get = lambda account: outcome(account.s3.get_object, Bucket=bucket, Key="k")
    assert (get(allowed), get(silent), get(other)) == ("ok", DENIED, "ok")


def test_nobody_in_particular_writes_and_shows(owner):
    bucket, nobody = owned(owner, "ObjectWriter", ACL="public-read-write"), anonymous(owner.lake)
    nobody.put_object(Bucket=bucket, Key="k", Body=b"mine", ACL="public-read")
    assert fetch(nobody, bucket, "k") == b"mine"
    assert owner.s3.get_object_acl(Bucket=bucket, Key="k")["Owner"]["ID"] == owner.canonical_id
    # Who may list learns what is not there; who may not, does not.
    assert outcome(nobody.get_object, Bucket=bucket, Key="absent") == "NoSuchKey"
    owner.s3.put_bucket_acl(Bucket=bucket, ACL="private")
    assert outcome(nobody.get_object, Bucket=bucket, Key="absent") == DENIED


def test_a_policy_gives_away_what_is_the_bucket_owners_alone(owner, other):
    """What another account wrote stays that account's; what the policy denies is denied all the same."""
    bucket, nobody = owned(owner, "ObjectWriter", ACL="public-read-write"), anonymous(owner.lake)
    other.s3.put_object(Bucket=bucket, Key="theirs", Body=b"theirs")
    owner.s3.put_object(Bucket=bucket, Key="own", Body=b"own")
    allow = statement("Allow", "s3:*", arns(bucket), Principal="*")
    owner.s3.put_bucket_policy(Bucket=bucket, Policy=document(allow))
    get = lambda s3, key: outcome(s3.get_object, Bucket=bucket, Key=key)
    assert (get(nobody, "own"), get(nobody, "theirs"), get(owner.s3, "theirs")) == ("ok", DENIED, DENIED)
    assert get(other.s3, "theirs") == "ok"
    deny = statement("Deny", "s3:GetObject", arns(bucket), Principal=root_of(other))
    owner.s3.put_bucket_policy(Bucket=bucket, Policy=document(allow, deny))
    assert get(other.s3, "theirs") == DENIED


def test_a_policy_denies_what_a_list_grants(owner, other, bucket):
    owner.s3.put_object_acl(Bucket=bucket, Key="k", ACL="public-read")
    deny = statement("Deny", "s3:GetObject", arns(bucket), Principal=root_of(other))
    owner.s3.put_bucket_policy(Bucket=bucket, Policy=document(deny))
    assert outcome(other.s3.get_object, Bucket=bucket, Key="k") == DENIED
    assert fetch(anonymous(owner.lake), bucket, "k") == b"there"


def test_versions_have_lists_of_their_own(owner):
    s3, bucket = owner.s3, new_bucket(owner.s3, "acl", "Enabled")
    at = {"Bucket": bucket, "Key": "k"}
    first = s3.put_object(**at, Body=b"1")["VersionId"]
    s3.put_object(**at, Body=b"2", ACL="public-read")
    nobody = anonymous(owner.lake)
    assert fetch(nobody, bucket, "k") == b"2"
    assert outcome(nobody.get_object, **at, VersionId=first) == DENIED
    s3.put_object_acl(**at, VersionId=first, ACL="public-read")
    s3.put_object_acl(**at, ACL="private")
    assert fetch(nobody, bucket, "k", VersionId=first) == b"1"
    assert outcome(nobody.get_object, **at) == DENIED
    assert (EVERYBODY, "READ") in grants(s3.get_object_acl(**at, VersionId=first))


def test_whoever_lets_others_in_needs_leave_for_it(owner, bucket):
    writer = new_user(owner, statement("Allow", "s3:PutObject", arns(bucket)))
    both = new_user(owner, statement("Allow", ["s3:PutObject", "s3:PutObjectAcl"], arns(bucket)))
    put = lambda user, **options: outcome(user.s3.put_object, Bucket=bucket, Key="n", **options)
    # The list that holds anyway is one too; what the bucket's owner is handed, its own users need not hand over.
    assert (put(writer), put(writer, ACL="private"), put(both, ACL="private")) == ("ok", DENIED, "ok")
    assert put(writer, ACL="bucket-owner-full-control") == "ok"
    assert (put(writer, ACL="public-read"), put(both, ACL="public-read")) == (DENIED, "ok")
    maker = new_user(owner, statement("Allow", "s3:CreateBucket", "*"))
    make = lambda **options: outcome(maker.s3.create_bucket, Bucket=f"acl-{secrets.token_hex(6)}", **options)
    assert (make(), make(ACL="private"), make(ACL="public-read")) == ("ok", "ok", DENIED)


def test_where_the_bucket_owner_owns_everything(owner, other):
    bucket = owned(owner, "BucketOwnerEnforced")
    everything = statement("Allow", "s3:*", arns(bucket), Principal=root_of(other))
    owner.s3.put_bucket_policy(Bucket=bucket, Policy=document(everything))
    at = {"Bucket": bucket, "Key": "k"}
    for options in ({"ACL": "private"}, {"ACL": "public-read"}, {"GrantRead": f'uri="{EVERYBODY}"'}):
        for put in (other.s3.put_object, other.s3.create_multipart_upload):
            with refused(400, OFF):
                put(**at, **options)
    other.s3.put_object(**at, Body=b"x", ACL="bucket-owner-full-control")
    for put in (owner.s3.put_object_acl, other.s3.put_object_acl):
        with refused(400, OFF):
            put(**at, ACL="public-read")
    with refused(400, OFF):
        owner.s3.put_bucket_acl(Bucket=bucket, ACL="private")
    told = other.s3.get_object_acl(**at)
    assert (told["Owner"]["ID"], grants(told)) == (owner.canonical_id, [full(owner)])
    for options in ({"ACL": "private"}, {"ACL": "public-read"}):
        with refused(400, "InvalidBucketAclWithObjectOwnership"):
            owned(owner, "BucketOwnerEnforced", **options)


def test_lists_sleep_where_ownership_is_enforced(owner, bucket):
    """They count again when it is not, as long as nobody said otherwise meanwhile."""
    s3, nobody = owner.s3, anonymous(owner.lake)
    s3.put_object_acl(Bucket=bucket, Key="k", ACL="public-read")
    s3.put_bucket_acl(Bucket=bucket, ACL="public-read")
    enforced = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    with refused(400, "InvalidBucketAclWithObjectOwnership"):
        s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=enforced)
    # What it grants to its owner is the owner's anyway.
    mine = f'id="{owner.canonical_id}"'
    s3.put_bucket_acl(Bucket=bucket, GrantRead=mine, GrantWrite=mine)
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=enforced)
    assert outcome(nobody.get_object, Bucket=bucket, Key="k") == DENIED
    s3.delete_bucket_ownership_controls(Bucket=bucket)
    assert fetch(nobody, bucket, "k") == b"there"


@pytest.mark.parametrize("ownership", ["BucketOwnerPreferred", "ObjectWriter"])
def test_who_owns_what_another_account_writes(owner, other, ownership):
    bucket = owned(owner, ownership, ACL="public-read-write")
    preferred = ownership == "BucketOwnerPreferred"
    other.s3.put_object(Bucket=bucket, Key="plain", Body=b"theirs")
    other.s3.put_object(Bucket=bucket, Key="handed", Body=b"over", ACL="bucket-owner-full-control")
    other.s3.put_object(Bucket=bucket, Key="shown", Body=b"shown", ACL="bucket-owner-read")
    owners = {
        entry["Key"]: entry["Owner"]["ID"] for entry in owner.s3.list_objects(Bucket=bucket)["Contents"]
    }
    handed = owner if preferred else other
    assert owners == {
        "plain": other.canonical_id,
        "handed": handed.canonical_id,
        "shown": other.canonical_id,
    }
    listed_v2 = owner.s3.list_objects_v2(Bucket=bucket, FetchOwner=True)["Contents"]
    listed_versions = owner.s3.list_object_versions(Bucket=bucket)["Versions"]
    for listing in (listed_v2, listed_versions):
        assert {entry["Key"]: entry["Owner"]["ID"] for entry in listing} == owners
    # The bucket's owner reads what it was let read, and may remove everything.
    reads = {key: outcome(owner.s3.get_object, Bucket=bucket, Key=key) for key in owners}
    assert reads == {"plain": DENIED, "handed": "ok", "shown": "ok"}
    expected = [full(owner)] if preferred else [full(other), full(owner)]
    assert grants(owner.s3.get_object_acl(Bucket=bucket, Key="handed")) == expected
    for key in owners:
        owner.s3.delete_object(Bucket=bucket, Key=key)


def test_uploads_tell_who_owns_them(owner, other):
    bucket = owned(owner, "ObjectWriter", ACL="public-read-write")
    for account in (owner, other):
        upload = account.s3.create_multipart_upload(Bucket=bucket, Key=account.name)["UploadId"]
        told = owner.s3.list_parts(Bucket=bucket, Key=account.name, UploadId=upload)
        assert told["Owner"] == {"ID": account.canonical_id, "DisplayName": account.name}
    uploads = owner.s3.list_multipart_uploads(Bucket=bucket)["Uploads"]
    told = {upload["Key"]: upload["Owner"]["ID"] for upload in uploads}
    assert told == {account.name: account.canonical_id for account in (owner, other)}


def test_what_a_link_says_counts_as_if_in_a_header(owner, other, bucket):
    everybody = statement("Allow", "s3:PutObject", arns(bucket), Principal=root_of(other))
    but_public = {"Condition": {"StringLike": {"s3:x-amz-acl": "public*"}}, "Principal": "*"}
    deny = statement("Deny", "s3:PutObject", arns(bucket), **but_public)
    owner.s3.put_bucket_policy(Bucket=bucket, Policy=document(everybody, deny))
    for acl, expected in (("private", 200), ("public-read", 403)):
        link = presigned(request("PUT", owner.lake.host, f"/{bucket}/n", [("x-amz-acl", acl)]), other.keys)
        assert link.replaced(body=b"x").send(owner.lake.address).status == expected, acl


def test_a_form_brings_a_list(owner, bucket):
    form = signed_form(bucket, owner.keys, [("key", "form"), ("acl", "public-read")], content=b"by form")
    assert form.request(owner.lake.host).send(owner.lake.address).status == 204
    assert fetch(anonymous(owner.lake), bucket, "form") == b"by form"


def test_accounts_see_their_own_buckets(owner, other, bucket):
    told = owner.s3.list_buckets()
    assert told["Owner"] == {"ID": owner.canonical_id, "DisplayName": owner.name}
    assert bucket in [one["Name"] for one in told["Buckets"]]
    assert bucket not in [one["Name"] for one in other.s3.list_buckets()["Buckets"]]
    with refused(409, "BucketAlreadyExists"):
        other.s3.create_bucket(Bucket=bucket)


def test_making_a_bucket_again_changes_no_list(owner):
    name = f"acl-{secrets.token_hex(6)}"
    owner.s3.create_bucket(Bucket=name, ACL="public-read")
    with refused(409, "BucketAlreadyExists"):
        owner.s3.create_bucket(Bucket=name)
    assert (EVERYBODY, "READ") in grants(owner.s3.get_bucket_acl(Bucket=name))


def test_whose_a_bucket_is_expected_to_be(owner, other, bucket):
    at = {"Bucket": bucket, "Key": "k"}
    for named in (owner.number, owner.canonical_id):
        assert fetch(owner.s3, bucket, "k", ExpectedBucketOwner=named) == b"there"
    for wrong in (other.number, other.canonical_id, "0", "nobody"):
        with refused(403, DENIED):
            owner.s3.get_object(**at, ExpectedBucketOwner=wrong)
        with refused(403, DENIED):
            owner.s3.put_object(**at, Body=b"new", ExpectedBucketOwner=wrong)
    with refused(404, "NoSuchBucket"):
        owner.s3.get_object(Bucket="no-such-bucket-anywhere", Key="k", ExpectedBucketOwner=owner.number)
    theirs = new_bucket(other.s3, "acl")
    other.s3.put_object(Bucket=theirs, Key="k", Body=b"theirs", ACL="public-read")
    copy = {"Bucket": bucket, "Key": "copied", "CopySource": f"{theirs}/k"}
    with refused(403, DENIED):
        owner.s3.copy_object(**copy, ExpectedSourceBucketOwner=owner.number)
    owner.s3.copy_object(**copy, ExpectedSourceBucketOwner=other.number, ExpectedBucketOwner=owner.number)
    assert fetch(owner.s3, bucket, "copied") == b"theirs" and fetch(owner.s3, bucket, "k") == b"there"


def test_requesters_pay_and_say_so(owner, other, bucket):
    s3 = owner.s3
    s3.put_object_acl(Bucket=bucket, Key="k", ACL="public-read")
    s3.put_bucket_acl(Bucket=bucket, ACL="public-read-write")
    s3.put_bucket_request_payment(Bucket=bucket, RequestPaymentConfiguration={"Payer": "Requester"})
    calls = (
        lambda **options: other.s3.get_object(Bucket=bucket, Key="k", **options),
        lambda **options: other.s3.list_objects_v2(Bucket=bucket, **options),
        lambda **options: other.s3.put_object(Bucket=bucket, Key="n", **options),
    )
    for call in calls:
        with refused(403, DENIED):
            call()
        assert call(RequestPayer="requester")["RequestCharged"] == "requester"
    payer = [("x-amz-request-payer", "requester")]
    link = presigned(request("GET", owner.lake.host, f"/{bucket}/k", payer), other.keys).send(owner.lake.address)
    assert (link.status, link.headers["x-amz-request-charged"]) == (200, "requester")
    # Nobody in particular cannot pay; the owner need not say so, and is not charged.
    for options in ({}, {"RequestPayer": "requester"}):
        assert outcome(anonymous(owner.lake).get_object, Bucket=bucket, Key="k", **options) == DENIED
        assert "RequestCharged" not in s3.get_object(Bucket=bucket, Key="k", **options)
    s3.put_bucket_request_payment(Bucket=bucket, RequestPaymentConfiguration={"Payer": "BucketOwner"})
    assert status(other.s3.get_object(Bucket=bucket, Key="k")) == 200


def test_logging_and_encryption_have_rights_of_their_own(owner, bucket):
    lists = new_user(owner, statement("Allow", "s3:ListBucket", arns(bucket)))
    rights = ["s3:GetBucketLogging", "s3:GetEncryptionConfiguration", "s3:PutEncryptionConfiguration"]
    may = new_user(owner, statement("Allow", rights, arns(bucket)))
    for operation in ("get_bucket_logging", "get_bucket_encryption", "delete_bucket_encryption"):
        assert outcome(getattr(lists.s3, operation), Bucket=bucket) == DENIED, operation
        assert outcome(getattr(may.s3, operation), Bucket=bucket) == "ok", operation
    assert outcome(may.s3.put_bucket_logging, Bucket=bucket, BucketLoggingStatus={}) == DENIED
