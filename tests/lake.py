"""The server under test, as a process that is started, asked, stopped and killed."""

import json
import os
import re
import secrets
import signal
import subprocess
import time
from collections import namedtuple
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config

import compatibility

REGION = "us-east-1"
START_SECONDS_MAX = 30
# How the server logs a panic, each of which is a defect of its own.
DEFECT = "a defect:"
ROOT = Path(__file__).resolve().parent.parent

Keys = namedtuple("Keys", "access secret")


def random_keys():
    """Keys that nobody has used before: there are no default ones, not even here."""
    return Keys("TEST" + secrets.token_hex(8).upper(), secrets.token_hex(20))


def binary():
    """The program: `$TWINLAKE_BINARY`, or what `cargo build --release` left."""
    if named := os.environ.get("TWINLAKE_BINARY"):
        return Path(named)
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release" / "twinlake"


class Refused(Exception):
    """The server did not start; says how it ended and what it printed."""

    def __init__(self, code, output):
        super().__init__(f"ended with {code}:\n{output}")
        self.code, self.output = code, output


class Lake:
    """One data directory and the server on it. With `keys` none, the server makes its own at its first start."""

    def __init__(self, directory, *arguments, keys=None, environment=None):
        self.directory = Path(directory)
        self.arguments = arguments
        self.environment = dict(environment or {})
        self.given_keys = keys
        self.process = None
        self.endpoint = None
        self._clients = {}
        self.stdout = self.directory.with_name(self.directory.name + ".stdout")
        self.stderr = self.directory.with_name(self.directory.name + ".stderr")

    @property
    def keys(self):
        if self.given_keys:
            return self.given_keys
        written = json.loads((self.directory / "root-credentials.json").read_text())
        return Keys(written["access_key"], written["secret_key"])

    @property
    def host(self):
        return urlsplit(self.endpoint).netloc

    @property
    def address(self):
        return urlsplit(self.endpoint).hostname, urlsplit(self.endpoint).port

    @property
    def pid(self):
        return self.process.pid

    def output(self):
        """All that it printed since the directory was first used."""
        texts = (path.read_text(errors="replace") for path in (self.stdout, self.stderr) if path.exists())
        return "".join(texts)

    def start(self):
        """Starts and waits until it listens. Raises `Refused` if it ends instead."""
        environment = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
        if self.given_keys:
            environment["TWINLAKE_ROOT_ACCESS_KEY"], environment["TWINLAKE_ROOT_SECRET_KEY"] = self.given_keys
        environment |= self.environment
        command = [binary(), "serve", *self.arguments]
        if "--data-dir" not in self.arguments and "TWINLAKE_DATA_DIR" not in self.environment:
            command += ["--data-dir", self.directory]
        if "--listen" not in self.arguments and "TWINLAKE_LISTEN" not in self.environment:
            command += ["--listen", "127.0.0.1:0"]
        seen = len(self.output_of(self.stdout)), len(self.output())
        with self.stdout.open("ab") as stdout, self.stderr.open("ab") as stderr:
            self.process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr
            )
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline:
            if found := re.search(r"listening on (https?://\S+)\s", self.output_of(self.stdout)[seen[0] :]):
                self.endpoint = found[1].rstrip("/")
                self._clients.clear()
                return self
            if self.process.poll() is not None:
                raise Refused(self.process.returncode, self.output()[max(0, seen[1] - 1) :])
            time.sleep(0.01)
        self.kill()
        raise Refused(None, self.output())

    @staticmethod
    def output_of(path):
        return path.read_text(errors="replace") if path.exists() else ""

    def running(self):
        return self.process is not None and self.process.poll() is None

    def stop(self, seconds=20):
        """Asks it to end, and returns its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def kill(self):
        """`kill -9`"""
        if self.running():
            self.process.kill()
        if self.process:
            self.process.wait()

    def client(self, service="s3", **options):
        """A boto3 client with the root keys, which asks once and does not ask again when refused."""
        name = service, json.dumps(options, sort_keys=True, default=str)
        if name not in self._clients:
            self._clients[name] = client(self.endpoint, self.keys, service, **options)
        return self._clients[name]


def client(endpoint, keys, service="s3", verify=None, **config):
    """A boto3 client that shows the first answer as it is. Without being told, boto3 still makes links of version 2."""
    settings = {
        "signature_version": "s3v4",
        "retries": {"total_max_attempts": 1},
        "s3": {"addressing_style": "path"},
        "connect_timeout": 10,
        "read_timeout": 60,
        "max_pool_connections": 32,
    }
    made = boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=REGION,
        verify=verify,
        aws_access_key_id=keys.access,
        aws_secret_access_key=keys.secret,
        config=Config(**(settings | config)),
    )
    return compatibility.watch(made)


class Elsewhere:
    """Another S3 endpoint, to check the tests themselves: `$TWINLAKE_TEST_ENDPOINT` and its keys."""

    def __init__(self, endpoint):
        self.endpoint = endpoint
        self.keys = Keys(
            os.environ.get("TWINLAKE_TEST_ACCESS_KEY", "x"), os.environ.get("TWINLAKE_TEST_SECRET_KEY", "y")
        )
        self.process = None

    host, address = Lake.host, Lake.address

    def output(self):
        return ""

    def client(self, service="s3", **options):
        return client(self.endpoint, self.keys, service, **options)


def need_binary():
    if os.environ.get("TWINLAKE_TEST_ENDPOINT"):
        pytest.skip("needs a server of its own")
    assert binary().exists(), f"{binary()} is missing: build it, or name it in TWINLAKE_BINARY"


def close(running):
    """Every server ends by being asked to, after a run without panics and without a secret in what it printed."""
    assert running.running(), f"the server died:\n{running.output()[-4000:]}"
    code = running.stop()
    judge_output(running)
    assert code == 0, f"exit code {code}:\n{running.output()[-4000:]}"


def judge_output(ended):
    output = ended.output()
    assert DEFECT not in output, output[output.index(DEFECT) - 200 :][:2000]
    if ended.given_keys:
        assert ended.given_keys.secret not in output
