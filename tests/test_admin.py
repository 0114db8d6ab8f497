"""The admin API: what it answers, in which form, and what it refuses."""

import datetime
import json
import secrets

import pytest

import admin
import sigv4
from answers import body, new_bucket
from lake import ROOT, Keys

BUCKETS = "/buckets"


@pytest.fixture(autouse=True)
def ours(lake):
    if lake.process is None:
        pytest.skip("only Twinlake has this API")


def refusal(answer):
    """An error as the API writes every error: the code. It names the request as the header does."""
    assert answer.headers["Content-Type"] == "application/json", answer
    told = json.loads(answer.body)
    assert set(told) == {"code", "message", "requestId"} and told["message"]
    assert told["requestId"] == answer.headers["x-amz-request-id"]
    return answer.status, told["code"]


def test_the_document_is_served_as_it_is_committed(lake):
    answer = admin.ask(lake, "GET", "/openapi.json")
    assert answer.status == 200 and answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    committed = (ROOT / "docs/openapi.json").read_bytes()
    assert answer.body == committed


def test_buckets_are_listed_with_what_they_hold(lake, s3):
    prefix = f"usage-{secrets.token_hex(4)}-"
    names = sorted(f"{prefix}{number}" for number in range(5))
    for name in names:
        s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=names[1], VersioningConfiguration={"Status": "Enabled"})
    for _ in range(2):
        s3.put_object(Bucket=names[1], Key="a", Body=body(10))
    s3.put_object(Bucket=names[1], Key="b", Body=body(5))
    s3.delete_object(Bucket=names[1], Key="b")
    admin.set_quota(lake, names[2], objects=3)
    told = json.loads(admin.ask(lake, "GET", BUCKETS, query=[("prefix", prefix)]).body)
    assert [bucket["name"] for bucket in told["buckets"]] == names and told["next"] is None
    used = told["buckets"][1]
    assert used["versioning"] == "enabled" and used["quota"] is None
    assert used["used"] == {"bytes": 25, "objects": 1, "versions": 4}
    assert told["buckets"][2]["quota"] == {"objects": 3}
    created = datetime.datetime.fromisoformat(told["buckets"][0]["created"])
    assert abs(created - datetime.datetime.now(datetime.timezone.utc)) < datetime.timedelta(minutes=5)

    pages, after = [], []
    while True:
        page = json.loads(admin.ask(lake, "GET", BUCKETS, query=[("prefix", prefix), ("limit", 2), *after]).body)
        pages.append([bucket["name"] for bucket in page["buckets"]])
        if page["next"] is None:
            break
        after = [("after", page["next"])]
    assert pages == [names[:2], names[2:4], names[4:]]


@pytest.mark.parametrize(
    "document, said",
    [
        (b"", "EOF"),
        (b"{", "EOF"),
        (b"[]", ""),
        (b"null", ""),
        (b"\xff\xfe", ""),
        (b'{"bytes": 1} x', "trailing"),
        (b'{"bytes": 1, "bytes": 2}', "duplicate field `bytes`"),
        (b'{"byte": 1}', "unknown field `byte`"),
        (b'{"bytes": "1"}', ""),
        (b'{"bytes": -1}', ""),
        (b'{"bytes": 1.5}', ""),
        (b'{"bytes": 9223372036854775808}', "`bytes` must be at most 9223372036854775807"),
        (b'{"bytes": 99999999999999999999999}', ""),
        (b"{}", "bounds `bytes`, `objects` or both"),
        (b'{"bytes": null}', "bounds `bytes`, `objects` or both"),
        (b"[" * 60_000, ""),
    ],
)
def test_a_wrong_document_is_refused_and_changes_nothing(lake, bucket, document, said):
    admin.set_quota(lake, bucket, bytes=7)
    answer = admin.ask(lake, "PUT", f"/buckets/{bucket}/quota", document)
    assert refusal(answer) == (400, "MalformedJSON")
    assert said in json.loads(answer.body)["message"]
    assert admin.quota(lake, bucket)["quota"] == {"bytes": 7}


def test_a_document_has_bounds_and_a_type(lake, bucket):
    path = f"/buckets/{bucket}/quota"
    padded = b'{"bytes": 1' + b" " * (64 << 10) + b"}"
    assert refusal(admin.ask(lake, "PUT", path, padded)) == (413, "EntityTooLarge")
    plain = sigv4.request("PUT", lake.host, admin.ROOT + path, headers=[("Content-Type", "text/plain")], body=b"{}")
    assert refusal(sigv4.signed(plain, lake.keys).send(lake.address)) == (415, "UnsupportedMediaType")
    untyped = sigv4.request("PUT", lake.host, admin.ROOT + path, body=b'{"bytes": 1}')
    assert refusal(sigv4.signed(untyped, lake.keys).send(lake.address)) == (415, "UnsupportedMediaType")
    assert admin.quota(lake, bucket)["quota"] is None
    parameters = [("Content-Type", "application/json; charset=utf-8")]
    fine = sigv4.request("PUT", lake.host, admin.ROOT + path, headers=parameters, body=b'{"bytes": 1}')
    assert sigv4.signed(fine, lake.keys).send(lake.address).status == 200


