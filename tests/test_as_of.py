"""Reading the past: `x-lake-as-of` on reads and listings of buckets that keep versions."""

import contextlib
import re
import time
from datetime import datetime, timedelta, timezone

import pytest
import urllib3
from botocore.exceptions import ClientError

from answers import PART_BYTES_MIN, body, fetch, headers, keys_of, new_bucket, refused, status

HEADER = "x-lake-as-of"
SEQUENCE = re.compile(r"[0-9A-F]{18}")


@contextlib.contextmanager
def as_of(s3, moment):
    """Every request inside asks for this moment."""

    def ask(params, **_):
        params["headers"][HEADER] = moment

    s3.meta.events.register("before-call.s3", ask, unique_id=HEADER)
    try:
        yield
    finally:
        s3.meta.events.unregister("before-call.s3", unique_id=HEADER)


def sequence(answer):
    return headers(answer)["x-lake-sequence"]


def put(s3, bucket, key, content, **options):
    """The change that wrote it."""
    return sequence(s3.put_object(Bucket=bucket, Key=key, Body=content, **options))


def before(moment):
    return f"{int(moment, 16) - 1:018X}"


def now():
    """A time that the server's clock has passed."""
    time.sleep(0.002)
    return datetime.now(timezone.utc)


def text(instant):
    return instant.isoformat(timespec="milliseconds")


def pages(s3, bucket, operation="list_objects_v2", size=1000, **options):
    paginator = s3.get_paginator(operation)
    return list(paginator.paginate(Bucket=bucket, PaginationConfig={"PageSize": size}, **options))


def listed(s3, bucket, **options):
    return [key for page in pages(s3, bucket, **options) for key in keys_of(page)]


def test_a_key_reads_as_it_was(s3, versioned):
    contents = [b"first", body(200_000), b"", b"last"]
    written = [s3.put_object(Bucket=versioned, Key="k", Body=content) for content in contents]
    moments = [sequence(answer) for answer in written]
    assert moments == sorted(moments) and all(SEQUENCE.fullmatch(moment) for moment in moments)
    for moment, answer, content in zip(moments, written, contents):
        with as_of(s3, moment):
            got = s3.get_object(Bucket=versioned, Key="k")
            head = s3.head_object(Bucket=versioned, Key="k")
        assert got["Body"].read() == content
        for told in got, head:
            assert told["VersionId"] == answer["VersionId"] and told["ETag"] == answer["ETag"]
            assert headers(told)[HEADER] == moment and sequence(told) == moment
    with as_of(s3, moments[1].lower()):
        got = s3.get_object(Bucket=versioned, Key="k")
        assert headers(got)[HEADER] == moments[1]
    with as_of(s3, before(moments[0])), refused(404, "NoSuchKey"):
        s3.get_object(Bucket=versioned, Key="k")
    got = s3.get_object(Bucket=versioned, Key="k")
    assert HEADER not in headers(got) and sequence(got) == moments[-1]


def test_ranges_parts_and_conditions_are_those_of_the_version(s3, versioned):
    first, second = body(PART_BYTES_MIN), b"the end"
    upload = s3.create_multipart_upload(Bucket=versioned, Key="k")["UploadId"]
    name = {"Bucket": versioned, "Key": "k", "UploadId": upload}
    parts = [
        {"PartNumber": number, "ETag": s3.upload_part(**name, PartNumber=number, Body=content)["ETag"]}
        for number, content in enumerate((first, second), 1)
    ]
    done = s3.complete_multipart_upload(**name, MultipartUpload={"Parts": parts})
    put(s3, versioned, "k", b"other")
    with as_of(s3, sequence(done)):
        got = s3.get_object(Bucket=versioned, Key="k", Range=f"bytes={PART_BYTES_MIN - 2}-{PART_BYTES_MIN + 2}")
        assert status(got) == 206 and got["Body"].read() == first[-2:] + second[:3]
        got = s3.get_object(Bucket=versioned, Key="k", PartNumber=2)
        assert got["Body"].read() == second and got["PartsCount"] == 2
        assert fetch(s3, versioned, "k", IfMatch=done["ETag"]) == first + second
        with refused(304):
            s3.get_object(Bucket=versioned, Key="k", IfNoneMatch=done["ETag"])
        with refused(416, "InvalidRange"):
            s3.get_object(Bucket=versioned, Key="k", Range=f"bytes={PART_BYTES_MIN + 7}-")


