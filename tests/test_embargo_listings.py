"""Listings of buckets in which more is hidden than one page passes over: each ends early, names nothing hidden, and goes on."""

import base64

import pytest

import admin
from answers import keys_of, new_bucket, outcome
from embargoes import FAR, Somebody, closed_put, saying
from lake import Lake, close, need_binary, random_keys

# Hidden rows that a page passes over here.
PASSED_MAX = 5
LISTINGS = {
    "list_objects": ("Contents", "NextMarker"),
    "list_objects_v2": ("Contents", "NextContinuationToken"),
    "list_object_versions": ("Versions", "NextKeyMarker"),
}


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    need_binary()
    environment = {"TWINLAKE_OBJECTS_HIDDEN_ROWS_MAX": str(PASSED_MAX)}
    made = Lake(tmp_path_factory.mktemp("hidden") / "data", keys=random_keys(), environment=environment).start()
    yield made
    close(made)


@pytest.fixture(scope="module")
def outsider(lake):
    return Somebody(lake, ["s3:*"]).s3


@pytest.fixture(scope="module")
def bucket(lake):
    """Two open keys, with many hidden ones in front, between, below and behind, some in many versions."""
    s3 = lake.client()
    name = new_bucket(s3, "hidden", "Enabled")
    for key in (f"{letter}/closed-{number:02}" for letter in "bdf" for number in range(2 * PASSED_MAX + 2)):
        closed_put(s3, name, key)
    for _ in range(2 * PASSED_MAX + 2):
        closed_put(s3, name, "d/closed-often")
    for key in ("c/open", "d", "d/", "e"):
        s3.put_object(Bucket=name, Key=key, Body=b"open")
    return name


def pages(s3, operation, bucket, **options):
    return list(s3.get_paginator(operation).paginate(Bucket=bucket, **options))


@pytest.mark.parametrize("operation", LISTINGS)
@pytest.mark.parametrize("size", [1, 2, 1000])
def test_pages_end_early_and_go_on(outsider, bucket, operation, size):
    what, mark = LISTINGS[operation]
    made = pages(outsider, operation, bucket, PaginationConfig={"PageSize": size})
    assert [key for page in made for key in keys_of(page, what)] == ["c/open", "d", "d/", "e"]
    early = [page for page in made if page["IsTruncated"] and len(page.get(what, [])) < size]
    assert size == 1 or len(early) > 4, [len(page.get(what, [])) for page in made]
    marks = {page[mark] for page in made if page["IsTruncated"] and page.get(mark, "").startswith("lake-place.")}
    for page in early:
        mark_of_page = page[mark]
        if operation == "list_objects_v2":
            mark_of_page = base64.urlsafe_b64decode(mark_of_page + "==").decode()
        marks.add(mark_of_page)
        assert "NextVersionIdMarker" not in page
    # Whatever is behind them, they are as long as each other, and say nothing in whatever way they are read.
    assert len({len(mark) for mark in marks}) == 1, marks
    for sealed in marks:
        raw = base64.urlsafe_b64decode(sealed.removeprefix("lake-place.") + "==")
        assert b"closed" not in raw


@pytest.mark.parametrize("operation", LISTINGS)
def test_common_prefixes_of_what_is_open_alone(outsider, bucket, operation):
    made = pages(outsider, operation, bucket, Delimiter="/", PaginationConfig={"PageSize": 2})
    shown = [entry["Prefix"] for page in made for entry in page.get("CommonPrefixes", [])]
    assert shown == ["c/", "d/"]
    assert pages(outsider, operation, bucket, Prefix="f/")[-1].get(LISTINGS[operation][0], []) == []


def test_the_past_goes_on_too(lake, outsider, bucket):
    with saying(outsider, x_lake_as_of=sequence(lake, bucket)):
        for size in (1, 2, 1000):
            made = pages(outsider, "list_objects_v2", bucket, PaginationConfig={"PageSize": size})
            assert [key for page in made for key in keys_of(page)] == ["c/open", "d", "d/", "e"]
        made = pages(outsider, "list_objects_v2", bucket, Delimiter="/", PaginationConfig={"PageSize": 1})
        assert [entry["Prefix"] for page in made for entry in page.get("CommonPrefixes", [])] == ["c/", "d/"]


def sequence(lake, bucket):
    return lake.client().head_object(Bucket=bucket, Key="e")["ResponseMetadata"]["HTTPHeaders"]["x-lake-sequence"]


def test_uploads_go_on_too(lake, outsider):
    s3 = lake.client()
    bucket = new_bucket(s3, "uploads")
    with saying(s3, x_lake_embargo_until=FAR):
        for number in range(2 * PASSED_MAX + 2):
            s3.create_multipart_upload(Bucket=bucket, Key=f"a/{number:02}")
    s3.create_multipart_upload(Bucket=bucket, Key="b")
    made = pages(outsider, "list_multipart_uploads", bucket)
    assert [key for page in made for key in keys_of(page, "Uploads")] == ["b"] and len(made) > 2
    assert "a/" not in str([page.get("NextKeyMarker") for page in made])


def test_places_open_where_they_were_given_and_nowhere_else(lake, outsider, bucket):
    page = outsider.list_objects(Bucket=bucket, MaxKeys=1)
    place, other = page["NextMarker"], new_bucket(lake.client(), "other")
    assert page["IsTruncated"] and place.startswith("lake-place.")
    keys = {"lake-place", "zzz"}
    for key in keys:
        lake.client().put_object(Bucket=other, Key=key, Body=b"x")
    # Elsewhere, and tampered with, it is a name like any other, and stands behind `lake-place`.
    assert keys_of(outsider.list_objects(Bucket=other, Marker=place)) == ["zzz"]
    assert keys_of(outsider.list_object_versions(Bucket=other, KeyMarker=place), "Versions") == ["zzz"]
    tampered = place[:-1] + ("A" if place[-1] != "A" else "B")
    assert "c/open" not in keys_of(outsider.list_objects(Bucket=bucket, Marker=tampered))
    # A place is no name to anything that takes names.
    assert outcome(outsider.get_object, Bucket=bucket, Key=place[:900]) == "NoSuchKey"
    answer = admin.ask(lake, "GET", f"/embargoes/{bucket}", query=[("key", place[:900])])
    assert answer.status == 404
