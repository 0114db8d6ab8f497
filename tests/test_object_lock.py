"""Object Lock: versions that nothing removes before their time, and who may say so."""

import concurrent.futures
import datetime
import json
import os
import secrets
import subprocess
import sys
import time
from pathlib import Path

import pytest

import forms
from answers import body, fetch, headers, new_bucket, outcome, refused, status
from lake import REGION, Keys, client, random_keys

UTC = datetime.timezone.utc
YEAR_2040 = datetime.datetime(2040, 1, 1, tzinfo=UTC)
YEAR_2041 = datetime.datetime(2041, 1, 1, tzinfo=UTC)
DAY = datetime.timedelta(days=1)


def now():
    return datetime.datetime.now(UTC)


def soon(seconds):
    return now() + datetime.timedelta(seconds=seconds)


def retention(mode, until=YEAR_2040):
    return {"Mode": mode, "RetainUntilDate": until}


def locked(mode, until=YEAR_2040):
    """As a write asks for it."""
    return {"ObjectLockMode": mode, "ObjectLockRetainUntilDate": until}


@pytest.fixture
def locking(s3):
    """A new bucket that locks its objects."""
    name = f"locking-{secrets.token_hex(6)}"
    s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    return name


def put(s3, bucket, key="k", content=b"x", **options):
    """The version written, as other calls name it."""
    version = s3.put_object(Bucket=bucket, Key=key, Body=content, **options)["VersionId"]
    return {"Bucket": bucket, "Key": key, "VersionId": version}


def stays(s3, version, **options):
    """Whoever would remove it is refused, and it is still there."""
    with refused(403, "AccessDenied"):
        s3.delete_object(**version, **options)
    s3.head_object(**version)


# --- buckets


def test_a_bucket_that_locks_keeps_versions_for_good(s3, locking):
    assert s3.get_bucket_versioning(Bucket=locking)["Status"] == "Enabled"
    told = s3.get_object_lock_configuration(Bucket=locking)["ObjectLockConfiguration"]
    assert told == {"ObjectLockEnabled": "Enabled"}
    with refused(409, "InvalidBucketState"):
        s3.put_bucket_versioning(Bucket=locking, VersioningConfiguration={"Status": "Suspended"})
    s3.put_bucket_versioning(Bucket=locking, VersioningConfiguration={"Status": "Enabled"})
    with refused(409, "BucketAlreadyOwnedByYou"):
        s3.create_bucket(Bucket=locking, ObjectLockEnabledForBucket=True)


def test_a_bucket_that_keeps_versions_can_begin_to_lock(s3, bucket):
    lock = {"ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled"}}
    before = s3.put_object(Bucket=bucket, Key="k", Body=b"before")
    assert "VersionId" not in before
    with refused(404, "ObjectLockConfigurationNotFoundError"):
        s3.get_object_lock_configuration(Bucket=bucket)
    for state in (None, "Suspended"):
        if state:
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": state})
        with refused(409, "InvalidBucketState"):
            s3.put_object_lock_configuration(Bucket=bucket, **lock)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object_lock_configuration(Bucket=bucket, **lock)
    # What was there before can be locked as well.
    null = {"Bucket": bucket, "Key": "k", "VersionId": "null"}
    s3.put_object_retention(**null, Retention=retention("COMPLIANCE"))
    put(s3, bucket)
    stays(s3, null, BypassGovernanceRetention=True)
    assert fetch(s3, bucket, "k", VersionId="null") == b"before"


def test_a_bucket_that_does_not_lock_takes_no_lock(s3, versioned):
    version = put(s3, versioned)
    for lock in (locked("GOVERNANCE"), {"ObjectLockLegalHoldStatus": "ON"}, {"ObjectLockLegalHoldStatus": "OFF"}):
        with refused(400, "InvalidRequest"):
            put(s3, versioned, content=b"after", **lock)
        with refused(400, "InvalidRequest"):
            s3.copy_object(Bucket=versioned, Key="c", CopySource=f"{versioned}/k", **lock)
        with refused(400, "InvalidRequest"):
            s3.create_multipart_upload(Bucket=versioned, Key="m", **lock)
    for call, options in (
        (s3.get_object_retention, {}),
        (s3.get_object_legal_hold, {}),
        (s3.put_object_retention, {"Retention": retention("GOVERNANCE")}),
        (s3.put_object_legal_hold, {"LegalHold": {"Status": "ON"}}),
    ):
        with refused(400, "InvalidRequest"):
            call(**version, **options)
    assert fetch(s3, versioned, "k") == b"x"
    s3.delete_object(**version)


