"""What the lake offers of S3, with a request that succeeds for each operation, and probes of their parameters."""

import base64
import contextlib
import hashlib
import json
import secrets
from collections import namedtuple
from datetime import datetime, timezone

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError

import digests
from answers import etag, keys_of, new_bucket
from compatibility import choices_of

CONTENT = b"what is stored"
TAGS = {"TagSet": [{"Key": "a", "Value": "b"}]}
OWNED = {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
AES256 = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
CORS = {"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]}
BLOCK = {"BlockPublicPolicy": True}
WEBSITE = {"IndexDocument": {"Suffix": "index.html"}}
LATER = datetime(2040, 1, 1, tzinfo=timezone.utc)
SOONER = datetime(2039, 1, 1, tzinfo=timezone.utc)
GOVERNED = {"Mode": "GOVERNANCE", "RetainUntilDate": LATER}
LOCKS = {"ObjectLockEnabled": "Enabled"}
EARLIER = datetime(2020, 1, 1, tzinfo=timezone.utc)
STRANGER = "1" * 12
GROUPS = "http://acs.amazonaws.com/groups/global/"
CANNED = {
    "private": [],
    "public-read": [("AllUsers", "READ")],
    "public-read-write": [("AllUsers", "READ"), ("AllUsers", "WRITE")],
    "authenticated-read": [("AuthenticatedUsers", "READ")],
    "bucket-owner-read": [],
    "bucket-owner-full-control": [],
}
GRANTS = {
    "GrantFullControl": "FULL_CONTROL",
    "GrantRead": "READ",
    "GrantReadACP": "READ_ACP",
    "GrantWrite": "WRITE",
    "GrantWriteACP": "WRITE_ACP",
}


class World:
    """A bucket that keeps versions, with an object in it, and a client that can send what boto3 would not."""

    def __init__(self, lake):
        self.s3 = lake.client(inject_host_prefix=False)
        self.s3.meta.events.register("before-call.s3", self._add)
        self.headers = {}
        self.bucket = new_bucket(self.s3, "surface", "Enabled")
        self.object = {"Bucket": self.bucket, "Key": "k"}
        self.version = self.s3.put_object(**self.object, Body=CONTENT, Tagging="a=b")["VersionId"]
        self.owner = self.s3.list_buckets()["Owner"]["ID"]
        self.source = f"{self.bucket}/k"
        self.locking = {"Bucket": f"locking-{secrets.token_hex(6)}"}
        self.s3.create_bucket(**self.locking, ObjectLockEnabledForBucket=True)

    def _add(self, params, **_):
        for name, value in self.headers.items():
            params["headers"][name] = value(params["body"]) if callable(value) else value

    @contextlib.contextmanager
    def sending(self, headers):
        """All requests inside carry these headers; a value that is a function is made of the document sent."""
        self.headers = headers
        try:
            yield
        finally:
            self.headers = {}

    def call(self, operation, request):
        return getattr(self.s3, xform_name(operation))(**request)

    def named(self, **options):
        return {"Bucket": self.bucket} | options

    def new(self, versioning=None):
        return {"Bucket": new_bucket(self.s3, "surface", versioning)}

    def owned(self):
        owned = self.new()
        self.s3.put_bucket_ownership_controls(**owned, OwnershipControls=OWNED)
        return owned

    def grants(self):
        """The access control list that stands."""
        told = self.s3.get_bucket_acl(Bucket=self.bucket)
        return {"Grants": told["Grants"], "Owner": told["Owner"]}

    def unused(self):
        return {"Bucket": f"unused-{secrets.token_hex(6)}"}

    def tagged(self):
        self.s3.put_bucket_tagging(Bucket=self.bucket, Tagging=TAGS)
        return self.named()

    def shared(self):
        self.s3.put_bucket_cors(Bucket=self.bucket, CORSConfiguration=CORS)
        return self.named()

    def policy(self):
        """A policy that lets everybody read."""
        everybody = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}
        everybody["Resource"] = f"arn:aws:s3:::{self.bucket}/*"
        return json.dumps({"Version": "2012-10-17", "Statement": [everybody]})

    def ruled(self):
        self.s3.put_bucket_policy(Bucket=self.bucket, Policy=self.policy())
        return self.named()

    def blocking(self):
        blocking = self.new()
        self.s3.put_public_access_block(**blocking, PublicAccessBlockConfiguration=BLOCK)
        return blocking

    def website(self):
        self.s3.put_bucket_website(Bucket=self.bucket, WebsiteConfiguration=WEBSITE)
        return self.named()

    def doomed(self):
        """An object of its own, to be deleted."""
        doomed = self.named(Key="doomed")
        self.s3.put_object(**doomed, Body=CONTENT)
        return doomed

    def locked(self, **lock):
        """An object in a bucket that locks its objects."""
        locked = self.locking | {"Key": f"locked-{secrets.token_hex(6)}"}
        self.s3.put_object(**locked, Body=CONTENT, **lock)
        return locked

    def governed(self):
        """A version that goes only when governance is passed over."""
        locked = self.locked(ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=LATER)
        return locked | {"VersionId": self.head(locked)["VersionId"]}

    def all_governed(self):
        doomed = {name: value for name, value in self.governed().items() if name != "Bucket"}
        return self.locking | {"Delete": {"Objects": [doomed]}}

    def shortened(self):
        """A retention that ends sooner than the one that stands."""
        return self.governed() | {"Retention": GOVERNED | {"RetainUntilDate": SOONER}}

    def annotated(self, **options):
        """An annotation of the object, as it is asked for."""
        annotation = self.object | {"AnnotationName": "a"}
        self.s3.put_object_annotation(**annotation, AnnotationPayload=CONTENT, **options)
        return annotation

    def annotations(self, request):
        listed = self.s3.list_object_annotations(Bucket=request["Bucket"], Key=request["Key"])
        return [row["AnnotationName"] for row in listed.get("Annotations", [])]

    def upload(self, **options):
        upload = self.named(Key="parts")
        return upload | {"UploadId": self.s3.create_multipart_upload(**upload, **options)["UploadId"]}

    def uploaded(self, **options):
        """An upload with a part, as it is completed."""
        kind = {name: value for name, value in options.items() if name == "ChecksumAlgorithm"}
        return self.filled(self.upload(**options), kind)

    def filled(self, upload, kind):
        part = self.s3.upload_part(**upload, PartNumber=1, Body=CONTENT, **kind)
        checksum = {name: value for name, value in part.items() if kind and name.startswith("Checksum")}
        return upload | {"MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]} | checksum]}}

    def copied(self):
        """Where a copy goes, there is an object already, with this tag."""
        return self.s3.put_object(**self.named(Key="copied"), Body=CONTENT)["ETag"]

    def absent(self):
        """Where an upload ends, there is no object."""
        self.s3.delete_object(**self.named(Key="parts"))
        return "*"

    def head(self, request, **options):
        return self.s3.head_object(Bucket=request["Bucket"], Key=request["Key"], **options)


# What is offered, with a request that succeeds and gives little more than it must. Everything else is refused.
OFFERED = {
    "AbortMultipartUpload": lambda world: world.upload(),
    "CompleteMultipartUpload": lambda world: world.uploaded(),
    "CopyObject": lambda world: world.named(Key="copied", CopySource=world.source),
    "CreateBucket": lambda world: world.unused(),
    "CreateMultipartUpload": lambda world: world.named(Key="parts"),
    "DeleteBucket": lambda world: world.new(),
    "DeleteBucketCors": lambda world: world.shared(),
    "DeleteBucketEncryption": lambda world: world.named(),
    "DeleteBucketOwnershipControls": lambda world: world.owned(),
    "DeleteBucketPolicy": lambda world: world.ruled(),
    "DeleteBucketTagging": lambda world: world.tagged(),
    "DeleteBucketWebsite": lambda world: world.website(),
    "DeleteObject": lambda world: world.doomed(),
    "DeleteObjectAnnotation": lambda world: world.annotated(),
    "DeleteObjectTagging": lambda world: world.doomed(),
    "DeleteObjects": lambda world: world.named(Delete={"Objects": [{"Key": world.doomed()["Key"]}]}),
    "DeletePublicAccessBlock": lambda world: world.blocking(),
    "GetBucketAcl": lambda world: world.named(),
    "GetBucketCors": lambda world: world.shared(),
    "GetBucketEncryption": lambda world: world.named(),
    "GetBucketLocation": lambda world: world.named(),
    "GetBucketLogging": lambda world: world.named(),
    "GetBucketOwnershipControls": lambda world: world.owned(),
    "GetBucketPolicy": lambda world: world.ruled(),
    "GetBucketPolicyStatus": lambda world: world.ruled(),
    "GetBucketRequestPayment": lambda world: world.named(),
    "GetBucketTagging": lambda world: world.tagged(),
    "GetBucketVersioning": lambda world: world.named(),
    "GetBucketWebsite": lambda world: world.website(),
    "GetObject": lambda world: world.object,
    "GetObjectAcl": lambda world: world.object,
    "GetObjectAnnotation": lambda world: world.annotated(),
    "GetObjectAttributes": lambda world: world.object | {"ObjectAttributes": ["ETag"]},
    "GetObjectLegalHold": lambda world: world.locked(ObjectLockLegalHoldStatus="ON"),
    "GetObjectLockConfiguration": lambda world: world.locking,
    "GetObjectRetention": lambda world: world.governed(),
    "GetObjectTagging": lambda world: world.object,
    "GetPublicAccessBlock": lambda world: world.blocking(),
    "HeadBucket": lambda world: world.named(),
    "HeadObject": lambda world: world.object,
    "ListBuckets": lambda world: {},
    "ListMultipartUploads": lambda world: world.named(),
    "ListObjectAnnotations": lambda world: world.object,
    "ListObjectVersions": lambda world: world.named(),
    "ListObjects": lambda world: world.named(),
    "ListObjectsV2": lambda world: world.named(),
    "ListParts": lambda world: world.upload(),
    "PutBucketCors": lambda world: world.named(CORSConfiguration=CORS),
    "PutBucketAcl": lambda world: world.named(ACL="private"),
    "PutBucketEncryption": lambda world: world.named(ServerSideEncryptionConfiguration=AES256),
    "PutBucketLogging": lambda world: world.named(BucketLoggingStatus={}),
    "PutBucketOwnershipControls": lambda world: world.new() | {"OwnershipControls": OWNED},
    "PutBucketPolicy": lambda world: world.named(Policy=world.policy()),
    "PutBucketRequestPayment": lambda world: world.new() | {"RequestPaymentConfiguration": {"Payer": "Requester"}},
    "PutBucketTagging": lambda world: world.named(Tagging=TAGS),
    "PutBucketVersioning": lambda world: world.named(VersioningConfiguration={"Status": "Enabled"}),
    "PutBucketWebsite": lambda world: world.named(WebsiteConfiguration=WEBSITE),
    "PutObject": lambda world: world.named(Key="put", Body=CONTENT),
    "PutObjectAcl": lambda world: world.object | {"ACL": "private"},
    "PutObjectAnnotation": lambda world: world.object | {"AnnotationName": "a", "AnnotationPayload": CONTENT},
    "PutObjectLegalHold": lambda world: world.locked() | {"LegalHold": {"Status": "ON"}},
    "PutObjectLockConfiguration": lambda world: world.new("Enabled") | {"ObjectLockConfiguration": LOCKS},
    "PutObjectRetention": lambda world: world.locked() | {"Retention": GOVERNED},
    "PutObjectTagging": lambda world: world.object | {"Tagging": TAGS},
    "PutPublicAccessBlock": lambda world: world.new() | {"PublicAccessBlockConfiguration": BLOCK},
    "UploadPart": lambda world: world.upload() | {"PartNumber": 1, "Body": CONTENT},
    "UploadPartCopy": lambda world: world.upload() | {"PartNumber": 1, "CopySource": world.source},
}

# A value for a parameter, and how to tell that it had its effect, from the world, the request and the answer; or the
# code it is refused with. A value that is a function is made for the world and the request. `needs` is given with it;
# a function of the world, where it must be made.
Probe = namedtuple("Probe", "value effect code needs", defaults=(None, None, {}))


def works(effect, *values, needs={}):
    return [Probe(value, effect, None, needs) for value in values]


def refused(code, *values, needs={}):
    return [Probe(value, None, code, needs) for value in values]


def each(effect, *offered, code="NotImplemented"):
    """Of the values a parameter can have, those offered have their effect, and all others are refused."""

    def probes(shape):
        others = (value for value in choices_of(shape) if value not in offered)
        as_sent = {"true": True, "false": False}
        return works(effect, *(as_sent.get(value, value) for value in offered)) + refused(
            code, *(as_sent.get(value, value) for value in others)
        )

    return probes


def so_anyway(world, request, answer):
    """It asks for what is so in any case: that it is not refused is all the effect there can be."""


def told(name, value):
    """The answer says so."""

    def check(world, request, answer):
        assert answer[name] == value, answer

    return check


def untold(*names):
    def check(world, request, answer):
        assert not set(names) & set(answer), answer

    return check


def completed(world, request, answer):
    """If it began an upload, that becomes an object."""
    if "UploadId" in answer and "UploadId" not in request:
        upload = {"Bucket": request["Bucket"], "Key": request["Key"], "UploadId": answer["UploadId"]}
        kind = {name: value for name, value in request.items() if name == "ChecksumAlgorithm"}
        world.s3.complete_multipart_upload(**world.filled(upload, kind))


def stored(name):
    """The object has it from then on."""

    def check(world, request, answer):
        completed(world, request, answer)
        assert world.head(request)[name] == request[name]

    return check


def lock(world):
    """What a write needs to be retained."""
    return world.locking | LOCK


def in_locking(world):
    return world.locking


def locks(name):
    """The bucket says so from then on."""

    def check(world, request, answer):
        told = world.s3.get_object_lock_configuration(Bucket=request["Bucket"])["ObjectLockConfiguration"]
        assert told[name] == request["ObjectLockConfiguration"][name]

    return check


def locks_if_asked(world, request, answer):
    try:
        world.s3.get_object_lock_configuration(Bucket=request["Bucket"])
        assert request["ObjectLockEnabledForBucket"]
    except ClientError as error:
        assert error.response["Error"]["Code"] == "ObjectLockConfigurationNotFoundError"
        assert not request["ObjectLockEnabledForBucket"]


def retained(world, request, answer):
    told = world.s3.get_object_retention(Bucket=request["Bucket"], Key=request["Key"])
    assert told["Retention"] == request["Retention"]


def held(world, request, answer):
    told = world.s3.get_object_legal_hold(Bucket=request["Bucket"], Key=request["Key"])
    assert told["LegalHold"] == request["LegalHold"]


def gone(world, request, answer):
    with pytest.raises(ClientError):
        world.head(request, VersionId=request["VersionId"])


def entry_locked(world, request, answer):
    assert [entry["Code"] for entry in answer["Errors"]] == ["AccessDenied"] and "Deleted" not in answer


def mine_alone(world, request, answer):
    """Who owns it may do everything, and nobody else anything."""
    place = {name: request[name] for name in ("Bucket", "Key") if name in request}
    completed(world, request, answer)
    told = world.s3.get_object_acl(**place) if "Key" in place else world.s3.get_bucket_acl(**place)
    grants = [(grant["Grantee"]["ID"], grant["Permission"]) for grant in told["Grants"]]
    assert grants == [(world.owner, "FULL_CONTROL")]


def told_grants(world, request, answer):
    """Who was granted what on what the request made or changed: of groups, the name's end."""
    place = {name: request[name] for name in ("Bucket", "Key") if name in request}
    completed(world, request, answer)
    told = world.s3.get_object_acl(**place) if "Key" in place else world.s3.get_bucket_acl(**place)
    named = lambda grantee: grantee.get("ID") or grantee["URI"].rpartition("/")[2]
    return {(named(grant["Grantee"]), grant["Permission"]) for grant in told["Grants"]}


def listed(world, request, answer):
    """The list of that name stands, beside what its owner may anyway."""
    assert told_grants(world, request, answer) == {(world.owner, "FULL_CONTROL"), *CANNED[request["ACL"]]}


def granted(permission):
    def check(world, request, answer):
        assert ("AllUsers", permission) in told_grants(world, request, answer)

    return check


def nobodys(world, request, answer):
    assert told_grants(world, request, answer) == set()


def owned(world, request, answer):
    [rule] = world.s3.get_bucket_ownership_controls(Bucket=request["Bucket"])["OwnershipControls"]["Rules"]
    controls = request.get("OwnershipControls", {"Rules": [request]})
    assert rule["ObjectOwnership"] == controls["Rules"][0]["ObjectOwnership"]


def paid(world, request, answer):
    said = world.s3.get_bucket_request_payment(Bucket=request["Bucket"])
    assert said["Payer"] == request["RequestPaymentConfiguration"]["Payer"]


def born_tagged(world, request, answer):
    assert world.s3.get_bucket_tagging(Bucket=request["Bucket"])["TagSet"] == TAGS["TagSet"]


def checksum_kept(world, request, answer):
    """A checksum of the algorithm asked for, of the bytes that are stored."""
    completed(world, request, answer)
    algorithm = request["ChecksumAlgorithm"]
    said = answer if "UploadId" in request else world.head(request, ChecksumMode="ENABLED")
    value = said[f"Checksum{algorithm}"]
    assert value in (digests.text(algorithm, CONTENT), digests.composite(algorithm, CONTENT)), said


def annotation_kept(world, request, answer):
    algorithm = request["ChecksumAlgorithm"]
    annotation = {name: request[name] for name in ("Bucket", "Key", "AnnotationName")}
    said = world.s3.get_object_annotation(**annotation, ChecksumMode="ENABLED")
    assert said[f"Checksum{algorithm}"] == answer[f"Checksum{algorithm}"] == digests.text(algorithm, CONTENT)


def blocked(world, request, answer):
    told = world.s3.get_public_access_block(Bucket=request["Bucket"])["PublicAccessBlockConfiguration"]
    assert told == dict.fromkeys(told, False) | request["PublicAccessBlockConfiguration"] and len(told) == 4


def annotations_as_directed(world, request, answer):
    assert world.annotations(request) == (["a"] if request["AnnotationDirective"] == "COPY" else [])


def verified(header, wrong):
    """What the header says is compared with the bytes: the same request with another value is refused."""

    def check(world, request, answer):
        with pytest.raises(ClientError) as caught, world.sending({header: wrong}):
            world.call(world.operation, request)
        assert caught.value.response["Error"]["Code"] in ("BadDigest", "InvalidRequest"), caught.value.response

    return check


def compared(world, request, answer):
    algorithm = request["ChecksumAlgorithm"]
    verified(digests.header(algorithm), "AAAAAAAAAAAAAAAAAAAAAA==")(world, request, answer)


def tags_gone(world, request, answer):
    assert world.s3.get_object_tagging(Bucket=request["Bucket"], Key=request["Key"])["TagSet"] == []


def escaped(world, request, answer):
    assert answer["EncodingType"] == "url"


def none_archived(world, request, answer):
    """No object lies where it would have to be restored from: no entry says so."""
    listed = answer.get("Contents") or answer.get("Versions")
    assert listed and not any("RestoreStatus" in entry for entry in listed)


def ownerless(world, request, answer):
    assert answer["Contents"] and not any("Owner" in entry for entry in answer["Contents"])


def entry_kept(name, other):
    """It is a condition of its entry alone: with another value, that one stays."""

    def check(world, request, answer):
        assert answer["Deleted"]
        key = world.doomed()["Key"]
        told = world.s3.delete_objects(Bucket=world.bucket, Delete={"Objects": [{"Key": key, name: other}]})
        assert told["Errors"][0]["Code"] == "PreconditionFailed" and world.head(world.named(Key=key))

    return check


def entry_refused(world, request, answer):
    assert [entry["Code"] for entry in answer["Errors"]] == ["NotImplemented"]


def deleted(world, request, answer):
    assert [entry["Key"] for entry in answer["Deleted"]] == [entry["Key"] for entry in request["Delete"]["Objects"]]


def modified(world):
    return world.head(world.object)["LastModified"]


def conditional(name, other_or_function, status=412):
    """It is a condition: with another value, the request is answered with this status."""

    def check(world, request, answer):
        other = other_or_function(world) if callable(other_or_function) else other_or_function
        with pytest.raises(ClientError) as caught:
            world.call(world.operation, OFFERED[world.operation](world) | {name: other})
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status, caught.value.response

    return check


OTHERS = "NotImplemented"
GRANT = f'uri="{GROUPS}AllUsers"'
KEY = base64.b64encode(b"k" * 32).decode()
KEY_MD5 = base64.b64encode(hashlib.md5(b"k" * 32).digest()).decode()
LOCK = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": LATER}
MATCH, DIFFERENT = etag(CONTENT), etag(b"other")
# Of objects, the lake keeps no such checksums; those of a document it compares.
BY_BOTO3 = ("SHA512", "XXHASH64", "XXHASH3", "XXHASH128")
UNKEPT = ("MD5", *BY_BOTO3)
MD5 = "x-amz-checksum-md5"
REPLACE = {"MetadataDirective": "REPLACE"}
KEPT = {
    "CacheControl": "max-age=60",
    "ContentDisposition": "attachment",
    "ContentEncoding": "gzip",
    "ContentLanguage": "de",
    "Expires": LATER,
    "WebsiteRedirectLocation": "/elsewhere",
}
ANSWERED = {
    "CacheControl": "no-store",
    "ContentDisposition": "inline",
    "ContentEncoding": "gzip",
    "ContentLanguage": "de",
    "ContentType": "text/html",
    "Expires": LATER,
}

RULE = "PutBucketEncryption.ServerSideEncryptionConfiguration.Rules"
DEFAULT = f"{RULE}.ApplyServerSideEncryptionByDefault"


def whole_checksum(algorithm):
    """The checksum of a whole, made of its parts'."""

    def check(world, request, answer):
        assert answer[f"Checksum{algorithm}"] == digests.composite(algorithm, CONTENT)
        with pytest.raises(ClientError):
            world.call(
                "CompleteMultipartUpload",
                world.uploaded(ChecksumAlgorithm=algorithm) | {f"Checksum{algorithm}": digests.wrong(algorithm)},
            )

    value = digests.composite(algorithm, CONTENT)
    return works(check, value, needs=lambda world: world.uploaded(ChecksumAlgorithm=algorithm))


# By the parameter's name, in every operation that has it; a name with its operation before it goes first.
PROBES = {
    "ExpectedBucketOwner": works(so_anyway, lambda world, _: world.owner) + refused("AccessDenied", STRANGER),
    "ExpectedSourceBucketOwner": works(so_anyway, lambda world, _: world.owner) + refused("AccessDenied", STRANGER),
    "RequestPayer": works(untold("RequestCharged"), "requester"),
    "ACL": each(listed, *CANNED),
    "AccessControlPolicy": works(mine_alone, lambda world, _: world.grants(), needs={"ACL": ""})
    + works(nobodys, {"Grants": []}, needs={"ACL": ""}),
    "ServerSideEncryption": each(told("ServerSideEncryption", "AES256"), "AES256"),
    "SSEKMSKeyId": refused(OTHERS, "key"),
    "SSEKMSEncryptionContext": refused(OTHERS, "e30="),
    "BucketKeyEnabled": each(untold("BucketKeyEnabled"), "false"),
    "StorageClass": each(so_anyway, "STANDARD", code="InvalidStorageClass"),
    "ObjectLockEnabledForBucket": each(locks_if_asked, "true", "false"),
    "ObjectLockMode": works(stored("ObjectLockMode"), "GOVERNANCE", "COMPLIANCE", needs=lock)
    + refused("InvalidRequest", "GOVERNANCE", needs=LOCK)
    + refused("InvalidArgument", "governance", needs=lock),
    "ObjectLockRetainUntilDate": works(stored("ObjectLockRetainUntilDate"), LATER, needs=lock)
    + refused("InvalidArgument", EARLIER, needs=lock),
    "ObjectLockLegalHoldStatus": works(stored("ObjectLockLegalHoldStatus"), "ON", "OFF", needs=in_locking)
    + refused("InvalidRequest", "ON")
    + refused("InvalidArgument", "on", needs=in_locking),
    "ObjectLockConfiguration.ObjectLockEnabled": works(locks("ObjectLockEnabled"), "Enabled")
    + refused("MalformedXML", "Disabled"),
    "ObjectLockConfiguration.Rule": works(
        locks("Rule"),
        {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}},
        {"DefaultRetention": {"Mode": "COMPLIANCE", "Years": 100}},
    )
    + refused("InvalidRetentionPeriod", {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 0}})
    + refused("MalformedXML", {"DefaultRetention": {"Mode": "GOVERNANCE"}}, {})
    + refused("NotImplemented", {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1, "DefaultEventHold": {"Days": 1}}}),
    "Retention.EventHold": refused("NotImplemented", "ON", "OFF"),
    "Retention.EventHoldDuration": refused("NotImplemented", {"Days": 1}),
    "Retention.Mode": works(retained, "GOVERNANCE", "COMPLIANCE") + refused("MalformedXML", "governance"),
    "Retention.RetainUntilDate": works(retained, LATER) + refused("InvalidArgument", EARLIER),
    "PutObjectRetention.VersionId": works(retained, lambda world, request: world.head(request)["VersionId"]),
    "GetObjectRetention.VersionId": works(told("Retention", GOVERNED), lambda world, request: request["VersionId"]),
    "LegalHold.Status": works(held, "ON", "OFF") + refused("MalformedXML", "on"),
    "PutObjectLegalHold.VersionId": works(held, lambda world, request: world.head(request)["VersionId"]),
    "GetObjectLegalHold.VersionId": works(
        told("LegalHold", {"Status": "ON"}), lambda world, request: world.head(request)["VersionId"]
    ),
    "Token": refused(OTHERS, "token"),
    "ObjectLockEventHold": refused(OTHERS, "ON", "OFF"),
    "ObjectLockEventHoldDurationDays": refused(OTHERS, 1, needs={"ObjectLockEventHold": "ON"}),
    "ObjectLockEventHoldDurationYears": refused(OTHERS, 1, needs={"ObjectLockEventHold": "ON"}),
    "MFA": refused(OTHERS, "20899872 301749"),
    "BypassGovernanceRetention": works(so_anyway, False),
    "DeleteObject.BypassGovernanceRetention": works(gone, True, needs=lambda world: world.governed())
    + refused("AccessDenied", False, needs=lambda world: world.governed()),
    "DeleteObjects.BypassGovernanceRetention": works(deleted, True, needs=lambda world: world.all_governed())
    + works(entry_locked, False, needs=lambda world: world.all_governed()),
    "PutObjectRetention.BypassGovernanceRetention": works(retained, True, needs=lambda world: world.shortened())
    + refused("AccessDenied", False, needs=lambda world: world.shortened()),
    "IfMatchInitiatedTime": refused(OTHERS, LATER),
    "IfMatchLastModifiedTime": refused(OTHERS, LATER),
    "IfMatchSize": refused(OTHERS, len(CONTENT)),
    "WriteOffsetBytes": refused(OTHERS, 1),
    "AnnotationDirective": works(
        annotations_as_directed, "COPY", "EXCLUDE", needs=lambda world: world.annotated() and {}
    ),
    "PutObjectAnnotation.ChecksumAlgorithm": works(annotation_kept, *digests.ALGORITHMS)
    + refused("InvalidRequest", *BY_BOTO3),
    "GetObjectAnnotation.ChecksumMode": works(told("ChecksumType", "FULL_OBJECT"), "ENABLED"),
    "ContentLength": works(so_anyway, len(CONTENT)),
    "EncodingType": works(escaped, "url"),
    "OptionalObjectAttributes": works(none_archived, ["RestoreStatus"]),
    "ChecksumAlgorithm": works(compared, *digests.ALGORITHMS, *BY_BOTO3),
    "PutObject.ChecksumAlgorithm": works(checksum_kept, *digests.ALGORITHMS) + refused("InvalidRequest", *BY_BOTO3),
    "UploadPart.ChecksumAlgorithm": works(compared, *digests.ALGORITHMS) + refused("InvalidRequest", *BY_BOTO3),
    "CopyObject.ChecksumAlgorithm": each(checksum_kept, *digests.ALGORITHMS, code="InvalidRequest"),
    "CreateMultipartUpload.ChecksumAlgorithm": each(checksum_kept, *digests.ALGORITHMS, code="InvalidRequest"),
    "CreateBucket.ObjectOwnership": each(owned, "BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"),
    "PutBucketOwnershipControls.OwnershipControls.Rules.ObjectOwnership": each(
        owned, "BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"
    ),
    "RequestPaymentConfiguration.Payer": each(paid, "BucketOwner", "Requester"),
    "PutBucketPolicy.ConfirmRemoveSelfBucketAccess": works(so_anyway, True, False),
    "BucketLoggingStatus.LoggingEnabled": refused(
        OTHERS, lambda world, _: {"TargetBucket": world.bucket, "TargetPrefix": "x"}
    ),
    "PutObjectAcl.VersionId": works(mine_alone, lambda world, _: world.version),
    "CreateBucket.BucketNamespace": refused(OTHERS, "account-regional", "global"),
    "CreateBucketConfiguration.LocationConstraint": works(so_anyway, "us-east-1")
    + refused("IllegalLocationConstraintException", "eu-central-1"),
    "CreateBucketConfiguration.Location": refused(OTHERS, {"Type": "AvailabilityZone", "Name": "x"}),
    "CreateBucketConfiguration.Bucket": refused(OTHERS, {"Type": "Directory"}),
    "CreateBucketConfiguration.Tags": works(born_tagged, TAGS["TagSet"]),
    "ListBuckets.BucketRegion": works(told("Buckets", []), "eu-central-1"),
    "DeleteObjectTagging.VersionId": works(tags_gone, lambda world, request: world.head(request)["VersionId"]),
    "GetObjectAttributes.VersionId": works(told("ETag", MATCH.strip('"')), lambda world, _: world.version),
    "CopyObject.IfMatch": works(conditional("IfMatch", DIFFERENT), lambda world, _: world.copied()),
    "CopyObject.MetadataDirective": works(so_anyway, "COPY"),
    "CopyObject.TaggingDirective": works(so_anyway, "COPY"),
    "CompleteMultipartUpload.IfNoneMatch": works(conditional("IfNoneMatch", "*"), lambda world, _: world.absent()),
    "UploadPartCopy.CopySourceIfNoneMatch": works(conditional("CopySourceIfNoneMatch", MATCH), DIFFERENT),
    "UploadPartCopy.CopySourceIfModifiedSince": works(conditional("CopySourceIfModifiedSince", modified), EARLIER),
    "UploadPartCopy.CopySourceIfUnmodifiedSince": works(conditional("CopySourceIfUnmodifiedSince", EARLIER), LATER),
    "PutBucketVersioning.VersioningConfiguration.MFADelete": each(so_anyway, "Disabled"),
    "GetObjectAcl.VersionId": works(mine_alone, lambda world, _: world.version),
    "ListObjectsV2.FetchOwner": works(ownerless, False),
    "DeleteObjects.Delete.Objects.ETag": works(entry_kept("ETag", DIFFERENT), MATCH),
    "DeleteObjects.Delete.Objects.LastModifiedTime": works(entry_refused, LATER),
    "DeleteObjects.Delete.Objects.Size": works(entry_refused, len(CONTENT)),
    "DeleteObjects.Delete.Quiet": works(deleted, False),
    f"{DEFAULT}.SSEAlgorithm": each(so_anyway, "AES256"),
    f"{DEFAULT}.KMSMasterKeyID": refused(OTHERS, "key"),
    f"{RULE}.BucketKeyEnabled": each(so_anyway, "false"),
    f"{RULE}.BlockedEncryptionTypes": refused(OTHERS, {"EncryptionType": ["SSE-C"]}),
    "CompleteMultipartUpload.ChecksumType": works(
        so_anyway, "COMPOSITE", needs=lambda world: world.uploaded(ChecksumAlgorithm="CRC32", ChecksumType="COMPOSITE")
    ),
    "CompleteMultipartUpload.ChecksumSHA1": whole_checksum("SHA1"),
    "CompleteMultipartUpload.ChecksumSHA256": whole_checksum("SHA256"),
}
for flag in ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"):
    PROBES[f"PutPublicAccessBlock.PublicAccessBlockConfiguration.{flag}"] = works(blocked, True, False)
