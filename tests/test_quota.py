"""Quotas of buckets: what fits goes in, what does not is refused and changes nothing, deleting always works."""

import socket
import threading

import pytest

import admin
import wire
from answers import MIB, PART_BYTES_MIN, body, fetch, keys_of, outcome, refused
from sigv4 import Scope, presigned, request, signed

EXCEEDED = (403, "QuotaExceeded")


@pytest.fixture(autouse=True)
def ours(lake):
    if lake.process is None:
        pytest.skip("quotas are set through Twinlake's own API")


def test_the_last_byte_fits_and_the_next_does_not(lake, s3, bucket):
    told = admin.set_quota(lake, bucket, bytes=100)
    assert told == {"bucket": bucket, "quota": {"bytes": 100}, "used": {"bytes": 0, "objects": 0, "versions": 0}}
    s3.put_object(Bucket=bucket, Key="a", Body=body(60))
    with refused(*EXCEEDED) as caught:
        s3.put_object(Bucket=bucket, Key="b", Body=body(41))
    message = caught.value.response["Error"]["Message"]
    assert message == "the bucket may hold 100 bytes: 60 are there, and 41 would be added"
    assert keys_of(s3.list_objects_v2(Bucket=bucket)) == ["a"]
    s3.put_object(Bucket=bucket, Key="b", Body=body(40))
    assert admin.quota(lake, bucket)["used"] == {"bytes": 100, "objects": 2, "versions": 2}
    with refused(*EXCEEDED):
        s3.put_object(Bucket=bucket, Key="c", Body=b"1")
    s3.put_object(Bucket=bucket, Key="empty", Body=b"")


def test_replacing_counts_the_difference_and_deleting_makes_room(lake, s3, bucket):
    admin.set_quota(lake, bucket, bytes=100, objects=2)
    s3.put_object(Bucket=bucket, Key="a", Body=body(90))
    s3.put_object(Bucket=bucket, Key="a", Body=body(100))
    with refused(*EXCEEDED):
        s3.put_object(Bucket=bucket, Key="a", Body=body(101))
    assert len(fetch(s3, bucket, "a")) == 100
    s3.put_object(Bucket=bucket, Key="b", Body=b"")
    with refused(*EXCEEDED):
        s3.put_object(Bucket=bucket, Key="c", Body=b"")
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "a"}, {"Key": "b"}]})
    s3.put_object(Bucket=bucket, Key="c", Body=body(100))


def test_versions_count_and_a_full_bucket_can_be_emptied(lake, s3, versioned):
    admin.set_quota(lake, versioned, bytes=10)
    first = s3.put_object(Bucket=versioned, Key="a", Body=body(6))["VersionId"]
    with refused(*EXCEEDED):
        s3.put_object(Bucket=versioned, Key="a", Body=body(6))
    s3.delete_object(Bucket=versioned, Key="a")
    with refused(*EXCEEDED):
        s3.put_object(Bucket=versioned, Key="a", Body=body(6))
    s3.delete_object(Bucket=versioned, Key="a", VersionId=first)
    s3.put_object(Bucket=versioned, Key="a", Body=body(6))


def test_lowering_takes_nothing_away(lake, s3, bucket):
    s3.put_object(Bucket=bucket, Key="a", Body=body(100))
    admin.set_quota(lake, bucket, bytes=50)
    assert len(fetch(s3, bucket, "a")) == 100
    with refused(*EXCEEDED):
        s3.put_object(Bucket=bucket, Key="b", Body=b"1")
    s3.put_object(Bucket=bucket, Key="a", Body=body(99))
    assert admin.ask(lake, "DELETE", f"/buckets/{bucket}/quota").status == 204
    s3.put_object(Bucket=bucket, Key="b", Body=body(100))


def test_a_copy_counts_like_a_write(lake, s3, bucket):
    s3.put_object(Bucket=bucket, Key="a", Body=body(60))
    admin.set_quota(lake, bucket, bytes=100)
    with refused(*EXCEEDED):
        s3.copy_object(Bucket=bucket, Key="b", CopySource={"Bucket": bucket, "Key": "a"})
    admin.set_quota(lake, bucket, bytes=120)
    s3.copy_object(Bucket=bucket, Key="b", CopySource={"Bucket": bucket, "Key": "a"})


