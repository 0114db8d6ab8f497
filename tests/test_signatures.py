"""Signatures that must be accepted, in every form clients give them. What must be refused stands in `security_rows`."""

import datetime
import urllib.request
from urllib.parse import quote, unquote

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

import digests
from answers import body, fetch
from lake import Keys
from sigv4 import STREAMING_UNSIGNED, UNSIGNED, Request, Scope, chunked, now, presigned, request, signed

# Of the S3 documentation, *Transferring Payload in Multiple Chunks*.
EXAMPLE_SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
EXAMPLE_CHUNKS = [
    "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
    "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
    "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
]


def test_the_signer_agrees_with_botocore():
    keys = Keys("TESTACCESS", "a secret")
    headers = [("x-amz-meta-b", "two  spaces "), ("Content-Type", "a/b"), ("x-amz-meta-a", "1")]
    ours = signed(request("PUT", "h:1", "/b/k ü+/../x", [("versionId", "a b"), ("a", "")], headers, b"x"), keys)
    theirs = AWSRequest("PUT", f"http://h:1{ours.target}", dict(headers), b"x")
    theirs.context["timestamp"] = ours.header("x-amz-date")
    auth = S3SigV4Auth(Credentials(*keys), "s3", "us-east-1")
    theirs.headers["X-Amz-Content-SHA256"] = auth.payload(theirs)
    theirs.headers["X-Amz-Date"] = ours.header("x-amz-date")
    expected = auth.signature(auth.string_to_sign(theirs, auth.canonical_request(theirs)), theirs)
    assert ours.header("Authorization").endswith(expected)


def test_the_chunks_agree_with_the_documentation():
    when = datetime.datetime(2013, 5, 24, tzinfo=datetime.timezone.utc)
    put = Request(
        "PUT",
        "/examplebucket/chunkObject.txt",
        [],
        [
            ("Host", "s3.amazonaws.com"),
            ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
            ("Content-Length", "66824"),
        ],
    )
    made = chunked(put, Keys("ANYBODY", EXAMPLE_SECRET), [b"a" * 65536, b"a" * 1024], scope=Scope(when))
    assert made.made.header("Authorization").endswith(
        "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"
    )
    assert [frame.partition(b"=")[2][:64].decode() for frame in made.frames] == EXAMPLE_CHUNKS


@pytest.fixture
def ask(lake, bucket):
    """Sends a request for an object of the bucket, signed in the header unless told otherwise."""

    def send(method, key="k", query=(), headers=(), content=b"", sign=signed, **twists):
        made = request(method, lake.host, f"/{bucket}/{key}", query, headers, content)
        return sign(made, lake.keys, **twists).send(lake.address)

    assert send("PUT", content=b"there").status == 200
    return send


@pytest.mark.parametrize("seconds", [-14 * 60, -60, 0, 60, 14 * 60])
def test_clocks_may_differ_by_a_quarter_of_an_hour(ask, seconds):
    assert ask("GET", scope=Scope(now(seconds))).status == 200


@pytest.mark.parametrize("payload", [None, UNSIGNED])
@pytest.mark.parametrize("length", [0, 1, 200_000])
def test_bodies_signed_and_unsigned(ask, payload, length):
    assert ask("PUT", content=body(length), payload=payload).status == 200
    assert ask("GET").body == body(length)


HEADERS = {
    "inner spaces": ("x-amz-meta-a", "two  spaces   here"),
    "spaces around": ("x-amz-meta-a", "   padded   "),
    "tab": ("x-other-header", "a\tb"),
    "empty": ("x-amz-meta-a", ""),
    "commas": ("x-amz-meta-a", "a,b, c"),
    "upper case": ("X-AMZ-META-A", "UPPER"),
    "long": ("x-amz-meta-a", "v" * 1900),
    "not ours": ("x-other-header", "1"),
}


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_header_values_as_they_come(ask, header):
    assert ask("PUT", headers=[header], content=b"x").status == 200
    if header[0].lower().startswith("x-amz-meta"):
        told = ask("HEAD").headers["x-amz-meta-a"]
        assert " ".join(told.split()) == " ".join(header[1].split())


def test_one_header_in_two_lines_is_one_list_or_refused(ask):
    """Never is one of the two taken and the other dropped."""
    told = ask("PUT", headers=[("x-amz-meta-a", "1"), ("x-amz-meta-a", "2")], content=b"x")
    if told.status == 200:
        assert ask("HEAD").headers["x-amz-meta-a"].replace(" ", "") == "1,2"
    else:
        assert (told.status, told.code) == (400, "InvalidRequest")


