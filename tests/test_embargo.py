"""Embargoes from outside: closed means closed on every way to whoever is not a reader, and open at the instant by itself."""

import json
import secrets
import time
from datetime import datetime, timedelta, timezone

import pytest
import urllib3
from botocore.exceptions import ClientError

import admin
from answers import etag, fetch, headers, keys_of, new_bucket, outcome, refused, status
from embargoes import FAR, OPENS, SECRET, TAG, UNTIL, Somebody, ahead, closed_put, saying, text
from lake import client
from sigv4 import request, signed


@pytest.fixture(autouse=True)
def ours(lake):
    if lake.process is None:
        pytest.skip("only Twinlake has embargoes")


@pytest.fixture(scope="module")
def group(lake):
    name = f"reviewers-{secrets.token_hex(4)}"
    lake.client("iam").create_group(GroupName=name)
    return name


@pytest.fixture(scope="module")
def outsider(lake):
    """May do everything that S3 has, and nothing about embargoes."""
    return Somebody(lake, ["s3:*"])


@pytest.fixture(scope="module")
def reader(lake, group):
    return Somebody(lake, ["s3:*"], group=group)


def rule(lake, bucket, **document):
    answer = admin.ask(lake, "PUT", f"/buckets/{bucket}/embargo", document)
    assert answer.status == 200, answer
    return json.loads(answer.body)


def lift(lake, bucket, key, keys=None, **query):
    query = [("key", key), *query.items()]
    return admin.ask(lake, "POST", f"/embargoes/{bucket}/lift", {"reason": "it is out"}, query=query, keys=keys)


def reads(s3, bucket, key, version=None):
    """Every way to learn something of an object by its key."""
    named = {"Bucket": bucket, "Key": key} | ({"VersionId": version} if version else {})
    source = {"Bucket": bucket, "Key": key} | ({"VersionId": version} if version else {})
    upload = {"Bucket": bucket, "Key": f"{key}-parts"}

    def part_copy():
        made = s3.create_multipart_upload(**upload)["UploadId"]
        try:
            s3.upload_part_copy(**upload, UploadId=made, PartNumber=1, CopySource=source)
        finally:
            s3.abort_multipart_upload(**upload, UploadId=made)

    return {
        "get": lambda: s3.get_object(**named),
        "range": lambda: s3.get_object(**named, Range="bytes=0-0"),
        "beyond": lambda: s3.get_object(**named, Range="bytes=1000000-"),
        "part": lambda: s3.get_object(**named, PartNumber=1),
        "if-match": lambda: s3.get_object(**named, IfMatch=etag(SECRET)),
        "if-none-match": lambda: s3.get_object(**named, IfNoneMatch=etag(SECRET)),
        "if-modified": lambda: s3.get_object(**named, IfModifiedSince=datetime(2100, 1, 1)),
        "attributes": lambda: s3.get_object_attributes(**named, ObjectAttributes=["ETag", "ObjectSize", "Checksum"]),
        "tags": lambda: s3.get_object_tagging(**named),
        "copy": lambda: s3.copy_object(Bucket=bucket, Key=f"{key}-copy", CopySource=source),
        "copy if": lambda: s3.copy_object(
            Bucket=bucket, Key=f"{key}-copy", CopySource=source, CopySourceIfMatch=etag(SECRET)
        ),
        "part copy": part_copy,
        "annotations": lambda: s3.list_object_annotations(**named) if hasattr(s3, "list_object_annotations") else None,
    }


def assert_closed(s3, bucket, key, status_of_all, code, version=None):
    for way, read in reads(s3, bucket, key, version).items():
        if way == "annotations" and not hasattr(s3, "list_object_annotations"):
            continue
        with pytest.raises(ClientError) as caught:
            read()
        told = caught.value.response
        assert (status(told), told["Error"]["Code"]) == (status_of_all, code), (way, told)
        assert not set(headers(told)) & {"etag", "content-range", "last-modified", "x-amz-version-id"}, (way, told)
        assert key not in told["Error"].get("Message", ""), way
    with pytest.raises(ClientError) as caught:
        s3.head_object(Bucket=bucket, Key=key, **({"VersionId": version} if version else {}))
    assert status(caught.value.response) == status_of_all
    assert not set(headers(caught.value.response)) & {"etag", "content-length-range", "last-modified"}


