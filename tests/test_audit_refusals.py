"""What is refused, for whatever reason and in whatever words, is an entry of the audit; failed logins are counted."""

import datetime
import json
import secrets
import time
from collections import Counter

import pytest
from botocore.exceptions import ClientError

import admin
import lake as lakes
import test_client_certificates as certificates
from accounts import anonymous, new_account, new_user, statement
from answers import new_bucket, outcome
from authority import Authority, name
from chain import ask, counted, head, since
from issuer import Issuer
from lake import Keys, Lake, close, need_binary, random_keys
from outside import ask as ask_bearing
from outside import session, sts
from sigv4 import request, signed

YEAR_2040 = datetime.datetime(2040, 1, 1, tzinfo=datetime.timezone.utc)
FAR = "2040-01-01T00:00:00Z"


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    need_binary()
    lake = Lake(tmp_path_factory.mktemp("refusing") / "data", keys=random_keys()).start()
    yield lake
    close(lake)


@pytest.fixture(scope="module")
def owner(audited):
    return new_account(audited, "owner")


@pytest.fixture(scope="module")
def user(owner):
    """May do everything that S3 has, and nothing about embargoes."""
    return new_user(owner, statement("Allow", "s3:*", "*"), name="user")


def one_refusal(lake, asking):
    """The one entry of a request that is refused."""
    before = head(lake)
    with pytest.raises(ClientError):
        asking()
    entries = since(lake, before)
    assert len(entries) == 1, entries
    assert entries[0]["outcome"] == "refused" and entries[0]["kind"] == "refusal", entries
    return entries[0]


def test_a_block_of_public_access_refuses(audited, owner):
    s3, bucket = owner.s3, new_bucket(owner.s3)
    block = {"BlockPublicAcls": True, "BlockPublicPolicy": True, "RestrictPublicBuckets": True}
    s3.put_object(Bucket=bucket, Key="a", Body=b"a")
    public = statement("Allow", "s3:GetObject", f"arn:aws:s3:::{bucket}/*", Principal="*")
    document = json.dumps({"Version": "2012-10-17", "Statement": [public]})
    s3.put_bucket_policy(Bucket=bucket, Policy=document)
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=block)
    for action, key, asking in [
        ("s3:PutBucketPolicy", None, lambda: s3.put_bucket_policy(Bucket=bucket, Policy=document)),
        ("s3:PutBucketAcl", None, lambda: s3.put_bucket_acl(Bucket=bucket, ACL="public-read")),
        ("s3:PutObjectAcl", "a", lambda: s3.put_object_acl(Bucket=bucket, Key="a", ACL="public-read")),
        ("s3:PutObjectAcl", "b", lambda: s3.put_object(Bucket=bucket, Key="b", Body=b"b", ACL="public-read")),
    ]:
        entry = one_refusal(audited, asking)
        assert (entry["actions"], entry["bucket"], entry.get("key")) == ([action], bucket, key), entry
        assert entry["code"] == "AccessDenied" and "public access block" in entry["reason"], entry
        assert owner.number in entry["who"] and entry["accessKey"] == owner.keys.access
    before = head(audited)
    assert outcome(anonymous(audited).get_object, Bucket=bucket, Key="a") == "AccessDenied"
    [entry] = counted(audited, before, {"AccessDenied": 1})
    assert (entry["who"], entry["actions"], entry["bucket"], entry["key"]) == (
        "anonymous",
        ["s3:GetObject"],
        bucket,
        "a",
    )


def test_owners_and_their_controls_refuse(audited, owner, user):
    s3, bucket = owner.s3, new_bucket(owner.s3)
    s3.put_object(Bucket=bucket, Key="a", Body=b"a")
    wrong = {"Owner": {"ID": new_account(audited).canonical_id}, "Grants": []}
    entry = one_refusal(audited, lambda: s3.put_object_acl(Bucket=bucket, Key="a", AccessControlPolicy=wrong))
    assert entry["actions"] == ["s3:PutObjectAcl"] and entry["reason"] == "the list names another owner", entry
    entry = one_refusal(audited, lambda: user.s3.get_object(Bucket=bucket, Key="a", ExpectedBucketOwner="9" * 12))
    assert (entry["code"], entry["bucket"], entry["key"]) == ("AccessDenied", bucket, "a"), entry
    assert entry["who"] == user.arn and "expected owner" in entry["reason"], entry
    enforced = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=enforced)
    for key, asking in [
        (None, lambda: s3.put_bucket_acl(Bucket=bucket, ACL="public-read")),
        ("a", lambda: s3.put_object_acl(Bucket=bucket, Key="a", ACL="public-read")),
        ("b", lambda: user.s3.put_object(Bucket=bucket, Key="b", Body=b"b", ACL="public-read")),
    ]:
        entry = one_refusal(audited, asking)
        assert (entry["code"], entry["bucket"], entry.get("key")) == ("AccessControlListNotSupported", bucket, key)


