"""Cross-origin rules of buckets: what they can be, and what browsers are told."""

import pytest

import digests
from answers import new_bucket, refused, status
from lake import Lake, close, need_binary, random_keys
from sigv4 import Request, request, signed

PAGE = "https://app.example"
VARY = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method"
NO_SUCH_RULE = "CORSResponse: This CORS request is not allowed."
RULES = [
    {
        "ID": "app",
        "AllowedOrigins": [PAGE, "https://*.shop.example"],
        "AllowedMethods": ["GET", "PUT"],
        "AllowedHeaders": ["x-amz-*", "Content-Type", "authorization"],
        "ExposeHeaders": ["ETag", "x-amz-version-id"],
        "MaxAgeSeconds": 3000,
    },
    {"AllowedOrigins": ["*"], "AllowedMethods": ["HEAD"]},
]


def allow(s3, bucket, *rules):
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": list(rules)})


def told(answer):
    """What the answer says to a browser, by short names."""
    prefix = "access-control-"
    found = {name.lower().removeprefix(prefix): text for name, text in answer.headers.items()
             if name.lower().startswith(prefix)}
    assert (answer.headers["Vary"] == VARY) if found else ("Vary" not in answer.headers)
    return found


def options(lake, path, origin=None, method=None, names=None, host=None):
    pairs = [("Origin", origin), ("Access-Control-Request-Method", method), ("Access-Control-Request-Headers", names)]
    headers = [(name, text) for name, text in pairs if text is not None]
    return Request("OPTIONS", path, [], [("Host", host or lake.host), *headers]).send(lake.address)


@pytest.fixture
def ruled(s3, bucket):
    allow(s3, bucket, *RULES)
    return bucket


def test_rules_are_kept_replaced_and_taken_away(s3, bucket):
    with refused(404, "NoSuchCORSConfiguration"):
        s3.get_bucket_cors(Bucket=bucket)
    assert status(s3.delete_bucket_cors(Bucket=bucket)) == 204
    allow(s3, bucket, *RULES)
    assert s3.get_bucket_cors(Bucket=bucket)["CORSRules"] == RULES
    allow(s3, bucket, RULES[1])
    assert s3.get_bucket_cors(Bucket=bucket)["CORSRules"] == RULES[1:]
    assert status(s3.delete_bucket_cors(Bucket=bucket)) == 204
    with refused(404, "NoSuchCORSConfiguration"):
        s3.get_bucket_cors(Bucket=bucket)
    with refused(404, "NoSuchBucket"):
        s3.get_bucket_cors(Bucket="absent-" + bucket)


@pytest.mark.parametrize(
    "rule, code",
    [
        ({"AllowedOrigins": ["*"], "AllowedMethods": ["PATCH"]}, "InvalidRequest"),
        ({"AllowedOrigins": ["*"], "AllowedMethods": ["OPTIONS"]}, "InvalidRequest"),
        ({"AllowedOrigins": ["*.*"], "AllowedMethods": ["GET"]}, "InvalidRequest"),
        ({"AllowedOrigins": ["*"], "AllowedMethods": ["GET"], "AllowedHeaders": ["x-*-*"]}, "InvalidRequest"),
        ({"AllowedOrigins": ["*"], "AllowedMethods": ["GET"], "ExposeHeaders": ["*"]}, "InvalidRequest"),
        ({"AllowedOrigins": ["*"], "AllowedMethods": ["GET"], "ExposeHeaders": ["a: b"]}, "InvalidRequest"),
        ({"AllowedOrigins": ["*"], "AllowedMethods": ["GET"], "MaxAgeSeconds": -1}, "InvalidArgument"),
        ({"AllowedOrigins": ["*"], "AllowedMethods": ["GET"], "ID": "i" * 256}, "InvalidArgument"),
        ({"AllowedOrigins": [], "AllowedMethods": ["GET"]}, "MalformedXML"),
        ({"AllowedOrigins": ["*"], "AllowedMethods": []}, "MalformedXML"),
        ({"AllowedOrigins": ["o" * 70_000], "AllowedMethods": ["GET"]}, "MalformedXML"),
    ],
)
def test_rules_that_cannot_be_change_nothing(s3, ruled, rule, code):
    with refused(400, code):
        allow(s3, ruled, RULES[1], rule)
    assert s3.get_bucket_cors(Bucket=ruled)["CORSRules"] == RULES


def test_a_bucket_has_1_to_100_rules(s3, bucket):
    allow(s3, bucket, *[RULES[1]] * 100)
    for count in (0, 101):
        with refused(400, "MalformedXML"):
            allow(s3, bucket, *[RULES[1]] * count)
    assert len(s3.get_bucket_cors(Bucket=bucket)["CORSRules"]) == 100


