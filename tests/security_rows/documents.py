"""Group G: XML that is malformed, hostile or beyond bounds."""

import hashlib

import digests

ENTITY = b'<!DOCTYPE x [<!ENTITY a "kept"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
EXTERNAL = b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
PARAMETER = b'<!DOCTYPE x [<!ENTITY % a SYSTEM "http://127.0.0.1:1/x"> %a;]>'


def delete(document, check=True):
    """A POST of a list of keys to delete. The digest is right, so that only the document is wrong."""

    def build(site):
        headers = [("Content-MD5", digests.md5(document))] if check else []
        return site.post("delete", document, *headers)

    return build


def keys(*names):
    return b"<Delete>" + b"".join(b"<Object><Key>" + name + b"</Key></Object>" for name in names) + b"</Delete>"


def put(query, document):
    """A configuration of the bucket."""

    def build(site):
        made = site.request("PUT", None, [(query, None)], [("Content-MD5", digests.md5(document))], document)
        return site.signed(made)

    return build


def complete(document):
    return lambda site: site.signed(site.request("POST", "under-way", [("uploadId", site.upload)], body=document))


def parts(count):
    return (
        b"<CompleteMultipartUpload>"
        + b"".join(
            b'<Part><PartNumber>%d</PartNumber><ETag>"0"</ETag></Part>' % number for number in range(1, count + 1)
        )
        + b"</CompleteMultipartUpload>"
    )


PART = b'"' + hashlib.md5(b"a part").hexdigest().encode() + b'"'


def named_parts(*named):
    """A completion that names these parts, by number and entity tag."""
    row = b"<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>"
    return b"<CompleteMultipartUpload>" + b"".join(row % part for part in named) + b"</CompleteMultipartUpload>"


def complete_with(*headers):
    """A completion of the right parts that expects something else of the whole."""

    def build(site):
        query, document = [("uploadId", site.upload)], named_parts((1, PART))
        return site.signed(site.request("POST", "under-way", query, headers, document))

    return build


def tag(document):
    """Tags for the object that is there."""
    return lambda site: site.signed(site.request("PUT", "kept", [("tagging", None)], body=document))


def tag_set(*pairs):
    row = b"<Tag><Key>%s</Key><Value>%s</Value></Tag>"
    return b"<Tagging><TagSet>" + b"".join(row % pair for pair in pairs) + b"</TagSet></Tagging>"


def ownership(rule, count=1):
    return b"<OwnershipControls>" + (b"<Rule>" + rule + b"</Rule>") * count + b"</OwnershipControls>"


OWNED = b"<ObjectOwnership>ObjectWriter</ObjectOwnership>"


def located(document):
    return lambda site: site.signed(site.raw("PUT", "/made-by-a-bad-document", body=document))


def cors(rules):
    return b"<CORSConfiguration>" + rules + b"</CORSConfiguration>"


def website(rest):
    index = b"<IndexDocument><Suffix>index.html</Suffix></IndexDocument>"
    return b"<WebsiteConfiguration>" + index + rest + b"</WebsiteConfiguration>"


def all_to(host):
    redirect = b"<RedirectAllRequestsTo><HostName>" + host + b"</HostName></RedirectAllRequestsTo>"
    return b"<WebsiteConfiguration>" + redirect + b"</WebsiteConfiguration>"


CORS_RULE = b"<CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod></CORSRule>"
ROUTE = b"<RoutingRule><Redirect><ReplaceKeyWith>k</ReplaceKeyWith></Redirect></RoutingRule>"
SCRIPT = b"<RoutingRule><Redirect><Protocol>javascript</Protocol></Redirect></RoutingRule>"
DEEP = b"<Delete>" + b"<a>" * 200_000 + b"</a>" * 200_000 + b"</Delete>"
ATTRIBUTES = (
    b"<Delete "
    + b" ".join(b'a%d="1"' % number for number in range(100_000))
    + b"><Object><Key>absent</Key></Object></Delete>"
)
NAMESPACES = ATTRIBUTES.replace(b" a", b" xmlns:a")
LARGE = keys(b"kept") + b" " * (20 << 20)
MANY_TAGS = b"<Tagging><TagSet>" + b"<Tag><Key>a</Key><Value>b</Value></Tag>" * 2 + b"</TagSet></Tagging>"
MALFORMED = "400 MalformedXML"
TOO_LARGE = "400 MalformedXML|400 EntityTooLarge|400 MaxMessageLengthExceeded"