RULES = [
    ({"Mode": "GOVERNANCE", "Days": 1, "Years": 1}, "MalformedXML"),
    ({"Mode": "GOVERNANCE"}, "MalformedXML"),
    ({"Days": 1}, "MalformedXML"),
    ({"Mode": "governance", "Days": 1}, "MalformedXML"),
    ({"Mode": "GOVERNANCE", "Days": 0}, "InvalidRetentionPeriod"),
    ({"Mode": "GOVERNANCE", "Years": -1}, "InvalidRetentionPeriod"),
    ({"Mode": "COMPLIANCE", "Days": 36_501}, "InvalidRetentionPeriod"),
    ({"Mode": "COMPLIANCE", "Years": 101}, "InvalidRetentionPeriod"),
]


@pytest.mark.parametrize("rule, code", RULES, ids=[json.dumps(rule) for rule, _ in RULES])
def test_a_default_that_cannot_be_is_refused(s3, locking, rule, code):
    kept = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 3}}}
    s3.put_object_lock_configuration(Bucket=locking, ObjectLockConfiguration=kept)
    wrong = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": rule}}
    with refused(400, code):
        s3.put_object_lock_configuration(Bucket=locking, ObjectLockConfiguration=wrong)
    assert s3.get_object_lock_configuration(Bucket=locking)["ObjectLockConfiguration"] == kept


