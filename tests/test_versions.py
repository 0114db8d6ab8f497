"""Versions: every write kept, deletions that hide, the version named `null`, and listings of all of them."""

import random

import pytest

from answers import body, etag, fetch, headers, new_bucket, refused, status


def put(s3, bucket, key, content):
    return s3.put_object(Bucket=bucket, Key=key, Body=content)["VersionId"]


def switch(s3, bucket, state):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": state})


def listed(s3, bucket, size=1000, **options):
    """All versions and markers as (key, version id, is it a marker, is it the latest), as S3 orders them."""
    rows = []
    pages = s3.get_paginator("list_object_versions").paginate(
        Bucket=bucket, PaginationConfig={"PageSize": size}, **options
    )
    for page in pages:
        found = [(e["Key"], e["VersionId"], False, e["IsLatest"], e["LastModified"]) for e in page.get("Versions", [])]
        found += [
            (e["Key"], e["VersionId"], True, e["IsLatest"], e["LastModified"]) for e in page.get("DeleteMarkers", [])
        ]
        assert len(found) + len(page.get("CommonPrefixes", [])) <= size
        rows += [row[:4] for row in sorted(found, key=lambda row: row[0].encode())]
    return rows


def test_every_write_is_kept(s3, versioned):
    contents = [body(length, length) for length in (0, 10, 200_000, 3)]
    versions = [put(s3, versioned, "k", content) for content in contents]
    assert len(set(versions)) == 4 and "null" not in versions
    assert fetch(s3, versioned, "k") == contents[-1]
    for version, content in zip(versions, contents):
        got = s3.get_object(Bucket=versioned, Key="k", VersionId=version)
        assert got["Body"].read() == content and got["VersionId"] == version and got["ETag"] == etag(content)
        assert s3.head_object(Bucket=versioned, Key="k", VersionId=version)["ContentLength"] == len(content)
    told = s3.list_object_versions(Bucket=versioned)["Versions"]
    assert [entry["VersionId"] for entry in told] == versions[::-1]
    assert [entry["IsLatest"] for entry in told] == [True, False, False, False]
    assert [entry["Size"] for entry in told] == [3, 200_000, 10, 0]


def test_a_deletion_hides_and_can_be_undone(s3, versioned):
    version = put(s3, versioned, "k", b"x")
    told = s3.delete_object(Bucket=versioned, Key="k")
    marker = told["VersionId"]
    assert told["DeleteMarker"] is True and marker != version
    with refused(404, "NoSuchKey") as caught:
        s3.get_object(Bucket=versioned, Key="k")
    assert headers(caught.value.response)["x-amz-delete-marker"] == "true"
    assert headers(caught.value.response)["x-amz-version-id"] == marker
    with refused(404) as caught:
        s3.head_object(Bucket=versioned, Key="k")
    assert headers(caught.value.response)["x-amz-delete-marker"] == "true"
    assert "Contents" not in s3.list_objects_v2(Bucket=versioned)
    assert fetch(s3, versioned, "k", VersionId=version) == b"x"
    undone = s3.delete_object(Bucket=versioned, Key="k", VersionId=marker)
    assert undone["DeleteMarker"] is True and undone["VersionId"] == marker
    assert fetch(s3, versioned, "k") == b"x"


def test_a_marker_by_name_can_only_be_deleted(s3, versioned):
    put(s3, versioned, "k", b"x")
    marker = s3.delete_object(Bucket=versioned, Key="k")["VersionId"]
    for call in (s3.get_object, s3.head_object):
        with refused(405) as caught:
            call(Bucket=versioned, Key="k", VersionId=marker)
        assert headers(caught.value.response)["x-amz-delete-marker"] == "true"
        assert "DELETE" in headers(caught.value.response)["allow"]
    with refused(405, "MethodNotAllowed"):
        s3.get_object(Bucket=versioned, Key="k", VersionId=marker)
    with refused(405, "MethodNotAllowed"):
        s3.put_object_tagging(Bucket=versioned, Key="k", VersionId=marker, Tagging={"TagSet": []})


