use engine::Error as Engine;
use kernel::{ChecksumAlgorithm, Timestamp, VersionId};

use super::*;

fn wire(error: impl Into<Failure>) -> S3Error {
    S3Error::from(error.into())
}

fn code_and_status(error: &S3Error) -> (&str, u16) {
    (error.code().as_str(), error.status_code().map_or(0, |status| status.as_u16()))
}

fn header<'a>(error: &'a S3Error, name: &str) -> Option<&'a str> {
    error.headers()?.get(name)?.to_str().ok()
}

fn invalid_body(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Engine {
    Engine::Invalid(Fault::Body(BodyError(cause.into())))
}

#[test]
fn every_engine_error_has_its_code_and_status() {
    let version = VersionName::Null;
    let etag = ETag { md5: [0; 16], parts: None };
    let modified = Timestamp::from_secs(0);
    let crc32 = ChecksumAlgorithm::Crc32;
    let table = [
        (Engine::NotFound(Missing::Bucket), "NoSuchBucket", 404),
        (Engine::NotFound(Missing::Key { marker: None }), "NoSuchKey", 404),
        (Engine::NotFound(Missing::Version), "NoSuchVersion", 404),
        (Engine::NotFound(Missing::Upload), "NoSuchUpload", 404),
        (Engine::NotFound(Missing::Part), "InvalidPart", 400),
        (Engine::NotFound(Missing::BucketTags), "NoSuchTagSet", 404),
        (Engine::NotFound(Missing::Annotation), "NoSuchAnnotation", 404),
        (Engine::NotFound(Missing::BucketPolicy), "NoSuchBucketPolicy", 404),
        (Engine::NotFound(Missing::PublicAccessBlock), "NoSuchPublicAccessBlockConfiguration", 404),
        (Engine::NotFound(Missing::ObjectLock), "ObjectLockConfigurationNotFoundError", 404),
        (Engine::NotFound(Missing::Lock), "NoSuchObjectLockConfiguration", 404),
        (Engine::AlreadyExists(Existing::Bucket), "BucketAlreadyExists", 409),
        (Engine::AlreadyExists(Existing::OwnBucket), "BucketAlreadyOwnedByYou", 409),
        (Engine::Precondition(Unmet::NotModified { etag, modified }), "NotModified", 304),
        (Engine::Precondition(Unmet::Header("If-Match")), "PreconditionFailed", 412),
        (Engine::Precondition(Unmet::BucketNotEmpty), "BucketNotEmpty", 409),
        (Engine::Precondition(Unmet::LockStays), "InvalidBucketState", 409),
        (Engine::Locked(kernel::Lock::LegalHold), "AccessDenied", 403),
        (Engine::Invalid(Fault::LocksNothing), "InvalidRequest", 400),
        (Engine::Invalid(Fault::Md5Differs), "BadDigest", 400),
        (Engine::Invalid(Fault::ChecksumDiffers(crc32)), "BadDigest", 400),
        (Engine::Invalid(Fault::TrailerMissing(crc32)), "MalformedTrailerError", 400),
        (Engine::Invalid(Fault::BodyLength { announced: 2, came: 1 }), "IncompleteBody", 400),
        (Engine::Invalid(Fault::Range { bytes: 5 }), "InvalidRange", 416),
        (Engine::Invalid(Fault::Part { number: 1 }), "InvalidPart", 400),
        (Engine::Invalid(Fault::PartOrder), "InvalidPartOrder", 400),
        (Engine::Invalid(Fault::PartTooSmall { number: 1, bytes: 1, min: 2 }), "EntityTooSmall", 400),
        (Engine::Invalid(Fault::Marker { version, modified }), "MethodNotAllowed", 405),
        (Engine::Invalid(Fault::NotText), "UnsupportedMediaType", 415),
        (Engine::Invalid(Fault::AnnotationsFull { max: 1 }), "AnnotationLimitExceeded", 400),
        (Engine::Invalid(Fault::AclsOff), "AccessControlListNotSupported", 400),
        (Engine::Invalid(Fault::AclWithOwnership), "InvalidBucketAclWithObjectOwnership", 400),
        (Engine::Invalid(Fault::PolicyTooLong { bytes: 2, max: 1 }), "PolicyTooLarge", 400),
        (Engine::Invalid(Fault::Request("no".to_owned())), "InvalidRequest", 400),
        (Engine::Invalid(Fault::Argument { name: "a", reason: "no".to_owned() }), "InvalidArgument", 400),
        (Engine::TooLarge { max: 5 }, "EntityTooLarge", 400),
        (Engine::Busy, "SlowDown", 503),
        (Engine::Unavailable { what: "storage", source: "gone".into() }, "ServiceUnavailable", 503),
        (Engine::Recalling, "InvalidObjectState", 403),
        (Engine::Corrupt { what: "a blob".to_owned(), source: "bits".into() }, "InternalError", 500),
        (Engine::Bug("a defect"), "InternalError", 500),
    ];
    for (error, code, status) in table {
        let text = format!("{error:?}");
        let error = wire(error);
        assert_eq!(code_and_status(&error), (code, status), "{text}");
        assert!(error.message().is_some_and(|message| !message.is_empty()), "{text} says nothing");
    }
}

#[test]
fn what_is_ours_is_not_told() {
    for error in [
        Engine::Corrupt { what: "the-secret-place".to_owned(), source: "the-secret-cause".into() },
        Engine::Unavailable { what: "storage", source: "the-secret-cause".into() },
    ] {
        let message = wire(error).message().unwrap_or_default().to_owned();
        assert!(!message.contains("secret"), "{message}");
    }
}

#[test]
fn every_mistake_has_its_code_and_status() {
    let table = [
        (Mistake::Argument { name: "a", reason: "no".to_owned() }, "InvalidArgument", 400),
        (Mistake::Request("no".to_owned()), "InvalidRequest", 400),
        (Mistake::NotOffered("this".to_owned()), "NotImplemented", 501),
        (Mistake::BucketName(kernel::NameError::Character), "InvalidBucketName", 400),
        (Mistake::NoSuchBucket, "NoSuchBucket", 404),
        (Mistake::KeyTooLong, "KeyTooLongError", 400),
        (Mistake::Md5Malformed, "InvalidDigest", 400),
        (Mistake::ChecksumImpossible, "BadDigest", 400),
        (Mistake::Xml("no"), "MalformedXML", 400),
        (Mistake::MetadataTooLong { max: 2048 }, "MetadataTooLarge", 400),
        (Mistake::LengthMissing, "MissingContentLength", 411),
        (Mistake::Location("x".to_owned()), "IllegalLocationConstraintException", 400),
        (Mistake::StorageClass("x".to_owned()), "InvalidStorageClass", 400),
        (Mistake::Redirect, "InvalidRedirectLocation", 400),
        (Mistake::Tag(TagError::Count { max: 10 }), "InvalidTag", 400),
        (Mistake::NoSuchUpload, "NoSuchUpload", 404),
        (Mistake::Acl("no"), "MalformedACLError", 400),
        (Mistake::TwoAcls, "UnexpectedContent", 400),
        (Mistake::GranteeByEmail, "UnresolvableGrantByEmailAddress", 400),
        (Mistake::NoOwnershipControls, "OwnershipControlsNotFoundError", 404),
        (Mistake::Owner, "AccessDenied", 403),
        (Mistake::AnnotationName(kernel::NameError::Character), "InvalidAnnotationName", 400),
        (Mistake::AnnotationNameTooLong, "AnnotationNameTooLong", 400),
        (Mistake::AnnotationPrefix(kernel::NameError::Character), "InvalidPrefix", 400),
    ];
    for (mistake, code, status) in table {
        let text = mistake.to_string();
        let error = wire(mistake);
        assert_eq!((code_and_status(&error), error.message()), ((code, status), Some(text.as_str())));
    }
}

#[test]
fn messages_can_stand_in_xml() {
    let odd = "a\u{1}b".to_owned();
    for error in [
        wire(Mistake::Tag(TagError::Form(odd.clone()))),
        wire(Mistake::Location(odd.clone())),
        wire(Engine::Invalid(Fault::Request(odd.clone()))),
        wire(invalid_body(TrailerUnexpected { name: odd })),
    ] {
        assert!(error.message().is_some_and(|message| message.contains("a\u{fffd}b")), "{error:?}");
    }
}

#[test]
fn markers_show_in_headers() {
    let id = VersionName::Id(VersionId::from_bytes([5; 16]));
    let current = wire(Engine::NotFound(Missing::Key { marker: Some(id) }));
    assert_eq!(header(&current, "x-amz-delete-marker"), Some("true"));
    assert_eq!(header(&current, "x-amz-version-id"), Some("05050505050505050505050505050505"));
    assert_eq!(header(&current, "content-type"), Some("application/xml"));

    let absent = wire(Engine::NotFound(Missing::Key { marker: None }));
    assert_eq!(header(&absent, "x-amz-delete-marker"), Some("false"));
    assert_eq!(header(&absent, "x-amz-version-id"), None);

    let modified = Timestamp::from_millis(1_413_000_000_999);
    let named = wire(Engine::Invalid(Fault::Marker { version: VersionName::Null, modified }));
    assert_eq!(header(&named, "x-amz-delete-marker"), Some("true"));
    assert_eq!(header(&named, "x-amz-version-id"), Some("null"));
    assert_eq!(header(&named, "allow"), Some("DELETE"));
    assert_eq!(header(&named, "last-modified"), Some("Sat, 11 Oct 2014 04:00:00 GMT"));
}

#[test]
fn unmodified_objects_are_named_by_tag_and_date() {
    let etag = ETag { md5: [0xab; 16], parts: Some(3) };
    let unmet = Unmet::NotModified { etag, modified: Timestamp::from_secs(1_413_000_000) };
    let error = wire(Engine::Precondition(unmet));
    assert_eq!(header(&error, "etag"), Some("\"abababababababababababababababab-3\""));
    assert_eq!(header(&error, "last-modified"), Some("Sat, 11 Oct 2014 04:00:00 GMT"));
}

#[test]
fn unsatisfiable_ranges_tell_the_length() {
    assert_eq!(header(&wire(Engine::Invalid(Fault::Range { bytes: 5 })), "content-range"), Some("bytes */5"));
}

#[test]
fn broken_bodies_are_told_by_their_cause() {
    let table = [
        (invalid_body(UploadStreamError::Sha256Mismatch), "XAmzContentSHA256Mismatch", 400),
        (invalid_body(UploadStreamError::Incomplete), "IncompleteBody", 400),
        (invalid_body(UploadStreamError::LengthMismatch), "IncompleteBody", 400),
        (invalid_body(UploadStreamError::Underlying(Box::new(BodyIdle))), "RequestTimeout", 400),
        (invalid_body(UploadStreamError::Underlying("reset by peer".into())), "IncompleteBody", 400),
        (invalid_body(AwsChunkedStreamError::SignatureMismatch), "SignatureDoesNotMatch", 403),
        (invalid_body(AwsChunkedStreamError::Incomplete), "IncompleteBody", 400),
        (invalid_body(AwsChunkedStreamError::FormatError), "IncompleteBody", 400),
        (invalid_body(AwsChunkedStreamError::ChunkDataTooLarge(9, 8)), "EntityTooLarge", 400),
        (invalid_body(AwsChunkedStreamError::TrailersTooLarge(9, 8)), "IncompleteBody", 400),
        (
            // s3s wraps this one in its own kind.
            invalid_body(AwsChunkedStreamError::Underlying(Box::new(AwsChunkedStreamError::ChunkMetaTooLarge(9, 8)))),
            "EntityTooLarge",
            400,
        ),
        (invalid_body(AwsChunkedStreamError::Underlying(Box::new(BodyIdle))), "RequestTimeout", 400),
        (invalid_body(TrailerUnexpected { name: "authorization".to_owned() }), "MalformedTrailerError", 400),
        (invalid_body(BodyIdle), "RequestTimeout", 400),
        (invalid_body("connection closed"), "IncompleteBody", 400),
    ];
    for (error, code, status) in table {
        let text = format!("{error:?}");
        assert_eq!(code_and_status(&wire(error)), (code, status), "{text}");
    }
}