def test_what_is_hidden_is_as_good_as_not_there(lake, s3, versioned, outsider, reader, group):
    put = closed_put(s3, versioned, "run", readers=f"group/{group}", Tagging="a=b")
    s3.put_object(Bucket=versioned, Key="open", Body=b"x")
    assert_closed(outsider.s3, versioned, "run", 404, "NoSuchKey")
    assert_closed(outsider.s3, versioned, "run", 404, "NoSuchVersion", put["VersionId"])
    # To whoever may not list, what is closed, what is missing and what is refused are one.
    blind = Somebody(lake, ["s3:GetObject*", "s3:PutObject"])
    told = []
    for key in ("run", "nothing"):
        with refused(403, "AccessDenied") as caught:
            blind.s3.get_object(Bucket=versioned, Key=key)
        error = caught.value.response["Error"]
        told.append((error["Message"], sorted(set(headers(caught.value.response)) - {"content-length"})))
    assert told[0] == told[1] and OPENS not in told[0][1]
    # Its readers read it, and are told until when others do not.
    answer = reader.s3.get_object(Bucket=versioned, Key="run")
    assert answer["Body"].read() == SECRET
    assert headers(answer)[UNTIL][:19] == FAR[:19]
    assert reader.s3.get_object_tagging(Bucket=versioned, Key="run")["TagSet"]
    assert fetch(s3, versioned, "run") == SECRET


def listings(s3, bucket, **options):
    """All that listings show, page by page, and the places where their pages begin."""
    shown, places = [], []
    for operation in ("list_objects", "list_objects_v2", "list_object_versions"):
        for page in s3.get_paginator(operation).paginate(Bucket=bucket, PaginationConfig={"PageSize": 2}, **options):
            for what in ("Contents", "Versions", "DeleteMarkers"):
                shown += [entry["Key"] for entry in page.get(what, [])]
            shown += [entry["Prefix"] for entry in page.get("CommonPrefixes", [])]
            places += [page.get(name) or "" for name in ("NextMarker", "NextContinuationToken", "NextKeyMarker")]
    return set(shown), places


def test_listings_pass_over_what_is_hidden(s3, versioned, outsider, reader, group):
    for key in ("a", "b/1", "b/2", "c", "d/1", "d/2", "e", "f"):
        if key in ("b/1", "b/2", "d/1", "e"):
            closed_put(s3, versioned, key, readers=f"group/{group}")
        else:
            s3.put_object(Bucket=versioned, Key=key, Body=b"open")
    assert listings(outsider.s3, versioned)[0] == {"a", "c", "d/2", "f"}
    assert listings(outsider.s3, versioned, Delimiter="/")[0] == {"a", "c", "d/", "f"}
    assert listings(outsider.s3, versioned, Prefix="b/")[0] == set()
    places = listings(outsider.s3, versioned)[1] + listings(outsider.s3, versioned, Delimiter="/")[1]
    assert not any(hidden in place for place in places for hidden in ("b/", "d/1", "e/")), places
    page = outsider.s3.list_objects_v2(Bucket=versioned, MaxKeys=4)
    assert (page["KeyCount"], page["IsTruncated"]) == (4, False)
    assert len(listings(reader.s3, versioned)[0]) == 8
    # Uploads of what will be closed are no more listed than what it becomes.
    with saying(s3, x_lake_embargo_until=FAR):
        upload = s3.create_multipart_upload(Bucket=versioned, Key="upload")["UploadId"]
    assert keys_of(s3.list_multipart_uploads(Bucket=versioned), "Uploads") == ["upload"]
    assert keys_of(outsider.s3.list_multipart_uploads(Bucket=versioned), "Uploads") == []
    s3.abort_multipart_upload(Bucket=versioned, Key="upload", UploadId=upload)


