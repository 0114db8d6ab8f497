"""Many objects in one request: `POST /{bucket}?batch`."""

import base64
import email
import hashlib
import http.client
import io
import json
import os
import re
import subprocess
import tarfile
import threading
import time
from urllib.parse import unquote

import pytest

import wire
from answers import MIB, body, etag, new_bucket
from lake import ROOT
from sigv4 import chunked, presigned, request, signed

TAR = "application/x-tar"
PARTS = "multipart/mixed"


def asked(bucket, lake, members, accept=None, headers=(), keys=None):
    """The signed request for these members: keys, or objects as the document has them."""
    objects = [{"key": member} if isinstance(member, str) else member for member in members]
    document = json.dumps({"objects": objects}).encode()
    return asked_for(bucket, lake, document, accept, headers, keys)


def asked_for(bucket, lake, document, accept=None, headers=(), keys=None):
    headers = [("Content-Type", "application/json"), *([("Accept", accept)] if accept else []), *headers]
    made = request("POST", lake.host, f"/{bucket}", [("batch", None)], headers, document)
    return signed(made, keys or lake.keys)


class Member:
    """A member of an answer, whatever its form."""

    def __init__(self, key, status, content, facts):
        self.key, self.status, self.content, self.facts = key, int(status), content, facts

    def __repr__(self):
        return f"<{self.key!r:.40} {self.status} {len(self.content)} bytes {self.facts}>"


def members_of_tar(stream):
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for entry in archive:
            facts = {
                name.removeprefix("TWINLAKE."): value
                for name, value in entry.pax_headers.items()
                if name.startswith("TWINLAKE.")
            }
            facts["mtime"] = entry.mtime
            assert entry.isreg() and entry.name.rstrip("/") == facts["key"].rstrip("/")
            code = 206 if "range" in facts else 200
            yield Member(facts["key"], facts.get("status", code), archive.extractfile(entry).read(), facts)


def members_of_parts(stream, content_type):
    """Reads parts by their lengths, as a client does that does not look for boundaries within bodies."""
    kind, _, boundary = content_type.partition("; boundary=")
    assert kind == PARTS
    while (line := stream.readline()) == f"--{boundary}\r\n".encode():
        headers = http.client.parse_headers(stream)
        content = stream.read(int(headers["Content-Length"]))
        assert stream.read(2) == b"\r\n"
        if headers["x-lake-status"] >= "300":
            headers["error"] = wire.Answer(0, headers, content).code
        yield Member(unquote(headers["x-lake-key"]), headers["x-lake-status"], content, headers)
    assert line == f"--{boundary}--\r\n".encode(), line
    assert stream.read() == b""


def members(answer):
    """All members of an answer that was received whole."""
    assert answer.status == 200, answer.body[:500]
    content_type = answer.headers["Content-Type"]
    if content_type == TAR:
        return list(members_of_tar(io.BytesIO(answer.body)))
    return list(members_of_parts(io.BytesIO(answer.body), content_type))


@pytest.fixture(params=[TAR, PARTS])
def form(request):
    return request.param


@pytest.fixture
def read(lake, bucket, form):
    """Reads members of `bucket`, or of another, in both forms."""

    def read(*asked_members, of=bucket, **options):
        return members(asked(of, lake, asked_members, form, **options).send(lake.address, seconds=100))

    return read


KEYS = ["a", "a/b", "a//b", "/absolute", "../../etc/passwd", ".", "a/", "sp ace+%41&?#", "é🌬️", "\u202e"]
KEYS += ["x" * 1024, "line\r\nend", "tab\t\x01\x7f", "é" * 512, "n" * 100, "n" * 101, "k=v\n12 path=x"]


def test_every_key_comes_back_in_the_order_asked(s3, bucket, read):
    content = {key: key.encode() * 3 for key in KEYS}
    for key in KEYS:
        s3.put_object(Bucket=bucket, Key=key, Body=content[key])
    order = [*reversed(KEYS), *KEYS, KEYS[3], KEYS[3]]
    got = read(*order)
    assert [member.key for member in got] == order
    assert all(member.status == 200 and member.content == content[member.key] for member in got)


