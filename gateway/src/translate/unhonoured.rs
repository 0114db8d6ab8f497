//! Headers that ask for what this lake does not do. None of them is accepted and ignored: a client that asks for a key of
//! its own must learn that it does not get it.

use http::HeaderMap;

use crate::s3_error::Mistake;

/// Headers with the values that are honoured because they say what is so anyway.
const HONOURED: [(&str, &[&str]); 10] = [
    ("x-amz-bucket-namespace", &[]),
    ("x-amz-bucket-object-lock-token", &[]),
    ("x-amz-if-match-initiated-time", &[]),
    ("x-amz-if-match-last-modified-time", &[]),
    ("x-amz-if-match-size", &[]),
    ("x-amz-mfa", &[]),
    ("x-amz-object-ownership", &["BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"]),
    ("x-amz-server-side-encryption", &["AES256"]),
    ("x-amz-server-side-encryption-bucket-key-enabled", &["false", "False"]),
    ("x-amz-write-offset-bytes", &[]),
];

/// Families of headers of which none is honoured.
const REFUSED: [&str; 5] = [
    "x-amz-copy-source-server-side-encryption-",
    "x-amz-object-lock-event-",
    "x-amz-server-side-encryption-aws-",
    "x-amz-server-side-encryption-context",
    "x-amz-server-side-encryption-customer-",
];

/// Refuses a request by its headers.
pub(crate) fn refuse(headers: &HeaderMap) -> Result<(), Mistake> {
    for (name, value) in headers {
        let name = name.as_str();
        if !name.starts_with("x-amz-") || value.is_empty() {
            continue;
        }
        let text = value.to_str().unwrap_or_default();
        if name == "x-amz-storage-class" && text != "STANDARD" {
            return Err(Mistake::StorageClass(text.to_owned()));
        }
        let honoured = HONOURED.iter().find(|(known, _)| *known == name);
        if honoured.is_some_and(|(_, values)| !values.contains(&text)) {
            return Err(Mistake::NotOffered(format!("the header `{name}` with the value `{text}`")));
        }
        if REFUSED.iter().any(|family| name.starts_with(family)) {
            // The value may be a key.
            return Err(Mistake::NotOffered(format!("the header `{name}`")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn judge(name: &'static str, value: &'static str) -> Result<(), Mistake> {
        let headers = HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static(value))]);
        refuse(&headers)
    }

    #[test]
    fn what_is_so_anyway_may_be_asked_for() {
        for (name, value) in [
            ("x-amz-acl", "private"),
            ("x-amz-acl", ""),
            ("x-amz-storage-class", "STANDARD"),
            ("x-amz-server-side-encryption", "AES256"),
            ("x-amz-server-side-encryption-bucket-key-enabled", "false"),
            ("x-amz-object-ownership", "BucketOwnerEnforced"),
            ("x-amz-request-payer", "requester"),
            ("x-amz-bypass-governance-retention", "true"),
            ("x-amz-object-lock-mode", "GOVERNANCE"),
            ("x-amz-bucket-object-lock-enabled", "true"),
            ("x-amz-meta-acl", "public-read"),
            ("x-amz-tagging", "a=b"),
            ("x-amz-object-attributes", "ETag"),
            ("content-type", "text/plain"),
        ] {
            assert_eq!(judge(name, value), Ok(()), "{name}: {value}");
        }
    }

    #[test]
    fn what_is_not_done_is_refused() {
        for (name, value) in [
            ("x-amz-server-side-encryption", "aws:kms"),
            ("x-amz-server-side-encryption-aws-kms-key-id", "k"),
            ("x-amz-server-side-encryption-context", "e30="),
            ("x-amz-server-side-encryption-bucket-key-enabled", "true"),
            ("x-amz-server-side-encryption-customer-algorithm", "AES256"),
            ("x-amz-server-side-encryption-customer-key", "secret"),
            ("x-amz-copy-source-server-side-encryption-customer-key-md5", "x"),
            ("x-amz-object-lock-event-hold", "ON"),
            ("x-amz-bucket-object-lock-token", "token"),
            ("x-amz-object-ownership", "Somebody"),
            ("x-amz-mfa", "1 2"),
            ("x-amz-write-offset-bytes", "5"),
            ("x-amz-if-match-size", "5"),
        ] {
            let refusal = judge(name, value);
            assert!(matches!(refusal, Err(Mistake::NotOffered(_))), "{name}: {value}");
            assert!(!refusal.is_err_and(|refusal| refusal.to_string().contains("secret")), "{name} shows its value");
        }
        assert_eq!(judge("x-amz-storage-class", "GLACIER"), Err(Mistake::StorageClass("GLACIER".to_owned())));
    }
}