def test_where_keys_are_shown_the_rest_is_not(lake, s3, versioned, outsider):
    rule(lake, versioned, listing="key-only")
    put = closed_put(s3, versioned, "run")
    for page in (outsider.s3.list_objects(Bucket=versioned), outsider.s3.list_objects_v2(Bucket=versioned)):
        [entry] = page["Contents"]
        assert entry["Key"] == "run" and not {"Size", "ETag", "ChecksumType", "ChecksumAlgorithm"} & set(entry), entry
    [entry] = outsider.s3.list_object_versions(Bucket=versioned)["Versions"]
    assert entry["Key"] == "run" and not {"Size", "ETag", "ChecksumType"} & set(entry), entry
    for version in (None, put["VersionId"]):
        assert_closed(outsider.s3, versioned, "run", 403, "AccessDenied", version)
    with refused(403, "AccessDenied") as caught:
        outsider.s3.get_object(Bucket=versioned, Key="run")
    assert headers(caught.value.response)[OPENS][:19] == FAR[:19]
    with refused(404, "NoSuchKey"):
        outsider.s3.get_object(Bucket=versioned, Key="nothing")
    # Who may not list may not know that there is something.
    blind = Somebody(lake, ["s3:GetObject"])
    with refused(403, "AccessDenied") as caught:
        blind.s3.get_object(Bucket=versioned, Key="run")
    assert OPENS not in headers(caught.value.response)


def test_who_may_know_of_embargoes_is_told_when_it_opens(lake, s3, bucket):
    closed_put(s3, bucket, "run")
    steward = Somebody(lake, ["s3:GetObject", "lake:GetEmbargo", "lake:ListEmbargoes"])
    with refused(403, "AccessDenied") as caught:
        steward.s3.get_object(Bucket=bucket, Key="run")
    assert headers(caught.value.response)[OPENS][:19] == FAR[:19]
    told = json.loads(admin.ask(lake, "GET", f"/embargoes/{bucket}", query=[("key", "run")], keys=steward.keys).body)
    assert told["closed"] and told["until"][:19] == FAR[:19] and told["lift"] is None


def test_batches_links_and_the_past_are_closed_too(lake, s3, versioned, outsider):
    link = outsider.s3.generate_presigned_url("get_object", Params={"Bucket": versioned, "Key": "run"})
    s3.put_object(Bucket=versioned, Key="run", Body=SECRET)
    then = headers(s3.head_object(Bucket=versioned, Key="run"))["x-lake-sequence"]
    assert urllib3.request("GET", link).status == 200
    query = [("key", "run")]
    assert admin.ask(lake, "PUT", f"/embargoes/{versioned}", {"until": FAR}, query=query).status == 200
    answer = urllib3.request("GET", link)
    assert answer.status == 404 and SECRET not in answer.data
    with saying(outsider.s3, x_lake_as_of=then):
        with refused(404, "NoSuchKey"):
            outsider.s3.get_object(Bucket=versioned, Key="run")
        assert keys_of(outsider.s3.list_objects_v2(Bucket=versioned)) == []
        assert keys_of(outsider.s3.list_objects_v2(Bucket=versioned, Delimiter="u"), "CommonPrefixes") == []
    document = json.dumps({"objects": [{"key": "run"}]}).encode()
    batch = request("POST", lake.host, f"/{versioned}", [("batch", None)], [("Content-Type", "application/json")], document)
    answer = signed(batch, outsider.keys).send(lake.address)
    assert SECRET not in answer.body and etag(SECRET).strip('"').encode() not in answer.body


