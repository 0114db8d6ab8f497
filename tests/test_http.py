"""HTTP itself: connections that live, die, dawdle and never begin."""

import re
import shutil
import socket
import subprocess
import threading
import time

import pytest

import wire
from answers import MIB, body, fetch, new_bucket
from lake import Lake, close, need_binary, random_keys
from sigv4 import UNSIGNED, Scope, now, presigned, request, sha256, signed

SLOW_SECONDS_MAX = 15


@pytest.fixture
def get(lake, s3, bucket):
    """A signed GET of an object that holds `there`."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"there")
    return signed(request("GET", lake.host, f"/{bucket}/k"), lake.keys)


def test_one_connection_for_many_requests(lake, get, bucket):
    with wire.connect(lake.address) as connection:
        for number in range(50):
            connection.sendall(get.bytes())
            assert wire.receive(connection).body == b"there"
            put = signed(request("PUT", lake.host, f"/{bucket}/k{number}", body=b"x" * number), lake.keys)
            connection.sendall(put.bytes())
            assert wire.receive(connection).status == 200


def test_an_error_does_not_end_the_connection(lake, get, bucket):
    absent = signed(request("GET", lake.host, f"/{bucket}/absent"), lake.keys)
    with wire.connect(lake.address) as connection:
        for made, status in ((absent, 404), (get, 200), (get.with_headers(("x-amz-acl", "x")), 403), (get, 200)):
            connection.sendall(made.bytes())
            assert wire.receive(connection).status == status


def test_pipelined_requests_are_answered_in_order(lake, s3, bucket):
    requests = b""
    for number in range(100):
        requests += signed(
            request("PUT", lake.host, f"/{bucket}/k{number:03}", body=str(number).encode()), lake.keys
        ).bytes()
        requests += signed(request("GET", lake.host, f"/{bucket}/k{number:03}"), lake.keys).bytes()
    with wire.connect(lake.address) as connection:
        sender = threading.Thread(target=connection.sendall, args=(requests,))
        sender.start()
        reader = connection.makefile("rb")
        answers = [read_one(reader) for _ in range(200)]
        sender.join()
    assert [body for _, body in answers[1::2]] == [str(number).encode() for number in range(100)]
    assert {status for status, _ in answers} == {200}


def read_one(reader):
    """Status and body of the next answer on a connection whose answers have a length."""
    status, length = int(reader.readline().split()[1]), 0
    while line := reader.readline().strip():
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return status, reader.read(length)


def test_pipelining_without_reading_is_held_back(lake, s3, bucket):
    """D15: a client that only sends is not served without bound: at some point its sending blocks."""
    s3.put_object(Bucket=bucket, Key="large", Body=body(MIB))
    get = signed(request("GET", lake.host, f"/{bucket}/large"), lake.keys).bytes()
    sent = 0
    with wire.connect(lake.address, seconds=2) as connection:
        try:
            while sent < 100_000:
                connection.sendall(get * 100)
                sent += 100
        except TimeoutError:
            pass
    assert sent < 100_000
    assert fetch(s3, bucket, "large") == body(MIB)


def test_100_continue(lake, bucket):
    """Asked for only when the body is wanted: not before the signature was found right."""
    for secret, expected in ((lake.keys.secret, b"HTTP/1.1 100"), ("wrong", b"HTTP/1.1 403")):
        made = request("PUT", lake.host, f"/{bucket}/k", headers=[("Expect", "100-continue"), ("Content-Length", 5)])
        made = signed(made, lake.keys._replace(secret=secret), payload=UNSIGNED)
        with wire.connect(lake.address) as connection:
            connection.sendall(made.bytes())
            begin = connection.recv(4096)
            assert begin.startswith(expected), begin
            if expected.endswith(b"100"):
                connection.sendall(b"hello")
                assert wire.receive(connection).status == 200


@pytest.mark.parametrize("length", [0, 1, 3000, 128 << 10])
@pytest.mark.parametrize("headers", [(), (("Expect", "100-continue"),)], ids=["at once", "when asked"])
def test_a_short_body_without_a_length(lake, s3, bucket, length, headers):
    """In HTTP's own chunks and no others: it is read to find out how long it is, and then as any other."""
    content = body(length)
    made = request("PUT", lake.host, f"/{bucket}/k", headers=[("Transfer-Encoding", "chunked"), *headers])
    for payload in (UNSIGNED, sha256(content)):
        chunks = b"%x\r\n%b\r\n" % (length, content) if content else b""
        sent = signed(made, lake.keys, payload=payload).bytes() + chunks + b"0\r\n\r\n"
        assert wire.exchange(lake.address, sent).status == 200
        assert fetch(s3, bucket, "k") == content
    made = signed(made, lake.keys, payload="0" * 64)
    assert wire.exchange(lake.address, made.bytes() + b"1\r\nx\r\n0\r\n\r\n").code == "XAmzContentSHA256Mismatch"


