//! Checksums and digests in headers, bodies and answers.
//!
//! Source: Amazon S3 User Guide, *Checking object integrity*; Amazon S3 API, *PutObject*, *CompleteMultipartUpload*.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::HeaderMap;
use kernel::{Checksum, ChecksumAlgorithm, ChecksumScope};
use s3s::dto;

use crate::s3_error::Mistake;

/// A checksum as a request gives it.
pub(crate) type Valued = (ChecksumAlgorithm, Vec<u8>);

const PREFIX: &str = "x-amz-checksum-";

/// What a request says of its body's checksums.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Announced {
    /// Before the body.
    pub(crate) value: Option<Valued>,
    /// Behind it.
    pub(crate) trailer: Option<ChecksumAlgorithm>,
    /// The algorithm named for storing.
    pub(crate) named: Option<ChecksumAlgorithm>,
}

/// Reads the checksum headers of a request with a body of the object's own bytes.
pub(crate) fn announced(headers: &HeaderMap) -> Result<Announced, Mistake> {
    let mut value = None;
    for (algorithm, text) in valued_headers(headers)? {
        let decoded = decode(algorithm, text).ok_or_else(|| malformed(&header_of(algorithm)))?;
        if value.replace((algorithm, decoded)).is_some() {
            return Err(several());
        }
    }
    let trailer = trailer(headers)?;
    if value.is_some() && trailer.is_some() {
        return Err(several());
    }
    let found = trailer.or(value.as_ref().map(|(algorithm, _)| *algorithm));
    let named = named(headers, "x-amz-sdk-checksum-algorithm")?;
    if named.is_some() && found.is_none() {
        return Err(Mistake::Request(
            "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers \
             were found"
                .to_owned(),
        ));
    }
    if named.is_some() && named != found {
        return Err(malformed("x-amz-sdk-checksum-algorithm"));
    }
    let stored = self::named(headers, "x-amz-checksum-algorithm")?;
    if stored.is_some() && found.is_some() && stored != found {
        return Err(malformed("x-amz-checksum-algorithm"));
    }
    Ok(Announced { value, trailer, named: stored.or(found) })
}

/// The checksum that a completed object must have, and of how many parts it says it is made.
pub(crate) fn of_whole(headers: &HeaderMap) -> Result<Option<(Valued, Option<usize>)>, Mistake> {
    let mut whole = None;
    for (algorithm, text) in valued_headers(headers)? {
        // Base64 has no dash.
        let (text, parts) = match text.split_once('-') {
            Some((text, parts)) => (text, Some(parts.parse().map_err(|_| Mistake::ChecksumImpossible)?)),
            None => (text, None),
        };
        let value = decode(algorithm, text).ok_or(Mistake::ChecksumImpossible)?;
        if whole.replace(((algorithm, value), parts)).is_some() {
            return Err(several());
        }
    }
    Ok(whole)
}

/// The checksum that a completion names for a part.
pub(crate) fn of_part(part: &dto::CompletedPart) -> Result<Option<Valued>, Mistake> {
    let others = [
        &part.checksum_md5,
        &part.checksum_sha512,
        &part.checksum_xxhash128,
        &part.checksum_xxhash3,
        &part.checksum_xxhash64,
    ];
    if others.into_iter().any(Option::is_some) {
        return Err(Mistake::Request("a part names a checksum algorithm that is not supported".to_owned()));
    }
    let known = [
        (ChecksumAlgorithm::Crc32, &part.checksum_crc32),
        (ChecksumAlgorithm::Crc32c, &part.checksum_crc32c),
        (ChecksumAlgorithm::Crc64Nvme, &part.checksum_crc64nvme),
        (ChecksumAlgorithm::Sha1, &part.checksum_sha1),
        (ChecksumAlgorithm::Sha256, &part.checksum_sha256),
    ];
    let mut named = known.into_iter().filter_map(|(algorithm, text)| Some((algorithm, text.as_deref()?)));
    match (named.next(), named.next()) {
        (None, _) => Ok(None),
        (Some(_), Some(_)) => Err(several()),
        (Some((algorithm, text)), None) => {
            let value = decode(algorithm, text).ok_or_else(|| malformed(&header_of(algorithm)))?;
            Ok(Some((algorithm, value)))
        }
    }
}

/// The checksum that an upload is started with, and whether it shall cover all bytes.
pub(crate) fn of_upload(
    algorithm: Option<&dto::ChecksumAlgorithm>,
    scope: Option<&dto::ChecksumType>,
) -> Result<Option<(ChecksumAlgorithm, Option<bool>)>, Mistake> {
    let full_object = scope.map(full_object).transpose()?;
    match (algorithm, full_object) {
        (Some(name), full_object) => {
            let algorithm = algorithm_named(name.as_str()).ok_or_else(|| malformed("x-amz-checksum-algorithm"))?;
            Ok(Some((algorithm, full_object)))
        }
        (None, None) => Ok(None),
        (None, Some(_)) => Err(Mistake::Request(
            "the x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header".to_owned(),
        )),
    }
}

/// The algorithm a copy shall store; none to keep the source's.
pub(crate) fn of_copy(algorithm: Option<&dto::ChecksumAlgorithm>) -> Result<Option<ChecksumAlgorithm>, Mistake> {
    let read = |name: &dto::ChecksumAlgorithm| {
        algorithm_named(name.as_str()).ok_or_else(|| malformed("x-amz-checksum-algorithm"))
    };
    algorithm.map(read).transpose()
}

