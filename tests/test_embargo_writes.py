"""What writes do with embargoes: whoever may write neither reads by it nor opens anything, here or in another account."""

import json
import secrets
import time

import pytest

import admin
import wire
from accounts import arns, document, new_account, new_user, statement
from answers import etag, fetch, headers, keys_of, new_bucket, outcome, refused, status
from embargoes import FAR, SECRET, TAG, UNTIL, Somebody, ahead, closed_put, saying, text
from forms import signed_form
from lake import Keys, client
from outside import session
from sigv4 import request, signed

SOON = text(ahead(days=1))
# Of an answer to a write: what it says of itself, and nothing else.
OWN = {"date", "x-amz-request-id", "x-amz-id-2", "etag", "x-amz-version-id", "x-lake-sequence", "content-length"}


@pytest.fixture(autouse=True)
def ours(lake):
    if lake.process is None:
        pytest.skip("only Twinlake has embargoes")


@pytest.fixture(scope="module")
def outsider(lake):
    return Somebody(lake, ["s3:*"])


@pytest.fixture(scope="module")
def setter(lake):
    return Somebody(lake, ["s3:*", "lake:SetEmbargo"])


@pytest.fixture(scope="module")
def group(lake):
    name = f"reviewers-{secrets.token_hex(4)}"
    lake.client("iam").create_group(GroupName=name)
    return name


@pytest.fixture(scope="module")
def reader(lake, group):
    return Somebody(lake, ["s3:*", "lake:SetEmbargo"], group=group)


def send(lake, keys, method, path, query=(), pairs=(), body=b""):
    return signed(request(method, lake.host, path, query, pairs, body), keys).send(lake.address)


def told(answer):
    """What an answer tells beside what was written."""
    return answer.status, sorted(
        (name.lower(), value) for name, value in answer.headers.items() if name.lower() not in OWN
    )


@pytest.mark.parametrize("versioning", [None, "Enabled", "Suspended"])
def test_writing_over_what_is_closed_tells_no_more_than_writing(lake, s3, outsider, versioning):
    bucket = new_bucket(s3, "over", versioning)
    for conditions in ((), [("If-Match", etag(SECRET))], [("If-Match", etag(b"guess"))], [("If-Match", "*")]):
        closed_put(s3, bucket, "zq9")
        over, fresh = (
            send(lake, outsider.keys, "PUT", f"/{bucket}/{key}", (), conditions, b"mine") for key in ("zq9", "wq9")
        )
        assert told(over) == told(fresh), conditions
        assert etag(SECRET) not in str(over.headers.items())
        s3.delete_object(Bucket=bucket, Key="wq9")
    # Which of two tags it has shows nowhere, though that it is there must: else it would be written over.
    closed_put(s3, bucket, "zq9")
    answers = [
        send(lake, outsider.keys, "PUT", f"/{bucket}/zq9", (), [("If-None-Match", guess)], b"mine")
        for guess in (etag(SECRET), etag(b"guess"), "*")
    ]
    assert [answer.status for answer in answers] == [412] * 3, answers
    assert fetch(s3, bucket, "zq9") == SECRET


def test_conditions_tell_nothing_of_what_is_closed_meanwhile(lake, s3, bucket, outsider):
    """The condition holds when the request begins, and the object comes while its body is on the way."""
    body = b"mine" * 1000
    for guess in (etag(SECRET), etag(b"guess"), "*"):
        s3.delete_object(Bucket=bucket, Key="run")
        made = request("PUT", lake.host, f"/{bucket}/run", (), [("If-None-Match", guess)], body)
        raw = signed(made, outsider.keys).bytes()
        with wire.connect(lake.address) as connection:
            connection.sendall(raw[:-10])
            time.sleep(0.3)
            closed_put(s3, bucket, "run")
            connection.sendall(raw[-10:])
            answer = wire.receive(connection, "PUT")
        assert (answer.status, answer.code) == (412, "PreconditionFailed"), guess
        assert fetch(s3, bucket, "run") == SECRET


