"""fsspec's s3fs, through which pandas, Dask and DuckDB read and write; and DuckDB itself on top of it."""

import os

import duckdb
import pyarrow
import pytest
import s3fs
from pyarrow import dataset, parquet

from answers import keys_of

ROWS = 10_000


@pytest.fixture
def filesystem(lake):
    """Caches nothing between tests: each has a bucket of its own."""
    return s3fs.S3FileSystem(
        key=lake.keys.access,
        secret=lake.keys.secret,
        endpoint_url=lake.endpoint,
        client_kwargs={"region_name": "us-east-1"},
        skip_instance_cache=True,
        use_listings_cache=False,
    )


@pytest.fixture
def table():
    return pyarrow.table({"id": range(ROWS), "kind": [["wheat", "rye"][number % 2] for number in range(ROWS)]})


def test_files(filesystem, s3, bucket):
    with filesystem.open(f"{bucket}/dir/ü 1", "wb") as file:
        file.write(b"content")
    assert filesystem.cat(f"{bucket}/dir/ü 1") == b"content"
    filesystem.pipe({f"{bucket}/dir/{name}": name.encode() for name in ("a.txt", "b.txt", "c.bin")})
    assert sorted(filesystem.glob(f"{bucket}/dir/*.txt")) == [f"{bucket}/dir/a.txt", f"{bucket}/dir/b.txt"]
    assert filesystem.info(f"{bucket}/dir/a.txt")["size"] == 5 and filesystem.isdir(f"{bucket}/dir")
    filesystem.copy(f"{bucket}/dir/a.txt", f"{bucket}/copied")
    filesystem.mv(f"{bucket}/dir/b.txt", f"{bucket}/moved")
    filesystem.setxattr(f"{bucket}/moved", kind="grain")
    assert filesystem.getxattr(f"{bucket}/moved", "kind") == "grain"
    filesystem.put_tags(f"{bucket}/moved", {"a": "b"})
    assert filesystem.get_tags(f"{bucket}/moved") == {"a": "b"}
    filesystem.rm(f"{bucket}/dir", recursive=True)
    assert keys_of(s3.list_objects_v2(Bucket=bucket)) == ["copied", "moved"]
    with pytest.raises(FileNotFoundError):
        filesystem.cat(f"{bucket}/none")


def test_a_large_file_in_parts_and_in_ranges(filesystem, s3, bucket):
    content = os.urandom(12 * 1024 * 1024 + 3)
    with filesystem.open(f"{bucket}/large", "wb", block_size=5 * 1024 * 1024) as file:
        for place in range(0, len(content), 1_000_000):
            file.write(content[place : place + 1_000_000])
    assert "-" in s3.head_object(Bucket=bucket, Key="large")["ETag"]
    with filesystem.open(f"{bucket}/large", "rb", block_size=1_000_000) as file:
        file.seek(6_000_000)
        assert file.read(100) == content[6_000_000:6_000_100]
    assert filesystem.cat_ranges([f"{bucket}/large"] * 2, [0, -10], [10, None]) == [content[:10], content[-10:]]
    with filesystem.open(f"{bucket}/large", "ab", block_size=5 * 1024 * 1024) as file:
        file.write(b"more")
    assert filesystem.cat(f"{bucket}/large") == content + b"more"


def test_one_writer_of_two_that_must_not_overwrite(filesystem, bucket):
    filesystem.pipe_file(f"{bucket}/once", b"first", mode="create")
    with pytest.raises(OSError, match="preconditions"):
        filesystem.pipe_file(f"{bucket}/once", b"second", mode="create")
    assert filesystem.cat(f"{bucket}/once") == b"first"


def test_versions(lake, filesystem, versioned):
    aware = s3fs.S3FileSystem(**filesystem.storage_options | {"version_aware": True})
    for content in (b"first", b"second"):
        aware.pipe(f"{versioned}/k", content)
    assert len(aware.object_version_info(f"{versioned}/k")) == 2
    first = aware.object_version_info(f"{versioned}/k")[-1]["VersionId"]
    assert aware.cat(f"{versioned}/k", version_id=first) == b"first"


def test_parquet_in_partitions(filesystem, bucket, table):
    parquet.write_to_dataset(table, f"{bucket}/grains", filesystem=filesystem, partition_cols=["kind"])
    found = dataset.dataset(f"{bucket}/grains", filesystem=filesystem, partitioning="hive")
    assert found.count_rows(filter=dataset.field("kind") == "rye") == ROWS // 2


def test_duckdb_reads_and_writes(filesystem, s3, bucket, table):
    parquet.write_to_dataset(table, f"{bucket}/grains", filesystem=filesystem, partition_cols=["kind"])
    with duckdb.connect() as connection:
        connection.register_filesystem(filesystem)
        grains = f"read_parquet('s3://{bucket}/grains/*/*.parquet', hive_partitioning = true)"
        counted = connection.sql(f"select kind, count(*), sum(id) from {grains} group by kind order by kind").fetchall()
        connection.sql(f"copy (select 1 as one) to 's3://{bucket}/written.parquet' (format parquet)")
        written = connection.sql(f"select one from 's3://{bucket}/written.parquet'").fetchall()
    odd = sum(range(1, ROWS, 2))
    assert counted == [("rye", ROWS // 2, odd), ("wheat", ROWS // 2, odd - ROWS // 2)]
    assert written == [(1,)] and "written.parquet" in keys_of(s3.list_objects_v2(Bucket=bucket))
