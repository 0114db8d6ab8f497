//! How a request came, as far as policies may ask for it. What a header says is taken down here and believed nowhere.

use std::collections::BTreeMap;
use std::net::IpAddr;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use kernel::Origin;
use s3s::dto::CopySource;

use crate::front::mechanism::ALGORITHM;
use crate::front::query;

/// What the caller says the request is for.
const PURPOSE: &str = "x-lake-purpose";

/// Headers that condition keys stand for, in their order.
///
/// Source: Service Authorization Reference, *Condition keys for Amazon S3*.
const HEADERS: [(&str, &str); 22] = [
    ("content-length", "content-length"),
    ("if-match", "s3:if-match"),
    ("if-none-match", "s3:if-none-match"),
    ("referer", "aws:referer"),
    ("user-agent", "aws:useragent"),
    ("x-amz-acl", "s3:x-amz-acl"),
    ("x-amz-content-sha256", "s3:x-amz-content-sha256"),
    ("x-amz-copy-source", COPY_SOURCE),
    ("x-amz-date", SIGNED_AT),
    ("x-amz-grant-full-control", "s3:x-amz-grant-full-control"),
    ("x-amz-grant-read", "s3:x-amz-grant-read"),
    ("x-amz-grant-read-acp", "s3:x-amz-grant-read-acp"),
    ("x-amz-grant-write", "s3:x-amz-grant-write"),
    ("x-amz-grant-write-acp", "s3:x-amz-grant-write-acp"),
    ("x-amz-metadata-directive", "s3:x-amz-metadata-directive"),
    ("x-amz-object-ownership", "s3:x-amz-object-ownership"),
    // No condition asks for it, the engine does.
    ("x-amz-request-payer", "x-amz-request-payer"),
    ("x-amz-server-side-encryption", "s3:x-amz-server-side-encryption"),
    ("x-amz-server-side-encryption-aws-kms-key-id", "s3:x-amz-server-side-encryption-aws-kms-key-id"),
    ("x-amz-server-side-encryption-customer-algorithm", "s3:x-amz-server-side-encryption-customer-algorithm"),
    ("x-amz-storage-class", "s3:x-amz-storage-class"),
    ("x-amz-website-redirect-location", "s3:x-amz-website-redirect-location"),
];

/// Parameters that condition keys stand for.
const PARAMETERS: [(&str, &str); 5] = [
    ("delimiter", "s3:delimiter"),
    ("max-keys", "s3:max-keys"),
    ("prefix", "s3:prefix"),
    ("versionId", "s3:versionid"),
    ("X-Amz-Date", SIGNED_AT),
];

/// Where a request comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct From {
    /// The address at the other end of the connection.
    pub(crate) address: IpAddr,
    /// The version of TLS that it came over: `1.2`, `1.3`; none where it came in the clear.
    pub(crate) tls: Option<&'static str>,
}

/// Condition keys by name.
type Keys = BTreeMap<&'static str, String>;

/// The origin of a request with this head.
pub(crate) fn origin(headers: &HeaderMap, uri_query: Option<&str>, from: From, request_id: &str) -> Origin {
    let (mut keys, mut purpose) = (Keys::new(), None);
    // A request has fewer headers than there are keys. Of a header that comes twice the first counts.
    for (name, value) in headers {
        let Ok(value) = value.to_str() else { continue };
        if name == PURPOSE {
            purpose.get_or_insert_with(|| value.to_owned());
        } else if let Ok(at) = HEADERS.binary_search_by(|(known, _)| known.cmp(&name.as_str())) {
            HEADERS.get(at).into_iter().for_each(|(_, key)| match *key {
                COPY_SOURCE => note(&mut keys, key, &copied(value)),
                key => note(&mut keys, key, value),
            });
        }
    }
    let (mut is_presigned, mut is_of_upload) = (false, false);
    for (name, value) in query::pairs(uri_query) {
        is_presigned |= name == "X-Amz-Signature";
        is_of_upload |= matches!(&*name, "uploads" | "partNumber");
        if let Some((_, key)) = PARAMETERS.into_iter().find(|(known, _)| *known == name) {
            note(&mut keys, key, &value);
        }
    }
    if is_of_upload {
        note(&mut keys, "s3:objectcreationoperation", "false");
    }
    if let Some(tls) = from.tls {
        note(&mut keys, "s3:tlsversion", tls);
    }
    let is_signed = headers.get(AUTHORIZATION).is_some_and(|value| value.as_bytes().starts_with(ALGORITHM.as_bytes()));
    if is_signed {
        sign(&mut keys, "REST-HEADER");
        signed_region(headers).into_iter().for_each(|region| note(&mut keys, "aws:requestedregion", region));
    } else if is_presigned {
        // What a presigned URL signs of the body, unless a header says otherwise.
        note(&mut keys, "s3:x-amz-content-sha256", "UNSIGNED-PAYLOAD");
        sign(&mut keys, "REST-QUERY-STRING");
    }
    Origin { purpose, keys, ..bare(from, request_id) }
}

