"""aws-cli as people use it."""

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from answers import MIB, body, fetch, keys_of, new_bucket

AWS = Path(sys.executable).with_name("aws")


@pytest.fixture
def aws(lake, tmp_path):
    """Runs `aws …` and returns what it prints."""
    if not AWS.exists():
        pytest.skip("aws-cli is not installed beside this Python")

    def run(*arguments, fails=False):
        (tmp_path / "config").write_text("[default]\ns3 =\n  signature_version = s3v4\n")
        environment = {
            "AWS_CONFIG_FILE": str(tmp_path / "config"),
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "AWS_ENDPOINT_URL": lake.endpoint,
            "AWS_ACCESS_KEY_ID": lake.keys.access,
            "AWS_SECRET_ACCESS_KEY": lake.keys.secret,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_MAX_ATTEMPTS": "1",
            "AWS_PAGER": "",
            "LC_ALL": "C.UTF-8",
        }
        done = subprocess.run(
            [AWS, *map(str, arguments)], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60
        )
        assert (done.returncode != 0) == fails, done.stderr
        return done.stderr if fails else done.stdout

    return run


def test_s3_commands(aws, s3, tmp_path):
    name = new_bucket(s3) + "-cli"
    large, small = body(20 * MIB), b"small"
    (tmp_path / "large").write_bytes(large)
    (tmp_path / "small.txt").write_bytes(small)
    assert name in aws("s3", "mb", f"s3://{name}")
    assert name in aws("s3", "ls")
    aws("s3", "cp", "small.txt", f"s3://{name}/dir/small ü.txt", "--metadata", "a=1")
    assert s3.head_object(Bucket=name, Key="dir/small ü.txt")["ContentType"] == "text/plain"
    aws("s3", "cp", "large", f"s3://{name}/large")
    head = s3.head_object(Bucket=name, Key="large")
    assert head["ContentLength"] == len(large) and head["ETag"].endswith('-3"')
    aws("s3", "cp", f"s3://{name}/large", "back")
    assert (tmp_path / "back").read_bytes() == large
    listed = aws("s3", "ls", f"s3://{name}/", "--recursive", "--summarize")
    assert "dir/small ü.txt" in listed and "Total Objects: 2" in listed and f"Total Size: {len(large) + 5}" in listed
    assert "PRE dir/" in aws("s3", "ls", f"s3://{name}")
    aws("s3", "mv", f"s3://{name}/large", f"s3://{name}/moved")
    assert keys_of(s3.list_objects_v2(Bucket=name)) == ["dir/small ü.txt", "moved"]
    assert fetch(s3, name, "moved") == large
    link = aws("s3", "presign", f"s3://{name}/dir/small ü.txt").strip()
    assert urllib.request.urlopen(link).read() == small
    assert "NoSuchKey" in aws("s3", "cp", f"s3://{name}/none", "none", fails=True) or "404" in aws(
        "s3", "cp", f"s3://{name}/none", "none", fails=True
    )
    assert "BucketNotEmpty" in aws("s3", "rb", f"s3://{name}", fails=True)
    aws("s3", "rb", f"s3://{name}", "--force")
    assert name not in [entry["Name"] for entry in s3.list_buckets()["Buckets"]]


def test_s3_sync(aws, s3, bucket, tmp_path):
    tree = {"a": b"1", "a b/c+d": b"2", "deep/er/est": body(100_000), "ü": b""}
    for name, content in tree.items():
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, (1_700_000_000, 1_700_000_000))  # S3's times are whole seconds: not in the one it is sent in
    aws("s3", "sync", "tree", f"s3://{bucket}/t")
    assert {key: fetch(s3, bucket, key) for key in keys_of(s3.list_objects_v2(Bucket=bucket))} == {
        f"t/{name}": content for name, content in tree.items()
    }
    assert aws("s3", "sync", "tree", f"s3://{bucket}/t") == "", "nothing changed, so nothing is sent"
    (tmp_path / "tree" / "a").unlink()
    assert "delete" in aws("s3", "sync", "tree", f"s3://{bucket}/t", "--delete")
    aws("s3", "sync", f"s3://{bucket}/t", "back")
    found = {
        str(path.relative_to(tmp_path / "back")): path.read_bytes()
        for path in (tmp_path / "back").rglob("*")
        if path.is_file()
    }
    assert found == {name: content for name, content in tree.items() if name != "a"}
    aws("s3", "rm", f"s3://{bucket}/", "--recursive")
    assert keys_of(s3.list_objects_v2(Bucket=bucket)) == []


def test_s3api(aws, s3, bucket, tmp_path):
    (tmp_path / "file").write_bytes(b"content")
    aws("s3api", "put-bucket-versioning", "--bucket", bucket, "--versioning-configuration", "Status=Enabled")
    place = ["--bucket", bucket, "--key", "k"]
    told = json.loads(
        aws("s3api", "put-object", *place, "--body", "file", "--checksum-algorithm", "SHA256", "--tagging", "a=b")
    )
    assert told["VersionId"] and told["ChecksumSHA256"]
    got = json.loads(aws("s3api", "get-object", *place, "--checksum-mode", "ENABLED", "--range", "bytes=0-2", "got"))
    assert (tmp_path / "got").read_bytes() == b"con" and got["ContentRange"] == "bytes 0-2/7"
    tags = json.loads(aws("s3api", "get-object-tagging", *place))["TagSet"]
    assert tags == [{"Key": "a", "Value": "b"}]
    aws("s3api", "delete-object", *place)
    versions = json.loads(aws("s3api", "list-object-versions", "--bucket", bucket))
    assert len(versions["Versions"]) == 1 and versions["DeleteMarkers"][0]["IsLatest"] is True
    assert "PreconditionFailed" not in aws("s3api", "put-object", *place, "--body", "file", "--if-none-match", "*")
    assert "PreconditionFailed" in aws(
        "s3api", "put-object", *place, "--body", "file", "--if-none-match", "*", fails=True
    )
