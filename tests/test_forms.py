"""Upload forms: what a page's maker signs, a browser sends, and the policy allows."""

import hashlib
import urllib.parse
import urllib.request
import uuid

import pytest

import digests
import wire
from answers import body, fetch, new_bucket
from forms import BOUNDARY, Form, document, moment, signed_form, version_2
from lake import Lake, close, need_binary, random_keys
from sigv4 import Scope, now

MIB = 1 << 20
# The longest form that is held in memory while it is read.
HELD = 16 * MIB


@pytest.fixture
def post(lake, bucket):
    """Sends a form of these fields, which its policy asks for as they are unless told otherwise."""

    def send(fields, **options):
        return signed_form(bucket, lake.keys, fields, **options).request(lake.host).send(lake.address)

    return send


def status_and_code(answer):
    return f"{answer.status} {answer.code}" if answer.code else answer.status


def test_boto3_makes_forms(lake, s3, bucket):
    """`generate_presigned_post`, and an HTTP client that knows nothing of S3."""
    fields = {"acl": "private", "Content-Type": "image/png"}
    conditions = [{"acl": "private"}, ["starts-with", "$Content-Type", "image/"], ["content-length-range", 1, 100]]
    made = s3.generate_presigned_post(bucket, "up/${filename}", fields, conditions, ExpiresIn=60)
    form = Form("", list(made["fields"].items()), content=b"a picture", filename="ü b.png")
    request = urllib.request.Request(made["url"], form.body(), method="POST")
    request.add_header("Content-Type", f"multipart/form-data; boundary={BOUNDARY}")
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 204 and answer.read() == b""
    told = s3.get_object(Bucket=bucket, Key="up/ü b.png")
    assert (told["Body"].read(), told["ContentType"]) == (b"a picture", "image/png")


@pytest.mark.parametrize("length", [0, 1, 100_000, 3 * MIB])
def test_a_form_is_a_put(post, s3, bucket, length):
    content = body(length)
    answer = post([("key", "k")], content=content)
    assert answer.status == 204 and answer.body == b""
    assert answer.headers["etag"] == f'"{hashlib.md5(content).hexdigest()}"'
    assert answer.headers["x-amz-server-side-encryption"] == "AES256"
    assert answer.headers["x-lake-sequence"] and answer.headers["x-lake-replicas"] == "1"
    told = s3.get_object(Bucket=bucket, Key="k")
    assert told["Body"].read() == content and told["ContentType"] == "binary/octet-stream"


TAGGING = "<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag></TagSet></Tagging>"


def test_what_headers_say_fields_say(post, s3, bucket):
    content = b"told"
    fields = [
        ("KEY", "k"),
        ("acl", "private"),
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Cache-Control", "no-cache"),
        ("Content-Disposition", 'attachment; filename="a"'),
        ("Content-Encoding", "gzip"),
        ("Expires", "Thu, 01 Dec 2033 16:00:00 GMT"),
        ("x-amz-meta-One", "1"),
        ("x-amz-meta-two", "two words"),
        ("x-amz-website-redirect-location", "/elsewhere"),
        ("x-amz-storage-class", "STANDARD"),
        ("x-amz-server-side-encryption", "AES256"),
        ("tagging", TAGGING),
        ("Content-MD5", digests.md5(content)),
        ("x-amz-checksum-sha256", digests.text("SHA256", content)),
        ("x-ignore-me", "whatever"),
    ]
    assert post(fields, content=content).status == 204
    told = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert told["Metadata"] == {"one": "1", "two": "two words"}
    assert (told["ContentType"], told["CacheControl"]) == ("text/plain; charset=utf-8", "no-cache")
    assert (told["ContentDisposition"], told["ContentEncoding"]) == ('attachment; filename="a"', "gzip")
    assert told["ResponseMetadata"]["HTTPHeaders"]["expires"] == "Thu, 01 Dec 2033 16:00:00 GMT"
    assert told["WebsiteRedirectLocation"] == "/elsewhere"
    assert told["ChecksumSHA256"] == digests.text("SHA256", content)
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == [{"Key": "a", "Value": "1"}]


