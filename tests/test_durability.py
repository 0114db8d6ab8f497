"""What was acknowledged stays, whole or not at all: through `kill -9`, flipped bits, and logs that were cut.

The kill loop keeps a ledger. Every key belongs to one worker, so that at most the operation in flight at the kill is in
doubt: what a key holds after the restart must be what the last acknowledged operation left, or what that one would.
`$TWINLAKE_TEST_KILLS` makes it longer, `$TWINLAKE_TEST_SEED` repeats a run.
"""

import http.client
import os
import random
import shutil
import threading
import time

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from answers import MIB, body, etag, fetch, keys_of, new_bucket
from lake import Lake, Refused, need_binary, random_keys

KILLS = int(os.environ.get("TWINLAKE_TEST_KILLS", 5))
SEED = int(os.environ.get("TWINLAKE_TEST_SEED", time.time_ns() % 1_000_000))
WORKERS = 8
KEYS_EACH = 5
SIZES = [0, 16, 1000, 65_535, 65_537, 131_072, 131_073, 700_000]


class Ledger:
    """What is known of one worker's keys. A content is a pair of seed and length, or none for absence."""

    def __init__(self, worker, bucket):
        self.bucket, self.keys = bucket, [f"{worker}/{number}" for number in range(KEYS_EACH)]
        self.settled = dict.fromkeys(self.keys)
        self.doubtful = {key: [] for key in self.keys}
        self.versions = {}
        self.acknowledged = 0


def bytes_of(content):
    return body(content[1], content[0])


def work(s3, ledger, chance, stop):
    """Writes, copies and deletes until told to stop or the server is gone, and keeps the ledger."""
    while not stop.is_set():
        key = chance.choice(ledger.keys)
        kind = chance.choices(["put", "delete", "multipart", "copy", "condition", "read"], [45, 10, 10, 10, 5, 20])[0]
        content = None if kind == "delete" else (chance.getrandbits(64), chance.choice(SIZES))
        if kind == "copy":
            source = chance.choice(ledger.keys)
            if source == key or ledger.settled[source] is None or ledger.doubtful[source]:
                continue
            content = ledger.settled[source]
            call = lambda: s3.copy_object(
                Bucket=ledger.bucket, Key=key, CopySource={"Bucket": ledger.bucket, "Key": source}
            )
        elif kind == "put":
            call = lambda: s3.put_object(Bucket=ledger.bucket, Key=key, Body=bytes_of(content))
        elif kind == "condition":
            call = lambda: s3.put_object(Bucket=ledger.bucket, Key=key, Body=bytes_of(content), IfNoneMatch="*")
        elif kind == "multipart":
            call = lambda: multipart(s3, ledger.bucket, key, bytes_of(content))
        elif kind == "delete":
            call = lambda: s3.delete_object(Bucket=ledger.bucket, Key=key)
        else:
            try:
                assert ledger.doubtful[key] or read(s3, ledger.bucket, key) == expected_bytes(ledger.settled[key])
            except (BotoCoreError, HTTPError, http.client.HTTPException):
                pass
            continue
        ledger.doubtful[key].append(content)
        try:
            told = call()
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] < 500:
                ledger.doubtful[key].remove(content)  # a definite refusal has no effect
            continue
        except (BotoCoreError, HTTPError, http.client.HTTPException, OSError):
            continue
        ledger.settled[key], ledger.doubtful[key] = content, []
        ledger.acknowledged += 1
        if "VersionId" in told and kind != "delete":
            ledger.versions[key, told["VersionId"]] = content


def multipart(s3, bucket, key, content):
    upload = {"Bucket": bucket, "Key": key, "UploadId": s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]}
    part = s3.upload_part(PartNumber=1, Body=content, **upload)
    return s3.complete_multipart_upload(MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}, **upload)


def read(s3, bucket, key, **options):
    """The bytes under a key, or none if there is no object."""
    try:
        return fetch(s3, bucket, key, **options)
    except ClientError as error:
        assert error.response["Error"]["Code"] in ("NoSuchKey", "404"), error.response
        return None


def expected_bytes(content):
    return None if content is None else bytes_of(content)


def settle(s3, ledger):
    """After a restart: each key holds what it may hold; from now on that is known."""
    shown = {}
    for page in s3.get_paginator("list_objects_v2").paginate(
        Bucket=ledger.bucket, Prefix=ledger.keys[0].split("/")[0] + "/"
    ):
        shown |= {entry["Key"]: (entry["Size"], entry["ETag"]) for entry in page.get("Contents", [])}
    for key in ledger.keys:
        found = read(s3, ledger.bucket, key)
        choices = [ledger.settled[key], *ledger.doubtful[key]]
        matching = [content for content in choices if expected_bytes(content) == found]
        assert matching, f"{key} holds none of {choices}, but {None if found is None else (len(found), found[:20])}"
        assert (key in shown) == (found is not None)
        if found is not None:
            assert shown[key][0] == len(found)
            assert "-" in shown[key][1] or shown[key][1] == etag(found)
        ledger.settled[key], ledger.doubtful[key] = matching[0], []


