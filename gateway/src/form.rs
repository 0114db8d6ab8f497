//! Upload forms: what a browser sends when a page lets its visitor upload a file (`POST /{bucket}`,
//! `multipart/form-data`). The page's maker signs a *policy*, a document that says what the form's fields may hold and how
//! long; the visitor, who holds no keys, sends it along. So nothing in a form is believed unless the policy says so.
//!
//! s3s has a reading of forms of its own, which is not used: it takes signatures for a quarter of an hour only, answers
//! failed conditions as malformed documents and refuses what stands behind the file. Here `fields` takes the form apart as
//! it comes, `signature` finds out who signed, and `policy` judges. What then happens is [`crate::s3`]'s.
//!
//! Source: Amazon S3 API, *Browser-Based Uploads Using POST* and *POST Policy*.

pub(crate) mod fields;
pub(crate) mod policy;
pub(crate) mod signature;

pub(crate) use fields::{Fields, Form};

/// Stands in the extensions of a request that is a form: the front saw it by its head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FormHead {
    /// What divides the parts.
    pub(crate) boundary: String,
    /// The bucket that the form is for.
    pub(crate) bucket: String,
    /// `Content-Length`.
    pub(crate) bytes: u64,
    /// The address of the bucket, without a slash at its end.
    pub(crate) address: String,
}

/// A form up to this length is held in memory while it is read, so that fields may stand behind its file. In longer ones
/// the file must come last: its length, which must be known before its first byte is stored, follows from the form's.
const HELD_BYTES_MAX: u64 = 16 << 20;

impl FormHead {
    /// Whether the form is held in memory while it is read.
    pub(crate) fn is_held(&self) -> bool {
        self.bytes <= HELD_BYTES_MAX
    }
}

/// What is wrong with a form. The texts are for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FormFault {
    /// Not `multipart/form-data`, or cut short.
    #[error("the body of your POST request is not well-formed multipart/form-data: {0}")]
    Malformed(&'static str),
    /// Too many fields, or too long ones.
    #[error("your POST request fields preceding the upload file were too large: at most {max} bytes are allowed")]
    FieldsTooLong { max: usize },
    /// No file, or several.
    #[error("POST requires exactly one file upload per request")]
    Files,
    /// A field that must be there is not.
    #[error("Bucket POST must contain a field named '{0}'. If it is specified, please check the order of the fields")]
    FieldMissing(&'static str),
    /// A field stands twice.
    #[error("POST requires at most one field named '{0}'")]
    FieldTwice(String),
    /// A field has a value that is not allowed.
    #[error("`{name}`: {reason}")]
    Field { name: String, reason: &'static str },
    /// The policy cannot be read.
    #[error("Invalid Policy: {0}")]
    PolicyDocument(String),
    /// The form is not what the policy allows.
    #[error("Invalid according to Policy: {0}")]
    Policy(String),
    /// The file is longer than the policy allows.
    #[error("your proposed upload exceeds the maximum allowed size of {max} bytes")]
    FileTooLong { max: u64 },
    /// The file is shorter than the policy wants.
    #[error("your proposed upload is smaller than the minimum allowed size of {min} bytes")]
    FileTooShort { min: u64 },
    /// The credential of the signature is not one for this endpoint.
    #[error("{0}")]
    Credential(String),
    /// The policy was signed in the future.
    #[error("the difference between the time of the signature and the current time is too large")]
    SignedInTheFuture,
    /// Nobody has this access key.
    #[error("the access key id you provided does not exist in our records")]
    AccessKeyUnknown,
    /// The signature is another one.
    #[error("the request signature we calculated does not match the signature you provided")]
    SignatureDiffers,
    /// A session token that belongs to no session.
    #[error("the provided token is malformed or otherwise invalid")]
    Token,
}