def test_a_document_without_a_length_is_looked_over(lake, s3, bucket):
    made = request("PUT", lake.host, f"/{bucket}", [("tagging", None)], [("Transfer-Encoding", "chunked")])
    good = b"<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag></TagSet></Tagging>"
    for content, expected in ((good, None), (good.replace(b"1", b"<![CDATA[2]]>"), "MalformedXML")):
        sent = signed(made, lake.keys, payload=sha256(content)).bytes()
        answer = wire.exchange(lake.address, sent + b"%x\r\n%b\r\n0\r\n\r\n" % (len(content), content))
        assert answer.status in (200, 204) if expected is None else answer.code == expected
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == [{"Key": "a", "Value": "1"}]


REFUSED_EARLY = {
    "anonymous": (lambda made, keys: made, "AccessDenied"),
    "wrong secret": (lambda made, keys: signed(made, keys._replace(secret="x"), payload=UNSIGNED), "SignatureDoesNotMatch"),
    "too late": (lambda made, keys: presigned(made, keys, scope=Scope(now(-600))), "AccessDenied"),
    "no bucket": (
        lambda made, keys: signed(made.replaced(path="/no-such-bucket-at-all/k"), keys, payload=UNSIGNED),
        "NoSuchBucket",
    ),
    "a condition": (
        lambda made, keys: signed(made.with_headers(("If-None-Match", "*")), keys, payload=UNSIGNED),
        "PreconditionFailed",
    ),
    "not offered": (
        lambda made, keys: signed(made.with_headers(("x-amz-storage-class", "GLACIER")), keys, payload=UNSIGNED),
        "InvalidStorageClass",
    ),
    "too large": (
        lambda made, keys: signed(
            made.without("Content-Length").with_headers(("Content-Length", 6 << 30)), keys, payload=UNSIGNED
        ),
        "EntityTooLarge",
    ),
}


