//! The audit, for whoever may read it: pages, everything as lines of JSON, and whether it is whole.

use std::sync::Arc;

use bytes::Bytes;
use engine::{AuditFilter, AuditKind, AuditLine, AuditOutcome, AuditPage, AuditPlace, Engine};
use futures::stream::{self, TryStreamExt};
use http_body::Frame;
use http_body_util::StreamBody;
use kernel::Caller;
use s3s::Body;
use serde::Serialize;

use super::{Asked, Told};
use crate::s3_error::{Failure, Mistake};

/// Most entries of a page, and how many there are unless fewer are asked for.
const PAGE_MAX: usize = 1000;

/// Query parameters of a filter.
pub(super) const PAGE_QUERY: [&str; 11] =
    ["since", "until", "who", "action", "bucket", "key", "kind", "outcome", "request", "after", "limit"];
/// The same, where there is no page.
pub(super) const EXPORT_QUERY: [&str; 10] =
    ["since", "until", "who", "action", "bucket", "key", "kind", "outcome", "request", "after"];
/// Query parameters of a verification: the place to begin behind.
pub(super) const VERIFY_QUERY: [&str; 2] = ["number", "hash"];

#[derive(Debug, Serialize)]
struct PlaceDocument {
    hash: String,
    number: u64,
}

/// How much was verified.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct VerifiedDocument {
    anchor: PlaceDocument,
    /// `null` where nothing is wrong.
    fault: Option<String>,
    head: PlaceDocument,
    is_end: bool,
    until: PlaceDocument,
}

impl From<AuditPlace> for PlaceDocument {
    fn from(AuditPlace { number, hash }: AuditPlace) -> Self {
        Self { hash, number }
    }
}

/// A time, or the beginning of one, as entries write them.
fn instant(name: &'static str, text: &str) -> Result<String, Mistake> {
    let shape = "0000-00-00T00:00:00.000";
    let text = text.strip_suffix('Z').unwrap_or(text);
    let fits = |(shape, given): (char, char)| if shape == '0' { given.is_ascii_digit() } else { given == shape };
    if text.len() < 4 || text.len() > shape.len() || !shape.chars().zip(text.chars()).all(fits) {
        let reason = "it must be a time in UTC, or the beginning of one, such as 2026-11-21T07:30:00Z or 2026-11";
        return Err(Mistake::Argument { name, reason: reason.to_owned() });
    }
    Ok(text.to_owned())
}

fn number(asked: &Asked<'_>, name: &'static str) -> Result<Option<u64>, Mistake> {
    let reason = || "it must be a number".to_owned();
    let parsed = |text: &str| text.parse().map_err(|_| Mistake::Argument { name, reason: reason() });
    asked.parameter(name).map(parsed).transpose()
}

fn filter(asked: &Asked<'_>) -> Result<AuditFilter, Mistake> {
    let text = |name: &str| asked.parameter(name).map(str::to_owned);
    let time = |name| asked.parameter(name).map(|text| instant(name, text)).transpose();
    let other = |name, words: &str| Mistake::Argument { name, reason: format!("it must be one of {words}") };
    let kind = |text: &str| match text {
        "change" => Ok(AuditKind::Change),
        "refusal" => Ok(AuditKind::Refusal),
        "access" => Ok(AuditKind::Access),
        "trim" => Ok(AuditKind::Trim),
        _ => Err(other("kind", "change, refusal, access and trim")),
    };
    let outcome = |text: &str| match text {
        "done" => Ok(AuditOutcome::Done),
        "refused" => Ok(AuditOutcome::Refused),
        "error" => Ok(AuditOutcome::Error),
        _ => Err(other("outcome", "done, refused and error")),
    };
    Ok(AuditFilter {
        since: time("since")?,
        until: time("until")?,
        who: text("who"),
        action: text("action"),
        bucket: text("bucket"),
        key: text("key"),
        kind: asked.parameter("kind").map(kind).transpose()?,
        outcome: asked.parameter("outcome").map(outcome).transpose()?,
        request_id: text("request"),
    })
}