def test_metadata_that_is_not_ascii(post, s3, bucket):
    assert post([("key", "k"), ("x-amz-meta-name", "Zoë")]).status == 204
    assert s3.head_object(Bucket=bucket, Key="k")["Metadata"]["name"]


KEY = ["starts-with", "$key", "user/"]
CONDITIONS = {
    "equal": ([KEY, {"acl": "private"}], {"acl": "private"}, 204),
    "equal, as a list": ([KEY, ["eq", "$acl", "private"]], {"acl": "private"}, 204),
    "not equal": ([KEY, {"x-amz-meta-a": "b"}], {"x-amz-meta-a": "c"}, "403 AccessDenied"),
    "missing": ([KEY, {"x-amz-meta-a": "b"}], {}, "403 AccessDenied"),
    "begins so": ([KEY, ["starts-with", "$x-amz-meta-a", "b"]], {"x-amz-meta-a": "bc"}, 204),
    "begins otherwise": ([KEY, ["starts-with", "$x-amz-meta-a", "b"]], {"x-amz-meta-a": "cb"}, "403 AccessDenied"),
    "begins with anything": ([KEY, ["starts-with", "$x-amz-meta-a", ""]], {"x-amz-meta-a": "x"}, 204),
    "types": ([KEY, ["starts-with", "$Content-Type", "a/"]], {"Content-Type": "a/b,a/c"}, 204),
    "types, one not": (
        [KEY, ["starts-with", "$Content-Type", "a/"]],
        {"Content-Type": "a/b,b/c"},
        "403 AccessDenied",
    ),
    "case of names": ([["StArTs-wItH", "$kEy", "user/"], {"ACL": "private"}], {"aCl": "private"}, 204),
    "case of values": ([KEY, {"x-amz-meta-a": "B"}], {"x-amz-meta-a": "b"}, "403 AccessDenied"),
    "long enough": ([KEY, ["content-length-range", 7, 7]], {}, 204),
    "too long": ([KEY, ["content-length-range", 0, 6]], {}, "400 EntityTooLarge"),
    "too short": ([KEY, ["content-length-range", 8, 10]], {}, "400 EntityTooSmall"),
    "no longer than both": (
        [KEY, ["content-length-range", 0, 10], ["content-length-range", 0, 5]],
        {},
        "400 EntityTooLarge",
    ),
    "another key": ([["eq", "$key", "user/b"]], {}, "403 AccessDenied"),
    "a field too many": ([KEY], {"x-amz-meta-a": "b"}, "403 AccessDenied"),
    "a field to be ignored": ([KEY], {"x-ignore-a": "b"}, 204),
    "an unknown field": ([KEY, ["starts-with", "$submit", ""]], {"submit": "Upload"}, 204),
    "a checksum": ([KEY], {"x-amz-checksum-crc32": digests.text("CRC32", b"content")}, 204),
    "a wrong checksum": ([KEY], {"x-amz-checksum-crc32": "AAAAAA=="}, "400 BadDigest"),
    "no conditions": ([], {}, "403 AccessDenied"),
    "an empty one": ([KEY, {}], {}, "400 InvalidPolicyDocument"),
    "two in one": ([KEY, {"acl": "private", "key": "k"}], {}, "400 InvalidPolicyDocument"),
    "a number": ([KEY, {"success_action_status": 201}], {}, "400 InvalidPolicyDocument"),
    "an unknown one": ([KEY, ["ends-with", "$key", "a"]], {}, "400 InvalidPolicyDocument"),
    "half a range": ([KEY, ["content-length-range", 5]], {}, "400 InvalidPolicyDocument"),
    "another acl": ([KEY, {"acl": "aws-exec-read"}], {"acl": "aws-exec-read"}, "501 NotImplemented"),
}


@pytest.mark.parametrize("conditions, fields, expected", CONDITIONS.values(), ids=CONDITIONS)
def test_conditions(post, s3, bucket, conditions, fields, expected):
    answer = post([("key", "user/a"), *fields.items()], conditions=conditions)
    assert status_and_code(answer) == expected, answer.body
    stored = s3.list_objects_v2(Bucket=bucket).get("KeyCount", 0)
    assert stored == (1 if expected == 204 else 0)