@pytest.mark.parametrize("sign, code", REFUSED_EARLY.values(), ids=REFUSED_EARLY)
def test_no_100_continue_before_a_refusal(lake, s3, bucket, sign, code):
    """What is refused without its body is refused without asking for it."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"there")
    made = request("PUT", lake.host, f"/{bucket}/k", headers=[("Expect", "100-continue"), ("Content-Length", 5)])
    with wire.connect(lake.address) as connection:
        connection.sendall(sign(made, lake.keys).bytes())
        assert not connection.recv(12, socket.MSG_PEEK).endswith(b" 100")
        assert wire.receive(connection).code == code
    assert fetch(s3, bucket, "k") == b"there"


def test_a_connection_that_will_be_closed_is_said_to_be(lake, get, bucket):
    """A client that was not told to continue must not ask again on a connection that is about to go."""
    made = request("PUT", lake.host, f"/{bucket}/k", headers=[("Expect", "100-continue"), ("Content-Length", 5)])
    made = signed(made.with_headers(("If-None-Match", "*")), lake.keys, payload=UNSIGNED)
    with wire.connect(lake.address) as connection:
        connection.sendall(made.bytes())
        answer = wire.receive(connection, "PUT")
        assert (answer.status, answer.code) == (412, "PreconditionFailed")
        if answer.headers["connection"] != "close":
            connection.sendall(b"hello" + get.bytes())
            assert wire.receive(connection).status == 200


def test_head_has_no_body(lake, s3, bucket, get):
    for path, status in (
        (f"/{bucket}/k", 200),
        (f"/{bucket}/absent", 404),
        ("/absent-bucket", 404),
        (f"/{bucket}", 200),
    ):
        with wire.connect(lake.address) as connection:
            connection.sendall(signed(request("HEAD", lake.host, path), lake.keys).bytes())
            assert wire.receive(connection, "HEAD").status == status
            connection.sendall(get.bytes())  # a stray byte of a body would stand in front of the next answer
            assert wire.receive(connection).body == b"there"


def test_answers_without_content_have_no_body(lake, s3, bucket, get):
    tag = s3.head_object(Bucket=bucket, Key="k")["ETag"]
    for method, headers, status in (("GET", [("If-None-Match", tag)], 304), ("DELETE", [], 204)):
        with wire.connect(lake.address) as connection:
            connection.sendall(signed(request(method, lake.host, f"/{bucket}/k", headers=headers), lake.keys).bytes())
            answer = wire.receive(connection, method)
            assert answer.status == status and answer.body == b""
            connection.sendall(signed(request("GET", lake.host, f"/{bucket}"), lake.keys).bytes())
            assert wire.receive(connection).status == 200


def test_request_ids(lake, get, bucket):
    """Each answer has one of its own, good or bad, and the error document names the same."""
    absent = signed(request("GET", lake.host, f"/{bucket}/absent"), lake.keys)
    answers = [made.send(lake.address) for made in (get, get, absent, get.with_headers(("x-amz-acl", "x")))]
    ids = [answer.headers["x-amz-request-id"] for answer in answers]
    assert len(set(ids)) == 4 and all(re.fullmatch("[0-9A-Za-z-]{8,64}", one) for one in ids)
    assert answers[2].field("RequestId") == ids[2] and answers[3].field("RequestId") == ids[3]
    asked = get.with_headers(("x-request-id", "\\r\\nmine")).send(lake.address)
    assert asked.headers["x-amz-request-id"] not in ("mine", *ids)


def test_http_1_0(lake, get):
    answer = wire.exchange(lake.address, get.bytes().replace(b"HTTP/1.1", b"HTTP/1.0"))
    assert answer.status == 200 and answer.body == b"there"


def test_connection_close(lake, get):
    with wire.connect(lake.address) as connection:
        connection.sendall(get.with_headers(("Connection", "close")).bytes())
        assert wire.receive(connection).status == 200
        assert wire.is_closed(connection, 5)


def test_a_body_in_many_packets(lake, s3, bucket):
    """Slow, but never stalled: patience for it."""
    content = body(3000)
    made = signed(
        request("PUT", lake.host, f"/{bucket}/k", headers=[("Content-Length", 3000)]), lake.keys, payload=UNSIGNED
    )
    with wire.connect(lake.address) as connection:
        for place in range(0, 3000, 100):
            connection.sendall((made.bytes() if place == 0 else b"") + content[place : place + 100])
            time.sleep(0.02)
        assert wire.receive(connection).status == 200
    assert fetch(s3, bucket, "k") == content


def test_a_request_byte_by_byte(lake, get):
    with wire.connect(lake.address) as connection:
        for byte in get.bytes():
            connection.sendall(bytes([byte]))
        assert wire.receive(connection).body == b"there"


def test_bytes_in_a_header_that_are_no_text(lake, s3, bucket):
    """D05: unsigned and unused they are ignored, or the request is refused; never stored."""
    made = signed(request("PUT", lake.host, f"/{bucket}/k", body=b"x"), lake.keys).with_headers(
        ("x-odd", b"\xc3\xa9\xff")
    )
    assert made.send(lake.address).status in (200, 400)


@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
def test_http_2(lake, get, bucket):
    made = presigned(request("GET", lake.host, f"/{bucket}/k"), lake.keys)
    command = [
        "curl",
        "-sS",
        "--http2-prior-knowledge",
        "-w",
        " %{http_version} %{http_code}",
        lake.endpoint + made.target,
    ]
    assert subprocess.run(command, capture_output=True, text=True, timeout=20).stdout == "there 2 200"


WAITS = {"head": 2, "idle": 4, "body": 3, "write": 5}  # seconds; a minute each by default


@pytest.fixture(scope="module")
def slow_clients(tmp_path_factory):
    """Slow clients let loose together on an impatient server: how long each was borne, and what it was told."""
    need_binary()
    waits = {f"TWINLAKE_LIMITS_{name.upper()}_WAIT_MS": str(1000 * seconds) for name, seconds in WAITS.items()}
    lake = Lake(tmp_path_factory.mktemp("slow") / "data", keys=random_keys(), environment=waits).start()
    s3 = lake.client()
    bucket = new_bucket(s3)
    s3.put_object(Bucket=bucket, Key="large", Body=body(64 * MIB))
    put = signed(
        request("PUT", lake.host, f"/{bucket}/k", headers=[("Content-Length", 1000)]), lake.keys, payload=UNSIGNED
    )
    get = signed(request("GET", lake.host, f"/{bucket}/large"), lake.keys)
    clients = {
        "silent": (b"", b""),
        "half a header": (put.bytes()[:60], b""),
        "a header byte by byte": (b"GET / HTTP/1.1\r\nx-", b"a"),
        "a stalled body": (put.bytes() + b"some", b""),
        "a body byte by byte": (put.bytes(), b"x"),
        "idle after a request": (put.bytes() + b"x" * 1000, b""),
    }
    told = {}
    threads = [threading.Thread(target=dawdle, args=(lake, told, name, *what)) for name, what in clients.items()]
    threads.append(threading.Thread(target=doze, args=(lake, told, get.bytes())))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    yield told, s3, bucket
    close(lake)


def dawdle(lake, told, name, first, drip):
    """Sends the beginning, then a byte every half second, until the server has had enough."""
    begun = time.monotonic()
    with wire.connect(lake.address, seconds=0.5) as connection:
        connection.sendall(first)
        received = b""
        while time.monotonic() - begun < SLOW_SECONDS_MAX:
            try:
                if drip:
                    connection.sendall(drip)
                data = connection.recv(4096)
                received += data
                if not data:
                    break
            except TimeoutError:
                continue
            except ConnectionError:
                break
        else:
            told[name] = None, received
            return
    told[name] = time.monotonic() - begun, received


def doze(lake, told, get):
    """Asks for a long answer, sleeps on it, and then counts how much of it is still to be had."""
    with wire.connect(lake.address, seconds=5) as connection:
        connection.sendall(get)
        time.sleep(WAITS["write"] + 3)
        received = 0
        try:
            while data := connection.recv(1 << 20):
                received += len(data)
        except (ConnectionError, TimeoutError):
            pass
        told["dozed"] = received


@pytest.mark.parametrize(
    "name, wait",
    [
        ("half a header", "head"),
        ("a header byte by byte", "head"),
        ("silent", "head"),
        ("a stalled body", "body"),
        ("a body byte by byte", "body"),
        ("idle after a request", "idle"),
    ],
)
def test_slow_clients_are_not_borne_for_ever(slow_clients, name, wait):
    told, _, _ = slow_clients
    seconds, received = told[name]
    assert seconds is not None, f"still connected after {SLOW_SECONDS_MAX} s"
    assert 0.8 * WAITS[wait] <= seconds <= WAITS[wait] + 4
    if wait == "body" and received:
        assert received.startswith(b"HTTP/1.1 400") and b"RequestTimeout" in received
    if wait == "idle":
        assert received.startswith(b"HTTP/1.1 200")


def test_a_reader_that_stopped_reading_is_dropped(slow_clients):
    """What lay in the sockets' buffers may still arrive; the rest was given up."""
    told, _, _ = slow_clients
    assert told["dozed"] < 32 * MIB


def test_nothing_of_a_slow_client_is_kept(slow_clients):
    """Only the one that sent its whole body, and then sat there, wrote anything."""
    _, s3, bucket = slow_clients
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["k", "large"]
    assert fetch(s3, bucket, "k") == b"x" * 1000
