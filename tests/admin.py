"""The admin API from outside, signed by hand, and the program's own commands that speak to it."""

import json
import os
import subprocess

import sigv4
from lake import REGION, binary

ROOT = "/_lake/admin/v1"


def request(lake, method, path, document=None, query=(), headers=()):
    """An unsigned request; a document is written as JSON, bytes go out as they are."""
    body = document if isinstance(document, bytes) else b"" if document is None else json.dumps(document).encode()
    if document is not None:
        headers = [*headers, ("Content-Type", "application/json")]
    return sigv4.request(method, lake.host, ROOT + path, query, headers, body)


def ask(lake, method, path, document=None, query=(), headers=(), keys=None):
    """A signed request and its answer."""
    return sigv4.signed(request(lake, method, path, document, query, headers), keys or lake.keys).send(lake.address)


def quota(lake, bucket):
    return json.loads(ask(lake, "GET", f"/buckets/{bucket}/quota").body)


def set_quota(lake, bucket, **bounds):
    answer = ask(lake, "PUT", f"/buckets/{bucket}/quota", bounds)
    assert answer.status == 200, answer
    return json.loads(answer.body)


def variables(lake):
    """What the commands need to know to reach a lake, as its root."""
    keys = lake.keys
    return {
        "TWINLAKE_ENDPOINT": lake.endpoint,
        "TWINLAKE_REGION": REGION,
        "TWINLAKE_ACCESS_KEY": keys.access,
        "TWINLAKE_SECRET_KEY": keys.secret,
    }


def run(home, *arguments, environment=None, stdin=""):
    """Runs the program with a home of its own and nothing else of this process's environment."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(home)} | (environment or {})
    command = [binary(), *map(str, arguments)]
    return subprocess.run(command, env=environment, input=stdin, capture_output=True, text=True, timeout=60)