@pytest.mark.parametrize("period, days", [({"Days": 2}, 2), ({"Years": 1}, 365)], ids=["days", "years"])
def test_a_default_retains_whatever_is_written(s3, locking, period, days):
    old = put(s3, locking, "old")
    rule = {"DefaultRetention": {"Mode": "GOVERNANCE"} | period}
    lock = {"ObjectLockEnabled": "Enabled", "Rule": rule}
    s3.put_object_lock_configuration(Bucket=locking, ObjectLockConfiguration=lock)
    put(s3, locking, "put")
    s3.copy_object(Bucket=locking, Key="copied", CopySource=f"{locking}/put")
    upload = {"Bucket": locking, "Key": "parts"}
    upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
    tag = s3.upload_part(**upload, PartNumber=1, Body=b"x")["ETag"]
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": tag}]})
    for key in ("put", "copied", "parts"):
        told = s3.head_object(Bucket=locking, Key=key)
        assert told["ObjectLockMode"] == "GOVERNANCE" and "ObjectLockLegalHoldStatus" not in told
        ahead = told["ObjectLockRetainUntilDate"] - now()
        assert days * DAY - datetime.timedelta(minutes=1) < ahead <= days * DAY
        stays(s3, {"Bucket": locking, "Key": key, "VersionId": told["VersionId"]})
    # What a request says goes before what the bucket says.
    put(s3, locking, "chosen", **locked("COMPLIANCE"))
    assert s3.get_object_retention(Bucket=locking, Key="chosen")["Retention"] == retention("COMPLIANCE")
    # What was there before is as it was, and without a rule so is what comes.
    s3.put_object_lock_configuration(Bucket=locking, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"})
    for version in (old, put(s3, locking, "new")):
        with refused(404, "NoSuchObjectLockConfiguration"):
            s3.get_object_retention(**version)
        assert status(s3.delete_object(**version)) == 204


# --- versions


@pytest.mark.parametrize("way", ["put", "copy", "parts", "form"])
def test_locks_come_with_every_way_to_write(lake, s3, locking, way):
    lock = locked("GOVERNANCE") | {"ObjectLockLegalHoldStatus": "ON"}
    place = {"Bucket": locking, "Key": "k"}
    if way == "put":
        s3.put_object(**place, Body=b"x", **lock)
    elif way == "copy":
        put(s3, locking, "source", **locked("COMPLIANCE"))
        s3.copy_object(**place, CopySource=f"{locking}/source", **lock)
        s3.copy_object(Bucket=locking, Key="plain", CopySource=f"{locking}/source")
        assert "ObjectLockMode" not in s3.head_object(Bucket=locking, Key="plain"), "a lock is never copied"
    elif way == "parts":
        upload = place | {"UploadId": s3.create_multipart_upload(**place, **lock)["UploadId"]}
        tag = s3.upload_part(**upload, PartNumber=1, Body=b"x")["ETag"]
        s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": tag}]})
    else:
        fields = {
            "key": "k",
            "x-amz-object-lock-mode": "GOVERNANCE",
            "x-amz-object-lock-retain-until-date": "2040-01-01T00:00:00Z",
            "x-amz-object-lock-legal-hold": "ON",
        }
        form = forms.signed_form(locking, lake.keys, list(fields.items()), content=b"x")
        assert form.request(lake.host).send(lake.address).status == 204
    for told in (s3.head_object(**place), s3.get_object(**place)):
        assert {name: told[name] for name in lock} == lock
        assert headers(told)["x-amz-object-lock-retain-until-date"].startswith("2040-01-01T00:00:00")
    version = place | {"VersionId": told["VersionId"]}
    assert s3.get_object_retention(**version)["Retention"] == retention("GOVERNANCE")
    assert s3.get_object_legal_hold(**version)["LegalHold"] == {"Status": "ON"}
    stays(s3, version, BypassGovernanceRetention=True)
    s3.put_object_legal_hold(**version, LegalHold={"Status": "OFF"})
    assert s3.get_object_legal_hold(**version)["LegalHold"] == {"Status": "OFF"}
    stays(s3, version)
    assert status(s3.delete_object(**version, BypassGovernanceRetention=True)) == 204
    with refused(404):
        s3.head_object(**version)


WRONG = [
    {"ObjectLockMode": "GOVERNANCE"},
    {"ObjectLockRetainUntilDate": YEAR_2040},
    locked("governance"),
    locked("GOVERNANCE", datetime.datetime(2020, 1, 1)),
    locked("COMPLIANCE", datetime.datetime(1960, 1, 1)),
    {"ObjectLockLegalHoldStatus": "on"},
]


@pytest.mark.parametrize("lock", WRONG, ids=[f"{index}" for index in range(len(WRONG))])
def test_a_lock_that_makes_no_sense_writes_nothing(s3, locking, lock):
    with refused(400, "InvalidArgument"):
        put(s3, locking, **lock)
    with refused(400, "InvalidArgument"):
        s3.create_multipart_upload(Bucket=locking, Key="k", **lock)
    assert "Versions" not in s3.list_object_versions(Bucket=locking)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=locking)


def test_governance_waits_unless_it_is_passed_over(s3, locking):
    version = put(s3, locking, **locked("GOVERNANCE"))
    stays(s3, version)
    stays(s3, version, BypassGovernanceRetention=False)
    retain = s3.put_object_retention
    retain(**version, Retention=retention("GOVERNANCE", YEAR_2041))
    for shorter in (retention("GOVERNANCE"), retention("COMPLIANCE", YEAR_2041), {}):
        with refused(403, "AccessDenied"):
            retain(**version, Retention=shorter)
    assert s3.get_object_retention(**version)["Retention"] == retention("GOVERNANCE", YEAR_2041)
    retain(**version, Retention=retention("GOVERNANCE"), BypassGovernanceRetention=True)
    assert s3.get_object_retention(**version)["Retention"] == retention("GOVERNANCE")
    retain(**version, Retention={}, BypassGovernanceRetention=True)
    with refused(404, "NoSuchObjectLockConfiguration"):
        s3.get_object_retention(**version)
    assert status(s3.delete_object(**version)) == 204


