"""s3fs: a bucket as a directory, where this machine lets one be mounted."""

import os
import subprocess
import time

import pytest

from answers import fetch, keys_of
from conftest import found

MOUNT_SECONDS_MAX = 20


@pytest.fixture
def mounted(lake, bucket, tmp_path):
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        pytest.skip("/dev/fuse is not here, or not ours to use")
    directory, keys = tmp_path / "mounted", tmp_path / "keys"
    directory.mkdir()
    keys.write_text(f"{lake.keys.access}:{lake.keys.secret}\n")
    keys.chmod(0o600)
    options = f"url={lake.endpoint},use_path_request_style,passwd_file={keys},multipart_size=5,retries=1"
    # In the foreground: it ends when it is unmounted, and what it says is kept.
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [found("s3fs"), bucket, directory, "-f", "-o", options], stdout=log, stderr=subprocess.STDOUT
        )
    deadline = time.monotonic() + MOUNT_SECONDS_MAX
    while not directory.is_mount():
        said = (tmp_path / "log").read_text(errors="replace")
        if "fuse: mount failed" in said or "Operation not permitted" in said:
            process.wait()
            pytest.skip(f"this machine lets nothing be mounted: {said.strip()[-200:]}")
        assert process.poll() is None and time.monotonic() < deadline, said
        time.sleep(0.05)
    yield directory
    subprocess.run([found("fusermount"), "-u", directory], check=True)
    assert process.wait(20) == 0


def test_files_are_objects(mounted, s3, bucket):
    (mounted / "small.txt").write_bytes(b"small")
    assert fetch(s3, bucket, "small.txt") == b"small"
    (mounted / "dir").mkdir()
    (mounted / "dir" / "ü 1").write_bytes(b"")
    assert sorted(os.listdir(mounted)) == ["dir", "small.txt"] and os.listdir(mounted / "dir") == ["ü 1"]
    with (mounted / "small.txt").open("ab") as file:
        file.write(b" and more")
    assert fetch(s3, bucket, "small.txt") == b"small and more"
    (mounted / "small.txt").rename(mounted / "dir" / "renamed")
    assert set(keys_of(s3.list_objects_v2(Bucket=bucket))) == {"dir/", "dir/renamed", "dir/ü 1"}
    os.chmod(mounted / "dir" / "renamed", 0o640)
    assert (mounted / "dir" / "renamed").stat().st_mode & 0o777 == 0o640
    for name in ("renamed", "ü 1"):
        (mounted / "dir" / name).unlink()
    (mounted / "dir").rmdir()
    assert keys_of(s3.list_objects_v2(Bucket=bucket)) == []


def test_a_large_file_in_parts(mounted, s3, bucket):
    content = os.urandom(23 * 1024 * 1024 + 1)  # What is over goes with the part before it.
    (mounted / "large").write_bytes(content)
    assert s3.head_object(Bucket=bucket, Key="large")["ETag"].endswith('-4"')
    assert fetch(s3, bucket, "large") == content
    with (mounted / "large").open("r+b") as file:
        file.seek(11 * 1024 * 1024)
        file.write(b"changed in the middle")
    changed = bytearray(content)
    changed[11 * 1024 * 1024 : 11 * 1024 * 1024 + 21] = b"changed in the middle"
    assert fetch(s3, bucket, "large") == bytes(changed)


def test_what_others_write_is_seen(mounted, s3, bucket):
    s3.put_object(Bucket=bucket, Key="from/elsewhere", Body=b"content")
    assert (mounted / "from" / "elsewhere").read_bytes() == b"content"
