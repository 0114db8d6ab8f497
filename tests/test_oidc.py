"""Logins by tokens of OpenID Connect: with a provider of the tests' own for what a real one never does, and with a real
one."""

import hashlib
import http.cookiejar
import json
import re
import secrets
import socket
import subprocess
import time
import urllib.parse
import urllib.request

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

import admin
from answers import refused
from installed import installed
from issuer import Issuer, Key, b64, part, signed_with_secret
from lake import REGION, Keys, Lake, Refused, close, need_binary, random_keys
from outside import ask, code_of, keys_of, policy, session, sts

def configured(directory, provider, **changed):
    """A configuration file that trusts the provider."""
    fields = {
        "name": "here",
        "issuer": provider.url,
        "audiences": [provider.audience],
        "groups": ["groups", "wlcg.groups"],
    } | changed
    written = [f"{name} = {json.dumps(value)}" for name, value in fields.items()]
    rules = [
        '[[oidc.group]]\nis = "/lake/readers"\nbecomes = "readers"',
        '[[oidc.group]]\nprefix = "/atlas/"\nbecomes = "atlas-*"',
        '[oidc.tags]\nunit = "org.unit"',
    ]
    path = directory / "lake.toml"
    path.write_text("\n".join(["[[oidc]]", *written, *rules]) + "\n")
    return path


@pytest.fixture(scope="module")
def issuer():
    made = Issuer()
    yield made
    made.close()


@pytest.fixture(scope="module")
def oidc(tmp_path_factory, issuer):
    """A server that trusts the issuer, where the group `readers` may read the bucket `shelf`."""
    need_binary()
    directory = tmp_path_factory.mktemp("oidc")
    lake = Lake(directory / "data", "--config", configured(directory, issuer), keys=random_keys()).start()
    iam = lake.client("iam", signature_version="v4")
    iam.create_group(GroupName="readers")
    may_read = {"Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": ["arn:aws:s3:::shelf*"]}
    iam.put_group_policy(GroupName="readers", PolicyName="read", PolicyDocument=policy(may_read))
    lake.client().create_bucket(Bucket="shelf")
    lake.client().put_object(Bucket="shelf", Key="book", Body=b"words")
    yield lake
    close(lake)


def reader(issuer, **changed):
    return issuer.token(groups=["/lake/readers"], **changed)


def test_a_bearer_token_works_as_a_signature_does(oidc, issuer):
    book, token = f"{oidc.endpoint}/shelf/book", reader(issuer)
    status, _, body = ask(book, token)
    assert (status, body) == (200, b"words")
    assert ask(book, token, "HEAD")[0] == 200
    status, _, body = ask(f"{oidc.endpoint}/shelf?list-type=2", token)
    assert status == 200 and b"<Key>book</Key>" in body
    # What its groups may not do, it may not do.
    status, _, body = ask(book, token, "PUT", b"other words")
    assert (status, code_of(body)) == (403, "AccessDenied")
    # Nobody in particular may nothing.
    assert ask(book)[0] == 403
    # Without a group that a rule names, somebody is somebody who may nothing.
    for groups in (None, [], ["readers"], ["/lake/readers/x"], "/lake"):
        assert ask(book, issuer.token(groups=groups))[0] == 403
    assert ask(book, issuer.token(**{"wlcg.groups": ["/lake/readers"]}))[0] == 200
    assert ask(book, issuer.token(key=1, groups="/lake/readers"))[0] == 200


def test_a_token_asks_sts_and_the_admin_api(oidc, issuer):
    status, body = sts(oidc.endpoint, reader(issuer), Action="GetCallerIdentity")
    assert status == 200 and b"user/here:alice</Arn>" in body
    status, _, body = ask(f"{oidc.endpoint}/_lake/admin/v1/buckets", reader(issuer))
    assert (status, json.loads(body)["code"]) == (403, "AccessDenied")


