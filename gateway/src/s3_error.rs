//! What goes wrong, in the words of S3. Nowhere else is an S3 error code named: operations and translations hand over a
//! [`Failure`], and one exhaustive match says which code, status and headers the client sees. What the client cannot
//! mend goes to the log with its causes; the client learns only that it happened.

use std::error::Error as StdError;
use std::fmt;

use engine::{BodyError, Existing, Fault, IdentityFault, Missing, PolicySetFault, Unmet};
use http::header::{ALLOW, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, LAST_MODIFIED};
use http::{HeaderMap, StatusCode};
use kernel::{ETag, NameError, TagError, VersionName};
use s3s::stream::aws_chunked_stream::AwsChunkedStreamError;
use s3s::stream::upload_stream::UploadStreamError;
use s3s::{BodySizeLimitExceeded, S3Error, S3ErrorCode};

use crate::form::{self, FormFault};
use crate::logins::LoginFault;
use crate::translate::{legible, names, time};

/// Why an S3 operation does not succeed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The engine says so.
    #[error(transparent)]
    Engine(#[from] engine::Error),
    /// The request could not be translated.
    #[error(transparent)]
    Mistake(#[from] Mistake),
}

/// What is wrong with a request before the engine has seen it. The texts are for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Mistake {
    /// An argument has a value that is not allowed.
    #[error("`{name}`: {reason}")]
    Argument { name: &'static str, reason: String },
    /// The request contradicts itself, or something in it is malformed.
    #[error("{0}")]
    Request(String),
    /// A parameter of a query request is not what it should be.
    #[error("{0}")]
    Query(String),
    /// A query request that is not known.
    #[error("the action `{0}` is not offered")]
    QueryAction(String),
    /// It asks for something that is not offered.
    #[error("{0} is not implemented")]
    NotOffered(String),
    /// Not a bucket's name.
    #[error("the specified bucket is not valid: the name {0}")]
    BucketName(NameError),
    /// No bucket can have this name.
    #[error("the specified bucket does not exist")]
    NoSuchBucket,
    /// The key is too long.
    #[error("your key is too long: at most 1,024 bytes are allowed")]
    KeyTooLong,
    /// `Content-MD5` is not the base64 of 16 bytes.
    #[error("the Content-MD5 you specified is not valid")]
    Md5Malformed,
    /// No bytes can have this checksum.
    #[error("the checksum you specified does not match the calculated checksum")]
    ChecksumImpossible,
    /// The body is XML, and not what it should be.
    #[error("the XML you provided was not well-formed or did not validate: {0}")]
    Xml(&'static str),
    /// Stored headers or user metadata are too long.
    #[error("your metadata headers exceed the maximum allowed size of {max} bytes")]
    MetadataTooLong { max: usize },
    /// The body's length was not announced.
    #[error("you must provide the Content-Length HTTP header")]
    LengthMissing,
    /// A bucket in another region was asked for.
    #[error("the location constraint `{0}` is not the region of this endpoint")]
    Location(String),
    /// A storage class that is not offered.
    #[error("the storage class `{0}` is not valid here")]
    StorageClass(String),
    /// A website redirect that leads nowhere.
    #[error("the website redirect location must have a prefix of 'http://' or 'https://' or '/'")]
    Redirect,
    /// A tag set that is not allowed.
    #[error("{0}")]
    Tag(TagError),
    /// A default retention of a time that cannot be.
    #[error("the default retention period {0}")]
    RetentionPeriod(String),
    /// No upload can have this name.
    #[error("the specified upload does not exist")]
    NoSuchUpload,
    /// The admin API has nothing at this path.
    #[error("there is nothing here: docs/openapi.json lists what there is")]
    NoRoute,
    /// The admin API has something at this path, but not for this method.
    #[error("the method is not allowed here; allowed are: {allowed}")]
    Method { allowed: String },
    /// The admin API takes documents of one kind.
    #[error("the document must be JSON, with `Content-Type: application/json`")]
    NotJson,
    /// The admin API was sent JSON that is not what it should be.
    #[error("the JSON document is wrong: {0}")]
    Json(String),
    /// The admin API was sent too much.
    #[error("the document has more than {max} bytes")]
    DocumentTooLong { max: usize },
    /// The admin API, IAM and STS take signatures of one kind.
    #[error("the request must be signed in the Authorization header, with the SHA-256 of its body")]
    NotSigned,
    /// Not an annotation's name.
    #[error("the annotation name {0}")]
    AnnotationName(NameError),
    /// The annotation's name is too long.
    #[error("the annotation name is too long: at most 512 bytes are allowed")]
    AnnotationNameTooLong,
    /// No annotation's name can begin so.
    #[error("the annotation prefix {0}")]
    AnnotationPrefix(NameError),
    /// An access control list that is none.
    #[error("the XML you provided was not well-formed or did not validate: {0}")]
    Acl(&'static str),
    /// An access control list in the headers and in the body.
    #[error("this request does not support content: its headers name an access control list")]
    TwoAcls,
    /// Something is granted to an email address.
    #[error("the email address you provided does not match any account on record")]
    GranteeByEmail,
    /// An access control list is to be put, and none came.
    #[error("your request was missing a required header: it names no access control list")]
    NoAcl,
    /// Nobody has set who owns what others write.
    #[error("the bucket ownership controls were not found")]
    NoOwnershipControls,
    /// The bucket belongs to somebody else than the request expects.
    #[error("the bucket does not belong to the expected owner")]
    Owner,
    /// An upload form is not as it should be.
    #[error(transparent)]
    Form(#[from] FormFault),
    /// Who sent a bearer token is not let in.
    #[error(transparent)]
    Bearer(LoginFault),
    /// Who asks STS for keys is not let in.
    #[error(transparent)]
    Login(LoginFault),
}

/// A body's sender fell silent. Made by whoever watches the clock, recognized here.
#[derive(Debug, thiserror::Error)]
#[error("no byte of the body came for too long")]
pub(crate) struct BodyIdle;

/// Behind the last chunk came something else than the one trailer that was announced.
#[derive(Debug, thiserror::Error)]
#[error("the trailer `{name}` was not announced, or stands twice")]
pub(crate) struct TrailerUnexpected {
    /// The first such trailer.
    pub(crate) name: String,
}

impl From<Failure> for S3Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Engine(error) => from_engine(error),
            Failure::Mistake(mistake) => from_mistake(&mistake),
        }
    }
}

impl From<FormFault> for Failure {
    fn from(fault: FormFault) -> Self {
        Self::Mistake(fault.into())
    }
}

impl From<Mistake> for S3Error {
    fn from(mistake: Mistake) -> Self {
        from_mistake(&mistake)
    }
}

fn from_mistake(mistake: &Mistake) -> S3Error {
    // Source: IAM API Reference, *Common Errors*.
    match mistake {
        Mistake::Query(_) => return unlisted("ValidationError", StatusCode::BAD_REQUEST, mistake),
        Mistake::QueryAction(_) => return unlisted("InvalidAction", StatusCode::BAD_REQUEST, mistake),
        Mistake::Login(fault) => return login(fault),
        _ => {}
    }
    let code = match mistake {
        Mistake::Argument { .. } => S3ErrorCode::InvalidArgument,
        Mistake::Request(_) => S3ErrorCode::InvalidRequest,
        Mistake::Query(_) | Mistake::QueryAction(_) | Mistake::NotOffered(_) | Mistake::Login(_) => {
            S3ErrorCode::NotImplemented
        }
        Mistake::Bearer(fault) => bearer(fault),
        Mistake::BucketName(_) => S3ErrorCode::InvalidBucketName,
        Mistake::NoSuchBucket => S3ErrorCode::NoSuchBucket,
        Mistake::KeyTooLong => S3ErrorCode::KeyTooLongError,
        Mistake::Md5Malformed => S3ErrorCode::InvalidDigest,
        Mistake::ChecksumImpossible => S3ErrorCode::BadDigest,
        Mistake::Xml(_) => S3ErrorCode::MalformedXML,
        Mistake::MetadataTooLong { .. } => S3ErrorCode::MetadataTooLarge,
        Mistake::LengthMissing => S3ErrorCode::MissingContentLength,
        Mistake::Location(_) => S3ErrorCode::IllegalLocationConstraintException,
        Mistake::StorageClass(_) => S3ErrorCode::InvalidStorageClass,
        Mistake::Redirect => return unlisted("InvalidRedirectLocation", StatusCode::BAD_REQUEST, mistake),
        Mistake::Tag(_) => S3ErrorCode::InvalidTag,
        Mistake::RetentionPeriod(_) => return unlisted("InvalidRetentionPeriod", StatusCode::BAD_REQUEST, mistake),
        Mistake::NoSuchUpload => S3ErrorCode::NoSuchUpload,
        Mistake::NoRoute => return unlisted("NotFound", StatusCode::NOT_FOUND, mistake),
        Mistake::Method { allowed } => return method_not_allowed(allowed, mistake),
        Mistake::NotJson => return unlisted("UnsupportedMediaType", StatusCode::UNSUPPORTED_MEDIA_TYPE, mistake),
        Mistake::Json(_) => return unlisted("MalformedJSON", StatusCode::BAD_REQUEST, mistake),
        Mistake::DocumentTooLong { .. } => return unlisted("EntityTooLarge", StatusCode::PAYLOAD_TOO_LARGE, mistake),
        Mistake::NotSigned | Mistake::Owner => S3ErrorCode::AccessDenied,
        Mistake::AnnotationName(_) => return unlisted("InvalidAnnotationName", StatusCode::BAD_REQUEST, mistake),
        Mistake::AnnotationNameTooLong => return unlisted("AnnotationNameTooLong", StatusCode::BAD_REQUEST, mistake),
        Mistake::AnnotationPrefix(_) => return unlisted("InvalidPrefix", StatusCode::BAD_REQUEST, mistake),
        Mistake::Form(fault) => return form_fault(fault),
        Mistake::Acl(_) => S3ErrorCode::MalformedACLError,
        Mistake::TwoAcls => S3ErrorCode::UnexpectedContent,
        Mistake::GranteeByEmail => S3ErrorCode::UnresolvableGrantByEmailAddress,
        Mistake::NoAcl => S3ErrorCode::MissingSecurityHeader,
        Mistake::NoOwnershipControls => S3ErrorCode::OwnershipControlsNotFoundError,
    };
    S3Error::with_message(code, legible::told(mistake.to_string()))
}

fn bearer(fault: &LoginFault) -> S3ErrorCode {
    match fault {
        LoginFault::Invalid(_) => S3ErrorCode::InvalidToken,
        LoginFault::Expired => S3ErrorCode::ExpiredToken,
        LoginFault::Rejected(_) | LoginFault::Certificate(_) | LoginFault::Password => S3ErrorCode::AccessDenied,
        LoginFault::Unreachable(_) => S3ErrorCode::ServiceUnavailable,
        LoginFault::TooOften => S3ErrorCode::SlowDown,
    }
}

/// Source: AWS STS API Reference, *AssumeRoleWithWebIdentity*, "Errors", and *Common Errors*.
fn login(fault: &LoginFault) -> S3Error {
    let (code, status) = match fault {
        LoginFault::Invalid(_) => ("InvalidIdentityToken", StatusCode::BAD_REQUEST),
        LoginFault::Expired => ("ExpiredTokenException", StatusCode::BAD_REQUEST),
        LoginFault::Rejected(_) => ("IDPRejectedClaim", StatusCode::FORBIDDEN),
        // Source: MinIO, *AssumeRoleWithCertificate*.
        LoginFault::Certificate(_) => ("InvalidClientCertificate", StatusCode::BAD_REQUEST),
        LoginFault::Password => ("AccessDenied", StatusCode::FORBIDDEN),
        LoginFault::Unreachable(_) => ("IDPCommunicationError", StatusCode::BAD_REQUEST),
        LoginFault::TooOften => ("Throttling", StatusCode::BAD_REQUEST),
    };
    unlisted(code, status, fault)
}

fn form_fault(fault: &FormFault) -> S3Error {
    let code = match fault {
        FormFault::Malformed(_) => S3ErrorCode::MalformedPOSTRequest,
        FormFault::FieldsTooLong { .. } => S3ErrorCode::MaxPostPreDataLengthExceededError,
        FormFault::Files => S3ErrorCode::IncorrectNumberOfFilesInPostRequest,
        FormFault::FieldMissing(_) | FormFault::FieldTwice(_) | FormFault::Field { .. } => S3ErrorCode::InvalidArgument,
        FormFault::PolicyDocument(_) => S3ErrorCode::InvalidPolicyDocument,
        FormFault::Policy(_) => S3ErrorCode::AccessDenied,
        FormFault::FileTooLong { .. } => S3ErrorCode::EntityTooLarge,
        FormFault::FileTooShort { .. } => S3ErrorCode::EntityTooSmall,
        FormFault::Credential(_) => S3ErrorCode::AuthorizationQueryParametersError,
        FormFault::SignedInTheFuture => S3ErrorCode::RequestTimeTooSkewed,
        FormFault::AccessKeyUnknown => S3ErrorCode::InvalidAccessKeyId,
        FormFault::SignatureDiffers => S3ErrorCode::SignatureDoesNotMatch,
        FormFault::Token => S3ErrorCode::InvalidToken,
    };
    S3Error::with_message(code, legible::told(fault.to_string()))
}

fn method_not_allowed(allowed: &str, message: &dyn fmt::Display) -> S3Error {
    let error = S3Error::with_message(S3ErrorCode::MethodNotAllowed, message.to_string());
    with_headers(error, HeaderValue::try_from(allowed).map(|allowed| (ALLOW, allowed)).into_iter().collect())
}

/// A code that S3 documents and s3s does not list.
fn unlisted(code: &'static str, status: StatusCode, message: &dyn fmt::Display) -> S3Error {
    let mut error = S3Error::with_message(S3ErrorCode::Custom(code.into()), legible::told(message.to_string()));
    error.set_status_code(status);
    error
}

fn from_engine(error: engine::Error) -> S3Error {
    use engine::Error;
    match error {
        Error::NotFound(missing) => not_found(missing),
        Error::Removed { .. } => unlisted("VersionRemoved", StatusCode::GONE, &error),
        Error::AlreadyExists(Existing::Bucket) => S3Error::new(S3ErrorCode::BucketAlreadyExists),
        Error::AlreadyExists(Existing::OwnBucket) => S3Error::new(S3ErrorCode::BucketAlreadyOwnedByYou),
        Error::Denied(refusal) => denied(&refusal),
        Error::Closed { opens } => {
            let opens = HeaderValue::try_from(time::rfc_3339(opens)).ok().map(|opens| (OPENS_AT, opens));
            with_headers(S3Error::new(S3ErrorCode::AccessDenied), opens.into_iter().collect())
        }
        Error::Identity(fault) => identity(&fault),
        Error::Locked(lock) => S3Error::with_message(
            S3ErrorCode::AccessDenied,
            format!("access is denied because the object is protected by Object Lock: {lock}"),
        ),
        Error::PolicySet(fault) => policy_set(&fault),
        Error::Precondition(unmet) => precondition(unmet),
        Error::Invalid(fault) => invalid(&fault),
        Error::TooLarge { max } => S3Error::with_message(
            S3ErrorCode::EntityTooLarge,
            format!("your proposed upload exceeds the maximum allowed size of {max} bytes"),
        ),
        // Ceph's code and status: AWS has no quotas of buckets.
        Error::QuotaExceeded(exceeded) => unlisted("QuotaExceeded", StatusCode::FORBIDDEN, &exceeded),
        Error::Busy => S3Error::new(S3ErrorCode::SlowDown),
        Error::Recalling => S3Error::with_message(
            S3ErrorCode::InvalidObjectState,
            "the object lies on cold storage and is being restored",
        ),
        Error::Unavailable { .. } => S3Error::new(S3ErrorCode::ServiceUnavailable),
        Error::Corrupt { .. } | Error::Bug(_) => S3Error::new(S3ErrorCode::InternalError),
    }
}

/// Source: IAM API Reference, *Common Errors* and the errors of each operation.
fn identity(fault: &IdentityFault) -> S3Error {
    let (code, status) = match fault {
        IdentityFault::Exists { .. } => ("EntityAlreadyExists", StatusCode::CONFLICT),
        IdentityFault::Missing { .. } => ("NoSuchEntity", StatusCode::NOT_FOUND),
        IdentityFault::InUse(_) => ("DeleteConflict", StatusCode::CONFLICT),
        IdentityFault::Limit { .. } => ("LimitExceeded", StatusCode::CONFLICT),
        IdentityFault::Policy(_) => ("MalformedPolicyDocument", StatusCode::BAD_REQUEST),
        IdentityFault::Value(_) => ("ValidationError", StatusCode::BAD_REQUEST),
        IdentityFault::Password => ("AccessDenied", StatusCode::FORBIDDEN),
    };
    unlisted(code, status, fault)
}

/// A refusal says no more than its caller may know: the engine has seen to that.
fn denied(refusal: &engine::Refusal) -> S3Error {
    let error = match refusal.is_told {
        true => {
            let (reason, policies) = (&refusal.reason, refusal.policies.join(", "));
            let message = match refusal.policies.is_empty() {
                true => format!("access is denied: {reason}"),
                false => format!("access is denied by a policy of the lake: {reason} ({policies})"),
            };
            S3Error::with_message(S3ErrorCode::AccessDenied, legible::told(message))
        }
        false => S3Error::new(S3ErrorCode::AccessDenied),
    };
    let opens = refusal.opens_at.and_then(|at| HeaderValue::try_from(time::rfc_3339(at)).ok());
    match opens {
        Some(opens) => with_headers(error, vec![(OPENS_AT, opens)]),
        None => error,
    }
}

/// The codes of the admin API for policy sets: S3's and IAM's where they have one.
fn policy_set(fault: &PolicySetFault) -> S3Error {
    let (code, status) = match fault {
        PolicySetFault::Missing(_) | PolicySetFault::MissingVersion { .. } => {
            ("NoSuchPolicySet", StatusCode::NOT_FOUND)
        }
        PolicySetFault::Text { .. } => ("MalformedPolicy", StatusCode::BAD_REQUEST),
        PolicySetFault::Limit { .. } => ("LimitExceeded", StatusCode::CONFLICT),
        PolicySetFault::Changed { .. } => ("PreconditionFailed", StatusCode::PRECONDITION_FAILED),
        PolicySetFault::LockOut(_) => ("ConfirmationRequired", StatusCode::CONFLICT),
        PolicySetFault::Name(_) | PolicySetFault::Value(_) => ("InvalidArgument", StatusCode::BAD_REQUEST),
    };
    unlisted(code, status, fault)
}

fn not_found(missing: Missing) -> S3Error {
    match missing {
        Missing::Bucket => S3Error::new(S3ErrorCode::NoSuchBucket),
        Missing::Key { marker } => {
            let mut headers = vec![(DELETE_MARKER, truth(marker.is_some()))];
            headers.extend(marker.map(|version| (VERSION_ID, version_value(version))));
            with_headers(S3Error::new(S3ErrorCode::NoSuchKey), headers)
        }
        Missing::Version => S3Error::new(S3ErrorCode::NoSuchVersion),
        Missing::Upload => S3Error::new(S3ErrorCode::NoSuchUpload),
        Missing::Part => S3Error::with_message(S3ErrorCode::InvalidPart, "the object has no part of that number"),
        Missing::Annotation => {
            unlisted("NoSuchAnnotation", StatusCode::NOT_FOUND, &"the specified annotation does not exist")
        }
        Missing::BucketTags => S3Error::new(S3ErrorCode::NoSuchTagSet),
        Missing::BucketPolicy => {
            S3Error::with_message(S3ErrorCode::NoSuchBucketPolicy, "The bucket policy does not exist")
        }
        Missing::PublicAccessBlock => unlisted(
            "NoSuchPublicAccessBlockConfiguration",
            StatusCode::NOT_FOUND,
            &"The public access block configuration was not found",
        ),
        Missing::Cors => {
            S3Error::with_message(S3ErrorCode::NoSuchCORSConfiguration, "The CORS configuration does not exist")
        }
        Missing::ObjectLock => S3Error::with_message(
            S3ErrorCode::ObjectLockConfigurationNotFoundError,
            "Object Lock configuration does not exist for this bucket",
        ),
        Missing::Lock => S3Error::with_message(
            S3ErrorCode::NoSuchObjectLockConfiguration,
            "the specified object does not have an Object Lock configuration",
        ),
        Missing::Website => S3Error::with_message(
            S3ErrorCode::NoSuchWebsiteConfiguration,
            "The specified bucket does not have a website configuration",
        ),
    }
}

fn precondition(unmet: Unmet) -> S3Error {
    match unmet {
        Unmet::NotModified { etag, modified } => with_headers(
            S3Error::new(S3ErrorCode::NotModified),
            vec![(ETAG, etag_value(&etag)), (LAST_MODIFIED, time::http_date(modified))],
        ),
        Unmet::Header(header) => S3Error::with_message(
            S3ErrorCode::PreconditionFailed,
            format!("at least one of the preconditions you specified did not hold: {header}"),
        ),
        Unmet::BucketNotEmpty => S3Error::new(S3ErrorCode::BucketNotEmpty),
        Unmet::LockStays => S3Error::with_message(
            S3ErrorCode::InvalidBucketState,
            "a bucket with Object Lock keeps it, and its versioning can only be enabled",
        ),
    }
}

fn invalid(fault: &Fault) -> S3Error {
    let code = match fault {
        Fault::Md5Differs | Fault::ChecksumDiffers(_) => S3ErrorCode::BadDigest,
        Fault::TrailerMissing(_) => return unlisted(MALFORMED_TRAILER, StatusCode::BAD_REQUEST, fault),
        Fault::BodyLength { .. } => S3ErrorCode::IncompleteBody,
        Fault::Body(error) => return body_failed(error),
        Fault::Range { bytes } => return range_not_satisfiable(*bytes, fault),
        Fault::Part { .. } => S3ErrorCode::InvalidPart,
        Fault::PartOrder => S3ErrorCode::InvalidPartOrder,
        Fault::PartTooSmall { .. } => S3ErrorCode::EntityTooSmall,
        Fault::Marker { version, modified } => {
            let headers = vec![
                (ALLOW, HeaderValue::from_static("DELETE")),
                (DELETE_MARKER, truth(true)),
                (VERSION_ID, version_value(*version)),
                (LAST_MODIFIED, time::http_date(*modified)),
            ];
            return with_headers(S3Error::new(S3ErrorCode::MethodNotAllowed), headers);
        }
        Fault::NotText => return unlisted("UnsupportedMediaType", StatusCode::UNSUPPORTED_MEDIA_TYPE, fault),
        Fault::AnnotationsFull { .. } => return unlisted("AnnotationLimitExceeded", StatusCode::BAD_REQUEST, fault),
        Fault::AclsOff => S3ErrorCode::AccessControlListNotSupported,
        Fault::AclWithOwnership => S3ErrorCode::InvalidBucketAclWithObjectOwnership,
        Fault::Policy(_) => S3ErrorCode::MalformedPolicy,
        Fault::PolicyOfOthers => S3ErrorCode::MethodNotAllowed,
        Fault::PolicyTooLong { .. } => return unlisted("PolicyTooLarge", StatusCode::BAD_REQUEST, fault),
        Fault::LocksNothing | Fault::Request(_) => S3ErrorCode::InvalidRequest,
        Fault::Argument { .. } => S3ErrorCode::InvalidArgument,
    };
    S3Error::with_message(code, legible::told(fault.to_string()))
}

fn range_not_satisfiable(bytes: u64, fault: &Fault) -> S3Error {
    let mut headers = Vec::new();
    if let Ok(value) = HeaderValue::try_from(format!("bytes */{bytes}")) {
        headers.push((CONTENT_RANGE, value));
    }
    with_headers(S3Error::with_message(S3ErrorCode::InvalidRange, fault.to_string()), headers)
}

/// A body ended in an error. The cause lies somewhere in the chain: s3s wraps what it verifies around what it reads.
fn body_failed(error: &BodyError) -> S3Error {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(&*error.0);
    while let Some(error) = cause {
        if let Some(answer) = body_failure(error) {
            return answer;
        }
        cause = error.source();
    }
    S3Error::with_message(S3ErrorCode::IncompleteBody, "the body ended before all of its bytes had come")
}

/// What one link of the chain means; `None` when only its cause can tell.
fn body_failure(error: &(dyn StdError + 'static)) -> Option<S3Error> {
    if let Some(error) = error.downcast_ref::<UploadStreamError>() {
        return match error {
            UploadStreamError::Underlying(_) => None,
            UploadStreamError::Sha256Mismatch => Some(unlisted(
                "XAmzContentSHA256Mismatch",
                StatusCode::BAD_REQUEST,
                &"the provided 'x-amz-content-sha256' header does not match what was computed",
            )),
            other => Some(S3Error::new(other.to_s3_error_code())),
        };
    }
    if let Some(error) = error.downcast_ref::<AwsChunkedStreamError>() {
        return match error {
            AwsChunkedStreamError::Underlying(_) => None,
            other => Some(S3Error::new(other.to_s3_error_code())),
        };
    }
    if let Some(error) = error.downcast_ref::<s3s_multipart::Error>() {
        let is_source = matches!(error, s3s_multipart::Error::StreamReadFailed(_));
        return (!is_source).then(|| form_fault(&FormFault::Malformed(form::fields::said(error))));
    }
    if let Some(unexpected) = error.downcast_ref::<TrailerUnexpected>() {
        return Some(unlisted(MALFORMED_TRAILER, StatusCode::BAD_REQUEST, unexpected));
    }
    if error.is::<BodyIdle>() {
        return Some(S3Error::new(S3ErrorCode::RequestTimeout));
    }
    if error.is::<BodySizeLimitExceeded>() {
        return Some(S3Error::new(S3ErrorCode::EntityTooLarge));
    }
    None
}

const MALFORMED_TRAILER: &str = "MalformedTrailerError";
/// When what is closed opens by itself.
const OPENS_AT: HeaderName = HeaderName::from_static("x-lake-opens-at");
const DELETE_MARKER: HeaderName = HeaderName::from_static("x-amz-delete-marker");
const VERSION_ID: HeaderName = HeaderName::from_static("x-amz-version-id");

fn truth(value: bool) -> HeaderValue {
    HeaderValue::from_static(if value { "true" } else { "false" })
}

fn version_value(version: VersionName) -> HeaderValue {
    HeaderValue::try_from(names::version_text(version)).unwrap_or_else(|_| HeaderValue::from_static("null"))
}

fn etag_value(etag: &ETag) -> HeaderValue {
    HeaderValue::try_from(format!("\"{etag}\"")).unwrap_or_else(|_| HeaderValue::from_static("\"\""))
}

/// Headers given to an [`S3Error`] replace those s3s would set, so the body's type is among them.
fn with_headers(mut error: S3Error, headers: Vec<(HeaderName, HeaderValue)>) -> S3Error {
    let mut map = HeaderMap::with_capacity(headers.len() + 1);
    map.insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    map.extend(headers);
    error.set_headers(map);
    error
}

/// Writes a failure that is not the client's to the log, with its causes.
pub(crate) fn report(failure: &Failure, request_id: &str) {
    use engine::Error;
    let Failure::Engine(error @ (Error::Unavailable { .. } | Error::Corrupt { .. } | Error::Bug(_))) = failure else {
        return;
    };
    tracing::error!(request_id, error = error as &(dyn StdError + 'static), "an operation failed");
}

#[cfg(test)]
mod tests;
