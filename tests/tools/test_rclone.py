"""rclone: directories up and down, compared, moved and removed."""

import json

import pytest

from answers import fetch, keys_of
from conftest import files_under


@pytest.fixture
def rclone(run, lake):
    remote = {
        "RCLONE_CONFIG_LAKE_TYPE": "s3",
        "RCLONE_CONFIG_LAKE_PROVIDER": "Other",
        "RCLONE_CONFIG_LAKE_ENDPOINT": lake.endpoint,
        "RCLONE_CONFIG_LAKE_ACCESS_KEY_ID": lake.keys.access,
        "RCLONE_CONFIG_LAKE_SECRET_ACCESS_KEY": lake.keys.secret,
        "RCLONE_CONFIG_LAKE_REGION": "us-east-1",
        "RCLONE_RETRIES": "1",
        "RCLONE_LOW_LEVEL_RETRIES": "1",
    }
    return lambda *arguments, **options: run("rclone", *arguments, **(remote | options))


def test_a_tree_up_down_and_compared(rclone, s3, bucket, tree, tmp_path):
    rclone("copy", "tree", f"lake:{bucket}/t")
    assert {key: fetch(s3, bucket, key) for key in keys_of(s3.list_objects_v2(Bucket=bucket))} == {
        f"t/{name}": content for name, content in tree.items()
    }
    rclone("check", "tree", f"lake:{bucket}/t")
    rclone("copy", f"lake:{bucket}/t", "back")
    assert files_under(tmp_path / "back") == tree
    assert (tmp_path / "back" / "a").stat().st_mtime == 1_700_000_000
    assert json.loads(rclone("size", "--json", f"lake:{bucket}"))["count"] == len(tree)
    assert rclone("lsf", f"lake:{bucket}/t").split("\n")[:2] == ["100%", "a"]


def test_sync_sends_and_removes_what_differs(rclone, bucket, tree, tmp_path):
    rclone("sync", "tree", f"lake:{bucket}")
    (tmp_path / "tree" / "a").write_bytes(b"changed")
    (tmp_path / "tree" / "100%").unlink()
    told = rclone("sync", "tree", f"lake:{bucket}", "--dry-run", "--use-json-log", "-v", "--stats", "0")
    rclone("sync", "tree", f"lake:{bucket}")
    assert told == ""
    assert rclone("cat", f"lake:{bucket}/a") == "changed"
    assert "100%" not in rclone("lsf", f"lake:{bucket}")


def test_a_large_file_in_parts(rclone, s3, bucket, large, tmp_path):
    rclone("copy", large, f"lake:{bucket}", "--s3-upload-cutoff", "5M", "--s3-chunk-size", "5M")
    assert s3.head_object(Bucket=bucket, Key="large")["ETag"].endswith('-4"')
    rclone("moveto", f"lake:{bucket}/large", f"lake:{bucket}/moved")
    rclone("copyto", f"lake:{bucket}/moved", f"lake:{bucket}/copied", "--s3-copy-cutoff", "5M")
    assert keys_of(s3.list_objects_v2(Bucket=bucket)) == ["copied", "moved"]
    rclone("check", "--download", "--one-way", f"lake:{bucket}/copied", f"lake:{bucket}")
    rclone("copyto", f"lake:{bucket}/copied", "back", "--multi-thread-cutoff", "1M", "--multi-thread-streams", "4")
    assert (tmp_path / "back").read_bytes() == large.read_bytes()
    assert rclone("cat", f"lake:{bucket}/moved", "--offset", "10", "--count", "0") == ""


def test_streams_links_and_buckets(rclone, s3, bucket):
    rclone("rcat", f"lake:{bucket}/from-stdin", stdin=b"piped")
    assert fetch(s3, bucket, "from-stdin") == b"piped"
    rclone("touch", f"lake:{bucket}/from-stdin", "--timestamp", "2020-01-02T03:04:05")
    assert "2020-01-02" in rclone("lsl", f"lake:{bucket}")
    rclone("mkdir", f"lake:{bucket}-other")
    assert f"{bucket}-other" in rclone("lsd", "lake:")
    rclone("copy", f"lake:{bucket}", f"lake:{bucket}-other")
    rclone("deletefile", f"lake:{bucket}/from-stdin")
    rclone("purge", f"lake:{bucket}-other")
    assert f"{bucket}-other" not in rclone("lsd", "lake:")
    assert "not found" in rclone("copyto", f"lake:{bucket}-other/none", "none", fails=True)


def test_older_versions_are_listed(rclone, s3, versioned):
    for content in (b"first", b"second"):
        s3.put_object(Bucket=versioned, Key="k.txt", Body=content)
    listed = rclone("lsf", "--s3-versions", f"lake:{versioned}").split()
    assert len(listed) == 2 and "k.txt" in listed
    old, = set(listed) - {"k.txt"}
    assert rclone("cat", "--s3-versions", f"lake:{versioned}/{old}") == "first"
