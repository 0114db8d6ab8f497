"""Keys are bytes: whatever goes in comes out of every listing and opens the same object."""

from urllib.parse import unquote

import pytest

from answers import body, fetch, keys_of, new_bucket, refused
from sigv4 import Request, encoded, request, signed

ODD = [
    "a",
    "a/",
    "a/b",
    "a//b",
    "a///b",
    "/a",
    "//",
    "/",
    ".",
    "..",
    "./a",
    "../x",
    "a/../b",
    "a/./b",
    "a/..",
    "...",
    " ",
    " a",
    "a ",
    "a b",
    "a+b",
    "a%20b",
    "%",
    "%41",
    "A",
    "%2F",
    "%2e%2e",
    "..%2f",
    "..\\",
    "a\\b",
    "a?b",
    "a#b",
    "a&b=c",
    "a;b",
    "a:b",
    "a,b",
    "a'b",
    'a"b',
    "<a>",
    "a]]>b",
    "&amp;",
    "é",
    "e\u0301",
    "日本語/風",
    "\U0001f32c\ufe0f",
    "\u202egnp.exe",
    "zero\u200bwidth",
    "\ufeffbom",
    "\ufffd",
    "a\tb",
    "a\nb",
    "a\rb",
    "a\x01b",
    "\x7f",
    ".sys/x",
    "#1",
    ".tmp",
    "x.part.1",
    "_lake/health/live",
    "CON",
    "aux.txt",
    "trailing.",
    "~",
    "*",
    "a|b",
    "a`b",
    "k" * 1024,
    "é" * 512,
    "\U0001f32c" * 256,
    "/".join("x" * 512),
    "a" * 255 + "/" + "b" * 300,
]
LEGAL_IN_XML = [key for key in ODD if not set(key) & {"\x01"}]


@pytest.fixture(scope="module")
def bucket(lake):
    """All of them side by side; each object holds its key."""
    s3 = lake.client()
    made = new_bucket(s3)
    for key in ODD:
        s3.put_object(Bucket=made, Key=key, Body=key.encode())
    return made


def list_raw(lake, bucket, *query):
    return signed(request("GET", lake.host, f"/{bucket}", [("list-type", 2), *query]), lake.keys).send(lake.address)


@pytest.mark.parametrize("key", ODD, ids=lambda key: encoded(key)[:30])
def test_each_opens_its_own_object(s3, bucket, key):
    assert fetch(s3, bucket, key) == key.encode()
    assert s3.head_object(Bucket=bucket, Key=key)["ContentLength"] == len(key.encode())


def test_all_are_listed_byte_for_byte(lake, s3, bucket):
    """boto3 asks for `encoding-type=url` and takes the escapes away."""
    expected = sorted(ODD, key=str.encode)
    assert keys_of(s3.list_objects_v2(Bucket=bucket)) == expected
    assert keys_of(s3.list_objects(Bucket=bucket)) == expected
    assert keys_of(s3.list_object_versions(Bucket=bucket), "Versions") == expected


@pytest.mark.parametrize("key", LEGAL_IN_XML, ids=lambda key: encoded(key)[:30])
def test_listed_without_encoding(lake, bucket, key):
    answer = list_raw(lake, bucket, ("prefix", key), ("max-keys", 1))
    assert answer.status == 200
    assert answer.fields("Key") == [key] and answer.field("Prefix") == key


def test_a_key_that_xml_cannot_hold(lake, bucket):
    """XML 1.0 has no way to write U+0001: the answer must be readable all the same, or be refused."""
    answer = list_raw(lake, bucket, ("prefix", "a\x01"), ("encoding-type", "url"))
    assert answer.fields("Key") == ["a%01b"]
    answer = list_raw(lake, bucket, ("prefix", "a\x01"))
    assert answer.status in (200, 400)
    assert answer.status == 400 or b"\x01" not in answer.body


