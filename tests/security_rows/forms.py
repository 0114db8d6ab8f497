"""Group I: upload forms."""

import base64
import hmac

from forms import Form, document, encode, scope_conditions, signed_form, version_2, version_4
from lake import Keys
from sigv4 import Scope, broken

KEY = ("key", "kept")
DENIED = "403 AccessDenied"
ARGUMENT = "400 InvalidArgument"


def form(fields=(KEY,), headers=(), **parts):
    """A signed form that would overwrite what is there, with something wrong about it."""
    return lambda site: signed_form(site.bucket, site.keys, list(fields), **parts).request(site.lake.host, *headers)


def added(*fields, **parts):
    """Fields that the policy asks for."""
    return form((KEY, *fields), **parts)


def smuggled(*fields):
    """Fields that somebody added after the policy was signed."""

    def build(site):
        made = signed_form(site.bucket, site.keys, [KEY])
        made.fields += fields
        return made.request(site.lake.host)

    return build


def twisted(change):
    """A good form, changed after it was signed."""

    def build(site):
        made = signed_form(site.bucket, site.keys, [KEY])
        change(made, site)
        return made.request(site.lake.host)

    return build


def replaced(name, change):
    return twisted(
        lambda made, site: setattr(made, "fields", [(n, change(v) if n == name else v) for n, v in made.fields])
    )


def without_expiration(site):
    conditions = [{"bucket": site.bucket}, {"key": "kept"}]
    policy = {"conditions": conditions}
    return Form(f"/{site.bucket}", [KEY, *version_2(policy, site.keys)]).request(site.lake.host)


def at(path):
    def change(made, site):
        made.path = path.format(bucket=site.bucket, other=site.other)

    return twisted(change)


def for_every_bucket(site):
    """A policy that says nothing of the bucket."""
    scope = Scope()
    policy = document([{"key": "kept"}, *scope_conditions(site.keys, scope)])
    return Form(f"/{site.bucket}", [KEY, *version_4(policy, site.keys, scope)]).request(site.lake.host)


def of_another(keys):
    def build(site):
        theirs = keys(site)
        return signed_form(site.bucket, theirs, [KEY]).request(site.lake.host)

    return build


def policy_altered(site):
    made = signed_form(site.bucket, site.keys, [KEY], conditions=[{"key": "lept"}])
    wider = encode(document([{"bucket": site.bucket}, ["starts-with", "$key", ""]]))
    made.fields = [(name, wider if name == "policy" else value) for name, value in made.fields]
    return made.request(site.lake.host)


def both_versions_wrong(site):
    """A good signature of version 2 does not help a wrong one of version 4."""
    made = signed_form(site.bucket, site.keys, [KEY])
    fields = [(n, broken(v) if n == "x-amz-signature" else v) for n, v in made.fields]
    signature = hmac.digest(site.keys.secret.encode(), dict(fields)["policy"].encode(), "sha1")
    made.fields = [*fields, ("AWSAccessKeyId", site.keys.access), ("signature", base64.b64encode(signature).decode())]
    return made.request(site.lake.host)


def version_2_elsewhere(site):
    """What signs a form signs nothing else."""
    fields = dict(version_2(document([{"bucket": site.bucket}]), site.keys))
    query = [("AWSAccessKeyId", fields["AWSAccessKeyId"]), ("Expires", 4e9), ("Signature", fields["signature"])]
    return site.request().with_query(*query)


def cut(end):
    def build(site):
        made = signed_form(site.bucket, site.keys, [KEY]).request(site.lake.host)
        return made.replaced(body=made.body[:end])

    return build


def not_a_form(body):
    def build(site):
        made = signed_form(site.bucket, site.keys, [KEY]).request(site.lake.host)
        return made.replaced(body=body)

    return build


def typed(content_type):
    def build(site):
        made = signed_form(site.bucket, site.keys, [KEY]).request(site.lake.host).without("Content-Type")
        return made.with_headers(("Content-Type", content_type))

    return build


def without_length(site):
    made = signed_form(site.bucket, site.keys, [KEY]).request(site.lake.host)
    chunk = b"%x\r\n" % len(made.body) + made.body + b"\r\n0\r\n\r\n"
    return made.with_headers(("Transfer-Encoding", "chunked")).replaced(body=chunk)


def signed_twice(site):
    return site.signed(signed_form(site.bucket, site.keys, [KEY]).request(site.lake.host))


def traversal(name):
    """The file's name is put where the policy lets it: nowhere else."""
    return form(
        [("key", "up/${filename}")],
        conditions=[["starts-with", "$key", "up/"], ["content-length-range", 100, 200]],
        filename=name,
    )


FIELDS_MANY = [(f"x-ignore-{number}", "1") for number in range(1001)]
FIELD_LONG = [("x-ignore-a", "v" * (2 << 20))]
REDIRECTS = {
    "script": "javascript:alert(1)",
    "data": "data:text/html,x",
    "line end": "https://a.example/\r\nx-injected: 1",
    "line end behind the mark": "https://a.example/#\r\nx-injected: 1",
    "no scheme": "//a.example/",
}
# A page cannot have these stored or obeyed, whatever its policy says.
HEADERS_ONLY = ["x-amz-copy-source", "x-amz-tagging", "x-amz-internal-a", "x-amz-grant-read", "if-none-match"]
TOO_LARGE = "400 MaxPostPreDataLengthExceededError"
FILES = "400 IncorrectNumberOfFilesInPostRequest"
MALFORMED = "400 MalformedPOSTRequest"

