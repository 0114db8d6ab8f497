"""s3cmd, which speaks S3 without any SDK of AWS."""

import urllib.error
import urllib.request

import pytest

from answers import fetch, keys_of
from conftest import files_under


@pytest.fixture
def s3cmd(run, lake, tmp_path):
    (tmp_path / ".s3cfg").write_text(
        f"""[default]
access_key = {lake.keys.access}
secret_key = {lake.keys.secret}
host_base = {lake.host}
host_bucket = {lake.host}
use_https = False
multipart_chunk_size_mb = 5
max_retries = 1
"""
    )
    return lambda *arguments, **options: run("s3cmd", "--no-progress", *arguments, **options)


def test_files_one_by_one(s3cmd, s3, bucket, large, tmp_path):
    (tmp_path / "small").write_bytes(b"small")
    s3cmd("put", "small", f"s3://{bucket}/dir/small ü", "--add-header=Cache-Control: no-store", "--mime-type=text/x-a")
    head = s3.head_object(Bucket=bucket, Key="dir/small ü")
    assert (head["ContentType"], head["CacheControl"]) == ("text/x-a", "no-store")
    s3cmd("put", large, f"s3://{bucket}/large")
    assert s3.head_object(Bucket=bucket, Key="large")["ETag"].endswith('-4"')
    s3cmd("get", f"s3://{bucket}/large", "back")
    assert (tmp_path / "back").read_bytes() == large.read_bytes()
    listed = s3cmd("ls", "--recursive", f"s3://{bucket}")
    assert "dir/small ü" in listed and str(large.stat().st_size) in listed
    assert "DIR" in s3cmd("ls", f"s3://{bucket}")
    s3cmd("cp", f"s3://{bucket}/large", f"s3://{bucket}/copied")
    s3cmd("mv", f"s3://{bucket}/dir/small ü", f"s3://{bucket}/moved")
    assert keys_of(s3.list_objects_v2(Bucket=bucket)) == ["copied", "large", "moved"]
    assert fetch(s3, bucket, "copied") == large.read_bytes()
    assert "text/x-a" in s3cmd("info", f"s3://{bucket}/moved")
    s3cmd("modify", "--add-header=x-amz-meta-kind: grain", f"s3://{bucket}/moved")
    assert s3.head_object(Bucket=bucket, Key="moved")["Metadata"]["kind"] == "grain"
    s3cmd("del", f"s3://{bucket}/copied", f"s3://{bucket}/large")
    assert keys_of(s3.list_objects_v2(Bucket=bucket)) == ["moved"]
    assert "does not exist" in s3cmd("get", f"s3://{bucket}/none", "none", fails=True)


def test_sync_both_ways(s3cmd, s3, bucket, tree, tmp_path):
    s3cmd("sync", "tree/", f"s3://{bucket}/t/")
    assert {key: fetch(s3, bucket, key) for key in keys_of(s3.list_objects_v2(Bucket=bucket))} == {
        f"t/{name}": content for name, content in tree.items()
    }
    assert "upload:" not in s3cmd("sync", "tree/", f"s3://{bucket}/t/"), "nothing changed, so nothing is sent"
    (tmp_path / "tree" / "a").unlink()
    s3cmd("sync", "--delete-removed", "tree/", f"s3://{bucket}/t/")
    (tmp_path / "back").mkdir()
    s3cmd("sync", f"s3://{bucket}/t/", "back/")
    assert files_under(tmp_path / "back") == {name: content for name, content in tree.items() if name != "a"}


def test_buckets_links_and_tags(s3cmd, s3, bucket):
    other = f"{bucket}-other"
    s3cmd("mb", f"s3://{other}")
    assert other in s3cmd("ls")
    s3.put_object(Bucket=other, Key="k", Body=b"linked")
    # Its links are of signature version 2, which new regions of AWS refuse as well.
    with pytest.raises(urllib.error.HTTPError, match="400"):
        urllib.request.urlopen(s3cmd("signurl", f"s3://{other}/k", "+600").strip())
    s3cmd("settagging", f"s3://{other}/k", "kind=grain")
    assert "grain" in s3cmd("gettagging", f"s3://{other}/k")
    assert "6" in s3cmd("du", f"s3://{other}")
    s3cmd("del", "--recursive", "--force", f"s3://{other}")
    s3cmd("rb", f"s3://{other}")
    assert other not in s3cmd("ls")


def test_uploads_are_listed_and_aborted(s3cmd, s3, bucket):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    assert upload in s3cmd("multipart", f"s3://{bucket}")
    s3cmd("abortmp", f"s3://{bucket}/k", upload)
    assert upload not in s3cmd("multipart", f"s3://{bucket}")
