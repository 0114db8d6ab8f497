"""Links (presigned URLs): what stands in their queries has the effect of the headers it stands for."""

import hashlib

import pytest

import digests
from answers import body, fetch
from sigv4 import presigned, request


@pytest.fixture
def put(lake, bucket):
    """Uses a link for a PUT whose query holds these parameters. What is sent along are headers that it does not sign."""

    def send(query, content=b"linked", key="k", sent=()):
        made = presigned(request("PUT", lake.host, f"/{bucket}/{key}", query), lake.keys)
        return made.with_headers(*sent).replaced(body=content).send(lake.address)

    return send


@pytest.mark.parametrize("length", [0, 6, 300_000])
def test_what_a_link_says_is_stored(put, s3, bucket, length):
    content = body(length)
    query = [
        ("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD"),
        ("x-amz-acl", "private"),
        ("x-amz-meta-name", "two words & a %"),
        ("X-Amz-Meta-Other", "é"),
        ("x-amz-server-side-encryption", "AES256"),
        ("x-amz-storage-class", "STANDARD"),
        ("x-amz-tagging", "a=1&b=x%20y"),
        ("x-amz-website-redirect-location", "/elsewhere"),
        ("x-id", "PutObject"),
    ]
    answer = put(query, content, sent=[("Content-Type", "a/b")])
    assert answer.status == 200, answer.body
    assert answer.headers["etag"] == f'"{hashlib.md5(content).hexdigest()}"'
    told = s3.get_object(Bucket=bucket, Key="k")
    assert told["Body"].read() == content and told["ContentType"] == "a/b"
    assert told["Metadata"]["name"] == "two words & a %" and told["Metadata"]["other"]
    assert told["WebsiteRedirectLocation"] == "/elsewhere"
    tags = s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"]
    assert tags == [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "x y"}]


def test_a_checksum_that_was_meant_is_verified(put, s3, bucket):
    right = ("x-amz-checksum-sha256", digests.text("SHA256", b"linked"))
    assert put([right, ("x-amz-sdk-checksum-algorithm", "SHA256")]).status == 200
    told = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert told["ChecksumSHA256"] == right[1]
    answer = put([right], content=b"something else", key="other")
    assert (answer.status, answer.code) == (400, "BadDigest")


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
def test_a_checksum_of_nothing_means_nothing(put, s3, bucket, algorithm):
    """The SDK for JavaScript computes it where there is no body yet."""
    query = [
        (f"x-amz-checksum-{algorithm.lower()}", digests.text(algorithm, b"")),
        ("x-amz-sdk-checksum-algorithm", algorithm),
    ]
    assert put(query).status == 200
    assert fetch(s3, bucket, "k") == b"linked"


def test_a_header_that_is_signed_and_hoisted_alike(lake, s3, bucket):
    made = request("PUT", lake.host, f"/{bucket}/k", [("x-amz-meta-a", "1")], [("x-amz-meta-a", "1")])
    made = presigned(made, lake.keys, names=("host", "x-amz-meta-a"))
    assert made.replaced(body=b"x").send(lake.address).status == 200
    assert s3.head_object(Bucket=bucket, Key="k")["Metadata"] == {"a": "1"}


def test_a_link_for_a_copy(lake, s3, bucket):
    s3.put_object(Bucket=bucket, Key="source", Body=b"copied", Metadata={"of": "the source"})
    query = [
        ("x-amz-copy-source", f"{bucket}/source"),
        ("x-amz-metadata-directive", "REPLACE"),
        ("x-amz-meta-of", "the link"),
    ]
    made = presigned(request("PUT", lake.host, f"/{bucket}/copy", query), lake.keys)
    assert made.send(lake.address).status == 200
    told = s3.get_object(Bucket=bucket, Key="copy")
    assert (told["Body"].read(), told["Metadata"]) == (b"copied", {"of": "the link"})


def test_links_for_an_upload(lake, s3, bucket):
    """Started, filled and completed by links alone."""
    send = lambda method, query, content=b"": presigned(
        request(method, lake.host, f"/{bucket}/k", query), lake.keys
    ).replaced(body=content).send(lake.address)
    started = send("POST", [("uploads", None), ("x-amz-meta-a", "1"), ("x-amz-checksum-algorithm", "CRC32")])
    upload = started.field("UploadId")
    assert started.headers["x-amz-checksum-algorithm"] == "CRC32"
    part = send("PUT", [("uploadId", upload), ("partNumber", 1)], b"a part")
    named = f"<Part><ETag>{part.headers['etag']}</ETag><PartNumber>1</PartNumber></Part>"
    document = f"<CompleteMultipartUpload>{named}</CompleteMultipartUpload>"
    wrong = send("POST", [("uploadId", upload), ("x-amz-mp-object-size", 7)], document.encode())
    assert (wrong.status, wrong.code) == (400, "InvalidRequest")
    assert send("POST", [("uploadId", upload), ("x-amz-mp-object-size", 6)], document.encode()).status == 200
    told = s3.get_object(Bucket=bucket, Key="k")
    assert (told["Body"].read(), told["Metadata"]) == (b"a part", {"a": "1"})


def test_a_document_by_a_link_is_verified(lake, s3, bucket):
    document = b"<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag></TagSet></Tagging>"
    for content, status in ((document, 200), (document.replace(b"1", b"2"), 400)):
        query = [("tagging", None), ("x-amz-checksum-crc32", digests.text("CRC32", document))]
        made = presigned(request("PUT", lake.host, f"/{bucket}", query), lake.keys)
        assert made.replaced(body=content).send(lake.address).status == status
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == [{"Key": "a", "Value": "1"}]


def test_a_link_for_reading(lake, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"content", ChecksumAlgorithm="CRC32")
    query = [("x-amz-checksum-mode", "ENABLED"), ("response-content-type", "text/x-chosen"), ("x-id", "GetObject")]
    made = presigned(request("GET", lake.host, f"/{bucket}/k", query), lake.keys)
    answer = made.send(lake.address)
    assert (answer.status, answer.body) == (200, b"content")
    assert answer.headers["content-type"] == "text/x-chosen"
    assert answer.headers["x-amz-checksum-crc32"] == digests.text("CRC32", b"content")
    plain = presigned(request("GET", lake.host, f"/{bucket}/k"), lake.keys)
    assert "x-amz-checksum-crc32" not in plain.send(lake.address).headers


def test_a_signed_range_that_s3_ignores(lake, s3, bucket):
    """A link that signs a range which cannot be read gives the whole object."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"content")
    for given, expected in (("bytes=0-1", b"co"), ("bytes=5-2", b"content"), ("lines=1-2", b"content")):
        made = request("GET", lake.host, f"/{bucket}/k", headers=[("Range", given)])
        assert presigned(made, lake.keys, names=("host", "range")).send(lake.address).body == expected


def test_parameters_mean_nothing_without_a_signature(lake, bucket):
    made = request("PUT", lake.host, f"/{bucket}/k", [("x-amz-acl", "private")])
    answer = made.replaced(body=b"x").send(lake.address)
    assert (answer.status, answer.code) == (403, "AccessDenied")
