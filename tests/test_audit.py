"""The audit: one entry for everything an administrator does and for every refusal, in a chain that shows what is done to it."""

import hashlib
import json
import os
import secrets
import subprocess
import threading
import time

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

import admin
import lake as lakes
from answers import body, refused
from chain import ask, counted, head, page, since, whole
from lake import Keys, Lake, close, need_binary, random_keys
from sigv4 import request, signed

POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::nowhere"}],
    }
)


def trust(arn):
    statement = {"Effect": "Allow", "Principal": {"AWS": arn}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def hash_of(line):
    """As `docs/format.md` has it."""
    entry = json.dumps(line["entry"], sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    number, sequence = line["number"].to_bytes(8, "big"), int(line["sequence"], 16).to_bytes(8, "big")
    return hashlib.sha256(b"twinlake audit 1\n" + bytes.fromhex(line["before"]) + number + sequence + entry).hexdigest()


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    need_binary()
    lake = Lake(tmp_path_factory.mktemp("audited") / "data", keys=random_keys()).start()
    yield lake
    close(lake)


@pytest.fixture(scope="module")
def nobody(audited):
    """A user who may do nothing, and a bucket with an object that it may not read."""
    iam, s3 = audited.client("iam"), audited.client()
    iam.create_user(UserName="nobody")
    key = iam.create_access_key(UserName="nobody")["AccessKey"]
    s3.create_bucket(Bucket="closed")
    s3.put_object(Bucket="closed", Key="a", Body=b"closed")
    return Keys(key["AccessKeyId"], key["SecretAccessKey"])


def test_every_administrative_operation_leaves_one_entry(audited):
    iam, s3, sts = audited.client("iam"), audited.client(), audited.client("sts")
    bucket, arn = "administered", "arn:aws:iam::000000000000:user/carol"
    made = {}

    def key():
        made.update(iam.create_access_key(UserName="carol")["AccessKey"])

    def session():
        keys = Keys(made["AccessKeyId"], made["SecretAccessKey"])
        lakes.client(audited.endpoint, keys, "sts").get_session_token()

    role = {"RoleName": "trainer"}
    configuration = {"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]}
    owner = {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
    operations = [
        ("s3:CreateBucket", bucket, lambda: s3.create_bucket(Bucket=bucket)),
        (
            "s3:PutBucketVersioning",
            bucket,
            lambda: s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"}),
        ),
        (
            "s3:PutBucketTagging",
            bucket,
            lambda: s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "k", "Value": "v"}]}),
        ),
        ("s3:PutBucketCORS", bucket, lambda: s3.put_bucket_cors(Bucket=bucket, CORSConfiguration=configuration)),
        (
            "s3:PutBucketOwnershipControls",
            bucket,
            lambda: s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=owner),
        ),
        ("lake:PutBucketQuota", bucket, lambda: admin.set_quota(audited, bucket, bytes=10_000_000)),
        ("iam:CreateUser", arn, lambda: iam.create_user(UserName="carol")),
        ("iam:TagUser", arn, lambda: iam.tag_user(UserName="carol", Tags=[{"Key": "team", "Value": "wind"}])),
        (
            "iam:PutUserPolicy",
            arn,
            lambda: iam.put_user_policy(UserName="carol", PolicyName="p", PolicyDocument=POLICY),
        ),
        ("iam:CreateAccessKey", arn, key),
        ("sts:GetSessionToken", arn, session),
        ("iam:CreateGroup", None, lambda: iam.create_group(GroupName="wind")),
        ("iam:AddUserToGroup", None, lambda: iam.add_user_to_group(GroupName="wind", UserName="carol")),
        ("iam:RemoveUserFromGroup", None, lambda: iam.remove_user_from_group(GroupName="wind", UserName="carol")),
        (
            "iam:CreateRole",
            "arn:aws:iam::000000000000:role/trainer",
            lambda: iam.create_role(**role, AssumeRolePolicyDocument=trust(arn)),
        ),
        (
            "iam:UpdateAccessKey",
            arn,
            lambda: iam.update_access_key(UserName="carol", AccessKeyId=made["AccessKeyId"], Status="Inactive"),
        ),
        (
            "iam:DeleteAccessKey",
            arn,
            lambda: iam.delete_access_key(UserName="carol", AccessKeyId=made["AccessKeyId"]),
        ),
        ("lake:ConfirmTime", None, lambda: admin.ask(audited, "POST", "/time/confirmation")),
        ("s3:DeleteBucket", bucket, lambda: s3.delete_bucket(Bucket=bucket)),
    ]
    for action, resource, operation in operations:
        before = head(audited)
        operation()
        entries = since(audited, before)
        assert len(entries) == 1, (action, entries)
        [entry] = entries
        assert entry["actions"] == [action] and entry["kind"] == "change" and entry["outcome"] == "done", entry
        assert entry["address"] == "127.0.0.1" and len(entry["requestId"]) == 16, entry
        assert resource is None or resource in (entry.get("bucket"), entry.get("identity")), entry
        if action == "sts:GetSessionToken":
            assert entry["who"] == arn and entry["session"].startswith("ASIA")
        else:
            assert entry["who"] == "root" and entry["accessKey"] == audited.keys.access
        if action.startswith("iam:"):
            assert entry["changed"][0]["row"].startswith("documents/"), entry
    assert whole(audited)["fault"] is None