def test_conditions_of_writes_tell_no_entity_tag(s3, bucket, outsider):
    closed_put(s3, bucket, "run")
    for guess in (etag(SECRET), etag(b"something else")):
        with refused(404, "NoSuchKey"):
            outsider.s3.put_object(Bucket=bucket, Key="run", Body=b"x", IfMatch=guess)
        upload = outsider.s3.create_multipart_upload(Bucket=bucket, Key="run")["UploadId"]
        part = outsider.s3.upload_part(Bucket=bucket, Key="run", UploadId=upload, PartNumber=1, Body=b"x")["ETag"]
        parts = {"Parts": [{"PartNumber": 1, "ETag": part}]}
        with refused(404, "NoSuchKey"):
            outsider.s3.complete_multipart_upload(
                Bucket=bucket, Key="run", UploadId=upload, MultipartUpload=parts, IfMatch=guess
            )
        outsider.s3.abort_multipart_upload(Bucket=bucket, Key="run", UploadId=upload)
        told = [outcome(outsider.s3.delete_object, Bucket=bucket, Key=key, IfMatch=guess) for key in ("run", "nothing")]
        assert told[0] == told[1], told
    # Nothing is written over unseen: that something is there is told to who may write there.
    with refused(412, "PreconditionFailed"):
        outsider.s3.put_object(Bucket=bucket, Key="run", Body=b"x", IfNoneMatch="*")
    assert fetch(s3, bucket, "run") == SECRET


def test_a_right_to_write_neither_sets_nor_loosens(lake, s3, versioned, outsider, reader, group):
    with refused(403, "AccessDenied"):
        closed_put(outsider.s3, versioned, "mine")
    with refused(403, "AccessDenied"):
        outsider.s3.put_object(Bucket=versioned, Key="mine", Body=b"x", Tagging=f"{TAG}={FAR}")
    with refused(403, "AccessDenied"):
        outsider.s3.put_object(Bucket=versioned, Key="mine", Body=b"x", Tagging="lake:classification=public")
    closed_put(s3, versioned, "run", readers=f"group/{group}", Tagging=f"{TAG}={FAR}&lake:classification=internal")
    for tags in ([], [{"Key": TAG, "Value": text(ahead(days=1))}]):
        tagging = {"TagSet": [*tags, {"Key": "lake:classification", "Value": "internal"}]}
        codes = [outcome(outsider.s3.put_object_tagging, Bucket=versioned, Key="run", Tagging=tagging)]
        assert codes == ["AccessDenied" if tags else "ok"]
    with refused(403, "AccessDenied"):
        outsider.s3.delete_object_tagging(Bucket=versioned, Key="run")
    with refused(404, "NoSuchKey"):
        outsider.s3.get_object(Bucket=versioned, Key="run")
    for method, path, document in (
        ("PUT", f"/embargoes/{versioned}", {"until": text(ahead(days=1))}),
        ("POST", f"/embargoes/{versioned}/lift", {"reason": "I say so"}),
        ("PUT", f"/buckets/{versioned}/embargo", {"listing": "key-only"}),
    ):
        query = [("key", "run")] if "embargoes" in path else []
        assert admin.ask(lake, method, path, document, query=query, keys=outsider.keys).status == 403, path
    # What is written over it is closed as it is, and so is what its readers copy out of it.
    outsider.s3.put_object(Bucket=versioned, Key="run", Body=b"corrected")
    assert outcome(outsider.s3.get_object, Bucket=versioned, Key="run") == "NoSuchKey"
    assert fetch(reader.s3, versioned, "run") == b"corrected"
    reader.s3.copy_object(
        Bucket=versioned, Key="copy", CopySource={"Bucket": versioned, "Key": "run"}, MetadataDirective="REPLACE"
    )
    assert outcome(outsider.s3.get_object, Bucket=versioned, Key="copy") == "NoSuchKey"
    assert fetch(reader.s3, versioned, "copy") == b"corrected"
    upload = reader.s3.create_multipart_upload(Bucket=versioned, Key="parts")["UploadId"]
    source = {"Bucket": versioned, "Key": "run"}
    part = reader.s3.upload_part_copy(
        Bucket=versioned, Key="parts", UploadId=upload, PartNumber=1, CopySource=source
    )["CopyPartResult"]["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": part}]}
    reader.s3.complete_multipart_upload(Bucket=versioned, Key="parts", UploadId=upload, MultipartUpload=parts)
    assert outcome(outsider.s3.get_object, Bucket=versioned, Key="parts") == "NoSuchKey"
    assert fetch(reader.s3, versioned, "parts") == b"corrected"