ROWS = [
    (f"G01 {name} in {place}", build(document), MALFORMED)
    for name, head in (("entity", ENTITY), ("external", EXTERNAL), ("parameter", PARAMETER))
    for place, build, document in (
        ("delete", delete, head + keys(b"&a;")),
        ("tagging", lambda document: put("tagging", document), head + b"<Tagging><TagSet/></Tagging>"),
        (
            "versioning",
            lambda document: put("versioning", document),
            head + b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>",
        ),
        ("complete", complete, head + parts(1)),
        (
            "location",
            located,
            head
            + b"<CreateBucketConfiguration><LocationConstraint>&a;</LocationConstraint></CreateBucketConfiguration>",
        ),
    )
] + [
    ("G02 20 MiB", delete(LARGE), TOO_LARGE),
    ("G02 20 MiB of tags", put("tagging", b" " * (20 << 20)), TOO_LARGE),
    ("G03 200,000 deep", delete(DEEP), TOO_LARGE),
    ("G04 100,000 attributes", delete(ATTRIBUTES), TOO_LARGE),
    ("G04 100,000 namespaces", delete(NAMESPACES), TOO_LARGE),
    ("G05 1,001 keys", delete(keys(*(b"kept" for _ in range(1001)))), MALFORMED),
    ("G05 no key", delete(b"<Delete></Delete>"), MALFORMED),
    ("G05 an empty key", delete(keys(b"")), MALFORMED + "|400 UserKeyMustBeSpecified|200 InvalidArgument"),
    ("G05 no digest", delete(keys(b"kept"), check=False), "400 InvalidRequest"),
    (
        "G05 wrong digest",
        lambda site: site.post("delete", keys(b"kept"), ("Content-MD5", digests.md5(b"other"))),
        "400 BadDigest",
    ),
    (
        "G05 wrong checksum",
        lambda site: site.post("delete", keys(b"kept"), ("x-amz-checksum-crc32", "AAAAAA==")),
        "400 BadDigest",
    ),
    ("G06 CDATA", delete(keys(b"<![CDATA[kept]]>")), MALFORMED),
    ("G07 two keys", delete(b"<Delete><Object><Key>kept</Key><Key>other</Key></Object></Delete>"), MALFORMED),
    ("G07 no key element", delete(b"<Delete><Object/></Delete>"), MALFORMED),
    ("G07 another root", delete(b"<Remove><Object><Key>kept</Key></Object></Remove>"), MALFORMED),
    ("G07 UTF-16", delete(keys(b"kept").decode().encode("utf-16")), MALFORMED),
    ("G07 not UTF-8", delete(keys(b"\xff")), MALFORMED),
    ("G07 unclosed", delete(b"<Delete><Object><Key>kept</Key></Object>"), MALFORMED),
    ("G07 crossed", delete(b"<Delete><Object><Key>kept</Object></Key></Delete>"), MALFORMED),
    ("G07 two roots", delete(keys(b"kept") + keys(b"kept")), MALFORMED),
    ("G07 no XML", delete(b"kept"), MALFORMED),
    ("G07 empty", delete(b""), MALFORMED + "|400 MissingRequestBodyError"),
    ("G07 undefined entity", delete(keys(b"&nbsp;")), MALFORMED),
    ("G07 character that XML has not", delete(keys(b"&#0;")), MALFORMED + "|400 InvalidArgument"),
    (
        "G10 part number",
        complete(parts(1).replace(b">1<", b">99999999999999999999<")),
        MALFORMED + "|400 InvalidArgument",
    ),
    ("G10 negative part number", complete(parts(1).replace(b">1<", b">-1<")), MALFORMED + "|400 InvalidArgument"),
    (
        "G10 part number with a sign",
        complete(parts(1).replace(b">1<", b">1e0<")),
        MALFORMED + "|400 InvalidArgument|400 InvalidPart",
    ),
    ("G09 100,000 rules of CORS", put("cors", cors(CORS_RULE * 100_000)), TOO_LARGE),
    ("G09 101 rules of CORS", put("cors", cors(CORS_RULE * 101)), MALFORMED),
    ("G09 a misspelt element of CORS", put("cors", cors(CORS_RULE.replace(b"AllowedOrigin", b"AlowedOrigin"))), MALFORMED),
    ("G09 100,000 rules of a website", put("website", website(b"<RoutingRules>" + ROUTE * 100_000)), TOO_LARGE),
    ("G09 a misspelt element of a website", put("website", website(b"").replace(b"Suffix", b"Sufix")), MALFORMED),
    (
        "G12 a header inside an exposed one",
        put("cors", cors(CORS_RULE.replace(b"</CORSRule>", b"<ExposeHeader>a&#13;&#10;Set-Cookie: b</ExposeHeader></CORSRule>"))),
        "400 InvalidRequest|400 MalformedXML",
    ),
    (
        "G12 a header inside a host",
        put("website", all_to(b"b.example&#13;&#10;Set-Cookie: b")),
        "400 InvalidArgument|400 MalformedXML",
    ),
    ("G12 a user inside a host", put("website", all_to(b"a@b.example")), "400 InvalidArgument"),
    ("G12 a script as a protocol", put("website", website(b"<RoutingRules>" + SCRIPT + b"</RoutingRules>")), "400 InvalidRequest"),
    (
        "G12 a script as a redirect",
        lambda site: site.signed(site.put(("x-amz-website-redirect-location", "javascript:alert(1)"))),
        "400 InvalidRedirectLocation",
    ),
    ("G09 100,000 rules of ownership", put("ownershipControls", ownership(OWNED, 100_000)), TOO_LARGE),
    ("G09 two rules of ownership", put("ownershipControls", ownership(OWNED, 2)), MALFORMED),
    ("G09 no rule of ownership", put("ownershipControls", ownership(OWNED, 0)), MALFORMED),
    ("G09 misspelt ownership", put("ownershipControls", ownership(OWNED.replace(b"ship", b"shipp"))), MALFORMED),
    (
        "G09 misspelt payer",
        put("requestPayment", b"<RequestPaymentConfiguration><Payr>Requester</Payr></RequestPaymentConfiguration>"),
        MALFORMED,
    ),
    ("G09 logging with half a target", put("logging", b"<BucketLoggingStatus><LoggingEnabled/></BucketLoggingStatus>"), MALFORMED),
    ("G12 a tag twice", put("tagging", MANY_TAGS), "400 InvalidTag"),
    ("G12 11 tags", tag(tag_set(*((b"%d" % number, b"") for number in range(11)))), "400 InvalidTag|400 BadRequest"),
    ("G12 51 tags of a bucket", put("tagging", tag_set(*((b"%d" % number, b"") for number in range(51)))), "400 InvalidTag|400 BadRequest"),
    ("G12 long name", tag(tag_set((b"n" * 129, b"v"))), "400 InvalidTag"),
    ("G12 no name", tag(tag_set((b"", b"v"))), "400 InvalidTag|400 MalformedXML"),
    ("G12 reserved name", tag(tag_set((b"aws:a", b"v"))), "400 InvalidTag"),
    ("G12 reserved name in capitals", tag(tag_set((b"AWS:a", b"v"))), "400 InvalidTag"),
    ("G12 line break", tag(tag_set((b"a", b"v&#13;&#10;x-amz-acl: public-read"))), "400 InvalidTag"),
    ("G12 markup", tag(tag_set((b"a", b"&lt;script&gt;"))), "400 InvalidTag"),
    ("H12 10,001 parts", complete(parts(10_001)), MALFORMED + "|400 InvalidArgument|400 InvalidRequest"),
    ("H13 unsorted", complete(named_parts((2, PART), (1, PART))), "400 InvalidPartOrder"),
    ("H13 repeated", complete(named_parts((1, PART), (1, PART))), "400 InvalidPartOrder"),
    ("H13 a part that is not there", complete(named_parts((1, PART), (9, PART))), "400 InvalidPart|400 EntityTooSmall"),
    ("H13 wrong entity tag", complete(named_parts((1, b'"%032d"' % 0))), "400 InvalidPart"),
    ("H13 no entity tag at all", complete(named_parts((1, b"*"))), "400 InvalidPart"),
    (
        "H13 checksum of another algorithm",
        complete_with(("x-amz-checksum-sha256", digests.text("SHA256", b"a part"))),
        "400 InvalidRequest",
    ),
    ("H13 wrong checksum", complete_with(("x-amz-checksum-crc64nvme", digests.wrong("CRC64NVME"))), "400 BadDigest"),
    ("H13 checksum of more parts", complete_with(("x-amz-checksum-crc32", "AAAAAA==-2")), "400 BadDigest|400 InvalidRequest"),
    ("H13 another kind of checksum", complete_with(("x-amz-checksum-type", "COMPOSITE")), "400 InvalidRequest"),
    ("H13 wrong size", complete_with(("x-amz-mp-object-size", "7")), "400 InvalidRequest"),
    ("H13 negative size", complete_with(("x-amz-mp-object-size", "-6")), "400 InvalidRequest|400 InvalidArgument"),
    ("H13 size beyond bounds", complete_with(("x-amz-mp-object-size", "9" * 30)), "400 InvalidRequest|400 InvalidArgument"),
    ("H13 no part", complete(b"<CompleteMultipartUpload/>"), MALFORMED),
    ("H13 empty body", complete(b""), MALFORMED + "|400 InvalidRequest"),
]