def test_the_commands_bring_a_token_along(oidc, issuer, tmp_path):
    """Whoever signs in elsewhere administers without keys of the lake, from a variable, a file or a command."""
    oidc.client("iam", signature_version="v4").put_group_policy(
        GroupName="readers",
        PolicyName="look",
        PolicyDocument=policy({"Effect": "Allow", "Action": "iam:ListGroups", "Resource": "*"}),
    )
    token = reader(issuer)
    kept = tmp_path / "token"
    kept.write_text(token + "\n")
    kept.chmod(0o600)
    here = {"TWINLAKE_ENDPOINT": oidc.endpoint}
    admin.run(tmp_path, "profile", "set", "file", "--endpoint", oidc.endpoint, "--token-file", kept)
    admin.run(tmp_path, "profile", "set", "command", "--endpoint", oidc.endpoint, "--token-command", f"cat {kept}")
    for environment, flags in [
        (here | {"TWINLAKE_TOKEN": token}, []),
        (here | {"TWINLAKE_TOKEN_FILE": str(kept)}, []),
        ({}, ["--profile", "file"]),
        ({}, ["--profile", "command"]),
    ]:
        told = admin.run(tmp_path, "group", "list", "--output", "json", *flags, environment=environment)
        assert told.returncode == 0 and [one["name"] for one in json.loads(told.stdout)] == ["readers"], told
        denied = admin.run(tmp_path, "user", "list", *flags, environment=environment)
        assert denied.returncode == 1 and "AccessDenied" in denied.stderr and token not in denied.stderr, denied
    bad = admin.run(tmp_path, "group", "list", environment=here | {"TWINLAKE_TOKEN": "not.a.token"})
    assert bad.returncode == 1 and "not.a.token" not in bad.stderr, bad
    listed = admin.run(tmp_path, "profile", "list").stdout
    assert token not in listed and str(kept) in listed


def test_web_identity_without_a_role(oidc, issuer):
    """As MinIO has it: the session is that of whom the token names."""
    status, body = sts(
        oidc.endpoint, Action="AssumeRoleWithWebIdentity", WebIdentityToken=reader(issuer), DurationSeconds=900
    )
    assert status == 200, body
    keys, token = keys_of(body)
    s3 = session(oidc.endpoint, keys, token)
    assert s3.get_object(Bucket="shelf", Key="book")["Body"].read() == b"words"
    with refused(403, "AccessDenied"):
        s3.put_object(Bucket="shelf", Key="book", Body=b"x")
    who = session(oidc.endpoint, keys, token, "sts").get_caller_identity()
    assert who["Arn"] == "arn:aws:iam::000000000000:user/here:alice"
    narrowed = policy({"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"})
    status, body = sts(
        oidc.endpoint, Action="AssumeRoleWithWebIdentity", WebIdentityToken=reader(issuer), Policy=narrowed
    )
    s3 = session(oidc.endpoint, *keys_of(body))
    assert s3.list_objects_v2(Bucket="shelf")["KeyCount"] == 1
    with refused(403, "AccessDenied"):
        s3.get_object(Bucket="shelf", Key="book")


