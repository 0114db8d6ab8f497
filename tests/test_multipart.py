"""Multipart uploads."""

import concurrent.futures
import secrets

import pytest

from accounts import anonymous, arns, document, new_account, new_user, statement
from answers import (
    MIB,
    NO_SUCH_PART,
    PART_BYTES_MIN,
    body,
    etag,
    fetch,
    headers,
    keys_of,
    multipart_etag,
    new_bucket,
    outcome,
    refused,
    refused_with,
    status,
)
from lake import Keys, client
from outside import session

FIRST, SECOND, LAST = body(PART_BYTES_MIN, 1), body(PART_BYTES_MIN + 12_345, 2), body(1000, 3)


def begin(s3, bucket, key="k", **options):
    answer = s3.create_multipart_upload(Bucket=bucket, Key=key, **options)
    return {"Bucket": bucket, "Key": key, "UploadId": answer["UploadId"]}


def send(s3, upload, number, content):
    return {"PartNumber": number, "ETag": s3.upload_part(PartNumber=number, Body=content, **upload)["ETag"]}


def complete(s3, upload, parts, **options):
    return s3.complete_multipart_upload(MultipartUpload={"Parts": parts}, **upload, **options)


def uploads(s3, bucket, **options):
    found = s3.list_multipart_uploads(Bucket=bucket, **options).get("Uploads", [])
    return [(entry["Key"], entry["UploadId"]) for entry in found]


@pytest.fixture(scope="module")
def assembled(lake):
    """An object of three parts, sent out of order, that no test here changes."""
    s3 = lake.client()
    bucket = new_bucket(s3)
    upload = begin(s3, bucket, ContentType="a/b", Metadata={"m": "1"}, Tagging="t=1")
    last, first, second = send(s3, upload, 3, LAST), send(s3, upload, 1, FIRST), send(s3, upload, 2, SECOND)
    assert keys_of(s3.list_objects_v2(Bucket=bucket)) == []
    told = complete(s3, upload, [first, second, last])
    assert told["ETag"] == multipart_etag(FIRST, SECOND, LAST)
    assert told["Bucket"] == bucket and told["Key"] == "k" and told["Location"]
    return bucket


def test_the_object_is_its_parts_in_order(s3, assembled):
    content = FIRST + SECOND + LAST
    got = s3.get_object(Bucket=assembled, Key="k")
    assert got["Body"].read() == content
    assert got["ETag"] == multipart_etag(FIRST, SECOND, LAST) and got["ContentLength"] == len(content)
    assert (got["ContentType"], got["Metadata"], got["TagCount"]) == ("a/b", {"m": "1"}, 1)
    [listed] = s3.list_objects_v2(Bucket=assembled)["Contents"]
    assert (listed["Size"], listed["ETag"]) == (len(content), got["ETag"])
    assert uploads(s3, assembled) == []


SEAM = len(FIRST)
SEAMS = [
    (0, 10),
    (SEAM - 1, SEAM),
    (SEAM, SEAM + 1),
    (SEAM - 70_000, SEAM + 70_000),
    (SEAM + len(SECOND) - 1, SEAM + len(SECOND) + 1),
    (SEAM - 1, SEAM + len(SECOND) + 1),
]


@pytest.mark.parametrize("start, end", SEAMS)
def test_ranges_across_parts(s3, assembled, start, end):
    content = FIRST + SECOND + LAST
    got = s3.get_object(Bucket=assembled, Key="k", Range=f"bytes={start}-{end - 1}")
    assert got["Body"].read() == content[start:end]
    assert got["ContentRange"] == f"bytes {start}-{end - 1}/{len(content)}"


def test_parts_by_number(s3, assembled):
    place = 0
    for number, part in enumerate((FIRST, SECOND, LAST), 1):
        got = s3.get_object(Bucket=assembled, Key="k", PartNumber=number)
        assert status(got) == 206 and got["PartsCount"] == 3 and got["Body"].read() == part
        assert got["ContentRange"].startswith(f"bytes {place}-{place + len(part) - 1}/")
        head = s3.head_object(Bucket=assembled, Key="k", PartNumber=number)
        assert status(head) == 206 and head["ContentLength"] == len(part) and head["PartsCount"] == 3
        place += len(part)
    with refused_with(*NO_SUCH_PART):
        s3.get_object(Bucket=assembled, Key="k", PartNumber=4)


