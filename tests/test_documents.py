"""Documents of requests: what belongs in one is taken, and what does not is refused and changes nothing.

s3s skips elements it does not know, so whoever misspells one, or asks for something that is not offered, would believe it
heard. The table holds for each operation a document as clients write it; the tests write others from it.
"""

import re
from collections import namedtuple

import pytest
from botocore.exceptions import ClientError

import digests
from answers import new_bucket, refused
from sigv4 import chunked, request, signed

NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
GRANTEE = '<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser"><ID>%(owner)s</ID>'
GRANTEE += "<DisplayName>somebody</DisplayName></Grantee>"
ACL = (
    "<AccessControlPolicy><Owner><ID>%(owner)s</ID><DisplayName>somebody</DisplayName></Owner><AccessControlList><Grant>"
    + GRANTEE
    + "<Permission>FULL_CONTROL</Permission></Grant></AccessControlList></AccessControlPolicy>"
)
TAGGING = "<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag></TagSet></Tagging>"

Document = namedtuple("Document", "method, path, query, text, parents")
BUCKET, OBJECT, NEW = "/%(bucket)s", "/%(bucket)s/k", "/%(new)s"
DOCUMENTS = {
    "PutBucketAcl": Document("PUT", BUCKET, "acl", ACL, "AccessControlPolicy Owner AccessControlList Grant Grantee ID"),
    "PutObjectAcl": Document("PUT", OBJECT, "acl", ACL, "AccessControlPolicy Owner AccessControlList Grant Permission"),
    "PutBucketTagging": Document("PUT", BUCKET, "tagging", TAGGING, "Tagging TagSet Tag Key"),
    "PutObjectTagging": Document("PUT", OBJECT, "tagging", TAGGING, "Tagging TagSet Tag Value"),
    "PutBucketVersioning": Document(
        "PUT", BUCKET, "versioning",
        "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>", "VersioningConfiguration Status",
    ),
    "PutBucketCors": Document(
        "PUT", BUCKET, "cors",
        "<CORSConfiguration><CORSRule><ID>one</ID><AllowedMethod>GET</AllowedMethod><AllowedMethod>PUT</AllowedMethod>"
        "<AllowedOrigin>*</AllowedOrigin><AllowedHeader>*</AllowedHeader><ExposeHeader>ETag</ExposeHeader>"
        "<MaxAgeSeconds>5</MaxAgeSeconds></CORSRule></CORSConfiguration>", "CORSConfiguration CORSRule AllowedMethod",
    ),
    "PutBucketEncryption": Document(
        "PUT", BUCKET, "encryption",
        "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm>"
        "</ApplyServerSideEncryptionByDefault><BucketKeyEnabled>false</BucketKeyEnabled></Rule>"
        "</ServerSideEncryptionConfiguration>",
        "ServerSideEncryptionConfiguration Rule ApplyServerSideEncryptionByDefault",
    ),
    "PutBucketLogging": Document(
        "PUT", BUCKET, "logging", "<BucketLoggingStatus></BucketLoggingStatus>", "BucketLoggingStatus"
    ),
    "PutBucketOwnershipControls": Document(
        "PUT", BUCKET, "ownershipControls",
        "<OwnershipControls><Rule><ObjectOwnership>BucketOwnerPreferred</ObjectOwnership></Rule></OwnershipControls>",
        "OwnershipControls Rule ObjectOwnership",
    ),
    "PutBucketRequestPayment": Document(
        "PUT", BUCKET, "requestPayment",
        "<RequestPaymentConfiguration><Payer>BucketOwner</Payer></RequestPaymentConfiguration>",
        "RequestPaymentConfiguration Payer",
    ),
    "PutPublicAccessBlock": Document(
        "PUT", BUCKET, "publicAccessBlock",
        "<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>false</IgnorePublicAcls>"
        "<BlockPublicPolicy>true</BlockPublicPolicy><RestrictPublicBuckets>false</RestrictPublicBuckets>"
        "</PublicAccessBlockConfiguration>", "PublicAccessBlockConfiguration BlockPublicAcls",
    ),
    "PutBucketWebsite": Document(
        "PUT", BUCKET, "website",
        "<WebsiteConfiguration><IndexDocument><Suffix>index.html</Suffix></IndexDocument><ErrorDocument><Key>e</Key>"
        "</ErrorDocument><RoutingRules><RoutingRule><Condition><KeyPrefixEquals>a/</KeyPrefixEquals>"
        "<HttpErrorCodeReturnedEquals>404</HttpErrorCodeReturnedEquals></Condition><Redirect><HostName>h.test</HostName>"
        "<Protocol>https</Protocol><HttpRedirectCode>302</HttpRedirectCode><ReplaceKeyWith>b</ReplaceKeyWith></Redirect>"
        "</RoutingRule></RoutingRules></WebsiteConfiguration>",
        "WebsiteConfiguration IndexDocument ErrorDocument RoutingRules RoutingRule Condition Redirect",
    ),
    "CreateBucket": Document(
        "PUT", NEW, None,
        "<CreateBucketConfiguration><Tags><Tag><Key>a</Key><Value>1</Value></Tag></Tags></CreateBucketConfiguration>",
        "CreateBucketConfiguration Tags Tag",
    ),
    "DeleteObjects": Document(
        "POST", BUCKET, "delete", "<Delete><Object><Key>not-there</Key></Object><Quiet>true</Quiet></Delete>",
        "Delete Object Key Quiet",
    ),
    "CompleteMultipartUpload": Document(
        "POST", OBJECT, "uploadId=%(upload)s",
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>%(etag)s</ETag></Part></CompleteMultipartUpload>",
        "CompleteMultipartUpload Part ETag",
    ),
    "PutObjectLockConfiguration": Document(
        "PUT", "/%(locking)s", "object-lock",
        "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention>"
        "<Mode>GOVERNANCE</Mode><Days>1</Days></DefaultRetention></Rule></ObjectLockConfiguration>",
        "ObjectLockConfiguration Rule DefaultRetention Days",
    ),
    "PutObjectRetention": Document(
        "PUT", "/%(locking)s/k", "retention",
        "<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>2040-01-01T00:00:00Z</RetainUntilDate></Retention>",
        "Retention Mode",
    ),
    "PutObjectLegalHold": Document(
        "PUT", "/%(locking)s/k", "legal-hold", "<LegalHold><Status>OFF</Status></LegalHold>", "LegalHold Status"
    ),
}


