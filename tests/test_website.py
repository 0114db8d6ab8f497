"""Buckets as websites: what their configuration can be, and where a visit to `BUCKET.WEBSITE_DOMAIN` leads."""

import digests
import pytest

from answers import etag, new_bucket, refused, status
from lake import Lake, Refused, close, need_binary, random_keys
from sigv4 import Request, presigned, request, signed

DOMAIN = "web.test"
INDEX, ERROR = b"<h1>index</h1>", b"<h1>error</h1>"
PLAIN = {"IndexDocument": {"Suffix": "index.html"}}
FULL = PLAIN | {"ErrorDocument": {"Key": "errors/404.html"}}


@pytest.fixture(scope="module")
def sites(tmp_path_factory):
    need_binary()
    settings = {"TWINLAKE_WEBSITE_DOMAIN": f"{DOMAIN},other.{DOMAIN}", "TWINLAKE_DOMAIN": "lake.test"}
    lake = Lake(tmp_path_factory.mktemp("sites") / "data", keys=random_keys(), environment=settings).start()
    yield lake
    close(lake)


@pytest.fixture
def s3(sites):
    return sites.client()


@pytest.fixture
def bucket(s3):
    """A bucket with some pages."""
    name = new_bucket(s3, "site")
    for key, content in (
        ("index.html", INDEX),
        ("docs/index.html", b"docs"),
        ("docs/page", b"page"),
        ("errors/404.html", ERROR),
        ("/evil.example/index.html", b"evil"),
        ("a b&c/index.html", b"escaped"),
    ):
        s3.put_object(Bucket=name, Key=key, Body=content, ContentType="text/html")
    return name


def configure(s3, bucket, configuration):
    s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration=configuration)


def routed(*rules):
    return FULL | {"RoutingRules": list(rules)}


def visit(sites, bucket, path, *headers, sign=signed, method="GET", query=(), domain=DOMAIN):
    """`path` is unescaped."""
    made = request(method, f"{bucket}.{domain}", path, query, headers)
    return (sign(made, sites.keys) if sign else made).send(sites.address)


def page(answer):
    """The fields of an error page."""
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    items = [line.removeprefix("<li>").removesuffix("</li>").partition(": ")
             for line in answer.body.decode().splitlines() if line.startswith("<li>")]
    return {name: text for name, _, text in reversed(items)}


def test_websites_are_kept_replaced_and_taken_away(s3, bucket):
    with refused(404, "NoSuchWebsiteConfiguration"):
        s3.get_bucket_website(Bucket=bucket)
    everywhere = {"RedirectAllRequestsTo": {"HostName": "b.example", "Protocol": "https"}}
    rule = {
        "Condition": {"KeyPrefixEquals": "docs/", "HttpErrorCodeReturnedEquals": "404"},
        "Redirect": {
            "HostName": "b.example:8080",
            "Protocol": "http",
            "HttpRedirectCode": "302",
            "ReplaceKeyPrefixWith": "",
        },
    }
    for configuration in (PLAIN, FULL, everywhere, routed(rule, {"Redirect": {"ReplaceKeyWith": "k?a=b"}})):
        configure(s3, bucket, configuration)
        told = s3.get_bucket_website(Bucket=bucket)
        told.pop("ResponseMetadata")
        assert told == configuration
    assert status(s3.delete_bucket_website(Bucket=bucket)) == 204
    assert status(s3.delete_bucket_website(Bucket=bucket)) == 204
    with refused(404, "NoSuchWebsiteConfiguration"):
        s3.get_bucket_website(Bucket=bucket)