def test_nobody_passes_over_compliance(s3, locking):
    version = put(s3, locking, **locked("GOVERNANCE", YEAR_2041))
    s3.put_object_retention(**version, Retention=retention("COMPLIANCE"), BypassGovernanceRetention=True)
    for bypass in (False, True):
        stays(s3, version, BypassGovernanceRetention=bypass)
        for looser in (retention("GOVERNANCE", YEAR_2041), retention("COMPLIANCE", YEAR_2040 - DAY), {}):
            with refused(403, "AccessDenied"):
                s3.put_object_retention(**version, Retention=looser, BypassGovernanceRetention=bypass)
    s3.put_object_retention(**version, Retention=retention("COMPLIANCE", YEAR_2041))
    # A marker may cover it, and what covers it may go.
    marker = s3.delete_object(Bucket=locking, Key="k")["VersionId"]
    stays(s3, version, BypassGovernanceRetention=True)
    s3.delete_object(Bucket=locking, Key="k", VersionId=marker)
    s3.delete_object(**put(s3, locking))
    assert fetch(s3, locking, "k") == b"x"
    with refused(409, "BucketNotEmpty"):
        s3.delete_bucket(Bucket=locking)


@pytest.mark.parametrize("mode", ["GOVERNANCE", "COMPLIANCE"])
def test_what_is_retained_goes_when_its_time_has_come(s3, locking, mode):
    end = soon(3).replace(microsecond=0)  # boto3 leaves fractions of seconds out
    version = put(s3, locking, **locked(mode, end))
    stays(s3, version)
    while outcome(s3.delete_object, **version) != "ok":
        assert s3.get_object_retention(**version)["Retention"]["Mode"] == mode
        assert now() < end + datetime.timedelta(seconds=20)
        time.sleep(0.1)
    assert now() >= end, "it went before its time"


def test_a_hold_lasts_until_it_is_lifted(s3, locking):
    version = put(s3, locking, **locked("GOVERNANCE", soon(1)))
    with refused(404, "NoSuchObjectLockConfiguration"):
        s3.get_object_legal_hold(**version)
    s3.put_object_legal_hold(**version, LegalHold={"Status": "ON"})
    time.sleep(1.5)
    stays(s3, version, BypassGovernanceRetention=True)
    for wrong in ({"Status": "on"}, {}):
        with refused(400, "MalformedXML"):
            s3.put_object_legal_hold(**version, LegalHold=wrong)
    s3.put_object_legal_hold(**version, LegalHold={"Status": "OFF"})
    assert status(s3.delete_object(**version)) == 204


def test_many_are_deleted_each_for_itself(s3, locking):
    content = {"governed": locked("GOVERNANCE"), "free": {}, "held": {"ObjectLockLegalHoldStatus": "ON"}}
    content["complying"] = locked("COMPLIANCE")
    versions = {key: put(s3, locking, key, **lock)["VersionId"] for key, lock in content.items()}
    entries = [{"Key": key, "VersionId": version} for key, version in versions.items()]

    def delete(**options):
        told = s3.delete_objects(Bucket=locking, Delete={"Objects": entries}, **options)
        errors = {entry["Key"]: (entry["Code"], entry["VersionId"]) for entry in told.get("Errors", [])}
        return {entry["Key"] for entry in told.get("Deleted", [])}, errors

    def denied(*keys):
        return {key: ("AccessDenied", versions[key]) for key in keys}

    assert delete() == ({"free"}, denied("governed", "held", "complying"))
    # What is gone is deleted already.
    assert delete(BypassGovernanceRetention=True) == ({"free", "governed"}, denied("held", "complying"))
    # Without versions, markers cover what is locked.
    told = s3.delete_objects(Bucket=locking, Delete={"Objects": [{"Key": "held"}, {"Key": "complying"}]})
    assert len(told["Deleted"]) == 2 and all(entry["DeleteMarker"] for entry in told["Deleted"])


def test_a_marker_and_what_is_not_there_have_no_lock(s3, locking):
    put(s3, locking)
    marker = s3.delete_object(Bucket=locking, Key="k")["VersionId"]
    place = {"Bucket": locking, "Key": "k"}
    for call, options in (
        (s3.get_object_retention, {}),
        (s3.put_object_retention, {"Retention": retention("GOVERNANCE")}),
        (s3.get_object_legal_hold, {}),
        (s3.put_object_legal_hold, {"LegalHold": {"Status": "ON"}}),
    ):
        with refused(405, "MethodNotAllowed"):
            call(**place, VersionId=marker, **options)
        with refused(404, "NoSuchKey"):
            call(**place, **options)
        with refused(404, "NoSuchKey"):
            call(Bucket=locking, Key="none", **options)
        with refused(404, "NoSuchVersion"):
            call(**place, VersionId="0" * 32, **options)
        with refused(404, "NoSuchBucket"):
            call(Bucket=f"{locking}-none", Key="k", **options)


