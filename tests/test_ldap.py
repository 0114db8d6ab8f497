"""Logins by name and password against a real directory: slapd, as Debian has it."""

import os
import shutil
import signal
import socket
import subprocess
import time

import pytest

from answers import refused
from authority import SERVER, Authority, name, write
from lake import Lake, Refused, close, need_binary, random_keys
from outside import code_of, keys_of, policy, session, sts

BASE = "dc=lake,dc=example"
LOOKUP, LOOKUP_PASSWORD = f"cn=lookup,{BASE}", "only for looking up"
PASSWORD = "correct horse battery"
TREE = f"""
dn: {BASE}
objectClass: organization
objectClass: dcObject
dc: lake
o: Lake

dn: cn=lookup,{BASE}
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: lookup
userPassword: {LOOKUP_PASSWORD}

dn: ou=people,{BASE}
objectClass: organizationalUnit
ou: people

dn: uid=ada,ou=people,{BASE}
objectClass: inetOrgPerson
uid: ada
cn: Ada
sn: Lovelace
departmentNumber: engines
userPassword: {PASSWORD}

dn: uid=bob,ou=people,{BASE}
objectClass: inetOrgPerson
uid: bob
cn: Bob (the builder) *
sn: B
userPassword: {PASSWORD}

dn: cn=twin-1,ou=people,{BASE}
objectClass: inetOrgPerson
uid: twin
cn: twin-1
sn: T
userPassword: {PASSWORD}

dn: cn=twin-2,ou=people,{BASE}
objectClass: inetOrgPerson
uid: twin
cn: twin-2
sn: T
userPassword: {PASSWORD}

dn: cn=Two,ou=people,{BASE}
objectClass: inetOrgPerson
uid: two
uid: names
cn: Two
sn: T
userPassword: {PASSWORD}

dn: ou=groups,{BASE}
objectClass: organizationalUnit
ou: groups

dn: cn=lake-readers,ou=groups,{BASE}
objectClass: groupOfNames
cn: lake-readers
member: uid=ada,ou=people,{BASE}

dn: cn=elsewhere,ou=groups,{BASE}
objectClass: groupOfNames
cn: elsewhere
member: uid=ada,ou=people,{BASE}
member: uid=bob,ou=people,{BASE}
"""


class Directory:
    """slapd with a tree of its own, over plain TCP, StartTLS and TLS."""

    def __init__(self, directory):
        for program in ("slapd", "slapadd"):
            assert find(program), f"{program} is missing: apt-get install slapd"
        self.directory = directory
        self.authority = Authority("directories")
        self.ca = write(directory / "ca.pem", self.authority.certificate)
        pem, key = self.authority.issue(directory, "slapd", name("slapd"), SERVER, [("ip", "127.0.0.1")])
        data = directory / "data"
        data.mkdir()
        schemas = "".join(f"include /etc/ldap/schema/{schema}.schema\n" for schema in ("core", "cosine", "inetorgperson"))
        self.configuration = directory / "slapd.conf"
        self.configuration.write_text(
            f"""{schemas}
pidfile {directory}/slapd.pid
modulepath /usr/lib/ldap
moduleload back_mdb
TLSCertificateFile {pem}
TLSCertificateKeyFile {key}
database mdb
suffix "{BASE}"
directory {data}
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="{LOOKUP}" read by self read by * none
"""
        )
        tree = directory / "tree.ldif"
        tree.write_text(TREE)
        done = subprocess.run(
            [find("slapadd"), "-f", self.configuration, "-l", tree], capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        self.port, self.tls_port = free_port(), free_port()
        self.plain, self.secure = f"ldap://127.0.0.1:{self.port}", f"ldaps://127.0.0.1:{self.tls_port}"
        self.process = None
        self.start()

    def start(self):
        log = (self.directory / "slapd.log").open("ab")
        command = [find("slapd"), "-d", "0", "-f", self.configuration, "-h", f"{self.plain}/ {self.secure}/"]
        self.process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.tls_port), 1).close()
                return
            except OSError:
                assert self.process.poll() is None and time.monotonic() < deadline, "slapd does not start"
                time.sleep(0.05)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)

    def configured(self, **changed):
        """A configuration file that trusts this directory; `None` takes a line away."""
        word = self.directory / "lookup-password"
        word.write_text(LOOKUP_PASSWORD + "\n")
        os.chmod(word, 0o600)
        fields = {
            "name": '"directory"',
            "address": f'"{self.secure}"',
            "ca_file": f'"{self.ca}"',
            "lookup_dn": f'"{LOOKUP}"',
            "lookup_password_file": f'"{word}"',
            "user_base": f'"ou=people,{BASE}"',
            "group_base": f'"ou=groups,{BASE}"',
        } | changed
        lines = [f"{key} = {value}" for key, value in fields.items() if value is not None]
        rules = ['[[ldap.group]]\nprefix = "lake-"\nbecomes = "*"', '[ldap.tags]\nunit = "departmentNumber"']
        path = self.directory / "lake.toml"
        path.write_text("\n".join(["[ldap]", *lines, *rules]) + "\n")
        return path


