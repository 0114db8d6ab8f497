"""Copies made by the server."""

import datetime

import pytest

import digests
from answers import MIB, body, etag, fetch, headers, new_bucket, refused, status
from sigv4 import request, signed

CONTENT = body(200_000)
HERE, OTHER = etag(CONTENT), etag(b"something else")
HOUR = datetime.timedelta(hours=1)


@pytest.fixture
def source(s3, bucket):
    """A bucket with an object `from` that carries everything an object can carry."""
    s3.put_object(
        Bucket=bucket,
        Key="from",
        Body=CONTENT,
        Metadata={"a": "1"},
        ContentType="a/b",
        CacheControl="no-store",
        Tagging="t=1&u=2",
        ChecksumAlgorithm="SHA256",
    )
    return bucket


def tag_set(s3, bucket, key):
    return {tag["Key"]: tag["Value"] for tag in s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]}


@pytest.mark.parametrize("content", [b"", b"x", body(100_000), body(3 * MIB)], ids=len)
def test_a_copy_has_the_same_bytes(s3, bucket, content):
    other = new_bucket(s3)
    s3.put_object(Bucket=bucket, Key="from", Body=content)
    for target in (bucket, other):
        told = s3.copy_object(Bucket=target, Key="to", CopySource={"Bucket": bucket, "Key": "from"})
        assert told["CopyObjectResult"]["ETag"] == etag(content)
        assert fetch(s3, target, "to") == content
    s3.delete_object(Bucket=bucket, Key="from")
    assert fetch(s3, other, "to") == content


def test_metadata_and_tags_come_along(s3, source):
    s3.copy_object(Bucket=source, Key="to", CopySource=f"{source}/from")
    head = s3.head_object(Bucket=source, Key="to", ChecksumMode="ENABLED")
    assert (head["Metadata"], head["ContentType"], head["CacheControl"]) == ({"a": "1"}, "a/b", "no-store")
    assert head["ChecksumSHA256"] == s3.head_object(Bucket=source, Key="from", ChecksumMode="ENABLED")["ChecksumSHA256"]
    assert tag_set(s3, source, "to") == {"t": "1", "u": "2"}


def test_metadata_and_tags_replaced(s3, source):
    s3.copy_object(
        Bucket=source,
        Key="to",
        CopySource=f"{source}/from",
        MetadataDirective="REPLACE",
        Metadata={"b": "2"},
        ContentType="c/d",
        TaggingDirective="REPLACE",
        Tagging="v=3",
    )
    head = s3.head_object(Bucket=source, Key="to")
    assert (head["Metadata"], head["ContentType"], head.get("CacheControl")) == ({"b": "2"}, "c/d", None)
    assert tag_set(s3, source, "to") == {"v": "3"}


def test_metadata_sent_without_the_directive_is_not_taken(s3, source):
    s3.copy_object(Bucket=source, Key="to", CopySource=f"{source}/from", Metadata={"b": "2"}, ContentType="c/d")
    head = s3.head_object(Bucket=source, Key="to")
    assert (head["Metadata"], head["ContentType"]) == ({"a": "1"}, "a/b")


@pytest.mark.parametrize("directive", ["MetadataDirective", "TaggingDirective"])
def test_directives_that_do_not_exist(s3, source, directive):
    with refused(400, "InvalidArgument", "InvalidRequest"):
        s3.copy_object(Bucket=source, Key="to", CopySource=f"{source}/from", **{directive: "MAYBE"})
    with refused(404):
        s3.head_object(Bucket=source, Key="to")


def test_a_copy_onto_itself_must_change_something(s3, source):
    with refused(400, "InvalidRequest"):
        s3.copy_object(Bucket=source, Key="from", CopySource=f"{source}/from")
    s3.copy_object(
        Bucket=source, Key="from", CopySource=f"{source}/from", MetadataDirective="REPLACE", Metadata={"new": "yes"}
    )
    got = s3.get_object(Bucket=source, Key="from")
    assert got["Metadata"] == {"new": "yes"} and got["Body"].read() == CONTENT


def test_naming_class_or_encryption_is_reason_enough_to_copy_onto_itself(s3, source):
    for options in ({"StorageClass": "STANDARD"}, {"ServerSideEncryption": "AES256"}):
        s3.copy_object(Bucket=source, Key="from", CopySource=f"{source}/from", **options)
        head = s3.head_object(Bucket=source, Key="from")
        assert (head["Metadata"], head["ContentType"]) == ({"a": "1"}, "a/b")
        assert tag_set(s3, source, "from") == {"t": "1", "u": "2"} and fetch(s3, source, "from") == CONTENT
    with refused(400, "InvalidStorageClass"):
        s3.copy_object(Bucket=source, Key="from", CopySource=f"{source}/from", StorageClass="GLACIER")