def test_what_is_beside_a_locked_version_can_change(s3, locking):
    """As in S3: the lock keeps the version, not its tags."""
    version = put(s3, locking, **locked("COMPLIANCE"))
    s3.put_object_tagging(**version, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    assert s3.get_object_tagging(**version)["TagSet"] == [{"Key": "a", "Value": "b"}]
    assert s3.get_object_retention(**version)["Retention"] == retention("COMPLIANCE")


def test_removals_and_holds_at_once(lake, s3, locking):
    """Of a hold and a removal one comes first, and the other sees it."""
    others = [lake.client(user_agent_extra=f"racer-{number}") for number in range(2)]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for number in range(30):
            version = put(s3, locking, content=body(10, number))
            hold = pool.submit(
                outcome, others[0].put_object_legal_hold, **version, LegalHold={"Status": "ON"}
            )
            removal = pool.submit(outcome, others[1].delete_object, **version)
            done = hold.result(), removal.result()
            there = outcome(s3.get_object_legal_hold, **version) == "ok"
            assert done == (("ok", "AccessDenied") if there else ("NoSuchVersion", "ok")), done


# --- who may


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(*actions, resource="*", **condition):
    return {"Effect": "Allow", "Action": [f"s3:{action}" for action in actions], "Resource": resource} | condition


@pytest.fixture
def user(lake, request):
    """Makes a user with a policy, and gives back a client with the keys of that user."""
    if lake.process is None:
        pytest.skip("ours only")
    iam = lake.client("iam")

    def make(*statements):
        name = f"user-{secrets.token_hex(6)}"
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=policy(*statements))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return client(lake.endpoint, Keys(key["AccessKeyId"], key["SecretAccessKey"]))

    return make


ALL_BUT_LOCKS = ("PutObject", "GetObject", "GetObjectVersion", "DeleteObject", "DeleteObjectVersion", "ListBucket")


def test_locks_are_rights_of_their_own(s3, locking, user):
    plain = user(allow(*ALL_BUT_LOCKS))
    put(plain, locking, "other")
    version = put(plain, locking)
    for call, options in (
        (plain.put_object, {"Body": b"y"} | locked("GOVERNANCE")),
        (plain.put_object, {"Body": b"y", "ObjectLockLegalHoldStatus": "ON"}),
        (plain.copy_object, {"CopySource": f"{locking}/other"} | locked("GOVERNANCE")),
        (plain.create_multipart_upload, locked("GOVERNANCE")),
        (plain.put_object_retention, {"Retention": retention("GOVERNANCE")}),
        (plain.get_object_retention, {}),
        (plain.put_object_legal_hold, {"LegalHold": {"Status": "ON"}}),
        (plain.get_object_legal_hold, {}),
    ):
        with refused(403, "AccessDenied"):
            call(Bucket=locking, Key="k", **options)
    for call, options in (
        (plain.get_object_lock_configuration, {}),
        (plain.put_object_lock_configuration, {"ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled"}}),
    ):
        with refused(403, "AccessDenied"):
            call(Bucket=locking, **options)
    # Who may not ask is not told either.
    s3.put_object_retention(**version, Retention=retention("GOVERNANCE"))
    s3.put_object_legal_hold(**version, LegalHold={"Status": "ON"})
    told = plain.head_object(**version)
    assert not [name for name in told if name.startswith("ObjectLock")], told
    reader = user(allow("GetObject", "GetObjectVersion", "GetObjectRetention"))
    told = reader.get_object(**version)
    assert told["ObjectLockMode"] == "GOVERNANCE" and "ObjectLockLegalHoldStatus" not in told