@pytest.mark.parametrize(
    "configuration, code",
    [
        ({}, "InvalidArgument"),
        ({"ErrorDocument": {"Key": "e"}}, "InvalidArgument"),
        ({"IndexDocument": {"Suffix": ""}}, "InvalidArgument"),
        ({"IndexDocument": {"Suffix": "a/b"}}, "InvalidArgument"),
        (PLAIN | {"RedirectAllRequestsTo": {"HostName": "b.example"}}, "InvalidArgument"),
        ({"RedirectAllRequestsTo": {"HostName": "b.example", "Protocol": "ftp"}}, "InvalidRequest"),
        ({"RedirectAllRequestsTo": {"HostName": "b.example/path"}}, "InvalidArgument"),
        ({"RedirectAllRequestsTo": {"HostName": "b.example\r\nSet-Cookie: a=b"}}, "InvalidArgument"),
        (routed({"Redirect": {"Protocol": "javascript"}}), "InvalidRequest"),
        (routed({"Redirect": {"ReplaceKeyWith": "a", "ReplaceKeyPrefixWith": "b"}}), "InvalidRequest"),
        (routed({"Redirect": {"ReplaceKeyWith": "a", "HttpRedirectCode": "300"}}), "InvalidRequest"),
        (routed({"Redirect": {"ReplaceKeyWith": "a", "HttpRedirectCode": "200"}}), "InvalidRequest"),
        (routed({"Condition": {}, "Redirect": {"ReplaceKeyWith": "a"}}), "InvalidRequest"),
        (
            routed({"Condition": {"HttpErrorCodeReturnedEquals": "302"}, "Redirect": {"ReplaceKeyWith": "a"}}),
            "InvalidRequest",
        ),
        (routed({"Redirect": {"ReplaceKeyWith": "k" * 1025}}), "KeyTooLongError"),
        (routed(*[{"Redirect": {"ReplaceKeyWith": "a"}}] * 51), "InvalidRequest"),
    ],
)
def test_websites_that_cannot_be_change_nothing(s3, bucket, configuration, code):
    configure(s3, bucket, FULL)
    with refused(400, code):
        configure(s3, bucket, configuration)
    assert s3.get_bucket_website(Bucket=bucket)["ErrorDocument"] == FULL["ErrorDocument"]


@pytest.mark.parametrize("sign", [signed, presigned])
def test_pages_and_their_indexes(sites, s3, bucket, sign):
    configure(s3, bucket, PLAIN)
    for path, content in (
        ("/", INDEX),
        ("/index.html", INDEX),
        ("/docs/", b"docs"),
        ("/docs/page", b"page"),
        ("/a b&c/", b"escaped"),
        ("//evil.example/", b"evil"),
    ):
        answer = visit(sites, bucket, path, sign=sign)
        assert (answer.status, answer.body) == (200, content), path
        assert answer.headers["Content-Type"] == "text/html" and answer.headers["ETag"] == etag(content)
    for domain in (f"other.{DOMAIN}", f"{DOMAIN.upper()}:80"):
        assert visit(sites, bucket, "/", sign=sign, domain=domain).body == INDEX


def test_conditions_ranges_and_heads(sites, s3, bucket):
    configure(s3, bucket, FULL)
    s3.put_object(
        Bucket=bucket, Key="k", Body=b"0123456789", CacheControl="no-cache", ContentLanguage="de", Metadata={"a": "b"}
    )
    tag = etag(b"0123456789")
    whole = visit(sites, bucket, "/k")
    assert (whole.status, whole.body, whole.headers["Content-Length"]) == (200, b"0123456789", "10")
    stored = ("Cache-Control", "Content-Language", "x-amz-meta-a", "Content-Type", "Accept-Ranges")
    assert [whole.headers[name] for name in stored] == ["no-cache", "de", "b", "binary/octet-stream", "bytes"]
    part = visit(sites, bucket, "/k", ("Range", "bytes=2-4"))
    assert (part.status, part.body, part.headers["Content-Range"]) == (206, b"234", "bytes 2-4/10")
    assert visit(sites, bucket, "/k", ("Range", "nonsense")).status == 200
    same = visit(sites, bucket, "/k", ("If-None-Match", tag))
    assert (same.status, same.body, same.headers["ETag"]) == (304, b"", tag)
    assert visit(sites, bucket, "/k", ("If-Modified-Since", whole.headers["Last-Modified"])).status == 304
    failed = visit(sites, bucket, "/k", ("If-Match", '"0"'))
    assert (failed.status, failed.body, failed.headers["x-amz-error-code"]) == (412, ERROR, "PreconditionFailed")
    beyond = visit(sites, bucket, "/k", ("Range", "bytes=10-"))
    assert (beyond.status, beyond.body) == (416, ERROR)
    for path, code, length in (("/k", 200, "10"), ("/", 200, str(len(INDEX))), ("/absent", 404, None)):
        head = visit(sites, bucket, path, method="HEAD")
        assert (head.status, head.body) == (code, b"")
        assert length is None or head.headers["Content-Length"] == length
    assert visit(sites, bucket, "/k", ("Range", "bytes=0-0"), method="HEAD").status == 206


