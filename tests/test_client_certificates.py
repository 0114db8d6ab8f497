"""Logins by client certificates: who holds the key of a certificate is whom the certificate names."""

import datetime
import http.client
import json
import ssl
import time
import urllib.parse

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from cryptography.hazmat.primitives.serialization import Encoding

from answers import refused
from authority import DAY, SERVER, Authority, name, write
from lake import REGION, Lake, Refused, close, need_binary, random_keys
from outside import code_of, keys_of, policy, session

HOUR = datetime.timedelta(hours=1)


class World:
    """Authorities, and the files of a server that trusts one of them."""

    def __init__(self, directory):
        self.directory = directory
        self.servers, self.clients = Authority("servers"), Authority("clients")
        self.ca = write(directory / "servers.pem", self.servers.certificate)
        self.roots = write(directory / "clients.pem", self.clients.certificate)
        self.revoked = self.clients.revocations(directory / "clients.crl")
        here = [("ip", "127.0.0.1"), ("dns", "localhost")]
        self.server = self.servers.issue(directory, "server", name("lake"), SERVER, here)

    def configured(self, lists=None, **changed):
        """A configuration file that trusts the clients' authority."""
        fields = {"roots": str(self.roots), "groups": ["ou", "uri"]} | changed
        fields["revocations"] = [str(self.revoked)] if lists is None else [str(path) for path in lists]
        written = [f"{key} = {json.dumps(value)}" for key, value in fields.items()]
        rules = ['[[certificates.group]]\nprefix = "lake-"\nbecomes = "*"']
        tls = ["[tls]", f'cert = "{self.server[0]}"', f'key = "{self.server[1]}"']
        path = self.directory / "lake.toml"
        path.write_text("\n".join([*tls, "[certificates]", *written, *rules]) + "\n")
        return path

    def client(self, label, subject=None, **options):
        return self.clients.issue(self.directory, label, name(label, units=["lake-readers"]) if subject is None else subject, **options)

    def context(self, shown=None):
        context = ssl.create_default_context(cafile=self.ca)
        if shown:
            context.load_cert_chain(*shown)
        return context


def connection(world, lake, shown=None):
    host, port = lake.address
    return http.client.HTTPSConnection(host, port, context=world.context(shown), timeout=30)


def ask(made, path, method="GET", body=None, headers=None):
    """Status and body."""
    made.request(method, path, body, headers or {})
    answer = made.getresponse()
    return answer.status, answer.read()


def sts(made, **parameters):
    form = urllib.parse.urlencode({"Version": "2011-06-15", **parameters})
    return ask(made, "/", "POST", form, {"Content-Type": "application/x-www-form-urlencoded"})