def find(program):
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    made = Directory(tmp_path_factory.mktemp("slapd"))
    yield made
    made.stop()


def prepared(lake):
    """The group `readers` may read the bucket `shelf`, if it is of the right unit."""
    iam, s3 = lake.client("iam", signature_version="v4"), lake.client()
    iam.create_group(GroupName="readers")
    may_read = {
        "Effect": "Allow",
        "Action": ["s3:GetObject", "s3:ListBucket"],
        "Resource": "arn:aws:s3:::shelf*",
        "Condition": {"StringEquals": {"aws:PrincipalTag/unit": "engines"}},
    }
    iam.put_group_policy(GroupName="readers", PolicyName="read", PolicyDocument=policy(may_read))
    s3.create_bucket(Bucket="shelf")
    s3.put_object(Bucket="shelf", Key="book", Body=b"words")
    return lake


@pytest.fixture(scope="module")
def lake(tmp_path_factory, directory):
    need_binary()
    path = tmp_path_factory.mktemp("ldap") / "data"
    lake = prepared(Lake(path, "--config", directory.configured(), keys=random_keys()).start())
    yield lake
    close(lake)


def login(lake, user, password=PASSWORD, **parameters):
    return sts(
        lake.endpoint, Action="AssumeRoleWithLDAPIdentity", LDAPUsername=user, LDAPPassword=password, **parameters
    )


def test_a_name_and_a_password_give_temporary_keys(lake):
    status, body = login(lake, "ada", DurationSeconds=900)
    assert status == 200, body
    s3 = session(lake.endpoint, *keys_of(body))
    assert s3.get_object(Bucket="shelf", Key="book")["Body"].read() == b"words"
    with refused(403, "AccessDenied"):
        s3.put_object(Bucket="shelf", Key="book", Body=b"x")
    who = session(lake.endpoint, *keys_of(body), service="sts").get_caller_identity()
    assert who["Arn"] == "arn:aws:iam::000000000000:user/directory:ada"
    # However it is typed, it is the same somebody.
    status, body = login(lake, "ADA")
    assert session(lake.endpoint, *keys_of(body), service="sts").get_caller_identity()["Arn"] == who["Arn"]
    # Bob is in no group that a rule names.
    status, body = login(lake, "bob")
    with refused(403, "AccessDenied"):
        session(lake.endpoint, *keys_of(body)).get_object(Bucket="shelf", Key="book")


def test_sessions_are_narrowed(lake):
    narrowed = policy({"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"})
    s3 = session(lake.endpoint, *keys_of(login(lake, "ada", Policy=narrowed)[1]))
    assert s3.list_objects_v2(Bucket="shelf")["KeyCount"] == 1
    with refused(403, "AccessDenied"):
        s3.get_object(Bucket="shelf", Key="book")


def test_a_role_that_trusts_the_directory(lake):
    trust = {
        "Effect": "Allow",
        "Action": "sts:AssumeRoleWithLDAPIdentity",
        "Principal": {"Federated": "arn:aws:iam::000000000000:ldap-provider/directory"},
        "Condition": {"StringEquals": {"directory:dn": f"uid=bob,ou=people,{BASE}"}},
    }
    iam = lake.client("iam", signature_version="v4")
    role = iam.create_role(RoleName="builder", AssumeRolePolicyDocument=policy(trust))["Role"]["Arn"]
    assert login(lake, "bob", RoleArn=role, RoleSessionName="run")[0] == 200
    status, body = login(lake, "ada", RoleArn=role, RoleSessionName="run")
    assert (status, code_of(body)) == (403, "AccessDenied")


@pytest.fixture
def patient(new_lake, directory):
    """A server of its own: failures are counted."""
    return new_lake("--config", directory.configured()).start()


@pytest.mark.parametrize(
    "user, password",
    [
        ("ada", "wrong"),
        ("ada", PASSWORD + " "),
        ("ada", PASSWORD.upper()),
        ("nobody", PASSWORD),
        ("lookup", LOOKUP_PASSWORD),
        ("twin", PASSWORD),
        ("two", PASSWORD),
        ("x" * 300, PASSWORD),
        ("ada\0", PASSWORD),
        ("ada", "x" * 2_000),
        # Names that would be more than a name in a filter.
        ("*", PASSWORD),
        ("a*", PASSWORD),
        ("ad\\61", PASSWORD),
        ("ada)(uid=*", PASSWORD),
        ("*)(uid=ada", PASSWORD),
        ("ada))(|(uid=*", PASSWORD),
        ("nobody)(|(uid=ada)", PASSWORD),
        (f"uid=ada,ou=people,{BASE}", PASSWORD),
    ],
)
def test_whoever_is_wrong_is_not_let_in(lake, user, password):
    status, body = login(lake, user, password)
    # Some of these names are one to who counts failures; the address is another after a while.
    assert (status, code_of(body)) in [(403, "AccessDenied"), (400, "Throttling")]
    assert b"AccessKeyId" not in body