EXPIRATIONS = {
    "soon": (lambda: moment(5), 204),
    "to the second": (lambda: moment(60).replace(".000", ""), 204),
    "just now": (lambda: moment(-1), "403 AccessDenied"),
    "long ago": (lambda: "2007-12-01T12:00:00.000Z", "403 AccessDenied"),
    "no date": (lambda: "tomorrow", "400 InvalidPolicyDocument"),
    "as Python prints it": (lambda: str(now(60)), "400 InvalidPolicyDocument"),
    "a number": (lambda: 4e9, "400 InvalidPolicyDocument"),
}


@pytest.mark.parametrize("expiration, expected", EXPIRATIONS.values(), ids=EXPIRATIONS)
def test_expirations(post, expiration, expected):
    assert status_and_code(post([("key", "k")], expiration=expiration())) == expected


@pytest.mark.parametrize("policy", ["{", "[]", '{"conditions": []}', '{"expiration": "2036-01-01T00:00:00Z"}'])
def test_policies_that_are_none(lake, bucket, policy):
    form = Form(f"/{bucket}", [("key", "k"), *version_2(policy, lake.keys)])
    assert status_and_code(form.request(lake.host).send(lake.address)) == "400 InvalidPolicyDocument"


def test_what_was_signed_last_week_is_good(post):
    """A policy is good for as long as it says; a signing key of version 4 for seven days."""
    day = 86_400
    assert post([("key", "k")], scope=Scope(now(-6 * day))).status == 204
    assert status_and_code(post([("key", "k")], scope=Scope(now(-8 * day)))) == "403 AccessDenied"
    assert status_and_code(post([("key", "k")], scope=Scope(now(20 * 60)))) == "403 RequestTimeTooSkewed"


def test_forms_signed_by_version_2(lake, s3, bucket):
    policy = document([{"bucket": bucket}, ["starts-with", "$key", ""]])
    signed = version_2(policy, lake.keys)
    send = lambda fields: Form(f"/{bucket}", fields).request(lake.host).send(lake.address)
    assert send([("key", "by version 2"), *signed]).status == 204
    assert fetch(s3, bucket, "by version 2") == b"content"
    other = version_2(policy, random_keys()._replace(access=lake.keys.access))
    assert status_and_code(send([("key", "k"), *other])) == "403 SignatureDoesNotMatch"
    for missing in ("AWSAccessKeyId", "policy", "signature"):
        half = [pair for pair in signed if pair[0] != missing]
        assert status_and_code(send([("key", "k"), *half])) == "400 InvalidArgument"


STATUSES = {"200": 200, "201": 201, "204": 204, "404": 204, "": 204}


@pytest.mark.parametrize("asked, given", STATUSES.items())
def test_the_status_of_success(post, lake, bucket, asked, given):
    answer = post([("key", "a <b>"), ("success_action_status", asked)])
    assert answer.status == given
    place = f"http://{lake.host}/{bucket}/a%20%3Cb%3E"
    assert answer.headers["location"] == place
    if given != 201:
        assert answer.body == b""
        return
    assert answer.headers["content-type"] == "application/xml"
    told = {name: answer.field(name) for name in ("Location", "Bucket", "Key", "ETag")}
    assert told == {"Location": place, "Bucket": bucket, "Key": "a <b>", "ETag": answer.headers["etag"]}


@pytest.mark.parametrize("field", ["success_action_redirect", "redirect"])
@pytest.mark.parametrize("start", ["https://a.example/thanks", "http://a.example:81/?x=1", "https://a.example/#there"])
def test_the_redirect_of_success(post, bucket, field, start):
    answer = post([("key", "a/b c"), (field, start)])
    assert answer.status == 303 and answer.body == b""
    address, target = (urllib.parse.urlsplit(text) for text in (start, answer.headers["location"]))
    assert (target.scheme, target.netloc, target.path, target.fragment) == (
        address.scheme,
        address.netloc,
        address.path,
        address.fragment,
    )
    told = dict(urllib.parse.parse_qsl(target.query, strict_parsing=True))
    assert told == {
        **dict(urllib.parse.parse_qsl(address.query)),
        "bucket": bucket,
        "key": "a/b c",
        "etag": answer.headers["etag"],
    }


