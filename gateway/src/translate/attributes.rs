//! What is stored beside an object's bytes: headers, user metadata, tags.

use kernel::{Headers, Tags, UserMetadata};
use percent_encoding::percent_decode_str;
use s3s::dto;

use crate::s3_error::Mistake;

/// Names and values of all user metadata together. Source: Amazon S3 User Guide, *Working with object metadata*.
pub(crate) const METADATA_BYTES_MAX: usize = 2048;
/// One stored header.
const HEADER_BYTES_MAX: usize = 2048;

/// What an object without a type is said to be. Source: Amazon S3 User Guide, *Working with object metadata*.
pub(crate) const TYPE_UNKNOWN: &str = "binary/octet-stream";

/// The stored headers of an input. s3s gives several types the same fields and no trait between them.
macro_rules! stored_headers {
    ($input:expr) => {
        kernel::Headers {
            cache_control: $input.cache_control.take(),
            content_disposition: $input.content_disposition.take(),
            content_encoding: $input.content_encoding.take(),
            content_language: $input.content_language.take(),
            content_type: $input.content_type.take(),
            expires: $input.expires.take(),
            website_redirect: $input.website_redirect_location.take(),
        }
    };
}
pub(crate) use stored_headers;

/// Checks where a website redirects to. Source: Amazon S3 API, *PutObject*, `x-amz-website-redirect-location`.
pub(crate) fn redirect(target: Option<String>) -> Result<Option<String>, Mistake> {
    let leads_somewhere = |target: &String| ["/", "http://", "https://"].iter().any(|start| target.starts_with(start));
    match target {
        Some(target) if target.len() > HEADER_BYTES_MAX => Err(Mistake::MetadataTooLong { max: HEADER_BYTES_MAX }),
        Some(target) if !leads_somewhere(&target) => Err(Mistake::Redirect),
        target => Ok(target),
    }
}

/// Checks stored headers, and drops the transfer's own encoding from `Content-Encoding`.
pub(crate) fn headers(mut headers: Headers) -> Result<Headers, Mistake> {
    headers.content_encoding = headers.content_encoding.and_then(without_aws_chunked);
    let all = [
        &headers.cache_control,
        &headers.content_disposition,
        &headers.content_encoding,
        &headers.content_language,
        &headers.content_type,
        &headers.expires,
    ];
    if all.into_iter().flatten().any(|value| value.len() > HEADER_BYTES_MAX) {
        return Err(Mistake::MetadataTooLong { max: HEADER_BYTES_MAX });
    }
    headers.website_redirect = redirect(headers.website_redirect)?;
    Ok(headers)
}

/// `aws-chunked` says how the body travels, not what it is; it is not stored.
fn without_aws_chunked(encoding: String) -> Option<String> {
    let is_chunked = |token: &str| token.trim().eq_ignore_ascii_case("aws-chunked");
    if !encoding.split(',').any(is_chunked) {
        return Some(encoding);
    }
    let kept: Vec<_> = encoding.split(',').filter(|token| !is_chunked(token)).map(str::trim).collect();
    (!kept.is_empty()).then(|| kept.join(","))
}

/// Checks user metadata. Names are in lower case: HTTP's are.
pub(crate) fn metadata(metadata: Option<dto::Metadata>) -> Result<UserMetadata, Mistake> {
    let metadata: UserMetadata = metadata.into_iter().flatten().collect();
    let bytes: usize = metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
    if bytes > METADATA_BYTES_MAX {
        return Err(Mistake::MetadataTooLong { max: METADATA_BYTES_MAX });
    }
    Ok(metadata)
}

/// `x-amz-tagging`: tags written as the query of a URL.
pub(crate) fn tags_of_header(header: Option<&str>) -> Result<Tags, Mistake> {
    let mistake = || Mistake::Argument {
        name: "x-amz-tagging",
        reason: "must be UTF-8, encoded as the query parameters of a URL".to_owned(),
    };
    let decode = |text: &str| {
        let spaced = text.replace('+', " ");
        percent_decode_str(&spaced).decode_utf8().map(|text| text.into_owned()).map_err(|_| mistake())
    };
    let pairs = header.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Ok((decode(name)?, decode(value)?))
    });
    let pairs = pairs.collect::<Result<Vec<_>, Mistake>>()?;
    Tags::new(pairs, Tags::OBJECT_MAX).map_err(Mistake::Tag)
}