def test_a_member_tells_what_a_get_tells(s3, versioned, read, form):
    put = s3.put_object(Bucket=versioned, Key="k", Body=b"0123456789", ContentType="text/x-y", ContentEncoding="br")
    s3.put_object(Bucket=versioned, Key="empty")
    got = s3.get_object(Bucket=versioned, Key="k")
    whole, part, empty = read("k", {"key": "k", "range": "bytes=2-4"}, "empty", of=versioned)
    assert (whole.status, part.status, empty.status) == (200, 206, 200)
    assert (whole.content, part.content, empty.content) == (b"0123456789", b"234", b"")
    names = {TAR: ["version_id", "etag", "content_type", "content_encoding", "range"]}
    names[PARTS] = ["x-amz-version-id", "ETag", "Content-Type", "Content-Encoding", "Content-Range"]
    version, tag, content_type, encoding, content_range = names[form]
    assert whole.facts[version] == part.facts[version] == put["VersionId"]
    assert whole.facts[tag] == put["ETag"] == etag(b"0123456789")
    assert whole.facts[content_type] == "text/x-y" and whole.facts[encoding] == "br"
    assert part.facts[content_range] == "bytes 2-4/10"
    assert content_range not in whole.facts and empty.facts[content_type] == "binary/octet-stream"
    if form == TAR:
        assert 0 <= whole.facts["mtime"] - got["LastModified"].timestamp() < 1
    else:
        assert whole.facts["Last-Modified"] == got["ResponseMetadata"]["HTTPHeaders"]["last-modified"]


def test_what_cannot_be_had_says_so_in_its_place(s3, versioned, read):
    first = s3.put_object(Bucket=versioned, Key="k", Body=b"first")["VersionId"]
    second = s3.put_object(Bucket=versioned, Key="k", Body=b"second")["VersionId"]
    s3.put_object(Bucket=versioned, Key="gone", Body=b"x")
    marker = s3.delete_object(Bucket=versioned, Key="gone")["VersionId"]
    table = [
        ("k", 200, b"second"),
        ({"key": "k", "versionId": first}, 200, b"first"),
        ("missing", 404, "NoSuchKey"),
        ("gone", 404, "NoSuchKey"),
        ({"key": "gone", "versionId": marker}, 405, "MethodNotAllowed"),
        ({"key": "k", "versionId": "0" * 32}, 404, "NoSuchVersion"),
        ({"key": "k", "versionId": "null"}, 404, "NoSuchVersion"),
        ({"key": "missing", "range": "bytes=0-1"}, 404, "NoSuchKey"),
        ({"key": "k", "range": "bytes=6-"}, 416, "InvalidRange"),
        ({"key": "k", "range": "bytes=-0"}, 416, "InvalidRange"),
        ({"key": "k", "range": "bytes=5-"}, 206, b"d"),
        ({"key": "k", "range": "bytes=-3"}, 206, b"ond"),
        ({"key": "k", "range": f"bytes=0-{'9' * 30}"}, 206, b"second"),
        ({"key": "k", "versionId": second, "range": "bytes=0-0"}, 206, b"s"),
        ("k", 200, b"second"),
    ]
    got = read(*(member for member, *_ in table), of=versioned)
    assert len(got) == len(table)
    for member, (what, code, expected) in zip(got, table):
        assert member.status == code, (what, member)
        assert (member.content if code < 300 else member.facts["error"]) == expected, (what, member)


def test_ten_thousand_members(s3, bucket, lake, read):
    small = [(f"class-{number % 7}/{number:05}.npy", body(number % 50, number)) for number in range(200)]
    for key, content in small:
        s3.put_object(Bucket=bucket, Key=key, Body=content)
    order = [small[number * 7 % 200] for number in range(9_990)] + [("missing", None)] * 10
    got = read(*(key for key, _ in order))
    assert [(member.key, None if member.status == 404 else member.content) for member in got] == order
    answer = asked(bucket, lake, ["k"] * 10_001).send(lake.address)
    assert (answer.status, answer.code) == (400, "InvalidRequest") and b"10000" in answer.body


