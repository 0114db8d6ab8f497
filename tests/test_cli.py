"""The admin commands: what an operator types, prints, and is told when it goes wrong."""

import json
import secrets
import socket
import stat
import threading

import pytest

import admin
from answers import body, new_bucket, refused
from test_tls import certificate as make_certificate


@pytest.fixture(autouse=True)
def ours(lake):
    if lake.process is None:
        pytest.skip("these are Twinlake's own commands")


@pytest.fixture
def twinlake(tmp_path, lake):
    """Runs a command against the lake, in a home of the test's own."""

    def run(*arguments, environment=None, **options):
        return admin.run(tmp_path, *arguments, environment=admin.variables(lake) | (environment or {}), **options)

    return run


@pytest.fixture
def alone(tmp_path):
    """Runs a command that knows nothing but its home."""
    return lambda *arguments, **options: admin.run(tmp_path, *arguments, **options)


def printed(done):
    assert done.returncode == 0 and done.stderr == "", done
    return done.stdout


def failed(done, *words, code=1):
    """It failed, printed nothing, and said these words on one line."""
    assert done.returncode == code and done.stdout == "", done
    assert done.stderr.startswith("twinlake: ") and done.stderr.count("\n") == 1, done.stderr
    for word in words:
        assert word in done.stderr, done.stderr


def save(run, lake, name="lab", *arguments, secret=None):
    return run(
        "profile", "set", name, "--endpoint", lake.endpoint, "--access-key", lake.keys.access, *arguments,
        stdin=(lake.keys.secret if secret is None else secret) + "\n",
    )  # fmt: skip


def test_a_quota_is_set_shown_listed_and_cleared(twinlake, s3):
    name = new_bucket(s3, "cli")
    set_up = printed(twinlake("bucket", "quota", "set", name, "--bytes", "1KiB", "--objects", "2"))
    heading, row = (line.split() for line in set_up.splitlines())
    assert heading[0] == "BUCKET"
    assert row == [name, "0", "B", "1", "KiB", "0", "%", "0", "2", "0", "%"]
    s3.put_object(Bucket=name, Key="a", Body=body(512))
    with refused(403, "QuotaExceeded"):
        s3.put_object(Bucket=name, Key="b", Body=body(513))
    shown = json.loads(printed(twinlake("bucket", "quota", "get", name, "--output", "json")))
    assert shown == {
        "bucket": name,
        "quota": {"bytes": 1024, "objects": 2},
        "used": {"bytes": 512, "objects": 1, "versions": 1},
    }
    assert "50 %" in printed(twinlake("bucket", "quota", "get", name))
    assert shown in json.loads(printed(twinlake("bucket", "quota", "list", "--output", "json")))
    # What is not named has no bound any more.
    again = json.loads(printed(twinlake("bucket", "quota", "set", name, "--bytes", "0.5kB", "--output", "json")))
    assert again["quota"] == {"bytes": 500}
    assert printed(twinlake("bucket", "quota", "clear", name)) == ""
    assert json.loads(printed(twinlake("bucket", "quota", "get", name, "--output", "json")))["quota"] is None
    assert name not in printed(twinlake("bucket", "quota", "list"))


def test_buckets_are_listed_for_people_and_for_programs(twinlake, s3):
    prefix = f"cli-{secrets.token_hex(4)}-"
    for number in range(3):
        s3.create_bucket(Bucket=f"{prefix}{number}")
    s3.put_object(Bucket=f"{prefix}1", Key="a", Body=body(2048))
    table = printed(twinlake("bucket", "list", "--prefix", prefix)).splitlines()
    assert len({line.index("unversioned") for line in table[1:]}) == 1, "columns are aligned"
    assert "2 KiB" in table[2] and not any(line.endswith(" ") for line in table)
    told = json.loads(printed(twinlake("bucket", "list", "--prefix", prefix, "--output", "json")))
    assert [bucket["used"]["bytes"] for bucket in told] == [0, 2048, 0]