def test_rights_over_objects_and_policies_leave_their_entries(audited):
    s3, bucket = audited.client(), "guarded"
    s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    version = s3.put_object(Bucket=bucket, Key="a", Body=b"a")["VersionId"]
    until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 86_400))
    retention = {"Mode": "GOVERNANCE", "RetainUntilDate": until}
    named = {"Bucket": bucket, "Key": "a", "VersionId": version}
    block = {"BlockPublicPolicy": True}
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject"}]}
    policy["Statement"][0]["Resource"] = f"arn:aws:s3:::{bucket}/secret/*"
    cedar = '@id("none") forbid (principal == Lake::User::"nobody-at-all", action, resource);'
    for action, operation in [
        ("s3:PutObjectRetention", lambda: s3.put_object_retention(**named, Retention=retention)),
        ("s3:PutObjectLegalHold", lambda: s3.put_object_legal_hold(**named, LegalHold={"Status": "ON"})),
        ("s3:PutObjectLegalHold", lambda: s3.put_object_legal_hold(**named, LegalHold={"Status": "OFF"})),
        ("s3:BypassGovernanceRetention", lambda: s3.delete_object(**named, BypassGovernanceRetention=True)),
        ("s3:PutBucketPolicy", lambda: s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))),
        (
            "s3:PutBucketPublicAccessBlock",
            lambda: s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=block),
        ),
        ("s3:DeleteBucketPolicy", lambda: s3.delete_bucket_policy(Bucket=bucket)),
        ("lake:PutPolicySet", lambda: admin.ask(audited, "PUT", "/policies/none", {"text": cedar})),
    ]:
        before = head(audited)
        operation()
        entries = since(audited, before)
        assert len(entries) == 1 and action in entries[0]["actions"], (action, entries)
        [entry] = entries
        assert entry["kind"] == "change" and entry["outcome"] == "done", entry
        if "Object" in action or "Governance" in action:
            assert (entry["bucket"], entry["key"], entry["version"]) == (bucket, "a", version), entry


def test_what_fails_is_told_from_what_is_done(audited):
    s3 = audited.client()
    s3.create_bucket(Bucket="full")
    s3.put_object(Bucket="full", Key="a", Body=b"a")
    before = head(audited)
    with refused(409, "BucketNotEmpty"):
        s3.delete_bucket(Bucket="full")
    [entry] = since(audited, before)
    assert (entry["outcome"], entry["code"], entry["bucket"]) == ("error", "BucketNotEmpty", "full")
    s3.put_object(Bucket="full", Key="b", Body=b"b")
    s3.get_object(Bucket="full", Key="b")
    assert len(since(audited, before)) == 1, "reads and writes of objects are no changes"


