"""Condition keys, as S3 documents them, in policies of users: each with a request that has what is asked for and one that
has not."""

import datetime
import json
import secrets
import ssl

import boto3
import pytest

import wire
from answers import new_bucket, refused, status
from lake import REGION, Keys, client
from sigv4 import UNSIGNED, Scope, now, presigned, request, signed
from test_tls import secure, trusting  # noqa: F401  (a fixture)

ACCOUNT = "000000000000"


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def everything(condition=None):
    statement = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    return statement | ({"Condition": condition} if condition else {})


class User:
    """A user of the lake's own account, who may do what `may` says last."""

    def __init__(self, lake, **tls):
        verify = {"verify": str(tls["cert"])} if tls else {}
        self.lake, self.name = lake, f"u-{secrets.token_hex(6)}"
        keys = lake.keys
        self.iam = boto3.client(
            "iam", endpoint_url=lake.endpoint, region_name=REGION, aws_access_key_id=keys.access,
            aws_secret_access_key=keys.secret, **verify,
        )  # fmt: skip
        self.id = self.iam.create_user(UserName=self.name, Tags=[{"Key": "team", "Value": "wind"}])["User"]["UserId"]
        made = self.iam.create_access_key(UserName=self.name)["AccessKey"]
        self.keys = Keys(made["AccessKeyId"], made["SecretAccessKey"])
        self.s3 = client(lake.endpoint, self.keys, **verify)

    def may(self, *statements):
        self.iam.put_user_policy(UserName=self.name, PolicyName="p", PolicyDocument=document(*statements))

    def send(self, method, path, sign=signed, headers=(), **options):
        made = sign(request(method, self.lake.host, path, headers=headers), self.keys, **options)
        return made.send(self.lake.address).status


@pytest.fixture(scope="module")
def user(lake):
    return User(lake)


@pytest.fixture(scope="module")
def kept(lake):
    """A bucket that keeps versions, with the objects `open`, tagged so, and `plain`."""
    s3 = lake.client()
    name = new_bucket(s3, "keys", "Enabled")
    s3.put_object(Bucket=name, Key="open", Body=b"1", Tagging="class=open")
    s3.put_object(Bucket=name, Key="plain", Body=b"2")
    return name


def put(**options):
    return lambda s3, bucket: s3.put_object(Bucket=bucket, Key="written", Body=b"x", **options)


def listing(**options):
    return lambda s3, bucket: s3.list_objects_v2(Bucket=bucket, **options)


def reading(key):
    return lambda s3, bucket: s3.get_object(Bucket=bucket, Key=key)


def copying(source, **options):
    def copy(s3, bucket):
        return s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/{source}", **options)

    return copy


def beginning(s3, bucket):
    return s3.create_multipart_upload(Bucket=bucket, Key="large")


def replacing(etag):
    def replace(s3, bucket):
        return s3.put_object(Bucket=bucket, Key="plain", Body=b"2", IfMatch=s3.head_object(Bucket=bucket, Key="plain")["ETag"])

    return replace if etag else put()


REQUESTS = [
    ({"StringEquals": {"s3:x-amz-acl": "private"}}, put(ACL="private"), put()),
    ({"StringEquals": {"s3:x-amz-storage-class": "STANDARD"}}, put(StorageClass="STANDARD"), put()),
    ({"StringEquals": {"s3:x-amz-server-side-encryption": "AES256"}}, put(ServerSideEncryption="AES256"), put()),
    ({"Null": {"s3:if-none-match": "false"}}, lambda s3, b: s3.put_object(Bucket=b, Key=secrets.token_hex(4), IfNoneMatch="*"), put()),
    ({"Null": {"s3:x-amz-content-sha256": "true"}}, None, put()),
    ({"StringEquals": {"s3:RequestObjectTag/class": ["open", "shut"]}}, put(Tagging="class=shut"), put(Tagging="class=x")),
    ({"ForAllValues:StringEquals": {"s3:RequestObjectTagKeys": ["class", "team"]}}, put(Tagging="team=a"), put(Tagging="who=me")),
    ({"ForAnyValue:StringEquals": {"s3:RequestObjectTagKeys": "class"}}, put(Tagging="class=a&b=c"), put(Tagging="b=c")),
    ({"Bool": {"s3:ObjectCreationOperation": "false"}}, beginning, put()),
    ({"StringEquals": {"s3:prefix": ["home/", "public/"]}}, listing(Prefix="public/"), listing()),
    ({"StringEquals": {"s3:delimiter": "/"}}, listing(Delimiter="/"), listing(Delimiter="-")),
    ({"NumericLessThanEquals": {"s3:max-keys": "10"}}, listing(MaxKeys=10), listing(MaxKeys=11)),
    ({"StringEquals": {"s3:ExistingObjectTag/class": "open"}}, reading("open"), reading("plain")),
]  # fmt: skip