def test_headers_that_need_not_be_signed(ask, lake, bucket):
    made = signed(request("GET", lake.host, f"/{bucket}/k"), lake.keys)
    for pair in (("User-Agent", "x"), ("Accept", "*/*"), ("Cache-Control", "no-cache"), ("Range", "bytes=0-1")):
        assert made.with_headers(pair).send(lake.address).status in (200, 206)


QUERIES = [
    [("prefix", "a b")],
    [("prefix", "a+b")],
    [("prefix", "~")],
    [("prefix", "é/ü")],
    [("prefix", "a&b=c%")],
    [("prefix", "")],
    [("delimiter", "/"), ("prefix", "k")],
    [("list-type", "2"), ("start-after", "!*'()")],
    [("x-id", "ListObjects")],
]


@pytest.mark.parametrize("query", QUERIES, ids=str)
def test_queries_as_clients_write_them(lake, bucket, query):
    """AWS4's rules: percent-encoded, sorted by name; a value that is empty still has its `=` in what is signed."""
    for sign in (signed, presigned):
        assert sign(request("GET", lake.host, f"/{bucket}", query), lake.keys).send(lake.address).status == 200


def test_a_parameter_without_a_value(lake, bucket):
    for pair in (("versioning", None), ("versioning", "")):
        made = Request("GET", f"/{bucket}", [pair], [("Host", lake.host)])
        assert signed(made, lake.keys).send(lake.address).status == 200


PATHS = ["a%2Fb", "a/b", "a//b", "(a)", "a%20b", "a+b", "a%2Bb", "~", "%7E", "*", "a=b&c", "%C3%A9", "a%2fb", "!'()*"]


@pytest.mark.parametrize("path", PATHS)
def test_the_path_signed_is_the_path_taken(lake, s3, bucket, path):
    """A path is signed as it was sent, or in its canonical form; either way the same key is written that is read."""
    key = unquote(path)
    canonical = quote(key, safe="/-_.~")
    sent = Request("PUT", f"/{bucket}/{path}", [], [("Host", lake.host)], path.encode())
    meant = signed(sent.replaced(path=f"/{bucket}/{canonical}"), lake.keys).replaced(path=sent.path)
    answer = meant.send(lake.address)
    assert answer.status == 200, answer.body
    assert fetch(s3, bucket, key) == path.encode()


@pytest.mark.parametrize("sign", [signed, presigned])
def test_every_method(ask, sign):
    assert ask("PUT", "other", content=b"1", sign=sign).status == 200
    assert ask("GET", "other", sign=sign).body == b"1"
    head = ask("HEAD", "other", sign=sign)
    assert head.status == 200 and head.body == b"" and head.headers["content-length"] == "1"
    assert ask("POST", "other", [("uploads", None)], sign=sign).status == 200
    assert ask("DELETE", "other", sign=sign).status == 204


@pytest.mark.parametrize("expires", [1, 300, 604_800])
def test_links_live_up_to_a_week(ask, expires):
    assert ask("GET", sign=presigned, expires=expires).body == b"there"


def test_a_link_may_be_used_until_it_ends(ask):
    assert ask("GET", sign=presigned, expires=1000, scope=Scope(now(-950))).status == 200


def test_links_with_more_than_the_host_signed(lake, bucket):
    made = request("PUT", lake.host, f"/{bucket}/k", headers=[("x-amz-meta-a", "1"), ("Content-Type", "a/b")])
    made = presigned(made, lake.keys, names=("content-type", "host", "x-amz-meta-a"))
    assert made.replaced(body=b"x").send(lake.address).status == 200
    made.headers = [(name, "2" if name == "x-amz-meta-a" else value) for name, value in made.headers]
    assert made.replaced(body=b"x").send(lake.address).code == "SignatureDoesNotMatch"


def test_links_that_choose_the_answers_headers(ask):
    answer = ask("GET", query=[("response-content-type", "text/x-chosen")], sign=presigned)
    assert answer.status == 200 and answer.headers["content-type"] == "text/x-chosen"


def test_links_made_by_boto3(lake, s3, bucket):
    link = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "by a link/ü"}, ExpiresIn=60)
    put = urllib.request.Request(link, data=b"linked", method="PUT")
    put.add_header("Content-Type", "")
    assert urllib.request.urlopen(put).status == 200
    link = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "by a link/ü"}, ExpiresIn=60)
    assert urllib.request.urlopen(link).read() == b"linked"