/// Whether a checksum's type says that it covers all bytes.
pub(crate) fn full_object(scope: &dto::ChecksumType) -> Result<bool, Mistake> {
    match scope.as_str() {
        dto::ChecksumType::FULL_OBJECT => Ok(true),
        dto::ChecksumType::COMPOSITE => Ok(false),
        _ => Err(malformed("x-amz-checksum-type")),
    }
}

/// `Content-MD5`. An empty header is one, and malformed.
pub(crate) fn content_md5(headers: &HeaderMap) -> Result<Option<[u8; 16]>, Mistake> {
    let read = |value: &http::HeaderValue| {
        let bytes = BASE64_STANDARD.decode(value.as_bytes()).ok()?;
        bytes.try_into().ok()
    };
    headers.get("content-md5").map(|value| read(value).ok_or(Mistake::Md5Malformed)).transpose()
}

/// Decodes a value; `None` unless it is the base64 of as many bytes as the algorithm makes.
pub(crate) fn decode(algorithm: ChecksumAlgorithm, text: &str) -> Option<Vec<u8>> {
    let value = BASE64_STANDARD.decode(text).ok()?;
    (value.len() == algorithm.value_bytes()).then_some(value)
}

/// A checksum for an answer; one of parts says of how many.
pub(crate) fn text(checksum: &Checksum) -> String {
    let value = BASE64_STANDARD.encode(&checksum.value);
    match checksum.scope {
        ChecksumScope::FullObject => value,
        ChecksumScope::Composite { parts } => format!("{value}-{parts}"),
    }
}

/// What a checksum covers, for an answer.
pub(crate) fn scope_to_wire(scope: ChecksumScope) -> dto::ChecksumType {
    dto::ChecksumType::from_static(match scope {
        ChecksumScope::FullObject => dto::ChecksumType::FULL_OBJECT,
        ChecksumScope::Composite { .. } => dto::ChecksumType::COMPOSITE,
    })
}

/// An algorithm, for an answer.
pub(crate) fn algorithm_to_wire(algorithm: ChecksumAlgorithm) -> dto::ChecksumAlgorithm {
    dto::ChecksumAlgorithm::from_static(algorithm.name())
}

/// Writes a checksum into whichever field of an output is its algorithm's.
macro_rules! show_checksum {
    ($output:expr, $checksum:expr) => {{
        let checksum: &kernel::Checksum = $checksum;
        let text = Some($crate::translate::checksums::text(checksum));
        match checksum.algorithm {
            kernel::ChecksumAlgorithm::Crc32 => $output.checksum_crc32 = text,
            kernel::ChecksumAlgorithm::Crc32c => $output.checksum_crc32c = text,
            kernel::ChecksumAlgorithm::Crc64Nvme => $output.checksum_crc64nvme = text,
            kernel::ChecksumAlgorithm::Sha1 => $output.checksum_sha1 = text,
            kernel::ChecksumAlgorithm::Sha256 => $output.checksum_sha256 = text,
        }
    }};
}
pub(crate) use show_checksum;

/// The name of the header, or trailer, that carries a value.
pub(crate) fn header_of(algorithm: ChecksumAlgorithm) -> String {
    format!("{PREFIX}{}", algorithm.name().to_ascii_lowercase())
}

fn algorithm_named(name: &str) -> Option<ChecksumAlgorithm> {
    ChecksumAlgorithm::ALL.into_iter().find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
}

/// The headers that carry a checksum's value. One of an unknown algorithm is refused: it could not be verified.
fn valued_headers(headers: &HeaderMap) -> Result<impl Iterator<Item = (ChecksumAlgorithm, &str)>, Mistake> {
    let mut found = Vec::new();
    for (name, value) in headers {
        let Some(kind) = name.as_str().strip_prefix(PREFIX) else { continue };
        if matches!(kind, "algorithm" | "type" | "mode") {
            continue;
        }
        let algorithm = algorithm_named(kind)
            .ok_or_else(|| Mistake::Request(format!("the checksum of `{name}` is not one that is supported")))?;
        found.push((algorithm, value.to_str().map_err(|_| malformed(name.as_str()))?));
    }
    Ok(found.into_iter())
}

/// The checksum that `x-amz-trailer` announces.
fn trailer(headers: &HeaderMap) -> Result<Option<ChecksumAlgorithm>, Mistake> {
    let mut announced = None;
    for list in headers.get_all("x-amz-trailer") {
        let unsupported =
            || Mistake::Request("the value specified in the x-amz-trailer header is not supported".to_owned());
        for name in list.to_str().map_err(|_| unsupported())?.split(',').map(str::trim).filter(|name| !name.is_empty())
        {
            let name = name.to_ascii_lowercase();
            let algorithm = name.strip_prefix(PREFIX).and_then(algorithm_named).ok_or_else(unsupported)?;
            if announced.replace(algorithm).is_some() {
                return Err(several());
            }
        }
    }
    Ok(announced)
}

fn named(headers: &HeaderMap, header: &'static str) -> Result<Option<ChecksumAlgorithm>, Mistake> {
    let read = |value: &http::HeaderValue| value.to_str().ok().and_then(algorithm_named);
    headers.get(header).map(|value| read(value).ok_or_else(|| malformed(header))).transpose()
}

fn malformed(header: &str) -> Mistake {
    Mistake::Request(format!("value for {header} header is invalid"))
}

fn several() -> Mistake {
    Mistake::Request("expecting a single x-amz-checksum- header, multiple checksum types are not allowed".to_owned())
}

#[cfg(test)]
mod tests;
