"""Input that is wrong, odd or absurd without being an attack on anything; attacks stand in `security_rows`.

Whatever comes, the answer is a 4xx with the right code, nothing changes, and the server goes on answering.
"""

import random
import socket

import pytest

import digests
import wire
from answers import body, fetch, keys_of, refused
from sigv4 import UNSIGNED, Request, request, signed
from test_security import judge


@pytest.fixture
def ask(lake, s3, bucket):
    """Sends a signed request; afterwards the bucket must be as it was."""
    s3.put_object(Bucket=bucket, Key="kept", Body=b"before")

    def send(method, path, *headers, content=b"", host=None, **twists):
        path, _, query = path.format(bucket).partition("?")
        pairs = [tuple(pair.split("=", 1)) if "=" in pair else (pair, None) for pair in query.split("&") if pair]
        made = Request(method, path, pairs, [("Host", host or lake.host), *headers], content)
        return signed(made, lake.keys, **twists).send(lake.address)

    yield send
    assert keys_of(s3.list_objects_v2(Bucket=bucket)) == ["kept"] and fetch(s3, bucket, "kept") == b"before"
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


WRONG_CALLS = [
    ("POST", "/{}/kept", "405 MethodNotAllowed|400|501"),
    ("POST", "/{}", "405 MethodNotAllowed|400|411|412|501"),
    ("POST", "/", "405 MethodNotAllowed|400|501"),
    ("DELETE", "/", "405 MethodNotAllowed|400|501"),
    ("PUT", "/{}/kept?partNumber=1", "400|405|501"),
    ("PUT", "/{}/kept?uploadId=" + "0" * 32, "400|404|405|501"),
    ("PUT", "/{}/kept?partNumber=1&uploadId=", "400|404"),
    ("POST", "/{}/kept?uploadId=", "400|404"),
    ("DELETE", "/{}/kept?uploadId=", "400|404"),
    ("GET", "/{}/kept?uploadId=" + "0" * 32, "404 NoSuchUpload"),
    ("GET", "/{}/kept?versionId=", "400 InvalidArgument"),
    ("GET", "/{}?list-type=2&max-keys=", "400"),
    ("PUT", "/{}/kept?acl", "400|501"),
    ("PUT", "/{}/kept?retention", "400|501"),
    ("PUT", "/{}/kept?legal-hold", "400|501"),
    ("POST", "/{}/kept?restore", "400|403|501"),
    ("POST", "/{}/kept?select&select-type=2", "400|405|501"),
    ("GET", "/{}/kept?torrent", "400|404|405|501"),
    ("PUT", "/{}?policy", "400|501"),
    ("PUT", "/{}?versioning", "400"),
    ("PUT", "/{}?tagging", "400"),
]


@pytest.mark.parametrize("method, path, expected", WRONG_CALLS, ids=[f"{m} {p}"[:40] for m, p, _ in WRONG_CALLS])
def test_calls_that_mean_nothing(ask, method, path, expected):
    judge(ask(method, path), expected)


UNKEPT = {
    "x-amz-write-offset-bytes": "3",
    "x-amz-object-lock-legal-hold": "ON",
    "x-amz-grant-read": "id=1",
    "x-amz-storage-class": "NONSENSE",
    "x-amz-server-side-encryption": "rot13",
    "x-amz-acl": "nonsense",
    "x-amz-expected-bucket-owner": "999999999999",
}


@pytest.mark.parametrize("header", UNKEPT.items(), ids=UNKEPT)
def test_headers_that_promise_what_we_do_not_keep(ask, header):
    """Accepting these and doing nothing would deceive."""
    assert ask("PUT", "/{}/kept", header, content=b"after").status in (400, 403, 501)


def test_mfa_delete_cannot_be_switched_on(ask, s3, bucket):
    document = (
        b"<VersioningConfiguration><Status>Enabled</Status><MfaDelete>Enabled</MfaDelete></VersioningConfiguration>"
    )
    assert ask("PUT", "/{}?versioning", content=document).status in (400, 403, 501)
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)


BODIES = [
    # what the client says, what it sends, what it is told
    (("Content-Length", 20), b"ten bytes.", "IncompleteBody"),
    (("Content-Length", 300_000), b"x" * 200_000, "IncompleteBody"),
    (("Content-Length", 2_000_000), b"x" * 1_000_000, "IncompleteBody"),
]