/// Tags of an XML body, at most `max` of them.
pub(crate) fn tags_of_body(tagging: dto::Tagging, max: usize) -> Result<Tags, Mistake> {
    let pairs = tagging.tag_set.into_iter().map(|tag| match (tag.key, tag.value) {
        (Some(name), Some(value)) => Ok((name, value)),
        _ => Err(Mistake::Xml("a Tag must hold a Key and a Value")),
    });
    let pairs = pairs.collect::<Result<Vec<_>, Mistake>>()?;
    Tags::new(pairs, max).map_err(Mistake::Tag)
}

/// Tags for an XML answer.
pub(crate) fn tags_to_wire(tags: &Tags) -> dto::TagSet {
    let tag = |(name, value): (&str, &str)| dto::Tag { key: Some(name.to_owned()), value: Some(value.to_owned()) };
    tags.iter().map(tag).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoding(text: &str) -> Option<String> {
        let stored = headers(Headers { content_encoding: Some(text.to_owned()), ..Headers::default() });
        stored.expect(text).content_encoding
    }

    #[test]
    fn aws_chunked_is_not_stored() {
        let table = [
            ("aws-chunked", None),
            ("aws-chunked,gzip", Some("gzip")),
            ("gzip, AWS-Chunked", Some("gzip")),
            ("gzip, aws-chunked, br", Some("gzip,br")),
            ("gzip, br", Some("gzip, br")),
            ("aws-chunked-not", Some("aws-chunked-not")),
        ];
        for (sent, stored) in table {
            assert_eq!(encoding(sent).as_deref(), stored, "{sent}");
        }
    }

    #[test]
    fn metadata_may_be_2_kib_in_all() {
        let of = |bytes: usize| Some(dto::Metadata::from([("name".to_owned(), "v".repeat(bytes - 4))]));
        assert_eq!(metadata(of(METADATA_BYTES_MAX)).map(|stored| stored.len()), Ok(1));
        assert_eq!(metadata(of(METADATA_BYTES_MAX + 1)), Err(Mistake::MetadataTooLong { max: METADATA_BYTES_MAX }));
        assert_eq!(metadata(None), Ok(UserMetadata::new()));
        let long = Headers { cache_control: Some("v".repeat(HEADER_BYTES_MAX + 1)), ..Headers::default() };
        assert!(matches!(headers(long), Err(Mistake::MetadataTooLong { .. })));
    }

    #[test]
    fn redirects_lead_to_a_path_or_a_site() {
        let redirect = |target: &str| {
            headers(Headers { website_redirect: Some(target.to_owned()), ..Headers::default() }).map(|_| ())
        };
        for good in ["/other", "http://a.example/", "https://a.example/"] {
            assert_eq!(redirect(good), Ok(()), "{good}");
        }
        for bad in ["other", "ftp://a.example/", "javascript:1"] {
            assert_eq!(redirect(bad), Err(Mistake::Redirect), "{bad}");
        }
    }

    fn pairs(tags: &Tags) -> Vec<(&str, &str)> {
        tags.iter().collect()
    }

    #[test]
    fn tag_headers_are_url_queries() {
        let tags = tags_of_header(Some("a=1&b=x+y%2Bz&c&%C3%A9=%3D&")).expect("tags");
        assert_eq!(pairs(&tags), [("a", "1"), ("b", "x y+z"), ("c", ""), ("é", "=")]);
        assert!(tags_of_header(None).expect("none").is_empty());
        assert!(matches!(tags_of_header(Some("a=%FF")), Err(Mistake::Argument { .. })));
        assert!(matches!(tags_of_header(Some("a=1&a=2")), Err(Mistake::Tag(_))));
        for illegible in ["a=%01", "%00=a"] {
            assert!(matches!(tags_of_header(Some(illegible)), Err(Mistake::Tag(_))), "{illegible}");
        }
        let eleven: Vec<_> = (0..11).map(|number| format!("t{number}=v")).collect();
        assert!(matches!(tags_of_header(Some(&eleven.join("&"))), Err(Mistake::Tag(_))));
    }

    #[test]
    fn tag_bodies_need_name_and_value() {
        let tag = |key: Option<&str>, value: Option<&str>| dto::Tagging {
            tag_set: vec![dto::Tag { key: key.map(str::to_owned), value: value.map(str::to_owned) }],
        };
        let tags = tags_of_body(tag(Some("a"), Some("")), Tags::OBJECT_MAX).expect("tags");
        assert_eq!(pairs(&tags), [("a", "")]);
        assert_eq!(tags_to_wire(&tags).len(), 1);
        for bad in [tag(None, Some("v")), tag(Some("a"), None)] {
            assert!(matches!(tags_of_body(bad, Tags::OBJECT_MAX), Err(Mistake::Xml(_))));
        }
        assert!(matches!(tags_of_body(tag(Some(""), Some("v")), Tags::OBJECT_MAX), Err(Mistake::Tag(_))));
    }
}
