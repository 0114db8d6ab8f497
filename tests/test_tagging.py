"""Tags of objects."""

import pytest

from answers import refused, status
from sigv4 import request, signed


def as_set(tags):
    return {"TagSet": [{"Key": name, "Value": value} for name, value in tags.items()]}


def told(s3, bucket, key="k", **options):
    return {tag["Key"]: tag["Value"] for tag in s3.get_object_tagging(Bucket=bucket, Key=key, **options)["TagSet"]}


@pytest.fixture
def tagged(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Tagging="before=1")
    return bucket


GOOD = [
    {},
    {"a": "b"},
    {"empty": ""},
    {f"n{number}": "v" * 256 for number in range(10)},
    {"n" * 128: "v"},
    {"blade angle/θ": "30 + 2 = @_.:-/", "ärger": "日本"},
]


@pytest.mark.parametrize("tags", GOOD, ids=["none", "one", "empty value", "ten", "long name", "letters"])
def test_tags_are_set_told_counted_and_removed(s3, tagged, tags):
    s3.put_object_tagging(Bucket=tagged, Key="k", Tagging=as_set(tags))
    assert told(s3, tagged) == tags
    for answer in (s3.get_object(Bucket=tagged, Key="k"), s3.head_object(Bucket=tagged, Key="k")):
        assert answer.get("TagCount", 0) == len(tags)
    assert status(s3.delete_object_tagging(Bucket=tagged, Key="k")) == 204
    assert told(s3, tagged) == {}
    assert s3.get_object(Bucket=tagged, Key="k")["Body"].read() == b"x"


BAD = {
    "eleven": ({f"n{number}": "v" for number in range(11)}, ("BadRequest", "InvalidTag")),
    "long name": ({"n" * 129: "v"}, ("InvalidTag",)),
    "long value": ({"n": "v" * 257}, ("InvalidTag",)),
    "reserved": ({"aws:x": "v"}, ("InvalidTag",)),
    "reserved in capitals": ({"AWS:x": "v"}, ("InvalidTag",)),
    "of the lake in capitals": ({"LAKE:x": "v"}, ("InvalidTag",)),
    "sign in name": ({"a&b": "v"}, ("InvalidTag",)),
    "sign in value": ({"a": "v;w"}, ("InvalidTag",)),
    "emoji": ({"a": "\U0001f32c"}, ("InvalidTag",)),
    "line break": ({"a": "v\nw"}, ("InvalidTag",)),
}


@pytest.mark.parametrize("tags, codes", BAD.values(), ids=BAD)
def test_bad_tags_change_nothing(s3, tagged, tags, codes):
    with refused(400, *codes):
        s3.put_object_tagging(Bucket=tagged, Key="k", Tagging=as_set(tags))
    assert told(s3, tagged) == {"before": "1"}


def test_a_name_twice(s3, tagged):
    twice = {"TagSet": [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]}
    with refused(400, "InvalidTag"):
        s3.put_object_tagging(Bucket=tagged, Key="k", Tagging=twice)
    assert told(s3, tagged) == {"before": "1"}


def test_tags_in_the_header_of_a_write(s3, tagged):
    s3.put_object(Bucket=tagged, Key="k", Body=b"y", Tagging="a=b%20c&d=&%C3%A4=%3D%40&plus=1+2")
    assert told(s3, tagged) == {"a": "b c", "d": "", "ä": "=@", "plus": "1 2"}


BAD_HEADERS = [
    "a=1&a=2",
    "=1",
    "&".join(f"n{number}=v" for number in range(11)),
    "n" * 129 + "=v",
    "aws:a=b",
    "a=" + "v" * 257,
    "a=%23",
]


@pytest.mark.parametrize("header", BAD_HEADERS, ids=lambda header: header[:12])
def test_bad_tag_headers_refuse_the_write(s3, tagged, header):
    with refused(400, "InvalidTag", "InvalidArgument", "BadRequest"):
        s3.put_object(Bucket=tagged, Key="k", Body=b"y", Tagging=header)
    assert s3.get_object(Bucket=tagged, Key="k")["Body"].read() == b"x"
    assert told(s3, tagged) == {"before": "1"}


def test_tags_of_what_is_not_there(s3, bucket):
    for call in (s3.get_object_tagging, s3.delete_object_tagging):
        with refused(404, "NoSuchKey"):
            call(Bucket=bucket, Key="none")
    with refused(404, "NoSuchKey"):
        s3.put_object_tagging(Bucket=bucket, Key="none", Tagging=as_set({"a": "b"}))


def test_each_version_has_its_own_tags(s3, versioned):
    first = s3.put_object(Bucket=versioned, Key="k", Body=b"1", Tagging="v=1")["VersionId"]
    second = s3.put_object(Bucket=versioned, Key="k", Body=b"2", Tagging="v=2")["VersionId"]
    answer = s3.put_object_tagging(Bucket=versioned, Key="k", VersionId=first, Tagging=as_set({"v": "one"}))
    assert answer["VersionId"] == first
    assert told(s3, versioned, VersionId=first) == {"v": "one"} and told(s3, versioned) == {"v": "2"}
    s3.delete_object_tagging(Bucket=versioned, Key="k")
    assert told(s3, versioned) == {} == told(s3, versioned, VersionId=second)
    assert told(s3, versioned, VersionId=first) == {"v": "one"}
    assert len(s3.list_object_versions(Bucket=versioned)["Versions"]) == 2


def test_the_etag_and_time_of_an_object_do_not_change_with_its_tags(s3, tagged):
    before = s3.head_object(Bucket=tagged, Key="k")
    s3.put_object_tagging(Bucket=tagged, Key="k", Tagging=as_set({"a": "b"}))
    after = s3.head_object(Bucket=tagged, Key="k")
    assert (after["ETag"], after["LastModified"]) == (before["ETag"], before["LastModified"])


MALFORMED = [
    "",
    "<Tagging>",
    "<Tagging></Tagging>",
    "<Other/>",
    "<Tagging><TagSet><Tag><Key>a</Key></Tag></TagSet></Tagging>",
]


@pytest.mark.parametrize("body", MALFORMED, ids=lambda body: body[-30:] or "empty")
def test_malformed_tag_sets(lake, s3, tagged, body):
    put = request("PUT", lake.host, f"/{tagged}/k", query=[("tagging", None)], body=body.encode())
    answer = signed(put, lake.keys).send(lake.address)
    assert (answer.status, answer.code) in [(400, "MalformedXML"), (400, "MissingRequestBodyError")]
    assert told(s3, tagged) == {"before": "1"}
