"""Conditional requests: reads that need not happen, and writes that must not."""

import concurrent.futures
import datetime

import pytest
from botocore.exceptions import ClientError

from answers import etag, fetch, headers, keys_of, new_bucket, outcome, refused, refused_with, status

CONTENT = b"as it was first"
HERE, OTHER = etag(CONTENT), etag(b"something else")
SECOND = datetime.timedelta(seconds=1)


def before(modified):
    return modified - 3600 * SECOND


def same(modified):
    return modified


READS = [
    ({"IfMatch": HERE}, 200),
    ({"IfMatch": "*"}, 200),
    ({"IfMatch": f"{OTHER}, {HERE}"}, 200),
    ({"IfMatch": HERE.strip('"')}, 200),
    ({"IfMatch": OTHER}, 412),
    ({"IfNoneMatch": HERE}, 304),
    ({"IfNoneMatch": "*"}, 304),
    ({"IfNoneMatch": f"{OTHER}, {HERE}"}, 304),
    ({"IfNoneMatch": OTHER}, 200),
    ({"IfModifiedSince": before}, 200),
    ({"IfModifiedSince": same}, 304),
    ({"IfUnmodifiedSince": before}, 412),
    ({"IfUnmodifiedSince": same}, 200),
    ({"IfMatch": HERE, "IfUnmodifiedSince": before}, 200),
    ({"IfMatch": OTHER, "IfUnmodifiedSince": same}, 412),
    ({"IfNoneMatch": HERE, "IfModifiedSince": before}, 304),
    ({"IfNoneMatch": OTHER, "IfModifiedSince": same}, 200),
    ({"IfMatch": HERE, "IfNoneMatch": HERE}, 304),
]


@pytest.fixture(scope="module")
def stored(lake):
    """An object that no test here changes."""
    s3 = lake.client()
    bucket = new_bucket(s3)
    s3.put_object(Bucket=bucket, Key="k", Body=CONTENT)
    return bucket, s3.head_object(Bucket=bucket, Key="k")["LastModified"]


@pytest.mark.parametrize("operation", ["get_object", "head_object"])
@pytest.mark.parametrize("conditions, expected", READS, ids=[" ".join(c) + f" {e}" for c, e in READS])
def test_conditional_reads(s3, stored, operation, conditions, expected):
    bucket, modified = stored
    conditions = {name: value(modified) if callable(value) else value for name, value in conditions.items()}
    try:
        answer = getattr(s3, operation)(Bucket=bucket, Key="k", **conditions)
    except ClientError as error:
        answer = error.response
    assert status(answer) == expected
    if expected in (200, 304):
        assert headers(answer)["etag"] == HERE and "last-modified" in headers(answer)
    if expected == 412 and operation == "get_object":
        assert answer["Error"]["Code"] == "PreconditionFailed"


def test_conditions_on_nothing(s3, bucket):
    for condition in ({"IfMatch": HERE}, {"IfNoneMatch": HERE}):
        with refused(404, "NoSuchKey"):
            s3.get_object(Bucket=bucket, Key="none", **condition)


def test_write_only_if_absent(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"first", IfNoneMatch="*")
    with refused(412, "PreconditionFailed"):
        s3.put_object(Bucket=bucket, Key="k", Body=b"second", IfNoneMatch="*")
    assert fetch(s3, bucket, "k") == b"first"
    s3.delete_object(Bucket=bucket, Key="k")
    s3.put_object(Bucket=bucket, Key="k", Body=b"third", IfNoneMatch="*")
    assert fetch(s3, bucket, "k") == b"third"


def test_a_delete_marker_counts_as_absent(s3, versioned):
    s3.put_object(Bucket=versioned, Key="k", Body=b"first")
    s3.delete_object(Bucket=versioned, Key="k")
    with refused(404, "NoSuchKey"):
        s3.put_object(Bucket=versioned, Key="k", Body=b"x", IfMatch=etag(b"first"))
    s3.put_object(Bucket=versioned, Key="k", Body=b"second", IfNoneMatch="*")
    assert fetch(s3, versioned, "k") == b"second"


def test_write_only_if_unchanged(s3, bucket):
    with refused(404, "NoSuchKey"):
        s3.put_object(Bucket=bucket, Key="k", Body=b"x", IfMatch=HERE)
    assert keys_of(s3.list_objects_v2(Bucket=bucket)) == []
    s3.put_object(Bucket=bucket, Key="k", Body=CONTENT)
    s3.put_object(Bucket=bucket, Key="k", Body=b"next", IfMatch=HERE)
    with refused(412, "PreconditionFailed"):
        s3.put_object(Bucket=bucket, Key="k", Body=b"late", IfMatch=HERE)
    assert fetch(s3, bucket, "k") == b"next"


