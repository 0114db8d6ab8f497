"""Upload forms as a page's maker signs them and a browser sends them, right or wrong."""

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass, field

from sigv4 import ALGORITHM, Request, Scope, now, signing_key, stamp

BOUNDARY = "----a-browser's-boundary"


def moment(seconds=3600):
    return now(seconds).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def document(conditions, expiration=None):
    return {"expiration": moment() if expiration is None else expiration, "conditions": conditions}


def encode(policy):
    text = policy if isinstance(policy, (str, bytes)) else json.dumps(policy)
    return base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()


def version_4(policy, keys, scope=None):
    """The fields that sign a policy. Its conditions must speak of them: see `scope_conditions`."""
    scope, encoded = scope or Scope(), encode(policy)
    key = signing_key(keys.secret, scope.day, scope.region, scope.service, scope.terminator)
    return [
        ("policy", encoded),
        *scope_fields(keys, scope),
        ("x-amz-signature", hmac.new(key, encoded.encode(), "sha256").hexdigest()),
    ]


def scope_fields(keys, scope):
    return [
        ("x-amz-algorithm", scope.algorithm),
        ("x-amz-credential", f"{keys.access}/{scope.text()}"),
        ("x-amz-date", stamp(scope.when)),
    ]


def scope_conditions(keys, scope):
    return [{name: value} for name, value in scope_fields(keys, scope)]


def version_2(policy, keys):
    encoded = encode(policy)
    signature = base64.b64encode(hmac.new(keys.secret.encode(), encoded.encode(), hashlib.sha1).digest()).decode()
    return [("AWSAccessKeyId", keys.access), ("policy", encoded), ("signature", signature)]


def part(name, value, more=""):
    raw = value if isinstance(value, bytes) else str(value).encode()
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode()
    return head + raw + b"\r\n"


@dataclass
class Form:
    """A form before it goes out. Fields are pairs, so that one may stand twice; `behind` follow the file."""

    path: str
    fields: list
    content: bytes = b"content"
    filename: str = "photo.jpg"
    behind: list = field(default_factory=list)

    def body(self):
        fields = b"".join(part(name, value) for name, value in self.fields)
        file = b"" if self.content is None else part("file", self.content, f'; filename="{self.filename}"')
        behind = b"".join(part(name, value) for name, value in self.behind)
        return fields + file + behind + f"--{BOUNDARY}--\r\n".encode()

    def request(self, host, *headers):
        kind = ("Content-Type", f"multipart/form-data; boundary={BOUNDARY}")
        return Request("POST", self.path, [], [("Host", host), kind, *headers], self.body())


def signed_form(bucket, keys, fields, conditions=None, expiration=None, scope=None, **parts):
    """A form whose policy asks for the fields as they are, unless other conditions are given, and signed by version 4."""
    scope = scope or Scope()
    conditions = [{name: value} for name, value in fields] if conditions is None else conditions
    conditions = [{"bucket": bucket}, *conditions, *scope_conditions(keys, scope)]
    return Form(f"/{bucket}", [*fields, *version_4(document(conditions, expiration), keys, scope)], **parts)