@pytest.mark.parametrize("versioning", [None, "Enabled", "Suspended"])
def test_deleting_what_is_closed_tells_nothing_of_it(lake, s3, outsider, versioning):
    bucket = new_bucket(s3, "gone", versioning)
    keys = [f"{letter}q9" for letter in "zyxw"]
    for key in keys[:2]:
        closed_put(s3, bucket, key)
    over, fresh = (send(lake, outsider.keys, "DELETE", f"/{bucket}/{key}") for key in (keys[0], keys[2]))
    assert told(over) == told(fresh)
    answer = outsider.s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": keys[1]}, {"Key": keys[3]}]})
    assert [sorted(set(one) - {"Key"}) for one in answer["Deleted"]][0] == [
        sorted(set(one) - {"Key"}) for one in answer["Deleted"]
    ][1]
    if versioning == "Enabled":
        # The marker is the deleter's own, and what lies below stays closed.
        for version in s3.list_object_versions(Bucket=bucket)["Versions"]:
            with refused(404, "NoSuchVersion"):
                outsider.s3.get_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])
    for guess in (etag(SECRET), etag(b"guess")):
        closed_put(s3, bucket, "zq9")
        entries = {"Objects": [{"Key": key, "ETag": guess} for key in ("zq9", "none")]}
        answer = outsider.s3.delete_objects(Bucket=bucket, Delete=entries)
        one, other = ({name: value for name, value in error.items() if name != "Key"} for error in answer["Errors"])
        assert one == other, (guess, answer)
        assert fetch(s3, bucket, "zq9") == SECRET


def test_uploads_of_what_will_be_closed(lake, s3, bucket, setter, group, reader):
    with saying(setter.s3, x_lake_embargo_until=FAR, x_lake_embargo_readers=f"group/{group}"):
        upload = {"Bucket": bucket, "Key": "run"}
        upload["UploadId"] = setter.s3.create_multipart_upload(**upload)["UploadId"]
    part = setter.s3.upload_part(**upload, PartNumber=1, Body=SECRET)["ETag"]
    looker = Somebody(lake, ["s3:List*", "s3:Get*"]).s3
    never = upload | {"UploadId": "0" * len(upload["UploadId"])}
    for one in (upload, never):
        with refused(404, "NoSuchUpload") as caught:
            looker.list_parts(**one)
        assert part.strip('"') not in str(caught.value.response)
    assert keys_of(looker.list_multipart_uploads(Bucket=bucket), "Uploads") == []
    assert len(setter.s3.list_parts(**upload)["Parts"]) == 1
    # Who started it lets nobody in by completing it, and is none of its readers.
    setter.s3.complete_multipart_upload(
        **upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part}]}
    )
    for who in (looker, setter.s3):
        assert outcome(who.get_object, Bucket=bucket, Key="run") == "NoSuchKey"
        assert outcome(who.get_object_attributes, Bucket=bucket, Key="run", ObjectAttributes=["ObjectParts"]) == "NoSuchKey"
    assert fetch(reader.s3, bucket, "run") == SECRET
    # A right to write does not start one that is closed.
    with saying(looker, x_lake_embargo_until=FAR), refused(403, "AccessDenied"):
        looker.create_multipart_upload(Bucket=bucket, Key="other")


def test_forms_close_by_the_same_right(lake, s3, bucket, outsider, setter):
    for who, expected in ((outsider, 403), (setter, 204)):
        form = signed_form(bucket, who.keys, [("key", "run"), (UNTIL, FAR)], content=SECRET)
        answer = form.request(lake.host).send(lake.address)
        assert answer.status == expected, answer
    assert fetch(s3, bucket, "run") == SECRET
    for who in (outsider, setter):
        assert outcome(who.s3.get_object, Bucket=bucket, Key="run") == "NoSuchKey"


