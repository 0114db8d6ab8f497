"""Buckets: making, finding, listing, configuring and removing them."""

import secrets

import pytest

from answers import fetch, headers, keys_of, new_bucket, refused, status


def test_a_bucket_is_made_once_and_is_empty(s3):
    name = f"made-{secrets.token_hex(6)}"
    answer = s3.create_bucket(Bucket=name)
    assert answer["Location"] == f"/{name}"
    assert status(s3.head_bucket(Bucket=name)) == 200
    assert headers(s3.head_bucket(Bucket=name))["x-amz-bucket-region"] == "us-east-1"
    assert "Contents" not in s3.list_objects_v2(Bucket=name)
    assert not s3.get_bucket_location(Bucket=name)["LocationConstraint"]


def test_making_ones_own_bucket_again_keeps_what_is_in_it(s3, bucket):
    """us-east-1 answers 200, all other regions 409 BucketAlreadyOwnedByYou."""
    s3.put_object(Bucket=bucket, Key="kept", Body=b"kept")
    try:
        s3.create_bucket(Bucket=bucket)
    except s3.exceptions.BucketAlreadyOwnedByYou as refusal:
        assert status(refusal.response) == 409
    assert fetch(s3, bucket, "kept") == b"kept"


def test_a_bucket_elsewhere_is_refused(s3):
    name = f"far-{secrets.token_hex(6)}"
    with refused(400, "IllegalLocationConstraintException", "InvalidLocationConstraint"):
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-north-7"})
    with refused(404):
        s3.head_bucket(Bucket=name)


def test_an_empty_bucket_is_removed(s3, bucket):
    assert status(s3.delete_bucket(Bucket=bucket)) == 204
    with refused(404):
        s3.head_bucket(Bucket=bucket)
    assert bucket not in [entry["Name"] for entry in s3.list_buckets()["Buckets"]]
    with refused(404, "NoSuchBucket"):
        s3.delete_bucket(Bucket=bucket)


def test_a_bucket_of_the_same_name_begins_empty(s3, versioned):
    version = s3.put_object(Bucket=versioned, Key="k", Body=b"old")["VersionId"]
    s3.put_bucket_tagging(Bucket=versioned, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    s3.delete_object(Bucket=versioned, Key="k", VersionId=version)
    s3.delete_bucket(Bucket=versioned)
    s3.create_bucket(Bucket=versioned)
    assert "Status" not in s3.get_bucket_versioning(Bucket=versioned)
    assert not s3.list_object_versions(Bucket=versioned).get("Versions")
    with refused(404, "NoSuchTagSet"):
        s3.get_bucket_tagging(Bucket=versioned)


def test_a_bucket_with_anything_in_it_stays(s3, versioned):
    s3.put_object(Bucket=versioned, Key="k", Body=b"x")
    with refused(409, "BucketNotEmpty"):
        s3.delete_bucket(Bucket=versioned)
    s3.delete_object(Bucket=versioned, Key="k")
    with refused(409, "BucketNotEmpty"):
        s3.delete_bucket(Bucket=versioned)
    listed = s3.list_object_versions(Bucket=versioned)
    for entry in listed["Versions"] + listed["DeleteMarkers"]:
        s3.delete_object(Bucket=versioned, Key=entry["Key"], VersionId=entry["VersionId"])
    assert status(s3.delete_bucket(Bucket=versioned)) == 204


def test_an_upload_under_way_does_not_hold_a_bucket(s3, bucket):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=1, Body=b"x")
    assert status(s3.delete_bucket(Bucket=bucket)) == 204
    s3.create_bucket(Bucket=bucket)
    with refused(404, "NoSuchUpload"):
        s3.list_parts(Bucket=bucket, Key="k", UploadId=upload)


ABSENT = [
    ("list_objects", {}),
    ("list_objects_v2", {}),
    ("list_object_versions", {}),
    ("list_multipart_uploads", {}),
    ("get_bucket_location", {}),
    ("get_bucket_versioning", {}),
    ("get_bucket_tagging", {}),
    ("put_bucket_versioning", {"VersioningConfiguration": {"Status": "Enabled"}}),
    ("put_bucket_tagging", {"Tagging": {"TagSet": []}}),
    ("delete_bucket", {}),
    ("put_object", {"Key": "k", "Body": b"x"}),
    ("get_object", {"Key": "k"}),
    ("delete_object", {"Key": "k"}),
    ("delete_objects", {"Delete": {"Objects": [{"Key": "k"}]}}),
    ("copy_object", {"Key": "k", "CopySource": "no-such-source/k"}),
    ("get_object_tagging", {"Key": "k"}),
    ("get_object_attributes", {"Key": "k", "ObjectAttributes": ["ETag"]}),
    ("create_multipart_upload", {"Key": "k"}),
]


@pytest.mark.parametrize("operation, options", ABSENT, ids=[name for name, _ in ABSENT])
def test_a_bucket_that_is_not_there(s3, operation, options):
    with refused(404, "NoSuchBucket"):
        getattr(s3, operation)(Bucket="no-such-bucket-anywhere", **options)