/// The origin of a form whose fields are signed; its head is not.
pub(crate) fn of_form(origin: &Origin, signed_at: Option<&str>) -> Origin {
    let mut origin = origin.clone();
    signed_at.into_iter().for_each(|at| note(&mut origin.keys, SIGNED_AT, at));
    sign(&mut origin.keys, "POST");
    origin
}

/// The region that a head is signed for. Requests of S3 are signed for that of the lake, those of IAM and STS for any.
fn signed_region(headers: &HeaderMap) -> Option<&str> {
    let (_, credential) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once("Credential=")?;
    // ACCESS_KEY/DAY/REGION/SERVICE/aws4_request
    credential.split([',', ' ']).next()?.rsplit('/').nth(2)
}

/// What a request copies, as `bucket/key`.
const COPY_SOURCE: &str = "s3:x-amz-copy-source";

/// What is copied, as the operation takes it: decoded, without the version. What is no source at all no operation takes.
fn copied(header: &str) -> String {
    match CopySource::parse(header) {
        Ok(CopySource::Bucket { bucket, key, .. }) => format!("{bucket}/{key}"),
        Ok(CopySource::AccessPoint { .. } | CopySource::Outpost { .. }) | Err(_) => header.to_owned(),
    }
}

/// When a request says it was signed, from which the age of its signature follows.
const SIGNED_AT: &str = "x-amz-date";

/// What comes twice counts as it came first.
fn note(keys: &mut Keys, key: &'static str, value: &str) {
    keys.entry(key).or_insert_with(|| value.to_owned());
}

fn sign(keys: &mut Keys, kind: &str) {
    keys.insert("s3:signatureversion", ALGORITHM.to_owned());
    keys.insert("s3:authtype", kind.to_owned());
}

/// The origin of a request of somebody whom no policy binds: what the audit asks for.
pub(crate) fn bare(from: From, request_id: &str) -> Origin {
    Origin {
        source_ip: Some(from.address),
        secure_transport: from.tls.is_some(),
        request_id: request_id.to_owned(),
        ..Origin::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_stand_in_their_order() {
        assert!(HEADERS.is_sorted_by_key(|(name, _)| *name));
    }

    #[test]
    fn what_is_copied_has_one_name() {
        for source in
            ["plant/a b", "/plant/a b", "plant/a%20b", "plant%2Fa%20b", "%2Fplant/%61 b", "/plant/a%20b?versionId=x"]
        {
            assert_eq!(copied(source), "plant/a b", "{source}");
        }
    }

    #[test]
    fn what_comes_first_counts() {
        let mut headers = HeaderMap::new();
        for (name, value) in [("x-amz-acl", "private"), ("x-amz-acl", "public-read"), ("if-match", "x")] {
            headers.append(name, value.parse().expect("a value"));
        }
        let from = From { address: IpAddr::from([192, 0, 2, 1]), tls: Some("1.3") };
        let query = Some("prefix=a&prefix=b&uploads&X-Amz-Signature=00&X-Amz-Date=20261121T000000Z");
        let origin = origin(&headers, query, from, "id");
        for (key, expected) in [
            ("s3:x-amz-acl", Some("private")),
            ("s3:if-match", Some("x")),
            ("s3:prefix", Some("a")),
            ("s3:objectcreationoperation", Some("false")),
            ("s3:tlsversion", Some("1.3")),
            ("s3:authtype", Some("REST-QUERY-STRING")),
            ("s3:x-amz-content-sha256", Some("UNSIGNED-PAYLOAD")),
            ("x-amz-date", Some("20261121T000000Z")),
            ("s3:delimiter", None),
        ] {
            assert_eq!(origin.keys.get(key).map(String::as_str), expected, "{key}");
        }
        assert!(origin.secure_transport);
        assert_eq!(of_form(&origin, None).keys.get("s3:authtype").map(String::as_str), Some("POST"));
    }
}