def test_annotations_count(lake, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x" * 60)
    admin.set_quota(lake, bucket, bytes=100)
    annotate = {"Bucket": bucket, "Key": "k", "AnnotationName": "result"}
    with refused(403, "QuotaExceeded"):
        s3.put_object_annotation(**annotate, AnnotationPayload=b"y" * 41)
    s3.put_object_annotation(**annotate, AnnotationPayload=b"y" * 40)
    s3.put_object_annotation(**annotate, AnnotationPayload=b"z" * 40)


def test_a_completion_counts_its_parts_and_can_be_tried_again(lake, s3, bucket):
    admin.set_quota(lake, bucket, bytes=PART_BYTES_MIN + MIB)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="a")["UploadId"]
    name = {"Bucket": bucket, "Key": "a", "UploadId": upload}
    contents = [body(PART_BYTES_MIN), body(2 * MIB, seed=1)]
    parts = [
        {"PartNumber": number, "ETag": s3.upload_part(**name, PartNumber=number, Body=content)["ETag"]}
        for number, content in enumerate(contents, 1)
    ]
    with refused(*EXCEEDED):
        s3.upload_part(**name, PartNumber=3, Body=body(PART_BYTES_MIN + MIB + 1))
    with refused(*EXCEEDED):
        s3.complete_multipart_upload(**name, MultipartUpload={"Parts": parts})
    assert keys_of(s3.list_objects_v2(Bucket=bucket)) == []
    admin.set_quota(lake, bucket, bytes=PART_BYTES_MIN + 2 * MIB)
    s3.complete_multipart_upload(**name, MultipartUpload={"Parts": parts})
    assert fetch(s3, bucket, "a") == b"".join(contents)


def test_what_cannot_fit_is_refused_before_its_body(lake, bucket):
    """A client that waits to be told to go on is told not to, and has sent nothing."""
    admin.set_quota(lake, bucket, bytes=100)
    made = request("PUT", lake.host, f"/{bucket}/a", headers=[("Expect", "100-continue"), ("Content-Length", MIB)])
    made = signed(made, lake.keys, Scope(), payload="UNSIGNED-PAYLOAD")
    with socket.create_connection(lake.address, 10) as connection:
        connection.sendall(wire.head(made.method, made.target, made.headers))
        answer = wire.receive(connection, "PUT")
    assert (answer.status, answer.code) == EXCEEDED


def test_a_link_is_no_way_round(lake, bucket):
    admin.set_quota(lake, bucket, bytes=3)
    made = presigned(request("PUT", lake.host, f"/{bucket}/a"), lake.keys).replaced(body=b"four")
    answer = made.send(lake.address)
    assert (answer.status, answer.code) == EXCEEDED


@pytest.mark.parametrize("bounds", [{"bytes": 1000}, {"objects": 10}], ids=["bytes", "objects"])
def test_many_writers_together_stay_within(lake, s3, bucket, bounds):
    """40 writers of 100 bytes each want in where 10 fit: exactly 10 get in."""
    admin.set_quota(lake, bucket, **bounds)
    seen = []

    def write(number):
        seen.append(outcome(s3.put_object, Bucket=bucket, Key=f"k{number}", Body=body(100, number)))

    writers = [threading.Thread(target=write, args=[number]) for number in range(40)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert sorted(set(seen)) == ["QuotaExceeded", "ok"] and seen.count("ok") == 10
    assert admin.quota(lake, bucket)["used"] == {"bytes": 1000, "objects": 10, "versions": 10}


def test_a_quota_stays_when_the_server_is_started_again(new_lake):
    lake = new_lake().start()
    lake.client().create_bucket(Bucket="kept-quota")
    admin.set_quota(lake, "kept-quota", bytes=7, objects=1)
    lake.stop()
    lake.start()
    assert admin.quota(lake, "kept-quota")["quota"] == {"bytes": 7, "objects": 1}
    with refused(*EXCEEDED):
        lake.client().put_object(Bucket="kept-quota", Key="a", Body=body(8))
    # Whoever comes later with the same name is somebody else.
    lake.client().delete_bucket(Bucket="kept-quota")
    lake.client().create_bucket(Bucket="kept-quota")
    assert admin.quota(lake, "kept-quota")["quota"] is None