def test_deleting_what_is_not_there_leaves_a_marker(s3, versioned):
    marker = s3.delete_object(Bucket=versioned, Key="never")
    assert marker["DeleteMarker"] is True
    assert listed(s3, versioned) == [("never", marker["VersionId"], True, True)]


def test_a_version_removed_is_gone_and_the_next_one_is_current(s3, versioned):
    first, second, third = (put(s3, versioned, "k", content) for content in (b"1", b"2", b"3"))
    for _ in range(2):  # again: nothing to do, the same answer
        assert status(s3.delete_object(Bucket=versioned, Key="k", VersionId=second)) == 204
    with refused(404, "NoSuchVersion"):
        s3.get_object(Bucket=versioned, Key="k", VersionId=second)
    assert fetch(s3, versioned, "k") == b"3"
    s3.delete_object(Bucket=versioned, Key="k", VersionId=third)
    assert fetch(s3, versioned, "k") == b"1"
    assert listed(s3, versioned) == [("k", first, False, True)]
    s3.delete_object(Bucket=versioned, Key="k", VersionId=first)
    assert listed(s3, versioned) == []
    with refused(404, "NoSuchKey"):
        s3.get_object(Bucket=versioned, Key="k")


def test_names_of_versions_that_cannot_be(s3, versioned):
    put(s3, versioned, "k", b"x")
    for bad in ("nonsense", "0", "NULL", "x" * 3000):
        for call in (s3.get_object, s3.delete_object):
            with refused(400, "InvalidArgument"):
                call(Bucket=versioned, Key="k", VersionId=bad)
    with refused(404, "NoSuchVersion"):
        s3.get_object(Bucket=versioned, Key="k", VersionId="null")


def test_a_version_belongs_to_its_key(s3, versioned):
    version = put(s3, versioned, "mine", b"x")
    put(s3, versioned, "other", b"y")
    with refused(404, "NoSuchVersion"):
        s3.get_object(Bucket=versioned, Key="other", VersionId=version)
    s3.delete_object(Bucket=versioned, Key="other", VersionId=version)
    assert fetch(s3, versioned, "mine") == b"x" and fetch(s3, versioned, "other") == b"y"


def test_the_null_version_without_versioning(s3, bucket):
    told = s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert "VersionId" not in told
    assert fetch(s3, bucket, "k", VersionId="null") == b"x"
    assert listed(s3, bucket) == [("k", "null", False, True)]
    s3.delete_object(Bucket=bucket, Key="k", VersionId="null")
    assert listed(s3, bucket) == []


def test_what_was_there_before_versioning_is_null(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"before")
    switch(s3, bucket, "Enabled")
    version = put(s3, bucket, "k", b"after")
    assert listed(s3, bucket) == [("k", version, False, True), ("k", "null", False, False)]
    assert fetch(s3, bucket, "k", VersionId="null") == b"before"
    s3.delete_object(Bucket=bucket, Key="k", VersionId="null")
    assert listed(s3, bucket) == [("k", version, False, True)]


def test_suspended_writes_replace_the_null_version_only(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"0")
    switch(s3, bucket, "Enabled")
    kept = put(s3, bucket, "k", b"1")
    switch(s3, bucket, "Suspended")
    assert s3.put_object(Bucket=bucket, Key="k", Body=b"2").get("VersionId", "null") == "null"
    assert listed(s3, bucket) == [("k", "null", False, True), ("k", kept, False, False)]
    s3.put_object(Bucket=bucket, Key="k", Body=b"3")
    assert fetch(s3, bucket, "k") == b"3" == fetch(s3, bucket, "k", VersionId="null")
    assert fetch(s3, bucket, "k", VersionId=kept) == b"1"
    marker = s3.delete_object(Bucket=bucket, Key="k")
    assert marker["DeleteMarker"] is True and marker.get("VersionId", "null") == "null"
    assert set(listed(s3, bucket)) == {("k", "null", True, True), ("k", kept, False, False)}
    switch(s3, bucket, "Enabled")
    newest = put(s3, bucket, "k", b"4")
    assert set(listed(s3, bucket)) == {
        ("k", newest, False, True),
        ("k", "null", True, False),
        ("k", kept, False, False),
    }


