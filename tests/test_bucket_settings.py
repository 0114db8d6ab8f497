"""Small configurations of buckets: ownership, payment, logging, encryption, and what they say to access control lists."""

import secrets

import pytest

from answers import fetch, refused, status
from sigv4 import request, signed

MINE = ("BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter")


def rules(*ownerships):
    return {"Rules": [{"ObjectOwnership": ownership} for ownership in ownerships]}


def ownership(s3, bucket):
    [rule] = s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
    return rule["ObjectOwnership"]


def test_ownership_is_kept_told_and_taken_away(s3, bucket):
    with refused(404, "OwnershipControlsNotFoundError"):
        s3.get_bucket_ownership_controls(Bucket=bucket)
    for one in MINE:
        s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=rules(one))
        assert ownership(s3, bucket) == one
    for bad in (rules(), rules(*MINE), rules("Everybody")):
        with refused(400, "MalformedXML"):
            s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=bad)
    assert ownership(s3, bucket) == "ObjectWriter"
    for _ in range(2):
        assert status(s3.delete_bucket_ownership_controls(Bucket=bucket)) == 204
    with refused(404, "OwnershipControlsNotFoundError"):
        s3.get_bucket_ownership_controls(Bucket=bucket)


@pytest.mark.parametrize("one", MINE)
def test_ownership_at_birth(s3, one):
    name = f"owned-{secrets.token_hex(6)}"
    s3.create_bucket(Bucket=name, ObjectOwnership=one)
    assert ownership(s3, name) == one
    s3.delete_bucket(Bucket=name)
    s3.create_bucket(Bucket=name)
    with refused(404, "OwnershipControlsNotFoundError"):
        s3.get_bucket_ownership_controls(Bucket=name)


def writes(s3, bucket, **acl):
    upload = {"Bucket": bucket, "Key": "k"}
    return [
        lambda: s3.put_object(Body=b"new", **upload, **acl),
        lambda: s3.copy_object(CopySource=f"{bucket}/from", **upload, **acl),
        lambda: s3.abort_multipart_upload(UploadId=s3.create_multipart_upload(**upload, **acl)["UploadId"], **upload),
    ]


# What the bucket is set up with; what is asked for; the answer.
ACLS = [
    (None, "private", None),
    (None, "bucket-owner-full-control", None),
    (None, "public-read", None),
    (None, "no-such-list", (400, "InvalidArgument")),
    ("BucketOwnerEnforced", "bucket-owner-full-control", None),
    ("BucketOwnerEnforced", "private", (400, "AccessControlListNotSupported")),
    ("BucketOwnerEnforced", "authenticated-read", (400, "AccessControlListNotSupported")),
    ("BucketOwnerPreferred", "private", None),
    ("BucketOwnerPreferred", "public-read", None),
    ("ObjectWriter", "bucket-owner-full-control", None),
    ("ObjectWriter", "public-read-write", None),
    ("ObjectWriter", "aws-exec-read", (501, "NotImplemented")),
]


@pytest.mark.parametrize("owned, acl, refusal", ACLS, ids=[f"{row[0]} {row[1]}" for row in ACLS])
def test_lists_are_answered_by_ownership(s3, bucket, owned, acl, refusal):
    for key in ("from", "k"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"before")
    if owned:
        s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=rules(owned))
    calls = writes(s3, bucket, ACL=acl)
    calls += [
        lambda: s3.put_bucket_acl(Bucket=bucket, ACL=acl),
        lambda: s3.put_object_acl(Bucket=bucket, Key="k", ACL=acl),
    ]
    for call in calls:
        if refusal:
            with refused(*refusal):
                call()
            assert fetch(s3, bucket, "k") == b"before"
        else:
            call()
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


def test_grants_mean_nothing_where_the_bucket_owner_owns_everything(s3, bucket):
    s3.put_object(Bucket=bucket, Key="from", Body=b"x")
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=rules("BucketOwnerEnforced"))
    everybody = 'uri="http://acs.amazonaws.com/groups/global/AllUsers"'
    for call in writes(s3, bucket, GrantRead=everybody) + [lambda: s3.put_bucket_acl(Bucket=bucket, GrantRead=everybody)]:
        with refused(400, "AccessControlListNotSupported"):
            call()
    with refused(404):
        s3.head_object(Bucket=bucket, Key="k")


def test_the_list_that_stands_may_be_put_where_it_stands(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    stands = s3.get_bucket_acl(Bucket=bucket)
    stands = {"Owner": stands["Owner"], "Grants": stands["Grants"]}
    s3.put_bucket_acl(Bucket=bucket, AccessControlPolicy=stands)
    s3.put_object_acl(Bucket=bucket, Key="k", AccessControlPolicy=stands)
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=rules("BucketOwnerEnforced"))
    s3.put_bucket_acl(Bucket=bucket, AccessControlPolicy=stands)
    other = {"Type": "Group", "URI": "http://acs.amazonaws.com/groups/global/AllUsers"}
    wider = dict(stands, Grants=stands["Grants"] + [{"Grantee": other, "Permission": "READ"}])
    for call in (
        lambda: s3.put_bucket_acl(Bucket=bucket, AccessControlPolicy=wider),
        lambda: s3.put_object_acl(Bucket=bucket, Key="k", AccessControlPolicy=wider),
    ):
        with refused(400, "AccessControlListNotSupported"):
            call()
    with refused(404, "NoSuchKey"):
        s3.put_object_acl(Bucket=bucket, Key="none", ACL="private")
    assert s3.get_bucket_acl(Bucket=bucket)["Grants"] == stands["Grants"]


def test_lists_for_a_bucket_that_is_not_there(s3):
    with refused(404, "NoSuchBucket"):
        s3.put_bucket_acl(Bucket="no-such-bucket-anywhere", ACL="private")