def test_web_identity_with_a_role(oidc, issuer):
    """As AWS has it: the trust policy of the role decides."""
    iam, host = oidc.client("iam", signature_version="v4"), issuer.url.removeprefix("http://")
    trust = {
        "Effect": "Allow",
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Principal": {"Federated": f"arn:aws:iam::000000000000:oidc-provider/{host}"},
        "Condition": {"StringEquals": {f"{host}:aud": "twinlake", f"{host}:sub": "trainer"}},
    }
    made = iam.create_role(RoleName="trainer", AssumeRolePolicyDocument=policy(trust))
    may_write = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::shelf/*"}
    iam.put_role_policy(RoleName="trainer", PolicyName="write", PolicyDocument=policy(may_write))
    asks = boto3.client("sts", endpoint_url=oidc.endpoint, region_name=REGION, config=Config(signature_version=UNSIGNED))
    role = {"RoleArn": made["Role"]["Arn"], "RoleSessionName": "run-7"}
    assumed = asks.assume_role_with_web_identity(WebIdentityToken=issuer.token("trainer"), **role)
    assert assumed["SubjectFromWebIdentityToken"] == "trainer"
    assert (assumed["Provider"], assumed["Audience"]) == (issuer.url, "twinlake")
    assert assumed["AssumedRoleUser"]["Arn"] == "arn:aws:sts::000000000000:assumed-role/trainer/run-7"
    given = assumed["Credentials"]
    s3 = session(oidc.endpoint, Keys(given["AccessKeyId"], given["SecretAccessKey"]), given["SessionToken"])
    s3.put_object(Bucket="shelf", Key="model", Body=b"weights")
    with refused(403, "AccessDenied"):
        s3.get_object(Bucket="shelf", Key="model")
    for token, code in [
        (issuer.token("alice"), "AccessDenied"),
        (issuer.token("trainer", aud="other"), "IDPRejectedClaim"),
        ("x.y.z", "InvalidIdentityToken"),
        (issuer.token("trainer", exp=int(time.time()) - 3600), "ExpiredTokenException"),
    ]:
        with pytest.raises(ClientError) as error:
            asks.assume_role_with_web_identity(WebIdentityToken=token, **role)
        assert error.value.response["Error"]["Code"] == code


def test_only_roles_that_trust_the_provider_are_taken_on_with_a_token(oidc, issuer):
    """Whoever lets in users, an account or everybody does not mean those who come with a token, in no group at all."""
    iam, host = oidc.client("iam", signature_version="v4"), issuer.url.removeprefix("http://")
    provider = {"Federated": f"arn:aws:iam::000000000000:oidc-provider/{host}"}
    home = "arn:aws:iam::000000000000:root"
    for number, (principal, actions, expected) in enumerate(
        [
            ({"AWS": home}, "sts:*", 403),
            ({"AWS": home}, ["sts:AssumeRole*"], 403),
            ({"AWS": "000000000000"}, "sts:AssumeRoleWithWebIdentity", 403),
            ({"AWS": "*"}, "sts:*", 403),
            ("*", "sts:AssumeRoleWithWebIdentity", 403),
            ({"AWS": "arn:aws:iam::000000000000:user/here:alice"}, "sts:*", 403),
            ({"Federated": "arn:aws:iam::000000000000:oidc-provider/other.example"}, "sts:*", 403),
            (provider, "sts:AssumeRole", 403),
            (provider | {"AWS": home}, "sts:*", 200),
            (provider, "sts:AssumeRoleWithWebIdentity", 200),
        ]
    ):
        trust = policy({"Effect": "Allow", "Principal": principal, "Action": actions})
        role = iam.create_role(RoleName=f"trusting-{number}", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        asked = {"Action": "AssumeRoleWithWebIdentity", "RoleArn": role, "RoleSessionName": "run"}
        status, body = sts(oidc.endpoint, **asked, WebIdentityToken=issuer.token())
        assert status == expected, (principal, actions, body)


def test_accounts_name_the_audiences_of_their_roles(oidc, issuer):
    """`aws iam create-open-id-connect-provider`: roles are taken on with tokens for the clients that it names."""
    iam, host = oidc.client("iam", signature_version="v4"), issuer.url.removeprefix("http://")
    arn = f"arn:aws:iam::000000000000:oidc-provider/{host}"
    trust = {
        "Effect": "Allow",
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Principal": {"Federated": arn},
        "Condition": {"StringEquals": {f"{host}:aud": "ci"}},
    }
    role = iam.create_role(RoleName="builder", AssumeRolePolicyDocument=policy(trust))["Role"]["Arn"]
    of_ci = issuer.token("job", aud="ci")

    def ask_role(token):
        asked = {"Action": "AssumeRoleWithWebIdentity", "RoleArn": role, "RoleSessionName": "run"}
        status, body = sts(oidc.endpoint, **asked, WebIdentityToken=token)
        return status if status == 200 else (status, code_of(body))

    assert ask_role(of_ci) == (403, "IDPRejectedClaim")
    made = iam.create_open_id_connect_provider(Url=issuer.url, ClientIDList=["other"], Tags=[{"Key": "a", "Value": "b"}])
    assert made["OpenIDConnectProviderArn"] == arn
    with refused(409, "EntityAlreadyExists"):
        iam.create_open_id_connect_provider(Url=issuer.url)
    assert [entry["Arn"] for entry in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]] == [arn]
    assert ask_role(of_ci) == (403, "IDPRejectedClaim")
    iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="ci")
    assert ask_role(of_ci) == 200
    # The trust policy decides, as ever.
    assert ask_role(issuer.token("job", aud="other")) == (403, "AccessDenied")
    assert ask_role(issuer.token("job", aud=["twinlake", "ci"])) == 200
    # For roles alone: not as a bearer token, and not without a role.
    assert ask(f"{oidc.endpoint}/shelf/book", of_ci)[0] == 403
    assert sts(oidc.endpoint, Action="AssumeRoleWithWebIdentity", WebIdentityToken=of_ci)[0] == 403
    known = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert known["Url"].endswith(host)
    assert (known["ClientIDList"], known["Tags"]) == (["other", "ci"], [{"Key": "a", "Value": "b"}])
    iam.tag_open_id_connect_provider(OpenIDConnectProviderArn=arn, Tags=[{"Key": "c", "Value": "d"}])
    iam.untag_open_id_connect_provider(OpenIDConnectProviderArn=arn, TagKeys=["a"])
    assert iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)["Tags"] == [{"Key": "c", "Value": "d"}]
    iam.remove_client_id_from_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="ci")
    assert ask_role(of_ci) == (403, "IDPRejectedClaim")
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert iam.list_open_id_connect_providers()["OpenIDConnectProviderList"] == []
    with refused(404, "NoSuchEntity"):
        iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    # A provider that the configuration does not name vouches for nobody.
    iam.create_open_id_connect_provider(Url="https://elsewhere.example", ClientIDList=["twinlake"])
    assert ask_role(issuer.token(iss="https://elsewhere.example")) == (403, "IDPRejectedClaim")


OTHER = Key("RS256", "rsa")
SMALL = Key("RS256", "small", bits=1024)
NOW = time.time()

# Tokens that let nobody in: how each is made, and what S3 and STS answer.
BAD_TOKENS = {
    "no token": (lambda i: "", "InvalidToken", "ValidationError"),
    "no parts": (lambda i: "x", "InvalidToken", "InvalidIdentityToken"),
    "two parts": (lambda i: ".".join(reader(i).split(".")[:2]), "InvalidToken", "InvalidIdentityToken"),
    "five parts": (lambda i: "a.b.c.d.e", "InvalidToken", "InvalidIdentityToken"),
    "no JSON in the header": (lambda i: f"{b64(b'{')}.{part(i.claims())}.AA", "InvalidToken", "InvalidIdentityToken"),
    "no base64": (lambda i: "!!.??.==", "InvalidToken", "InvalidIdentityToken"),
    "no JSON in the claims": (lambda i: i.keys[0].token(b"not json"), "InvalidToken", "InvalidIdentityToken"),
    "claims that are a list": (lambda i: i.keys[0].token([1]), "AccessDenied", "IDPRejectedClaim"),
    "alg none": (
        lambda i: f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(i.claims())}.",
        "InvalidToken",
        "InvalidIdentityToken",
    ),
    "alg None": (
        lambda i: f"{part({'alg': 'None', 'kid': 'rsa'})}.{part(i.claims())}.AA",
        "InvalidToken",
        "InvalidIdentityToken",
    ),
    "signed with the public key as a secret": (
        lambda i: signed_with_secret(i.keys[0].pem(), i.claims(), {"kid": "rsa"}),
        "InvalidToken",
        "InvalidIdentityToken",
    ),
    "an algorithm that is not allowed": (
        lambda i: i.keys[0].token(i.claims(), {"alg": "PS256"}),
        "InvalidToken",
        "InvalidIdentityToken",
    ),
    "a key of another kind": (
        lambda i: i.keys[0].token(i.claims(), {"kid": "curve"}),
        "InvalidToken",
        "InvalidIdentityToken",
    ),
    "a kind of the key's name": (
        lambda i: i.keys[1].token(i.claims(), {"kid": "rsa"}),
        "InvalidToken",
        "InvalidIdentityToken",
    ),
    "an unknown key": (lambda i: i.keys[0].token(i.claims(), {"kid": "what"}), "InvalidToken", "InvalidIdentityToken"),
    "another's signature": (lambda i: OTHER.token(i.claims()), "InvalidToken", "InvalidIdentityToken"),
    "a key that is too small": (lambda i: SMALL.token(i.claims()), "InvalidToken", "InvalidIdentityToken"),
    "its own key in the header": (
        lambda i: OTHER.token(i.claims(), {"kid": None, "jwk": OTHER.published()}),
        "InvalidToken",
        "InvalidIdentityToken",
    ),
    "a changed claim": (
        lambda i: ".".join([reader(i).split(".")[0], part(i.claims("root")), reader(i).split(".")[2]]),
        "InvalidToken",
        "InvalidIdentityToken",
    ),
    "no signature": (lambda i: reader(i).rsplit(".", 1)[0] + ".", "InvalidToken", "InvalidIdentityToken"),
    "critical parameters": (
        lambda i: i.token(header={"crit": ["b64"], "b64": False}),
        "InvalidToken",
        "InvalidIdentityToken",
    ),
    "a token for logging out": (lambda i: i.token(header={"typ": "logout+jwt"}), "InvalidToken", "InvalidIdentityToken"),
    "another issuer": (lambda i: i.token(iss="https://elsewhere.example"), "AccessDenied", "IDPRejectedClaim"),
    "an issuer that is longer": (lambda i: i.token(iss=i.url + "/"), "AccessDenied", "IDPRejectedClaim"),
    "no issuer": (lambda i: i.token(iss=None), "AccessDenied", "IDPRejectedClaim"),
    "another audience": (lambda i: i.token(aud="other"), "AccessDenied", "IDPRejectedClaim"),
    "other audiences": (lambda i: i.token(aud=["other", "twinlake2"]), "AccessDenied", "IDPRejectedClaim"),
    "no audience": (lambda i: i.token(aud=None), "AccessDenied", "IDPRejectedClaim"),
    "over": (lambda i: i.token(exp=int(NOW) - 120), "ExpiredToken", "ExpiredTokenException"),
    "no end": (lambda i: i.token(exp=None), "AccessDenied", "IDPRejectedClaim"),
    "an end that is text": (lambda i: i.token(exp="tomorrow"), "InvalidToken", "InvalidIdentityToken"),
    "an end beyond time": (lambda i: i.token(exp=1e300), "InvalidToken", "InvalidIdentityToken"),
    "not yet": (lambda i: i.token(nbf=int(NOW) + 3600), "AccessDenied", "IDPRejectedClaim"),
    "made in the future": (lambda i: i.token(iat=int(NOW) + 3600), "AccessDenied", "IDPRejectedClaim"),
    "nobody": (lambda i: i.token(None), "AccessDenied", "IDPRejectedClaim"),
    "an empty name": (lambda i: i.token(""), "AccessDenied", "IDPRejectedClaim"),
    "a name with a line break": (lambda i: i.token("a\nb"), "AccessDenied", "IDPRejectedClaim"),
    "a name that is read backwards": (lambda i: i.token("a\u202eb"), "AccessDenied", "IDPRejectedClaim"),
    "a name with what nobody sees": (lambda i: i.token("a\u200bb"), "AccessDenied", "IDPRejectedClaim"),
    "a name that is a number": (lambda i: i.token(7), "AccessDenied", "IDPRejectedClaim"),
    "too long": (lambda i: i.token(filler="x" * 13_000), "InvalidToken", "InvalidIdentityToken"),
}


@pytest.fixture(scope="module")
def fresh(tmp_path_factory, issuer):
    """Makes servers for those who try in vain, which one server does not bear for long."""
    need_binary()
    directory = tmp_path_factory.mktemp("bad")
    issuer.keys.append(SMALL)
    made = []

    def make():
        if not made or made[-1][1] >= 6:
            name = f"data{len(made)}"
            lake = Lake(directory / name, "--config", configured(directory, issuer), keys=random_keys()).start()
            lake.client().create_bucket(Bucket="shelf")
            made.append([lake, 0])
        made[-1][1] += 1
        return made[-1][0]

    yield make
    issuer.keys.remove(SMALL)
    for lake, _ in made:
        close(lake)


@pytest.mark.parametrize("name", BAD_TOKENS)
def test_bad_tokens_let_nobody_in(fresh, issuer, name):
    make, of_s3, of_sts = BAD_TOKENS[name]
    lake, token = fresh(), make(issuer)
    statuses = {"InvalidToken": 400, "ExpiredToken": 400, "AccessDenied": 403}
    if token:
        status, _, body = ask(f"{lake.endpoint}/shelf", token)
        assert (status, code_of(body)) == (statuses[of_s3], of_s3), body
        status, _, body = ask(f"{lake.endpoint}/_lake/admin/v1/buckets", token)
        assert (status, json.loads(body)["code"]) == (statuses[of_s3], of_s3), body
    status, body = sts(lake.endpoint, Action="AssumeRoleWithWebIdentity", WebIdentityToken=token)
    assert code_of(body) == of_sts, body
    assert status == (403 if of_sts == "IDPRejectedClaim" else 400)


def test_clocks_may_differ_a_little(oidc, issuer):
    now = int(time.time())
    for changed in ({"exp": now - 30}, {"nbf": now + 30}, {"iat": now + 30}, {"exp": now + 0.5}):
        assert ask(f"{oidc.endpoint}/shelf/book", reader(issuer, **changed))[0] == 200, changed


def test_two_mechanisms_are_one_too_many(oidc, issuer):
    link = oidc.client().generate_presigned_url("get_object", Params={"Bucket": "shelf", "Key": "book"})
    status, _, body = ask(link, reader(issuer))
    assert (status, code_of(body)) == (400, "InvalidArgument")


def test_keys_rotate(tmp_path, new_lake):
    """A new key is fetched when a token names it; a key that is gone is believed no more."""
    issuer = Issuer()
    lake = new_lake("--config", configured(tmp_path, issuer)).start()
    status = lambda token: sts(lake.endpoint, token, Action="GetCallerIdentity")[0]
    old = issuer.token()
    assert status(old) == 200
    issuer.keys[0] = Key("RS256", "newer")
    assert status(issuer.token()) == 200
    # The old one was good a moment ago, and its provider has taken its key back.
    assert status(old) == 400
    # Names that nobody knows do not become questions without end.
    before = len(issuer.asked)
    for number in range(12):
        assert status(issuer.token(header={"kid": f"made up {number}"})) == 400
    assert len(issuer.asked) - before <= 2 * 4
    issuer.close()


def test_known_keys_serve_while_the_provider_is_gone(tmp_path, new_lake):
    issuer = Issuer()
    lake = new_lake("--config", configured(tmp_path, issuer, refresh_ms=1000, keep_ms=4000)).start()
    ask_who = lambda: sts(lake.endpoint, issuer.token(), Action="GetCallerIdentity")
    assert ask_who()[0] == 200
    issuer.is_gone = True
    assert ask_who()[0] == 200
    time.sleep(5.5)
    status, body = ask_who()
    assert (status, code_of(body)) == (503, "ServiceUnavailable")
    status, body = sts(lake.endpoint, Action="AssumeRoleWithWebIdentity", WebIdentityToken=issuer.token())
    assert (status, code_of(body)) == (400, "IDPCommunicationError")
    issuer.is_gone = False
    deadline = time.monotonic() + 10
    while ask_who()[0] != 200:
        assert time.monotonic() < deadline, "the keys are not fetched again"
        time.sleep(0.2)
    issuer.close()


@pytest.mark.parametrize(
    "discovery",
    [
        {"issuer": "https://elsewhere.example"},
        {"jwks_uri": "http://192.0.2.1/keys"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": None},
    ],
    ids=str,
)
def test_a_discovery_document_that_does_not_fit_is_not_believed(tmp_path, new_lake, discovery):
    issuer = Issuer()
    issuer.discovery = discovery
    lake = new_lake("--config", configured(tmp_path, issuer)).start()
    status, body = sts(lake.endpoint, issuer.token(), Action="GetCallerIdentity")
    assert (status, code_of(body)) == (503, "ServiceUnavailable")
    assert not [path for path in issuer.asked if path.endswith("/keys")]
    issuer.close()


def test_guessing_is_slowed_down(tmp_path, new_lake):
    issuer = Issuer()
    lake = new_lake("--config", configured(tmp_path, issuer)).start()
    known, new = issuer.token("known"), issuer.token("new")
    # Nobody lets it do anything; but it is known who it is.
    assert code_of(ask(lake.endpoint, known)[2]) == "AccessDenied"
    codes = [code_of(ask(lake.endpoint, f"a.b.{number}")[2]) for number in range(40)]
    assert codes[:20] == ["InvalidToken"] * 20
    assert codes[-1] == "SlowDown"
    # Who guesses there keeps out none whose token is known to be good, though it learns of no other whether it is.
    for _ in range(3):
        assert code_of(ask(lake.endpoint, known)[2]) == "AccessDenied"
        assert code_of(ask(lake.endpoint, new)[2]) == "SlowDown"
        assert code_of(ask(lake.endpoint, known[:-4] + "AAAA")[2]) == "SlowDown"
    status, body = sts(lake.endpoint, Action="AssumeRoleWithWebIdentity", WebIdentityToken=known)
    assert status == 200, body
    status, body = sts(lake.endpoint, Action="AssumeRoleWithWebIdentity", WebIdentityToken="a.b.c")
    assert (status, code_of(body)) == (400, "Throttling")
    issuer.close()


@pytest.mark.parametrize(
    "changed, said",
    [
        ({"issuer": "http://login.example"}, "http://login.example"),
        ({"audiences": []}, "audiences"),
        ({"algorithms": ["HS256"]}, "HS256"),
        ({"algorithms": ["none"]}, "none"),
        ({"name": "No Name"}, "No Name"),
        ({"speed": 1}, "speed"),
        ({"leeway_ms": 3_600_000}, "leeway_ms"),
        ({"ca_file": "/nowhere/ca.pem"}, "/nowhere/ca.pem"),
    ],
    ids=str,
)
def test_what_cannot_be_configured_is_named(tmp_path, new_lake, issuer, changed, said):
    with pytest.raises(Refused) as refusal:
        new_lake("--config", configured(tmp_path, issuer, **changed)).start()
    assert said in refusal.value.output


class Person:
    """A browser of somebody who logs in at the real provider."""

    def __init__(self, url):
        self.url = url
        self.jar = http.cookiejar.CookieJar()
        back = f"http://127.0.0.1/back"

        class Stop(urllib.request.HTTPRedirectHandler):
            def redirect_request(self, request, answer, code, message, headers, address):
                if address.startswith(back):
                    raise Returned(address)
                return super().redirect_request(request, answer, code, message, headers, address)

        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar), Stop)

    def id_token(self, name, client_id):
        """Logs in, agrees, and fetches the token for the code."""
        verifier = secrets.token_urlsafe(48)
        challenge = b64(hashlib.sha256(verifier.encode()).digest())
        asked = {
            "client_id": client_id,
            "response_type": "code",
            "scope": "openid lake",
            "redirect_uri": "http://127.0.0.1/back",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        page = self.opener.open(f"{self.url}/auth?{urllib.parse.urlencode(asked)}", timeout=30)
        try:
            for form in ({"prompt": "login", "login": name, "password": "any"}, {"prompt": "consent"}):
                action = re.search(r'<form[^>]* action="([^"]+)"', page.read().decode())[1]
                address = urllib.parse.urljoin(page.url, action)
                page = self.opener.open(address, urllib.parse.urlencode(form).encode(), timeout=30)
            raise AssertionError("the provider does not send anybody back")
        except Returned as returned:
            code = urllib.parse.parse_qs(urllib.parse.urlsplit(returned.args[0]).query)["code"][0]
        exchanged = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": "http://127.0.0.1/back",
            "client_id": client_id,
            "code_verifier": verifier,
        }
        answer = self.opener.open(f"{self.url}/token", urllib.parse.urlencode(exchanged).encode(), timeout=30)
        return json.load(answer)["id_token"]


class Returned(Exception):
    """The provider sends somebody back to who asked."""


@pytest.fixture(scope="module")
def provider(tmp_path_factory):
    """`oidc-provider` from the npm registry, certified by the OpenID Foundation: its address."""
    directory = installed("oidc_provider", ["npm", "ci", "--no-audit", "--no-fund"])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("provider") / "log"
    with log.open("wb") as written:
        process = subprocess.Popen(["node", "main.mjs", str(port)], cwd=directory, stdout=written, stderr=written)
    deadline = time.monotonic() + 30
    while "ready" not in log.read_text():
        assert process.poll() is None and time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    process.kill()
    process.wait()


def test_a_certified_provider_vouches_for_people(provider, tmp_path, new_lake):
    """From the login page of a real provider to an object: by the token itself, and by keys of STS."""
    path = tmp_path / "lake.toml"
    path.write_text(
        f'''
[[oidc]]
name = "real"
issuer = "{provider}"
audiences = ["twinlake", "twinlake-curve"]
[[oidc.group]]
prefix = "/lake/"
becomes = "*"
[oidc.tags]
unit = "org.unit"
'''
    )
    lake = new_lake("--config", path).start()
    iam, s3 = lake.client("iam", signature_version="v4"), lake.client()
    iam.create_group(GroupName="readers")
    may_read = {
        "Effect": "Allow",
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::shelf/*",
        "Condition": {"StringEquals": {"aws:PrincipalTag/unit": "engines"}},
    }
    iam.put_group_policy(GroupName="readers", PolicyName="read", PolicyDocument=policy(may_read))
    s3.create_bucket(Bucket="shelf")
    s3.put_object(Bucket="shelf", Key="book", Body=b"words")
    for client_id in ("twinlake", "twinlake-curve"):
        token = Person(provider).id_token("ada", client_id)
        assert ask(f"{lake.endpoint}/shelf/book", token)[::2] == (200, b"words")
        status, body = sts(lake.endpoint, Action="AssumeRoleWithWebIdentity", WebIdentityToken=token)
        assert status == 200, body
        assert session(lake.endpoint, *keys_of(body)).get_object(Bucket="shelf", Key="book")["ContentLength"] == 5
    bob = Person(provider).id_token("bob", "twinlake")
    assert ask(f"{lake.endpoint}/shelf/book", bob)[0] == 403
    status, body = sts(lake.endpoint, bob, Action="GetCallerIdentity")
    assert b"user/real:bob</Arn>" in body
    other = Person(provider).id_token("ada", "another")
    status, body = sts(lake.endpoint, Action="AssumeRoleWithWebIdentity", WebIdentityToken=other)
    assert (status, code_of(body)) == (403, "IDPRejectedClaim")
