"""Group B: signatures in the query."""

from sigv4 import Request, Scope, broken, now, presigned, request

PARAMETERS = [
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-SignedHeaders",
    "X-Amz-Signature",
]


def link(method="GET", **twists):
    return lambda site: presigned(site.request(method), site.keys, **twists)


def then(change, method="GET"):
    """A good link, changed after it was signed."""
    return lambda site: change(link(method)(site), site)


def used_for(method):
    return then(lambda made, site: made.replaced(method=method, body=b"x" if method == "PUT" else b""))


def added(*pair):
    return then(lambda made, site: made.with_query(pair))


def header_added(name, value):
    """A good link for writing, used with a header that its maker did not sign."""

    def build(site):
        made = link("PUT")(site).with_headers((name, value.format(other=site.other)))
        return made.replaced(body=b"overwritten")

    return build


def repeated(name):
    return then(lambda made, site: made.replaced(query=made.query + [pair for pair in made.query if pair[0] == name]))


def streaming(payload):
    def build(site):
        made = request("PUT", site.lake.host, f"/{site.bucket}/kept", headers=[("x-amz-content-sha256", payload)])
        made = presigned(made, site.keys, names=("host", "x-amz-content-sha256"), payload=payload)
        return made.with_headers(("x-amz-decoded-content-length", 1)).replaced(body=b"1\r\nx\r\n0\r\n\r\n")

    return build


def credential_without_signature(site):
    made = link("PUT")(site).without("X-Amz-Signature")
    made = made.with_headers(
        ("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"), ("x-amz-decoded-content-length", 1)
    )
    return made.replaced(body=b"1\r\nx\r\n0\r\n\r\n")


def host_not_signed(site):
    made = site.request(headers=[("x-other", "1")])
    return presigned(made, site.keys, names=("x-other",))


def elsewhere(made, site):
    headers = [("Host", "elsewhere.example") if name == "Host" else (name, value) for name, value in made.headers]
    return made.replaced(headers=headers)


def other_key(made, site):
    return Request("GET", f"/{site.other}/secret", made.query, made.headers)


def hoisted(*pairs, sent=(), method="PUT"):
    """A link with headers in its query, used with headers of the same name that it does not sign, or does."""

    def build(site):
        made = presigned(site.request(method, query=pairs, headers=sent), site.keys, names=("host",))
        return made.replaced(body=b"overwritten")

    return build


def hoisted_and_signed(site):
    """Signed as a header and hoisted as well, and the two differ."""
    made = site.request("PUT", query=[("x-amz-meta-a", "1")], headers=[("x-amz-meta-a", "2")])
    return presigned(made, site.keys, names=("host", "x-amz-meta-a")).replaced(body=b"overwritten")


def altered(name, change):
    """A good link with one parameter altered."""
    return then(lambda made, site: made.replaced(query=[(n, change(v) if n == name else v) for n, v in made.query]))


ERROR = "400 AuthorizationQueryParametersError"

