"""PyArrow's own S3 client, which is the AWS SDK for C++: datasets in parts, written and read with a filter, by DuckDB
too."""

import duckdb
import pyarrow
import pytest
from pyarrow import dataset, fs, parquet

from answers import keys_of

ROWS = 30_000


@pytest.fixture
def filesystem(lake):
    return fs.S3FileSystem(
        access_key=lake.keys.access,
        secret_key=lake.keys.secret,
        endpoint_override=lake.host,
        scheme="http",
        region="us-east-1",
        allow_bucket_creation=True,
        allow_bucket_deletion=True,
    )


@pytest.fixture
def table():
    numbers = range(ROWS)
    kinds = [["wheat", "rye", "oats"][number % 3] for number in numbers]
    return pyarrow.table({"id": numbers, "kind": kinds, "text": [f"row {number}" * 9 for number in numbers]})


def test_a_dataset_in_partitions(filesystem, s3, bucket, table):
    by_kind = dataset.partitioning(pyarrow.schema([("kind", pyarrow.string())]), flavor="hive")
    dataset.write_dataset(
        table, f"{bucket}/grains", filesystem=filesystem, format="parquet", partitioning=by_kind, max_rows_per_group=999
    )
    assert {key.split("/")[1] for key in keys_of(s3.list_objects_v2(Bucket=bucket)) if key.endswith(".parquet")} == {
        "kind=oats", "kind=rye", "kind=wheat",
    }
    found = dataset.dataset(f"{bucket}/grains", filesystem=filesystem, partitioning=by_kind)
    assert found.count_rows() == ROWS
    some = found.to_table(columns=["id", "kind"], filter=(dataset.field("kind") == "rye") & (dataset.field("id") < 100))
    assert sorted(some["id"].to_pylist()) == list(range(1, 100, 3)) and set(some["kind"].to_pylist()) == {"rye"}
    with duckdb.connect() as connection:
        counted = connection.register("grains", found).sql("select count(*) from grains where kind = 'oats'")
        assert counted.fetchall() == [(ROWS // 3,)]


def test_one_large_file(filesystem, s3, bucket, table):
    whole = pyarrow.concat_tables([table] * 12)
    raw = {"compression": "none", "use_dictionary": False}
    parquet.write_table(whole, f"{bucket}/large.parquet", filesystem=filesystem, **raw)
    assert s3.head_object(Bucket=bucket, Key="large.parquet")["ContentLength"] > 10_000_000
    assert not s3.head_object(Bucket=bucket, Key="large.parquet")["ETag"].endswith('-1"')
    back = parquet.read_table(f"{bucket}/large.parquet", filesystem=filesystem, columns=["id"])
    assert back["id"].to_pylist() == whole["id"].to_pylist()


def test_files_and_directories(filesystem, s3, bucket):
    with filesystem.open_output_stream(f"{bucket}/a/b", metadata={"Content-Type": "text/x-a"}) as stream:
        stream.write(b"content")
    assert s3.head_object(Bucket=bucket, Key="a/b")["ContentType"] == "text/x-a"
    with filesystem.open_input_file(f"{bucket}/a/b") as file:
        file.seek(3)
        assert file.read(3) == b"ten" and file.size() == 7
    filesystem.copy_file(f"{bucket}/a/b", f"{bucket}/a/c")
    filesystem.move(f"{bucket}/a/b", f"{bucket}/d")
    found = filesystem.get_file_info(fs.FileSelector(bucket, recursive=True))
    assert {entry.path: entry.type for entry in found} == {
        f"{bucket}/a": fs.FileType.Directory, f"{bucket}/a/c": fs.FileType.File, f"{bucket}/d": fs.FileType.File,
    }
    assert filesystem.get_file_info(f"{bucket}/none").type == fs.FileType.NotFound
    filesystem.delete_dir(f"{bucket}/a")
    filesystem.create_dir(f"{bucket}-other")
    filesystem.delete_dir(f"{bucket}-other")
    assert [key for key in keys_of(s3.list_objects_v2(Bucket=bucket)) if not key.endswith("/")] == ["d"]