def test_attributes_of_the_parts(s3, bucket):
    upload = begin(s3, bucket, ChecksumAlgorithm="SHA256")
    parts = []
    for number, content in ((1, FIRST), (2, LAST)):
        told = s3.upload_part(PartNumber=number, Body=content, ChecksumAlgorithm="SHA256", **upload)
        parts.append({"PartNumber": number, "ETag": told["ETag"], "ChecksumSHA256": told["ChecksumSHA256"]})
    complete(s3, upload, parts)
    asked = {"Bucket": bucket, "Key": "k", "ObjectAttributes": ["ObjectParts", "ObjectSize"]}
    told = s3.get_object_attributes(**asked)
    assert told["ObjectParts"]["TotalPartsCount"] == 2 and told["ObjectSize"] == len(FIRST) + len(LAST)
    assert [part["Size"] for part in told["ObjectParts"]["Parts"]] == [len(FIRST), len(LAST)]
    page = s3.get_object_attributes(MaxParts=1, **asked)["ObjectParts"]
    assert page["IsTruncated"] and [part["PartNumber"] for part in page["Parts"]] == [1]
    page = s3.get_object_attributes(PartNumberMarker=page["NextPartNumberMarker"], **asked)["ObjectParts"]
    assert not page["IsTruncated"] and [part["PartNumber"] for part in page["Parts"]] == [2]


def test_a_part_sent_again_replaces(s3, bucket):
    upload = begin(s3, bucket)
    old = send(s3, upload, 1, b"old")
    new = send(s3, upload, 1, body(200_000))
    with refused(400, "InvalidPart"):
        complete(s3, upload, [old])
    complete(s3, upload, [new])
    assert fetch(s3, bucket, "k") == body(200_000)


def test_numbers_may_have_gaps(s3, bucket):
    upload = begin(s3, bucket)
    parts = [send(s3, upload, number, content) for number, content in ((7, FIRST), (70, SECOND), (10_000, LAST))]
    assert complete(s3, upload, parts)["ETag"] == multipart_etag(FIRST, SECOND, LAST)
    assert fetch(s3, bucket, "k") == FIRST + SECOND + LAST
    assert s3.get_object(Bucket=bucket, Key="k", Range=f"bytes=-{len(LAST) + 1}")["Body"].read() == SECOND[-1:] + LAST


def test_parts_not_named_are_left_out(s3, bucket):
    upload = begin(s3, bucket)
    send(s3, upload, 1, b"left out")
    complete(s3, upload, [send(s3, upload, 2, b"taken")])
    assert fetch(s3, bucket, "k") == b"taken"


def test_the_old_object_stays_until_completion(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"old")
    upload = begin(s3, bucket)
    part = send(s3, upload, 1, b"new")
    assert fetch(s3, bucket, "k") == b"old"
    complete(s3, upload, [part])
    assert fetch(s3, bucket, "k") == b"new"


def test_versions_of_uploads(s3, versioned):
    old = s3.put_object(Bucket=versioned, Key="k", Body=b"old")["VersionId"]
    upload = begin(s3, versioned)
    told = complete(s3, upload, [send(s3, upload, 1, b"new")])
    assert told["VersionId"] not in (old, "null")
    assert fetch(s3, versioned, "k", VersionId=old) == b"old" and fetch(s3, versioned, "k") == b"new"


def small(parts):
    return [parts[2], dict(parts[2], PartNumber=4)]


