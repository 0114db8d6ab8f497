//! Which elements a document of an operation may hold, and where.
//!
//! Source: Amazon S3 API, the request syntax of each operation. All that stands here is read by s3s, and taken or refused by
//! the operation; nothing in a document goes unheard.

use crate::front::body_fault::BodyFaultKind;

/// An element, and those that it may hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Element {
    name: &'static str,
    holds: Elements,
}

/// Elements that may stand beside each other.
pub(super) type Elements = &'static [Element];

/// Elements of S3's that ask for what is not offered, and that s3s does not know.
const NOT_OFFERED: [&str; 3] = ["DefaultEventHold", "EventHold", "EventHoldDuration"];

/// Elements with what they hold in braces behind them.
macro_rules! elements {
    ($($name:ident $({ $($holds:tt)* })?)*) => {
        &[$(Element { name: stringify!($name), holds: elements!($($($holds)*)?) }),*]
    };
}

const TAGGING: Elements = elements!(Tagging { TagSet { Tag { Key Value } } });

const ACL: Elements = elements!(AccessControlPolicy {
    Owner { ID DisplayName }
    AccessControlList { Grant { Grantee { ID DisplayName EmailAddress URI } Permission } }
});

const BUCKET: Elements = elements!(CreateBucketConfiguration {
    LocationConstraint
    Location { Name Type }
    Bucket { DataRedundancy Type }
    Tags { Tag { Key Value } }
});

const DELETION: Elements = elements!(Delete { Object { Key VersionId ETag LastModifiedTime Size } Quiet });

const COMPLETION: Elements = elements!(CompleteMultipartUpload { Part {
    PartNumber ETag
    ChecksumCRC32 ChecksumCRC32C ChecksumCRC64NVME ChecksumMD5 ChecksumSHA1 ChecksumSHA256 ChecksumSHA512
    ChecksumXXHASH64 ChecksumXXHASH3 ChecksumXXHASH128
} });

const CORS: Elements = elements!(CORSConfiguration {
    CORSRule { ID AllowedHeader AllowedMethod AllowedOrigin ExposeHeader MaxAgeSeconds }
});

const ENCRYPTION: Elements = elements!(ServerSideEncryptionConfiguration { Rule {
    ApplyServerSideEncryptionByDefault { SSEAlgorithm KMSMasterKeyID }
    BucketKeyEnabled
    BlockedEncryptionTypes { EncryptionType }
} });

const LOGGING: Elements = elements!(BucketLoggingStatus { LoggingEnabled {
    TargetBucket
    TargetPrefix
    TargetGrants { Grant { Grantee { ID DisplayName EmailAddress URI } Permission } }
    TargetObjectKeyFormat { SimplePrefix PartitionedPrefix { PartitionDateSource } }
} });

const LOCKS: Elements = elements!(ObjectLockConfiguration {
    ObjectLockEnabled
    Rule { DefaultRetention { Mode Days Years } }
});

const BLOCK: Elements = elements!(PublicAccessBlockConfiguration {
    BlockPublicAcls IgnorePublicAcls BlockPublicPolicy RestrictPublicBuckets
});

const WEBSITE: Elements = elements!(WebsiteConfiguration {
    IndexDocument { Suffix }
    ErrorDocument { Key }
    RedirectAllRequestsTo { HostName Protocol }
    RoutingRules { RoutingRule {
        Condition { HttpErrorCodeReturnedEquals KeyPrefixEquals }
        Redirect { HostName HttpRedirectCode Protocol ReplaceKeyPrefixWith ReplaceKeyWith }
    } }
});

/// The document of an operation; none where the operation is not offered, and answers so whatever is sent.
pub(super) fn document(operation: &str) -> Option<Elements> {
    Some(match operation {
        "CompleteMultipartUpload" => COMPLETION,
        "CreateBucket" => BUCKET,
        "DeleteObjects" => DELETION,
        "PutBucketAcl" | "PutObjectAcl" => ACL,
        "PutBucketCors" => CORS,
        "PutBucketEncryption" => ENCRYPTION,
        "PutBucketLogging" => LOGGING,
        "PutBucketOwnershipControls" => elements!(OwnershipControls { Rule { ObjectOwnership } }),
        "PutBucketRequestPayment" => elements!(RequestPaymentConfiguration { Payer }),
        "PutBucketTagging" | "PutObjectTagging" => TAGGING,
        "PutBucketVersioning" => elements!(VersioningConfiguration { Status MfaDelete }),
        "PutBucketWebsite" => WEBSITE,
        "PutObjectLegalHold" => elements!(LegalHold { Status }),
        "PutObjectLockConfiguration" => LOCKS,
        "PutObjectRetention" => elements!(Retention { Mode RetainUntilDate }),
        "PutPublicAccessBlock" => BLOCK,
        _ => return None,
    })
}

/// What the element of a name may hold, where it may stand among these.
pub(super) fn find(among: Elements, name: &[u8]) -> Result<Elements, BodyFaultKind> {
    let is_named = |known: &str| known.as_bytes() == name;
    match among.iter().find(|element| is_named(element.name)) {
        Some(element) => Ok(element.holds),
        None if NOT_OFFERED.into_iter().any(is_named) => Err(BodyFaultKind::NotOffered),
        None => Err(BodyFaultKind::Schema),
    }
}