for grant, permission in GRANTS.items():
    PROBES[grant] = works(granted(permission), GRANT, needs={"ACL": ""}) + refused(
        "InvalidArgument", f'id="{STRANGER}"', needs={"ACL": ""}
    )
PROBES |= {
    f"CompleteMultipartUpload.MultipartUpload.Parts.Checksum{name}": refused("InvalidRequest", "AAAAAAAAAAA=")
    for name in UNKEPT
}
PROBES |= {f"CopyObject.{name}": works(stored(name), value, needs=REPLACE) for name, value in KEPT.items()}
for operation in ("PutObject", "CreateMultipartUpload"):
    PROBES |= {f"{operation}.{name}": works(stored(name), value) for name, value in KEPT.items()}
for operation in ("GetObject", "HeadObject"):
    PROBES |= {f"{operation}.Response{name}": works(told(name, value), value) for name, value in ANSWERED.items()}
for operation in ("PutObject", "PutObjectAnnotation", "UploadPart"):
    PROBES[f"{operation}.ContentMD5"] = works(verified("Content-MD5", KEY_MD5), digests.md5(CONTENT))
    for name in digests.ALGORITHMS:
        effect = verified(digests.header(name), digests.wrong(name))
        PROBES[f"{operation}.Checksum{name}"] = works(effect, digests.text(name, CONTENT))