@pytest.mark.parametrize(("condition", "within", "beyond"), REQUESTS, ids=lambda value: str(value) if isinstance(value, dict) else "")
def test_keys_of_requests(user, kept, condition, within, beyond):
    user.may(everything(condition))
    if within:
        assert status(within(user.s3, kept)) == 200
    with refused(403, "AccessDenied"):
        beyond(user.s3, kept)


@pytest.mark.parametrize(
    ("condition", "within", "beyond"),
    [
        ({"StringEquals": {"s3:x-amz-metadata-directive": "REPLACE"}}, copying("plain", MetadataDirective="REPLACE"), copying("plain")),
        ({"StringLike": {"s3:x-amz-copy-source": "*/plain"}}, copying("plain"), copying("open")),
        ({"Null": {"s3:if-match": "false"}}, replacing(True), replacing(False)),
    ],
    ids=str,
)  # fmt: skip
def test_keys_of_writing_are_no_keys_of_the_reading_beside_it(user, kept, condition, within, beyond):
    reads = {"Effect": "Allow", "Action": ["s3:GetObject", "s3:GetObjectTagging"], "Resource": "*"}
    user.may(reads, everything(condition) | {"Action": ["s3:PutObject", "s3:PutObjectTagging"]})
    assert status(within(user.s3, kept)) == 200
    with refused(403, "AccessDenied"):
        beyond(user.s3, kept)


def test_what_is_copied_has_one_name_however_it_is_written(user, kept):
    version = user.lake.client().put_object(Bucket=kept, Key="secret/a b", Body=b"")["VersionId"]
    copy = lambda source: user.send("PUT", f"/{kept}/copied", headers=[("x-amz-copy-source", source)])
    spellings = ["secret/a%20b", "%73ecret/a%20b", "secret%2Fa%20b", f"secret/a%20b?versionId={version}"]
    sources = [f"{start}{kept}/{key}" for start in ("", "/", "%2F") for key in spellings] + [f"{kept}%2Fsecret%2Fa%20b"]
    for pattern in (f"{kept}/secret/*", f"/{kept}/secret/*", "*/secret/a b", f"*{kept}/secret/*"):
        condition = {"StringLike": {"s3:x-amz-copy-source": pattern}}
        user.may(everything(), everything(condition) | {"Effect": "Deny", "Action": "s3:PutObject"})
        assert copy(f"/{kept}/plain") == 200
        assert {copy(source) for source in sources} == {403}, pattern
    reads = {"Effect": "Allow", "Action": ["s3:GetObject", "s3:GetObjectTagging", "s3:GetObjectVersion"], "Resource": "*"}
    puts = everything({"StringLike": {"s3:x-amz-copy-source": f"{kept}/open*"}}) | {"Action": "s3:PutObject*"}
    user.may(reads, puts)
    for source, expected in [("open", 200), ("%6Fpen", 200), ("plain", 403), ("secret/a%20b?x=/open", 403)]:
        assert copy(f"/{kept}/{source}") == expected, source


def test_a_version(user, kept):
    versions = user.lake.client().list_object_versions(Bucket=kept, Prefix="open")["Versions"]
    one = versions[-1]["VersionId"]
    user.may(everything({"StringEquals": {"s3:VersionId": one}}))
    assert status(user.s3.get_object(Bucket=kept, Key="open", VersionId=one)) == 200
    with refused(403, "AccessDenied"):
        user.s3.get_object(Bucket=kept, Key="open")


@pytest.mark.parametrize(
    "header", [("x-amz-acl", "private"), ("If-None-Match", "*"), ("x-amz-copy-source", "/b/k")], ids=lambda pair: pair[0]
)
def test_what_means_nothing_to_an_operation_is_no_key_of_it(user, kept, header):
    """Else a header or a parameter more would open what a condition about other operations guards."""
    user.may(everything({"Null": {f"s3:{header[0].lower()}": "false"}}))
    assert user.send("GET", f"/{kept}/plain", headers=[header]) == 403
    user.may(everything({"StringEquals": {"s3:prefix": "public/"}}))
    made = signed(request("GET", user.lake.host, f"/{kept}/plain", [("prefix", "public/")]), user.keys)
    assert made.send(user.lake.address).status == 403