def test_buckets_are_listed_in_order_and_in_pages(s3):
    prefix = f"list-{secrets.token_hex(4)}-"
    names = [prefix + suffix for suffix in ("a", "b", "c.d", "c-d", "e")]
    for name in names:
        s3.create_bucket(Bucket=name)
    listed = s3.list_buckets()
    ours = [entry["Name"] for entry in listed["Buckets"] if entry["Name"].startswith(prefix)]
    assert ours == sorted(names)
    assert listed["Owner"]["ID"]
    pages = list(s3.get_paginator("list_buckets").paginate(Prefix=prefix, PaginationConfig={"PageSize": 2}))
    assert [len(page["Buckets"]) for page in pages] == [2, 2, 1]
    assert [entry["Name"] for page in pages for entry in page["Buckets"]] == sorted(names)


def test_versioning_is_switched_and_told(s3, bucket):
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
    for state in ("Enabled", "Suspended", "Enabled"):
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": state})
        assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == state
    with refused(400, "MalformedXML", "IllegalVersioningConfigurationException"):
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Sometimes"})
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"


def tags(count):
    return {"TagSet": [{"Key": f"name {number}", "Value": f"värde {number}"} for number in range(count)]}


def test_bucket_tags(s3, bucket):
    with refused(404, "NoSuchTagSet"):
        s3.get_bucket_tagging(Bucket=bucket)
    s3.put_bucket_tagging(Bucket=bucket, Tagging=tags(50))
    by_name = lambda tag_set: sorted(tag_set, key=lambda tag: tag["Key"])
    assert by_name(s3.get_bucket_tagging(Bucket=bucket)["TagSet"]) == by_name(tags(50)["TagSet"])
    s3.put_bucket_tagging(Bucket=bucket, Tagging=tags(1))
    with refused(400, "InvalidTag", "BadRequest", "MalformedXML"):
        s3.put_bucket_tagging(Bucket=bucket, Tagging=tags(51))
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == tags(1)["TagSet"]
    assert status(s3.delete_bucket_tagging(Bucket=bucket)) == 204
    with refused(404, "NoSuchTagSet"):
        s3.get_bucket_tagging(Bucket=bucket)


def test_tags_at_birth(s3):
    name = f"tagged-{secrets.token_hex(6)}"
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"Tags": tags(3)["TagSet"]})
    assert s3.get_bucket_tagging(Bucket=name)["TagSet"] == tags(3)["TagSet"]
    for bad in (tags(51)["TagSet"], tags(1)["TagSet"] * 2, [{"Key": "aws:x", "Value": "v"}]):
        other = f"tagged-{secrets.token_hex(6)}"
        with refused(400, "InvalidTag"):
            s3.create_bucket(Bucket=other, CreateBucketConfiguration={"Tags": bad})
        with refused(404):
            s3.head_bucket(Bucket=other)
    # us-east-1 lets one make one's own bucket again, but not with other tags.
    with refused(409, "BucketAlreadyOwnedByYou"):
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"Tags": tags(1)["TagSet"]})
    assert s3.get_bucket_tagging(Bucket=name)["TagSet"] == tags(3)["TagSet"]


RULE = {"ID": "r", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}
NOT_YET = [
    ("put_bucket_lifecycle_configuration", {"LifecycleConfiguration": {"Rules": [RULE]}}),
    ("put_bucket_notification_configuration", {"NotificationConfiguration": {}}),
]


@pytest.mark.parametrize("operation, options", NOT_YET, ids=[name for name, _ in NOT_YET])
def test_a_configuration_that_would_have_no_effect_is_refused(s3, bucket, operation, options):
    with refused(501, "NotImplemented"):
        getattr(s3, operation)(Bucket=bucket, **options)


def test_a_bucket_with_a_promise_we_cannot_keep_is_not_made(s3):
    for promise, status, code in (
        ({"ACL": "public-read", "ObjectOwnership": "BucketOwnerEnforced"}, 400, "InvalidBucketAclWithObjectOwnership"),
        ({"ACL": "aws-exec-read"}, 501, "NotImplemented"),
    ):
        name = f"promise-{secrets.token_hex(6)}"
        with refused(status, code):
            s3.create_bucket(Bucket=name, **promise)
        with refused(404):
            s3.head_bucket(Bucket=name)


def test_buckets_do_not_see_each_other(s3):
    one, other = new_bucket(s3), new_bucket(s3)
    s3.put_object(Bucket=one, Key="k", Body=b"one")
    s3.put_object(Bucket=other, Key="k", Body=b"other")
    s3.delete_object(Bucket=one, Key="k")
    assert fetch(s3, other, "k") == b"other"
    assert keys_of(s3.list_objects_v2(Bucket=one)) == []
    assert keys_of(s3.list_objects_v2(Bucket=other)) == ["k"]
