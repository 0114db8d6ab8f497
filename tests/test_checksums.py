"""Checksums, in every way a client may send them. A wrong one is refused and leaves no trace."""

import pytest

import digests
from answers import PART_BYTES_MIN, body, fetch, keys_of, refused, status
from digests import ALGORITHMS, COMPOSITE, FULL_OBJECT
from sigv4 import UNSIGNED, chunked, request, signed

LENGTHS = [0, 5, 100_000, 300_000]
BEFORE = b"as it was before"


@pytest.fixture
def site(lake, s3, bucket):
    """A bucket with an object `k` that a refused write must not touch."""
    s3.put_object(Bucket=bucket, Key="k", Body=BEFORE)

    def put(*headers):
        return request("PUT", lake.host, f"/{bucket}/k", headers=headers)

    return put


def pieces(content):
    return [content[place : place + 65536] for place in range(0, len(content), 65536)]


def by_header(lake, put, algorithm, content, value):
    return signed(put((digests.header(algorithm), value)).replaced(body=content), lake.keys)


def by_header_unsigned_payload(lake, put, algorithm, content, value):
    return signed(put((digests.header(algorithm), value)).replaced(body=content), lake.keys, payload=UNSIGNED)


def by_trailer(sign):
    def build(lake, put, algorithm, content, value):
        trailers = [(digests.header(algorithm), value)]
        named = put(("x-amz-sdk-checksum-algorithm", algorithm))
        return chunked(named, lake.keys, pieces(content), trailers, sign=sign).request()

    return build


def by_header_and_chunks(lake, put, algorithm, content, value):
    return chunked(put((digests.header(algorithm), value)), lake.keys, pieces(content)).request()


