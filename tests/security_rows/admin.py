"""Group Q: the admin API. Whoever is not root, or does not sign as it must be, learns and changes nothing."""

import json
import re
import secrets

import admin
from lake import ROOT, Keys
from sigv4 import UNSIGNED, broken, chunked, presigned, request, signed

# Documents that would change something if they were taken.
DOCUMENTS = {"/buckets/{name}/quota": {"bytes": 1}, "/accounts": {"name": "mallory"}, "/users": {"name": "mallory"}}


def routes():
    """Every route of the committed document, which a test of the gateway holds against the table, with a document where it
    takes one."""
    paths = json.loads((ROOT / "docs/openapi.json").read_text())["paths"]
    for path, methods in paths.items():
        for method, route in methods.items():
            if method != "parameters":
                path = path.removeprefix(admin.ROOT)
                yield (method.upper(), path), DOCUMENTS.get(path, {}) if "requestBody" in route else None


ROUTES = dict(routes())


def strange():
    return Keys("STRANGER" + secrets.token_hex(4).upper(), secrets.token_hex(20))


def asked(method, path, document):
    place = path.replace("{name}", "{0.bucket}")
    place = re.sub(r"{[a-zA-Z]+}", "x", place)
    return lambda site: admin.request(site.lake, method, place.format(site), document)


def each_route():
    """Every route × everybody who may not."""
    for (method, path), document in ROUTES.items():
        build, name = asked(method, path, document), f"{method} {path}"
        yield f"Q01 {name}: anonymous", build, "403 AccessDenied"
        yield f"Q01 {name}: a key nobody has", lambda site, b=build: signed(b(site), strange()), "403 InvalidAccessKeyId"
        yield (
            f"Q01 {name}: root's key, another's secret",
            lambda site, b=build: signed(b(site), site.keys._replace(secret="s" * 40)),
            "403 SignatureDoesNotMatch",
        )
        yield f"Q01 {name}: a broken signature", lambda site, b=build: site.signed(b(site), signature=broken), "403"
        yield f"Q01 {name}: a link", lambda site, b=build: presigned(b(site), site.keys), "403 AccessDenied"
        yield f"Q01 {name}: a body nobody signed", lambda site, b=build: site.signed(b(site), payload=UNSIGNED), "403"
        if not path.startswith("/buckets"):
            # Bad tokens are slowed down: a few of them tell as much.
            continue
        yield (
            f"Q01 {name}: the metrics' token",
            lambda site, b=build: b(site).with_headers(("Authorization", f"Bearer {token(site)}")),
            "400",
        )


def token(site):
    return (site.lake.directory / "metrics-token").read_text().strip()


def put(document, *headers, twist=lambda made: made):
    def build(site):
        made = admin.request(site.lake, "PUT", f"/buckets/{site.bucket}/quota", document, headers=headers)
        return twist(site.signed(made))

    return build


def bare(method, path, body=b"", *headers):
    """A request for a path outside the API, or for one that looks like it."""
    return lambda site: request(method, site.lake.host, path, headers=headers, body=body)


def form(site):
    boundary = "b" * 20
    parts = "".join(f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\nx\r\n' for name in ("key", "file"))
    kind = ("Content-Type", f"multipart/form-data; boundary={boundary}")
    return request("POST", site.lake.host, "/_lake/admin/v1/buckets", headers=[kind], body=f"{parts}--{boundary}--\r\n".encode())


def framed(site):
    made = request("PUT", site.lake.host, f"/_lake/admin/v1/buckets/{site.bucket}/quota", headers=[("Content-Type", "application/json")])
    return chunked(made, site.keys, [b'{"bytes": 1}']).request()


ROWS = [
    *each_route(),
    ("Q01 a form", form, "403|405"),
    ("Q01 an aws-chunked document", framed, "400|403"),
    ("Q01 another document than the signed one", put({"bytes": 1}, twist=lambda made: made.replaced(body=b'{"bytes": 2}')), "400"),
    ("Q01 an unknown field", put({"bytes": 1, "owner": "me"}), "400 MalformedJSON"),
    ("Q01 a document without end", put(b"[" * (64 << 10)), "400 MalformedJSON"),
    ("Q01 a document that is too long", put(b" " * (65 << 10)), "413"),
    ("Q01 a path that climbs", bare("GET", "/_lake/admin/v1/../../metrics"), "403"),
    ("Q01 a path that is escaped", bare("GET", "/_lake/%61dmin/v1/buckets"), "404"),
    ("Q01 a route that never was", bare("GET", "/_lake/admin/v1/environment"), "403 AccessDenied"),
    ("Q01 an API that never was", bare("GET", "/_lake/admin/v9/buckets"), "403 AccessDenied"),
    ("Q02 metrics without a token", bare("GET", "/_lake/metrics"), "401"),
    ("Q02 a profiler", bare("GET", "/_lake/debug/pprof"), "404"),
    ("Q02 health says no more than ok", bare("GET", "/_lake/health/ready"), "200"),
]