/// Tells a page.
pub(super) async fn page(asked: Asked<'_>) -> Result<Told, Failure> {
    let limit = number(&asked, "limit")?.map_or(PAGE_MAX, |limit| usize::try_from(limit).unwrap_or(PAGE_MAX));
    let (filter, after) = (filter(&asked)?, number(&asked, "after")?.unwrap_or(0));
    let page = asked.engine.audit(asked.caller, &filter, after, limit).await?;
    let (anchor, head) = asked.engine.audit_ends(asked.caller).await?;
    let AuditPage { lines, next, is_end } = page;
    let entries: Vec<String> = lines.into_iter().map(|line| line.json).collect();
    let place = |AuditPlace { number, hash }| format!(r#"{{"hash":"{hash}","number":{number}}}"#);
    // The entries are JSON already, to the byte.
    let document = format!(
        r#"{{"anchor":{},"entries":[{}],"head":{},"isEnd":{is_end},"next":{next}}}"#,
        place(anchor),
        entries.join(","),
        place(head)
    );
    Ok(Told::Document(document.into()))
}

/// Tells everything that fits, as lines, up to what is there when it gets there.
pub(super) async fn export(asked: Asked<'_>) -> Result<Told, Failure> {
    let (filter, after) = (filter(&asked)?, number(&asked, "after")?.unwrap_or(0));
    // Whoever may not is told so before the answer begins.
    let first = asked.engine.audit(asked.caller, &filter, after, PAGE_MAX).await?;
    let (engine, caller) = (Arc::clone(asked.engine), asked.caller.clone());
    let rest = stream::try_unfold(Some(first), move |page: Option<AuditPage>| {
        let (engine, caller, filter) = (Arc::clone(&engine), caller.clone(), filter.clone());
        async move {
            let Some(page) = page else { return Ok::<_, engine::Error>(None) };
            let lines = lines(&page.lines);
            let next = following(&engine, &caller, &filter, &page).await?;
            Ok(Some((Frame::data(lines), next)))
        }
    });
    Ok(Told::Lines(Body::http_body_unsync(StreamBody::new(rest.map_err(s3s::StdError::from)))))
}

async fn following(
    engine: &Engine,
    caller: &Caller,
    filter: &AuditFilter,
    page: &AuditPage,
) -> engine::Result<Option<AuditPage>> {
    if page.is_end {
        return Ok(None);
    }
    engine.audit(caller, filter, page.next, PAGE_MAX).await.map(Some)
}

fn lines(lines: &[AuditLine]) -> Bytes {
    let mut text = String::new();
    for line in lines {
        text.push_str(&line.json);
        text.push('\n');
    }
    text.into()
}

/// Verifies a piece.
pub(super) async fn verify(asked: Asked<'_>) -> Result<Told, Failure> {
    let from = match (number(&asked, "number")?, asked.parameter("hash")) {
        (None, None) => None,
        (Some(number), Some(hash)) if hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            Some(AuditPlace { number, hash: hash.to_ascii_lowercase() })
        }
        _ => return Err(Mistake::Request("a place has a `number` and a `hash` of 64 hex digits".to_owned()).into()),
    };
    let verified = asked.engine.verify_audit(asked.caller, from.as_ref()).await?;
    Told::json(&VerifiedDocument {
        anchor: verified.anchor.into(),
        fault: verified.fault,
        head: verified.head.into(),
        is_end: verified.is_end,
        until: verified.until.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_taken_as_entries_write_them() {
        for (text, taken) in [
            ("2026", Some("2026")),
            ("2026-11-21", Some("2026-11-21")),
            ("2026-11-21T07:30:00Z", Some("2026-11-21T07:30:00")),
            ("2026-11-21T07:30:00.123Z", Some("2026-11-21T07:30:00.123")),
            ("202", None),
            ("yesterday", None),
            ("2026-11-21T07:30:00+01:00", None),
            ("2026/11/21", None),
        ] {
            assert_eq!(instant("since", text).ok().as_deref(), taken, "{text}");
        }
    }
}