def test_every_refusal_leaves_one_entry(audited, nobody):
    s3 = lakes.client(audited.endpoint, nobody)
    iam = lakes.client(audited.endpoint, nobody, "iam")
    for action, code, operation in [
        ("s3:GetObject", "AccessDenied", lambda: s3.get_object(Bucket="closed", Key="a")),
        ("s3:GetObject", None, lambda: s3.head_object(Bucket="closed", Key="a")),
        ("s3:PutObject", "AccessDenied", lambda: s3.put_object(Bucket="closed", Key="b", Body=body(10, 1))),
        ("s3:ListBucket", "AccessDenied", lambda: s3.list_objects_v2(Bucket="closed")),
        ("s3:CreateBucket", "AccessDenied", lambda: s3.create_bucket(Bucket="mine")),
        ("s3:DeleteBucket", "AccessDenied", lambda: s3.delete_bucket(Bucket="closed")),
        ("iam:CreateUser", "AccessDenied", lambda: iam.create_user(UserName="another")),
    ]:
        before = head(audited)
        with pytest.raises(ClientError):
            operation()
        entries = since(audited, before)
        assert len(entries) == 1, (action, entries)
        [entry] = entries
        assert entry["actions"] == [action] and entry["outcome"] == "refused" and entry["reason"], entry
        assert entry["who"] == "arn:aws:iam::000000000000:user/nobody" and entry["accessKey"] == nobody.access
        assert code is None or entry["code"] == code
        assert len(entry["policyHash"]) == 64
    before = head(audited)
    assert admin.ask(audited, "GET", "/audit", keys=nobody).status == 403
    [entry] = since(audited, before)
    assert entry["actions"] == ["lake:ReadAudit"] and entry["outcome"] == "refused"


def test_each_of_many_in_one_request_is_refused_for_itself(audited, nobody):
    s3 = lakes.client(audited.endpoint, nobody)
    before = head(audited)
    keys = [f"k{number}" for number in range(20)]
    told = s3.delete_objects(Bucket="closed", Delete={"Objects": [{"Key": key} for key in keys]})
    assert len(told["Errors"]) == 20
    entries = since(audited, before)
    assert sorted(entry["key"] for entry in entries) == sorted(keys)
    assert {entry["outcome"] for entry in entries} == {"refused"}
    before = head(audited)
    document = json.dumps({"objects": [{"key": "a"}, {"key": "b"}]}).encode()
    answer = signed(request("POST", audited.host, "/closed", [("batch", "")], (), document), nobody).send(audited.address)
    if answer.status == 200:
        assert len(since(audited, before)) == 2


def test_strangers_are_counted_and_fill_no_disk(audited):
    before = head(audited)
    stranger = lakes.client(audited.endpoint, random_keys())
    wrong = lakes.client(audited.endpoint, Keys(audited.keys.access, "not the secret of anybody"))
    attempts = 120
    for _ in range(attempts):
        with pytest.raises(ClientError):
            stranger.list_buckets()
        with pytest.raises(ClientError):
            wrong.list_buckets()
    entries = counted(audited, before, {"InvalidAccessKeyId": attempts, "SignatureDoesNotMatch": attempts})
    assert len(entries) < attempts, "they are counted, not listed"
    assert {entry["who"] for entry in entries} == {"unknown"}
    keys = {entry.get("accessKey") for entry in entries if entry["code"] == "InvalidAccessKeyId"}
    assert keys == {None}, "what is no known key may be a secret in the wrong place"


def test_what_is_counted_is_written_when_it_stops(new_lake):
    lake = new_lake().start()
    stranger, tries = lakes.client(lake.endpoint, random_keys()), 30
    for _ in range(tries):
        with pytest.raises(ClientError):
            stranger.list_buckets()
    assert lake.stop() == 0
    lake.start()
    assert sum(entry.get("count", 1) for entry in since(lake, 0) if entry["outcome"] == "refused") == tries
    assert whole(lake)["fault"] is None