ROWS = (
    [
        ("I01 expired", form(expiration="2026-01-01T00:00:00Z"), DENIED),
        ("I01 no expiration", without_expiration, "400 InvalidPolicyDocument"),
        ("I02 key outside", form(conditions=[["starts-with", "$key", "up/"]]), DENIED),
        ("I02 key inside until named", form([("key", "${filename}")], [], conditions=[["starts-with", "$key", "$"]]), DENIED),
        ("I02 another bucket", at("/{other}"), DENIED),
        ("I02 another bucket in the form", smuggled(("bucket", "another-bucket")), DENIED),
        ("I02 no bucket in the policy", for_every_bucket, DENIED),
        ("I03 too long", form(conditions=[{"key": "kept"}, ["content-length-range", 0, 6]]), "400 EntityTooLarge"),
        ("I03 too short", form(conditions=[{"key": "kept"}, ["content-length-range", 8, 9]]), "400 EntityTooSmall"),
        ("I03 a range that is none", form(conditions=[{"key": "kept"}, ["content-length-range", -1, 9]]), "400 InvalidPolicyDocument"),
        ("I04 metadata", smuggled(("x-amz-meta-a", "1")), DENIED),
        ("I04 type", smuggled(("Content-Type", "text/html")), DENIED),
        ("I04 acl", smuggled(("acl", "public-read")), DENIED),
        ("I04 redirect", smuggled(("success_action_redirect", "https://a.example/")), DENIED),
        ("I04 unknown", smuggled(("filename", "x")), DENIED),
        ("I05 two conditions", form(conditions=[["starts-with", "$key", ""], {"key": "other"}]), DENIED),
        ("I05 two lengths", form(conditions=[{"key": "kept"}, ["content-length-range", 0, 99], ["content-length-range", 0, 1]]), "400 EntityTooLarge"),
        ("I05 name with dots", traversal("../../kept"), "400 EntityTooSmall"),
        ("I05 name with backslashes", traversal("..\\..\\kept"), "400 EntityTooSmall"),
        ("I06 two files", form(behind=[("file", "another")]), FILES),
        ("I06 no file", form(content=None), FILES),
        ("I06 a thousand fields", smuggled(*FIELDS_MANY), TOO_LARGE),
        ("I06 a field of 2 MiB", smuggled(*FIELD_LONG), TOO_LARGE),
        ("I06 a field twice", smuggled(("key", "other")), ARGUMENT),
        ("I06 no key", form([("x-amz-meta-a", "1")]), ARGUMENT),
        ("I07 an object's address", at("/{bucket}/kept"), "405 MethodNotAllowed"),
        ("I07 no bucket's address", at("/"), "405 MethodNotAllowed"),
        ("I08 of an unknown key", of_another(lambda site: Keys("AKUNKNOWN00000000000", "x" * 40)), "403 InvalidAccessKeyId"),
        ("I08 of another secret", of_another(lambda site: Keys(site.keys.access, "x" * 40)), "403 SignatureDoesNotMatch"),
        ("I08 policy altered", policy_altered, "403 SignatureDoesNotMatch"),
        ("I08 signature altered", replaced("x-amz-signature", broken), "403 SignatureDoesNotMatch"),
        ("I08 no signature", twisted(lambda made, site: made.fields.pop()), ARGUMENT),
        ("I08 version 2 beside", both_versions_wrong, "403 SignatureDoesNotMatch"),
        ("I08 version 2 elsewhere", version_2_elsewhere, "400 InvalidRequest|403 AccessDenied"),
        ("I08 another region", form(scope=Scope(region="eu-north-7")), "400 AuthorizationQueryParametersError"),
        ("I08 another service", form(scope=Scope(service="sts")), "400 AuthorizationQueryParametersError"),
        ("I08 another algorithm", form(scope=Scope(algorithm="AWS4-HMAC-SHA1")), "400 AuthorizationQueryParametersError"),
        ("I08 a session's token", added(("x-amz-security-token", "x")), "400 InvalidToken"),
        ("I08 header and form", signed_twice, ARGUMENT),
    ]
    + [
        (f"I09 {name}", added(("success_action_redirect", target)), ARGUMENT) for name, target in REDIRECTS.items()
    ]
    + [(f"I10 {name}", added((name, "x")), "501 NotImplemented") for name in HEADERS_ONLY]
    + [
        ("I10 a key of its own", added(("x-amz-server-side-encryption-customer-key", "x")), "501 NotImplemented"),
        ("I10 a line end in metadata", added(("x-amz-meta-a", "b\r\nx-injected: 1")), ARGUMENT),
        ("I10 a line end in the type", added(("Content-Type", "a/b\r\nx-injected: 1")), ARGUMENT),
        ("I10 metadata of 3 KB", added(("x-amz-meta-a", "v" * 3000)), "400 MetadataTooLarge"),
        ("I10 tags in CDATA", added(("tagging", "<Tagging><TagSet><![CDATA[x]]></TagSet></Tagging>")), "400 MalformedXML"),
        ("I00 no length", without_length, "411 MissingContentLength"),
        ("I00 no boundary", typed("multipart/form-data"), MALFORMED),
        ("I00 a boundary of 71 bytes", typed("multipart/form-data; boundary=" + "b" * 71), MALFORMED),
        ("I00 another boundary", typed("multipart/form-data; boundary=other"), MALFORMED + "|" + FILES),
        ("I00 nothing", not_a_form(b""), MALFORMED + "|" + FILES),
        ("I00 noise", not_a_form(bytes(range(256)) * 40), MALFORMED + "|" + FILES),
        ("I00 no end", cut(-20), MALFORMED),
        ("I00 no end of the file", cut(-60), MALFORMED),
    ]
)
