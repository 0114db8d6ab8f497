"""Objects put whole: their bytes, what is stored beside them, and their end."""

import datetime
import re

import pytest
from botocore.exceptions import ClientError, ParamValidationError

from answers import MIB, body, etag, fetch, headers, keys_of, refused, status

SEGMENT = 64 << 10
INLINE_MAX = 128 << 10
SIZES = [
    0,
    1,
    15,
    SEGMENT - 1,
    SEGMENT,
    SEGMENT + 1,
    INLINE_MAX - 1,
    INLINE_MAX,
    INLINE_MAX + 1,
    MIB,
    3 * MIB + 7,
    9 * MIB,
]


@pytest.mark.parametrize("length", SIZES)
def test_bytes_come_back_as_they_went_in(s3, bucket, length):
    content = body(length, length)
    put = s3.put_object(Bucket=bucket, Key="k", Body=content)
    assert put["ETag"] == etag(content)
    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["ETag"] == etag(content) and got["ContentLength"] == length
    assert got["Body"].read() == content
    head = s3.head_object(Bucket=bucket, Key="k")
    assert head["ETag"] == etag(content) and head["ContentLength"] == length
    [listed] = s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert (listed["ETag"], listed["Size"], listed["StorageClass"]) == (etag(content), length, "STANDARD")


def test_headers_and_metadata_come_back(s3, bucket):
    stored = {
        "CacheControl": "max-age=60, public",
        "ContentDisposition": 'attachment; filename="a b.txt"',
        "ContentEncoding": "gzip",
        "ContentLanguage": "de-DE",
        "ContentType": "text/x-unusual; charset=utf-8",
        "WebsiteRedirectLocation": "/elsewhere",
        "Metadata": {"turbine": "T-07", "empty": "", "inner": "two  spaces, a comma; and = sign"},
    }
    expires = datetime.datetime(2030, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Expires=expires, **stored)
    for answer in (s3.get_object(Bucket=bucket, Key="k"), s3.head_object(Bucket=bucket, Key="k")):
        assert {name: answer.get(name) for name in stored} == stored
        assert headers(answer)["expires"] == "Wed, 02 Jan 2030 03:04:05 GMT"
        assert headers(answer)["accept-ranges"] == "bytes"


def test_an_object_without_a_type_has_the_default_one(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert s3.head_object(Bucket=bucket, Key="k")["ContentType"] == "binary/octet-stream"


def test_metadata_up_to_2_kib(s3, bucket):
    """S3 counts the bytes of names and values together."""
    fits = {"n" * 48: "v" * 2000}
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Metadata=fits)
    assert s3.head_object(Bucket=bucket, Key="k")["Metadata"] == fits
    with refused(400, "MetadataTooLarge"):
        s3.put_object(Bucket=bucket, Key="k", Body=b"y", Metadata={"n" * 48: "v" * 2001})
    assert fetch(s3, bucket, "k") == b"x"


def test_a_write_replaces_all_of_the_old(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=body(MIB), Metadata={"a": "1"}, ContentType="a/b", Tagging="t=1")
    s3.put_object(Bucket=bucket, Key="k", Body=b"new")
    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["Body"].read() == b"new"
    assert got["Metadata"] == {} and got["ContentType"] == "binary/octet-stream" and "TagCount" not in got
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == []


def test_the_time_of_writing(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    head = s3.head_object(Bucket=bucket, Key="k")
    assert abs(head["LastModified"] - datetime.datetime.now(datetime.timezone.utc)) < datetime.timedelta(seconds=10)
    [listed] = s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert listed["LastModified"].replace(microsecond=0) == head["LastModified"]


def test_absent_keys(s3, bucket):
    with refused(404, "NoSuchKey") as caught:
        s3.get_object(Bucket=bucket, Key="none")
    assert caught.value.response["Error"]["Resource"] == f"/{bucket}/none"
    with refused(404):
        s3.head_object(Bucket=bucket, Key="none")
    with refused(404, "NoSuchKey"):
        s3.get_object_attributes(Bucket=bucket, Key="none", ObjectAttributes=["ETag"])


def test_deletion_and_deletion_again(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    for _ in range(2):
        answer = s3.delete_object(Bucket=bucket, Key="k")
        assert status(answer) == 204 and "VersionId" not in answer and "DeleteMarker" not in answer
    with refused(404, "NoSuchKey"):
        s3.get_object(Bucket=bucket, Key="k")
    assert keys_of(s3.list_objects_v2(Bucket=bucket)) == []


def test_many_deletions_in_one_request(s3, bucket):
    present = [f"k{number}" for number in range(20)]
    for key in [*present, "stays"]:
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    names = [*present[:10], "absent", *(f"absent-{number}" for number in range(989))]
    assert len(names) == 1000
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in names]})
    assert [entry["Key"] for entry in answer["Deleted"]] == names and "Errors" not in answer
    quiet = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in present[10:]], "Quiet": True})
    assert "Deleted" not in quiet and "Errors" not in quiet
    assert keys_of(s3.list_objects_v2(Bucket=bucket)) == ["stays"]