def test_entries_are_found_by_what_is_asked(audited, nobody):
    before = head(audited)
    s3, theirs = audited.client(), lakes.client(audited.endpoint, nobody)
    s3.create_bucket(Bucket="found")
    for key in ["runs/1", "runs/2"]:
        s3.put_object(Bucket="found", Key=key, Body=b"found")
    with pytest.raises(ClientError):
        theirs.get_object(Bucket="found", Key="runs/1")
    with pytest.raises(ClientError):
        theirs.get_object(Bucket="found", Key="runs/2")
    for query, expected in [
        ({"bucket": "found"}, 3),
        ({"bucket": "found", "outcome": "refused"}, 2),
        ({"bucket": "found", "kind": "change"}, 1),
        ({"key": "runs/*"}, 2),
        ({"key": "runs/1"}, 1),
        ({"key": "runs/"}, 0),
        ({"who": "nobody"}, 2),
        ({"action": "s3:Get*"}, 2),
        ({"action": "s3:CreateBucket"}, 1),
        ({"since": "2999"}, 0),
        ({"until": "2999-01-01T00:00:00Z"}, 3),
        ({"until": "2000"}, 0),
    ]:
        assert len(since(audited, before, **query)) == expected, query
    for name, value in [("since", "yesterday"), ("kind", "x"), ("outcome", "x"), ("after", "x"), ("limit", "-")]:
        answer = admin.ask(audited, "GET", "/audit", query=[(name, value)])
        assert answer.status == 400 and name.encode() in answer.body, answer


def test_exported_lines_are_verified_anywhere_and_tampering_is_named(audited, nobody, tmp_path):
    answer = ask(audited, "/export")
    assert dict(answer.headers).get("content-type", "application/x-ndjson") == "application/x-ndjson"
    lines = answer.body.decode().splitlines()
    assert len(lines) > 20
    before = "0" * 64
    for number, line in enumerate(map(json.loads, lines), 1):
        assert (line["number"], line["before"], line["hash"]) == (number, before, hash_of(line))
        before = line["hash"]

    def verify(lines, *arguments):
        (tmp_path / "audit.jsonl").write_text("".join(line + "\n" for line in lines))
        return admin.run(tmp_path, "audit", "verify", tmp_path / "audit.jsonl", *arguments)

    done = verify(lines, "--output", "json")
    told = json.loads(done.stdout)
    assert told["whole"] and told["entries"] == len(lines), done
    place = f"{told['until']['number']}:{told['until']['hash']}"
    for tampered, named in [
        ([*lines[:9], lines[9].replace('"who":"', '"who":"x'), *lines[10:]], "entry 10 was changed"),
        ([*lines[:9], lines[9].replace('"outcome":"', '"outcome": "x'), *lines[10:]], "entry 10 was changed"),
        ([*lines[:9], *lines[10:]], "entry 10 is missing"),
        ([*lines[:9], lines[10], lines[9], *lines[11:]], "entry 10 is missing"),
        ([*lines[:9], "{}", *lines[9:]], "line 10 is no line of the audit"),
    ]:
        done = verify(tampered)
        assert done.returncode == 1 and named in done.stderr and "whole up to entry 9" in done.stderr, done
    assert verify(lines[:-1]).returncode == 0, "nothing in the lines says that the end was cut off"
    done = verify(lines[:-1], "--from", place)
    assert done.returncode == 1 and f"entry {len(lines)} is missing" in done.stderr, done
    assert verify(lines[::3], "--filtered").returncode == 0


def test_commands_show_follow_and_verify(audited, nobody, tmp_path):
    environment = admin.variables(audited)

    def run(*arguments):
        done = admin.run(tmp_path, "audit", *arguments, environment=environment)
        assert done.returncode == 0 and done.stderr == "", done
        return done.stdout

    shown = run("tail", "-n", 3).splitlines()
    assert len(shown) == 4 and shown[0].split()[:3] == ["NUMBER", "TIME", "WHO"]
    assert len(run("query", "--who", "nobody", "--limit", 2, "--output", "json").splitlines()) == 2
    (tmp_path / "all.jsonl").write_text(run("query", "--output", "json"))
    assert json.loads(run("verify", tmp_path / "all.jsonl", "--output", "json"))["whole"]
    told = json.loads(run("verify", "--output", "json"))
    assert told["whole"] and told["entries"] > 20
    place = f"{told['until']['number']}:{told['until']['hash']}"
    assert json.loads(run("verify", "--from", place, "--output", "json"))["after"] == told["until"]["number"]
    made_anew = f"{told['until']['number']}:{'ab' * 32}"
    done = admin.run(tmp_path, "audit", "verify", "--from", made_anew, environment=environment)
    assert done.returncode == 1 and "entry" in done.stderr, done