@pytest.mark.timeout(60 + 20 * KILLS)
def test_nothing_acknowledged_is_lost_by_kill_9(new_lake):
    print(f"TWINLAKE_TEST_SEED={SEED}")
    chance = random.Random(SEED)
    lake = new_lake().start()
    plain, versioned = new_bucket(lake.client()), new_bucket(lake.client(), versioning="Enabled")
    ledgers = [Ledger(worker, versioned if worker % 2 else plain) for worker in range(WORKERS)]
    for _ in range(KILLS):
        s3, stop = lake.client(), threading.Event()
        threads = [
            threading.Thread(target=work, args=(s3, ledger, random.Random(chance.getrandbits(64)), stop))
            for ledger in ledgers
        ]
        for thread in threads:
            thread.start()
        time.sleep(0.2 + 0.8 * chance.random())
        lake.kill()
        stop.set()
        for thread in threads:
            thread.join()
        s3 = lake.start().client()
        for ledger in ledgers:
            settle(s3, ledger)
    assert sum(ledger.acknowledged for ledger in ledgers) > 20 * KILLS, "too little happened to show anything"
    for ledger in ledgers:
        for (key, version), content in ledger.versions.items():
            assert read(s3, versioned, key, VersionId=version) == bytes_of(content)
    assert lake.stop() == 0


@pytest.fixture
def unchecked(new_lake):
    """A server and a client that compares nothing itself, so that wrong bytes would come through."""
    lake = new_lake().start()
    return lake, lake.client(response_checksum_validation="when_required")


def blobs(lake):
    """The files that bodies lie in."""
    return {path for path in (lake.directory / "blobs").rglob("*") if path.is_file() and path.stat().st_size > 200_000}


def put_blob(lake, s3, bucket, key, content):
    """Stores a body that is too long for the catalogue; returns the file it went to."""
    before = blobs(lake)
    s3.put_object(Bucket=bucket, Key=key, Body=content)
    [path] = blobs(lake) - before
    return path


def served(s3, bucket, key, **options):
    """What a reader gets, and whether it was told that this is all of it."""
    received = b""
    try:
        stream = s3.get_object(Bucket=bucket, Key=key, **options)["Body"]
        while block := stream.read(10_000):
            received += block
        return received, True
    except ClientError as error:
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] in (500, 503), error.response
    except (BotoCoreError, HTTPError, http.client.HTTPException):
        pass
    return received, False


def flip(place):
    def damage(data, other):
        at = int(place * (len(data) - 1))
        return data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]

    return damage