WRONG = [
    ("reversed", lambda parts: parts[1::-1], "InvalidPartOrder"),
    ("repeated", lambda parts: [parts[0], parts[0]], "InvalidPartOrder"),
    ("missing", lambda parts: [parts[0], dict(parts[1], PartNumber=9)], "InvalidPart"),
    ("another's tag", lambda parts: [parts[0], dict(parts[1], ETag=parts[0]["ETag"])], "InvalidPart"),
    ("no such tag", lambda parts: [dict(parts[0], ETag='"x"')], "InvalidPart"),
    ("too small", small, "EntityTooSmall"),
    ("none", lambda parts: [], "MalformedXML"),
    ("number 0", lambda parts: [dict(parts[0], PartNumber=0)], ("InvalidArgument", "InvalidPart", "MalformedXML")),
    (
        "number 10001",
        lambda parts: [dict(parts[0], PartNumber=10_001)],
        ("InvalidArgument", "InvalidPart", "MalformedXML"),
    ),
    ("no number", lambda parts: [{"ETag": parts[0]["ETag"]}], "MalformedXML"),
    ("no tag", lambda parts: [{"PartNumber": 1}], ("MalformedXML", "InvalidPart")),
]


@pytest.fixture(scope="module")
def under_way(lake):
    """An upload that is never completed, over an object that must stay."""
    s3 = lake.client()
    bucket = new_bucket(s3)
    s3.put_object(Bucket=bucket, Key="k", Body=b"before")
    upload = begin(s3, bucket)
    parts = [send(s3, upload, number, content) for number, content in ((1, FIRST), (2, LAST), (3, LAST), (4, LAST))]
    return upload, parts