def test_what_stands_behind_the_file_is_ignored(post, s3, bucket):
    assert post([("key", "k")], behind=[("submit", "Upload"), ("key", "another")]).status == 204
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["k"]


def test_a_form_without_a_last_line_end(lake, s3, bucket):
    made = signed_form(bucket, lake.keys, [("key", "k")]).request(lake.host)
    made.body = made.body.removesuffix(b"\r\n")
    assert made.send(lake.address).status == 204
    assert fetch(s3, bucket, "k") == b"content"


def test_long_forms_stream(post, s3, bucket):
    content = body(HELD + 5)
    assert post([("key", "k")], content=content).status == 204
    assert fetch(s3, bucket, "k") == content
    answer = post([("key", "k")], content=content, conditions=[["eq", "$key", "k"], ["content-length-range", 0, HELD]])
    assert status_and_code(answer) == "400 EntityTooLarge"
    answer = post([("key", "other")], content=content, behind=[("submit", "Upload")])
    assert status_and_code(answer) == "400 MalformedPOSTRequest" and "last field" in answer.field("Message")
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["k"]


def test_a_refusal_comes_before_the_file(lake, bucket):
    """What the policy forbids is refused when the fields have come; of the file nothing needs to be sent."""
    made = signed_form(bucket, lake.keys, [("key", "k")], conditions=[{"key": "other"}]).request(lake.host)
    length = ("Content-Length", len(made.body) + (1 << 30))
    with wire.connect(lake.address) as connection:
        connection.sendall(wire.head("POST", made.path, [*made.headers, length]) + made.body[: made.body.index(b"photo")])
        connection.sendall(b'photo"\r\n\r\n')
        assert status_and_code(wire.receive(connection)) == "403 AccessDenied"


def test_a_form_that_breaks_off_stores_nothing(lake, s3, bucket):
    made = signed_form(bucket, lake.keys, [("key", "k")], content=body(300_000)).request(lake.host)
    head = wire.head("POST", made.path, [*made.headers, ("Content-Length", len(made.body))])
    for end in (100, len(made.body) - 10):
        answer = wire.exchange(lake.address, head + made.body[:end], hang_up=True)
        assert status_and_code(answer) == "400 IncompleteBody"
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_a_versioned_bucket(lake, s3):
    bucket = new_bucket(s3, versioning="Enabled")
    answer = signed_form(bucket, lake.keys, [("key", "k")]).request(lake.host).send(lake.address)
    assert answer.headers["x-amz-version-id"] == s3.head_object(Bucket=bucket, Key="k")["VersionId"]


def test_nobody_may_post(lake, bucket):
    """A form without a policy is sent by nobody in particular, who may not write."""
    form = Form(f"/{bucket}", [("key", "k"), ("acl", "private")])
    assert status_and_code(form.request(lake.host).send(lake.address)) == "403 AccessDenied"
    form = Form(f"/no-such-bucket-{uuid.uuid4()}", [("key", "k")])
    assert status_and_code(form.request(lake.host).send(lake.address)) == "404 NoSuchBucket"


def test_a_bucket_in_the_host(tmp_path):
    need_binary()
    lake = Lake(
        tmp_path / "data", keys=random_keys(), environment={"TWINLAKE_DOMAIN": "lake.example"}
    ).start()
    try:
        s3 = lake.client()
        bucket = new_bucket(s3)
        form = signed_form(bucket, lake.keys, [("key", "k")])
        form.path = "/"
        answer = form.request(f"{bucket}.lake.example").send(lake.address)
        assert answer.status == 204 and answer.headers["location"] == f"http://{bucket}.lake.example/k"
        assert fetch(s3, bucket, "k") == b"content"
    finally:
        close(lake)
