"""How fast small objects are read: one by one over sixteen threads with boto3, and as batches.

    AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=… python benches/batch_read.py http://127.0.0.1:9000

Writes 10,000 objects of 4 KiB into a bucket of its own where they are missing, reads them all by each way in turns, and
prints objects a second: the best of five turns, and the median. Needs boto3.
"""

import json
import statistics
import sys
import tarfile
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config

BUCKET, COUNT, BYTES, THREADS, TURNS = "batch-read", 10_000, 4096, 16, 5
KEYS = [f"class-{number % 10}/{number:05}.npy" for number in range(COUNT)]


def single_gets(endpoint, s3):
    def read(key):
        return len(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())

    with ThreadPoolExecutor(THREADS) as pool:
        return sum(pool.map(read, KEYS))


def batch(endpoint, s3, accept):
    document = json.dumps({"objects": [{"key": key} for key in KEYS]}).encode()
    request = AWSRequest("POST", f"{endpoint}/{BUCKET}?batch=", {"Accept": accept}, document)
    S3SigV4Auth(s3._get_credentials(), "s3", "us-east-1").add_auth(request)
    request = urllib.request.Request(request.url, document, dict(request.headers), method="POST")
    return urllib.request.urlopen(request)


def batch_tar(endpoint, s3):
    """A batch, and Python's tarfile."""
    read = 0
    with batch(endpoint, s3, "application/x-tar") as answer, tarfile.open(fileobj=answer, mode="r|") as archive:
        for entry in archive:
            read += len(archive.extractfile(entry).read())
    return read


def batch_parts(endpoint, s3):
    """A batch in parts, read by their lengths."""
    read = 0
    with batch(endpoint, s3, "multipart/mixed") as answer:
        while not answer.readline().rstrip().endswith(b"--"):
            while (line := answer.readline()) != b"\r\n":
                if line.startswith(b"content-length:"):
                    length = int(line[15:])
            read += len(answer.read(length))
            answer.read(2)
    return read


def batch_drained(endpoint, s3):
    """A batch whose bytes are taken and not looked at: what the server gives."""
    with batch(endpoint, s3, "application/x-tar") as answer:
        while answer.read(1 << 20):
            pass
    return COUNT * BYTES


def main(endpoint):
    s3 = boto3.client(
        "s3", endpoint_url=endpoint, region_name="us-east-1", config=Config(max_pool_connections=THREADS)
    )
    if BUCKET not in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]:
        s3.create_bucket(Bucket=BUCKET)
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(lambda key: s3.put_object(Bucket=BUCKET, Key=key, Body=bytes(BYTES)), KEYS))
    ways = [single_gets, batch_tar, batch_parts, batch_drained]
    took = {way: [] for way in ways}
    for _ in range(TURNS):
        for way in ways:
            begun = time.perf_counter()
            assert way(endpoint, s3) == COUNT * BYTES, way.__name__
            took[way].append(time.perf_counter() - begun)
    for way, seconds in took.items():
        best, median = COUNT / min(seconds), COUNT / statistics.median(seconds)
        print(f"{way.__name__:<16} {best:>8.0f} objects/s at best, {median:>8.0f} in the middle")


if __name__ == "__main__":
    main(sys.argv[1].rstrip("/"))