@pytest.mark.parametrize(
    "method, path, query, expected",
    [
        ("GET", "/buckets/no-such-bucket-here/quota", [], (404, "NoSuchBucket")),
        ("PUT", "/buckets/no-such-bucket-here/quota", [], (404, "NoSuchBucket")),
        ("DELETE", "/buckets/no-such-bucket-here/quota", [], (404, "NoSuchBucket")),
        ("GET", "/buckets/UPPER/quota", [], (404, "NoSuchBucket")),
        ("GET", "/buckets/../quota", [], (404, "NoSuchBucket")),
        ("GET", "/buckets//quota", [], (404, "NoSuchBucket")),
        ("GET", "/buckets/", [], (404, "NotFound")),
        ("GET", "/nothing", [], (404, "NotFound")),
        ("GET", "/../../metrics", [], (404, "NotFound")),
        ("POST", "/buckets", [], (405, "MethodNotAllowed")),
        ("DELETE", "/openapi.json", [], (405, "MethodNotAllowed")),
        ("PATCH", "/buckets", [], (405, "MethodNotAllowed")),
        ("GET", "/buckets", [("limit", "0")], (400, "InvalidArgument")),
        ("GET", "/buckets", [("limit", "1001")], (400, "InvalidArgument")),
        ("GET", "/buckets", [("limit", "x")], (400, "InvalidArgument")),
        ("GET", "/buckets", [("page", "2")], (400, "InvalidRequest")),
        ("GET", "/buckets", [("prefix", "a"), ("prefix", "b")], (400, "InvalidRequest")),
        ("GET", "/openapi.json", [("x", "y")], (400, "InvalidRequest")),
    ],
)
def test_what_is_not_there_or_not_known_is_refused(lake, method, path, query, expected):
    document = {"bytes": 1} if method == "PUT" else None
    answer = admin.ask(lake, method, path, document, query)
    assert refusal(answer) == expected
    if expected[0] == 405:
        assert method not in answer.headers["Allow"].split(", ")


def test_only_root_signs(lake, bucket):
    stranger = Keys("STRANGER", "s" * 40)
    half = lake.keys._replace(secret="s" * 40)
    made = admin.request(lake, "GET", f"/buckets/{bucket}/quota")
    for answer, expected in [
        (made.send(lake.address), (403, "AccessDenied")),
        (sigv4.signed(made, stranger).send(lake.address), (403, "InvalidAccessKeyId")),
        (sigv4.signed(made, half).send(lake.address), (403, "SignatureDoesNotMatch")),
        (sigv4.presigned(made, lake.keys).send(lake.address), (403, "AccessDenied")),
        (sigv4.signed(made, lake.keys, payload=sigv4.UNSIGNED).send(lake.address), (403, "AccessDenied")),
    ]:
        assert refusal(answer) == expected


def test_a_body_that_is_not_the_signed_one_changes_nothing(lake, bucket):
    made = sigv4.signed(admin.request(lake, "PUT", f"/buckets/{bucket}/quota", {"bytes": 1}), lake.keys)
    answer = made.replaced(body=b'{"bytes": 2}').send(lake.address)
    assert refusal(answer) == (400, "XAmzContentSHA256Mismatch")
    assert admin.quota(lake, bucket)["quota"] is None


def test_a_head_has_no_body(lake):
    answer = admin.ask(lake, "HEAD", BUCKETS)
    assert (answer.status, answer.body) == (405, b"")


def test_requests_are_counted_and_logged_by_their_names(lake, s3):
    name = new_bucket(s3)
    seen = len(lake.output())
    admin.set_quota(lake, name, bytes=1)
    admin.ask(lake, "GET", "/nothing")
    said = lake.output()[seen:]
    assert "PutBucketQuota" in said and "caller=\"root\"" in said.replace("caller=root", 'caller="root"')


def test_where_the_host_names_a_bucket_the_path_is_a_key(new_lake):
    lake = new_lake("--domain", "lake.example").start()
    lake.client().create_bucket(Bucket="virtual")
    host = f"virtual.lake.example:{lake.address[1]}"
    made = sigv4.request("PUT", host, "/_lake/admin/v1/buckets", body=b"an object")
    assert sigv4.signed(made, lake.keys).send(lake.address).status == 200
    answer = lake.client().get_object(Bucket="virtual", Key="_lake/admin/v1/buckets")
    assert answer["Body"].read() == b"an object"