CHUNKINGS = {
    "nothing": [],
    "a byte": [b"x"],
    "single bytes": [b"x"] * 300,
    "of 8 KiB": [body(8192, number) for number in range(5)],
    "of 64 KiB": [body(65536, number) for number in range(5)] + [b"the rest"],
    "of 1 MiB": [body(1 << 20, number) for number in range(2)],
    "of odd sizes": [body(length, length) for length in (8192, 1, 70_000, 65_536, 3)],
}


@pytest.mark.parametrize("form", ["signed", "signed trailer", "unsigned trailer"])
@pytest.mark.parametrize("pieces", CHUNKINGS.values(), ids=CHUNKINGS)
def test_chunks(lake, s3, bucket, pieces, form):
    content = b"".join(pieces)
    trailers = [("x-amz-checksum-crc32c", digests.text("CRC32C", content))] if form != "signed" else []
    put = request("PUT", lake.host, f"/{bucket}/k")
    answer = chunked(put, lake.keys, pieces, trailers, sign=form != "unsigned trailer").request().send(lake.address)
    assert answer.status == 200, answer.body
    assert fetch(s3, bucket, "k") == content
    head = s3.head_object(Bucket=bucket, Key="k")
    assert head["ContentLength"] == len(content) and "ContentEncoding" not in head


@pytest.mark.parametrize("form", ["signed", "signed trailer", "unsigned trailer"])
def test_chunks_within_chunks(lake, s3, bucket, form):
    """Sent in HTTP's own chunks as well, as clients do that read from a pipe."""
    content = body(100_000)
    trailers = [("x-amz-checksum-crc32c", digests.text("CRC32C", content))] if form != "signed" else []
    put = request("PUT", lake.host, f"/{bucket}/k", headers=[("Transfer-Encoding", "chunked")])
    pieces = [content[:65_536], content[65_536:]]
    made = chunked(put, lake.keys, pieces, trailers, sign=form != "unsigned trailer").request()
    halves = made.body[:70_000], made.body[70_000:]
    made.body = b"".join(b"%x\r\n%b\r\n" % (len(half), half) for half in (*halves, b""))
    assert made.send(lake.address).status == 200
    assert fetch(s3, bucket, "k") == content


@pytest.mark.parametrize("encoding", ["aws-chunked", "AWS-Chunked", "gzip, aws-chunked", "aws-chunked,aws-chunked", None])
@pytest.mark.parametrize("framed", [True, False])
def test_what_a_body_is_called(lake, s3, bucket, encoding, framed):
    """The hash says whether a body is framed; what `Content-Encoding` says of it is only not stored."""
    headers = [("Content-Encoding", encoding)] if encoding else []
    put = request("PUT", lake.host, f"/{bucket}/k", headers=headers)
    plain = signed(put.replaced(body=b"content"), lake.keys)
    made = chunked(put, lake.keys, [b"content"]).request() if framed else plain
    answer = made.send(lake.address)
    assert answer.status == 200, answer.body
    assert fetch(s3, bucket, "k") == b"content"
    stored = s3.head_object(Bucket=bucket, Key="k").get("ContentEncoding")
    assert stored == ("gzip" if encoding and "gzip" in encoding else None)


def test_chunks_of_a_part(lake, s3, bucket):
    upload = {"Bucket": bucket, "Key": "k", "UploadId": s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]}
    query = [("partNumber", 1), ("uploadId", upload["UploadId"])]
    put = request("PUT", lake.host, f"/{bucket}/k", query)
    answer = chunked(put, lake.keys, [b"a" * 8192, b"b"]).request().send(lake.address)
    assert answer.status == 200
    s3.complete_multipart_upload(
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": answer.headers["etag"]}]}, **upload
    )
    assert fetch(s3, bucket, "k") == b"a" * 8192 + b"b"


def test_the_encoding_that_remains(lake, s3, bucket):
    """`aws-chunked` is taken away, what else the client said stays."""
    put = request(
        "PUT",
        lake.host,
        f"/{bucket}/k",
        headers=[
            ("Content-Encoding", "aws-chunked,gzip"),
            ("x-amz-decoded-content-length", 1),
            ("x-amz-trailer", "x-amz-checksum-crc32"),
        ],
    )
    made = signed(put, lake.keys, payload=STREAMING_UNSIGNED)
    framed = f"1\r\nx\r\n0\r\nx-amz-checksum-crc32:{digests.text('CRC32', b'x')}\r\n\r\n"
    assert made.replaced(body=framed.encode()).send(lake.address).status == 200
    assert s3.head_object(Bucket=bucket, Key="k")["ContentEncoding"] == "gzip"
