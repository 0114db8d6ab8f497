"""PyIceberg: a table in the lake, its catalogue in a file."""

import pyarrow
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.types import DoubleType

from answers import keys_of

BY = {"arrow": "pyiceberg.io.pyarrow.PyArrowFileIO", "fsspec": "pyiceberg.io.fsspec.FsspecFileIO"}


@pytest.fixture(params=BY)
def catalogue(request, lake, bucket, tmp_path):
    catalogue = SqlCatalog(
        "lake",
        **{
            "uri": f"sqlite:///{tmp_path}/catalogue.db",
            "warehouse": f"s3://{bucket}/warehouse",
            "py-io-impl": BY[request.param],
            "s3.endpoint": lake.endpoint,
            "s3.access-key-id": lake.keys.access,
            "s3.secret-access-key": lake.keys.secret,
            "s3.region": "us-east-1",
        },
    )
    yield catalogue
    catalogue.close()


def rows(first, count, kind):
    return pyarrow.table({"id": list(range(first, first + count)), "kind": [kind] * count})


def ids(scanned):
    return sorted(scanned.to_arrow()["id"].to_pylist())


def test_a_table_and_its_past(catalogue, s3, bucket):
    catalogue.create_namespace("farm")
    table = catalogue.create_table("farm.grains", rows(0, 1, "wheat").schema)
    table.append(rows(0, 100, "wheat"))
    table.append(rows(100, 50, "rye"))
    before = table.current_snapshot().snapshot_id
    assert ids(table.scan()) == list(range(150))
    assert ids(table.scan(row_filter="kind = 'rye' and id < 110")) == list(range(100, 110))
    table.overwrite(rows(1000, 3, "oats"))
    assert ids(table.scan()) == [1000, 1001, 1002]
    assert ids(table.scan(snapshot_id=before)) == list(range(150))
    table.delete("id = 1001")
    again = catalogue.load_table("farm.grains")
    assert ids(again.scan()) == [1000, 1002] and len(again.history()) >= 4
    with again.update_schema() as update:
        update.add_column("weight", DoubleType())
    again.append(rows(2000, 1, "oats").append_column("weight", pyarrow.array([1.5])))
    assert ids(again.scan()) == [1000, 1002, 2000]
    assert any(key.endswith(".metadata.json") for key in keys_of(s3.list_objects_v2(Bucket=bucket)))
    catalogue.purge_table("farm.grains")
    assert not [key for key in keys_of(s3.list_objects_v2(Bucket=bucket)) if key.endswith(".parquet")]