def test_passing_over_governance_takes_a_right_and_a_word(s3, locking, user):
    plain = user(allow(*ALL_BUT_LOCKS, "PutObjectRetention"))
    governor = user(allow(*ALL_BUT_LOCKS, "PutObjectRetention", "BypassGovernanceRetention"))
    version = put(s3, locking, **locked("GOVERNANCE"))
    for who, bypass in ((plain, True), (plain, False), (governor, False)):
        stays_for = {"BypassGovernanceRetention": bypass}
        with refused(403, "AccessDenied"):
            who.delete_object(**version, **stays_for)
        with refused(403, "AccessDenied"):
            who.put_object_retention(**version, Retention={}, **stays_for)
    # Nobody needs the right for what is not locked, whatever they say.
    plain.delete_object(**put(plain, locking, "free"), BypassGovernanceRetention=True)
    governor.put_object_retention(
        **version, Retention=retention("GOVERNANCE", soon(600)), BypassGovernanceRetention=True
    )
    governor.delete_object(**version, BypassGovernanceRetention=True)
    with refused(404):
        s3.head_object(**version)


def test_policies_bound_what_may_be_locked(locking, user):
    writes = allow(*ALL_BUT_LOCKS)

    def limited(**condition):
        return user(writes, allow("PutObjectRetention", "PutObjectLegalHold", Condition=condition))

    governor = limited(StringEquals={"s3:object-lock-mode": "GOVERNANCE"})
    version = put(governor, locking, **locked("GOVERNANCE"))
    governor.put_object_retention(**version, Retention=retention("GOVERNANCE", YEAR_2041))
    with refused(403, "AccessDenied"):
        put(governor, locking, **locked("COMPLIANCE"))
    with refused(403, "AccessDenied"):
        governor.put_object_retention(**version, Retention=retention("COMPLIANCE", YEAR_2041))
    brief = limited(NumericLessThanEquals={"s3:object-lock-remaining-retention-days": "10"})
    version = put(brief, locking, **locked("GOVERNANCE", now() + 5 * DAY))
    brief.put_object_retention(**version, Retention=retention("GOVERNANCE", now() + 9 * DAY))
    with refused(403, "AccessDenied"):
        brief.put_object_retention(**version, Retention=retention("GOVERNANCE", now() + 12 * DAY))
    early = limited(DateLessThan={"s3:object-lock-retain-until-date": "2040-06-01T00:00:00Z"})
    put(early, locking, **locked("GOVERNANCE"))
    with refused(403, "AccessDenied"):
        put(early, locking, **locked("GOVERNANCE", YEAR_2041))
    holder = limited(StringEquals={"s3:object-lock-legal-hold": "ON"})
    version = put(holder, locking, ObjectLockLegalHoldStatus="ON")
    with refused(403, "AccessDenied"):
        holder.put_object_legal_hold(**version, LegalHold={"Status": "OFF"})


def test_policies_bound_what_passes_over_governance(locking, user):
    """They see the lock that is asked for in the place of the one that stands. Who deletes asks for none."""

    def limited(**condition):
        return user(
            allow(*ALL_BUT_LOCKS, "PutObjectRetention"), allow("BypassGovernanceRetention", Condition=condition)
        )

    def loosen(who, version, *asked):
        who.put_object_retention(**version, Retention=retention(*asked), BypassGovernanceRetention=True)

    days = "s3:object-lock-remaining-retention-days"
    version = put(limited(), locking, **locked("GOVERNANCE"))
    for condition, allowed, denied in (
        ({"NumericGreaterThanEquals": {days: "10"}}, ("GOVERNANCE", now() + 30 * DAY), ("GOVERNANCE", now() + 5 * DAY)),
        (
            {"DateGreaterThan": {"s3:object-lock-retain-until-date": (now() + 10 * DAY).strftime("%Y-%m-%dT%H:%M:%SZ")}},
            ("GOVERNANCE", now() + 20 * DAY),
            ("GOVERNANCE", now() + 9 * DAY),
        ),
        (
            {"StringEquals": {"s3:object-lock-mode": "GOVERNANCE"}},
            ("GOVERNANCE", now() + 8 * DAY),
            ("COMPLIANCE", now() + 7 * DAY),
        ),
    ):
        who = limited(**condition)
        with refused(403, "AccessDenied"):
            loosen(who, version, *denied)
        # What loosens nothing passes over nothing, and what removes the version asks for no lock.
        with refused(403, "AccessDenied"):
            who.delete_object(**version, BypassGovernanceRetention=True)
        loosen(who, version, *allowed)
    who = limited(Null={days: "true"})
    with refused(403, "AccessDenied"):
        loosen(who, version, "GOVERNANCE", now() + 6 * DAY)
    who.delete_object(**version, BypassGovernanceRetention=True)