def test_long_members_among_short_ones(s3, bucket, read):
    """Short ones lie in the catalogue, longer ones in a blob, the longest in pieces and parts."""
    content = {"short": body(100), "edge": body(128 * 1024), "blob": body(3 * MIB + 5), "long": body(64) * MIB}
    for key, value in content.items():
        s3.put_object(Bucket=bucket, Key=key, Body=value)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
    pieces = [body(5 * MIB, 1), body(77, 2)]
    named, parts = {"Bucket": bucket, "Key": "parts", "UploadId": upload}, []
    for number, piece in enumerate(pieces, 1):
        put = s3.upload_part(**named, PartNumber=number, Body=piece)
        parts.append({"PartNumber": number, "ETag": put["ETag"]})
    s3.complete_multipart_upload(**named, MultipartUpload={"Parts": parts})
    content["parts"] = b"".join(pieces)
    order = ["short", "long", "short", "blob", "edge", "parts", "missing", "short"]
    got = read(*order, {"key": "long", "range": f"bytes={60 * MIB}-"}, {"key": "parts", "range": "bytes=-80"})
    assert [member.key for member in got[:8]] == order
    assert all(member.content == content[member.key] for member in got[:8] if member.key != "missing")
    assert got[8].content == content["long"][60 * MIB :] and got[9].content == content["parts"][-80:]


def test_every_member_is_judged_for_anonymous(lake, s3, bucket, form):
    s3.put_object(Bucket=bucket, Key="k", Body=b"secret")
    document = json.dumps({"objects": [{"key": "k"}, {"key": "missing"}]}).encode()
    made = request("POST", lake.host, f"/{bucket}", [("batch", None)], [("Accept", form)], document)
    got = members(made.send(lake.address))
    assert [(member.status, member.facts["error"]) for member in got] == [(403, "AccessDenied")] * 2
    assert all(b"secret" not in member.content for member in got)
    other = request("POST", lake.host, "/no-such-bucket-here", [("batch", None)], [], document).send(lake.address)
    assert (other.status, other.code) == (404, "NoSuchBucket")