def test_locks_refuse(audited, user):
    s3, bucket = user.s3, f"locking-{secrets.token_hex(6)}"
    s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    until = {"Mode": "COMPLIANCE", "RetainUntilDate": YEAR_2040}
    lock = {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": YEAR_2040}
    retained = s3.put_object(Bucket=bucket, Key="a", Body=b"a", **lock)["VersionId"]
    held = s3.put_object(Bucket=bucket, Key="b", Body=b"b", ObjectLockLegalHoldStatus="ON")["VersionId"]
    sooner = until | {"RetainUntilDate": YEAR_2040 - datetime.timedelta(days=1)}
    named = {"Bucket": bucket, "Key": "a", "VersionId": retained}
    for action, version, asking in [
        ("s3:DeleteObjectVersion", retained, lambda: s3.delete_object(**named)),
        ("s3:DeleteObjectVersion", retained, lambda: s3.delete_object(**named, BypassGovernanceRetention=True)),
        ("s3:DeleteObjectVersion", held, lambda: s3.delete_object(Bucket=bucket, Key="b", VersionId=held)),
        ("s3:PutObjectRetention", retained, lambda: s3.put_object_retention(**named, Retention=sooner)),
    ]:
        entry = one_refusal(audited, asking)
        assert (entry["actions"], entry["bucket"], entry["version"]) == ([action], bucket, version), entry
        assert entry["reason"] and entry["who"] == user.arn, entry
    before = head(audited)
    objects = [{"Key": "a", "VersionId": retained}, {"Key": "b", "VersionId": held}]
    assert len(s3.delete_objects(Bucket=bucket, Delete={"Objects": objects})["Errors"]) == 2
    entries = since(audited, before)
    assert sorted((entry["key"], entry["version"]) for entry in entries) == [("a", retained), ("b", held)], entries
    assert {(entry["outcome"], entry["actions"][0]) for entry in entries} == {("refused", "s3:DeleteObjectVersion")}


def test_embargoes_refuse_whatever_is_told(audited, owner, user):
    """Who may not know that there is something is answered as if there were nothing; the audit knows better."""
    s3, bucket = user.s3, new_bucket(owner.s3)
    for key in ("run", "seen"):
        owner.s3.put_object(Bucket=bucket, Key=key, Body=b"closed")
        answer = admin.ask(audited, "PUT", f"/embargoes/{bucket}", {"until": FAR}, query=[("key", key)])
        assert answer.status == 200, answer
    guessed = {"IfMatch": f'"{"0" * 32}"'}
    for action, asking in [
        ("s3:GetObject", lambda: s3.get_object(Bucket=bucket, Key="run")),
        ("s3:GetObject", lambda: s3.head_object(Bucket=bucket, Key="run")),
        ("s3:GetObjectTagging", lambda: s3.get_object_tagging(Bucket=bucket, Key="run")),
        (
            "s3:GetObject",
            lambda: s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "run"}),
        ),
        ("s3:GetObject", lambda: s3.put_object(Bucket=bucket, Key="run", Body=b"x", **guessed)),
    ]:
        entry = one_refusal(audited, asking)
        assert (entry["actions"], entry["bucket"], entry["key"]) == ([action], bucket, "run"), entry
        assert entry["code"] == "NoSuchKey" and entry["policies"] and entry["who"] == user.arn, entry
    before = head(audited)
    document = json.dumps({"objects": [{"key": "run"}, {"key": "seen"}]}).encode()
    json_headers = [("Content-Type", "application/json")]
    batch = request("POST", audited.host, f"/{bucket}", [("batch", None)], json_headers, document)
    signed(batch, user.keys).send(audited.address)
    assert sorted(entry["key"] for entry in since(audited, before)) == ["run", "seen"]
    # And what is really not there is no refusal.
    before = head(audited)
    assert outcome(s3.get_object, Bucket=bucket, Key="nothing") == "NoSuchKey"
    assert since(audited, before) == []
    # Who may list, and read nothing at all, learns nothing more.
    lister = new_user(owner, statement("Allow", "s3:ListBucket", f"arn:aws:s3:::{bucket}"))
    assert [outcome(lister.s3.get_object, Bucket=bucket, Key=key) for key in ("run", "nothing")] == ["NoSuchKey"] * 2
    within = {"StringLike": {"s3:prefix": "ru*"}}
    some = new_user(owner, statement("Allow", "s3:ListBucket", f"arn:aws:s3:::{bucket}", Condition=within))
    assert [outcome(some.s3.get_object, Bucket=bucket, Key=key) for key in ("run", "ru")] == ["NoSuchKey"] * 2
    assert admin.ask(audited, "PUT", f"/buckets/{bucket}/embargo", {"listing": "key-only"}).status == 200
    entry = one_refusal(audited, lambda: s3.get_object(Bucket=bucket, Key="seen"))
    assert (entry["code"], entry["key"]) == ("AccessDenied", "seen") and entry["policies"], entry