ROWS = (
    [
        (f"B01 expires {value!r}"[:24], link(expires=value), ERROR)
        for value in (604_801, 1 << 31, 1 << 64, "1e3", "", "abc")
    ]
    + [
        ("B02 expires 0", link(expires=0), "403 AccessDenied|" + ERROR),
        ("B02 expires -1", link(expires=-1), ERROR),
        ("B03 over by a second", lambda site: link(scope=Scope(now(-301)), expires=300)(site), "403 AccessDenied"),
        ("B03 over by years", lambda site: link(scope=Scope(now(-(10**8))), expires=300)(site), "403 AccessDenied"),
        (
            "B03 20 minutes ahead",
            lambda site: link(scope=Scope(now(1200)))(site),
            "403 RequestTimeTooSkewed|403 AccessDenied",
        ),
        ("B03 lifetime altered", altered("X-Amz-Expires", lambda value: "3000"), "403 SignatureDoesNotMatch"),
    ]
    + [
        (f"B04 used for {method}", used_for(method), "403" if method == "HEAD" else "403 SignatureDoesNotMatch")
        for method in ("PUT", "DELETE", "HEAD", "POST")
    ]
    + [
        ("B05 another object", then(other_key), "403 SignatureDoesNotMatch"),
        ("B05 another host", then(elsewhere), "403 SignatureDoesNotMatch"),
        ("B05 versionId", added("versionId", "null"), "403 SignatureDoesNotMatch"),
        ("B05 acl", added("acl", None), "403 SignatureDoesNotMatch"),
        ("B05 tagging", added("tagging", None), "403 SignatureDoesNotMatch"),
        ("B05 partNumber", added("partNumber", 1), "403 SignatureDoesNotMatch"),
        ("B06 another type", added("response-content-type", "text/html"), "403 SignatureDoesNotMatch"),
        ("B07 host not signed", host_not_signed, "403 AccessDenied|" + ERROR),
        ("B08 unsigned copy source", header_added("x-amz-copy-source", "{other}/secret"), "403 AccessDenied"),
        ("B09 unsigned metadata", header_added("x-amz-meta-a", "1"), "403 AccessDenied"),
        ("B09 unsigned tags", header_added("x-amz-tagging", "a=b"), "403 AccessDenied"),
        ("B09 unsigned acl", header_added("x-amz-acl", "public-read"), "403 AccessDenied"),
        ("B11 streaming", streaming("STREAMING-AWS4-HMAC-SHA256-PAYLOAD"), "400|501|403"),
        ("B11 streaming, unsigned", streaming("STREAMING-UNSIGNED-PAYLOAD-TRAILER"), "400|501|403"),
        ("B12 credential without signature", credential_without_signature, "403 AccessDenied|" + ERROR),
        ("B09 hoisted and unsigned", hoisted(("x-amz-meta-a", "1"), sent=[("x-amz-meta-a", "1")]), "403 AccessDenied"),
        ("B09 hoisted and another", hoisted(("x-amz-meta-a", "1"), sent=[("x-amz-meta-a", "2")]), "400 InvalidArgument"),
        ("B09 hoisted and signed otherwise", hoisted_and_signed, "400 InvalidArgument"),
        ("B09 hoisted twice", hoisted(("x-amz-acl", "private"), ("X-Amz-Acl", "private")), "400 InvalidArgument"),
        ("B09 hoisted afterwards", added("x-amz-checksum-mode", "ENABLED"), "403 SignatureDoesNotMatch"),
        ("B09 hoisted line end", hoisted(("x-amz-meta-a", "1\r\nx-b: 2")), "400 InvalidArgument"),
        ("B09 hoisted acl", hoisted(("x-amz-acl", "public-ready")), "400 InvalidArgument"),
        ("B09 hoisted storage class", hoisted(("x-amz-storage-class", "GLACIER")), "400 InvalidStorageClass"),
        ("B09 hoisted checksum", hoisted(("x-amz-checksum-crc32", "AAAAAQ==")), "400 BadDigest"),
        ("B11 hoisted streaming", hoisted(("X-Amz-Content-Sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")), "400"),
        ("B11 hoisted hash", hoisted(("X-Amz-Content-Sha256", "0" * 64)), "400 XAmzContentSHA256Mismatch"),
        ("B00 signature altered", altered("X-Amz-Signature", broken), "403 SignatureDoesNotMatch"),
        ("B00 another region", lambda site: link(scope=Scope(region="eu-north-7"))(site), ERROR),
        ("B00 service sts", lambda site: link(scope=Scope(service="sts"))(site), ERROR),
        ("B00 another algorithm", lambda site: link(scope=Scope(algorithm="AWS4-HMAC-SHA1"))(site), ERROR),
    ]
    + [
        (f"B10 without {name}", then(lambda made, site, name=name: made.without(name)), ERROR + "|403 AccessDenied")
        for name in PARAMETERS
    ]
    + [(f"B10 twice {name}", repeated(name), ERROR) for name in PARAMETERS]
)