@pytest.mark.parametrize("header, sent, code", BODIES, ids=["inline", "segments", "blob"])
@pytest.mark.parametrize("payload", [UNSIGNED, digests.hashlib.sha256(b"").hexdigest()], ids=["unsigned", "signed"])
def test_a_body_that_ends_early(lake, ask, bucket, header, sent, code, payload):
    put = signed(request("PUT", lake.host, f"/{bucket}/kept", headers=[header]), lake.keys, payload=payload)
    answer = wire.exchange(lake.address, put.bytes() + sent, "PUT", hang_up=True)
    assert (answer.status, answer.code) == (400, code)


def test_a_body_that_goes_on(lake, ask, bucket):
    """What comes behind the announced length is the next request, and not a good one."""
    put = signed(
        request("PUT", lake.host, f"/{bucket}/kept", headers=[("Content-Length", 6)]), lake.keys, payload=UNSIGNED
    )
    with wire.connect(lake.address) as connection:
        connection.sendall(put.bytes() + b"before" + b"and more that is no request\r\n\r\n")
        assert wire.receive(connection, "PUT").status == 200
        try:
            assert wire.receive(connection).status == 400
        except wire.http.client.RemoteDisconnected:
            pass  # hung up on without a word
        assert wire.is_closed(connection, 5)


