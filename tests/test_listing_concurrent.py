"""Listings while others write and delete: what stays is seen once and in order, in every kind of listing."""

import itertools
import random
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from answers import new_bucket

KEYS = 500
WRITERS = 3


def name_of(number):
    """Two levels of directories, the second ending in the last character there is."""
    return f"{number % 7}/{chr(0x10FFFF) if number % 5 == 4 else number % 5}/{number:04}"


NAMES = [name_of(number) for number in range(KEYS)]
WAVERS = {name for number, name in enumerate(NAMES) if number % 4 == 0 or number % 35 == 17}
# A directory of its own that is empty before anybody looks.
GONE = [f"gone/{number}" for number in range(20)]
STAYS = sorted(set(NAMES) - WAVERS)
SEEN = sorted(NAMES)


def rolled_up(names, prefix, delimiter):
    """The rows of a listing of these names, in order: keys and common prefixes."""
    rows = []
    for name in names:
        if not name.startswith(prefix):
            continue
        at = name.find(delimiter, len(prefix)) if delimiter else -1
        row = name if at < 0 else name[: at + len(delimiter)]
        if not rows or rows[-1] != row:
            rows.append(row)
    return rows


def pages_v1(s3, **asked):
    while True:
        page = s3.list_objects(**asked)
        yield page, page.get("Contents", [])
        if not page["IsTruncated"]:
            return
        # S3 names a marker only where there is a delimiter.
        asked["Marker"] = page.get("NextMarker") or page["Contents"][-1]["Key"]


def pages_v2(s3, **asked):
    while True:
        page = s3.list_objects_v2(**asked)
        assert page["KeyCount"] == len(page.get("Contents", [])) + len(page.get("CommonPrefixes", []))
        yield page, page.get("Contents", [])
        if not page["IsTruncated"]:
            return
        asked["ContinuationToken"] = page["NextContinuationToken"]


def pages_versions(s3, **asked):
    while True:
        page = s3.list_object_versions(**asked)
        entries = page.get("Versions", []) + page.get("DeleteMarkers", [])
        yield page, sorted(entries, key=lambda entry: entry["Key"])
        if not page["IsTruncated"]:
            return
        asked["KeyMarker"] = page["NextKeyMarker"]
        if "NextVersionIdMarker" in page:
            asked["VersionIdMarker"] = page["NextVersionIdMarker"]
        else:
            asked.pop("VersionIdMarker", None)


def walk(pages, s3, bucket, prefix, delimiter, size):
    """All rows of a listing, page by page."""
    rows = []
    asked = {"Bucket": bucket, "Prefix": prefix, "MaxKeys": size} | ({"Delimiter": delimiter} if delimiter else {})
    for page, entries in pages(s3, **asked):
        prefixes = [entry["Prefix"] for entry in page.get("CommonPrefixes", [])]
        assert len(entries) + len(prefixes) == size or not page["IsTruncated"], "a truncated page is full"
        assert len(entries) + len(prefixes) <= size
        rows += sorted([entry["Key"] for entry in entries] + prefixes)
    return rows


def in_order(names):
    """By UTF-8, as S3 orders; Python's own order is the same, by code points."""
    return names == sorted(names)


@pytest.mark.parametrize("pages", [pages_v1, pages_v2, pages_versions])
def test_what_stays_is_listed_once_and_in_order(lake, s3, pages):
    is_versions = pages is pages_versions
    bucket = new_bucket(s3, versioning="Enabled" if is_versions else None)
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda name: s3.put_object(Bucket=bucket, Key=name), NAMES + GONE))
        for name, put in zip(GONE, [s3.list_object_versions(Bucket=bucket, Prefix=name) for name in GONE]):
            [version] = [entry for entry in put["Versions"] if entry["Key"] == name]
            s3.delete_object(Bucket=bucket, Key=name, VersionId=version["VersionId"])
    ended, changes = threading.Event(), itertools.count()

    def waver(share):
        client, chance = lake.client(max_pool_connections=1 + share), random.Random(share)
        own = sorted(WAVERS)[share::WRITERS]
        while not ended.is_set():
            chance.shuffle(own)
            for name in own:
                if ended.is_set():
                    break
                # In a bucket with versions a deletion is one more row, and a row that stays.
                (client.delete_object if chance.random() < 0.5 else client.put_object)(Bucket=bucket, Key=name)
                next(changes)

    def judge(prefix, delimiter, size):
        rows = walk(pages, s3, bucket, prefix, delimiter, size)
        assert in_order(rows), (prefix, delimiter, size)
        seen = set(rows)
        # Wavering keys have several versions; each that stays has one.
        once = [row for row in rows if row not in WAVERS] if is_versions else rows
        assert len(once) == len(set(once)), (prefix, delimiter, size)
        expected = set(rolled_up(STAYS, prefix, delimiter))
        assert expected <= seen, (prefix, delimiter, size, expected - seen)
        allowed = set(rolled_up(SEEN, prefix, delimiter))
        assert seen <= allowed, (prefix, delimiter, size, seen - allowed)

    writers = [threading.Thread(target=waver, args=(share,)) for share in range(WRITERS)]
    for writer in writers:
        writer.start()
    try:
        judge("", "/", 1)
        judge("", "/", 1000)
        judge("", None, 1000)
        judge("", None, 97)
        for first in range(7):
            judge(f"{first}/", "/", 1 + first % 3)
            judge(f"{first}", "/", 1)
            judge(f"{first}/", None, 31)
            for second in [*range(4), chr(0x10FFFF)]:
                judge(f"{first}/{second}/", "/", [3, 7, 1000][first % 3])
                judge(f"{first}/{second}", "/0", 2)
        judge("gone/", "/", 1000)
    finally:
        ended.set()
        for writer in writers:
            writer.join()
    assert next(changes) > 100