def test_keys_of_signatures(user, kept):
    path = f"/{kept}/plain"
    for condition, in_header, in_query in [
        ({"StringEquals": {"s3:authType": "REST-HEADER"}}, 200, 403),
        ({"StringEquals": {"s3:authType": "REST-QUERY-STRING"}}, 403, 200),
        ({"StringEquals": {"s3:signatureversion": "AWS4-HMAC-SHA256"}}, 200, 200),
        ({"StringEquals": {"s3:signatureversion": "AWS"}}, 403, 403),
        ({"StringEquals": {"s3:x-amz-content-sha256": UNSIGNED}}, 403, 200),
        ({"NumericLessThan": {"s3:signatureAge": "60000"}}, 200, 200),
    ]:
        user.may(everything(condition))
        assert (user.send("GET", path), user.send("GET", path, presigned)) == (in_header, in_query), condition
    # A link that is good for ten minutes, and was made two minutes ago.
    assert user.send("GET", path, presigned, scope=Scope(when=now(-120)), expires=600) == 403
    assert user.send("GET", path, presigned, scope=Scope(when=now(-20)), expires=600) == 200


def test_keys_of_the_caller_and_of_the_world(user, kept):
    arn, year = f"arn:aws:iam::{ACCOUNT}:user/{user.name}", datetime.datetime.now().year
    for condition, expected in [
        ({"StringEquals": {"aws:username": user.name}}, True),
        ({"StringEquals": {"aws:username": "somebody"}}, False),
        ({"StringEquals": {"aws:userid": user.id}}, True),
        ({"ArnEquals": {"aws:PrincipalArn": arn}}, True),
        ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/*"}}, False),
        ({"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}, True),
        ({"StringEquals": {"aws:PrincipalType": "User"}}, True),
        ({"StringEquals": {"aws:PrincipalTag/team": "wind"}}, True),
        ({"StringEquals": {"aws:PrincipalTag/team": "sun"}}, False),
        ({"StringEquals": {"s3:ResourceAccount": ACCOUNT, "aws:ResourceAccount": ACCOUNT}}, True),
        ({"StringNotEquals": {"s3:ResourceAccount": ACCOUNT}}, False),
        ({"IpAddress": {"aws:SourceIp": ["127.0.0.0/8", "::1/128"]}}, True),
        ({"NotIpAddress": {"aws:SourceIp": "127.0.0.0/8"}}, False),
        ({"Bool": {"aws:SecureTransport": "false"}}, True),
        ({"Bool": {"aws:SecureTransport": "true"}}, False),
        ({"Null": {"s3:TlsVersion": "true"}}, True),
        ({"DateGreaterThan": {"aws:CurrentTime": f"{year - 1}-01-01T00:00:00Z"}}, True),
        ({"DateLessThan": {"aws:CurrentTime": f"{year - 1}-01-01T00:00:00Z"}}, False),
        # All of W3C's forms of a date, of which four digits are a year, and seconds.
        ({"DateGreaterThan": {"aws:CurrentTime": f"{year + 4}"}}, False),
        ({"DateLessThan": {"aws:CurrentTime": f"{year + 4}"}}, True),
        ({"DateGreaterThan": {"aws:CurrentTime": f"{year - 1}-12"}}, True),
        ({"DateLessThan": {"aws:CurrentTime": "2020-01-01T00:00Z"}}, False),
        ({"DateGreaterThan": {"aws:CurrentTime": "2020-01-01T00:00+01:00"}}, True),
        ({"DateGreaterThan": {"aws:CurrentTime": "1700000000"}}, True),
        ({"DateGreaterThan": {"aws:EpochTime": "2020"}}, True),
        ({"NumericGreaterThan": {"aws:EpochTime": "1700000000"}}, True),
        # Variables stand for text whichever way texts are compared, and a wildcard said as one is a character.
        ({"StringEqualsIgnoreCase": {"aws:username": "${aws:username}"}}, True),
        ({"StringEqualsIgnoreCase": {"aws:PrincipalTag/team": "WIND"}}, True),
        ({"StringEqualsIgnoreCase": {"aws:username": user.name.upper()[:-1] + "${aws:PrincipalTag/nothing, '" + user.name[-1].upper() + "'}"}}, True),
        ({"StringNotEqualsIgnoreCase": {"aws:username": "${aws:username}"}}, False),
        ({"StringEqualsIgnoreCase": {"aws:username": "*"}}, False),
        ({"StringEquals": {"aws:PrincipalTag/team": "${*}"}}, False),
        ({"StringLike": {"aws:UserAgent": "Boto3/*"}}, True),
        ({"StringLike": {"aws:UserAgent": "curl/*"}}, False),
        ({"StringLike": {"aws:Referer": "https://lake.example/*"}}, False),
        ({"Bool": {"aws:ViaAWSService": "false", "aws:PrincipalIsAWSService": "false"}}, True),
        ({"Null": {"aws:SourceVpc": "true", "aws:PrincipalOrgID": "true"}}, True),
        # Permanent keys say nothing of a second factor.
        ({"Null": {"aws:MultiFactorAuthPresent": "true", "aws:TokenIssueTime": "true"}}, True),
        # IAM takes keys that it does not know; no request has them.
        ({"StringEquals": {"aws:Nothing": "x"}}, False),
        ({"StringNotEquals": {"aws:Nothing": "x"}}, True),
    ]:
        user.may(everything(condition))
        if expected:
            assert status(user.s3.get_object(Bucket=kept, Key="plain")) == 200, condition
        else:
            with refused(403, "AccessDenied"):
                user.s3.get_object(Bucket=kept, Key="plain")
                pytest.fail(str(condition))


def test_a_deny_with_a_variable_fires_whatever_the_case(user, kept):
    deny = {"StringEqualsIgnoreCase": {"aws:username": "${aws:username}"}}
    user.may(everything(), everything(deny) | {"Effect": "Deny"})
    with refused(403, "AccessDenied"):
        user.s3.get_object(Bucket=kept, Key="plain")


@pytest.mark.parametrize("bad", ["2020-1-1", "2020-01-01T00:00", "2020-13", "soon", "2020-01-01T00Z"])
def test_what_is_no_date_is_refused(user, bad):
    with refused(400, "MalformedPolicyDocument"):
        user.may(everything({"DateGreaterThan": {"aws:CurrentTime": bad}}))


def test_a_referer(user, kept):
    user.may(everything({"StringLike": {"aws:Referer": "https://lake.example/*"}}))
    for referer, expected in [("https://lake.example/x", 200), ("https://elsewhere.example/", 403)]:
        assert user.send("GET", f"/{kept}/plain", headers=[("Referer", referer)]) == expected


def test_temporary_keys_say_when_they_were_made(user, kept):
    user.may(everything())
    sts = boto3.client(
        "sts", endpoint_url=user.lake.endpoint, region_name=REGION, aws_access_key_id=user.keys.access,
        aws_secret_access_key=user.keys.secret,
    )  # fmt: skip
    made = sts.get_session_token()["Credentials"]
    temporary = boto3.client(
        "s3", endpoint_url=user.lake.endpoint, region_name=REGION, aws_access_key_id=made["AccessKeyId"],
        aws_secret_access_key=made["SecretAccessKey"], aws_session_token=made["SessionToken"],
    )  # fmt: skip
    for condition, expected in [
        ({"DateGreaterThan": {"aws:TokenIssueTime": "2020-01-01T00:00:00Z"}}, True),
        ({"DateLessThan": {"aws:TokenIssueTime": "2020-01-01T00:00:00Z"}}, False),
        ({"Bool": {"aws:MultiFactorAuthPresent": "false"}}, True),
        ({"BoolIfExists": {"aws:MultiFactorAuthPresent": "true"}}, False),
    ]:
        user.may(everything(condition))
        if expected:
            assert status(temporary.get_object(Bucket=kept, Key="plain")) == 200, condition
        else:
            with refused(403, "AccessDenied"):
                temporary.get_object(Bucket=kept, Key="plain")


def test_the_version_of_tls(secure):  # noqa: F811
    lake, cert = secure
    user, bucket = User(lake, cert=cert), new_bucket(lake.client(verify=str(cert)))
    user.may(everything({"NumericLessThan": {"s3:TlsVersion": "1.3"}, "Bool": {"aws:SecureTransport": "true"}}))
    for version, expected in [(ssl.TLSVersion.TLSv1_2, 200), (ssl.TLSVersion.TLSv1_3, 403)]:
        context = trusting(cert, minimum_version=version, maximum_version=version)
        made = signed(request("GET", lake.host, f"/{bucket}"), user.keys)
        assert wire.exchange(lake.address, made.bytes(), tls=context).status == expected
