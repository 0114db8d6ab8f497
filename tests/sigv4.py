"""A small signer after *Signature Version 4* of the S3 documentation, able to sign wrongly in every way that matters.

A `Request` is plain data. `signed`, `presigned` and `chunked` return a new one that carries a signature; what a test
changes afterwards is not covered by it.
"""

import copy
import datetime
import hashlib
import hmac
from dataclasses import dataclass, field
from urllib.parse import quote

import wire

UNSIGNED = "UNSIGNED-PAYLOAD"
STREAMING = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
STREAMING_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
STREAMING_UNSIGNED = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
ALGORITHM = "AWS4-HMAC-SHA256"
REGION = "us-east-1"


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def encoded(text, keep=""):
    return quote(text, safe="-_.~" + keep)


def now(seconds=0):
    """This moment, or one so many seconds away."""
    return datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)


def stamp(when):
    return when.strftime("%Y%m%dT%H%M%SZ")


@dataclass
class Request:
    """A request before it goes out. `path` and `query` are as sent; headers are pairs, so that one may stand twice."""

    method: str
    path: str
    query: list = field(default_factory=list)
    headers: list = field(default_factory=list)
    body: bytes = b""

    @property
    def target(self):
        pairs = (name if value is None else f"{name}={value}" for name, value in self.query)
        return self.path + ("?" + "&".join(pairs) if self.query else "")

    def with_headers(self, *pairs):
        """A copy with these headers behind its own: unsigned, where it is signed already."""
        other = copy.deepcopy(self)
        other.headers += pairs
        return other

    def with_query(self, *pairs):
        other = copy.deepcopy(self)
        other.query += [(name, value if value is None else encoded(str(value))) for name, value in pairs]
        return other

    def without(self, *names):
        """A copy without headers and query parameters of these names."""
        other = copy.deepcopy(self)
        gone = {name.lower() for name in names}
        other.headers = [pair for pair in other.headers if pair[0].lower() not in gone]
        other.query = [pair for pair in other.query if pair[0].lower() not in gone]
        return other

    def replaced(self, **parts):
        other = copy.deepcopy(self)
        for name, value in parts.items():
            setattr(other, name, value)
        return other

    def header(self, name):
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def bytes(self):
        """What goes over the wire. `Content-Length` is the body's unless the headers say how long it is."""
        named = {name.lower() for name, _ in self.headers if isinstance(name, str)}
        length = []
        if not {"content-length", "transfer-encoding"} & named and (self.body or self.method in ("PUT", "POST")):
            length = [("Content-Length", len(self.body))]
        return wire.head(self.method, self.target, self.headers + length) + self.body

    def send(self, address, **options):
        return wire.exchange(address, self.bytes(), self.method, **options)


def request(method, host, path, query=(), headers=(), body=b""):
    """A request for an unescaped path, with query values unescaped too."""
    made = Request(method, encoded(path, "/"), [], [("Host", host), *headers], body)
    return made.with_query(*query)


def canonical_headers(headers, names):
    values = {}
    for name, value in headers:
        values.setdefault(name.lower(), []).append(" ".join(str(value).split()))
    return "".join(f"{name}:{','.join(values.get(name, ['']))}\n" for name in names)


def canonical_request(made, names, payload):
    query = "&".join(f"{name}={value}" for name, value in sorted((name, value or "") for name, value in made.query))
    return "\n".join([made.method, made.path, query, canonical_headers(made.headers, names), ";".join(names), payload])


def signing_key(secret, day, region, service, terminator="aws4_request"):
    key = ("AWS4" + secret).encode()
    for step in (day, region, service, terminator):
        key = hmac.digest(key, step.encode(), "sha256")
    return key


@dataclass
class Scope:
    """Where and when a signature holds. Each field can be made wrong."""

    when: datetime.datetime = None
    region: str = REGION
    service: str = "s3"
    day: str = None
    terminator: str = "aws4_request"
    algorithm: str = ALGORITHM

    def __post_init__(self):
        self.when = self.when or now()
        self.day = self.day or self.when.strftime("%Y%m%d")

    def text(self):
        return f"{self.day}/{self.region}/{self.service}/{self.terminator}"

    def sign(self, secret, canonical):
        """The signature of a canonical request."""
        text = "\n".join([self.algorithm, stamp(self.when), self.text(), sha256(canonical.encode())])
        return self.sign_text(secret, text)

    def sign_text(self, secret, text):
        key = signing_key(secret, self.day, self.region, self.service, self.terminator)
        return hmac.new(key, text.encode(), "sha256").hexdigest()