def test_names_with_signs_of_filters_are_names(new_lake, directory):
    """What is escaped still finds whom it names."""
    path = directory.configured(user_filter='"(cn={user})"')
    lake = new_lake("--config", path).start()
    assert login(lake, "Bob (the builder) *")[0] == 200
    assert login(lake, "Bob (the builder) x")[0] == 403


def test_an_empty_password_is_no_password(patient):
    """To a directory it would be a bind as nobody, which succeeds."""
    for password in ("", None):
        parameters = {"Action": "AssumeRoleWithLDAPIdentity", "LDAPUsername": "ada"}
        if password is not None:
            parameters["LDAPPassword"] = password
        status, body = sts(patient.endpoint, **parameters)
        assert (status, code_of(body)) == (400, "ValidationError")


def test_guessing_is_slowed_down(patient):
    codes = [code_of(login(patient, "ada", f"guess {number}")[1]) for number in range(8)]
    assert codes[:5] == ["AccessDenied"] * 5 and codes[-1] == "Throttling", codes
    # The right password waits as well, or guessing would go on.
    assert login(patient, "ada")[0] == 400
    # Others do not wait for ada.
    assert login(patient, "bob")[0] == 200
    deadline = time.monotonic() + 30
    while login(patient, "ada")[0] != 200:
        assert time.monotonic() < deadline
        time.sleep(0.3)
    # Who was right begins anew.
    assert code_of(login(patient, "ada", "wrong")[1]) == "AccessDenied"
    assert login(patient, "ada")[0] == 200


@pytest.mark.parametrize("way", ["plain", "starttls"])
def test_other_ways_to_a_directory(new_lake, directory, way):
    start_tls = "true" if way == "starttls" else "false"
    path = directory.configured(address=f'"{directory.plain}"', start_tls=start_tls)
    lake = prepared(new_lake("--config", path).start())
    s3 = session(lake.endpoint, *keys_of(login(lake, "ada")[1]))
    assert s3.get_object(Bucket="shelf", Key="book")["ContentLength"] == 5


def test_groups_may_stand_with_the_user(new_lake, directory):
    """As `memberOf` does; here another attribute stands for it."""
    path = directory.configured(groups='["departmentNumber"]', group_base=None)
    path.write_text(path.read_text().replace('prefix = "lake-"', 'is = "engines"').replace('"*"', '"readers"'))
    lake = prepared(new_lake("--config", path).start())
    s3 = session(lake.endpoint, *keys_of(login(lake, "ada")[1]))
    assert s3.get_object(Bucket="shelf", Key="book")["ContentLength"] == 5


def test_a_directory_that_cannot_be_asked(new_lake, directory, tmp_path):
    other = write(tmp_path / "other.pem", Authority("others").certificate)
    word = tmp_path / "wrong-word"
    word.write_text("wrong")
    word.chmod(0o600)
    for number, changed in enumerate(
        [
            {"ca_file": f'"{other}"'},
            {"address": f'"ldaps://127.0.0.1:{free_port()}"'},
            {"lookup_password_file": f'"{word}"'},
            # Whoever does not speak TLS there.
            {"address": f'"ldaps://127.0.0.1:{directory.port}"', "wait_ms": "2000"},
        ]
    ):
        lake = new_lake("--config", directory.configured(**changed), name=f"data{number}").start()
        status, body = login(lake, "ada")
        assert (status, code_of(body)) == (400, "IDPCommunicationError"), changed


def test_local_users_need_no_directory(new_lake, directory):
    """A user of the lake with a password logs in the same way, whether there is a directory or not."""
    for number, arguments in enumerate([(), ("--config", directory.configured())]):
        lake = new_lake(*arguments, name=f"data{number}").start()
        iam = lake.client("iam", signature_version="v4")
        iam.create_user(UserName="carol")
        iam.create_login_profile(UserName="carol", Password="a long enough password", PasswordResetRequired=False)
        status, body = login(lake, "carol", "a long enough password")
        assert status == 200, body
        who = session(lake.endpoint, *keys_of(body), service="sts").get_caller_identity()
        assert who["Arn"] == "arn:aws:iam::000000000000:user/carol"
        status, body = login(lake, "carol", "another long password")
        assert (status, code_of(body)) == (403, "AccessDenied")


@pytest.mark.parametrize(
    "changed, said",
    [
        ({"address": '"ldap://directory.example"'}, "ldap://directory.example"),
        ({"address": '"https://directory.example"'}, "https://directory.example"),
        ({"user_filter": '"(uid=ada)"'}, "(uid=ada)"),
        ({"user_filter": '"(uid={user}"'}, "(uid={user}"),
        ({"lookup_password_file": None}, "lookup_password_file"),
        ({"lookup_password_file": '"/nowhere/word"'}, "/nowhere/word"),
        ({"password": '"secret"'}, "password"),
    ],
    ids=str,
)
def test_what_cannot_be_configured_is_named(new_lake, directory, changed, said):
    with pytest.raises(Refused) as refusal:
        new_lake("--config", directory.configured(**changed)).start()
    assert said in refusal.value.output
    assert LOOKUP_PASSWORD not in refusal.value.output
