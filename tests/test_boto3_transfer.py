"""boto3's transfer manager with its own defaults: large files in parts, in parallel, with checksums."""

import hashlib
import io

import pytest
from boto3.s3.transfer import TransferConfig

from answers import MIB, body, keys_of

LENGTH = 64 * MIB + 123


@pytest.fixture(scope="module")
def content():
    return body(LENGTH)


@pytest.fixture
def file(tmp_path, content):
    path = tmp_path / "large"
    path.write_bytes(content)
    return path


def test_a_file_up_and_down(s3, bucket, file, tmp_path, content):
    s3.upload_file(str(file), bucket, "k", ExtraArgs={"Metadata": {"a": "1"}})
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert head["ContentLength"] == LENGTH and head["Metadata"] == {"a": "1"}
    assert head["ETag"].endswith('-9"') and head["ChecksumCRC32"].endswith("-9") == (
        head["ChecksumType"] == "COMPOSITE"
    )
    s3.download_file(bucket, "k", str(tmp_path / "back"))
    assert hashlib.sha256((tmp_path / "back").read_bytes()).digest() == hashlib.sha256(content).digest()
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


@pytest.mark.parametrize("algorithm", ["SHA256", "CRC64NVME"])
def test_with_a_checksum_of_choice(s3, bucket, content, algorithm):
    config = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB, max_concurrency=4)
    piece = content[: 12 * MIB]
    s3.upload_fileobj(io.BytesIO(piece), bucket, "k", ExtraArgs={"ChecksumAlgorithm": algorithm}, Config=config)
    assert s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")[f"Checksum{algorithm}"]
    back = io.BytesIO()
    s3.download_fileobj(bucket, "k", back, Config=config)
    assert back.getvalue() == piece


def test_a_managed_copy_in_parts(s3, bucket, content):
    config = TransferConfig(multipart_threshold=8 * MIB, multipart_chunksize=8 * MIB)
    s3.put_object(Bucket=bucket, Key="from", Body=content[: 20 * MIB])
    s3.copy({"Bucket": bucket, "Key": "from"}, bucket, "to", Config=config)
    assert s3.head_object(Bucket=bucket, Key="to")["ETag"].endswith('-3"')
    assert s3.get_object(Bucket=bucket, Key="to")["Body"].read() == content[: 20 * MIB]


def test_small_files_go_in_one_piece(s3, bucket):
    s3.upload_fileobj(io.BytesIO(b"small"), bucket, "k")
    assert "-" not in s3.head_object(Bucket=bucket, Key="k")["ETag"]
    assert keys_of(s3.list_objects_v2(Bucket=bucket)) == ["k"]