# How a blob is damaged, and whether a reader of the whole must notice; what it never reads may go unnoticed.
DAMAGES = {
    "a bit of the beginning": (flip(0), False),
    "a bit of the first segment": (flip(0.01), True),
    "a bit in the middle": (flip(0.5), True),
    "a bit near the end": (flip(0.99), True),
    "the last bit": (flip(1), False),
    "one byte less": (lambda data, other: data[:-1], True),
    "one segment less": (lambda data, other: data[:-65_552], True),
    "half of it": (lambda data, other: data[: len(data) // 2], True),
    "nothing left": (lambda data, other: b"", True),
    "a page of zeros": (lambda data, other: data[: 1 << 20] + bytes(4096) + data[(1 << 20) + 4096 :], True),
    "something behind": (lambda data, other: data + data[-65_552:], False),
    "segments exchanged": (
        lambda data, other: (
            data[:MIB] + data[MIB + 65_552 : MIB + 131_104] + data[MIB : MIB + 65_552] + data[MIB + 131_104 :]
        ),
        True,
    ),
    "another object's": (lambda data, other: other, True),
}


@pytest.mark.timeout(120)
def test_damaged_blobs_are_never_served(unchecked):
    """X7. Right bytes up to the damage may have left; wrong ones never, and the end is never called a good one."""
    lake, s3 = unchecked
    bucket = new_bucket(s3)
    content = body(3 * MIB + 5)
    path = put_blob(lake, s3, bucket, "k", content)
    other = put_blob(lake, s3, bucket, "other", body(3 * MIB + 5, 1)).read_bytes()
    good = path.read_bytes()
    os.chmod(path, 0o600)
    for name, (damage, must_show) in DAMAGES.items():
        damaged = damage(good, other)
        assert damaged != good
        path.write_bytes(damaged)
        received, whole = served(s3, bucket, "k")
        assert content.startswith(received), name
        assert not whole or (received == content and not must_show), name
        assert fetch(s3, bucket, "other") == body(3 * MIB + 5, 1), name
        path.write_bytes(good)
        assert served(s3, bucket, "k") == (content, True), name


def test_a_missing_blob_is_an_error_and_no_absence(unchecked):
    lake, s3 = unchecked
    bucket = new_bucket(s3)
    path = put_blob(lake, s3, bucket, "k", body(MIB))
    lake.stop()
    path.rename(path.with_suffix(".aside"))
    s3 = lake.start().client(response_checksum_validation="when_required")
    received, whole = served(s3, bucket, "k")
    assert (received, whole) == (b"", False)
    assert keys_of(s3.list_objects_v2(Bucket=bucket)) == ["k"]


def test_ranges_beside_the_damage_are_still_read(unchecked):
    lake, s3 = unchecked
    bucket = new_bucket(s3)
    content = body(3 * MIB)
    path = put_blob(lake, s3, bucket, "k", content)
    os.chmod(path, 0o600)
    path.write_bytes(flip(0.99)(path.read_bytes(), None))
    assert served(s3, bucket, "k", Range="bytes=0-99999") == (content[:100_000], True)
    received, whole = served(s3, bucket, "k", Range=f"bytes={2 * MIB}-")
    assert not whole and content[2 * MIB :].startswith(received)


@pytest.fixture(scope="module")
def logged(tmp_path_factory):
    """The directory of a server that was killed at rest, with its keys and what it had acknowledged."""
    need_binary()
    lake = Lake(tmp_path_factory.mktemp("logged") / "data", keys=random_keys()).start()
    bucket = new_bucket(lake.client())
    contents = {f"k{number:03}": body(2000, number) for number in range(100)}
    for key, content in contents.items():
        lake.client().put_object(Bucket=bucket, Key=key, Body=content)
    time.sleep(0.5)  # the watermark is written by itself as soon as the line is idle
    lake.kill()
    return lake, bucket, contents


def write_ahead_log(directory):
    return max((directory / "catalogue").rglob("*.log"), key=lambda path: path.stat().st_size)


def flip_log(place):
    def damage(path):
        data = path.read_bytes()
        path.write_bytes(flip(place)(data.rstrip(b"\0"), None) + data[len(data.rstrip(b"\0")) :])

    return damage


def cut_log(place):
    def damage(path):
        os.truncate(path, int(place * len(path.read_bytes().rstrip(b"\0"))))

    return damage


def zero_page(path):
    data = path.read_bytes()
    half = len(data.rstrip(b"\0")) // 2
    path.write_bytes(data[:half] + bytes(4096) + data[half + 4096 :])


LOG_DAMAGES = {
    "a bit at the start": flip_log(0.0001),
    "a bit at a tenth": flip_log(0.1),
    "a bit in the middle": flip_log(0.5),
    "a bit near the end": flip_log(0.95),
    "the last bit": flip_log(1),
    "cut in the middle": cut_log(0.5),
    "cut near the end": cut_log(0.99),
    "a page of zeros": zero_page,
    "emptied": cut_log(0),
    "removed": os.remove,
}


@pytest.mark.parametrize("damage", LOG_DAMAGES.values(), ids=LOG_DAMAGES)
def test_a_damaged_log_refuses_to_start(new_lake, logged, damage):
    """X8. RocksDB opens such a log without an error, short of what was acknowledged; the watermark tells."""
    whole, bucket, contents = logged
    lake = new_lake(keys=whole.keys)
    shutil.copytree(whole.directory, lake.directory)
    damage(write_ahead_log(lake.directory))
    with pytest.raises(Refused) as refused:
        lake.start()
    assert refused.value.code not in (0, None) and refused.value.code > 0
    said = refused.value.output.lower()
    assert "catalogue" in said or "watermark" in said or ".log" in said, said
    shutil.rmtree(lake.directory)
    shutil.copytree(whole.directory, lake.directory)
    s3 = lake.start().client()
    assert keys_of(s3.list_objects_v2(Bucket=bucket)) == sorted(contents)


@pytest.mark.parametrize("name", ["CURRENT", "MANIFEST-*"])
def test_a_damaged_catalogue_refuses_to_start(new_lake, logged, name):
    whole, _, _ = logged
    lake = new_lake(keys=whole.keys)
    shutil.copytree(whole.directory, lake.directory)
    [path] = (lake.directory / "catalogue").rglob(name)
    path.write_bytes(flip(0.3)(path.read_bytes(), None))
    with pytest.raises(Refused) as refused:
        lake.start()
    assert refused.value.code not in (0, None) and refused.value.code > 0
    assert "catalogue" in refused.value.output.lower()


def test_a_damaged_watermark_never_hides_a_loss(new_lake, logged):
    """Of its two slots one may be torn; with both gone nothing can be promised, and the start is refused."""
    whole, _, _ = logged
    lake = new_lake(keys=whole.keys)
    shutil.copytree(whole.directory, lake.directory)
    [watermark] = [path for path in lake.directory.rglob("*") if path.is_file() and "watermark" in path.name.lower()]
    watermark.write_bytes(bytes(watermark.stat().st_size))
    cut_log(0.5)(write_ahead_log(lake.directory))
    with pytest.raises(Refused):
        lake.start()
