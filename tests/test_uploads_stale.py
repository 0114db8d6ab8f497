"""Uploads that nobody touches any more."""

import time

from answers import new_bucket, refused

QUICK = {"TWINLAKE_SWEEP_IDLE_MS": "20", "TWINLAKE_SWEEP_DELAY_MS": "0", "TWINLAKE_SWEEP_BATCH": "2"}
AGE = 0.8


def begin(s3, bucket, key):
    answer = s3.create_multipart_upload(Bucket=bucket, Key=key)
    return {"Bucket": bucket, "Key": key, "UploadId": answer["UploadId"]}


def keys(s3, bucket):
    return [entry["Key"] for entry in s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])]


def blobs(lake):
    return [path for path in lake.directory.glob("blobs/??/*") if path.is_file()]


def soon(holds, seconds=5):
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


def test_untouched_uploads_are_given_up_and_their_bytes_given_back(new_lake):
    lake = new_lake(environment=QUICK | {"TWINLAKE_SWEEP_STALE_UPLOAD_AGE_MS": str(int(AGE * 1000))}).start()
    s3 = lake.client()
    bucket, other = new_bucket(s3), new_bucket(s3)
    left = [begin(s3, bucket, f"left/{number}") for number in range(5)] + [begin(s3, other, "left")]
    for upload in left[:2]:
        s3.upload_part(PartNumber=1, Body=b"x" * 200_000, **upload)
    s3.put_object(Bucket=bucket, Key="object", Body=b"stays")
    busy = begin(s3, bucket, "busy")
    until = time.monotonic() + 2 * AGE
    while time.monotonic() < until:
        part = s3.upload_part(PartNumber=1, Body=b"y" * 200_000, **busy)
        time.sleep(AGE / 8)
    soon(lambda: keys(s3, other) == [] and keys(s3, bucket) == ["busy"])
    for call in (
        lambda: s3.list_parts(**left[0]),
        lambda: s3.upload_part(PartNumber=1, Body=b"late", **left[0]),
        lambda: s3.abort_multipart_upload(**left[5]),
    ):
        with refused(404, "NoSuchUpload"):
            call()
    done = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    # It may be given up a moment later: what was touched in time can still be completed.
    s3.upload_part(PartNumber=1, Body=b"y" * 200_000, **busy)
    s3.complete_multipart_upload(MultipartUpload=done, **busy)
    assert s3.get_object(Bucket=bucket, Key="busy")["ContentLength"] == 200_000
    assert s3.get_object(Bucket=bucket, Key="object")["Body"].read() == b"stays"
    soon(lambda: len(blobs(lake)) == 1)


def test_zero_means_never(new_lake):
    lake = new_lake(environment=QUICK | {"TWINLAKE_SWEEP_STALE_UPLOAD_AGE_MS": "0"}).start()
    s3 = lake.client()
    bucket = new_bucket(s3)
    begin(s3, bucket, "k")
    time.sleep(0.5)
    assert keys(s3, bucket) == ["k"]
