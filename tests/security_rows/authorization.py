"""Group A: Signature Version 4 in the `Authorization` header."""

import digests
from lake import Keys
from sigv4 import Scope, broken, now, presigned, signed, stamp

MINUTE = 60
KEPT = b"<Delete><Object><Key>kept</Key></Object></Delete>"


def get(**twists):
    """A signed GET of the object that is there, with something wrong about the signature."""
    return lambda site: site.signed(site.request(), **twists)


def scoped(seconds=0, **parts):
    """Signed now, or so many seconds away, in a scope with wrong parts. The moment is taken when the row runs."""
    return lambda site: site.signed(site.request(), scope=Scope(now(seconds), **parts))


def unsigned(*header):
    """A signed PUT with one more header that is not covered."""
    return lambda site: site.signed(site.put()).with_headers(header)


def authorization(change):
    """A signed GET whose `Authorization` header is changed."""

    def build(site):
        made = site.signed(site.request())
        return made.without("Authorization").with_headers(("Authorization", change(made.header("Authorization"), site)))

    return build


def strange(keys):
    return lambda site: signed(site.put(), keys)


def two_headers(valid_first):
    def build(site):
        made = site.signed(site.request())
        valid, other = made.header("Authorization"), "AWS4-HMAC-SHA256 Credential=x, SignedHeaders=host, Signature=0"
        pair = (valid, other) if valid_first else (other, valid)
        return made.without("Authorization").with_headers(*(("Authorization", text) for text in pair))

    return build


def listed(change):
    """A GET whose list of signed headers is changed before it is signed, so that only the list is wrong."""

    def build(site):
        made = site.request(headers=[("x-amz-meta-a", "1")])
        return site.signed(made, names=change(["host", "x-amz-content-sha256", "x-amz-date", "x-amz-meta-a"]))

    return build


def payload(value, body=b"overwritten"):
    return lambda site: site.signed(site.put(body=body), payload=value)


def part_payload(site):
    query = [("partNumber", 1), ("uploadId", site.upload)]
    return site.signed(site.request("PUT", "under-way", query=query, body=b"x"), payload="0" * 64)


def without_payload_hash(site):
    return site.signed(site.put(), payload="")


def version_2(date):
    return lambda site: site.put(("Date", date), ("Authorization", f"AWS {site.keys.access}:c2lnbmF0dXJl"))


def version_2_in_the_query(site):
    return site.request().with_query(("AWSAccessKeyId", site.keys.access), ("Expires", 4e9), ("Signature", "c2ln"))


UNSIGNED_HEADERS = [
    ("x-amz-acl", "public-read"),
    ("x-amz-meta-a", "1"),
    ("x-amz-tagging", "a=b"),
    ("x-amz-object-lock-mode", "GOVERNANCE"),
    ("x-amz-storage-class", "STANDARD"),
    ("x-amz-security-token", "x"),
    ("x-amz-website-redirect-location", "/x"),
    ("x-amz-copy-source-if-match", "x"),
    ("x-amz-server-side-encryption", "AES256"),
    ("x-amz-checksum-crc32", "AAAAAA=="),
]
MALFORMED = "400 AuthorizationHeaderMalformed"
ONE_MECHANISM = "400 InvalidArgument|400 InvalidRequest"