def test_requests_that_are_refused_as_a_whole(lake, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    good = b'{"objects":[{"key":"k"}]}'
    md5 = lambda document: base64.b64encode(hashlib.md5(document).digest()).decode()
    for document, headers, code, expected, told in [
        (b"", [], 400, "InvalidRequest", ""),
        (b"<xml/>", [], 400, "InvalidRequest", ""),
        (b"[" * 100_000, [], 400, "InvalidRequest", ""),
        (b'{"objects":' + b"[" * 100_000, [], 400, "InvalidRequest", ""),
        (b'{"objects":[]}', [], 400, "InvalidRequest", "names no objects"),
        (b'{"objects":[{"key":"k","part":1}]}', [], 400, "InvalidRequest", "`part`"),
        (b'{"objects":[{"key":"k"}],"as_of":1}', [], 400, "InvalidRequest", "`as_of`"),
        (b'{"objects":[{"key":"k"},{"key":""}]}', [], 400, "InvalidArgument", "member 1"),
        (b'{"objects":[{"key":"' + b"k" * 1025 + b'"}]}', [], 400, "InvalidArgument", "too long"),
        (b'{"objects":[{"key":"k","range":"bytes=1-0"}]}', [], 400, "InvalidArgument", "range"),
        (b'{"objects":[{"key":"k","versionId":"../x"}]}', [], 400, "InvalidArgument", "member 0"),
        (good, [("Accept", "text/html")], 400, "InvalidArgument", "Accept"),
        (good, [("Content-MD5", md5(b"other"))], 400, "BadDigest", ""),
        (good, [("Content-MD5", "nonsense")], 400, "InvalidDigest", ""),
        (good, [("x-amz-content-sha256", hashlib.sha256(b"other").hexdigest())], 400, "XAmzContentSHA256Mismatch", ""),
        (good, [("x-amz-expected-bucket-owner", "9" * 12)], 403, "AccessDenied", ""),
        (good, [("Content-MD5", md5(good))], 200, None, ""),
        # Nothing in a JSON document is markup.
        (b'{"objects":[{"key":"<![CDATA[<!DOCTYPE"}]}', [], 200, None, ""),
    ]:
        hashed = dict(headers).get("x-amz-content-sha256")
        made = request("POST", lake.host, f"/{bucket}", [("batch", None)], headers, document)
        answer = signed(made, lake.keys, payload=hashed).send(lake.address)
        found = answer.code if answer.status >= 300 else None
        assert (answer.status, found) == (code, expected), (document[:60], headers, answer.body[:400])
        assert told in answer.body.decode(errors="replace"), answer.body
    plain = request("POST", lake.host, f"/{bucket}", [("batch", None)])
    answer = chunked(plain, lake.keys, [good]).request().send(lake.address)
    assert (answer.status, answer.code) == (400, "InvalidRequest") and b"chunked payloads" in answer.body
    too_long = b'{"objects":[' + b" " * (4 << 20) + b"]}"
    answer = asked_for(bucket, lake, too_long).send(lake.address)
    assert (answer.status, answer.code) == (400, "EntityTooLarge")
    wrong = asked(bucket, lake, ["k"], keys=lake.keys._replace(secret="wrong")).send(lake.address)
    assert (wrong.status, wrong.code) == (403, "SignatureDoesNotMatch")
    missing = asked("no-such-bucket-here", lake, ["k"]).send(lake.address)
    assert (missing.status, missing.code) == (404, "NoSuchBucket")


def test_a_presigned_batch(lake, s3, bucket):
    """A training job needs no keys: whoever has them signs the request for it, though not its document."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"content")
    made = presigned(request("POST", lake.host, f"/{bucket}", [("batch", None)]), lake.keys)
    answer = made.replaced(body=b'{"objects":[{"key":"k"}]}').send(lake.address)
    assert [member.content for member in members(answer)] == [b"content"]


def test_readers_of_mail_and_archives_understand_it(lake, s3, bucket, tmp_path):
    """The standard library's parser of MIME, and tar itself."""
    content = {"a/1.bin": bytes(range(256)) * 8, "a/2.bin": b"--\r\n\r\n--boundary--\r\n", "ü": b""}
    for key, value in content.items():
        s3.put_object(Bucket=bucket, Key=key, Body=value)
    answer = asked(bucket, lake, [*content, "missing"]).send(lake.address)
    head = f"Content-Type: {answer.headers['Content-Type']}\r\n\r\n".encode()
    parts = email.message_from_bytes(head + answer.body).get_payload()
    assert [part["x-lake-status"] for part in parts] == ["200", "200", "200", "404"]
    assert parts[3].get_content_type() == "application/xml"
    archive = tmp_path / "batch.tar"
    archive.write_bytes(asked(bucket, lake, [*content, "missing"], TAR).send(lake.address).body)
    out = tmp_path / "out"
    out.mkdir()
    subprocess.run(["tar", "-xf", archive, "-C", out], check=True, capture_output=True)
    for key, value in content.items():
        assert (out / key).read_bytes() == value
    assert (out / "missing").read_bytes() == b""


def open_stream(lake, bucket, order, accept=TAR):
    """A connection whose answer has begun and is read by nobody but the caller."""
    connection = wire.connect(lake.address, seconds=60)
    connection.sendall(asked(bucket, lake, order, accept).bytes())
    response = http.client.HTTPResponse(connection, method="POST")
    response.begin()
    assert response.status == 200
    return connection, response


def test_the_first_member_comes_before_the_last_is_read(lake, s3, bucket):
    """Ten thousand members of 8 MiB would be 80 GB: nobody has read them when the first is there."""
    s3.put_object(Bucket=bucket, Key="first", Body=b"first")
    s3.put_object(Bucket=bucket, Key="long", Body=body(MIB) * 8)
    connection, response = open_stream(lake, bucket, ["first"] + ["long"] * 9_999)
    with connection:
        first = next(members_of_tar(response))
    assert first.content == b"first"


def peak_mib(lake):
    with open(f"/proc/{lake.pid}/status") as told:
        [line] = [line for line in told if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def test_readers_that_do_not_read_cost_little_memory(new_lake):
    """Forty readers, each of ten thousand members of 1 MiB, take nothing of it."""
    lake = new_lake().start()
    s3 = lake.client()
    bucket = new_bucket(s3)
    s3.put_object(Bucket=bucket, Key="k", Body=body(MIB))
    before = peak_mib(lake)
    opened = [open_stream(lake, bucket, ["k"] * 10_000) for _ in range(40)]
    assert s3.head_object(Bucket=bucket, Key="k")["ContentLength"] == MIB
    grown = peak_mib(lake) - before
    for connection, _ in opened:
        connection.close()
    print(f"grown by {grown:.0f} MiB")
    assert grown <= 400


def test_a_slow_reader_gets_all_of_it(lake, s3, bucket):
    content = body(MIB)
    s3.put_object(Bucket=bucket, Key="k", Body=content)
    connection, response = open_stream(lake, bucket, ["k"] * 24)
    with connection:
        seen = 0
        for member in members_of_tar(response):
            assert member.content == content
            seen += 1
            time.sleep(0.02)
    assert seen == 24


def test_writes_meanwhile_do_not_tear_members(lake, s3, bucket, form):
    """Each member is one version, whole, whatever happens to its key while the answer is under way."""
    versions = [bytes([mark]) * (300_000 + mark) for mark in range(4)]
    s3.put_object(Bucket=bucket, Key="k", Body=versions[0])
    ended = threading.Event()

    def write():
        client, mark = lake.client(read_timeout=30), 0
        while not ended.is_set():
            mark += 1
            client.put_object(Bucket=bucket, Key="k", Body=versions[mark % 4])

    writer = threading.Thread(target=write)
    writer.start()
    try:
        got = members(asked(bucket, lake, ["k"] * 200, form).send(lake.address, seconds=60))
    finally:
        ended.set()
        writer.join()
    assert len(got) == 200 and all(member.content in versions for member in got)


def test_damage_within_a_member_breaks_the_answer_off(new_lake):
    """A member that has begun is whole or the connection ends; damage at its start is an error of the member."""
    lake = new_lake().start()
    s3 = lake.client()
    bucket = new_bucket(s3)
    content = body(8 * MIB)
    for key in ("early", "late", "sound"):
        s3.put_object(Bucket=bucket, Key=key, Body=content)
        blobs = [path for path in lake.directory.rglob("*") if path.is_file() and path.stat().st_size > 8 * MIB]
        [new] = [path for path in blobs if path not in (seen if key != "early" else [])]
        seen = blobs
        if key != "sound":
            with open(new, "r+b") as blob:
                blob.seek(5_000 if key == "early" else 6 * MIB)
                byte = blob.read(1)[0]
                blob.seek(-1, os.SEEK_CUR)
                blob.write(bytes([byte ^ 1]))
    answer = asked(bucket, lake, ["sound", "early", "sound"]).send(lake.address)
    statuses = [(member.key, member.status) for member in members(answer)]
    assert statuses == [("sound", 200), ("early", 500), ("sound", 200)]
    connection, response = open_stream(lake, bucket, ["sound", "late", "sound"])
    with connection, pytest.raises((http.client.IncompleteRead, ConnectionError)):
        for member in members_of_tar(response):
            assert member.key == "sound" and member.content == content


def test_the_loader_of_the_guide(lake, s3, bucket, monkeypatch):
    text = (ROOT / "docs" / "guide.md").read_text()
    [code] = re.findall(r"## Feed a training loader\n.*?```python\n(.*?)```", text, re.DOTALL)
    guide = {}
    exec(code, guide)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", lake.keys.access)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", lake.keys.secret)
    content = {f"é/{number}": body(number, number) for number in range(25)}
    for key, value in content.items():
        s3.put_object(Bucket=bucket, Key=key, Body=value)
    loaded = guide["read_batches"](lake.endpoint, bucket, [*content, *content], size=7)
    assert list(loaded) == [*content.items()] * 2
    with pytest.raises(KeyError, match="NoSuchKey: missing"):
        list(guide["read_batches"](lake.endpoint, bucket, [*content, "missing"]))


def test_only_a_bucket_is_posted_to(lake, s3, bucket):
    """Elsewhere the parameter means nothing, as one that S3 does not know."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    listed = signed(request("GET", lake.host, f"/{bucket}", [("batch", None)]), lake.keys).send(lake.address)
    assert listed.status == 200 and listed.field("Key") == "k"
    document = b'{"objects":[{"key":"k"}]}'
    for path in ("/", f"/{bucket}/k"):
        answer = signed(request("POST", lake.host, path, [("batch", None)], [], document), lake.keys).send(lake.address)
        assert answer.status in (400, 405, 501) and answer.code, (path, answer.status, answer.body)