def test_copies_open_nothing(lake, s3, versioned, reader, outsider, group):
    put = closed_put(s3, versioned, "run", readers=f"group/{group}", Tagging=f"{TAG}={FAR}")
    elsewhere = new_bucket(s3, "elsewhere")
    source = {"Bucket": versioned, "Key": "run", "VersionId": put["VersionId"]}
    for said, code in (
        ({}, "ok"),
        ({"x_lake_embargo_until": FAR, "x_lake_embargo_readers": f"group/{group}"}, "ok"),
        ({"x_lake_embargo_until": SOON}, "AccessDenied"),
        ({"x_lake_embargo_until": FAR, "x_lake_embargo_readers": f"group/{group},user/{outsider.name}"}, "AccessDenied"),
    ):
        for directives in ({}, {"TaggingDirective": "REPLACE", "Tagging": ""}, {"ACL": "private"}):
            with saying(reader.s3, **said):
                copied = {"Bucket": elsewhere, "Key": "copy", "CopySource": source} | directives
                assert outcome(reader.s3.copy_object, **copied) == code, (said, directives)
            assert outcome(outsider.s3.get_object, Bucket=elsewhere, Key="copy") == "NoSuchKey"
    upload = {"Bucket": elsewhere, "Key": "parts"}
    upload["UploadId"] = reader.s3.create_multipart_upload(**upload)["UploadId"]
    part = reader.s3.upload_part_copy(**upload, PartNumber=1, CopySource=source, CopySourceRange="bytes=0-3")
    named = {"Parts": [{"PartNumber": 1, "ETag": part["CopyPartResult"]["ETag"]}]}
    reader.s3.complete_multipart_upload(**upload, MultipartUpload=named)
    assert outcome(outsider.s3.get_object, Bucket=elsewhere, Key="parts") == "NoSuchKey"
    assert fetch(reader.s3, elsewhere, "parts") == SECRET[:4]


def member(account, group, name):
    """A user of an account who may do everything, in a group of it."""
    iam = client(account.lake.endpoint, account.keys, "iam")
    made = new_user(account, statement("Allow", "s3:*", "*"), name=name)
    if group not in [one["GroupName"] for one in iam.list_groups()["Groups"]]:
        iam.create_group(GroupName=group)
    iam.add_user_to_group(GroupName=group, UserName=made.name)
    return made


def test_readers_of_other_accounts_and_copies_into_them(lake):
    """A name alone is of the bucket's account. What is copied elsewhere keeps its readers, and no namesakes of theirs."""
    one, other = new_account(lake), new_account(lake)
    reader, namesake = member(one, "reviewers", "reader"), member(other, "reviewers", "namesake")
    guest = member(other, "guests", "guest")
    buckets = [f"{name}-{secrets.token_hex(6)}" for name in ("one", "other")]
    for account, bucket in zip((one, other), buckets):
        account.s3.create_bucket(Bucket=bucket, ObjectOwnership="BucketOwnerEnforced")
        account.s3.delete_public_access_block(Bucket=bucket)
        everybody = statement("Allow", "s3:*", arns(bucket), Principal="*")
        account.s3.put_bucket_policy(Bucket=bucket, Policy=document(everybody))
    closed_put(one.s3, buckets[0], "run", readers=f"group/reviewers,group/{other.number}/guests")
    may_read = {"reader": reader, "namesake": namesake, "guest": guest}

    def readers_of(bucket, key):
        return [name for name, user in may_read.items() if outcome(user.s3.get_object, Bucket=bucket, Key=key) == "ok"]

    assert readers_of(buckets[0], "run") == ["reader", "guest"]
    source = {"Bucket": buckets[0], "Key": "run"}
    for name, who in (("copy", reader), ("copy of a guest", guest)):
        who.s3.copy_object(Bucket=buckets[1], Key=name, CopySource=source)
        assert readers_of(buckets[1], name) == ["reader", "guest"], name
    upload = {"Bucket": buckets[1], "Key": "parts"}
    upload["UploadId"] = reader.s3.create_multipart_upload(**upload)["UploadId"]
    part = reader.s3.upload_part_copy(**upload, PartNumber=1, CopySource=source)["CopyPartResult"]["ETag"]
    reader.s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part}]})
    assert readers_of(buckets[1], "parts") == ["reader", "guest"]
    # And back again.
    guest.s3.copy_object(Bucket=buckets[0], Key="back", CopySource={"Bucket": buckets[1], "Key": "copy"})
    assert readers_of(buckets[0], "back") == ["reader", "guest"]
    # The roots of accounts are bound as everybody is, though they may know of it.
    for account, bucket, key in zip((one, other), buckets, ("run", "copy")):
        assert outcome(account.s3.get_object, Bucket=bucket, Key=key) == "AccessDenied"


