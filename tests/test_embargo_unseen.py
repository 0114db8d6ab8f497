"""Nobody can tell what is closed from what is not there: each way to ask for an object is asked for one that is closed and
for one that never was, by callers of every sort, and the answers are the same to the byte."""

import json
import re
import secrets

import pytest

import embargoes
from accounts import arns, document, new_account, new_user, statement
from answers import etag
from embargoes import SECRET, closed_put
from issuer import Issuer
from lake import Keys, Lake, close, need_binary, random_keys
from sigv4 import presigned, request, signed
from test_oidc import configured

DOMAIN = "web.test"
# As long as each other, so that answers that echo them are.
CLOSED, MISSING = "zq9x", "wq9y"
COPY = "x-amz-copy-source"
WEBSITE = {"IndexDocument": {"Suffix": "index.html"}}
# What differs from answer to answer.
OF_THIS_ANSWER = {"date", "x-amz-request-id", "x-amz-id-2"}


@pytest.fixture(scope="module")
def issuer():
    made = Issuer()
    yield made
    made.close()


@pytest.fixture(scope="module")
def lake(tmp_path_factory, issuer):
    need_binary()
    directory = tmp_path_factory.mktemp("unseen")
    made = Lake(
        directory / "data",
        "--config",
        configured(directory, issuer),
        keys=random_keys(),
        environment={"TWINLAKE_WEBSITE_DOMAIN": DOMAIN},
    ).start()
    yield made
    close(made)


@pytest.fixture
def s3(lake):
    return lake.client()


def annotate(s3, bucket, key):
    s3.put_object_annotation(Bucket=bucket, Key=key, AnnotationName="a", AnnotationPayload=b"found")


def close_all(s3, bucket):
    """Closes an object that has all that an object can have; says which version it is."""
    put = closed_put(
        s3,
        bucket,
        CLOSED,
        ACL="public-read",
        Tagging="a=b",
        ObjectLockMode="GOVERNANCE",
        ObjectLockRetainUntilDate=embargoes.ahead(days=1),
        ObjectLockLegalHoldStatus="OFF",
        WebsiteRedirectLocation="/elsewhere",
        Metadata={"found": "much"},
    )
    annotate(s3, bucket, CLOSED)
    return put["VersionId"]


@pytest.fixture(scope="module")
def closed(lake):
    """A bucket with an object that everybody might read, were it not closed, and the name of its version."""
    s3, bucket = lake.client(), f"closed-{secrets.token_hex(6)}"
    s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True, ObjectOwnership="ObjectWriter")
    s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration=WEBSITE)
    return bucket, close_all(s3, bucket)


def ways(lake, bucket, key, version):
    """Every way to learn something of an object, as unsigned requests; `version` is one that it has, or none does."""

    def ask(method="GET", query=(), headers=(), body=b"", path=None, host=None):
        return request(method, host or lake.host, f"/{bucket}/{key}" if path is None else path, query, headers, body)

    source = f"/{bucket}/{key}"
    made = {
        "get": ask(),
        "head": ask("HEAD"),
        "range": ask(headers=[("Range", "bytes=0-0")]),
        "beyond": ask(headers=[("Range", "bytes=99999-")]),
        "part": ask(query=[("partNumber", "1")]),
        "head part": ask("HEAD", [("partNumber", "2")]),
        "response": ask(query=[("response-content-type", "text/plain")]),
        "checksum": ask("HEAD", headers=[("x-amz-checksum-mode", "ENABLED")]),
        "attributes": ask(query=[("attributes", None)], headers=[("x-amz-object-attributes", "ETag,ObjectSize")]),
        "website": ask(path=f"/{key}", host=f"{bucket}.{DOMAIN}"),
        "index": ask(path=f"/{key}/", host=f"{bucket}.{DOMAIN}"),
        "batch": ask("POST", [("batch", None)], [("Content-Type", "application/json")],
                     json.dumps({"objects": [{"key": key}, {"key": key, "version": version}]}).encode(), f"/{bucket}"),
        "list": ask(query=[("list-type", "2"), ("prefix", key)], path=f"/{bucket}"),
        "list, rolled up": ask(query=[("prefix", key[:2]), ("delimiter", key[2])], path=f"/{bucket}"),
        "versions": ask(query=[("versions", None), ("prefix", key)], path=f"/{bucket}"),
        "uploads": ask(query=[("uploads", None), ("prefix", key)], path=f"/{bucket}"),
        "copy": ask("PUT", headers=[(COPY, source)], path=f"/{bucket}/copied"),
        "copy of version": ask("PUT", headers=[(COPY, f"{source}?versionId={version}")], path=f"/{bucket}/copied"),
        "copy onto itself": ask("PUT", headers=[(COPY, source), ("x-amz-metadata-directive", "REPLACE")]),
        "the past": ask(headers=[("x-lake-as-of", "now")]),
    }
    for name, value in {
        "If-Match": etag(SECRET),
        "If-None-Match": etag(SECRET),
        "If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT",
        "If-Unmodified-Since": "Sat, 01 Jan 2000 00:00:00 GMT",
    }.items():
        made[name] = ask(headers=[(name, value)])
        made[f"copy {name}"] = ask(
            "PUT", headers=[(COPY, source), (f"x-amz-copy-source-{name.lower()}", value)], path=f"/{bucket}/copied"
        )
    for what in ("acl", "tagging", "retention", "legal-hold", "torrent", "annotation"):
        made[what] = ask(query=[(what, None)])
    made["an annotation"] = ask(query=[("annotation", None), ("annotationName", "a")])
    for name in ("get", "head", "acl", "tagging", "retention", "legal-hold", "attributes", "annotation", "range"):
        made[f"{name} of version"] = made[name].with_query(("versionId", version))
    return made