@pytest.mark.parametrize("path", ["/{}", "/{}/", "/{}/k", "/{}/a/b%20c", "/{}/k?X-Amz-Signature=0&Signature=1"])
def test_a_preflight_needs_no_signature_and_no_object(lake, ruled, path):
    answer = options(lake, path.format(ruled), PAGE, "PUT", "X-Amz-Meta-A, content-type")
    assert (answer.status, answer.body, answer.headers["Content-Length"]) == (200, b"", "0")
    assert told(answer) == {
        "allow-origin": PAGE,
        "allow-credentials": "true",
        "allow-methods": "GET, PUT",
        "allow-headers": "x-amz-meta-a, content-type",
        "expose-headers": "ETag, x-amz-version-id",
        "max-age": "3000",
    }
    assert answer.headers["x-amz-request-id"]


def test_a_rule_for_everybody_takes_no_credentials(lake, ruled):
    """M05 of the security table: a star is answered as a star, and never with credentials."""
    answer = options(lake, f"/{ruled}/k", "https://anywhere.example", "HEAD")
    assert told(answer) == {"allow-origin": "*", "allow-methods": "HEAD"}


@pytest.mark.parametrize(
    "origin, method, names, expected, message",
    [
        (None, "GET", None, "400 BadRequest", "Insufficient information. Origin request header needed."),
        (PAGE, None, None, "400 BadRequest", "Invalid Access-Control-Request-Method: null"),
        (PAGE, "PATCH", None, "400 BadRequest", "Invalid Access-Control-Request-Method: PATCH"),
        (PAGE, "GET", "a b", "400 BadRequest", 'Access-Control-Request-Headers "a b" contains invalid character.'),
        (PAGE, "DELETE", None, "403 AccessForbidden", NO_SUCH_RULE),
        (PAGE, "GET", "cookie", "403 AccessForbidden", NO_SUCH_RULE),
        (PAGE, "GET", ",".join(f"x-amz-{n}" for n in range(101)), "403 AccessForbidden", NO_SUCH_RULE),
        ("http://app.example", "GET", None, "403 AccessForbidden", NO_SUCH_RULE),
        ("https://app.example.evil.example", "GET", None, "403 AccessForbidden", NO_SUCH_RULE),
        ("https://shop.example", "GET", None, "403 AccessForbidden", NO_SUCH_RULE),
        ("null", "GET", None, "403 AccessForbidden", NO_SUCH_RULE),
    ],
)
def test_preflights_that_are_refused(lake, ruled, origin, method, names, expected, message):
    answer = options(lake, f"/{ruled}/k", origin, method, names)
    assert f"{answer.status} {answer.code}" == expected and answer.field("Message").startswith(message)
    assert told(answer) == {}
    if answer.status == 403:
        assert (answer.field("Method"), answer.field("ResourceType")) == (method, "OBJECT")


def test_preflights_of_buckets_without_rules(lake, bucket):
    for path, message in (
        (f"/{bucket}/k", "CORSResponse: CORS is not enabled for this bucket."),
        (f"/absent-{bucket}/k", "CORSResponse: Bucket not found"),
        ("/Bad_Name/k", "CORSResponse: Bucket not found"),
        ("/", "CORSResponse: Bucket not found"),
    ):
        for method in ("GET", None):
            answer = options(lake, path, PAGE, method)
            assert (answer.status, answer.code, answer.field("Message")) == (403, "AccessForbidden", message)
            assert (answer.field("Method"), answer.field("ResourceType")) == (method or "OPTIONS", "BUCKET")


def ask(lake, method, path, *headers, body=b"", query=(), sign=True):
    made = request(method, lake.host, path, query, headers, body)
    return (signed(made, lake.keys) if sign else made).send(lake.address)


def test_every_answer_to_a_page_says_so(lake, s3, ruled):
    page = ("Origin", PAGE)
    allowed = {
        "allow-origin": PAGE,
        "allow-credentials": "true",
        "allow-methods": "GET, PUT",
        "expose-headers": "ETag, x-amz-version-id",
        "max-age": "3000",
    }
    path = f"/{ruled}/k"
    written = ask(lake, "PUT", path, page, body=b"12345")
    etag = written.headers["ETag"]
    for expected, made in (
        (200, written),
        (200, ask(lake, "GET", path, page)),
        (206, ask(lake, "GET", path, page, ("Range", "bytes=1-2"))),
        (304, ask(lake, "GET", path, page, ("If-None-Match", etag))),
        (412, ask(lake, "GET", path, page, ("If-Match", '"0"'))),
        (416, ask(lake, "GET", path, page, ("Range", "bytes=9-"))),
        (404, ask(lake, "GET", f"/{ruled}/absent", page)),
        (403, ask(lake, "GET", path, page, sign=False)),
        (403, ask(lake, "PUT", path, page, sign=False)),
        (400, ask(lake, "GET", path, page, ("Authorization", "nonsense"), sign=False)),
        (200, ask(lake, "GET", f"/{ruled}", page)),
        (200, ask(lake, "GET", path, ("Origin", "https://a.shop.example"))),
    ):
        assert made.status == expected
        origin = "https://a.shop.example" if made.headers.get("Access-Control-Allow-Origin") != PAGE else PAGE
        assert told(made) == allowed | {"allow-origin": origin}, expected