def test_a_profile_is_saved_used_listed_and_removed(alone, lake, s3, tmp_path):
    name = new_bucket(s3, "cli")
    assert printed(save(alone, lake)) == ""
    path = tmp_path / ".config/twinlake/config.toml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert name in printed(alone("bucket", "list", "--profile", "lab"))
    assert name in printed(alone("bucket", "list", environment={"TWINLAKE_PROFILE": "lab"}))
    failed(alone("bucket", "list"), "no endpoint is known", "twinlake profile set")
    listed = printed(alone("profile", "list"))
    assert lake.endpoint in listed and lake.keys.access in listed and lake.keys.secret not in listed
    assert lake.keys.secret not in printed(alone("profile", "list", "--output", "json"))
    printed(save(alone, lake, "default"))
    assert name in printed(alone("bucket", "list"))
    assert printed(alone("profile", "remove", "lab")) == ""
    failed(alone("bucket", "list", "--profile", "lab"), "there is no profile `lab`", "twinlake profile list")
    failed(alone("profile", "remove", "lab"), "there is no profile `lab`")


def test_a_secret_may_stay_where_it_is(alone, lake, s3, tmp_path):
    name = new_bucket(s3, "cli")
    secret = tmp_path / "secret"
    secret.write_text(lake.keys.secret + "\n")
    secret.chmod(0o600)
    for option, value in ("--secret-key-file", secret), ("--secret-key-command", f"cat {secret}"):
        printed(save(alone, lake, "lab", option, value, secret=""))
        assert lake.keys.secret not in (tmp_path / ".config/twinlake/config.toml").read_text()
        assert name in printed(alone("bucket", "list", "--profile", "lab"))
    failing = ["--secret-key-command", "echo seen; exit 3"]
    printed(save(alone, lake, "broken", *failing, secret=""))
    failed(alone("bucket", "list", "--profile", "broken"), "exit status: 3")
    printed(save(alone, lake, "lab", "--secret-key-file", secret, secret=""))
    secret.chmod(0o644)
    failed(alone("bucket", "list", "--profile", "lab"), "has mode 644", "chmod 600")


def test_a_file_of_profiles_that_others_can_read_is_refused(alone, lake, tmp_path):
    printed(save(alone, lake))
    path = tmp_path / ".config/twinlake/config.toml"
    path.chmod(0o640)
    for arguments in ["bucket", "list", "--profile", "lab"], ["profile", "list"]:
        failed(alone(*arguments), "has mode 640", "chmod 600")
    before = path.read_text()
    failed(save(alone, lake, "other"), "has mode 640")
    assert path.read_text() == before
    path.chmod(0o600)
    path.write_text(f'[profile.lab]\nsecret = "{lake.keys.secret}"\n')
    done = alone("profile", "list")
    failed(done, "line 2", "unknown field `secret`")
    assert lake.keys.secret not in done.stderr