def test_who_is_refused_too_often_is_counted(audited, owner):
    """A key that may do nothing cannot drive out what others did."""
    bucket, nobody, other = new_bucket(owner.s3), new_user(owner, name="nobody"), new_user(owner, name="other")
    objects = {"Objects": [{"Key": f"k{number}"} for number in range(1_000)]}
    before = head(audited)
    for _ in range(3):
        assert len(nobody.s3.delete_objects(Bucket=bucket, Delete=objects)["Errors"]) == 1_000
    assert outcome(other.s3.get_object, Bucket=bucket, Key="k") == "AccessDenied"
    entries = counted(audited, before, {"AccessDenied": 3_001})
    assert 1_000 < len(entries) < 1_100, len(entries)
    assert {entry["who"] for entry in entries} == {nobody.arn, other.arn}
    assert {entry["key"] for entry in entries if entry.get("count", 1) == 1} >= {f"k{number}" for number in range(1_000)}


def test_failed_logins_are_counted_and_say_no_secret(tmp_path_factory):
    """By signature, link, session, bearer token and password."""
    need_binary()
    directory, issuer = tmp_path_factory.mktemp("logins"), Issuer()
    path = directory / "lake.toml"
    path.write_text(f'[[oidc]]\nname = "here"\nissuer = "{issuer.url}"\naudiences = ["{issuer.audience}"]\n')
    lake = Lake(directory / "data", "--config", path, keys=random_keys()).start()
    iam, password, guess = lake.client("iam"), f"right {secrets.token_hex(8)}", f"wrong {secrets.token_hex(8)}"
    iam.create_user(UserName="ada")
    admin.ask(lake, "PUT", "/users/ada/password", {"password": password})
    made = iam.create_access_key(UserName="ada")["AccessKey"]
    keys = Keys(made["AccessKeyId"], made["SecretAccessKey"])
    temporary = lakes.client(lake.endpoint, keys, "sts").get_session_token()["Credentials"]
    theirs, token = Keys(temporary["AccessKeyId"], temporary["SecretAccessKey"]), temporary["SessionToken"]
    broken = token[:-8] + ("A" * 8 if token[-8:] != "A" * 8 else "B" * 8)
    over = issuer.token(exp=int(time.time()) - 3_600)
    forged = issuer.token()[:-8] + "AAAAAAAA"
    other = issuer.token(aud="somebody else")
    link = lakes.client(lake.endpoint, keys).generate_presigned_url("get_object", {"Bucket": "shelf", "Key": "book"})
    wrong = Keys(keys.access, "not the secret " + secrets.token_hex(8))
    books = f"{lake.endpoint}/shelf/book"
    login = dict(Action="AssumeRoleWithLDAPIdentity", LDAPUsername="ada", LDAPPassword=guess)
    web = dict(Action="AssumeRoleWithWebIdentity")
    tries = [
        ("SignatureDoesNotMatch", lambda: lakes.client(lake.endpoint, wrong).list_buckets()),
        ("SignatureDoesNotMatch", lambda: lakes.client(lake.endpoint, wrong, "iam").list_users()),
        ("SignatureDoesNotMatch", lambda: admin.ask(lake, "GET", "/users", keys=wrong)),
        ("SignatureDoesNotMatch", lambda: ask_bearing(link[:-8] + "00000000")),
        ("InvalidAccessKeyId", lambda: lakes.client(lake.endpoint, random_keys()).list_buckets()),
        ("InvalidToken", lambda: session(lake.endpoint, theirs, broken).list_buckets()),
        ("InvalidToken", lambda: ask_bearing(books, forged)),
        ("InvalidToken", lambda: ask_bearing(books, "no.token.at-all")),
        ("ExpiredToken", lambda: ask_bearing(books, over)),
        ("AccessDenied", lambda: ask_bearing(books, other)),
        ("ExpiredTokenException", lambda: sts(lake.endpoint, **web, WebIdentityToken=over)),
        ("InvalidIdentityToken", lambda: sts(lake.endpoint, **web, WebIdentityToken=forged)),
        ("IDPRejectedClaim", lambda: sts(lake.endpoint, **web, WebIdentityToken=other)),
        ("InvalidClientCertificate", lambda: sts(lake.endpoint, Action="AssumeRoleWithCertificate")),
        ("AccessDenied", lambda: sts(lake.endpoint, **login)),
    ]
    before = head(lake)
    for _, asking in tries:
        try:
            asking()
        except ClientError:
            pass
    entries = counted(lake, before, Counter(code for code, _ in tries))
    assert {(entry["kind"], entry["address"]) for entry in entries} == {("refusal", "127.0.0.1")}, entries
    assert {entry["who"] for entry in entries} <= {"unknown", "anonymous"}, entries
    before, guesses = head(lake), 40
    begun = time.monotonic()
    for _ in range(guesses):
        assert sts(lake.endpoint, **login)[0] in (400, 403)
    seconds = time.monotonic() - begun
    deadline = time.monotonic() + 10
    while sum(entry.get("count", 1) for entry in since(lake, before)) < guesses and time.monotonic() < deadline:
        time.sleep(0.1)
    entries = since(lake, before)
    assert sum(entry.get("count", 1) for entry in entries) == guesses, entries
    assert {entry["code"] for entry in entries} == {"AccessDenied", "Throttling"}
    assert len(entries) <= 4 * (seconds + 2), "a kind has two entries a second at first"
    text = ask(lake, "/export").body.decode() + lake.output()
    for secret in (password, guess, keys.secret, wrong.secret, token, broken, over, forged, other, theirs.secret):
        assert secret not in text and secret.split(".")[-1] not in text
    issuer.close()
    close(lake)