@pytest.mark.parametrize("key", ODD, ids=lambda key: encoded(key)[:30])
def test_copied_and_deleted_by_name(s3, bucket, key):
    """A second bucket, so that a key taken for another would show."""
    other = new_bucket(s3)
    s3.copy_object(Bucket=other, Key=key, CopySource={"Bucket": bucket, "Key": key})
    assert fetch(s3, other, key) == key.encode()
    s3.delete_object(Bucket=other, Key=key)
    assert keys_of(s3.list_objects_v2(Bucket=other)) == []


def test_many_deleted_by_name(s3, bucket):
    other = new_bucket(s3)
    for key in LEGAL_IN_XML:
        s3.put_object(Bucket=other, Key=key, Body=b"")
    s3.put_object(Bucket=other, Key="stays", Body=b"")
    told = s3.delete_objects(Bucket=other, Delete={"Objects": [{"Key": key} for key in LEGAL_IN_XML]})
    assert "Errors" not in told and [entry["Key"] for entry in told["Deleted"]] == LEGAL_IN_XML
    assert keys_of(s3.list_objects_v2(Bucket=other)) == ["stays"]


@pytest.mark.parametrize("key", ["a//b", "../x", "\U0001f32c\ufe0f", "a b+c", "k" * 1024], ids=lambda key: key[:8])
def test_uploads_under_odd_names(s3, bucket, key):
    upload = {"Bucket": bucket, "Key": key, "UploadId": s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]}
    assert [entry["Key"] for entry in s3.list_multipart_uploads(Bucket=bucket)["Uploads"]] == [key]
    s3.upload_part(PartNumber=1, Body=body(10), **upload)
    assert s3.list_parts(**upload)["Key"] == key
    s3.abort_multipart_upload(**upload)


REFUSED = [
    ("a%00b", 400, {"InvalidArgument", "InvalidURI", "InvalidRequest"}),
    ("%00", 400, {"InvalidArgument", "InvalidURI", "InvalidRequest"}),
    ("k" * 1025, 400, {"KeyTooLongError"}),
    ("k" * 1023 + "%C3%A9", 400, {"KeyTooLongError"}),
    ("%FF", 400, {"InvalidURI"}),
    ("%C3%28", 400, {"InvalidURI"}),
    ("%C0%AE%C0%AE/x", 400, {"InvalidURI"}),
    ("%ED%A0%80", 400, {"InvalidURI"}),
]


@pytest.mark.parametrize("escaped, status, codes", REFUSED, ids=[row[0][-12:] for row in REFUSED])
def test_what_is_no_key(lake, s3, bucket, escaped, status, codes):
    before = keys_of(s3.list_objects_v2(Bucket=bucket))
    for method in ("PUT", "GET", "DELETE"):
        made = Request(method, f"/{bucket}/{escaped}", [], [("Host", lake.host)], b"x" if method == "PUT" else b"")
        answer = signed(made, lake.keys).send(lake.address)
        assert answer.status == status and answer.code in codes, (method, answer)
    assert keys_of(s3.list_objects_v2(Bucket=bucket)) == before


def test_no_other_bucket_is_reached_by_dots(lake, s3, bucket):
    """`PUT /bucket/../other/x` is a key of `bucket`, and `other` does not change."""
    other = new_bucket(s3)
    s3.put_object(Bucket=other, Key="x", Body=b"mine")
    for dots in (f"../{other}/x", f"a/../../{other}/x", f"..%2F{other}%2Fx", f"%2e%2e/{other}/x"):
        sent = f"/{bucket}/{dots}"
        canonical = encoded(unquote(sent), "/")
        put = Request("PUT", canonical, [], [("Host", lake.host)], b"theirs")
        assert signed(put, lake.keys).replaced(path=sent).send(lake.address).status == 200
        assert fetch(s3, other, "x") == b"mine" and fetch(s3, bucket, unquote(dots)) == b"theirs"
        delete = Request("DELETE", canonical, [], [("Host", lake.host)])
        assert signed(delete, lake.keys).replaced(path=sent).send(lake.address).status == 204
        assert fetch(s3, other, "x") == b"mine"


def test_a_prefix_is_not_a_key(s3, bucket):
    with refused(404, "NoSuchKey"):
        s3.get_object(Bucket=bucket, Key="aux")
