"""delta-rs: commits are conditional writes, so that of two writers at once none loses what it was told is committed."""

import json
import subprocess
import sys

import pyarrow
import pytest
from deltalake import DeltaTable, write_deltalake

COMMITS_EACH = 8
WRITERS = 2

WRITER = """
import json, sys
import pyarrow
from deltalake import write_deltalake

place, options, writer, commits = sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
sys.stdin.readline()
for number in range(commits):
    row = pyarrow.table({"writer": [writer], "number": [number]})
    write_deltalake(place, row, mode="append", storage_options=options)
"""


@pytest.fixture
def options(lake):
    return {
        "AWS_ENDPOINT_URL": lake.endpoint,
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": lake.keys.access,
        "AWS_SECRET_ACCESS_KEY": lake.keys.secret,
        "AWS_REGION": "us-east-1",
        "aws_conditional_put": "etag",
    }


def test_a_table_and_its_past(options, bucket):
    place = f"s3://{bucket}/grains"
    table = pyarrow.table({"id": list(range(100)), "kind": ["wheat", "rye"] * 50})
    write_deltalake(place, table, partition_by=["kind"], storage_options=options)
    write_deltalake(place, table.slice(0, 10), mode="append", storage_options=options)
    grains = DeltaTable(place, storage_options=options)
    assert grains.to_pyarrow_table().num_rows == 110
    grains.delete("kind = 'rye'")
    assert grains.to_pyarrow_table().num_rows == 55
    write_deltalake(place, table.slice(0, 1), mode="overwrite", storage_options=options)
    assert DeltaTable(place, storage_options=options).to_pyarrow_table()["id"].to_pylist() == [0]
    assert DeltaTable(place, version=1, storage_options=options).to_pyarrow_table().num_rows == 110
    grains = DeltaTable(place, storage_options=options)
    grains.create_checkpoint()
    grains.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    assert len(DeltaTable(place, storage_options=options).history()) >= 4


def test_two_writers_at_once_lose_no_commit(options, bucket):
    place = f"s3://{bucket}/shared"
    write_deltalake(place, pyarrow.table({"writer": [-1], "number": [-1]}), storage_options=options)
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, place, json.dumps(options), str(writer), str(COMMITS_EACH)],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for writer in range(WRITERS)
    ]
    for writer in writers:
        writer.stdin.write(b"\n")
        writer.stdin.flush()
    complaints = [writer.communicate(timeout=90)[1].decode() for writer in writers]
    assert [writer.returncode for writer in writers] == [0] * WRITERS, complaints
    shared = DeltaTable(place, storage_options=options)
    assert shared.version() == COMMITS_EACH * WRITERS
    rows = shared.to_pyarrow_table().to_pylist()
    assert sorted((row["writer"], row["number"]) for row in rows) == [
        (-1, -1), *((writer, number) for writer in range(WRITERS) for number in range(COMMITS_EACH)),
    ]