def test_versions_and_queries_are_no_concern_of_a_website(sites, s3, bucket):
    configure(s3, bucket, PLAIN)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    old = s3.put_object(Bucket=bucket, Key="k", Body=b"old")["VersionId"]
    new = s3.put_object(Bucket=bucket, Key="k", Body=b"new")["VersionId"]
    for query in ([("versionId", old)], [("acl", None)], [("uploads", None)], [("response-content-type", "x/y")]):
        answer = visit(sites, bucket, "/k", query=query)
        assert (answer.body, answer.headers["x-amz-version-id"]) == (b"new", new)
        assert answer.headers["Content-Type"] == "binary/octet-stream"
    assert visit(sites, bucket, "/k", ("x-lake-as-of", "2026-01-01T00:00:00Z")).status == 400


def test_what_is_missing_is_said_on_a_page(sites, s3, bucket):
    configure(s3, bucket, PLAIN)
    for path, key in (("/absent", "absent"), ("/absent/", "absent/index.html"), ("/a<b>'&\"", "a&lt;b&gt;&apos;&amp;&quot;")):
        answer = visit(sites, bucket, path)
        assert answer.status == 404 and b"<h1>404 Not Found</h1>" in answer.body
        told = page(answer)
        assert told["Code"] == "NoSuchKey" == answer.headers["x-amz-error-code"]
        assert told["Key"] == key
        assert told["RequestId"] == answer.headers["x-amz-request-id"]
        assert told["HostId"] == answer.headers["x-amz-id-2"]
    assert page(visit(sites, bucket, "/" + "k" * 1025))["Code"] == "KeyTooLongError"


def test_buckets_that_are_no_websites(sites, s3, bucket):
    for name, code in ((bucket, "NoSuchWebsiteConfiguration"), ("absent-" + bucket, "NoSuchBucket"), ("-a-", "NoSuchBucket")):
        for sign in (signed, None):
            answer = visit(sites, name, "/docs/page", sign=sign)
            assert answer.status == 404
            assert (page(answer)["Code"], page(answer)["BucketName"]) == (code, name)


def test_error_documents(sites, s3, bucket):
    configure(s3, bucket, FULL)
    answer = visit(sites, bucket, "/absent")
    assert (answer.status, answer.body, answer.headers["Content-Type"]) == (404, ERROR, "text/html")
    assert answer.headers["x-amz-error-code"] == "NoSuchKey"
    s3.delete_object(Bucket=bucket, Key="errors/404.html")
    answer = visit(sites, bucket, "/absent")
    assert answer.status == 404 and page(answer)["Key"] == "absent"
    nested = answer.body.decode().partition("Retrieve a Custom Error Document")[2]
    assert "<li>Code: NoSuchKey</li>" in nested and "<li>Key: errors/404.html</li>" in nested
    s3.put_object(Bucket=bucket, Key="errors/404.html", WebsiteRedirectLocation="/docs/")
    answer = visit(sites, bucket, "/absent")
    assert (answer.status, answer.headers["Location"]) == (301, "/docs/")