def test_a_deletion_is_part_of_the_past(s3, versioned):
    there = put(s3, versioned, "k", b"x")
    told = s3.delete_object(Bucket=versioned, Key="k")
    gone = sequence(told)
    again = put(s3, versioned, "k", b"y")
    with as_of(s3, there):
        assert fetch(s3, versioned, "k") == b"x"
    with as_of(s3, gone), refused(404, "NoSuchKey") as caught:
        s3.get_object(Bucket=versioned, Key="k")
    assert headers(caught.value.response)["x-amz-delete-marker"] == "true"
    assert headers(caught.value.response)["x-amz-version-id"] == told["VersionId"]
    # The marker itself may be gone by now: then it is as it was.
    s3.delete_object(Bucket=versioned, Key="k", VersionId=told["VersionId"])
    with as_of(s3, gone), refused(404, "NoSuchKey") as caught:
        s3.get_object(Bucket=versioned, Key="k")
    assert headers(caught.value.response)["x-amz-version-id"] == told["VersionId"]
    with as_of(s3, again):
        assert fetch(s3, versioned, "k") == b"y"


def test_a_training_set_is_read_again_exactly(s3, versioned):
    keys = [f"run-1/{number:02}" for number in range(12)] + ["run-2/a", "top"]
    contents = {key: body(100 + index, index) for index, key in enumerate(keys)}
    for key, content in contents.items():
        moment = put(s3, versioned, key, content)
    # Life goes on: some are overwritten, some deleted, and others come in between.
    for key in keys[::3]:
        put(s3, versioned, key, b"overwritten")
    for key in keys[1::3]:
        s3.delete_object(Bucket=versioned, Key=key)
    for number in range(12):
        put(s3, versioned, f"run-1/{number:02}-late", b"late")
    assert listed(s3, versioned) != keys
    with as_of(s3, moment):
        for operation in "list_objects", "list_objects_v2":
            for size in 1, 5, 1000:
                assert listed(s3, versioned, operation=operation, size=size) == keys
            told = pages(s3, versioned, operation, 2, Delimiter="/")
            assert [entry["Prefix"] for page in told for entry in page.get("CommonPrefixes", [])] == ["run-1/", "run-2/"]
            assert [key for page in told for key in keys_of(page)] == ["top"]
            assert listed(s3, versioned, operation=operation, Prefix="run-1/0", size=3) == keys[:10]
        told = s3.list_objects_v2(Bucket=versioned, StartAfter="run-1/11")
        assert keys_of(told) == ["run-2/a", "top"] and headers(told)[HEADER] == moment
        assert {key: fetch(s3, versioned, key) for key in listed(s3, versioned)} == contents


def test_a_time_means_the_last_change_up_to_it(s3, versioned):
    put(s3, versioned, "k", b"one")
    first = now()
    time.sleep(0.005)
    put(s3, versioned, "k", b"two")
    second = now()
    zoned = first.astimezone(timezone(timedelta(hours=5, minutes=30)))
    for instant, content in [(first, b"one"), (second, b"two"), (zoned, b"one")]:
        with as_of(s3, text(instant)):
            got = s3.get_object(Bucket=versioned, Key="k")
            assert got["Body"].read() == content
            meant = headers(got)[HEADER]
            assert headers(s3.list_objects_v2(Bucket=versioned))[HEADER] == meant
        with as_of(s3, meant):
            assert fetch(s3, versioned, "k") == content
        put(s3, versioned, "other", b"meanwhile")
        with as_of(s3, text(instant)):
            assert headers(s3.head_object(Bucket=versioned, Key="k"))[HEADER] == meant


def test_a_time_means_the_same_after_a_restart(new_lake):
    lake = new_lake().start()
    bucket = new_bucket(lake.client(), versioning="Enabled")
    put(lake.client(), bucket, "k", b"one")
    meanings = {}
    for _ in range(3):
        asked = text(now())
        with as_of(lake.client(), asked):
            meanings[asked] = headers(lake.client().head_object(Bucket=bucket, Key="k"))[HEADER]
        put(lake.client(), bucket, "k", b"more")
    assert len(set(meanings.values())) == 3
    lake.kill()
    lake.start()
    for asked, meant in meanings.items():
        with as_of(lake.client(), asked):
            assert headers(lake.client().head_object(Bucket=bucket, Key="k"))[HEADER] == meant


