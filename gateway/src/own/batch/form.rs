//! The forms of an answer, and which of them a client wants.

use bytes::Bytes;
use http::header::ACCEPT;
use http::{HeaderMap, HeaderValue};
use kernel::ObjectKey;

use super::member::{Object, Refused};
use super::{parts, tar};
use crate::s3_error::Mistake;

/// The form of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Form {
    /// `multipart/mixed`
    Parts {
        /// What separates the parts: nothing that a body could hold by any but the greatest chance.
        boundary: String,
    },
    /// `application/x-tar`
    Tar,
}

impl Form {
    /// The form that the client likes best; `boundary` separates its parts, if it has any.
    ///
    /// Source: RFC 9110, 12.5.1.
    pub(super) fn wanted(headers: &HeaderMap, boundary: String) -> Result<Self, Mistake> {
        let texts: Vec<_> = headers.get_all(ACCEPT).iter().map(|value| value.to_str().unwrap_or_default()).collect();
        let accept = texts.join(",");
        let weight = |names: [&str; 3]| names.into_iter().find_map(|name| weight_of(&accept, name)).unwrap_or(0);
        let parts = weight(["multipart/mixed", "multipart/*", "*/*"]);
        let tar = weight(["application/x-tar", "application/*", "*/*"]);
        match (parts, tar) {
            _ if accept.trim().is_empty() => Ok(Self::Parts { boundary }),
            (0, 0) => Err(Mistake::Argument {
                name: "Accept",
                reason: "a batch is answered as multipart/mixed or application/x-tar".to_owned(),
            }),
            (parts, tar) if tar > parts => Ok(Self::Tar),
            _ => Ok(Self::Parts { boundary }),
        }
    }

    pub(super) fn content_type(&self) -> HeaderValue {
        let parts = |boundary: &String| HeaderValue::try_from(format!("multipart/mixed; boundary={boundary}")).ok();
        match self {
            Self::Parts { boundary } => parts(boundary).unwrap_or(HeaderValue::from_static("multipart/mixed")),
            Self::Tar => HeaderValue::from_static("application/x-tar"),
        }
    }

    /// What stands before an object's bytes.
    pub(super) fn head(&self, key: &ObjectKey, object: &Object) -> Bytes {
        match self {
            Self::Parts { boundary } => parts::head(boundary, key, object),
            Self::Tar => tar::head(key, object),
        }
    }

    /// What stands behind so many bytes of an object.
    pub(super) fn tail(&self, bytes: u64) -> Bytes {
        match self {
            Self::Parts { .. } => parts::tail(),
            Self::Tar => tar::tail(bytes),
        }
    }

    /// A member that cannot be had.
    pub(super) fn refusal(&self, key: &ObjectKey, refused: &Refused) -> Bytes {
        match self {
            Self::Parts { boundary } => parts::refusal(boundary, key, refused),
            Self::Tar => tar::refusal(key, refused),
        }
    }

    /// What stands behind the last member. An answer without it is not complete.
    pub(super) fn end(&self) -> Bytes {
        match self {
            Self::Parts { boundary } => parts::end(boundary),
            Self::Tar => tar::end(),
        }
    }
}

/// How much a media range is wanted, in thousandths; none where it is not named.
fn weight_of(accept: &str, range: &str) -> Option<u16> {
    accept.split(',').find_map(|member| {
        let mut parameters = member.split(';').map(str::trim);
        if !parameters.next()?.eq_ignore_ascii_case(range) {
            return None;
        }
        let weight = parameters.find_map(|parameter| parameter.strip_prefix("q=").or(parameter.strip_prefix("Q=")));
        // A weight that cannot be read is none.
        let read = weight.map_or(1.0, |weight| weight.parse::<f32>().unwrap_or(1.0));
        Some((read.clamp(0.0, 1.0) * 1000.0) as u16)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_chooses_the_form() {
        let parts = Some(Form::Parts { boundary: "b".to_owned() });
        for (accept, expected) in [
            (&[][..], parts.clone()),
            (&[""], parts.clone()),
            (&["*/*"], parts.clone()),
            (&["multipart/mixed"], parts.clone()),
            (&["multipart/*, application/x-tar;q=0.5"], parts.clone()),
            (&["application/x-tar"], Some(Form::Tar)),
            (&["Application/X-Tar ; q=1.0"], Some(Form::Tar)),
            (&["application/x-tar", "*/*;q=0.1"], Some(Form::Tar)),
            (&["application/*"], Some(Form::Tar)),
            (&["text/html, */*;q=0.5, multipart/mixed;q=0.2"], Some(Form::Tar)),
            (&["application/x-tar;q=0"], None),
            (&["*/*;q=0"], None),
            (&["text/html"], None),
            (&["application/x-tarball"], None),
        ] {
            let headers = accept.iter().map(|text| (ACCEPT, HeaderValue::from_static(text)));
            assert_eq!(Form::wanted(&headers.collect(), "b".to_owned()).ok(), expected, "{accept:?}");
        }
    }
}
