"""Annotations: named texts beside a version of an object.

Source of what is expected: Amazon S3 API, PutObjectAnnotation, GetObjectAnnotation, ListObjectAnnotations,
DeleteObjectAnnotation, CopyObject; Amazon S3 User Guide, Managing annotations.
"""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

import digests
from answers import MIB, body, etag, fetch, new_bucket, refused, status
from sigv4 import request, signed

# What a model found in a picture, say.
RESULT = json.dumps({"label": "crack", "score": 0.97, "θ": "Rotorblatt"}, ensure_ascii=False).encode()


def text(length, seed=0):
    """ASCII without any pattern."""
    return bytes(97 + byte % 26 for byte in body(length, seed))


@pytest.fixture
def annotated(s3, bucket):
    """A bucket with an object `k`."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"a picture")
    return bucket


def put(s3, bucket, name, payload=RESULT, key="k", **options):
    return s3.put_object_annotation(
        Bucket=bucket, Key=key, AnnotationName=name, AnnotationPayload=payload, **options
    )


def get(s3, bucket, name, key="k", **options):
    return s3.get_object_annotation(Bucket=bucket, Key=key, AnnotationName=name, **options)


def read(s3, bucket, name, key="k", **options):
    return get(s3, bucket, name, key, **options)["AnnotationPayload"].read()


def delete(s3, bucket, name, key="k", **options):
    return s3.delete_object_annotation(Bucket=bucket, Key=key, AnnotationName=name, **options)


def ask(lake, method, bucket, query, key="k", headers=(), content=b"", sign=True):
    """A request that boto3 would not make."""
    made = request(method, lake.host, f"/{bucket}/{key}", query, headers, content)
    return (signed(made, lake.keys) if sign else made).send(lake.address)


def of(name):
    return [("annotation", None), ("annotationName", name)]


def listed(s3, bucket, key="k", **options):
    return s3.list_object_annotations(Bucket=bucket, Key=key, **options)


def names(s3, bucket, key="k", **options):
    return [row["AnnotationName"] for row in listed(s3, bucket, key, **options).get("Annotations", [])]


@pytest.mark.parametrize("payload", [b"x", RESULT, text(200_000), text(MIB)], ids=len)
def test_an_annotation_comes_back_as_it_went_in(s3, annotated, payload):
    before = s3.head_object(Bucket=annotated, Key="k")
    written = put(s3, annotated, "ml.result", payload)
    assert status(written) == 200
    assert written["ETag"] == etag(payload)
    assert written["ServerSideEncryption"] == "AES256"
    assert written["ResponseMetadata"]["HTTPHeaders"]["x-lake-sequence"]
    told = get(s3, annotated, "ml.result", ChecksumMode="ENABLED")
    assert told["AnnotationPayload"].read() == payload
    assert (told["ETag"], told["ContentLength"]) == (etag(payload), len(payload))
    assert told["ChecksumType"] == "FULL_OBJECT"
    [row] = listed(s3, annotated)["Annotations"]
    assert (row["AnnotationName"], row["Size"], row["ETag"]) == ("ml.result", len(payload), etag(payload))
    assert row["LastModified"].replace(microsecond=0) == told["LastModified"]
    after = s3.head_object(Bucket=annotated, Key="k")
    assert [after[name] for name in ("ETag", "LastModified", "ContentLength")] == [
        before[name] for name in ("ETag", "LastModified", "ContentLength")
    ], "the object is as it was"
    assert fetch(s3, annotated, "k") == b"a picture"


def test_an_annotation_is_replaced_and_removed(s3, annotated):
    put(s3, annotated, "a", b"one")
    put(s3, annotated, "a", text(300_000))
    put(s3, annotated, "b", b"two")
    put(s3, annotated, "a", b"three")
    assert (read(s3, annotated, "a"), read(s3, annotated, "b")) == (b"three", b"two")
    gone = delete(s3, annotated, "a")
    assert status(gone) == 204 and gone["ResponseMetadata"]["HTTPHeaders"]["x-lake-sequence"]
    again = delete(s3, annotated, "a")
    assert status(again) == 204 and "x-lake-sequence" not in again["ResponseMetadata"]["HTTPHeaders"]
    with refused(404, "NoSuchAnnotation"):
        get(s3, annotated, "a")
    assert names(s3, annotated) == ["b"]


GOOD_NAMES = ["a", "ml.sentiment", "run_7-a.b", "Überlauf", "温度", "W.aws", "n" * 512, "a.b"]


def test_names_of_every_script_are_listed_in_byte_order(s3, annotated):
    for name in GOOD_NAMES:
        put(s3, annotated, name, name.encode())
    assert names(s3, annotated) == sorted(GOOD_NAMES, key=str.encode)
    assert all(read(s3, annotated, name) == name.encode() for name in GOOD_NAMES)


BAD_NAMES = {
    "slash": ("a/b", "InvalidAnnotationName"),
    "space": ("a b", "InvalidAnnotationName"),
    "only spaces": ("  ", "InvalidAnnotationName"),
    "emoji": ("🌬", "InvalidAnnotationName"),
    "control": ("a\n", "InvalidAnnotationName"),
    "reserved": ("aws.x", "InvalidAnnotationName"),
    "reserved in any case": ("AwS-x", "InvalidAnnotationName"),
    "reserved too": ("S3x", "InvalidAnnotationName"),
    "long": ("n" * 513, "AnnotationNameTooLong"),
    "long in bytes": ("é" * 257, "AnnotationNameTooLong"),
}


@pytest.mark.parametrize("name, code", BAD_NAMES.values(), ids=BAD_NAMES)
def test_bad_names(s3, annotated, name, code):
    for call in (put, get, delete):
        with refused(400, code):
            call(s3, annotated, name)
    assert names(s3, annotated) == []


def test_an_empty_name_and_none_at_all(lake, annotated):
    for query in (of(""), [("annotation", None)]):
        for method, content in (("PUT", b"x"), ("DELETE", b"")):
            answer = ask(lake, method, annotated, query, content=content)
            assert answer.status == 400, (query, method, answer.body)
    assert ask(lake, "GET", annotated, of("")).code == "InvalidAnnotationName"
    assert ask(lake, "GET", annotated, [("annotation", None)]).status == 200, "without a name it is a listing"


def test_payloads_have_bounds_and_are_text(s3, annotated):
    put(s3, annotated, "a", b"before")
    with refused(400, "EntityTooLarge"):
        put(s3, annotated, "a", text(MIB + 1))
    with refused(400, "InvalidRequest"):
        put(s3, annotated, "a", b"")
    for payload in (b"\xff", b"caf\xc3", text(70_000) + b"\xc3", b"\x80" + text(200_000), "ä".encode() + b"\xed\xa0\x80"):
        with refused(415, "UnsupportedMediaType"):
            put(s3, annotated, "a", payload)
    assert read(s3, annotated, "a") == b"before"
    put(s3, annotated, "a", "é".encode() * (MIB // 2))
    assert read(s3, annotated, "a") == "é".encode() * (MIB // 2)


def test_the_thousandth_is_the_last(s3, annotated):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: put(s3, annotated, f"n{number:04}", b"x"), range(1000)))
    with refused(400, "AnnotationLimitExceeded"):
        put(s3, annotated, "one.more")
    put(s3, annotated, "n0500", b"in the place of another")
    assert names(s3, annotated) == [f"n{number:04}" for number in range(1000)]
    delete(s3, annotated, "n0000")
    put(s3, annotated, "one.more")
    with refused(400, "AnnotationLimitExceeded"):
        put(s3, annotated, "n0000")

    s3.copy_object(Bucket=annotated, Key="copy", CopySource=f"{annotated}/k")
    assert len(names(s3, annotated, "copy")) == 1000
    assert read(s3, annotated, "n0500", "copy") == b"in the place of another"
    s3.delete_object(Bucket=annotated, Key="k")
    assert len(names(s3, annotated, "copy")) == 1000


@pytest.mark.parametrize("algorithm", digests.ALGORITHMS)
@pytest.mark.parametrize("payload", [RESULT, text(200_000)], ids=len)
def test_checksums_are_kept_and_told(lake, s3, annotated, algorithm, payload):
    written = put(s3, annotated, "a", payload, ChecksumAlgorithm=algorithm)
    told = get(s3, annotated, "a", ChecksumMode="ENABLED")
    field = f"Checksum{algorithm}"
    assert written[field] == told[field] == digests.text(algorithm, payload)
    assert told["AnnotationPayload"].read() == payload
    plain = ask(lake, "GET", annotated, of("a"))
    assert plain.body == payload and digests.header(algorithm) not in plain.headers
    assert listed(s3, annotated)["Annotations"][0]["ChecksumAlgorithm"] == [algorithm]


@pytest.mark.parametrize("payload", [RESULT, text(200_000)], ids=len)
def test_a_digest_that_differs_changes_nothing(lake, s3, annotated, payload):
    put(s3, annotated, "a", b"before")
    wrong = [(digests.header(algorithm), digests.wrong(algorithm)) for algorithm in digests.ALGORITHMS]
    for header in [("Content-MD5", digests.md5(b"other")), *wrong]:
        for name in ("a", "new"):
            answer = ask(lake, "PUT", annotated, of(name), headers=[header], content=payload)
            assert (answer.status, answer.code) == (400, "BadDigest"), header
    unknown = [("x-amz-checksum-xxhash64", "AAAAAAAAAAA=")]
    answer = ask(lake, "PUT", annotated, of("a"), headers=unknown, content=payload)
    assert (answer.status, answer.code) == (400, "InvalidRequest"), "what cannot be verified is refused"
    assert names(s3, annotated) == ["a"] and read(s3, annotated, "a") == b"before"


def test_without_a_checksum_it_is_crc64nvme(lake, s3, annotated):
    answer = ask(lake, "PUT", annotated, of("a"), content=RESULT)
    assert answer.status == 200, answer.body
    assert (answer.field("AnnotationName"), answer.field("Key")) == ("a", "k")
    told = get(s3, annotated, "a", ChecksumMode="ENABLED")
    assert told["ChecksumCRC64NVME"] == digests.text("CRC64NVME", RESULT)


def test_what_is_not_there(s3, bucket):
    for call in (put, get, delete):
        with refused(404, "NoSuchKey"):
            call(s3, bucket, "a")
        with refused(404, "NoSuchBucket"):
            call(s3, bucket + "-not", "a")
    with refused(404, "NoSuchKey"):
        listed(s3, bucket)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    with refused(404, "NoSuchAnnotation"):
        get(s3, bucket, "a")
    for call in (put, get, delete):
        with refused(404, "NoSuchVersion"):
            call(s3, bucket, "a", VersionId="0" * 32)


def test_a_change_may_expect_its_object(s3, annotated):
    here, other = etag(b"a picture"), etag(b"another")
    put(s3, annotated, "a", b"one", ObjectIfMatch=here)
    put(s3, annotated, "a", b"two", ObjectIfMatch=here.strip('"'))
    put(s3, annotated, "a", b"three", ObjectIfMatch="*")
    for call in (put, delete):
        with refused(412, "PreconditionFailed"):
            call(s3, annotated, "a", ObjectIfMatch=other)
    assert read(s3, annotated, "a") == b"three"
    delete(s3, annotated, "a", ObjectIfMatch=here)
    assert names(s3, annotated) == []


def test_versions_have_their_own(s3, versioned):
    old = s3.put_object(Bucket=versioned, Key="k", Body=b"one")["VersionId"]
    assert put(s3, versioned, "a", b"of one")["ObjectVersionId"] == old
    new = s3.put_object(Bucket=versioned, Key="k", Body=b"two")["VersionId"]
    assert names(s3, versioned) == [], "a new version has none"
    assert put(s3, versioned, "b", b"of two")["ObjectVersionId"] == new
    assert put(s3, versioned, "c", b"later", VersionId=old)["ObjectVersionId"] == old
    assert (names(s3, versioned), names(s3, versioned, VersionId=old)) == (["b"], ["a", "c"])
    told = get(s3, versioned, "a", VersionId=old)
    assert (told["AnnotationPayload"].read(), told["ObjectVersionId"]) == (b"of one", old)
    assert listed(s3, versioned, VersionId=old)["ObjectVersionId"] == old

    marker = s3.delete_object(Bucket=versioned, Key="k")["VersionId"]
    for call in (put, get, delete):
        with refused(404, "NoSuchKey"):
            call(s3, versioned, "b")
        with refused(405, "MethodNotAllowed"):
            call(s3, versioned, "b", VersionId=marker)
    assert names(s3, versioned, VersionId=new) == ["b"], "under a marker they stay"
    assert delete(s3, versioned, "a", VersionId=old)["ObjectVersionId"] == old
    assert names(s3, versioned, VersionId=old) == ["c"]
    s3.delete_object(Bucket=versioned, Key="k", VersionId=old)
    with refused(404, "NoSuchVersion"):
        listed(s3, versioned, VersionId=old)


def test_what_replaces_an_object_has_none(s3, annotated):
    put(s3, annotated, "a")
    s3.put_object(Bucket=annotated, Key="k", Body=b"a picture")
    assert names(s3, annotated) == []
    put(s3, annotated, "a")
    s3.delete_object(Bucket=annotated, Key="k")
    s3.put_object(Bucket=annotated, Key="k", Body=b"a picture")
    assert names(s3, annotated) == []
    s3.delete_object(Bucket=annotated, Key="k")
    s3.delete_bucket(Bucket=annotated)


def test_an_upload_becomes_an_object_without_any(s3, bucket):
    s3.put_object(Bucket=bucket, Key="from", Body=b"x")
    put(s3, bucket, "a", key="from")
    upload = {"Bucket": bucket, "Key": "k", "UploadId": s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]}
    part = s3.upload_part_copy(PartNumber=1, CopySource=f"{bucket}/from", **upload)["CopyPartResult"]["ETag"]
    s3.complete_multipart_upload(MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part}]}, **upload)
    assert names(s3, bucket) == []
    put(s3, bucket, "b", text(200_000))
    assert read(s3, bucket, "b") == text(200_000)


def test_pages_follow_each_other(s3, annotated):
    expected = sorted([f"{kind}.{number}" for kind in ("ml", "qa") for number in range(7)])
    for name in expected:
        put(s3, annotated, name, name.encode())
    for size in (1, 3, 7, 14, 1000):
        pages = s3.get_paginator("list_object_annotations").paginate(
            Bucket=annotated, Key="k", PaginationConfig={"PageSize": size}
        )
        pages = list(pages)
        assert [row["AnnotationName"] for page in pages for row in page["Annotations"]] == expected
        assert all(page["AnnotationCount"] == len(page["Annotations"]) <= size for page in pages)
        assert "NextContinuationToken" not in pages[-1]
    first = listed(s3, annotated, AnnotationPrefix="qa.", MaxAnnotationResults=2)
    assert [row["AnnotationName"] for row in first["Annotations"]] == ["qa.0", "qa.1"]
    assert (first["Bucket"], first["Key"], first["AnnotationPrefix"]) == (annotated, "k", "qa.")
    delete(s3, annotated, "qa.1")
    token = first["NextContinuationToken"]
    rest = listed(s3, annotated, AnnotationPrefix="qa.", ContinuationToken=token)
    assert rest["ContinuationToken"] == token
    assert [row["AnnotationName"] for row in rest["Annotations"]] == [f"qa.{number}" for number in range(2, 7)]
    assert listed(s3, annotated, AnnotationPrefix="zz").get("Annotations", []) == []


def test_a_listing_is_asked_for_within_bounds(lake, s3, annotated):
    size, token = "max-annotation-results", "continuation-token"
    for pair in ((size, 0), (size, -1), (size, 1001), (size, "x"), (token, "%%"), (token, "AA")):
        answer = ask(lake, "GET", annotated, [("annotation", None), pair])
        assert (answer.status, answer.code) == (400, "InvalidArgument"), (pair, answer.body)
    for prefix in ("a/", "a b", "n" * 513):
        with refused(400, "InvalidPrefix"):
            listed(s3, annotated, AnnotationPrefix=prefix)


SIZES = [1, 90_000, 130_000, 131_072, 131_073, 100_000, 100_000, 5, MIB]


def test_a_copy_brings_them_along_unless_told_otherwise(s3, annotated):
    other = new_bucket(s3)
    payloads = {f"n{place}": text(size, place) for place, size in enumerate(SIZES)}
    for name, payload in payloads.items():
        put(s3, annotated, name, payload, ChecksumAlgorithm="SHA256")
    before = {row["AnnotationName"]: (row["ETag"], row["Size"]) for row in listed(s3, annotated)["Annotations"]}
    for options in ({}, {"AnnotationDirective": "COPY"}):
        s3.copy_object(Bucket=other, Key="to", CopySource=f"{annotated}/k", **options)
        told = {row["AnnotationName"]: (row["ETag"], row["Size"]) for row in listed(s3, other, "to")["Annotations"]}
        assert told == before
        assert {name: read(s3, other, name, "to") for name in payloads} == payloads
    assert "ChecksumSHA256" in get(s3, other, "n0", "to", ChecksumMode="ENABLED")
    s3.copy_object(Bucket=other, Key="without", CopySource=f"{annotated}/k", AnnotationDirective="EXCLUDE")
    assert names(s3, other, "without") == []
    delete(s3, other, "n0", "to")
    assert names(s3, annotated) == sorted(payloads), "each has its own"
    s3.delete_object(Bucket=annotated, Key="k")
    assert read(s3, other, "n8", "to") == payloads["n8"]


def test_a_copy_onto_itself_keeps_them(s3, annotated):
    put(s3, annotated, "a", text(200_000))
    put(s3, annotated, "b", b"short")
    s3.copy_object(Bucket=annotated, Key="k", CopySource=f"{annotated}/k", MetadataDirective="REPLACE")
    assert (read(s3, annotated, "a"), read(s3, annotated, "b")) == (text(200_000), b"short")


def test_the_directive_is_one_of_two_words_in_header_or_query(lake, s3, annotated):
    put(s3, annotated, "a")
    source, directive = ("x-amz-copy-source", f"/{annotated}/k"), "x-amz-object-annotation-directive"
    for query, headers in (([], [source, (directive, "REPLACE")]), ([(directive, "REPLACE")], [source])):
        answer = ask(lake, "PUT", annotated, query, "to", headers)
        assert (answer.status, answer.code) == (400, "InvalidArgument"), answer.body
    for word, expected in (("EXCLUDE", []), ("COPY", ["a"])):
        assert ask(lake, "PUT", annotated, [(directive, word)], "to", [source]).status == 200
        assert names(s3, annotated, "to") == expected


def test_many_writers_at_once(s3, annotated):
    def write(number):
        put(s3, annotated, f"n{number % 6}", f"{number}".encode() * (1 + number % 3 * 60_000))

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(write, range(48)))
    for name in names(s3, annotated):
        payload = read(s3, annotated, name)
        assert etag(payload) == get(s3, annotated, name)["ETag"]
        assert int(payload[:2]) % 6 == int(name[1:]) or int(payload[:1]) % 6 == int(name[1:])
    assert names(s3, annotated) == [f"n{number}" for number in range(6)]


def test_nobody_else_may(lake, annotated):
    for method, content in (("PUT", b"x"), ("GET", b""), ("DELETE", b"")):
        answer = ask(lake, method, annotated, of("a"), content=content, sign=False)
        assert (answer.status, answer.code) == (403, "AccessDenied"), method
    assert ask(lake, "GET", annotated, [("annotation", None)], sign=False).status == 403


def test_they_outlive_a_kill(new_lake):
    own = new_lake().start()
    s3 = own.client()
    bucket = new_bucket(s3)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    payloads = {"long": text(MIB), "short": RESULT, "θ": "θ".encode()}
    for name, payload in payloads.items():
        put(s3, bucket, name, payload)
    own.kill()
    s3 = own.start().client()
    assert {name: read(s3, bucket, name) for name in names(s3, bucket)} == payloads
