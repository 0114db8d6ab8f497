"""Groups E and F: names of buckets, sources of copies."""

BAD_NAMES = [
    "..",
    ".",
    "A",
    "Upper",
    "a_b",
    "192.168.0.1",
    "xn--abc",
    "a..b",
    "ab",
    "a" * 64,
    "abc-s3alias",
    "-abc",
    "abc-",
    "abc--ol-s3",
    "sthree-abc",
    "a.-b",
    "%C3%A9t%C3%A9",
    "a%20b",
    "a%00b",
    "a%0Ab",
    ".abc",
    "abc.",
]


def make(name):
    return lambda site: site.signed(site.raw("PUT", "/" + name))


def write_into(name):
    return lambda site: site.signed(site.raw("PUT", f"/{name}/k", body=b"x"))


def copy(source):
    """A copy onto the object that is there; `{}` stands for the bucket, `{other}` for the one out of reach."""

    def build(site):
        written = source.format(site.bucket, other=site.other)
        return site.signed(site.put(("x-amz-copy-source", written), body=b""))

    return build


def copy_part(source, copied=None):
    def build(site):
        headers = [("x-amz-copy-source", source.format(site.bucket, other=site.other))]
        headers += [("x-amz-copy-source-range", copied)] if copied else []
        query = [("partNumber", 2), ("uploadId", site.upload)]
        return site.signed(site.request("PUT", "under-way", query=query, headers=headers))

    return build


def anonymous_copy(site):
    return site.put(("x-amz-copy-source", f"{site.other}/secret"), body=b"")


def anonymous_copy_part(site):
    query = [("partNumber", 2), ("uploadId", site.upload)]
    return site.request("PUT", "under-way", query=query, headers=[("x-amz-copy-source", f"{site.other}/secret")])


def anonymous_copy_of_version(site):
    return site.put(("x-amz-copy-source", f"{site.other}/secret?versionId=null"), body=b"")


def anonymous_copy_if(*condition):
    """Whether a condition on the source holds is nobody's business."""

    def build(site):
        return site.put(("x-amz-copy-source", f"{site.other}/secret"), condition, body=b"")

    return build


BAD_SOURCE = "400 InvalidArgument|400 InvalidRequest"

ROWS = (
    [(f"E10 make {name[:16]}", make(name), "400 InvalidBucketName|400 InvalidURI") for name in BAD_NAMES]
    + [
        (f"E10 write into {name[:16]}", write_into(name), "400 InvalidBucketName|400 InvalidURI|404 NoSuchBucket")
        for name in BAD_NAMES
    ]
    + [
        (
            "E14 no bucket",
            lambda site: site.signed(site.raw("PUT", f"//{site.bucket}/k", body=b"x")),
            "400 InvalidBucketName|400 InvalidURI|404 NoSuchBucket|405 MethodNotAllowed",
        ),
        (
            "E14 nothing at all",
            lambda site: site.signed(site.raw("PUT", "/", body=b"x")),
            "400|404|405 MethodNotAllowed|501",
        ),
        ("F01 no rights to copy", anonymous_copy, "403 AccessDenied"),
        ("F02 no rights to copy a part", anonymous_copy_part, "403 AccessDenied"),
        ("F05 no rights to copy a version", anonymous_copy_of_version, "403 AccessDenied"),
        ("F01 asking by If-Match", anonymous_copy_if("x-amz-copy-source-if-match", '"0"'), "403 AccessDenied"),
        ("F01 asking by If-None-Match", anonymous_copy_if("x-amz-copy-source-if-none-match", "*"), "403 AccessDenied"),
        ("F03 dots are no way out", copy("{}/../{other}/secret"), "404 NoSuchKey|400 InvalidArgument"),
        ("F03 escaped dots", copy("{}%2F..%2F{other}/secret"), "404 NoSuchKey|400 InvalidArgument"),
        ("F03 dots into a part", copy_part("{}/../{other}/secret"), "404 NoSuchKey|400 InvalidArgument"),
        ("F03 two slashes", copy("//{other}/secret"), BAD_SOURCE + "|400 InvalidBucketName"),
        ("F03 bucket of dots", copy("../{other}/secret"), BAD_SOURCE + "|400 InvalidBucketName|404 NoSuchBucket"),
        ("F04 empty", copy(""), BAD_SOURCE),
        ("F04 no slash", copy("{}"), BAD_SOURCE),
        ("F04 slash only", copy("/"), BAD_SOURCE),
        ("F04 no key", copy("{}/"), BAD_SOURCE),
        ("F04 10 kB", copy("{}/" + "k" * 10_000), BAD_SOURCE + "|400 KeyTooLongError|431"),
        ("F04 access point", copy("arn:aws:s3:us-east-1:1:accesspoint/a/object/k"), BAD_SOURCE + "|501 NotImplemented"),
        ("F04 not UTF-8", copy("{}/%FF"), BAD_SOURCE + "|400 InvalidURI"),
        ("F04 NUL", copy("{}/a%00b"), BAD_SOURCE),
        ("F05 bad version", copy("{}/kept?versionId=nonsense"), BAD_SOURCE + "|404 NoSuchVersion"),
        ("F06 escaped question mark", copy("{}/kept%3FversionId=null"), "404 NoSuchKey"),
        ("F09 onto itself", copy("{}/kept"), "400 InvalidRequest"),
        ("F09 reversed", copy_part("{}/kept", "bytes=5-2"), "400 InvalidArgument|400 InvalidRange|416 InvalidRange"),
        (
            "F09 past the end",
            copy_part("{}/kept", "bytes=0-100"),
            "400 InvalidArgument|400 InvalidRequest|400 InvalidRange|416 InvalidRange",
        ),
        (
            "F09 2^64",
            copy_part("{}/kept", "bytes=0-18446744073709551616"),
            "400 InvalidArgument|400 InvalidRange|416 InvalidRange",
        ),
    ]
)
