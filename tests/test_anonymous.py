"""Requests that nobody signed, at a bucket that is private as all are: refused, and none the wiser for it."""

import hashlib
import urllib.error
import urllib.request

import pytest

import digests
from answers import fetch
from sigv4 import Request

DELETE = b"<Delete><Object><Key>{key}</Key></Object></Delete>"
TAGGING = b"<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag></TagSet></Tagging>"
VERSIONING = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
COMPLETE = b"<CompleteMultipartUpload><Part><ETag>x</ETag><PartNumber>1</PartNumber></Part></CompleteMultipartUpload>"
CORS = b"<CORSConfiguration><CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>*</AllowedOrigin></CORSRule></CORSConfiguration>"
WEBSITE = b"<WebsiteConfiguration><IndexDocument><Suffix>i</Suffix></IndexDocument></WebsiteConfiguration>"

# Operations on a bucket: method, query, body.
BUCKET = {
    "HeadBucket": ("HEAD", ""),
    "ListObjects": ("GET", ""),
    "ListObjectsV2": ("GET", "list-type=2&prefix=k"),
    "ListObjectVersions": ("GET", "versions"),
    "ListMultipartUploads": ("GET", "uploads"),
    "GetBucketLocation": ("GET", "location"),
    "GetBucketVersioning": ("GET", "versioning"),
    "PutBucketVersioning": ("PUT", "versioning", VERSIONING),
    "GetBucketTagging": ("GET", "tagging"),
    "PutBucketTagging": ("PUT", "tagging", TAGGING),
    "DeleteBucketTagging": ("DELETE", "tagging"),
    "GetBucketAcl": ("GET", "acl"),
    "GetBucketEncryption": ("GET", "encryption"),
    "GetBucketRequestPayment": ("GET", "requestPayment"),
    "GetBucketCors": ("GET", "cors"),
    "PutBucketCors": ("PUT", "cors", CORS),
    "DeleteBucketCors": ("DELETE", "cors"),
    "GetBucketWebsite": ("GET", "website"),
    "PutBucketWebsite": ("PUT", "website", WEBSITE),
    "DeleteBucketWebsite": ("DELETE", "website"),
    "DeleteBucket": ("DELETE", ""),
}
# Operations on an object.
OBJECT = {
    "HeadObject": ("HEAD", ""),
    "GetObject": ("GET", ""),
    "GetObject, a version": ("GET", "versionId=null"),
    "GetObject, a part": ("GET", "partNumber=1"),
    "PutObject": ("PUT", "", b"overwritten"),
    "CopyObject": ("PUT", "", b"", ("x-amz-copy-source", "{bucket}/k")),
    "DeleteObject": ("DELETE", ""),
    "DeleteObject, a version": ("DELETE", "versionId=null"),
    "GetObjectAcl": ("GET", "acl"),
    "GetObjectAttributes": ("GET", "attributes", b"", ("x-amz-object-attributes", "ETag")),
    "GetObjectTagging": ("GET", "tagging"),
    "PutObjectTagging": ("PUT", "tagging", TAGGING),
    "DeleteObjectTagging": ("DELETE", "tagging"),
    "CreateMultipartUpload": ("POST", "uploads"),
    "UploadPart": ("PUT", "partNumber=1&uploadId={upload}", b"part"),
    "UploadPartCopy": ("PUT", "partNumber=1&uploadId={upload}", b"", ("x-amz-copy-source", "{bucket}/k")),
    "ListParts": ("GET", "uploadId={upload}"),
    "CompleteMultipartUpload": ("POST", "uploadId={upload}", COMPLETE),
    "AbortMultipartUpload": ("DELETE", "uploadId={upload}"),
}


@pytest.fixture(scope="module")
def kept(lake, module_bucket):
    """A bucket with an object, tags and an upload, and what an owner sees of it."""
    s3 = lake.client()
    s3.put_object(Bucket=module_bucket, Key="k", Body=b"there", Tagging="a=b")
    upload = s3.create_multipart_upload(Bucket=module_bucket, Key="k")["UploadId"]
    see = lambda: (
        fetch(s3, module_bucket, "k"),
        s3.list_object_versions(Bucket=module_bucket)["Versions"],
        s3.list_parts(Bucket=module_bucket, Key="k", UploadId=upload).get("Parts"),
        s3.get_object_tagging(Bucket=module_bucket, Key="k")["TagSet"],
        [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]],
    )
    before = see()
    yield module_bucket, upload
    assert see() == before