def test_setting_shortening_and_lifting_are_rights_of_their_own(lake, s3, bucket, group):
    setter = Somebody(lake, ["s3:*", "lake:SetEmbargo"])
    shortener = Somebody(lake, ["s3:*", "lake:SetEmbargo", "lake:ShortenEmbargo"])
    lifter = Somebody(lake, ["s3:*", "lake:LiftEmbargo"])
    closed_put(setter.s3, bucket, "run")
    sooner, later = text(ahead(days=10)), text(ahead(days=60))
    for who, until, readers, code in (
        (setter, sooner, None, "AccessDenied"),
        (setter, later, f"group/{group}", "AccessDenied"),
        (setter, later, None, "ok"),
        (lifter, later, None, "AccessDenied"),
        (shortener, sooner, f"group/{group}", "ok"),
    ):
        assert outcome(closed_put, who.s3, bucket, "run", until, readers) == code, (who.name, until, readers)
        document = {"until": until} | ({"readers": [readers]} if readers else {"readers": []})
        answer = admin.ask(lake, "PUT", f"/embargoes/{bucket}", document, query=[("key", "run")], keys=who.keys)
        assert answer.status == (200 if code == "ok" else 403), answer
    for who, status_told in ((setter, 403), (shortener, 403), (lifter, 200), (lifter, 400)):
        assert lift(lake, bucket, "run", who.keys).status == status_told, who.name
    told = json.loads(admin.ask(lake, "GET", f"/embargoes/{bucket}", query=[("key", "run")]).body)
    assert not told["closed"] and told["lift"]["reason"] == "it is out" and lifter.name in told["lift"]["by"]
    assert status(setter.s3.get_object(Bucket=bucket, Key="run")) == 200


def test_what_is_malformed_or_lies_behind_is_refused(lake, s3, bucket):
    past = text(datetime.now(timezone.utc) - timedelta(days=1))
    for said in ({"x_lake_embargo_until": past}, {"x_lake_embargo_until": "tomorrow"}, {"x_lake_embargo_readers": "a"}):
        with saying(s3, **said), refused(400, "InvalidArgument"):
            s3.put_object(Bucket=bucket, Key="run", Body=b"x")
    for tag in (past, "tomorrow", ""):
        with refused(400, "InvalidArgument"):
            s3.put_object(Bucket=bucket, Key="run", Body=b"x", Tagging=f"{TAG}={tag}")
    with saying(s3, x_lake_embargo_until=FAR):
        with refused(400, "InvalidArgument"):
            s3.put_object(Bucket=bucket, Key="run", Body=b"x", Tagging=f"{TAG}={text(ahead(days=1))}")
        # Where nothing is written that could be closed, it is not taken and ignored.
        with refused(400, "InvalidArgument"):
            s3.get_object(Bucket=bucket, Key="run")
        with refused(400, "InvalidArgument"):
            s3.put_object_tagging(Bucket=bucket, Key="run", Tagging={"TagSet": []})
    assert keys_of(s3.list_objects_v2(Bucket=bucket)) == []
    query = [("key", "nothing")]
    assert admin.ask(lake, "PUT", f"/embargoes/{bucket}", {"until": FAR}, query=query).status == 404
    s3.put_object(Bucket=bucket, Key="run", Body=b"x")
    for document in ({"until": past}, {"until": "x"}, {"until": FAR, "readers": ["user/"]}, {"until": FAR, "by": "x"}):
        answer = admin.ask(lake, "PUT", f"/embargoes/{bucket}", document, query=[("key", "run")])
        assert answer.status == 400, (document, answer)
    assert admin.ask(lake, "POST", f"/embargoes/{bucket}/lift", {"reason": " "}, query=[("key", "run")]).status == 400