def test_the_other_answers_say_nothing(lake, s3, bucket, ruled):
    s3.put_object(Bucket=ruled, Key="k", Body=b"1")
    page, path = ("Origin", PAGE), f"/{ruled}/k"
    for made in (
        ask(lake, "GET", path),
        ask(lake, "GET", path, ("Referer", PAGE)),
        ask(lake, "GET", path, ("Origin", "https://evil.example")),
        ask(lake, "DELETE", f"/{ruled}/other", page),
        ask(lake, "GET", path, page, ("Access-Control-Request-Method", "DELETE")),
        ask(lake, "GET", path, page, ("Access-Control-Request-Headers", "x-other")),
        ask(lake, "GET", "/", page),
        Request("GET", "/_lake/health/live", [], [("Host", lake.host), page]).send(lake.address),
    ):
        assert made.status in (200, 204) and told(made) == {}
    s3.delete_bucket_cors(Bucket=ruled)
    assert told(ask(lake, "GET", path, page)) == {}
    with refused(404, "NoSuchCORSConfiguration"):
        s3.get_bucket_cors(Bucket=ruled)


def test_a_page_may_look_before_it_leaps(lake, ruled):
    """S3 reads the headers of a preflight on any other request as well."""
    page = ("Origin", PAGE)
    asking = (("Access-Control-Request-Method", "GET"), ("Access-Control-Request-Headers", "X-Amz-Date"))
    answer = ask(lake, "DELETE", f"/{ruled}/k", page, *asking)
    assert (answer.status, told(answer)["allow-headers"]) == (204, "x-amz-date")


def test_rules_in_the_words_of_the_wire(lake, s3, bucket):
    """G09: a misspelt element is no rule, and nothing is half taken."""
    rule = b"<CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>*</AllowedOrigin>%s</CORSRule>"
    document = b"<CORSConfiguration>%s</CORSConfiguration>"

    def put(content):
        headers = [("Content-MD5", digests.md5(content))]
        return ask(lake, "PUT", f"/{bucket}", *headers, body=content, query=[("cors", None)])

    for wrong in (
        document % (rule % b"<AlowedHeader>*</AlowedHeader>"),
        document % (rule % b"<MaxAgeSeconds>soon</MaxAgeSeconds>"),
        document % (rule % b"<MaxAgeSeconds>99999999999</MaxAgeSeconds>"),
        document % b"<CORSRule><AllowedMethod>GET</AllowedMethod></CORSRule>",
        document % b"",
        document % ((rule % b"") * 20_000),
        b"",
    ):
        answer = put(wrong)
        assert answer.status == 400 and answer.code in ("MalformedXML", "MissingRequestBodyError"), wrong[:100]
    with refused(404, "NoSuchCORSConfiguration"):
        s3.get_bucket_cors(Bucket=bucket)
    assert put(document % (rule % b"")).status == 200
    assert options(lake, f"/{bucket}/k", PAGE, "GET").status == 200


def test_by_host_too_and_after_a_restart(tmp_path_factory):
    need_binary()
    settings = {"TWINLAKE_DOMAIN": "lake.test"}
    lake = Lake(tmp_path_factory.mktemp("cors") / "data", keys=random_keys(), environment=settings).start()
    bucket = new_bucket(lake.client())
    allow(lake.client(), bucket, *RULES)
    for _ in range(2):
        host = f"{bucket}.lake.test"
        assert told(options(lake, "/k", PAGE, "GET", host=host))["allow-origin"] == PAGE
        assert options(lake, f"/{bucket}/k", PAGE, "GET", host="lake.test").status == 200
        made = signed(request("GET", host, "/", headers=[("Origin", PAGE)]), lake.keys).send(lake.address)
        assert made.status == 200 and told(made)["allow-origin"] == PAGE
        assert lake.client().get_bucket_cors(Bucket=bucket)["CORSRules"] == RULES
        assert lake.stop() == 0
        lake.start()
    close(lake)
