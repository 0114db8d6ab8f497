"""Rows of the security table: what is sent, and what must come back. Nothing that a row does may change anything."""

import secrets
from dataclasses import dataclass

from sigv4 import Request, encoded, request, signed


@dataclass
class Site:
    """Where the rows strike: a bucket with the object `kept`, and another one with an object `secret`."""

    lake: object
    bucket: str
    other: str
    upload: str

    KEPT = b"what was here before"
    SECRET = b"what nobody may reach"

    @property
    def keys(self):
        return self.lake.keys

    @property
    def address(self):
        return self.lake.address

    def request(self, method="GET", key="kept", query=(), headers=(), body=b""):
        """An unsigned request for a key of the bucket, or with none for the bucket itself."""
        path = f"/{self.bucket}" if key is None else f"/{self.bucket}/{key}"
        return request(method, self.lake.host, path, query, headers, body)

    def put(self, *headers, body=b"overwritten", key="kept"):
        return self.request("PUT", key, headers=headers, body=body)

    def raw(self, method, path, *headers, body=b""):
        """A request whose path goes out as it stands here."""
        return Request(method, path, [], [("Host", self.lake.host), *headers], body)

    def post(self, query, body, *headers):
        """A signed POST of a document to the bucket."""
        made = self.request("POST", None, query=[(query, None)], headers=headers, body=body)
        return self.signed(made)

    def signed(self, made, **twists):
        return signed(made, self.keys, **twists)


def make_site(lake):
    s3 = lake.client()
    bucket, other = (f"{name}-{secrets.token_hex(6)}" for name in ("struck", "other"))
    for name in (bucket, other):
        s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=bucket, Key="kept", Body=Site.KEPT, Metadata={"m": "1"}, Tagging="t=1")
    s3.put_object(Bucket=other, Key="secret", Body=Site.SECRET)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="under-way")["UploadId"]
    s3.upload_part(Bucket=bucket, Key="under-way", UploadId=upload, PartNumber=1, Body=b"a part")
    return Site(lake, bucket, other, upload)


__all__ = ["Request", "Site", "encoded", "make_site", "request", "signed"]