@pytest.fixture
def names(s3, bucket):
    """What the documents of the table speak of."""
    locking = new_bucket(s3, "locking-first")
    s3.delete_bucket(Bucket=locking)
    s3.create_bucket(Bucket=locking, ObjectLockEnabledForBucket=True)
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]})
    for place in (bucket, locking):
        s3.put_object(Bucket=place, Key="k", Body=b"x")
    upload = {"Bucket": bucket, "Key": "k", "UploadId": s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]}
    tag = s3.upload_part(**upload, PartNumber=1, Body=b"part")["ETag"].strip('"')
    owner = s3.list_buckets()["Owner"]["ID"]
    return {"bucket": bucket, "locking": locking, "new": f"{bucket}-new", "owner": owner, "etag": tag,
            "upload": upload["UploadId"]}


@pytest.fixture
def send(lake, names):
    def send(document, text):
        text = (text % names).encode()
        query = [tuple((document.query % names).split("=")) if "=" in document.query else (document.query, None)] \
            if document.query else []
        made = request(document.method, lake.host, document.path % names, query, [("Content-MD5", digests.md5(text))], text)
        return signed(made, lake.keys).send(lake.address)
    return send


def inserted(text, parent, element):
    """The document with an element more in the first that is called so."""
    return re.sub(rf"<{parent}( [^>]*)?>", lambda found: found.group(0) + element, text, count=1)


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
def test_documents_of_clients_are_taken(send, document):
    root = re.match(r"<(\w+)>", document.text).group(1)
    named = document.text.replace(f"<{root}>", f"<{root} {NAMESPACE}>", 1)
    spaced = re.sub(r">\s*<(?!/)", ">\n  <", named)
    for text in (document.text, f'<?xml version="1.0" encoding="UTF-8"?>\n<!-- from a client -->{spaced}\n'):
        answer = send(document, text)
        # Where it was taken before, a second bucket or upload is not.
        assert answer.status in (200, 204) or answer.code in ("BucketAlreadyOwnedByYou", "NoSuchUpload"), answer


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
def test_elements_that_do_not_belong_there_are_refused(s3, send, names, document):
    for parent in document.parents.split():
        for element in ("<Unheard>yes</Unheard>", "<Unheard/>", f"<{parent}/>", "<x:ID/>", '<Unheard a=">"><b/></Unheard>'):
            answer = send(document, inserted(document.text, parent, element))
            assert (answer.status, answer.code) == (400, "MalformedXML"), (parent, element, answer)
    root = document.parents.split()[0]
    prefixed = document.text.replace(f"<{root}", "<s3:" + root, 1).replace(f"</{root}", "</s3:" + root)
    assert send(document, prefixed).code == "MalformedXML"
    # Nothing of all that was done.
    assert s3.get_bucket_versioning(Bucket=names["bucket"]).get("Status") is None
    with refused(404, "NoSuchTagSet"):
        s3.get_bucket_tagging(Bucket=names["bucket"])
    with refused(404):
        s3.head_bucket(Bucket=names["new"])
    assert len(s3.list_parts(Bucket=names["bucket"], Key="k", UploadId=names["upload"])["Parts"]) == 1


@pytest.mark.parametrize(
    "operation, parent, element, code",
    [
        ("PutObjectRetention", "Retention", "<EventHold>ON</EventHold>", "NotImplemented"),
        ("PutObjectRetention", "Retention", "<EventHoldDuration><Days>1</Days></EventHoldDuration>", "NotImplemented"),
        ("PutObjectLockConfiguration", "DefaultRetention", "<DefaultEventHold/>", "NotImplemented"),
        ("PutBucketLogging", "BucketLoggingStatus",
         "<LoggingEnabled><TargetBucket>%(bucket)s</TargetBucket><TargetPrefix>a</TargetPrefix></LoggingEnabled>",
         "NotImplemented"),
        # MinIO's, which would keep versions of some keys only.
        ("PutBucketVersioning", "VersioningConfiguration", "<ExcludeFolders>true</ExcludeFolders>", "MalformedXML"),
        ("PutBucketVersioning", "VersioningConfiguration",
         "<ExcludedPrefixes><Prefix>a</Prefix></ExcludedPrefixes>", "MalformedXML"),
    ],
)
def test_elements_that_ask_for_what_is_not_offered(send, operation, parent, element, code):
    document = DOCUMENTS[operation]
    assert send(document, inserted(document.text, parent, element)).code == code


def test_a_document_in_signed_chunks_is_looked_over_as_well(lake, s3, names):
    for text in (TAGGING.replace("<Tag>", "<Tag><Unheard/>"), TAGGING.replace("1", "<![CDATA[2]]>")):
        made = request("PUT", lake.host, f"/{names['bucket']}", [("tagging", None)])
        for sign in (True, False):
            answer = chunked(made, lake.keys, [text.encode()], sign=sign).request().send(lake.address)
            assert answer.status in (400, 501), answer
    with pytest.raises(ClientError):
        s3.get_bucket_tagging(Bucket=names["bucket"])