@pytest.fixture(scope="module")
def module_bucket(lake):
    name = "anonymous-" + hashlib.sha256(str(lake.pid).encode()).hexdigest()[:12]
    lake.client().create_bucket(Bucket=name)
    return name


def ask(lake, path, method, query, body=b"", *headers):
    query = [tuple((pair.split("=") + [None])[:2]) for pair in query.split("&") if pair]
    answer = Request(method, path, query, [("Host", lake.host), *headers], body).send(lake.address)
    return answer.status, None if method == "HEAD" else answer.code


def filled(operation, **names):
    """The operation with the names of what it is done to."""
    method, query, body, *headers = [*operation, b""] if len(operation) == 2 else operation
    headers = [(name, value.format(**names)) for name, value in headers]
    return method, query.format(**names), body, *headers


def refused(method, status, code):
    return status, None if method == "HEAD" else code


@pytest.mark.parametrize("operation", BUCKET.values(), ids=BUCKET)
def test_operations_on_buckets(lake, kept, operation):
    bucket, upload = kept
    asked = filled(operation)
    assert ask(lake, f"/{bucket}", *asked) == refused(asked[0], 403, "AccessDenied")
    assert ask(lake, "/no-such-bucket-at-all", *asked) == refused(asked[0], 404, "NoSuchBucket")


@pytest.mark.parametrize("operation", OBJECT.values(), ids=OBJECT)
def test_operations_on_objects(lake, kept, operation):
    """The same whether the object is there or not."""
    bucket, upload = kept
    asked = filled(operation, bucket=bucket, upload=upload)
    for key in ("k", "absent"):
        assert ask(lake, f"/{bucket}/{key}", *asked) == refused(asked[0], 403, "AccessDenied"), key
    assert ask(lake, "/no-such-bucket-at-all/k", *asked) == refused(asked[0], 404, "NoSuchBucket")


def test_conditions_are_not_told(lake, kept):
    """Whether an entity tag is the right one is nobody's business."""
    bucket, _ = kept
    right, wrong = f'"{hashlib.md5(b"there").hexdigest()}"', f'"{"0" * 32}"'
    for method in ("GET", "HEAD", "PUT", "DELETE"):
        for header in ("If-Match", "If-None-Match"):
            for value in (right, wrong, "*"):
                told = ask(lake, f"/{bucket}/k", method, "", b"x" if method == "PUT" else b"", (header, value))
                assert told[0] == 403, (method, header, value)


def test_many_deletions(lake, kept):
    bucket, _ = kept
    answers = []
    for key in ("k", "absent"):
        document = DELETE.replace(b"{key}", key.encode())
        made = Request("POST", f"/{bucket}", [("delete", None)], [("Host", lake.host)], document)
        answer = made.with_headers(("Content-MD5", digests.md5(document))).send(lake.address)
        assert answer.code == "AccessDenied"
        answers.append(answer.status)
    assert answers[0] == answers[1]


@pytest.mark.parametrize("path, method", [("/", "GET"), ("/made-by-nobody", "PUT")])
def test_the_lake_itself(lake, kept, path, method):
    assert ask(lake, path, method, "") == (403, "AccessDenied")


def test_a_bucket_of_another_cannot_be_made_again(lake, kept):
    bucket, _ = kept
    assert ask(lake, f"/{bucket}", "PUT", "") == (403, "AccessDenied")


def test_an_unsigned_chunked_body(lake, kept):
    bucket, _ = kept
    headers = [("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"), ("x-amz-decoded-content-length", "1")]
    assert ask(lake, f"/{bucket}/k", "PUT", "", b"1\r\nx\r\n0\r\n\r\n", *headers) == (403, "AccessDenied")


def test_as_browsers_ask(lake, kept):
    bucket, _ = kept
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{lake.endpoint}/{bucket}/k?response-content-type=text/html")
    assert caught.value.code in (400, 403) and b"there" not in caught.value.read()
