"""What answers must look like, in words short enough for a table."""

import contextlib
import hashlib
import random
import secrets

import pytest
from botocore.exceptions import ClientError

MIB = 1 << 20
PART_BYTES_MIN = 5 * MIB


def body(length, seed=0):
    """Bytes without any pattern, the same for the same seed."""
    return random.Random(seed).randbytes(length)


def etag(content):
    """The entity tag of an object put whole, with its quotes."""
    return f'"{hashlib.md5(content).hexdigest()}"'


def multipart_etag(*parts):
    digests = b"".join(hashlib.md5(part).digest() for part in parts)
    return f'"{hashlib.md5(digests).hexdigest()}-{len(parts)}"'


@contextlib.contextmanager
def refused(status, *codes):
    """The call inside is answered with this status and one of these codes, or any code where none is named."""
    with pytest.raises(ClientError) as caught:
        yield caught
    told = caught.value.response
    assert told["ResponseMetadata"]["HTTPStatusCode"] == status, told
    assert not codes or told["Error"]["Code"] in codes, told


@contextlib.contextmanager
def refused_with(*pairs):
    """The call inside is answered with one of these pairs of status and code."""
    with pytest.raises(ClientError) as caught:
        yield caught
    told = caught.value.response
    assert (told["ResponseMetadata"]["HTTPStatusCode"], told["Error"]["Code"]) in pairs, told


# AWS says the first, Ceph's suite expects the second.
NO_SUCH_PART = (416, "InvalidPartNumber"), (400, "InvalidPart")


def fetch(s3, bucket, key, **options):
    return s3.get_object(Bucket=bucket, Key=key, **options)["Body"].read()


def status(answer):
    return answer["ResponseMetadata"]["HTTPStatusCode"]


def headers(answer):
    return answer["ResponseMetadata"]["HTTPHeaders"]


def keys_of(answer, what="Contents"):
    return [entry["Key"] for entry in answer.get(what, [])]


def outcome(call, *arguments, **options):
    """`"ok"`, or the S3 code of the refusal: for races, where either may be right."""
    try:
        call(*arguments, **options)
        return "ok"
    except ClientError as error:
        return error.response["Error"]["Code"]


def new_bucket(s3, prefix="test", versioning=None):
    name = f"{prefix}-{secrets.token_hex(6)}"
    s3.create_bucket(Bucket=name)
    if versioning:
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": versioning})
    return name