def test_the_environment_of_aws_is_enough(alone, lake, s3):
    name = new_bucket(s3, "cli")
    environment = {
        "AWS_ENDPOINT_URL": lake.endpoint,
        "AWS_ACCESS_KEY_ID": lake.keys.access,
        "AWS_SECRET_ACCESS_KEY": lake.keys.secret,
    }
    assert name in printed(alone("bucket", "list", environment=environment))
    # Ours come first, one by one; a profile that is named comes before both.
    failed(alone("bucket", "list", environment=environment | {"TWINLAKE_ENDPOINT": "http://127.0.0.1:1"}), "127.0.0.1:1")
    printed(save(alone, lake))
    wrong = environment | {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ACCESS_KEY_ID": "SOMEBODY"}
    assert name in printed(alone("bucket", "list", "--profile", "lab", environment=wrong))
    half = {name: value for name, value in environment.items() if name != "AWS_SECRET_ACCESS_KEY"}
    failed(alone("bucket", "list", environment=half), "AWS_SECRET_ACCESS_KEY", "must be set together")


def test_refusals_say_what_to_do(twinlake, lake):
    failed(twinlake("bucket", "quota", "get", "no-such-bucket-here"), "NoSuchBucket", "status 404", "bucket list")
    failed(twinlake("bucket", "list", environment={"TWINLAKE_ACCESS_KEY": "STRANGER"}), "InvalidAccessKeyId", "check the keys")
    failed(twinlake("bucket", "list", environment={"TWINLAKE_SECRET_KEY": "s" * 40}), "SignatureDoesNotMatch")
    failed(twinlake("bucket", "list", environment={"TWINLAKE_REGION": "mars"}), "mars", "check the region")
    failed(twinlake("bucket", "list", "--endpoint", "http://127.0.0.1:1"), "`http://127.0.0.1:1` does not answer")
    password = f"http://root:{lake.keys.secret}@127.0.0.1:1"
    done = twinlake("bucket", "list", "--endpoint", password)
    failed(done, "without path, user or query")
    assert lake.keys.secret not in done.stderr


def test_what_is_no_lake_is_named(twinlake):
    """Something else listens there: a server that says hello to everybody."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        endpoint = f"http://127.0.0.1:{server.getsockname()[1]}"
        def greet():
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nhello")

        greeter = threading.Thread(target=greet)
        greeter.start()
        failed(twinlake("bucket", "list", "--endpoint", endpoint), "status 404", "right endpoint")
        greeter.join()


@pytest.mark.parametrize(
    "arguments",
    [
        ["bucket"],
        ["bucket", "quota", "set", "bucket"],
        ["bucket", "quota", "set", "bucket", "--bytes", "1T"],
        ["bucket", "quota", "set", "bucket", "--bytes", "-1"],
        ["bucket", "quota", "set", "bucket", "--bytes", "9EB", "--objects", "many"],
        ["bucket", "quota", "set", "UPPER", "--bytes", "1"],
        ["bucket", "quota", "get", "../buckets"],
        ["bucket", "list", "--output", "xml"],
        ["profile", "set", "lab"],
        ["profile", "set", "lab", "--endpoint", "http://lake", "--secret-key-file", "f"],
    ],
    ids=" ".join,
)
def test_a_wrong_command_line_is_refused_before_anybody_is_asked(twinlake, arguments):
    done = twinlake(*arguments)
    assert done.returncode == 2 and done.stdout == "" and done.stderr


@pytest.mark.parametrize("name", ["", "a b", "a.b", "é", "x" * 65])
def test_a_profile_has_a_plain_name(alone, lake, name):
    failed(save(alone, lake, name), "is no name of a profile")


@pytest.mark.parametrize("secret", ["", "two words", "k" * 2000])
def test_a_secret_that_can_be_none_is_refused(alone, lake, tmp_path, secret):
    failed(save(alone, lake, secret=secret), "no secret key came from stdin")
    assert not (tmp_path / ".config/twinlake/config.toml").exists()


def test_help_has_examples_and_completions_know_the_commands(alone):
    for arguments in ["bucket"], ["bucket", "quota"], ["bucket", "quota", "set"], ["profile"], ["profile", "set"]:
        assert "twinlake " + " ".join(arguments) in printed(alone(*arguments, "--help"))
    for shell in "bash", "zsh", "fish":
        completions = printed(alone("completions", shell))
        assert "quota" in completions and "--secret-key-command" in completions.replace("-l ", "--")


def test_nothing_typed_holds_a_secret(alone):
    """Whoever sees the list of processes sees no secret: no flag takes one."""
    assert "--secret-key " not in printed(alone("profile", "set", "--help"))


def test_over_tls_the_lake_must_be_trusted(new_lake, tmp_path):
    certificate, key = make_certificate(tmp_path)
    lake = new_lake("--tls-cert", str(certificate), "--tls-key", str(key)).start()
    environment = admin.variables(lake)
    failed(admin.run(tmp_path, "bucket", "list", environment=environment), "does not answer", "certificate")
    trusting = ["bucket", "list", "--output", "json", "--ca-file", certificate]
    assert json.loads(printed(admin.run(tmp_path, *trusting, environment=environment))) == []
    failed(admin.run(tmp_path, *trusting[:-1], tmp_path / "none.pem", environment=environment), "cannot be read")
