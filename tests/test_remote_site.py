"""A lake whose home is another S3 endpoint: that of a second lake, which thereby serves as its disk.

Small bodies stay in the catalogue; what is longer goes out sealed, under names that tell nothing.
"""

import os
import time

import pytest
from botocore.exceptions import ClientError, HTTPClientError, IncompleteReadError

from answers import fetch, refused
from lake import REGION

LONG = 3 * 1024 * 1024 + 7


@pytest.fixture
def pair(new_lake):
    """The lake that is asked, and the one that holds its blobs in the bucket `backing`."""
    behind = new_lake(name="behind").start()
    behind.client().create_bucket(Bucket="backing")
    option = {
        "REGION": REGION,
        "ENDPOINT": behind.endpoint,
        "ALLOW_HTTP": "true",
        "ACCESS_KEY_ID": behind.keys.access,
        "SECRET_ACCESS_KEY": behind.keys.secret,
    }
    environment = {"TWINLAKE_SITE_HOME_KIND": "object-store", "TWINLAKE_SITE_HOME_URL": "s3://backing/lake"}
    environment |= {f"TWINLAKE_SITE_HOME_OPTION_{name}": value for name, value in option.items()}
    environment["TWINLAKE_SWEEP_DELAY_MS"], environment["TWINLAKE_SWEEP_IDLE_MS"] = "0", "50"
    front = new_lake(name="front", environment=environment).start()
    front.client().create_bucket(Bucket="plant")
    yield front, behind
    front.kill()
    behind.kill()


def blobs(behind):
    rows = behind.client().list_objects_v2(Bucket="backing", Prefix="lake/blobs/").get("Contents", [])
    return {row["Key"]: row["Size"] for row in rows}


def test_long_bodies_lie_behind_and_short_ones_do_not(pair):
    front, behind = pair
    s3, long = front.client(), os.urandom(LONG)
    s3.put_object(Bucket="plant", Key="short", Body=b"short")
    assert blobs(behind) == {}
    s3.put_object(Bucket="plant", Key="raw/long", Body=long)
    (name, size), = blobs(behind).items()
    assert size > LONG and "long" not in name
    stored = fetch(behind.client(), "backing", name)
    assert long[1000:1064] not in stored
    assert fetch(s3, "plant", "raw/long") == long
    assert fetch(s3, "plant", "raw/long", Range="bytes=1000000-1000099") == long[1_000_000:1_000_100]


def test_what_was_acknowledged_is_there_after_a_kill(pair):
    front, _ = pair
    long = os.urandom(LONG)
    front.client().put_object(Bucket="plant", Key="k", Body=long)
    front.kill()
    front.start()
    assert fetch(front.client(), "plant", "k") == long


def test_a_changed_blob_is_never_served(pair):
    front, behind = pair
    long = os.urandom(LONG)
    front.client().put_object(Bucket="plant", Key="k", Body=long)
    (name, _), = blobs(behind).items()
    stored = bytearray(fetch(behind.client(), "backing", name))
    stored[len(stored) // 2] ^= 1
    behind.client().put_object(Bucket="backing", Key=name, Body=bytes(stored))
    with pytest.raises((ClientError, HTTPClientError, IncompleteReadError)):
        fetch(front.client(), "plant", "k")
    # The first segment is whole, and is all that this range needs.
    assert fetch(front.client(), "plant", "k", Range="bytes=0-99") == long[:100]


def test_short_bodies_do_not_need_the_site(pair):
    front, behind = pair
    s3 = front.client()
    s3.put_object(Bucket="plant", Key="k", Body=b"before")
    behind.kill()
    assert fetch(s3, "plant", "k") == b"before"
    s3.put_object(Bucket="plant", Key="k", Body=b"goes on")
    assert fetch(s3, "plant", "k") == b"goes on"


def test_deleted_blobs_go_away_behind(pair):
    front, behind = pair
    s3 = front.client()
    s3.put_object(Bucket="plant", Key="k", Body=os.urandom(LONG))
    assert blobs(behind)
    s3.delete_object(Bucket="plant", Key="k")
    with refused(404, "NoSuchKey"):
        s3.get_object(Bucket="plant", Key="k")
    deadline = time.monotonic() + 10
    while blobs(behind) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert blobs(behind) == {}