def redirect(s3, bucket, key):
    return s3.head_object(Bucket=bucket, Key=key).get("WebsiteRedirectLocation")


def test_a_redirect_is_never_copied_and_may_always_be_given(s3, bucket):
    s3.put_object(Bucket=bucket, Key="from", Body=b"x", WebsiteRedirectLocation="/old", ContentType="a/b")
    copy = lambda **options: s3.copy_object(CopySource=f"{bucket}/from", Bucket=bucket, **options)
    for directive in ({}, {"MetadataDirective": "COPY"}, {"MetadataDirective": "REPLACE"}):
        copy(Key="to", **directive)
        assert redirect(s3, bucket, "to") is None
        copy(Key="to", WebsiteRedirectLocation="/new", **directive)
        assert redirect(s3, bucket, "to") == "/new"
        kept = "binary/octet-stream" if directive.get("MetadataDirective") == "REPLACE" else "a/b"
        assert s3.head_object(Bucket=bucket, Key="to")["ContentType"] == kept
    with refused(400, "InvalidRedirectLocation"):
        copy(Key="to", WebsiteRedirectLocation="nowhere")
    copy(Key="from", WebsiteRedirectLocation="/new")
    assert redirect(s3, bucket, "from") == "/new" and fetch(s3, bucket, "from") == b"x"


def test_a_source_beyond_the_bound_of_one_request(new_lake):
    lake = new_lake(environment={"TWINLAKE_OBJECTS_BODY_BYTES_MAX": "1000", "TWINLAKE_OBJECTS_PART_BYTES_MIN": "1"})
    s3 = lake.start().client()
    bucket = new_bucket(s3)
    upload = {"Bucket": bucket, "Key": "from"}
    upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
    parts = [
        {"PartNumber": number, "ETag": s3.upload_part(PartNumber=number, Body=b"x" * 600, **upload)["ETag"]}
        for number in (1, 2)
    ]
    s3.complete_multipart_upload(MultipartUpload={"Parts": parts}, **upload)
    with refused(400, "InvalidRequest"):
        s3.copy_object(Bucket=bucket, Key="to", CopySource=f"{bucket}/from")
    target = {"Bucket": bucket, "Key": "to"}
    target["UploadId"] = s3.create_multipart_upload(**target)["UploadId"]
    with refused(400, "InvalidRequest"):
        s3.upload_part_copy(PartNumber=1, CopySource=f"{bucket}/from", **target)
    told = s3.upload_part_copy(PartNumber=1, CopySource=f"{bucket}/from", CopySourceRange="bytes=100-1099", **target)
    part = {"PartNumber": 1, "ETag": told["CopyPartResult"]["ETag"]}
    s3.complete_multipart_upload(MultipartUpload={"Parts": [part]}, **target)
    assert fetch(s3, bucket, "to") == b"x" * 1000


def test_another_checksum_on_the_way(s3, source):
    told = s3.copy_object(Bucket=source, Key="to", CopySource=f"{source}/from", ChecksumAlgorithm="CRC32C")
    assert told["CopyObjectResult"]["ChecksumCRC32C"] == digests.text("CRC32C", CONTENT)
    head = s3.head_object(Bucket=source, Key="to", ChecksumMode="ENABLED")
    assert head["ChecksumCRC32C"] == digests.text("CRC32C", CONTENT) and "ChecksumSHA256" not in head


CONDITIONS = [
    ({"CopySourceIfMatch": HERE}, True),
    ({"CopySourceIfMatch": OTHER}, False),
    ({"CopySourceIfNoneMatch": OTHER}, True),
    ({"CopySourceIfNoneMatch": HERE}, False),
    ({"CopySourceIfModifiedSince": -HOUR}, True),
    ({"CopySourceIfModifiedSince": 0 * HOUR}, False),
    ({"CopySourceIfUnmodifiedSince": 0 * HOUR}, True),
    ({"CopySourceIfUnmodifiedSince": -HOUR}, False),
    ({"CopySourceIfMatch": HERE, "CopySourceIfUnmodifiedSince": -HOUR}, True),
    ({"CopySourceIfNoneMatch": HERE, "CopySourceIfModifiedSince": -HOUR}, False),
]