def test_large_bodies_obey_conditions_too(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=CONTENT)
    with refused(412, "PreconditionFailed"):
        s3.put_object(Bucket=bucket, Key="k", Body=b"x" * (1 << 20), IfNoneMatch="*")
    assert fetch(s3, bucket, "k") == CONTENT


def test_delete_only_if_unchanged(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=CONTENT)
    with refused(412, "PreconditionFailed"):
        s3.delete_object(Bucket=bucket, Key="k", IfMatch=OTHER)
    assert fetch(s3, bucket, "k") == CONTENT
    assert status(s3.delete_object(Bucket=bucket, Key="k", IfMatch=HERE)) == 204
    assert keys_of(s3.list_objects_v2(Bucket=bucket)) == []


def test_delete_only_what_exists(s3, bucket, versioned):
    for place in (bucket, versioned):
        with refused_with((404, "NoSuchKey"), (412, "PreconditionFailed")):
            s3.delete_object(Bucket=place, Key="none", IfMatch="*")
        s3.put_object(Bucket=place, Key="k", Body=CONTENT)
        assert status(s3.delete_object(Bucket=place, Key="k", IfMatch="*")) == 204
        with refused_with((404, "NoSuchKey"), (412, "PreconditionFailed")):
            s3.delete_object(Bucket=place, Key="k", IfMatch="*")
    assert len(s3.list_object_versions(Bucket=versioned)["DeleteMarkers"]) == 1


def test_delete_of_many_judges_each_for_itself(s3, bucket):
    for key in "abc":
        s3.put_object(Bucket=bucket, Key=key, Body=CONTENT)
    objects = [
        {"Key": "a", "ETag": HERE},
        {"Key": "b", "ETag": OTHER},
        {"Key": "c", "ETag": "*"},
        {"Key": "none", "ETag": "*"},
        {"Key": "none at all"},
    ]
    told = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects})
    assert sorted(entry["Key"] for entry in told["Deleted"]) == ["a", "c", "none at all"]
    codes = {entry["Key"]: entry["Code"] for entry in told["Errors"]}
    assert codes["b"] == "PreconditionFailed" and codes["none"] in ("NoSuchKey", "PreconditionFailed")
    assert keys_of(s3.list_objects_v2(Bucket=bucket)) == ["b"]


DIRECTORY_BUCKETS_ONLY = [
    {"IfMatchSize": len(CONTENT)},
    {"IfMatchLastModifiedTime": "2030-01-01T00:00:00Z"},
]


@pytest.mark.parametrize("condition", DIRECTORY_BUCKETS_ONLY, ids=lambda condition: next(iter(condition)))
def test_conditions_of_directory_buckets_are_refused(s3, bucket, condition):
    s3.put_object(Bucket=bucket, Key="k", Body=CONTENT)
    with refused(501, "NotImplemented"):
        s3.delete_object(Bucket=bucket, Key="k", **condition)
    assert fetch(s3, bucket, "k") == CONTENT


@pytest.mark.parametrize("length", [10, 300_000], ids=["inline", "blob"])
def test_of_many_first_writers_one_wins(s3, bucket, length):
    bodies = [bytes([number]) * length for number in range(16)]
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        put = lambda content: outcome(s3.put_object, Bucket=bucket, Key="k", Body=content, IfNoneMatch="*")
        outcomes = list(pool.map(put, bodies))
    assert outcomes.count("ok") == 1
    assert set(outcomes) <= {"ok", "PreconditionFailed", "ConditionalRequestConflict"}
    assert fetch(s3, bucket, "k") == bodies[outcomes.index("ok")]


def test_a_counter_kept_by_compare_and_swap_loses_nothing(s3, bucket):
    s3.put_object(Bucket=bucket, Key="counter", Body=b"0")

    def increments(_):
        done = 0
        for _ in range(12):
            got = s3.get_object(Bucket=bucket, Key="counter")
            raised = str(int(got["Body"].read()) + 1).encode()
            told = outcome(s3.put_object, Bucket=bucket, Key="counter", Body=raised, IfMatch=got["ETag"])
            assert told in ("ok", "PreconditionFailed", "ConditionalRequestConflict")
            done += told == "ok"
        return done

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        done = sum(pool.map(increments, range(8)))
    assert done > 0 and fetch(s3, bucket, "counter") == str(done).encode()