def test_a_bucket_closes_what_is_new_by_default(lake, s3, bucket, outsider, reader, group):
    told = rule(lake, bucket, default_seconds=86_400, readers=[group])
    assert told == {"default_seconds": 86_400, "readers": [f"group/{group}"], "listing": "hidden"}
    outsider.s3.put_object(Bucket=bucket, Key="put", Body=SECRET)
    upload = outsider.s3.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
    part = outsider.s3.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=1, Body=SECRET)["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": part}]}
    outsider.s3.complete_multipart_upload(Bucket=bucket, Key="parts", UploadId=upload, MultipartUpload=parts)
    for key in ("put", "parts"):
        assert outcome(outsider.s3.get_object, Bucket=bucket, Key=key) == "NoSuchKey"
        assert fetch(reader.s3, bucket, key) == SECRET
    assert admin.ask(lake, "DELETE", f"/buckets/{bucket}/embargo").status == 204
    assert outcome(outsider.s3.get_object, Bucket=bucket, Key="put") == "NoSuchKey", "what stands keeps what it has"
    outsider.s3.put_object(Bucket=bucket, Key="new", Body=SECRET)
    assert fetch(outsider.s3, bucket, "new") == SECRET


def test_tags_close_and_their_loss_opens_nothing(s3, bucket, outsider, lake):
    curator = Somebody(lake, ["s3:*", "lake:SetEmbargo"])
    curator.s3.put_object(Bucket=bucket, Key="run", Body=SECRET)
    curator.s3.put_object_tagging(Bucket=bucket, Key="run", Tagging={"TagSet": [{"Key": TAG, "Value": FAR}]})
    assert outcome(outsider.s3.get_object, Bucket=bucket, Key="run") == "NoSuchKey"
    # The same tag again asks for nothing.
    tags = [{"Key": TAG, "Value": FAR}, {"Key": "a", "Value": "b"}]
    outsider.s3.put_object_tagging(Bucket=bucket, Key="run", Tagging={"TagSet": tags})
    outsider.s3.delete_object_tagging(Bucket=bucket, Key="run")
    assert outcome(outsider.s3.get_object, Bucket=bucket, Key="run") == "NoSuchKey"


def test_what_policies_read_of_a_bucket_is_a_right_of_its_own(s3, bucket, lake):
    plain, curator = Somebody(lake, ["s3:*"]), Somebody(lake, ["s3:*", "lake:ClassifyBucket"])

    def tagged(*pairs):
        return {"TagSet": [{"Key": name, "Value": value} for name, value in pairs]}

    def told(name):
        return outcome(s3.get_bucket_tagging, Bucket=name)

    secret, free = ("lake:classification", "confidential"), ("team", "blades")
    for pair, refusal in [
        (secret, (403, "AccessDenied")),
        (("lake:whatever", "x"), (403, "AccessDenied")),
        (("LAKE:Classification", "public"), (400, "InvalidTag")),
    ]:
        with refused(*refusal):
            plain.s3.put_bucket_tagging(Bucket=bucket, Tagging=tagged(pair, free))
    curator.s3.put_bucket_tagging(Bucket=bucket, Tagging=tagged(secret))
    for tags in (tagged(free), tagged(("lake:classification", "public")), tagged()):
        with refused(403, "AccessDenied"):
            plain.s3.put_bucket_tagging(Bucket=bucket, Tagging=tags)
    with refused(403, "AccessDenied"):
        plain.s3.delete_bucket_tagging(Bucket=bucket)
    plain.s3.put_bucket_tagging(Bucket=bucket, Tagging=tagged(secret, free))
    curator.s3.delete_bucket_tagging(Bucket=bucket)
    # A bucket that is made with them takes the right as well.
    name = f"{bucket}-born"
    born = {"Bucket": name, "CreateBucketConfiguration": {"Tags": tagged(secret)["TagSet"]}}
    with refused(403, "AccessDenied"):
        plain.s3.create_bucket(**born)
    assert told(name) == "NoSuchBucket"
    curator.s3.create_bucket(**born)
    # Nothing is closed by a bucket's tag, so nobody is let to believe it.
    for name, code in [(TAG, "InvalidArgument"), (TAG.upper(), "InvalidTag")]:
        with refused(400, code):
            s3.put_bucket_tagging(Bucket=bucket, Tagging=tagged((name, FAR)))
    assert told(bucket) == "NoSuchTagSet"