def test_many_deletions_with_versions_named(s3, versioned):
    first = s3.put_object(Bucket=versioned, Key="k", Body=b"1")["VersionId"]
    s3.put_object(Bucket=versioned, Key="k", Body=b"2")
    answer = s3.delete_objects(Bucket=versioned, Delete={"Objects": [{"Key": "k", "VersionId": first}, {"Key": "k"}]})
    gone, marker = answer["Deleted"]
    assert gone == {"Key": "k", "VersionId": first}
    assert marker["DeleteMarker"] is True and marker["DeleteMarkerVersionId"]
    unmarked = s3.delete_objects(
        Bucket=versioned, Delete={"Objects": [{"Key": "k", "VersionId": marker["DeleteMarkerVersionId"]}]}
    )["Deleted"][0]
    assert unmarked["DeleteMarker"] is True and unmarked["DeleteMarkerVersionId"] == marker["DeleteMarkerVersionId"]
    assert fetch(s3, versioned, "k") == b"2"


OVERRIDES = {
    "ResponseCacheControl": ("CacheControl", "no-store"),
    "ResponseContentDisposition": ("ContentDisposition", "inline"),
    "ResponseContentEncoding": ("ContentEncoding", "br"),
    "ResponseContentLanguage": ("ContentLanguage", "fr"),
    "ResponseContentType": ("ContentType", "text/html"),
}


def test_headers_of_an_answer_chosen_by_the_reader(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ContentType="a/b")
    got = s3.get_object(Bucket=bucket, Key="k", **{name: value for name, (_, value) in OVERRIDES.items()})
    assert {field: got[field] for field, _ in OVERRIDES.values()} == dict(OVERRIDES.values())
    assert s3.head_object(Bucket=bucket, Key="k")["ContentType"] == "a/b"


def test_attributes(s3, bucket):
    content = body(1000)
    s3.put_object(Bucket=bucket, Key="k", Body=content, ChecksumAlgorithm="SHA256")
    asked = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"]
    told = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=asked)
    assert told["ETag"] == etag(content).strip('"') and told["ObjectSize"] == 1000
    assert told["StorageClass"] == "STANDARD" and told["Checksum"]["ChecksumSHA256"]
    assert "ObjectParts" not in told
    told = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["ObjectSize"])
    assert told["ObjectSize"] == 1000 and "ETag" not in told and "Checksum" not in told


UNKEPT = [
    {"StorageClass": "GLACIER"},
    {"ServerSideEncryption": "aws:kms"},
    {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "0" * 32},
    {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": datetime.datetime(2040, 1, 1)},
    {"ObjectLockLegalHoldStatus": "ON"},
]


@pytest.mark.parametrize("wish", UNKEPT, ids=lambda wish: next(iter(wish)))
def test_a_wish_that_is_not_kept_refuses_the_write(s3, bucket, wish):
    """Nothing is accepted and ignored: who asks for a lock must not believe to have one."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"before")
    with pytest.raises((ClientError, ParamValidationError)) as caught:
        s3.put_object(Bucket=bucket, Key="k", Body=b"after", **wish)
    if isinstance(caught.value, ClientError):  # boto3 itself refuses customer keys over plain HTTP
        assert status(caught.value.response) in (400, 501), caught.value.response
    assert fetch(s3, bucket, "k") == b"before"


def test_the_receipt(lake, s3, bucket):
    """Every write is answered with its place in the log of changes and its number of replicas."""
    if lake.process is None:
        pytest.skip("ours only")
    places = []
    for _ in range(3):
        told = headers(s3.put_object(Bucket=bucket, Key="k", Body=b"x"))
        assert re.fullmatch("[0-9A-F]{18}", told["x-lake-sequence"]) and told["x-lake-replicas"] == "1"
        places.append(told["x-lake-sequence"])
    assert places == sorted(set(places))