@pytest.mark.parametrize("conditions, holds", CONDITIONS, ids=[f"{' '.join(c)} {h}" for c, h in CONDITIONS])
def test_conditions_on_the_source(s3, source, conditions, holds):
    modified = s3.head_object(Bucket=source, Key="from")["LastModified"]
    conditions = {
        name: modified + value if isinstance(value, datetime.timedelta) else value for name, value in conditions.items()
    }
    copy = lambda: s3.copy_object(Bucket=source, Key="to", CopySource=f"{source}/from", **conditions)
    if holds:
        copy()
        assert fetch(s3, source, "to") == CONTENT
    else:
        with refused(412, "PreconditionFailed"):
            copy()
        with refused(404):
            s3.head_object(Bucket=source, Key="to")


def test_conditions_on_the_target(s3, source):
    s3.copy_object(Bucket=source, Key="to", CopySource=f"{source}/from", IfNoneMatch="*")
    with refused(412, "PreconditionFailed"):
        s3.copy_object(Bucket=source, Key="to", CopySource=f"{source}/from", IfNoneMatch="*")
    s3.put_object(Bucket=source, Key="to", Body=b"other")
    with refused(412, "PreconditionFailed"):
        s3.copy_object(Bucket=source, Key="to", CopySource=f"{source}/from", IfMatch=HERE)
    assert fetch(s3, source, "to") == b"other"


def test_sources_that_are_not_there(s3, source):
    for missing, code in ((f"{source}/none", "NoSuchKey"), ("no-such-bucket-anywhere/k", "NoSuchBucket")):
        with refused(404, code):
            s3.copy_object(Bucket=source, Key="to", CopySource=missing)
    with refused(404):
        s3.head_object(Bucket=source, Key="to")


def test_a_named_version_is_copied(s3, versioned):
    first = s3.put_object(Bucket=versioned, Key="k", Body=b"1")["VersionId"]
    s3.put_object(Bucket=versioned, Key="k", Body=b"2")
    told = s3.copy_object(Bucket=versioned, Key="k", CopySource={"Bucket": versioned, "Key": "k", "VersionId": first})
    assert told["CopySourceVersionId"] == first and told["VersionId"] not in (first, None)
    assert fetch(s3, versioned, "k") == b"1"
    assert headers(told)["x-amz-copy-source-version-id"] == first


def test_markers_are_not_copied(s3, versioned):
    s3.put_object(Bucket=versioned, Key="k", Body=b"1")
    marker = s3.delete_object(Bucket=versioned, Key="k")["VersionId"]
    with refused(404, "NoSuchKey"):
        s3.copy_object(Bucket=versioned, Key="to", CopySource={"Bucket": versioned, "Key": "k"})
    with refused(400, "InvalidRequest"):
        s3.copy_object(Bucket=versioned, Key="to", CopySource={"Bucket": versioned, "Key": "k", "VersionId": marker})
    with refused(404, "NoSuchVersion"):
        s3.copy_object(
            Bucket=versioned, Key="to", CopySource={"Bucket": versioned, "Key": "k", "VersionId": "0" * len(marker)}
        )


@pytest.mark.parametrize("key", ["a b+c%41", "ä/ö//ü", "k?versionId=x", "../up", "\U0001f32c\ufe0f", "a&b=c#d"])
def test_sources_with_odd_names(s3, bucket, key):
    s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    s3.copy_object(Bucket=bucket, Key="to", CopySource={"Bucket": bucket, "Key": key})
    assert fetch(s3, bucket, "to") == key.encode()


def test_the_source_as_older_clients_write_it(lake, s3, source):
    """With a leading slash, and with the slash between bucket and key escaped."""
    for place, written in enumerate((f"/{source}/from", f"{source}/from", f"{source}%2Ffrom", f"%2F{source}%2Ffrom")):
        copy = request("PUT", lake.host, f"/{source}/to{place}", headers=[("x-amz-copy-source", written)])
        assert signed(copy, lake.keys).send(lake.address).status == 200, written
        assert fetch(s3, source, f"to{place}") == CONTENT


def test_a_copy_of_a_multipart_object_is_whole(s3, bucket):
    parts = [body(5 * MIB, 1), body(100, 2)]
    upload = {
        "Bucket": bucket,
        "Key": "from",
        "UploadId": s3.create_multipart_upload(Bucket=bucket, Key="from")["UploadId"],
    }
    done = [
        {"PartNumber": number, "ETag": s3.upload_part(PartNumber=number, Body=part, **upload)["ETag"]}
        for number, part in enumerate(parts, 1)
    ]
    s3.complete_multipart_upload(MultipartUpload={"Parts": done}, **upload)
    told = s3.copy_object(Bucket=bucket, Key="to", CopySource=f"{bucket}/from")
    content = b"".join(parts)
    assert told["CopyObjectResult"]["ETag"] == etag(content)
    assert fetch(s3, bucket, "to") == content and fetch(s3, bucket, "from") == content
    assert status(s3.head_object(Bucket=bucket, Key="to")) == 200