def broken(signature):
    """The same signature with its last digit changed."""
    return signature[:-1] + ("0" if signature[-1] != "0" else "1")


def signed(made, keys, scope=None, payload=None, unsigned=(), signature=lambda text: text, names=None):
    """Signs in the `Authorization` header all headers but those in `unsigned`; `names` replaces the list altogether."""
    scope = scope or Scope()
    payload = sha256(made.body) if payload is None else payload
    made = made.with_headers(("x-amz-date", stamp(scope.when)))
    if made.header("x-amz-content-sha256") is None and payload:
        made.headers.append(("x-amz-content-sha256", payload))
    skipped = {name.lower() for name in unsigned}
    names = names or sorted({name.lower() for name, _ in made.headers} - skipped)
    result = signature(scope.sign(keys.secret, canonical_request(made, names, payload or sha256(made.body))))
    credential, listed = f"{keys.access}/{scope.text()}", ";".join(names)
    text = f"{scope.algorithm} Credential={credential}, SignedHeaders={listed}, Signature={result}"
    made.headers.append(("Authorization", text))
    return made


def presigned(made, keys, scope=None, expires=300, names=("host",), payload=UNSIGNED):
    """Signs in the query. `expires` goes in as it stands."""
    scope = scope or Scope()
    made = made.with_query(
        ("X-Amz-Algorithm", scope.algorithm),
        ("X-Amz-Credential", f"{keys.access}/{scope.text()}"),
        ("X-Amz-Date", stamp(scope.when)),
        ("X-Amz-Expires", expires),
        ("X-Amz-SignedHeaders", ";".join(names)),
    )
    return made.with_query(("X-Amz-Signature", scope.sign(keys.secret, canonical_request(made, names, payload))))


@dataclass
class Chunks:
    """An `aws-chunked` body in the making: its frames can be bent before `request` joins them."""

    made: Request
    frames: list

    def request(self):
        return self.made.replaced(body=b"".join(self.frames))


def chunked(made, keys, pieces, trailers=(), sign=True, scope=None, declared=None, announced=None):
    """Frames `pieces` as `aws-chunked`. `trailers` are pairs sent behind; `declared` replaces the decoded length and
    `announced` the list in `x-amz-trailer`. The last frame is the final chunk with the trailers."""
    scope = scope or Scope()
    payload = (STREAMING_TRAILER if trailers else STREAMING) if sign else STREAMING_UNSIGNED
    length = sum(map(len, pieces)) if declared is None else declared
    extra = [("Content-Encoding", "aws-chunked")]
    if length is not False:
        extra.append(("x-amz-decoded-content-length", length))
    announced = ",".join(name for name, _ in trailers) if announced is None else announced
    if announced:
        extra.append(("x-amz-trailer", announced))
    made = signed(made.with_headers(*extra), keys, scope, payload)
    previous = made.header("Authorization").rpartition("=")[2]
    frames = []
    for piece in [*pieces, b""]:
        extension = ""
        if sign:
            text = "\n".join(
                ["AWS4-HMAC-SHA256-PAYLOAD", stamp(scope.when), scope.text(), previous, sha256(b""), sha256(piece)]
            )
            previous = scope.sign_text(keys.secret, text)
            extension = f";chunk-signature={previous}"
        frames.append(f"{len(piece):x}{extension}\r\n".encode() + piece + b"\r\n")
    if trailers or not sign:
        lines = "".join(f"{name}:{value}\r\n" for name, value in trailers)
        if sign and trailers:
            text = "".join(f"{name}:{value}\n" for name, value in trailers).encode()
            text = "\n".join(["AWS4-HMAC-SHA256-TRAILER", stamp(scope.when), scope.text(), previous, sha256(text)])
            lines += f"x-amz-trailer-signature:{scope.sign_text(keys.secret, text)}\r\n"
        frames[-1] = frames[-1].removesuffix(b"\r\n") + lines.encode() + b"\r\n"
    return Chunks(made, frames)