def test_the_policy_of_a_bucket_bounds_retention(s3, locking, user):
    """As S3's own guide has it."""
    long = {"NumericGreaterThan": {"s3:object-lock-remaining-retention-days": "10"}}
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObjectRetention", "Condition": long}
    s3.put_bucket_policy(Bucket=locking, Policy=policy(deny | {"Resource": f"arn:aws:s3:::{locking}/*"}))
    writer = user(allow(*ALL_BUT_LOCKS, "PutObjectRetention"))
    version = put(writer, locking, **locked("GOVERNANCE", now() + 9 * DAY))
    with refused(403, "AccessDenied"):
        put(writer, locking, **locked("GOVERNANCE", now() + 12 * DAY))
    with refused(403, "AccessDenied"):
        writer.put_object_retention(**version, Retention=retention("GOVERNANCE", now() + 12 * DAY))
    assert len(s3.list_object_versions(Bucket=locking)["Versions"]) == 1


def test_making_a_bucket_that_locks_takes_rights(user):
    maker = user(allow("CreateBucket"))
    name = f"locking-{secrets.token_hex(6)}"
    with refused(403, "AccessDenied"):
        maker.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    user(allow("CreateBucket", "PutBucketObjectLockConfiguration", "PutBucketVersioning")).create_bucket(
        Bucket=name, ObjectLockEnabledForBucket=True
    )


# --- what no client brings about


def test_locks_outlive_a_kill(new_lake):
    lake = new_lake(keys=random_keys()).start()
    s3 = lake.client()
    s3.create_bucket(Bucket="locking", ObjectLockEnabledForBucket=True)
    kept = [put(s3, "locking", f"k{number}", **locked("COMPLIANCE")) for number in range(10)]
    held = put(s3, "locking", "held")
    s3.put_object_legal_hold(**held, LegalHold={"Status": "ON"})
    lake.kill()
    s3 = lake.start().client()
    for version in (*kept, held):
        stays(s3, version, BypassGovernanceRetention=True)
    with refused(409, "InvalidBucketState"):
        s3.put_bucket_versioning(Bucket="locking", VersioningConfiguration={"Status": "Suspended"})


def test_the_command_line_of_aws(lake, locking, tmp_path):
    """As its own documentation shows."""
    (tmp_path / "f").write_bytes(b"x")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "AWS_ACCESS_KEY_ID": lake.keys.access,
        "AWS_SECRET_ACCESS_KEY": lake.keys.secret,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_MAX_ATTEMPTS": "1",
    }
    program = Path(sys.executable).with_name("aws")

    def aws(*arguments):
        command = [program, "--endpoint-url", lake.endpoint, "--output", "json", "s3api", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)

    def done(*arguments):
        ended = aws(*arguments)
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout or "{}")

    place = ("--bucket", locking, "--key", "k")
    rule = '{"ObjectLockEnabled":"Enabled","Rule":{"DefaultRetention":{"Mode":"GOVERNANCE","Days":50}}}'
    done("put-object-lock-configuration", "--bucket", locking, "--object-lock-configuration", rule)
    version = done("put-object", *place, "--body", str(tmp_path / "f"))["VersionId"]
    assert done("get-object-retention", *place)["Retention"]["Mode"] == "GOVERNANCE"
    until = '{"Mode":"COMPLIANCE","RetainUntilDate":"2040-01-01T00:00:00"}'
    done("put-object-retention", *place, "--retention", until, "--bypass-governance-retention")
    done("put-object-legal-hold", *place, "--legal-hold", "Status=ON")
    assert done("get-object-legal-hold", *place) == {"LegalHold": {"Status": "ON"}}
    ended = aws("delete-object", *place, "--version-id", version, "--bypass-governance-retention")
    assert ended.returncode != 0 and "AccessDenied" in ended.stderr
    assert done("head-object", *place)["ObjectLockMode"] == "COMPLIANCE"