def test_follow_goes_on_with_what_comes(audited, tmp_path):
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)} | admin.variables(audited)
    command = [lakes.binary(), "audit", "tail", "-n", "1", "--follow", "--output", "json"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as following:
        try:
            first = json.loads(following.stdout.readline())
            for number in range(2):
                audited.client().create_bucket(Bucket=f"followed-{number}")
                line = json.loads(following.stdout.readline())
                assert line["entry"]["bucket"] == f"followed-{number}", line
                assert line["number"] == first["number"] + number + 1 and line["hash"] == hash_of(line)
        finally:
            following.terminate()


def test_providers_and_embargoes_leave_their_entries(audited):
    iam, s3, bucket = audited.client("iam"), audited.client(), "embargoed"
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="a", Body=b"a")
    arn = "arn:aws:iam::000000000000:oidc-provider/idp.example"
    named = {"OpenIDConnectProviderArn": arn}
    of_object = [("key", "a")]
    until, reason = "2040-01-01T00:00:00Z", "the paper is out"
    put = lambda path, document, query=(): admin.ask(audited, "PUT", path, document, query=query)
    lift = lambda: admin.ask(audited, "POST", f"/embargoes/{bucket}/lift", {"reason": reason}, query=of_object)
    for action, resource, operation in [
        (
            "iam:CreateOpenIDConnectProvider",
            arn,
            lambda: iam.create_open_id_connect_provider(Url="https://idp.example", ClientIDList=["one"]),
        ),
        (
            "iam:AddClientIDToOpenIDConnectProvider",
            arn,
            lambda: iam.add_client_id_to_open_id_connect_provider(**named, ClientID="two"),
        ),
        (
            "iam:TagOpenIDConnectProvider",
            arn,
            lambda: iam.tag_open_id_connect_provider(**named, Tags=[{"Key": "k", "Value": "v"}]),
        ),
        (
            "iam:RemoveClientIDFromOpenIDConnectProvider",
            arn,
            lambda: iam.remove_client_id_from_open_id_connect_provider(**named, ClientID="one"),
        ),
        ("iam:DeleteOpenIDConnectProvider", arn, lambda: iam.delete_open_id_connect_provider(**named)),
        ("lake:PutBucketEmbargo", bucket, lambda: put(f"/buckets/{bucket}/embargo", {"listing": "key-only"})),
        ("lake:SetEmbargo", bucket, lambda: put(f"/embargoes/{bucket}", {"until": until}, of_object)),
        ("lake:LiftEmbargo", bucket, lift),
    ]:
        before = head(audited)
        operation()
        entries = since(audited, before)
        assert len(entries) == 1 and action in entries[0]["actions"], (action, entries)
        [entry] = entries
        assert (entry["kind"], entry["outcome"], entry["who"]) == ("change", "done", "root"), entry
        assert resource in (entry.get("bucket"), entry.get("identity")), entry
        assert entry.get("reason") == (reason if action == "lake:LiftEmbargo" else None), entry


def test_no_secret_stands_in_the_audit(audited):
    iam = audited.client("iam")
    password = "correct horse " + secrets.token_hex(8)
    iam.create_user(UserName="keeper")
    admin.ask(audited, "PUT", "/users/keeper/password", {"password": password})
    key = iam.create_access_key(UserName="keeper")["AccessKey"]
    keys = Keys(key["AccessKeyId"], key["SecretAccessKey"])
    session = lakes.client(audited.endpoint, keys, "sts").get_session_token()["Credentials"]
    swapped = lakes.client(audited.endpoint, Keys(keys.secret.replace("/", "x"), keys.access))
    with pytest.raises(ClientError):
        swapped.list_buckets()
    link = lakes.client(audited.endpoint, keys).generate_presigned_url("get_object", {"Bucket": "b", "Key": "k"})
    text = ask(audited, "/export").body.decode()
    planted = [password, keys.secret, keys.secret.replace("/", "x"), audited.keys.secret, session["SecretAccessKey"]]
    planted += [session["SessionToken"], link.rsplit("=", 1)[1]]
    assert session["AccessKeyId"] in text and keys.access in text
    for secret in planted:
        assert secret not in text and secret not in audited.output()