def test_pages_of_versions_joined_are_the_whole(s3, versioned):
    expected = []
    for key in ("a", "b/1", "b/2", "c"):
        versions = [(key, put(s3, versioned, key, b"x"), False) for _ in range(3)]
        versions.append((key, s3.delete_object(Bucket=versioned, Key=key)["VersionId"], True))
        expected += [(*row, place == 0) for place, row in enumerate(versions[::-1])]
    by_key = lambda rows: sorted(rows, key=lambda row: (row[0], row[1]))
    whole = listed(s3, versioned)
    assert by_key(whole) == by_key(expected)
    for size in (1, 2, 3, 5):
        assert by_key(listed(s3, versioned, size)) == by_key(expected)
        assert [row for row in listed(s3, versioned, size) if not row[2]] == [row for row in expected if not row[2]]
    assert {row[0] for row in listed(s3, versioned, 2, Prefix="b/")} == {"b/1", "b/2"}


@pytest.mark.parametrize("size", [1, 2, 1000])
def test_versions_under_common_prefixes(s3, versioned, size):
    for key in ("a", "b/1", "b/1", "b/2", "c/3"):
        put(s3, versioned, key, b"x")
    pages = list(
        s3.get_paginator("list_object_versions").paginate(
            Bucket=versioned, Delimiter="/", PaginationConfig={"PageSize": size}
        )
    )
    assert [entry["Prefix"] for page in pages for entry in page.get("CommonPrefixes", [])] == ["b/", "c/"]
    assert [entry["Key"] for page in pages for entry in page.get("Versions", [])] == ["a"]


def test_a_version_marker_needs_a_key_marker(s3, versioned):
    version = put(s3, versioned, "k", b"x")
    with refused(400, "InvalidArgument"):
        s3.list_object_versions(Bucket=versioned, VersionIdMarker=version)


@pytest.mark.parametrize("seed", range(4))
def test_random_histories_agree_with_a_model(s3, seed):
    """The model is a list per key, newest first, of (version id, content or none for a marker)."""
    chance = random.Random(seed)
    bucket, state, model = new_bucket(s3), None, {}
    for step in range(70):
        key = chance.choice(["k", "k/", "k/1"])
        versions = model.setdefault(key, [])
        action = chance.choices(["put", "delete", "remove", "switch"], [5, 2, 3, 1])[0]
        if action == "switch":
            state = chance.choice(["Enabled", "Suspended"])
            switch(s3, bucket, state)
        elif action == "remove" and versions:
            victim = chance.choice(versions)
            s3.delete_object(Bucket=bucket, Key=key, VersionId=victim[0])
            versions.remove(victim)
        elif action in ("put", "delete"):
            content = f"{seed} {step}".encode() * chance.choice([1, 1, 30_000]) if action == "put" else None
            if action == "put":
                told = s3.put_object(Bucket=bucket, Key=key, Body=content)
            else:
                told = s3.delete_object(Bucket=bucket, Key=key)
            name = told.get("VersionId", "null")
            assert (name == "null") == (state != "Enabled") or (action == "delete" and state is None)
            if name == "null":
                versions[:] = [version for version in versions if version[0] != "null"]
            if action == "put" or state is not None:
                versions.insert(0, (name, content))
        judge(s3, bucket, model, key)
    expected = sorted(
        (key, name, content is None, place == 0)
        for key, versions in model.items()
        for place, (name, content) in enumerate(versions)
    )
    assert sorted(listed(s3, bucket)) == expected == sorted(listed(s3, bucket, 3))
    for key in model:
        judge(s3, bucket, model, key)
        for name, content in model[key]:
            if content is not None:
                assert fetch(s3, bucket, key, VersionId=name) == content


def judge(s3, bucket, model, key):
    """What a plain GET and a listing show of a key."""
    newest = model[key][0][1] if model[key] else None
    if newest is None:
        with refused(404, "NoSuchKey"):
            s3.get_object(Bucket=bucket, Key=key)
    else:
        assert fetch(s3, bucket, key) == newest
    visible = sorted(key for key, versions in model.items() if versions and versions[0][1] is not None)
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket).get("Contents", [])] == visible
