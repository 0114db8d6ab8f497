//! How a request came, as far as policies may ask for it. What a header says is taken down here and believed nowhere.

use std::collections::BTreeMap;
use std::net::IpAddr;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use kernel::Origin;

use crate::front::mechanism::ALGORITHM;
use crate::front::query;

/// What the caller says the request is for.
const PURPOSE: &str = "x-lake-purpose";

/// Headers that condition keys stand for, in their order.
///
/// Source: Service Authorization Reference, *Condition keys for Amazon S3*.
const HEADERS: [(&str, &str); 18] = [
    ("content-length", "content-length"),
    ("referer", "aws:referer"),
    ("user-agent", "aws:useragent"),
    ("x-amz-acl", "s3:x-amz-acl"),
    ("x-amz-content-sha256", "s3:x-amz-content-sha256"),
    ("x-amz-copy-source", "s3:x-amz-copy-source"),
    ("x-amz-grant-full-control", "s3:x-amz-grant-full-control"),
    ("x-amz-grant-read", "s3:x-amz-grant-read"),
    ("x-amz-grant-read-acp", "s3:x-amz-grant-read-acp"),
    ("x-amz-grant-write", "s3:x-amz-grant-write"),
    ("x-amz-grant-write-acp", "s3:x-amz-grant-write-acp"),
    ("x-amz-metadata-directive", "s3:x-amz-metadata-directive"),
    ("x-amz-object-ownership", "s3:x-amz-object-ownership"),
    ("x-amz-server-side-encryption", "s3:x-amz-server-side-encryption"),
    ("x-amz-server-side-encryption-aws-kms-key-id", "s3:x-amz-server-side-encryption-aws-kms-key-id"),
    ("x-amz-server-side-encryption-customer-algorithm", "s3:x-amz-server-side-encryption-customer-algorithm"),
    ("x-amz-storage-class", "s3:x-amz-storage-class"),
    ("x-amz-website-redirect-location", "s3:x-amz-website-redirect-location"),
];

/// Parameters that condition keys stand for.
const PARAMETERS: [(&str, &str); 4] = [
    ("s3:prefix", "prefix"),
    ("s3:delimiter", "delimiter"),
    ("s3:max-keys", "max-keys"),
    ("s3:versionid", "versionId"),
];

/// Where a request comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct From {
    /// The address at the other end of the connection.
    pub(crate) address: IpAddr,
    /// Whether it came over TLS.
    pub(crate) is_secure: bool,
}

/// The origin of a request with this head.
pub(crate) fn origin(headers: &HeaderMap, uri_query: Option<&str>, from: From, request_id: &str) -> Origin {
    let mut keys: BTreeMap<&'static str, String> = BTreeMap::new();
    let mut purpose = None;
    // A request has fewer headers than there are keys. Of a header that comes twice the first counts.
    for (name, value) in headers {
        let Ok(value) = value.to_str() else { continue };
        if name == PURPOSE {
            purpose.get_or_insert_with(|| value.to_owned());
        } else if let Ok(at) = HEADERS.binary_search_by(|(known, _)| known.cmp(&name.as_str())) {
            keys.extend(
                HEADERS.get(at).map(|(_, key)| (*key, value.to_owned())).filter(|(key, _)| !keys.contains_key(key)),
            );
        }
    }
    for (key, name) in PARAMETERS {
        let mut given = query::pairs(uri_query).filter(|(given, _)| given == name).map(|(_, value)| value);
        keys.extend(given.next().map(|value| (key, value.into_owned())));
    }
    let kind = match () {
        () if headers.contains_key(AUTHORIZATION) => Some("REST-HEADER"),
        () if query::has(uri_query, "X-Amz-Signature") => Some("REST-QUERY-STRING"),
        () => None,
    };
    if let Some(kind) = kind {
        keys.insert("s3:signatureversion", ALGORITHM.to_owned());
        keys.insert("s3:authtype", kind.to_owned());
    }
    Origin { purpose, keys, ..bare(from, request_id) }
}

/// The origin of a request of somebody whom no policy binds: what the audit asks for.
pub(crate) fn bare(from: From, request_id: &str) -> Origin {
    Origin {
        source_ip: Some(from.address),
        secure_transport: from.is_secure,
        request_id: request_id.to_owned(),
        ..Origin::default()
    }
}