def test_folders_without_a_slash_get_one(sites, s3, bucket):
    configure(s3, bucket, FULL)
    for path, target in (
        ("/docs", "/docs/"),
        ("/a b&c", "/a%20b%26c/"),
        # Not `//evil.example/`, which would be another host.
        ("//evil.example", "/%2Fevil.example/"),
    ):
        answer = visit(sites, bucket, path)
        assert (answer.status, answer.headers["Location"], answer.body) == (302, target, b""), path
    assert visit(sites, bucket, "/doc").status == 404
    s3.put_object(Bucket=bucket, Key="docs", Body=b"an object of that name")
    assert visit(sites, bucket, "/docs").body == b"an object of that name"


def test_objects_that_send_their_visitors_elsewhere(sites, s3, bucket):
    configure(s3, bucket, PLAIN)
    for target in ("/docs/", "http://b.example/a?b=c", "https://b.example/"):
        s3.put_object(Bucket=bucket, Key="moved", Body=b"x", WebsiteRedirectLocation=target)
        answer = visit(sites, bucket, "/moved")
        assert (answer.status, answer.headers["Location"], answer.body) == (301, target, b"")
        by_key = s3.get_object(Bucket=bucket, Key="moved")
        assert (by_key["WebsiteRedirectLocation"], by_key["Body"].read()) == (target, b"x")
    assert visit(sites, bucket, "/moved", sign=None).status == 403


def test_a_website_that_moved_as_a_whole(sites, s3, bucket):
    for protocol in ("http", "https", None):
        all_to = {"HostName": "b.example"} | ({"Protocol": protocol} if protocol else {})
        configure(s3, bucket, {"RedirectAllRequestsTo": all_to})
        start = f"{protocol or 'http'}://b.example"
        for sign in (None, signed):
            for path in ("/", "/docs/page", "/absent", "/a%20b"):
                answer = visit(sites, bucket, path.replace("%20", " "), sign=sign)
                assert (answer.status, answer.headers["Location"], answer.body) == (301, start + path, b"")
    kept = visit(sites, bucket, "/k", sign=None, query=[("a", "b"), ("c", None)])
    assert kept.headers["Location"] == "http://b.example/k?a=b&c"
    # The signature of a link is for nobody else.
    link = visit(sites, bucket, "/k", sign=presigned, query=[("a", "b")])
    assert link.headers["Location"] == "http://b.example/k?a=b"


RULES = [
    {"Condition": {"KeyPrefixEquals": "old/"}, "Redirect": {"ReplaceKeyPrefixWith": "docs/"}},
    {"Condition": {"KeyPrefixEquals": "images/"}, "Redirect": {"ReplaceKeyWith": "gone.html", "HttpRedirectCode": "307"}},
    {
        "Condition": {"KeyPrefixEquals": "reports/", "HttpErrorCodeReturnedEquals": "404"},
        "Redirect": {"HostName": "b.example", "ReplaceKeyPrefixWith": "resize?key=", "HttpRedirectCode": "302"},
    },
    {
        "Condition": {"HttpErrorCodeReturnedEquals": "404"},
        "Redirect": {"Protocol": "https", "HostName": "b.example", "ReplaceKeyPrefixWith": "#!/"},
    },
    {"Condition": {"KeyPrefixEquals": "safe/"}, "Redirect": {"Protocol": "https"}},
]


def test_routing_rules(sites, s3, bucket):
    configure(s3, bucket, routed(*RULES))
    host = f"{bucket}.{DOMAIN}"
    for path, sign, code, target in (
        ("/old/", None, 301, "/docs/"),
        ("/old/a b", None, 301, "/docs/a%20b"),
        ("/old//x", None, 301, "/docs//x"),
        ("/images/x", None, 307, "/gone.html"),
        ("/safe/x", None, 301, f"https://{host}/safe/x"),
        ("/reports/a/b", signed, 302, "http://b.example/resize?key=a/b"),
        ("/reports/a?b", signed, 302, "http://b.example/resize?key=a%3Fb"),
        ("/absent", signed, 301, "https://b.example/#!/absent"),
    ):
        answer = visit(sites, bucket, path, sign=sign)
        assert (answer.status, answer.headers["Location"], answer.body) == (code, target, b""), path
    assert visit(sites, bucket, "/docs/page").body == b"page"
    assert visit(sites, bucket, "/docs").headers["Location"] == "/docs/"
    # Nobody learns without leave whether there is something.
    for path in ("/absent", "/docs/page", "/reports/a"):
        assert visit(sites, bucket, path, sign=None).status == 403


