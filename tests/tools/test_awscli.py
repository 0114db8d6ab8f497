"""aws-cli as people use it."""

import json
import os
import urllib.request

import pytest

from answers import MIB, body, fetch, keys_of, new_bucket


@pytest.fixture
def aws(run, tmp_path):
    """Runs `aws …` and returns what it prints."""
    (tmp_path / "config").write_text("[default]\ns3 =\n  signature_version = s3v4\n")
    environment = {"AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_PAGER": ""}
    return lambda *arguments, **options: run("aws", *arguments, **(environment | options))


@pytest.fixture
def api(aws):
    """Runs `aws s3api …` and returns its answer."""

    def call(*arguments, **options):
        told = aws("s3api", *arguments, **options)
        return json.loads(told) if told and not options.get("fails") else told

    return call


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


def test_streams_filters_and_links(aws, s3, bucket, tmp_path):
    content = body(9 * MIB)
    aws("s3", "cp", "-", f"s3://{bucket}/piped", stdin=content)
    assert s3.head_object(Bucket=bucket, Key="piped")["ETag"].endswith('-2"')
    (tmp_path / "tree").mkdir()
    for name in ("a.txt", "b.txt", "c.bin"):
        (tmp_path / "tree" / name).write_bytes(name.encode())
    aws("s3", "cp", "tree", f"s3://{bucket}/t", "--recursive", "--exclude", "*", "--include", "*.txt")
    aws("s3", "mv", "tree/c.bin", f"s3://{bucket}/t/c.bin", "--checksum-algorithm", "CRC64NVME")
    assert not (tmp_path / "tree" / "c.bin").exists()
    assert keys_of(s3.list_objects_v2(Bucket=bucket, Prefix="t/")) == ["t/a.txt", "t/b.txt", "t/c.bin"]
    aws("s3", "rm", f"s3://{bucket}/t", "--recursive", "--exclude", "*.bin")
    assert keys_of(s3.list_objects_v2(Bucket=bucket)) == ["piped", "t/c.bin"]
    link = aws("s3", "presign", f"s3://{bucket}/t/c.bin", "--expires-in", "60").strip()
    assert urllib.request.urlopen(link).read() == b"c.bin"
    assert aws("s3", "cp", f"s3://{bucket}/t/c.bin", "-") == "c.bin"


PLACE = ["--key", "k"]


def test_versions_and_conditions(api, bucket, tmp_path):
    (tmp_path / "file").write_bytes(b"content")
    api("put-bucket-versioning", "--bucket", bucket, "--versioning-configuration", "Status=Enabled")
    place = ["--bucket", bucket, *PLACE]
    told = api("put-object", *place, "--body", "file", "--checksum-algorithm", "SHA256", "--tagging", "a=b")
    assert told["VersionId"] and told["ChecksumSHA256"]
    got = api("get-object", *place, "--checksum-mode", "ENABLED", "--range", "bytes=0-2", "got")
    assert (tmp_path / "got").read_bytes() == b"con" and got["ContentRange"] == "bytes 0-2/7"
    assert api("get-object-tagging", *place)["TagSet"] == [{"Key": "a", "Value": "b"}]
    assert "PreconditionFailed" in api("put-object", *place, "--body", "file", "--if-none-match", "*", fails=True)
    assert "PreconditionFailed" in api("put-object", *place, "--body", "file", "--if-match", '"x"', fails=True)
    api("put-object", *place, "--body", "file", "--if-match", told["ETag"])
    api("delete-object", *place)
    versions = api("list-object-versions", "--bucket", bucket)
    assert len(versions["Versions"]) == 2 and versions["DeleteMarkers"][0]["IsLatest"] is True
    api("put-object", *place, "--body", "file", "--if-none-match", "*")
    assert api("head-object", *place, "--version-id", told["VersionId"])["ContentLength"] == 7
    api("delete-object", *place, "--version-id", told["VersionId"])
    assert "404" in api("head-object", *place, "--version-id", told["VersionId"], fails=True)


def test_an_upload_by_hand(api, bucket, tmp_path):
    (tmp_path / "first").write_bytes(body(5 * MIB))
    (tmp_path / "last").write_bytes(b"end")
    place = ["--bucket", bucket, *PLACE]
    upload = ["--upload-id", api("create-multipart-upload", *place, "--checksum-algorithm", "CRC32C")["UploadId"]]
    parts = []
    for number, name in enumerate(["first", "last"], 1):
        options = ["--part-number", number, "--body", name, "--checksum-algorithm", "CRC32C"]
        told = api("upload-part", *place, *upload, *options)
        parts.append({"PartNumber": number, "ETag": told["ETag"], "ChecksumCRC32C": told["ChecksumCRC32C"]})
    assert len(api("list-parts", *place, *upload)["Parts"]) == 2
    assert api("list-multipart-uploads", "--bucket", bucket)["Uploads"][0]["Key"] == "k"
    told = api("complete-multipart-upload", *place, *upload, "--multipart-upload", json.dumps({"Parts": parts}))
    assert told["ETag"].endswith('-2"') and told["ChecksumCRC32C"].endswith("-2")
    attributes = api("get-object-attributes", *place, "--object-attributes", "ObjectParts", "ObjectSize")
    assert attributes["ObjectSize"] == 5 * MIB + 3 and attributes["ObjectParts"]["TotalPartsCount"] == 2


def test_pages_copies_and_deletions(api, s3, bucket):
    for number in range(7):
        s3.put_object(Bucket=bucket, Key=f"k{number}", Body=b"x")
    page = api("list-objects-v2", "--bucket", bucket, "--max-items", "3", "--page-size", "2")
    assert keys_of(page) == ["k0", "k1", "k2"]
    rest = api("list-objects-v2", "--bucket", bucket, "--starting-token", page["NextToken"])
    assert keys_of(rest) == ["k3", "k4", "k5", "k6"]
    replaced = ["--metadata", "a=1", "--metadata-directive", "REPLACE"]
    told = api("copy-object", "--bucket", bucket, "--key", "copy", "--copy-source", f"{bucket}/k0", *replaced)
    assert told["CopyObjectResult"]["ETag"]
    assert api("head-object", "--bucket", bucket, "--key", "copy")["Metadata"] == {"a": "1"}
    api("wait", "object-exists", "--bucket", bucket, "--key", "copy")
    doomed = {"Objects": [{"Key": f"k{number}"} for number in range(7)], "Quiet": False}
    assert len(api("delete-objects", "--bucket", bucket, "--delete", json.dumps(doomed))["Deleted"]) == 7
    assert keys_of(s3.list_objects_v2(Bucket=bucket)) == ["copy"]
    api("put-bucket-tagging", "--bucket", bucket, "--tagging", "TagSet=[{Key=a,Value=b}]")
    assert api("get-bucket-tagging", "--bucket", bucket)["TagSet"] == [{"Key": "a", "Value": "b"}]
    assert api("get-bucket-location", "--bucket", bucket)["LocationConstraint"] is None
