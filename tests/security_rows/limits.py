"""Groups H and N: bounds of reading, and encryption asked for in ways we do not keep."""

import base64
import hashlib


def get(*query, headers=(), key="kept"):
    return lambda site: site.signed(site.request("GET", key, query, headers))


def nobody(method="GET", key="kept", *headers):
    return lambda site: site.request(method, key, headers=headers)


def part(number):
    """A part sent under a number that cannot be."""

    def build(site):
        return site.signed(
            site.request("PUT", "under-way", [("partNumber", number), ("uploadId", site.upload)], body=b"x")
        )

    return build


def stranger(upload, key="under-way"):
    def build(site):
        query = [("partNumber", 1), ("uploadId", upload or site.upload)]
        return site.signed(site.request("PUT", key, query, body=b"x"))

    return build


def another_bucket(site):
    query = [("partNumber", 1), ("uploadId", site.upload)]
    return site.signed(site.raw("PUT", f"/{site.other}/under-way", body=b"x").replaced(query=query))


def customer_key(method="PUT", algorithm="AES256", key=b"0" * 32, digest=None, leave=""):
    """A request with an encryption key of the client's own."""
    headers = [
        ("x-amz-server-side-encryption-customer-algorithm", algorithm),
        ("x-amz-server-side-encryption-customer-key", base64.b64encode(key).decode()),
        (
            "x-amz-server-side-encryption-customer-key-MD5",
            base64.b64encode(digest or hashlib.md5(key).digest()).decode(),
        ),
    ]
    headers = [pair for pair in headers if not leave or not pair[0].endswith(leave)]
    body = b"x" if method == "PUT" else b""
    return lambda site: site.signed(site.request(method, "kept", headers=headers, body=body))


BAD = "400 InvalidArgument"
NOT_KEPT = "400 InvalidRequest|400 InvalidArgument|501 NotImplemented"

ROWS = (
    [
        (f"H01 max-keys {value}", get(("list-type", 2), ("max-keys", value), key=None), BAD)
        for value in (-1, "abc", 1 << 31, "1e3", "99999999999999999999")
    ]
    + [(f"H10 partNumber {value}", get(("partNumber", value)), BAD) for value in (0, -1, 10_001, "1e3", "9" * 21)]
    + [(f"H10 part sent as {value}", part(value), BAD) for value in (0, -1, 10_001, "1e3", "9" * 21)]
    + [
        ("H05 forged", get(("list-type", 2), ("continuation-token", "Zm9yZ2Vk!"), key=None), BAD),
        ("H08 suffix of nothing", get(headers=[("Range", "bytes=-0")]), "416 InvalidRange"),
        ("H08 past the end", get(headers=[("Range", "bytes=1000-")]), "416 InvalidRange"),
        ("H09 range and part", get(("partNumber", 1), headers=[("Range", "bytes=0-1")]), "400 InvalidRequest"),
        ("H11 no such upload", stranger("0" * 32), "404 NoSuchUpload"),
        ("H11 no upload's name", stranger("../x"), "404 NoSuchUpload"),
        ("H11 another key", stranger(None, "kept"), "404 NoSuchUpload"),
        ("H11 another bucket", another_bucket, "404 NoSuchUpload"),
        ("H17 delete If-Match", nobody("DELETE", "kept", ("If-Match", '"0"')), "403 AccessDenied"),
        ("H17 delete an absent key If-Match", nobody("DELETE", "absent", ("If-Match", "*")), "403 AccessDenied"),
        ("H17 write If-None-Match", nobody("PUT", "kept", ("If-None-Match", "*")), "403 AccessDenied"),
        ("H17 write an absent key If-Match", nobody("PUT", "absent", ("If-Match", "*")), "403 AccessDenied"),
        ("H17 If-None-Match", nobody("GET", "kept", ("If-None-Match", "*")), "403 AccessDenied"),
        ("H17 If-Match", nobody("GET", "kept", ("If-Match", '"0"')), "403 AccessDenied"),
        (
            "H17 If-Modified-Since",
            nobody("GET", "kept", ("If-Modified-Since", "Mon, 01 Jan 2035 00:00:00 GMT")),
            "403 AccessDenied",
        ),
        ("H17 Range", nobody("GET", "kept", ("Range", "bytes=1000-")), "403 AccessDenied"),
        ("H18 absent key", nobody("GET", "absent"), "403 AccessDenied"),
        ("H18 absent key, HEAD", nobody("HEAD", "absent"), "403"),
        ("H18 absent bucket", lambda site: site.raw("GET", "/absent-bucket/k"), "403 AccessDenied|404 NoSuchBucket"),
        ("N01 customer key over HTTP", customer_key(), NOT_KEPT),
        ("N01 customer key over HTTP, read", customer_key("GET"), NOT_KEPT),
        ("N02 short key", customer_key(key=b"0" * 31), NOT_KEPT),
        ("N02 wrong MD5", customer_key(digest=b"0" * 16), NOT_KEPT),
        ("N02 AES128", customer_key(algorithm="AES128"), NOT_KEPT),
        ("N02 no key", customer_key(leave="customer-key"), NOT_KEPT),
        ("N04 KMS", lambda site: site.signed(site.put(("x-amz-server-side-encryption", "aws:kms"))), NOT_KEPT),
    ]
)