def test_nobody_reads_without_leave(sites, s3, bucket):
    configure(s3, bucket, FULL)
    for path in ("/", "/docs/page", "/docs", "/absent", "/errors/404.html"):
        answer = visit(sites, bucket, path, sign=None)
        told = page(answer)
        assert (answer.status, told["Code"]) == (403, "AccessDenied")
        assert "Key" not in told and ERROR not in answer.body and INDEX not in answer.body
    link = presigned(request("GET", f"{bucket}.{DOMAIN}", "/docs/page"), sites.keys)
    assert link.send(sites.address).body == b"page"
    forged = link.replaced(path="/index.html").send(sites.address)
    assert (forged.status, forged.code) == (403, "SignatureDoesNotMatch")


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "PATCH", "TRACE"])
def test_websites_are_read_only(sites, s3, bucket, method):
    configure(s3, bucket, PLAIN)
    answer = visit(sites, bucket, "/docs/page", method=method)
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")
    assert (page(answer)["Code"], page(answer)["Method"]) == ("MethodNotAllowed", method)
    assert visit(sites, bucket, "/docs/page").body == b"page"


def test_the_lakes_own_paths_are_keys_of_a_website(sites, s3, bucket):
    configure(s3, bucket, PLAIN)
    s3.put_object(Bucket=bucket, Key="_lake/health/live", Body=b"mine")
    assert visit(sites, bucket, "/_lake/health/live").body == b"mine"


def test_pages_elsewhere_may_read_a_website(sites, s3, bucket):
    configure(s3, bucket, PLAIN)
    rule = {"AllowedOrigins": ["https://app.example"], "AllowedMethods": ["GET"]}
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})
    origin = ("Origin", "https://app.example")
    for path in ("/", "/absent"):
        assert visit(sites, bucket, path, origin).headers["Access-Control-Allow-Origin"] == origin[1]
    asking = [("Host", f"{bucket}.{DOMAIN}"), origin, ("Access-Control-Request-Method", "GET")]
    assert Request("OPTIONS", "/", [], asking).send(sites.address).status == 200


def test_a_website_outlives_the_server_and_not_its_bucket(new_lake):
    lake = new_lake(environment={"TWINLAKE_WEBSITE_DOMAIN": DOMAIN}).start()
    s3 = lake.client()
    s3.create_bucket(Bucket="site")
    configure(s3, "site", routed(*RULES))
    lake.kill()
    lake.start()
    told = lake.client().get_bucket_website(Bucket="site")
    assert told["RoutingRules"] == RULES
    lake.client().delete_bucket(Bucket="site")
    lake.client().create_bucket(Bucket="site")
    with refused(404, "NoSuchWebsiteConfiguration"):
        lake.client().get_bucket_website(Bucket="site")
    assert lake.stop() == 0


def test_a_domain_is_of_buckets_or_of_websites(new_lake):
    settings = {"TWINLAKE_WEBSITE_DOMAIN": "a.test,b.test", "TWINLAKE_DOMAIN": "b.test"}
    with pytest.raises(Refused) as caught:
        new_lake(environment=settings).start()
    assert "website_domain" in caught.value.output


def test_a_misspelt_document_is_no_website(sites, s3, bucket):
    content = b"<WebsiteConfiguration><IndexDocument><Sufix>index.html</Sufix></IndexDocument></WebsiteConfiguration>"
    headers = [("Content-MD5", digests.md5(content))]
    made = request("PUT", sites.host, f"/{bucket}", [("website", None)], headers, content)
    answer = signed(made, sites.keys).send(sites.address)
    assert (answer.status, answer.code) == (400, "MalformedXML")