def test_a_client_that_goes_away(lake, ask, bucket, s3):
    """Not even an answer can be given; nothing may come of it, and a hundred of them cost nothing."""
    for length in (100, 300_000, 5_000_000):
        put = signed(
            request("PUT", lake.host, f"/{bucket}/kept", headers=[("Content-Length", length)]),
            lake.keys,
            payload=UNSIGNED,
        )
        for _ in range(30):
            with wire.connect(lake.address) as connection:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # reset, not end
                connection.sendall(put.bytes() + b"x" * (length // 2))


DIGESTS = [
    (("Content-MD5", digests.md5(b"other")), "BadDigest"),
    (("Content-MD5", "no base64"), "InvalidDigest"),
    (("x-amz-checksum-sha256", digests.text("SHA256", b"other")), "BadDigest"),
    (("x-amz-checksum-sha256", "no base64"), "InvalidRequest"),
]


@pytest.mark.parametrize("header, code", DIGESTS, ids=lambda value: str(value)[:30])
@pytest.mark.parametrize("length", [0, 10, 300_000, 2_000_000])
def test_digests_of_something_else(ask, header, code, length):
    answer = ask("PUT", "/{}/kept", header, content=body(length))
    assert (answer.status, answer.code) == (400, code)


IGNORED = [
    ("If-Modified-Since", "yesterday"),
    ("If-Unmodified-Since", "2015-13-45"),
    ("If-Modified-Since", ""),
    ("Range", "pages=1-2"),
    ("Accept-Encoding", "gzip, br"),
    ("Accept", "nothing/at-all"),
    ("TE", "trailers"),
]


@pytest.mark.parametrize("header", IGNORED, ids=str)
def test_headers_to_be_ignored(lake, ask, bucket, header):
    """RFC 9110: a condition or range that cannot be read does not hold anything up."""
    made = signed(request("GET", lake.host, f"/{bucket}/kept"), lake.keys).with_headers(header)
    answer = made.send(lake.address)
    assert answer.status == 200 and answer.body == b"before" and "content-encoding" not in answer.headers


def delete_document(key):
    return b"<Delete><Object><Key>" + key + b"</Key></Object></Delete>"


SPELLINGS = {
    "numeric entities": delete_document(b"&#107;e&#x70;t"),
    "named entities": delete_document(b"kept"),
    "a declaration": b'<?xml version="1.0" encoding="UTF-8"?>\n' + delete_document(b"kept"),
    "a byte order mark": b"\xef\xbb\xbf" + delete_document(b"kept"),
    "the namespace": delete_document(b"kept").replace(
        b"<Delete>", b'<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    ),
    "white space": delete_document(b"kept").replace(b"><", b">\n\t <"),
    "a comment between": b"<!-- hello -->" + delete_document(b"kept").replace(b"<Object>", b"<!-- > --><Object>"),
}


@pytest.mark.parametrize("document", SPELLINGS.values(), ids=SPELLINGS)
def test_other_spellings_of_the_same_document(lake, s3, bucket, document):
    s3.put_object(Bucket=bucket, Key="kept", Body=b"x")
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    post = request(
        "POST", lake.host, f"/{bucket}", [("delete", None)], [("Content-MD5", digests.md5(document))], document
    )
    answer = signed(post, lake.keys).send(lake.address)
    assert answer.status == 200 and answer.fields("Key") == ["kept"], answer
    assert keys_of(s3.list_objects_v2(Bucket=bucket)) == ["k"]


AMBIGUOUS = {
    "a comment inside": delete_document(b"ke<!-- -->pt"),
    "an element inside": delete_document(b"ke<b/>pt"),
    "CDATA": delete_document(b"<![CDATA[kept]]>"),
    "an instruction inside": delete_document(b"ke<?x y?>pt"),
    "spaces around": delete_document(b" kept "),
    "line ends around": delete_document(b"\nkept\n"),
}


@pytest.mark.parametrize("document", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_ambiguous_documents_never_delete_another_key(lake, s3, bucket, document):
    """G06: the value is taken exactly, or the document is refused."""
    neighbours = ["ke", "pt", "k", "e", "k e p t", "kept2"]
    for key in neighbours:
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    post = request(
        "POST", lake.host, f"/{bucket}", [("delete", None)], [("Content-MD5", digests.md5(document))], document
    )
    answer = signed(post, lake.keys).send(lake.address)
    assert (answer.status, answer.code) in [(200, None), (400, "MalformedXML")]
    assert keys_of(s3.list_objects_v2(Bucket=bucket)) == sorted(neighbours)


def test_a_thousand_keys_are_not_too_many(s3, bucket):
    names = [{"Key": "k" * 1000 + str(number)} for number in range(1000)]  # a document of more than 1 MiB
    assert len(s3.delete_objects(Bucket=bucket, Delete={"Objects": names})["Deleted"]) == 1000
    with refused(400, "MalformedXML"):
        s3.delete_objects(Bucket=bucket, Delete={"Objects": [*names, {"Key": "k"}]})


@pytest.mark.parametrize("seed", range(6))
def test_mutations_of_good_requests(lake, s3, ask, bucket, seed):
    """Bytes flipped, cut, doubled and exchanged. What still parses is judged by its signature; the rest is refused."""
    chance = random.Random(seed)
    good = [
        signed(request("GET", lake.host, f"/{bucket}/kept"), lake.keys),
        signed(request("PUT", lake.host, f"/{bucket}/other", body=b"hello there"), lake.keys),
        signed(request("POST", lake.host, f"/{bucket}", [("delete", None)], body=delete_document(b"kept")), lake.keys),
        signed(request("GET", lake.host, f"/{bucket}", [("list-type", 2), ("prefix", "k")]), lake.keys),
    ]
    for _ in range(40):
        made = chance.choice(good)
        data = mutated(chance, bytearray(made.bytes()))
        try:
            answer = wire.exchange(lake.address, data, made.method, hang_up=True, seconds=10)
        except (ConnectionError, wire.http.client.HTTPException):
            continue  # hung up on, which is an answer too
        assert answer.status < 500 or answer.status in (501, 505), (data, answer)
        if answer.status == 200 and made.method == "PUT":
            s3.delete_object(Bucket=bucket, Key="other")


def mutated(chance, data):
    for _ in range(chance.choice([1, 1, 2, 5])):
        place = chance.randrange(len(data))
        kind = chance.choice(["flip", "cut", "double", "insert", "end"])
        if kind == "flip":
            data[place] ^= 1 << chance.randrange(8)
        elif kind == "cut":
            del data[place : place + chance.choice([1, 3, 20])]
        elif kind == "double":
            data[place:place] = data[place : place + 30]
        elif kind == "insert":
            data[place:place] = chance.choice([b"\0", b"\r\n", b"\n", b"%00", b"%", b"../", b":", b"\xff", b" "])
        elif kind == "end" and len(data) > 40:
            del data[max(40, place) :]
    return bytes(data)