WAYS = {
    "header": by_header,
    "header, payload unsigned": by_header_unsigned_payload,
    "header, signed chunks": by_header_and_chunks,
    "unsigned trailer": by_trailer(False),
    "signed trailer": by_trailer(True),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("length", LENGTHS)
def test_a_right_checksum_is_kept(lake, s3, bucket, site, way, algorithm, length):
    content, value = body(length), digests.text(algorithm, body(length))
    answer = WAYS[way](lake, site, algorithm, content, value).send(lake.address)
    assert answer.status == 200, answer.body
    assert answer.headers[digests.header(algorithm)] == value
    assert answer.headers["x-amz-checksum-type"] == "FULL_OBJECT"
    got = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert got["Body"].read() == content  # boto3 compares it with the checksum once more
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert head[f"Checksum{algorithm}"] == value and head["ChecksumType"] == "FULL_OBJECT"
    assert f"Checksum{algorithm}" not in s3.head_object(Bucket=bucket, Key="k")
    assert "ContentEncoding" not in head  # aws-chunked is how it travelled, not what it is


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("length", LENGTHS)
def test_a_wrong_checksum_leaves_no_trace(lake, s3, bucket, site, way, algorithm, length):
    content = body(length)
    answer = WAYS[way](lake, site, algorithm, content, digests.wrong(algorithm)).send(lake.address)
    assert (answer.status, answer.code) == (400, "BadDigest")
    assert fetch(s3, bucket, "k") == BEFORE
    assert keys_of(s3.list_objects_v2(Bucket=bucket)) == ["k"]


MALFORMED = ["", "!", "AAAA", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("value", MALFORMED)
def test_a_value_that_is_no_checksum(lake, s3, bucket, site, algorithm, value):
    answer = by_header(lake, site, algorithm, b"x", value).send(lake.address)
    assert (answer.status, answer.code) == (400, "InvalidRequest")
    assert fetch(s3, bucket, "k") == BEFORE


TWO = [(digests.header(name), digests.text(name, b"x")) for name in ("CRC32", "SHA1")]
CONTRADICTIONS = {
    "two checksums": TWO,
    "an algorithm without a value": [("x-amz-sdk-checksum-algorithm", "CRC32")],
    "an algorithm and another's value": [("x-amz-sdk-checksum-algorithm", "CRC32"), TWO[1]],
    "an unknown algorithm": [("x-amz-sdk-checksum-algorithm", "CRC7"), TWO[0]],
    "an unknown checksum": [("x-amz-checksum-crc7", "AA==")],
    "a checksum we do not compute": [("x-amz-checksum-xxhash64", "AAAAAAAAAAA=")],
}


@pytest.mark.parametrize("headers", CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_contradictions_are_refused(lake, s3, bucket, site, headers):
    answer = signed(site(*headers).replaced(body=b"x"), lake.keys).send(lake.address)
    assert (answer.status, answer.code) in [(400, "InvalidRequest"), (400, "InvalidArgument"), (501, "NotImplemented")]
    assert fetch(s3, bucket, "k") == BEFORE


def test_without_a_checksum_crc64nvme_is_kept(lake, s3, bucket, site):
    answer = signed(site().replaced(body=b"plain"), lake.keys).send(lake.address)
    assert answer.headers["x-amz-checksum-crc64nvme"] == digests.text("CRC64NVME", b"plain")
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert head["ChecksumCRC64NVME"] == digests.text("CRC64NVME", b"plain") and head["ChecksumType"] == "FULL_OBJECT"


@pytest.mark.parametrize("length", LENGTHS)
def test_content_md5(lake, s3, bucket, site, length):
    content = body(length)
    right = signed(site(("Content-MD5", digests.md5(content))).replaced(body=content), lake.keys)
    assert right.send(lake.address).status == 200
    table = [
        (digests.md5(content + b"x"), "BadDigest"),
        ("x", "InvalidDigest"),
        ("", "InvalidDigest"),
        ("AAAA", "InvalidDigest"),
    ]
    for value, code in table:
        answer = signed(site(("Content-MD5", value)).replaced(body=b"n" + content), lake.keys).send(lake.address)
        assert (answer.status, answer.code) == (400, code), value
        assert fetch(s3, bucket, "k") == content


def upload(s3, bucket, contents, algorithm, **options):
    """Uploads parts with their checksums; returns what completion needs."""
    begun = s3.create_multipart_upload(Bucket=bucket, Key="k", ChecksumAlgorithm=algorithm, **options)
    named = {"Bucket": bucket, "Key": "k", "UploadId": begun["UploadId"]}
    parts = []
    for number, content in enumerate(contents, 1):
        value = {f"Checksum{algorithm}": digests.text(algorithm, content)}
        told = s3.upload_part(PartNumber=number, Body=content, **value, **named)
        assert told[f"Checksum{algorithm}"] == value[f"Checksum{algorithm}"]
        parts.append({"PartNumber": number, "ETag": told["ETag"], **value})
    return named, parts


PARTS = [body(PART_BYTES_MIN, 4), body(70_000, 5)]


@pytest.mark.parametrize("algorithm", COMPOSITE)
def test_composite_checksums(s3, bucket, algorithm):
    named, parts = upload(s3, bucket, PARTS, algorithm, ChecksumType="COMPOSITE")
    assert [part[f"Checksum{algorithm}"] for part in s3.list_parts(**named)["Parts"]] == [
        part[f"Checksum{algorithm}"] for part in parts
    ]
    told = s3.complete_multipart_upload(MultipartUpload={"Parts": parts}, **named)
    expected = digests.composite(algorithm, *PARTS)
    assert told[f"Checksum{algorithm}"] == expected and told["ChecksumType"] == "COMPOSITE"
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert head[f"Checksum{algorithm}"] == expected and head["ChecksumType"] == "COMPOSITE"
    told = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["Checksum", "ObjectParts"])
    assert told["Checksum"][f"Checksum{algorithm}"] in (expected, expected.partition("-")[0])
    assert [part[f"Checksum{algorithm}"] for part in told["ObjectParts"]["Parts"]] == [
        part[f"Checksum{algorithm}"] for part in parts
    ]
    part = s3.get_object(Bucket=bucket, Key="k", PartNumber=2, ChecksumMode="ENABLED")
    assert part[f"Checksum{algorithm}"] == parts[1][f"Checksum{algorithm}"] and part["Body"].read() == PARTS[1]


@pytest.mark.parametrize("algorithm", FULL_OBJECT)
def test_full_object_checksums(s3, bucket, algorithm):
    named, parts = upload(s3, bucket, PARTS, algorithm, ChecksumType="FULL_OBJECT")
    whole = digests.text(algorithm, b"".join(PARTS))
    with refused(400, "BadDigest"):
        wrong = {f"Checksum{algorithm}": digests.wrong(algorithm)}
        s3.complete_multipart_upload(MultipartUpload={"Parts": parts}, ChecksumType="FULL_OBJECT", **wrong, **named)
    assert keys_of(s3.list_objects_v2(Bucket=bucket)) == []
    told = s3.complete_multipart_upload(
        MultipartUpload={"Parts": parts}, ChecksumType="FULL_OBJECT", **{f"Checksum{algorithm}": whole}, **named
    )
    assert told[f"Checksum{algorithm}"] == whole and told["ChecksumType"] == "FULL_OBJECT"
    got = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert got[f"Checksum{algorithm}"] == whole and got["Body"].read() == b"".join(PARTS)


def test_an_upload_that_names_no_algorithm_gets_crc64nvme_over_the_whole(lake, s3, bucket):
    plain = lake.client(request_checksum_calculation="when_required")
    named = {"Bucket": bucket, "Key": "k"}
    named["UploadId"] = plain.create_multipart_upload(**named)["UploadId"]
    parts = [
        {"PartNumber": number, "ETag": plain.upload_part(PartNumber=number, Body=content, **named)["ETag"]}
        for number, content in enumerate(PARTS, 1)
    ]
    plain.complete_multipart_upload(MultipartUpload={"Parts": parts}, **named)
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert head["ChecksumCRC64NVME"] == digests.text("CRC64NVME", b"".join(PARTS))
    assert head["ChecksumType"] == "FULL_OBJECT"


@pytest.mark.parametrize(
    "algorithm, kind", [("SHA1", "FULL_OBJECT"), ("SHA256", "FULL_OBJECT"), ("CRC64NVME", "COMPOSITE")]
)
def test_kinds_that_do_not_exist(s3, bucket, algorithm, kind):
    with refused(400, "InvalidRequest"):
        s3.create_multipart_upload(Bucket=bucket, Key="k", ChecksumAlgorithm=algorithm, ChecksumType=kind)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_part_with_a_wrong_checksum_is_not_kept(s3, bucket, algorithm):
    named, _ = upload(s3, bucket, [], algorithm)
    for content in (b"x", body(300_000)):
        with refused(400, "BadDigest"):
            s3.upload_part(PartNumber=1, Body=content, **{f"Checksum{algorithm}": digests.wrong(algorithm)}, **named)
    assert "Parts" not in s3.list_parts(**named)


def test_a_part_with_another_algorithm_is_refused(s3, bucket):
    named, _ = upload(s3, bucket, [], "SHA256")
    with refused(400, "InvalidRequest"):
        s3.upload_part(PartNumber=1, Body=b"x", ChecksumCRC32=digests.text("CRC32", b"x"), **named)
    assert "Parts" not in s3.list_parts(**named)


@pytest.mark.parametrize("algorithm", COMPOSITE)
def test_a_composite_checksum_is_compared_with_its_number_of_parts(s3, bucket, algorithm):
    named, parts = upload(s3, bucket, PARTS, algorithm, ChecksumType="COMPOSITE")
    # S3 wants the checksum of every part once more; the lake knows them.
    parts[1].pop(f"Checksum{algorithm}")
    expected = digests.composite(algorithm, *PARTS)
    wrong, right = (f"Checksum{algorithm}", expected.replace("-2", "-3")), (f"Checksum{algorithm}", expected)
    with refused(400, "BadDigest", "InvalidRequest"):
        s3.complete_multipart_upload(MultipartUpload={"Parts": parts}, **dict([wrong]), **named)
    told = s3.complete_multipart_upload(MultipartUpload={"Parts": parts}, **dict([right]), **named)
    assert told[f"Checksum{algorithm}"] == expected


@pytest.mark.parametrize("algorithm", FULL_OBJECT)
def test_a_full_object_completion_need_not_name_them(s3, bucket, algorithm):
    named, parts = upload(s3, bucket, PARTS, algorithm, ChecksumType="FULL_OBJECT")
    bare = [{"PartNumber": part["PartNumber"], "ETag": part["ETag"]} for part in parts]
    with refused(400, "InvalidRequest"):
        s3.complete_multipart_upload(MultipartUpload={"Parts": bare}, ChecksumType="COMPOSITE", **named)
    other = "CRC32" if algorithm != "CRC32" else "CRC32C"
    with refused(400, "InvalidRequest"):
        value = {f"Checksum{other}": digests.text(other, b"".join(PARTS))}
        s3.complete_multipart_upload(MultipartUpload={"Parts": bare}, **value, **named)
    told = s3.complete_multipart_upload(MultipartUpload={"Parts": bare}, **named)
    assert told[f"Checksum{algorithm}"] == digests.text(algorithm, b"".join(PARTS))
    assert told["ChecksumType"] == "FULL_OBJECT"


def test_completion_with_wrong_part_checksums(s3, bucket):
    named, parts = upload(s3, bucket, PARTS, "SHA256")
    wrong = [dict(parts[0], ChecksumSHA256=digests.wrong("SHA256")), parts[1]]
    with refused(400, "InvalidPart", "BadDigest"):
        s3.complete_multipart_upload(MultipartUpload={"Parts": wrong}, **named)
    other = [{**parts[0], "ChecksumCRC32": digests.text("CRC32", PARTS[0])}, parts[1]]
    other[0].pop("ChecksumSHA256")
    with refused(400, "InvalidRequest", "InvalidPart", "BadDigest"):
        s3.complete_multipart_upload(MultipartUpload={"Parts": other}, **named)
    assert keys_of(s3.list_objects_v2(Bucket=bucket)) == []
    assert status(s3.complete_multipart_upload(MultipartUpload={"Parts": parts}, **named)) == 200
