"""Parts of objects by their bytes."""

import random

import pytest
from botocore.exceptions import ClientError

from answers import MIB, NO_SUCH_PART, body, headers, new_bucket, refused, refused_with, status

LENGTHS = {"empty": 0, "inline": 1000, "segments": 200_001, "blob": 2 * MIB + 5}


@pytest.fixture(scope="module")
def stored(lake):
    s3 = lake.client()
    bucket = new_bucket(s3)
    contents = {name: body(length, length) for name, length in LENGTHS.items()}
    for name, content in contents.items():
        s3.put_object(Bucket=bucket, Key=name, Body=content)
    return bucket, contents


def expected_slice(text, length):
    """First and last byte that S3 sends for a range, or none where no byte of the object lies in it."""
    first, _, last = text.removeprefix("bytes=").partition("-")
    if not first:
        start, end = max(0, length - int(last)), length  # of an empty object, no suffix is anything
    else:
        start, end = int(first), min(length, int(last) + 1 if last else length)
    return (start, end) if start < end else None


def check(s3, bucket, key, content, text):
    expected = expected_slice(text, len(content))
    if expected is None:
        with refused(416, "InvalidRange"):
            s3.get_object(Bucket=bucket, Key=key, Range=text)
        return
    start, end = expected
    got = s3.get_object(Bucket=bucket, Key=key, Range=text)
    assert status(got) == 206
    assert got["ContentRange"] == f"bytes {start}-{end - 1}/{len(content)}" and got["ContentLength"] == end - start
    assert got["Body"].read() == content[start:end]


TABLE = [
    "bytes=0-0",
    "bytes=0-",
    "bytes=1-1",
    "bytes=-1",
    "bytes=-5",
    "bytes=999-999",
    "bytes=999-",
    "bytes=1000-",
    "bytes=65535-65535",
    "bytes=65535-65536",
    "bytes=65536-",
    "bytes=131071-131073",
    "bytes=200000-200000",
    "bytes=200001-",
    "bytes=0-4294967296",
    "bytes=-4294967296",
    "bytes=-0",
    "bytes=5000000-6000000",
]


@pytest.mark.parametrize("key", LENGTHS)
@pytest.mark.parametrize("text", TABLE)
def test_a_range_is_a_slice(s3, stored, key, text):
    bucket, contents = stored
    check(s3, bucket, key, contents[key], text)


@pytest.mark.parametrize("text", ["bytes=0-", "bytes=0-0", "bytes=-1", "bytes=-0"])
def test_any_range_of_an_empty_object(s3, stored, text):
    with refused(416, "InvalidRange"):
        s3.get_object(Bucket=stored[0], Key="empty", Range=text)


@pytest.mark.parametrize("key", ["inline", "segments", "blob"])
def test_random_ranges_are_slices(s3, stored, key):
    bucket, contents = stored
    chance = random.Random(7)
    for _ in range(25):
        first = chance.randrange(LENGTHS[key])
        last = min(first + int(chance.expovariate(1 / 70_000)), LENGTHS[key] + 100)
        check(s3, bucket, key, contents[key], chance.choice([f"bytes={first}-{last}", f"bytes=-{first + 1}"]))


def test_head_of_a_range(s3, stored):
    told = s3.head_object(Bucket=stored[0], Key="blob", Range="bytes=10-19")
    assert status(told) == 206 and told["ContentLength"] == 10
    assert headers(told)["content-range"] == f"bytes 10-19/{LENGTHS['blob']}"
    with refused(416):
        s3.head_object(Bucket=stored[0], Key="inline", Range="bytes=1000-")


ODD = ["bytes=5-2", "bytes=0-1,3-4", "bytes=a-b", "bytes=", "bytes=-", "lines=0-1", "bytes=0-1;", "bytes= 0-1"]
ODD += ["bytes=" + ",".join(f"{number}-{number + 500}" for number in range(2000)), "bytes=1-" + "9" * 30]
ODD += ["bytes=0-18446744073709551614", "bytes=-18446744073709551614"]


@pytest.mark.parametrize("text", ODD, ids=lambda text: text[:20])
def test_odd_ranges_never_give_wrong_bytes(s3, stored, text):
    """S3 ignores what it cannot read and sends the whole; refusing is as good. More than the object is never sent."""
    bucket, contents = stored
    try:
        got = s3.get_object(Bucket=bucket, Key="inline", Range=text)
    except ClientError as error:
        assert status(error.response) in (400, 416)
        return
    content = got["Body"].read()
    if status(got) == 200:
        assert content == contents["inline"]
    else:
        start, _, end = got["ContentRange"].removeprefix("bytes ").partition("/")[0].partition("-")
        assert status(got) == 206 and content == contents["inline"][int(start) : int(end) + 1]


def test_range_and_part_together(s3, stored):
    with refused(400, "InvalidRequest"):
        s3.get_object(Bucket=stored[0], Key="inline", Range="bytes=0-1", PartNumber=1)


def test_part_of_an_object_put_whole(s3, stored):
    """Part 1 is all of it; there is no other."""
    bucket, contents = stored
    got = s3.get_object(Bucket=bucket, Key="blob", PartNumber=1)
    assert status(got) == 206 and got["Body"].read() == contents["blob"]
    with refused_with(*NO_SUCH_PART):
        s3.get_object(Bucket=bucket, Key="blob", PartNumber=2)


def test_range_with_conditions(s3, stored):
    """The condition is judged first: 304 and 412 before 416."""
    bucket, _ = stored
    tag = s3.head_object(Bucket=bucket, Key="inline")["ETag"]
    for expected, conditions in [(304, {"IfNoneMatch": tag}), (412, {"IfMatch": '"0"'})]:
        with refused(expected):
            s3.get_object(Bucket=bucket, Key="inline", Range="bytes=5000-", **conditions)
    got = s3.get_object(Bucket=bucket, Key="inline", Range="bytes=0-1", IfMatch=tag)
    assert status(got) == 206