ROWS = (
    [
        ("A01 read", lambda site: site.request(), "403 AccessDenied"),
        ("A01 write", lambda site: site.put(), "403 AccessDenied"),
        ("A01 delete", lambda site: site.request("DELETE"), "403 AccessDenied"),
        ("A01 list", lambda site: site.request(key=None), "403 AccessDenied"),
        ("A01 buckets", lambda site: site.raw("GET", "/"), "403 AccessDenied"),
        ("A01 make a bucket", lambda site: site.raw("PUT", "/made-by-nobody"), "403 AccessDenied"),
        (
            "A01 delete many",
            lambda site: site.request("POST", None, [("delete", None)], [("Content-MD5", digests.md5(KEPT))], KEPT),
            "403 AccessDenied|200 AccessDenied",
        ),
        ("A02 unknown key", strange(Keys("AKUNKNOWN00000000000", "x" * 40)), "403 InvalidAccessKeyId"),
        ("A03 last digit", get(signature=broken), "403 SignatureDoesNotMatch"),
        (
            "A03 wrong secret",
            lambda site: signed(site.put(), Keys(site.keys.access, "x" * 40)),
            "403 SignatureDoesNotMatch",
        ),
        ("A03 empty", get(signature=lambda text: ""), "403 SignatureDoesNotMatch|" + MALFORMED),
        ("A03 short", get(signature=lambda text: text[:-1]), "403 SignatureDoesNotMatch|" + MALFORMED),
        (
            "A03 another method",
            lambda site: site.signed(site.request()).replaced(method="DELETE"),
            "403 SignatureDoesNotMatch",
        ),
        (
            "A03 another key",
            lambda site: site.signed(site.request()).replaced(path=f"/{site.other}/secret"),
            "403 SignatureDoesNotMatch",
        ),
        (
            "A03 another query",
            lambda site: site.signed(site.request()).with_query(("versionId", "null")),
            "403 SignatureDoesNotMatch",
        ),
        ("A04 20 minutes old", scoped(-20 * MINUTE), "403 RequestTimeTooSkewed"),
        ("A04 16 minutes old", scoped(-16 * MINUTE), "403 RequestTimeTooSkewed"),
        ("A04 3 years old", scoped(-3 * 365 * 86400), "403 RequestTimeTooSkewed"),
        ("A04 20 minutes ahead", scoped(20 * MINUTE), "403 RequestTimeTooSkewed"),
        ("A06 another day in the scope", scoped(day="20200101"), MALFORMED + "|403 SignatureDoesNotMatch"),
        ("A07 another region", scoped(region="eu-north-7"), MALFORMED),
        ("A08 service ec2", scoped(service="ec2"), MALFORMED),
        ("A08 service sts", scoped(service="sts"), MALFORMED),
        ("A09 aws5_request", scoped(terminator="aws5_request"), MALFORMED),
        ("A09 four fields", authorization(lambda text, site: text.replace("/aws4_request", "")), MALFORMED),
        ("A09 slash in the key", authorization(lambda text, site: text.replace(site.keys.access, "a/b")), MALFORMED),
        ("A09 no signature", authorization(lambda text, site: text.rpartition(",")[0]), MALFORMED),
        ("A09 nothing behind the algorithm", authorization(lambda text, site: "AWS4-HMAC-SHA256"), MALFORMED),
        ("A10 host not signed", get(unsigned=("host",)), "403 AccessDenied"),
        (
            "A12 unsigned copy source",
            lambda site: unsigned("x-amz-copy-source", f"{site.other}/secret")(site),
            "403 AccessDenied",
        ),
        (
            "A13 absent header",
            lambda site: listed(list)(site).without("x-amz-meta-a"),
            "403 SignatureDoesNotMatch|403 AccessDenied",
        ),
        ("A13 named twice", listed(lambda names: sorted([*names, "host"])), "403 SignatureDoesNotMatch|" + MALFORMED),
        (
            "A13 upper case",
            listed(lambda names: ["Host", *names[1:]]),
            "403 SignatureDoesNotMatch|403 AccessDenied|" + MALFORMED,
        ),
        (
            "A13 unsorted",
            authorization(lambda text, site: text.replace("host;x-amz-content-sha256", "x-amz-content-sha256;host")),
            "403 SignatureDoesNotMatch|" + MALFORMED,
        ),
        ("A14 valid and garbage", two_headers(True), "400 InvalidArgument"),
        ("A14 garbage and valid", two_headers(False), "400 InvalidArgument"),
        ("A15 both mechanisms", lambda site: site.signed(presigned(site.request(), site.keys)), "400 InvalidArgument"),
        (
            "A15 garbage beside a good query",
            lambda site: presigned(site.request(), site.keys).with_headers(("Authorization", "x")),
            "400 InvalidArgument",
        ),
        (
            "A16 two dates",
            lambda site: site.signed(site.request()).with_headers(("x-amz-date", stamp(now(-MINUTE)))),
            ONE_MECHANISM + "|403 SignatureDoesNotMatch",
        ),
        (
            "A16 two payload hashes",
            lambda site: site.signed(site.put()).with_headers(("x-amz-content-sha256", "0" * 64)),
            ONE_MECHANISM + "|403 SignatureDoesNotMatch",
        ),
        ("A17 another body", payload("0" * 64), "400 XAmzContentSHA256Mismatch"),
        ("A17 another empty body", payload("0" * 64, b""), "400 XAmzContentSHA256Mismatch"),
        ("A17 another large body", payload("0" * 64, b"x" * 300_000), "400 XAmzContentSHA256Mismatch"),
        ("A17 another part", part_payload, "400 XAmzContentSHA256Mismatch"),
        ("A18 no payload hash", without_payload_hash, "400 InvalidRequest|400 InvalidArgument"),
        ("A18 three letters", payload("abc"), "400 InvalidRequest|400 InvalidArgument"),
        (
            "A18 upper case",
            payload("0123456789ABCDEF" * 4),
            "400 InvalidRequest|400 InvalidArgument|400 XAmzContentSHA256Mismatch",
        ),
        (
            "A19 version 2 today",
            lambda site: version_2(now().strftime("%a, %d %b %Y %H:%M:%S GMT"))(site),
            "400 InvalidRequest|403 AccessDenied|403 InvalidAccessKeyId",
        ),
        ("A19 version 2 of 2018", version_2("Mon, 01 Jan 2018 00:00:00 GMT"), "400 InvalidRequest|403 AccessDenied"),
        ("A19 version 2 in the query", version_2_in_the_query, "400 InvalidRequest|403 AccessDenied"),
    ]
    + [(f"A11 {name}", unsigned(name, value), "403 AccessDenied") for name, value in UNSIGNED_HEADERS]
    + [
        (
            f"A20 {name}",
            authorization(lambda text, site, name=name: text.replace("AWS4-HMAC-SHA256", name)),
            "400 InvalidRequest|400 InvalidArgument|400 InvalidToken|501 NotImplemented|" + MALFORMED,
        )
        for name in ("AWS4-ECDSA-P256-SHA256", "AWS4-HMAC-SHA1", "Basic", "Bearer", "aws4-hmac-sha256")
    ]
)