def test_nobody_learns_a_buckets_ownership_by_asking_for_a_list(lake, s3, bucket):
    for acl in ("private", "public-read"):
        put = request("PUT", lake.host, f"/{bucket}/k", headers=[("x-amz-acl", acl)], body=b"x")
        answer = put.send(lake.address)
        assert (answer.status, answer.code) == (403, "AccessDenied")


def test_who_pays(s3, bucket):
    assert s3.get_bucket_request_payment(Bucket=bucket)["Payer"] == "BucketOwner"
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    for payer in ("Requester", "BucketOwner", "Requester"):
        s3.put_bucket_request_payment(Bucket=bucket, RequestPaymentConfiguration={"Payer": payer})
        assert s3.get_bucket_request_payment(Bucket=bucket)["Payer"] == payer
    with refused(400, "MalformedXML"):
        s3.put_bucket_request_payment(Bucket=bucket, RequestPaymentConfiguration={"Payer": "Nobody"})
    # The owner need not say that it pays, and is never told that it was charged.
    for options in ({}, {"RequestPayer": "requester"}):
        answer = s3.get_object(Bucket=bucket, Key="k", **options)
        assert answer["Body"].read() == b"x" and "RequestCharged" not in answer


@pytest.mark.parametrize("headers", [[], [("x-amz-request-payer", "requester")]], ids=["silent", "willing"])
def test_nobody_in_particular_cannot_pay(lake, s3, bucket, headers):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    s3.put_bucket_request_payment(Bucket=bucket, RequestPaymentConfiguration={"Payer": "Requester"})
    for method, path in (("GET", f"/{bucket}/k"), ("GET", f"/{bucket}"), ("PUT", f"/{bucket}/new")):
        answer = request(method, lake.host, path, headers=headers).send(lake.address)
        assert (answer.status, answer.code) == (403, "AccessDenied")


def test_nothing_is_logged_and_nobody_is_promised_otherwise(s3, bucket):
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=bucket)
    s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={})
    with refused(501, "NotImplemented"):
        target = {"TargetBucket": bucket, "TargetPrefix": "logs/"}
        s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={"LoggingEnabled": target})
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=bucket)


def test_encryption_cannot_be_taken_away(s3, bucket):
    told = lambda: s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    before = told()
    assert status(s3.delete_bucket_encryption(Bucket=bucket)) == 204
    assert told() == before and before[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"


ABSENT = [
    ("get_bucket_ownership_controls", {}),
    ("put_bucket_ownership_controls", {"OwnershipControls": rules("ObjectWriter")}),
    ("delete_bucket_ownership_controls", {}),
    ("get_bucket_request_payment", {}),
    ("put_bucket_request_payment", {"RequestPaymentConfiguration": {"Payer": "Requester"}}),
    ("get_bucket_logging", {}),
    ("put_bucket_logging", {"BucketLoggingStatus": {}}),
    ("delete_bucket_encryption", {}),
    ("put_bucket_acl", {"ACL": "public-read"}),
]


@pytest.mark.parametrize("operation, options", ABSENT, ids=[name for name, _ in ABSENT])
def test_a_bucket_that_is_not_there(s3, operation, options):
    with refused(404, "NoSuchBucket"):
        getattr(s3, operation)(Bucket="no-such-bucket-anywhere", **options)


def test_settings_outlive_the_server(new_lake):
    lake = new_lake().start()
    s3 = lake.client()
    s3.create_bucket(Bucket="owned", ObjectOwnership="ObjectWriter", CreateBucketConfiguration={"Tags": [{"Key": "a", "Value": "b"}]})
    s3.put_bucket_request_payment(Bucket="owned", RequestPaymentConfiguration={"Payer": "Requester"})
    lake.kill()
    s3 = lake.start().client()
    assert ownership(s3, "owned") == "ObjectWriter"
    assert s3.get_bucket_request_payment(Bucket="owned")["Payer"] == "Requester"
    assert s3.get_bucket_tagging(Bucket="owned")["TagSet"] == [{"Key": "a", "Value": "b"}]


def test_signed_requests_for_an_unknown_list_change_nothing(lake, s3, bucket):
    put = request("PUT", lake.host, f"/{bucket}/k", headers=[("x-amz-acl", "public-ready")], body=b"x")
    answer = signed(put, lake.keys).send(lake.address)
    assert (answer.status, answer.code) == (400, "InvalidArgument")
    with refused(404):
        s3.head_object(Bucket=bucket, Key="k")


@pytest.mark.parametrize("default", MINE)
def test_who_owns_where_nobody_says_is_a_setting(new_lake, default):
    s3 = new_lake(environment={"TWINLAKE_OBJECTS_OWNERSHIP_DEFAULT": default}).start().client()
    s3.create_bucket(Bucket="silent")
    s3.create_bucket(Bucket="chosen", ObjectOwnership="BucketOwnerPreferred")
    assert ownership(s3, "chosen") == "BucketOwnerPreferred"
    if default == "ObjectWriter":
        with refused(404, "OwnershipControlsNotFoundError"):
            s3.get_bucket_ownership_controls(Bucket="silent")
    else:
        assert ownership(s3, "silent") == default
    s3.put_object(Bucket="chosen", Key="k", Body=b"x", ACL="public-read")
    if default == "BucketOwnerEnforced":
        with refused(400, "AccessControlListNotSupported"):
            s3.put_object(Bucket="silent", Key="k", Body=b"x", ACL="public-read")
        with refused(400, "InvalidBucketAclWithObjectOwnership"):
            s3.create_bucket(Bucket="listed", ACL="public-read")
    else:
        s3.put_object(Bucket="silent", Key="k", Body=b"x", ACL="public-read")
        s3.create_bucket(Bucket="listed", ACL="public-read")