def test_case_slips_nothing_past_the_right_to_classify(s3, bucket, outsider):
    s3.put_object(Bucket=bucket, Key="run", Body=b"x", Tagging="lake:classification=confidential")
    for name in ("LAKE:classification", "Lake:embargo-until"):
        with refused(400, "InvalidTag"):
            outsider.s3.put_object(Bucket=bucket, Key="mine", Body=b"x", Tagging=f"{name}=public")
        tags = {"TagSet": [{"Key": "lake:classification", "Value": "confidential"}, {"Key": name, "Value": "public"}]}
        with refused(400, "InvalidTag"):
            outsider.s3.put_object_tagging(Bucket=bucket, Key="run", Tagging=tags)


def test_it_opens_at_the_instant_by_itself(s3, bucket, outsider):
    until = datetime.now(timezone.utc) + timedelta(seconds=3)
    until = until.replace(microsecond=until.microsecond // 1000 * 1000)
    closed_put(s3, bucket, "run", text(until))
    opened = None
    while datetime.now(timezone.utc) < until + timedelta(seconds=5):
        before = datetime.now(timezone.utc)
        if outcome(outsider.s3.get_object, Bucket=bucket, Key="run") == "ok":
            opened = datetime.now(timezone.utc)
            break
        assert before < until + timedelta(milliseconds=200), "it is late"
        assert keys_of(outsider.s3.list_objects_v2(Bucket=bucket)) == [] or datetime.now(timezone.utc) >= until
        time.sleep(0.05)
    assert opened is not None and opened >= until - timedelta(milliseconds=20)
    assert keys_of(outsider.s3.list_objects_v2(Bucket=bucket)) == ["run"]
    assert UNTIL not in headers(outsider.s3.head_object(Bucket=bucket, Key="run"))


def test_kill_9_opens_nothing_and_keeps_nothing_closed(new_lake):
    lake = new_lake().start()
    outsider, bucket = Somebody(lake, ["s3:*"]), new_bucket(lake.client())
    until = (datetime.now(timezone.utc) + timedelta(seconds=6)).replace(microsecond=0)
    closed_put(lake.client(), bucket, "run", text(until))
    closed_put(lake.client(), bucket, "long", FAR)
    for _ in range(2):
        lake.kill()
        lake.start()
        s3 = client(lake.endpoint, outsider.keys)
        told, now = outcome(s3.get_object, Bucket=bucket, Key="run"), datetime.now(timezone.utc)
        assert told == "NoSuchKey" or now >= until, now
        assert outcome(s3.get_object, Bucket=bucket, Key="long") == "NoSuchKey"
    time.sleep(max(0.0, (until - datetime.now(timezone.utc)).total_seconds()) + 0.3)
    assert fetch(s3, bucket, "run") == SECRET
    # The lake was away when it was due.
    until = (datetime.now(timezone.utc) + timedelta(seconds=2)).replace(microsecond=0)
    closed_put(lake.client(), bucket, "away", text(until))
    lake.kill()
    time.sleep(max(0.0, (until - datetime.now(timezone.utc)).total_seconds()) + 0.3)
    lake.start()
    s3 = client(lake.endpoint, outsider.keys)
    assert fetch(s3, bucket, "away") == SECRET
    assert outcome(s3.get_object, Bucket=bucket, Key="long") == "NoSuchKey"


def test_the_commands_set_list_and_lift(lake, s3, bucket, group, tmp_path):
    def run(*arguments):
        done = admin.run(tmp_path, "embargo", *arguments, environment=admin.variables(lake))
        assert done.returncode == 0, done.stderr
        return done.stdout

    until, keys = text(ahead(days=2)), ["a", "b/1", "b/2"]
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=SECRET)
        run("set", f"s3://{bucket}/{key}", "--until", until, "--reader", f"group/{group}")
    listed = json.loads(run("list", "--bucket", bucket, "--prefix", "b/", "--output", "json"))
    assert [(entry["key"], entry["readers"]) for entry in listed] == [(key, [f"group/{group}"]) for key in keys[1:]]
    table = run("list", "--bucket", bucket)
    assert table.splitlines()[0].split() == ["UNTIL", "OBJECT", "VERSION", "READERS"] and len(table.splitlines()) == 4
    days = json.loads(run("calendar", "--bucket", bucket, "--until", text(ahead(days=3)), "--output", "json"))
    assert [(day["what"], day["key"]) for day in days] == [("embargo-ends", key) for key in keys]
    assert json.loads(run("calendar", "--bucket", bucket, "--until", text(ahead(days=1)), "--output", "json")) == []
    lifted = json.loads(run("lift", f"s3://{bucket}/a", "--reason", "the paper is out", "--output", "json"))
    assert lifted["lift"]["by"] == "root" and not lifted["closed"]
    assert "the paper is out" in run("show", f"s3://{bucket}/a")
    assert [entry["key"] for entry in json.loads(run("list", "--bucket", bucket, "--output", "json"))] == keys[1:]
    assert "36h" in run("default", "set", bucket, "--for", "36h", "--listing", "key-only")
    assert json.loads(run("default", "get", bucket, "--output", "json"))["listing"] == "key-only"
    run("default", "clear", bucket)
    wrong = admin.run(tmp_path, "embargo", "set", "no-object", "--until", until, environment=admin.variables(lake))
    assert wrong.returncode != 0