def who(made):
    status, body = sts(made, Action="GetCallerIdentity")
    return body.split(b"<Arn>")[1].split(b"</Arn>")[0].decode() if status == 200 else code_of(body)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return World(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def lake(world):
    """A server that trusts the clients' authority, where the group `readers` may read the bucket `shelf`."""
    need_binary()
    lake = Lake(world.directory / "data", "--config", world.configured(), keys=random_keys()).start()
    iam, s3 = (lake.client(service, verify=str(world.ca)) for service in ("iam", "s3"))
    iam.create_group(GroupName="readers")
    may_read = {"Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": "arn:aws:s3:::shelf*"}
    iam.put_group_policy(GroupName="readers", PolicyName="read", PolicyDocument=policy(may_read))
    s3.create_bucket(Bucket="shelf")
    s3.put_object(Bucket="shelf", Key="book", Body=b"words")
    yield lake
    close(lake)


def test_a_certificate_works_as_a_signature_does(world, lake):
    ada = connection(world, lake, world.client("ada"))
    assert ask(ada, "/shelf/book") == (200, b"words")
    assert who(ada) == "arn:aws:iam::000000000000:user/x509:ada"
    status, body = ask(ada, "/shelf/book", "PUT", b"other")
    assert (status, code_of(body)) == (403, "AccessDenied")
    status, body = ask(ada, "/_lake/admin/v1/buckets")
    assert (status, json.loads(body)["code"]) == (403, "AccessDenied")
    # Who is in no group that a rule names may nothing.
    bob = connection(world, lake, world.client("bob", name("bob", units=["readers"])))
    assert ask(bob, "/shelf/book")[0] == 403
    # And nobody is asked for one.
    nobody = connection(world, lake)
    assert ask(nobody, "/shelf/book")[0] == 403


def test_a_signature_says_more_than_a_certificate(world, lake):
    """Who signs is who signs, whatever the connection shows."""
    shown = world.client("ada-signs")
    config = Config(client_cert=tuple(map(str, shown)), s3={"addressing_style": "path"})
    s3 = boto3.client(
        "s3",
        endpoint_url=lake.endpoint,
        region_name=REGION,
        verify=str(world.ca),
        aws_access_key_id=lake.keys.access,
        aws_secret_access_key=lake.keys.secret,
        config=config,
    )
    s3.put_object(Bucket="shelf", Key="signed", Body=b"x")
    config = Config(client_cert=tuple(map(str, shown)), s3={"addressing_style": "path"}, signature_version=UNSIGNED)
    s3 = boto3.client("s3", endpoint_url=lake.endpoint, region_name=REGION, verify=str(world.ca), config=config)
    assert s3.get_object(Bucket="shelf", Key="signed")["Body"].read() == b"x"
    with refused(403, "AccessDenied"):
        s3.delete_object(Bucket="shelf", Key="signed")


def test_temporary_keys_for_a_certificate(world, lake):
    made = connection(world, lake, world.client("carol"))
    status, body = sts(made, Action="AssumeRoleWithCertificate", DurationSeconds=900)
    assert status == 200, body
    s3 = session(lake.endpoint, *keys_of(body), verify=str(world.ca))
    assert s3.get_object(Bucket="shelf", Key="book")["Body"].read() == b"words"
    trust = {
        "Effect": "Allow",
        "Action": "sts:AssumeRoleWithCertificate",
        "Principal": {"Federated": "arn:aws:iam::000000000000:x509-provider/x509"},
        "Condition": {"StringLike": {"x509:sub": "c*"}},
    }
    iam = lake.client("iam", verify=str(world.ca))
    role = iam.create_role(RoleName="scanner", AssumeRolePolicyDocument=policy(trust))["Role"]["Arn"]
    asked = {"Action": "AssumeRoleWithCertificate", "RoleArn": role, "RoleSessionName": "run"}
    assert sts(made, **asked)[0] == 200
    status, body = sts(connection(world, lake, world.client("dan")), **asked)
    assert (status, code_of(body)) == (403, "AccessDenied")
    status, body = sts(connection(world, lake), **asked)
    assert (status, code_of(body)) == (400, "InvalidClientCertificate")


def test_certificates_below_another_authority(world, new_lake, tmp_path):
    """The chain is sent along. Where revocations are kept, each authority of the chain needs a list."""
    lower = Authority("lower", above=world.clients)
    shown = lower.issue(world.directory, "low", name("low", units=["lake-readers"]))
    lake = new_lake("--config", world.configured([])).start()
    assert who(connection(world, lake, shown)) == "arn:aws:iam::000000000000:user/x509:low"
    both = [world.revoked, lower.revocations(tmp_path / "lower.crl", form=Encoding.DER)]
    lake = new_lake("--config", world.configured(both), name="both").start()
    assert who(connection(world, lake, shown)) == "arn:aws:iam::000000000000:user/x509:low"
    lake = new_lake("--config", world.configured(), name="one").start()
    refuse(world, lake, shown)


def refuse(world, lake, shown):
    """The handshake fails: in TLS 1.3 the client learns it when it reads."""
    with pytest.raises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
        ask(connection(world, lake, shown), "/shelf/book")


def test_bad_certificates_are_refused_in_the_handshake(world, lake):
    stranger = Authority("clients")
    subject = name("ada", units=["lake-readers"])
    world.client("revoked")
    for shown in (
        world.client("over", subject, begins=-2 * DAY, ends=-HOUR),
        world.client("not-yet", subject, begins=HOUR),
        world.client("server-only", subject, usage=SERVER),
        stranger.issue(world.directory, "stranger", subject),
        world.servers.issue(world.directory, "of-the-servers", subject),
        world.server,
    ):
        refuse(world, lake, shown)
    assert "a defect" not in lake.output()


@pytest.mark.parametrize(
    "subject",
    [name(), name(["ada", "root"]), name("a b"), name("ada\0root")],
    ids=["none", "two", "a blank", "a zero"],
)
def test_certificates_that_name_nobody(world, lake, subject):
    """The handshake succeeds, and every request is refused."""
    made = connection(world, lake, world.client("nobody", subject))
    status, body = ask(made, "/shelf/book")
    assert (status, code_of(body)) == (403, "AccessDenied")
    status, body = sts(made, Action="AssumeRoleWithCertificate")
    assert (status, code_of(body)) in [(400, "InvalidClientCertificate"), (403, "AccessDenied")]


@pytest.mark.parametrize(
    "part, subject, alternative, expected",
    [
        ("uri", name("x"), [("uri", "spiffe://lake.example/job/train")], "spiffe://lake.example/job/train"),
        ("email", name("x"), [("email", "ada@lake.example")], "ada@lake.example"),
        ("dns", name("x"), [("dns", "host7.lake.example"), ("ip", "127.0.0.1")], "host7.lake.example"),
        ("ou", name("x", units=["people"]), [], "people"),
        ("dns", name("x"), [("dns", "a.example"), ("dns", "b.example")], "AccessDenied"),
        ("uri", name("x"), [], "AccessDenied"),
    ],
)
def test_any_part_may_name_somebody(world, new_lake, part, subject, alternative, expected):
    lake = new_lake("--config", world.configured(subject=part)).start()
    found = who(connection(world, lake, world.client("part", subject, alternative=alternative)))
    assert found.removeprefix("arn:aws:iam::000000000000:user/x509:") == expected


def test_names_become_others_by_rule(world, new_lake):
    path = world.configured(subject="uri", user=[])
    rule = '[[certificates.user]]\nprefix = "spiffe://lake.example/job/"\nbecomes = "job-*"\n'
    path.write_text(path.read_text().replace("user = []\n", "") + rule)
    lake = new_lake("--config", path).start()
    of = lambda uri: who(connection(world, lake, world.client("job", name("x"), alternative=[("uri", uri)])))
    assert of("spiffe://lake.example/job/train") == "arn:aws:iam::000000000000:user/x509:job-train"
    assert of("spiffe://elsewhere.example/job/train") == "AccessDenied"


def test_what_is_taken_back_is_out_at_once(tmp_path, new_lake):
    """The list of revocations is read again when it changes, and open connections notice."""
    world = World(tmp_path)
    shown = world.client("ada")
    certificate = world.clients.latest
    lake = new_lake("--config", world.configured()).start()
    open_one = connection(world, lake, shown)
    assert who(open_one) == "arn:aws:iam::000000000000:user/x509:ada"
    world.clients.revoked.append(certificate)
    world.clients.revocations(world.revoked)
    deadline = time.monotonic() + 20
    while who(open_one) != "AccessDenied":
        assert time.monotonic() < deadline, "the revocation is not noticed"
        time.sleep(0.2)
    refuse(world, lake, shown)
    assert who(connection(world, lake, world.client("bob"))) == "arn:aws:iam::000000000000:user/x509:bob"
    # What cannot be read changes nothing.
    world.revoked.write_text("-----BEGIN X509 CRL-----\nnothing\n-----END X509 CRL-----\n")
    while "the files of TLS cannot be used" not in lake.output():
        assert time.monotonic() < deadline + 20
        time.sleep(0.2)
    refuse(world, lake, shown)
    # A list that is over vouches for nobody.
    world.clients.revocations(world.revoked, ends=-HOUR)
    later = world.client("later")
    while True:
        assert time.monotonic() < deadline + 40
        try:
            assert who(connection(world, lake, later)).endswith(":later")
            time.sleep(0.2)
        except (ssl.SSLError, ConnectionError, http.client.RemoteDisconnected):
            break


def test_the_servers_certificate_is_renewed_without_a_start(tmp_path, new_lake):
    world = World(tmp_path)
    lake = new_lake("--config", world.configured()).start()
    first = ssl.get_server_certificate(lake.address)
    world.servers.issue(tmp_path, "server", name("renewed"), SERVER, [("ip", "127.0.0.1")])
    deadline = time.monotonic() + 20
    while ssl.get_server_certificate(lake.address) == first:
        assert time.monotonic() < deadline, "the new certificate is not taken up"
        time.sleep(0.2)


@pytest.mark.parametrize(
    "changed, said",
    [
        ({"roots": "/nowhere/roots.pem"}, "/nowhere/roots.pem"),
        ({"subject": "serial"}, "serial"),
        ({"name": "X"}, "name"),
        ({"authorities": "x"}, "authorities"),
    ],
    ids=str,
)
def test_what_cannot_be_configured_is_named(world, new_lake, changed, said):
    with pytest.raises(Refused) as refusal:
        new_lake("--config", world.configured(**changed)).start()
    assert said in refusal.value.output


def test_certificates_need_tls(world, new_lake, tmp_path):
    path = tmp_path / "lake.toml"
    path.write_text(f'[certificates]\nroots = "{world.roots}"\n')
    with pytest.raises(Refused) as refusal:
        new_lake("--config", path).start()
    assert "tls.cert" in refusal.value.output