def test_what_was_removed_for_good_is_never_left_out_in_silence(s3, versioned):
    for key in "a", "dir/b", "dir/c":
        put(s3, versioned, key, b"x")
    told = s3.put_object(Bucket=versioned, Key="dir/d", Body=b"secret")
    moment = sequence(told)
    removal = s3.delete_object(Bucket=versioned, Key="dir/d", VersionId=told["VersionId"])
    with as_of(s3, moment):
        with refused(410, "VersionRemoved") as caught:
            s3.get_object(Bucket=versioned, Key="dir/d")
        assert "secret" not in str(caught.value.response)
        with refused(410):
            s3.head_object(Bucket=versioned, Key="dir/d")
        for operation in s3.list_objects, s3.list_objects_v2:
            with refused(410, "VersionRemoved") as caught:
                operation(Bucket=versioned)
            assert "dir/d" in caught.value.response["Error"]["Message"]
            assert keys_of(operation(Bucket=versioned, MaxKeys=3)) == ["a", "dir/b", "dir/c"]
        # It was there, and that much can be told without it.
        told = s3.list_objects_v2(Bucket=versioned, Delimiter="/", Prefix="d")
        assert [entry["Prefix"] for entry in told["CommonPrefixes"]] == ["dir/"]
        assert fetch(s3, versioned, "dir/c") == b"x"
    with as_of(s3, sequence(removal)):
        with refused(404, "NoSuchKey"):
            s3.get_object(Bucket=versioned, Key="dir/d")
        assert listed(s3, versioned) == ["a", "dir/b", "dir/c"]


def test_the_null_version_leaves_a_grave_when_it_is_replaced(s3):
    bucket = new_bucket(s3)
    put(s3, bucket, "k", b"before")
    switch = {"Bucket": bucket, "VersioningConfiguration": {"Status": "Suspended"}}
    s3.put_bucket_versioning(**switch)
    kept = put(s3, bucket, "other", b"kept")
    with as_of(s3, kept):
        assert fetch(s3, bucket, "k") == b"before"
    after = put(s3, bucket, "k", b"after")
    with as_of(s3, kept):
        with refused(410, "VersionRemoved"):
            s3.get_object(Bucket=bucket, Key="k")
        assert fetch(s3, bucket, "other") == b"kept"
    with as_of(s3, after):
        assert fetch(s3, bucket, "k") == b"after"


def test_tags_are_those_of_now(s3, versioned):
    moment = put(s3, versioned, "k", b"x", Tagging="a=1&b=2")
    s3.put_object_tagging(Bucket=versioned, Key="k", Tagging={"TagSet": [{"Key": "c", "Value": "3"}]})
    with as_of(s3, moment):
        assert headers(s3.get_object(Bucket=versioned, Key="k"))["x-amz-tagging-count"] == "1"


def test_there_is_no_past_before_versions_were_kept(s3):
    bucket = new_bucket(s3)
    early = put(s3, bucket, "k", b"early")
    with as_of(s3, early), refused(400, "InvalidRequest"):
        s3.get_object(Bucket=bucket, Key="k")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    late = put(s3, bucket, "k", b"late")
    for call in s3.get_object, s3.head_object:
        with as_of(s3, early), refused(400):
            call(Bucket=bucket, Key="k")
    with as_of(s3, early), refused(400, "InvalidArgument") as caught:
        s3.list_objects_v2(Bucket=bucket)
    since = SEQUENCE.search(caught.value.response["Error"]["Message"])[0]
    assert early < since < late
    with as_of(s3, since):
        assert fetch(s3, bucket, "k") == b"early"


@pytest.mark.parametrize(
    "moment",
    [
        "",
        "latest",
        "1",
        "FFFFFFFFFFFFFFFFFFFF",
        "00FFFFFFFFFFFFFFFF",
        "000000000000000000",
        "2026-01-01",
        "2026-01-01T00:00:00",
        "1960-01-01T00:00:00Z",
        "1971-01-01T00:00:00Z",
        "2999-01-01T00:00:00Z",
    ],
)
def test_moments_that_are_none_are_refused(s3, versioned, moment):
    put(s3, versioned, "k", b"x")
    with as_of(s3, moment):
        with refused(400, "InvalidArgument"):
            s3.get_object(Bucket=versioned, Key="k")
        with refused(400, "InvalidArgument"):
            s3.list_objects_v2(Bucket=versioned)