def test_a_role_is_a_reader_while_it_is_taken_on(lake, s3, bucket):
    iam, role = lake.client("iam"), f"trainer-{secrets.token_hex(4)}"
    user = Somebody(lake, ["s3:*", "sts:AssumeRole"])
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "arn:aws:iam::000000000000:root"}}
    arn = iam.create_role(RoleName=role, AssumeRolePolicyDocument=document(trust))["Role"]["Arn"]
    may_read = document(statement("Allow", "s3:*", "*"))
    iam.put_role_policy(RoleName=role, PolicyName="own", PolicyDocument=may_read)
    closed_put(s3, bucket, "run", readers=f"role/{role}")
    sts = client(lake.endpoint, user.keys, "sts")

    def taken_on(**options):
        keys = sts.assume_role(RoleArn=arn, RoleSessionName="night", **options)["Credentials"]
        return session(lake.endpoint, Keys(keys["AccessKeyId"], keys["SecretAccessKey"]), keys["SessionToken"])

    assert fetch(taken_on(), bucket, "run") == SECRET
    assert outcome(user.s3.get_object, Bucket=bucket, Key="run") == "NoSuchKey"
    # Being a reader gives no right to read: what narrows the session narrows it still.
    narrowed = taken_on(Policy=document(statement("Allow", "s3:ListBucket", "*")))
    assert outcome(narrowed.get_object, Bucket=bucket, Key="run") == "AccessDenied"
    assert keys_of(narrowed.list_objects_v2(Bucket=bucket)) == ["run"]


def test_a_default_that_changes_later_changes_nothing_that_stands(lake, s3, bucket, outsider, group, reader):
    def rule(**said):
        answer = admin.ask(lake, "PUT", f"/buckets/{bucket}/embargo", said)
        assert answer.status == 200, answer

    rule(default_seconds=86_400, readers=[group])
    s3.put_object(Bucket=bucket, Key="run", Body=SECRET)
    for said in ({"default_seconds": 1}, {"default_seconds": 1, "readers": [f"user/{outsider.name}"]}, {}):
        rule(**said)
        assert outcome(outsider.s3.get_object, Bucket=bucket, Key="run") == "NoSuchKey", said
        assert fetch(reader.s3, bucket, "run") == SECRET
    told_of = json.loads(admin.ask(lake, "GET", f"/embargoes/{bucket}", query=[("key", "run")]).body)
    assert told_of["readers"] == [f"group/{group}"] and told_of["closed"]
    # Listings show by the rule that stands now, and no more than keys.
    rule(listing="key-only")
    [entry] = outsider.s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert entry["Key"] == "run" and "Size" not in entry and "ETag" not in entry


def test_access_lists_retention_and_tags_of_what_is_closed(lake, s3, outsider):
    """Who may change these may, and learns nothing of what it is changing."""
    bucket = f"locked-{secrets.token_hex(6)}"
    s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True, ObjectOwnership="ObjectWriter")
    s3.delete_public_access_block(Bucket=bucket)
    closed_put(s3, bucket, "run", Tagging="a=b")
    run = {"Bucket": bucket, "Key": "run"}
    answers = [
        outsider.s3.put_object_acl(**run, ACL="public-read"),
        outsider.s3.put_object_tagging(**run, Tagging={"TagSet": [{"Key": "c", "Value": "d"}]}),
        outsider.s3.put_object_retention(**run, Retention={"Mode": "GOVERNANCE", "RetainUntilDate": ahead(days=1)}),
        outsider.s3.put_object_legal_hold(**run, LegalHold={"Status": "ON"}),
        outsider.s3.put_object_annotation(**run, AnnotationName="a", AnnotationPayload=b"found"),
    ]
    for answer in answers:
        assert status(answer) == 200 and etag(SECRET) not in str(answer), answer
        assert not set(headers(answer)) & {"last-modified", UNTIL, "x-lake-opens-at"}, answer
    for read in ("get_object", "get_object_acl", "get_object_tagging", "get_object_retention", "get_object_legal_hold"):
        assert outcome(getattr(outsider.s3, read), **run) == "NoSuchKey", read
    assert fetch(s3, bucket, "run") == SECRET