def test_certificates_that_let_nobody_in(tmp_path_factory):
    world = certificates.World(tmp_path_factory.mktemp("certificates"))
    need_binary()
    lake = Lake(world.directory / "data", "--config", world.configured(), keys=random_keys()).start()
    root = lake.client("iam", verify=str(world.ca))
    root.create_user(UserName="auditor")

    def entries():
        environment = admin.variables(lake) | {"TWINLAKE_CA_FILE": str(world.ca)}
        asked = ("audit", "query", "--outcome", "refused", "--output", "json")
        done = admin.run(world.directory, *asked, environment=environment)
        assert done.returncode == 0, done
        return [json.loads(line)["entry"] for line in done.stdout.splitlines()]

    assert entries() == []
    nobody = certificates.connection(world, lake, world.client("nobody", name("a b")))
    assert certificates.ask(nobody, "/shelf/book")[0] == 403
    [entry] = entries()
    assert (entry["code"], entry["who"], entry["address"]) == ("AccessDenied", "unknown", "127.0.0.1"), entry
    stranger = Authority("clients").issue(world.directory, "stranger", name("ada"))
    certificates.refuse(world, lake, stranger)
    deadline = time.monotonic() + 10
    while len(entries()) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert [entry["code"] for entry in entries()] == ["AccessDenied", "InvalidClientCertificate"]
    close(lake)