def shown(answer, names):
    """An answer without what differs from one to the next, and without the names that were asked for."""
    headers = sorted((name.lower(), value) for name, value in answer.headers.items() if name.lower() not in OF_THIS_ANSWER)
    body = re.sub(rb"<(RequestId|HostId)>[^<]*</", b"", answer.body)
    body = re.sub(rb"RequestId: [^<]*|HostId: [^<]*|boundary=[^\s\"]*", b"", body)
    for name in names:
        body = body.replace(name.encode(), b"NAME")
    request_id = answer.headers.get("x-amz-request-id")
    body = body.replace(request_id.encode(), b"") if request_id else body
    headers = [(name, re.sub("boundary=.*", "", value)) for name, value in headers]
    return answer.status, headers, body


def assert_unseen(lake, bucket, version, sign, names=(CLOSED, MISSING)):
    never = "0" * len(version)
    differing = []
    asked = zip(ways(lake, bucket, names[0], version).items(), ways(lake, bucket, names[1], never).values())
    for (way, closed), missing in asked:
        told = [
            shown(sign(made).send(lake.address), (name, name[:2], id))
            for made, name, id in ((closed, names[0], version), (missing, names[1], never))
        ]
        if told[0] != told[1]:
            differing.append((way, *told))
        assert SECRET not in told[0][2] and etag(SECRET).strip('"').encode() not in told[0][2], way
    assert not differing, "\n".join(map(str, differing))


LIST = ["s3:ListBucket", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads"]
RIGHTS = {
    "everything of S3": [statement("Allow", "s3:*", "*")],
    "reading": [statement("Allow", "s3:Get*", "*")],
    "reading and writing": [statement("Allow", ["s3:Get*", "s3:PutObject"], "*")],
    "listing": [statement("Allow", LIST, "*")],
    "listing what it asks for": [
        statement("Allow", ["s3:Get*", "s3:PutObject"], "*"),
        statement("Allow", LIST, "*", Condition={"StringEquals": {"s3:prefix": [CLOSED, MISSING]}}),
    ],
    "everything but reading tagged things": [
        statement("Allow", "s3:*", "*"),
        statement("Deny", "s3:GetObject*", "*", Condition={"StringEquals": {"s3:ExistingObjectTag/a": "b"}}),
    ],
    "everything but reading": [statement("Allow", "s3:*", "*"), statement("Deny", "s3:GetObject*", "*")],
    "knowing of other buckets' embargoes": [
        statement("Allow", "s3:*", "*"),
        statement("Allow", "lake:*", "arn:aws:s3:::other/*"),
    ],
    "nothing": [],
}


@pytest.mark.parametrize("rights", RIGHTS)
def test_no_right_tells_them_apart(lake, closed, rights):
    iam, name = lake.client("iam"), f"user-{secrets.token_hex(4)}"
    iam.create_user(UserName=name)
    if RIGHTS[rights]:
        iam.put_user_policy(UserName=name, PolicyName="may", PolicyDocument=document(*RIGHTS[rights]))
    made = iam.create_access_key(UserName=name)["AccessKey"]
    keys = Keys(made["AccessKeyId"], made["SecretAccessKey"])
    assert_unseen(lake, *closed, lambda made: signed(made, keys))
    if rights == "everything of S3":
        assert_unseen(lake, *closed, lambda made: presigned(made, keys))


def test_nor_does_the_public_or_another_account(lake, s3):
    bucket = f"public-{secrets.token_hex(6)}"
    s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True, ObjectOwnership="ObjectWriter")
    s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration=WEBSITE)
    s3.delete_public_access_block(Bucket=bucket)
    version = close_all(s3, bucket)
    account = new_account(lake)
    user = new_user(account, statement("Allow", "s3:*", "*"))
    for actions in (["s3:GetObject*"], ["s3:*"]):
        everybody = statement("Allow", actions, arns(bucket), Principal="*")
        s3.put_bucket_policy(Bucket=bucket, Policy=document(everybody))
        assert_unseen(lake, bucket, version, lambda made: made)
        assert_unseen(lake, bucket, version, lambda made: signed(made, account.keys))
        assert_unseen(lake, bucket, version, lambda made: signed(made, user.keys))


def test_nor_does_a_login_from_elsewhere(lake, closed, issuer):
    iam = lake.client("iam")
    if "readers" not in [group["GroupName"] for group in iam.list_groups()["Groups"]]:
        iam.create_group(GroupName="readers")
    iam.put_group_policy(GroupName="readers", PolicyName="all", PolicyDocument=document(*RIGHTS["everything of S3"]))
    token = issuer.token(groups="/lake/readers")
    assert_unseen(lake, *closed, lambda made: made.with_headers(("Authorization", f"Bearer {token}")))