# What boto3 would not send as it stands: sent as the header of that name, without its help.
RAW = {
    "SSECustomerAlgorithm": refused(OTHERS, "AES256"),
    "SSECustomerKey": refused(OTHERS, KEY),
    "SSECustomerKeyMD5": refused(OTHERS, KEY_MD5),
    "CopySourceSSECustomerAlgorithm": refused(OTHERS, "AES256"),
    "CopySourceSSECustomerKey": refused(OTHERS, KEY),
    "CopySourceSSECustomerKeyMD5": refused(OTHERS, KEY_MD5),
    # Of the document that boto3 makes. Of the bytes of an object, see above.
    "ContentMD5": works(verified("Content-MD5", KEY_MD5), digests.md5),
    "PutObject.ContentMD5": [],
    "PutObjectAnnotation.ContentMD5": [],
    "UploadPart.ContentMD5": [],
    "ChecksumAlgorithm": works(verified(MD5, KEY_MD5), "MD5", needs={MD5: digests.md5}),
    "CopyObject.ChecksumAlgorithm": [],
    "CreateMultipartUpload.ChecksumAlgorithm": [],
    "PutObject.ChecksumAlgorithm": refused("InvalidRequest", "MD5", needs={MD5: KEY_MD5}),
    "PutObjectAnnotation.ChecksumAlgorithm": refused("InvalidRequest", "MD5", needs={MD5: KEY_MD5}),
    "UploadPart.ChecksumAlgorithm": refused("InvalidRequest", "MD5", needs={MD5: KEY_MD5}),
}
for operation in ("PutObject", "PutObjectAnnotation", "UploadPart", "CompleteMultipartUpload"):
    RAW |= {f"{operation}.Checksum{name}": refused("InvalidRequest", "AAAAAAAAAAA=") for name in UNKEPT}