def test_the_list_is_paged_and_shows_nobody_what_is_not_theirs(lake, s3, bucket, outsider):
    for number in range(5):
        closed_put(s3, bucket, f"run-{number}")
    steward = Somebody(lake, ["lake:ListEmbargoes"], f"arn:aws:s3:::{bucket}")
    for query in ([("bucket", bucket)], []):
        seen, after = [], None
        while True:
            asked = [*query, ("limit", "2"), *([("after", after)] if after else [])]
            answer = admin.ask(lake, "GET", "/embargoes", query=asked, keys=steward.keys)
            assert answer.status == 200, answer
            page = json.loads(answer.body)
            seen += [(entry["bucket"], entry["key"]) for entry in page["embargoes"]]
            if not (after := page["next"]):
                break
        assert seen == [(bucket, f"run-{number}") for number in range(5)]
    assert admin.ask(lake, "GET", "/embargoes", query=[("bucket", bucket)], keys=outsider.keys).status == 403
    assert json.loads(admin.ask(lake, "GET", "/embargoes", keys=outsider.keys).body)["embargoes"] == []
    answer = admin.ask(lake, "GET", "/embargoes", query=[("after", "nonsense")])
    assert answer.status == 400


def test_a_rule_changes_where_it_is_told_to(lake, s3, bucket, group, tmp_path):
    def rule(*arguments):
        done = admin.run(
            tmp_path, "embargo", "default", *arguments, "--output", "json", environment=admin.variables(lake)
        )
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        return told["default_seconds"], told["readers"], told["listing"]

    reader = f"group/{group}"
    assert rule("set", bucket, "--for", "2d", "--reader", reader) == (172_800, [reader], "hidden")
    assert rule("set", bucket, "--listing", "key-only") == (172_800, [reader], "key-only")
    s3.put_object(Bucket=bucket, Key="run", Body=SECRET)
    listed = json.loads(admin.ask(lake, "GET", "/embargoes", query=[("bucket", bucket)]).body)["embargoes"]
    assert [entry["key"] for entry in listed] == ["run"], "closed as before"
    assert rule("set", bucket, "--no-readers") == (172_800, [], "key-only")
    assert rule("set", bucket, "--open") == (None, [], "key-only") == rule("get", bucket)
    for wrong in ([], ["--open", "--for", "1d"], ["--no-readers", "--reader", reader]):
        done = admin.run(tmp_path, "embargo", "default", "set", bucket, *wrong, environment=admin.variables(lake))
        assert done.returncode == 2 and not done.stdout
    for document in ({"default_seconds": 0}, {"listing": "loud"}, {"period": 1}, {"readers": ["user/"]}):
        assert admin.ask(lake, "POST", f"/buckets/{bucket}/embargo", document).status == 400