@pytest.mark.parametrize("bend, codes", [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_wrong_completions_change_nothing(s3, under_way, bend, codes):
    upload, parts = under_way
    with refused(400, *([codes] if isinstance(codes, str) else codes)):
        complete(s3, upload, bend(parts))
    assert fetch(s3, upload["Bucket"], "k") == b"before"
    assert [part["PartNumber"] for part in s3.list_parts(**upload)["Parts"]] == [1, 2, 3, 4]


def answer(told):
    return {name: told.get(name) for name in ("ETag", "VersionId", "ChecksumCRC64NVME", "ChecksumType", "Location")}


def test_completion_again_has_the_same_outcome(s3, bucket):
    upload = begin(s3, bucket)
    part = send(s3, upload, 1, b"x")
    first = complete(s3, upload, [part], IfNoneMatch="*")
    for options in ({}, {"IfNoneMatch": "*"}, {"MpuObjectSize": 1}):
        assert answer(complete(s3, upload, [part], **options)) == answer(first)
    assert headers(first)["x-lake-sequence"] == headers(complete(s3, upload, [part]))["x-lake-sequence"]
    assert fetch(s3, bucket, "k") == b"x"
    with refused(404, "NoSuchUpload"):
        s3.list_parts(**upload)


def test_completion_again_must_name_the_same(s3, bucket):
    upload = begin(s3, bucket)
    parts = [send(s3, upload, 1, FIRST), send(s3, upload, 2, LAST)]
    first = complete(s3, upload, parts)
    others = [
        (parts[:1], "InvalidPart"),
        (parts[1:], "InvalidPart"),
        (parts[::-1], "InvalidPartOrder"),
        ([parts[0], dict(parts[1], ETag=parts[0]["ETag"])], "InvalidPart"),
        (parts + [dict(parts[1], PartNumber=3)], "InvalidPart"),
    ]
    for other, code in others:
        with refused(400, code):
            complete(s3, upload, other)
    with refused(400, "InvalidRequest"):
        complete(s3, upload, parts, MpuObjectSize=1)
    assert answer(complete(s3, upload, parts)) == answer(first)


def test_completion_retried_after_an_overwrite_brings_nothing_back(s3, bucket):
    upload = begin(s3, bucket)
    part = send(s3, upload, 1, b"uploaded")
    complete(s3, upload, [part])
    s3.put_object(Bucket=bucket, Key="k", Body=b"newer")
    with refused(404, "NoSuchUpload"):
        complete(s3, upload, [part])
    assert fetch(s3, bucket, "k") == b"newer"
    s3.delete_object(Bucket=bucket, Key="k")
    with refused(404, "NoSuchUpload"):
        complete(s3, upload, [part])
    assert keys_of(s3.list_objects_v2(Bucket=bucket)) == []


def test_completion_again_names_its_version_while_that_stands(s3, versioned):
    upload = begin(s3, versioned)
    part = send(s3, upload, 1, b"uploaded")
    first = complete(s3, upload, [part])
    s3.put_object(Bucket=versioned, Key="k", Body=b"newer")
    assert answer(complete(s3, upload, [part])) == answer(first)
    s3.delete_object(Bucket=versioned, Key="k")
    s3.put_bucket_versioning(Bucket=versioned, VersioningConfiguration={"Status": "Suspended"})
    assert answer(complete(s3, upload, [part])) == answer(first)
    with refused(404, "NoSuchKey"):
        fetch(s3, versioned, "k")
    s3.delete_object(Bucket=versioned, Key="k", VersionId=first["VersionId"])
    with refused(404, "NoSuchUpload"):
        complete(s3, upload, [part])


def test_completions_at_once_make_one_version(s3, versioned):
    upload = begin(s3, versioned)
    parts = [send(s3, upload, 1, FIRST), send(s3, upload, 2, LAST)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda _: complete(s3, upload, parts), range(8)))
    assert len({one["VersionId"] for one in told}) == 1 == len({one["ETag"] for one in told})
    assert len(s3.list_object_versions(Bucket=versioned)["Versions"]) == 1


def test_conditional_completion(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"before")
    upload = begin(s3, bucket)
    part = send(s3, upload, 1, b"after")
    with refused(412, "PreconditionFailed"):
        complete(s3, upload, [part], IfNoneMatch="*")
    with refused(412, "PreconditionFailed"):
        complete(s3, upload, [part], IfMatch=etag(b"other"))
    assert fetch(s3, bucket, "k") == b"before" and uploads(s3, bucket) == [("k", upload["UploadId"])]
    complete(s3, upload, [part], IfMatch=etag(b"before"))
    assert fetch(s3, bucket, "k") == b"after"


def test_the_size_a_client_expects(s3, bucket):
    upload = begin(s3, bucket)
    part = send(s3, upload, 1, b"1234")
    with refused(400, "InvalidRequest"):
        complete(s3, upload, [part], MpuObjectSize=5)
    complete(s3, upload, [part], MpuObjectSize=4)


def test_giving_up(s3, bucket):
    upload = begin(s3, bucket)
    part = send(s3, upload, 1, FIRST)
    assert status(s3.abort_multipart_upload(**upload)) == 204
    assert uploads(s3, bucket) == []
    for call in (
        lambda: send(s3, upload, 2, b"x"),
        lambda: complete(s3, upload, [part]),
        lambda: s3.list_parts(**upload),
    ):
        with refused(404, "NoSuchUpload"):
            call()
    assert outcome(s3.abort_multipart_upload, **upload) in ("ok", "NoSuchUpload")
    assert keys_of(s3.list_objects_v2(Bucket=bucket)) == []


def test_an_upload_belongs_to_its_key_and_bucket(s3, bucket):
    upload = begin(s3, bucket)
    part = send(s3, upload, 1, b"x")
    for stranger in (dict(upload, Key="other"), dict(upload, Bucket=new_bucket(s3)), dict(upload, UploadId="x")):
        for call in (
            lambda: send(s3, stranger, 1, b"y"),
            lambda: complete(s3, stranger, [part]),
            lambda: s3.list_parts(**stranger),
            lambda: s3.abort_multipart_upload(**stranger),
        ):
            with refused(404, "NoSuchUpload"):
                call()
    complete(s3, upload, [part])
    assert fetch(s3, bucket, "k") == b"x"


@pytest.mark.parametrize("number", [0, -1, 10_001, 1 << 40])
def test_part_numbers_out_of_bounds(s3, bucket, number):
    upload = begin(s3, bucket)
    with refused(400, "InvalidArgument"):
        send(s3, upload, number, b"x")
    assert "Parts" not in s3.list_parts(**upload)


def test_who_started_an_upload_is_told_as_aws_tells_it(lake, s3, bucket):
    """An account by its canonical user id, somebody in it by an ARN. The owner is an account either way."""
    if lake.process is None:
        pytest.skip("makes identities of its own")
    account = new_account(lake)
    user = new_user(account, statement("Allow", "s3:*", "*"))
    iam, role = client(lake.endpoint, account.keys, "iam"), f"loader-{secrets.token_hex(4)}"
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": user.arn}}
    arn = iam.create_role(RoleName=role, AssumeRolePolicyDocument=document(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName=role, PolicyName="own", PolicyDocument=document(statement("Allow", "s3:*", "*")))
    made = client(lake.endpoint, user.keys, "sts").assume_role(RoleArn=arn, RoleSessionName="night")
    keys = made["Credentials"]
    loader = session(lake.endpoint, Keys(keys["AccessKeyId"], keys["SecretAccessKey"]), keys["SessionToken"])
    home = s3.list_buckets()["Owner"]
    name = f"{bucket}-of-account"
    account.s3.create_bucket(Bucket=name)
    account.s3.delete_public_access_block(Bucket=name)
    everybody = statement("Allow", "s3:*", arns(name), Principal="*")
    account.s3.put_bucket_policy(Bucket=name, Policy=document(everybody))
    for who, told in (
        (s3, home),
        (account.s3, {"ID": account.canonical_id, "DisplayName": account.name}),
        (user.s3, {"ID": user.arn, "DisplayName": user.name}),
        (loader, {"ID": made["AssumedRoleUser"]["Arn"], "DisplayName": "night"}),
        (anonymous(lake), {"ID": "65a011a29cdf8ec533ec3d1ccaae921c"}),
    ):
        upload = begin(who, name)
        for listed in (account.s3.list_parts(**upload), *account.s3.list_multipart_uploads(Bucket=name)["Uploads"]):
            assert listed["Initiator"] == told, told
            assert len(listed["Owner"]["ID"]) == 64, listed
        account.s3.abort_multipart_upload(**upload)


def test_parts_are_listed_in_pages(s3, bucket):
    upload = begin(s3, bucket)
    for number in (5, 1, 9_999, 10_000, 2):
        send(s3, upload, number, b"x" * number)
    pages = list(s3.get_paginator("list_parts").paginate(PaginationConfig={"PageSize": 2}, **upload))
    assert [[part["PartNumber"] for part in page["Parts"]] for page in pages] == [[1, 2], [5, 9_999], [10_000]]
    assert pages[0]["Parts"][1]["Size"] == 2 and pages[0]["Parts"][1]["ETag"] == etag(b"xx")
    assert pages[0]["Owner"]["ID"] and pages[0]["Initiator"]["ID"] and pages[0]["StorageClass"] == "STANDARD"


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_uploads_are_listed_in_pages(s3, bucket, size):
    made = sorted((key, begin(s3, bucket, key)["UploadId"]) for key in ("a", "a", "b/1", "b/2", "c/1", "d", "d", "d"))
    pages = list(
        s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, PaginationConfig={"PageSize": size})
    )
    found = [(entry["Key"], entry["UploadId"]) for page in pages for entry in page.get("Uploads", [])]
    assert sorted(found) == made and [key for key, _ in found] == [key for key, _ in made]
    folded = list(
        s3.get_paginator("list_multipart_uploads").paginate(
            Bucket=bucket, Delimiter="/", PaginationConfig={"PageSize": size}
        )
    )
    assert [e["Key"] for page in folded for e in page.get("Uploads", [])] == ["a", "a", "d", "d", "d"]
    assert [e["Prefix"] for page in folded for e in page.get("CommonPrefixes", [])] == ["b/", "c/"]
    assert sorted(uploads(s3, bucket, Prefix="b/")) == [entry for entry in made if entry[0].startswith("b/")]


def copy_part(s3, upload, number, source, **options):
    return s3.upload_part_copy(PartNumber=number, CopySource=source, **upload, **options)["CopyPartResult"]["ETag"]


def test_parts_copied_from_objects(s3, assembled, bucket):
    upload = begin(s3, bucket)
    source = f"{assembled}/k"
    content = FIRST + SECOND + LAST
    whole = copy_part(s3, upload, 1, source)
    across = copy_part(s3, upload, 2, source, CopySourceRange=f"bytes={SEAM - 100}-{SEAM + 99}")
    assert (whole, across) == (etag(content), etag(content[SEAM - 100 : SEAM + 100]))
    complete(s3, upload, [{"PartNumber": 1, "ETag": whole}, {"PartNumber": 2, "ETag": across}])
    assert fetch(s3, bucket, "k") == content + content[SEAM - 100 : SEAM + 100]


def test_a_part_copied_from_a_version(s3, versioned):
    first = s3.put_object(Bucket=versioned, Key="from", Body=b"1")["VersionId"]
    s3.put_object(Bucket=versioned, Key="from", Body=b"2")
    upload = begin(s3, versioned)
    told = s3.upload_part_copy(
        PartNumber=1, CopySource={"Bucket": versioned, "Key": "from", "VersionId": first}, **upload
    )
    assert told["CopySourceVersionId"] == first and told["CopyPartResult"]["ETag"] == etag(b"1")


COPY_RANGES = [
    "bytes=5-2",
    "bytes=0-1000",
    "bytes=1000-1001",
    "bytes=-5",
    "bytes=0-",
    "0-1",
    "bytes=0-18446744073709551616",
]


@pytest.mark.parametrize("text", COPY_RANGES)
def test_ranges_of_part_copies_are_strict(s3, bucket, text):
    """Unlike those of reads: both ends named, both within the source."""
    s3.put_object(Bucket=bucket, Key="from", Body=LAST)
    upload = begin(s3, bucket)
    with refused_with((400, "InvalidArgument"), (400, "InvalidRequest"), (416, "InvalidRange"), (400, "InvalidRange")):
        copy_part(s3, upload, 1, f"{bucket}/from", CopySourceRange=text)
    assert "Parts" not in s3.list_parts(**upload)


def test_conditions_of_part_copies(s3, bucket):
    s3.put_object(Bucket=bucket, Key="from", Body=LAST)
    upload = begin(s3, bucket)
    with refused(412, "PreconditionFailed"):
        copy_part(s3, upload, 1, f"{bucket}/from", CopySourceIfMatch=etag(b"other"))
    with refused(412, "PreconditionFailed"):
        copy_part(s3, upload, 1, f"{bucket}/from", CopySourceIfNoneMatch=etag(LAST))
    assert copy_part(s3, upload, 1, f"{bucket}/from", CopySourceIfMatch=etag(LAST)) == etag(LAST)


@pytest.mark.parametrize("round_", range(6))
def test_completion_abort_and_part_at_once_have_one_outcome(s3, bucket, round_):
    upload = begin(s3, bucket)
    part = send(s3, upload, 1, b"first")
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        completed = pool.submit(outcome, complete, s3, upload, [part])
        given_up = pool.submit(outcome, s3.abort_multipart_upload, **upload)
        sent = pool.submit(outcome, send, s3, upload, 1, b"again")
    assert {completed.result(), given_up.result(), sent.result()} <= {"ok", "NoSuchUpload", "InvalidPart"}
    if completed.result() == "ok":
        assert fetch(s3, bucket, "k") == b"first"
    else:
        assert keys_of(s3.list_objects_v2(Bucket=bucket)) == []
    assert uploads(s3, bucket) == []


def test_parts_sent_at_once(s3, bucket):
    upload = begin(s3, bucket)
    contents = [body(PART_BYTES_MIN, number) for number in range(6)]
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        parts = list(pool.map(lambda number: send(s3, upload, number + 1, contents[number]), range(6)))
    assert complete(s3, upload, parts)["ETag"] == multipart_etag(*contents)
    assert fetch(s3, bucket, "k") == b"".join(contents)


def test_an_empty_part_makes_an_empty_object(s3, bucket):
    upload = begin(s3, bucket)
    assert complete(s3, upload, [send(s3, upload, 1, b"")])["ETag"] == multipart_etag(b"")
    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["ContentLength"] == 0 and got["Body"].read() == b""


def test_many_small_requests_leave_no_doubt(s3, bucket):
    """A hundred parts of which only the last one may be small: the first is refused, by its number."""
    upload = begin(s3, bucket)
    parts = [send(s3, upload, number, b"x" * MIB if number < 3 else b"x") for number in (1, 2, 3)]
    with refused(400, "EntityTooSmall") as caught:
        complete(s3, upload, parts)
    assert headers(caught.value.response)["content-type"].startswith("application/xml")