@pytest.mark.parametrize("record, expected", [("changes", 1), ("refusals", 2), ("accesses", 4)])
def test_how_much_is_recorded_is_set(new_lake, record, expected):
    lake = new_lake(environment={"TWINLAKE_AUDIT_RECORD": record}).start()
    s3, iam = lake.client(), lake.client("iam")
    iam.create_user(UserName="eve")
    key = iam.create_access_key(UserName="eve")["AccessKey"]
    before = head(lake)
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="a", Body=b"a")
    s3.get_object(Bucket="bucket", Key="a")
    with pytest.raises(ClientError):
        lakes.client(lake.endpoint, Keys(key["AccessKeyId"], key["SecretAccessKey"])).list_objects_v2(Bucket="bucket")
    entries = [entry for entry in since(lake, before) if entry.get("bucket") == "bucket"]
    assert len(entries) == expected, entries
    if record == "accesses":
        kinds = [(entry["kind"], entry["actions"][0]) for entry in entries]
        assert ("access", "s3:GetObject") in kinds and ("access", "s3:PutObject") in kinds


def test_the_oldest_are_trimmed_and_what_is_left_is_verified(new_lake):
    lake = new_lake().start()
    iam = lake.client("iam")
    for number in range(30):
        iam.create_user(UserName=f"user{number}")
    noted = whole(lake)
    assert noted["fault"] is None and lake.stop() == 0
    lake.environment["TWINLAKE_AUDIT_BYTES_MAX"] = "5000"
    lake.start()
    deadline = time.monotonic() + 10
    while (told := whole(lake))["anchor"]["number"] == 0 and time.monotonic() < deadline:
        time.sleep(0.2)
    anchor = told["anchor"]["number"]
    assert 0 < anchor < noted["head"]["number"] and told["fault"] is None, told
    kept = since(lake, 0)
    [trim] = [entry for entry in kept if entry["kind"] == "trim"]
    assert trim["trimmed"] == told["anchor"] and trim["count"] == anchor
    assert whole(lake, **noted["until"])["fault"] is None, "a place that was noted is still there"


def test_the_chain_stays_whole_through_kills(new_lake):
    """Every change that was acknowledged has its entry, and every refusal that was answered, whenever it is killed."""
    lake = new_lake().start()
    acknowledged, answered = set(), 0
    iam = lake.client("iam")
    iam.create_user(UserName="eve")
    key = iam.create_access_key(UserName="eve")["AccessKey"]
    lake.client().create_bucket(Bucket="bucket")
    for turn in range(3):
        counts = [0] * 4

        def work(worker):
            ours = lakes.client(lake.endpoint, lake.keys, "iam")
            theirs = lakes.client(lake.endpoint, Keys(key["AccessKeyId"], key["SecretAccessKey"]))
            try:
                for number in range(100_000):
                    name = f"u{turn}-{worker}-{number}"
                    ours.create_user(UserName=name)
                    acknowledged.add(name)
                    try:
                        theirs.get_object(Bucket="bucket", Key=name)
                    except ClientError as error:
                        counts[worker] += error.response["ResponseMetadata"]["HTTPStatusCode"] == 403
            except (BotoCoreError, HTTPError, ClientError, OSError):
                pass

        workers = [threading.Thread(target=work, args=[worker]) for worker in range(4)]
        for worker in workers:
            worker.start()
        time.sleep(0.7)
        lake.kill()
        for worker in workers:
            worker.join()
        answered += sum(counts)
        lake.start()
        assert whole(lake)["fault"] is None
    entries = since(lake, 0)
    created = [entry["identity"].rsplit("/", 1)[1] for entry in entries if entry.get("actions") == ["iam:CreateUser"]]
    assert len(created) == len(set(created)) and acknowledged <= set(created)
    users = {user["UserName"] for user in lake.client("iam").get_paginator("list_users").paginate().build_full_result()["Users"]}
    assert users == set(created), "an entry without its change, or a change without its entry"
    assert sum(entry["outcome"] == "refused" for entry in entries) >= answered > 10