def test_a_version_and_a_moment_exclude_each_other(s3, versioned):
    told = s3.put_object(Bucket=versioned, Key="k", Body=b"x")
    with as_of(s3, sequence(told)), refused(400, "InvalidRequest"):
        s3.get_object(Bucket=versioned, Key="k", VersionId=told["VersionId"])


def test_everything_else_happens_now(s3, versioned):
    moment = put(s3, versioned, "k", b"x")
    where, what = {"Bucket": versioned}, {"Bucket": versioned, "Key": "k"}
    tags = {"Tagging": {"TagSet": []}}
    upload = s3.create_multipart_upload(**what)["UploadId"]
    calls = [
        (s3.list_buckets, {}),
        (s3.head_bucket, where),
        (s3.get_bucket_location, where),
        (s3.get_bucket_versioning, where),
        (s3.list_object_versions, where),
        (s3.list_multipart_uploads, where),
        (s3.put_object, what | {"Body": b"y"}),
        (s3.delete_object, what),
        (s3.delete_objects, where | {"Delete": {"Objects": [{"Key": "k"}]}}),
        (s3.copy_object, {"Bucket": versioned, "Key": "copy", "CopySource": f"{versioned}/k"}),
        (s3.get_object_tagging, what),
        (s3.put_object_tagging, what | tags),
        (s3.get_object_acl, what),
        (s3.get_object_attributes, what | {"ObjectAttributes": ["ETag"]}),
        (s3.create_multipart_upload, what),
        (s3.upload_part, what | {"UploadId": upload, "PartNumber": 1, "Body": b"y"}),
        (s3.list_parts, what | {"UploadId": upload}),
        (s3.abort_multipart_upload, what | {"UploadId": upload}),
        (s3.delete_bucket, where),
    ]
    for call, options in calls:
        with as_of(s3, moment), pytest.raises(ClientError) as caught:
            call(**options)
        told = caught.value.response
        assert status(told) == 400, (call, told)
        assert call == s3.head_bucket or told["Error"]["Code"] == "InvalidArgument", (call, told)
    assert fetch(s3, versioned, "k") == b"x" and listed(s3, versioned) == ["k"]


def test_whoever_holds_a_link_cannot_look_back(s3, versioned):
    old = put(s3, versioned, "k", b"old")
    put(s3, versioned, "k", b"new")
    link = s3.generate_presigned_url("get_object", Params={"Bucket": versioned, "Key": "k"})
    http = urllib3.PoolManager()
    assert http.request("GET", link).data == b"new"
    looked_back = http.request("GET", link, headers={HEADER: old})
    assert looked_back.status == 403 and b"AccessDenied" in looked_back.data


def test_behind_the_horizon_nothing_is_known(new_lake):
    forgetful = {"TWINLAKE_SWEEP_AS_OF_RETENTION_MS": "0", "TWINLAKE_SWEEP_IDLE_MS": "10"}
    lake = new_lake(environment=forgetful).start()
    s3 = lake.client()
    bucket, other = (new_bucket(s3, versioning="Enabled") for _ in range(2))
    told = s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    there = put(s3, other, "k", b"y")
    removal = sequence(s3.delete_object(Bucket=bucket, Key="k", VersionId=told["VersionId"]))
    kept = put(s3, bucket, "kept", b"z")
    for _ in range(500):
        with as_of(s3, sequence(told)), pytest.raises(ClientError) as caught:
            s3.list_objects_v2(Bucket=bucket)
        if status(caught.value.response) == 400:
            break
        assert status(caught.value.response) == 410
        time.sleep(0.01)
    assert caught.value.response["Error"]["Code"] == "InvalidArgument"
    assert removal in caught.value.response["Error"]["Message"]
    with as_of(s3, before(removal)), refused(400):
        s3.get_object(Bucket=bucket, Key="k")
    with as_of(s3, removal):
        with refused(404, "NoSuchKey"):
            s3.get_object(Bucket=bucket, Key="k")
        assert listed(s3, bucket) == []
    with as_of(s3, kept):
        assert listed(s3, bucket) == ["kept"]
    with as_of(s3, there):
        assert fetch(s3, other, "k") == b"y"
