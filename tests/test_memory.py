"""Memory is bounded, however much flows through. `$TWINLAKE_TEST_STREAM_MIB=5120` streams 5 GiB."""

import hashlib
import http.client
import os
import select
import threading

import pytest

import wire
from answers import MIB, body, new_bucket
from forms import signed_form
from lake import Lake, close, need_binary, random_keys
from sigv4 import STREAMING, UNSIGNED, request, signed

STREAM_MIB = int(os.environ.get("TWINLAKE_TEST_STREAM_MIB", 256))
PEAK_MIB_MAX = 200
BLOCK = body(MIB)


@pytest.fixture
def lake(new_lake):
    """A server of its own: the peak of a shared one would be another test's."""
    return new_lake().start()


def peak_mib(lake):
    """The most memory that the process has ever held."""
    with open(f"/proc/{lake.pid}/status") as status:
        [line] = [line for line in status if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def stream_up(lake, target, mib):
    """PUTs a body of numbered blocks without ever holding it; returns its SHA-256."""
    digest = hashlib.sha256()
    made = signed(
        request("PUT", lake.host, target, headers=[("Content-Length", mib * MIB)]), lake.keys, payload=UNSIGNED
    )
    with wire.connect(lake.address, seconds=100) as connection:
        connection.sendall(made.bytes())
        for number in range(mib):
            block = number.to_bytes(8, "big") + BLOCK[8:]
            digest.update(block)
            connection.sendall(block)
        assert wire.receive(connection, "PUT").status == 200
    return digest.digest()


def stream_down(lake, target):
    digest = hashlib.sha256()
    with wire.connect(lake.address, seconds=100) as connection:
        connection.sendall(signed(request("GET", lake.host, target), lake.keys).bytes())
        response = http.client.HTTPResponse(connection)
        response.begin()
        assert response.status == 200
        while block := response.read(MIB):
            digest.update(block)
    return digest.digest()


@pytest.mark.timeout(60 + STREAM_MIB)
def test_a_long_stream(lake):
    target = f"/{new_bucket(lake.client())}/k"
    sent = stream_up(lake, target, STREAM_MIB)
    assert stream_down(lake, target) == sent
    print(f"peak of {STREAM_MIB} MiB up and down: {peak_mib(lake):.0f} MiB")
    assert peak_mib(lake) <= PEAK_MIB_MAX


def test_a_long_form(lake):
    """What does not fit into memory is not held there."""
    s3 = lake.client()
    bucket, mib = new_bucket(s3), 128
    made = signed_form(bucket, lake.keys, [("key", "k")], content=b"<>").request(lake.host)
    start, end = made.body.split(b"<>")
    length = ("Content-Length", len(start) + mib * MIB + len(end))
    with wire.connect(lake.address, seconds=100) as connection:
        connection.sendall(wire.head("POST", made.path, [*made.headers, length]) + start)
        for _ in range(mib):
            connection.sendall(BLOCK)
        connection.sendall(end)
        assert wire.receive(connection, "POST").status == 204
    assert s3.head_object(Bucket=bucket, Key="k")["ContentLength"] == mib * MIB
    assert peak_mib(lake) <= 120


@pytest.mark.timeout(120)
def test_many_streams_at_once(lake):
    bucket = new_bucket(lake.client())
    sums = {}

    def stream(number):
        sent = stream_up(lake, f"/{bucket}/{number}", 32)
        sums[number] = sent == stream_down(lake, f"/{bucket}/{number}")

    threads = [threading.Thread(target=stream, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sums == dict.fromkeys(range(8), True)
    assert peak_mib(lake) <= PEAK_MIB_MAX + 100


def test_a_chunk_of_300_mb(lake):
    """C08: a signed chunk must be held until its signature is known, so it has a bound."""
    bucket, length = new_bucket(lake.client()), 300_000_000
    before = peak_mib(lake)
    frame = b"%x;chunk-signature=%s\r\n" % (length, b"0" * 64)
    headers = [
        ("Content-Length", length + len(frame) + 90),
        ("x-amz-decoded-content-length", length),
        ("Content-Encoding", "aws-chunked"),
    ]
    made = signed(request("PUT", lake.host, f"/{bucket}/k", headers=headers), lake.keys, payload=STREAMING)
    sent = 0
    with wire.connect(lake.address) as connection:
        try:
            connection.sendall(made.bytes() + frame)
            while sent < 100 * MIB and not select.select([connection], [], [], 0)[0]:
                connection.sendall(BLOCK)
                sent += MIB
        except ConnectionError:
            pass
        answer = wire.receive(connection, "PUT")
    assert answer.status == 400 and answer.code in ("EntityTooLarge", "InvalidRequest", "InvalidChunkSizeError")
    assert sent <= 40 * MIB, "the sockets' own buffers hold some of it, but the answer must come before this much"
    assert peak_mib(lake) - before <= 32


def test_readers_that_do_not_read(lake):
    """Forty answers of 32 MiB that nobody takes."""
    s3 = lake.client()
    bucket = new_bucket(s3)
    s3.put_object(Bucket=bucket, Key="k", Body=BLOCK * 32)
    made = signed(request("GET", lake.host, f"/{bucket}/k"), lake.keys)
    connections = [wire.connect(lake.address) for _ in range(40)]
    for connection in connections:
        connection.sendall(made.bytes())
    for connection in connections:
        assert connection.recv(12).startswith(b"HTTP/1.1 200")
    assert s3.head_object(Bucket=bucket, Key="k")["ContentLength"] == 32 * MIB
    assert peak_mib(lake) <= 400
    for connection in connections:
        connection.close()


@pytest.mark.timeout(120)
def test_a_thousand_half_requests(tmp_path):
    """Each announces a body and sends a little of it: none holds more than a little."""
    need_binary()
    lake = Lake(
        tmp_path / "data", keys=random_keys(), environment={"TWINLAKE_LIMITS_CONNECTIONS_PER_ADDRESS_MAX": "2000"}
    ).start()
    bucket = new_bucket(lake.client())
    made = signed(
        request("PUT", lake.host, f"/{bucket}/k", headers=[("Content-Length", 100 * MIB)]), lake.keys, payload=UNSIGNED
    )
    connections = [wire.connect(lake.address) for _ in range(900)]
    for connection in connections:
        connection.sendall(made.bytes() + BLOCK[:1000])
    assert lake.client().list_buckets()["Buckets"]
    assert peak_mib(lake) <= 600
    for connection in connections:
        connection.close()
    close(lake)
