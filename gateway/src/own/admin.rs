//! The admin API, `/_lake/admin/v1`: JSON in and out, for whoever runs the lake.
//!
//! Life in here is a table. Each route says what it is called, which method and path lead to it, which query it knows and
//! whether it takes a document; what does not fit is refused by name before the operation is asked. A request comes here
//! once its signature is verified, and nobody comes here without one; whether the caller may is the engine's affair, as
//! everywhere. Errors leave as S3's and are written as JSON on the way out.
//!
//! `docs/openapi.json` describes the API for programs; it is served as it is committed, and a test holds it against the
//! table.

mod accounts;
mod audit;
mod buckets;
mod embargoes;
mod keys;
mod policies;
mod time;
mod users;

use std::sync::Arc;

use bytes::Bytes;
use engine::Engine;
use futures::future::BoxFuture;
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use kernel::{AccountId, Caller, Timestamp};
use percent_encoding::percent_decode_str;
use s3s::{Body, S3Request, S3Response};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::front::payload::{CONTENT_SHA256, Payload};
use crate::front::query;
use crate::s3_error::{Failure, Mistake};
use crate::translate::time as time_text;
use crate::virtual_host::Place;
use users::Kind;

/// Where the API begins.
const ROOT: &str = "/_lake/admin/v1/";
/// Where everything for administrators begins, whatever its version.
const PREFIX: &str = "/_lake/admin";
/// Longest document of a request, in bytes.
const DOCUMENT_BYTES_MAX: usize = 64 << 10;
/// Longest document that holds policies: a text of 256 KiB as JSON writes it.
const POLICY_DOCUMENT_BYTES_MAX: usize = 1 << 20;
/// What the API is, for programs.
const OPENAPI: &str = include_str!("../../../docs/openapi.json");

/// A way through the API.
struct Route {
    method: Method,
    /// Behind [`ROOT`]; `{…}` stands for any segment.
    path: &'static str,
    /// What it is called in the document, the log and the meters.
    operation: &'static str,
    /// Query parameters that it knows.
    query: &'static [&'static str],
    /// Whether it takes a document.
    takes_document: bool,
    answer: for<'a> fn(Asked<'a>) -> BoxFuture<'a, Result<Told, Failure>>,
}

impl Route {
    fn document_bytes_max(&self) -> usize {
        match self.path.split('/').next() {
            Some("policies" | "policy") => POLICY_DOCUMENT_BYTES_MAX,
            _ => DOCUMENT_BYTES_MAX,
        }
    }
}

/// All routes there are.
const ROUTES: &[Route] = &[
    Route {
        method: Method::GET,
        path: "openapi.json",
        operation: "GetAdminApi",
        query: &[],
        takes_document: false,
        answer: |_| Box::pin(async { Ok(Told::Document(OPENAPI.into())) }),
    },
    Route {
        method: Method::GET,
        path: "buckets",
        operation: "ListBucketUsage",
        query: &["prefix", "after", "limit"],
        takes_document: false,
        answer: |asked| Box::pin(buckets::list(asked)),
    },
    Route {
        method: Method::GET,
        path: "buckets/{name}/quota",
        operation: "GetBucketQuota",
        query: &[],
        takes_document: false,
        answer: |asked| Box::pin(buckets::quota(asked)),
    },
    Route {
        method: Method::PUT,
        path: "buckets/{name}/quota",
        operation: "PutBucketQuota",
        query: &[],
        takes_document: true,
        answer: |asked| Box::pin(buckets::set_quota(asked)),
    },
    Route {
        method: Method::DELETE,
        path: "buckets/{name}/quota",
        operation: "DeleteBucketQuota",
        query: &[],
        takes_document: false,
        answer: |asked| Box::pin(buckets::clear_quota(asked)),
    },
    Route {
        method: Method::GET,
        path: "buckets/{name}/embargo",
        operation: "GetBucketEmbargo",
        query: &[],
        takes_document: false,
        answer: |asked| Box::pin(embargoes::rule(asked)),
    },
    Route {
        method: Method::PUT,
        path: "buckets/{name}/embargo",
        operation: "PutBucketEmbargo",
        query: &[],
        takes_document: true,
        answer: |asked| Box::pin(embargoes::set_rule(asked)),
    },
    Route {
        method: Method::DELETE,
        path: "buckets/{name}/embargo",
        operation: "DeleteBucketEmbargo",
        query: &[],
        takes_document: false,
        answer: |asked| Box::pin(embargoes::clear_rule(asked)),
    },
    Route {
        method: Method::GET,
        path: "embargoes",
        operation: "ListEmbargoes",
        query: &["bucket", "prefix", "after", "limit"],
        takes_document: false,
        answer: |asked| Box::pin(embargoes::list(asked)),
    },
    Route {
        method: Method::GET,
        path: "embargoes/{bucket}",
        operation: "GetEmbargo",
        query: &["key", "version"],
        takes_document: false,
        answer: |asked| Box::pin(embargoes::get(asked)),
    },
    Route {
        method: Method::PUT,
        path: "embargoes/{bucket}",
        operation: "SetEmbargo",
        query: &["key", "version"],
        takes_document: true,
        answer: |asked| Box::pin(embargoes::set(asked)),
    },
    Route {
        method: Method::POST,
        path: "embargoes/{bucket}/lift",
        operation: "LiftEmbargo",
        query: &["key", "version"],
        takes_document: true,
        answer: |asked| Box::pin(embargoes::lift(asked)),
    },
    Route {
        method: Method::GET,
        path: "calendar",
        operation: "GetCalendar",
        query: &["bucket", "prefix", "from", "until", "after", "limit"],
        takes_document: false,
        answer: |asked| Box::pin(embargoes::calendar(asked)),
    },
    Route {
        method: Method::GET,
        path: "time",
        operation: "GetTime",
        query: &[],
        takes_document: false,
        answer: |asked| Box::pin(time::get(asked)),
    },
    Route {
        method: Method::POST,
        path: "time/confirmation",
        operation: "ConfirmTime",
        query: &[],
        takes_document: false,
        answer: |asked| Box::pin(time::confirm(asked)),
    },
    Route {
        method: Method::GET,
        path: "audit",
        operation: "ListAudit",
        query: &audit::PAGE_QUERY,
        takes_document: false,
        answer: |asked| Box::pin(audit::page(asked)),
    },
    Route {
        method: Method::GET,
        path: "audit/export",
        operation: "ExportAudit",
        query: &audit::EXPORT_QUERY,
        takes_document: false,
        answer: |asked| Box::pin(audit::export(asked)),
    },
    Route {
        method: Method::GET,
        path: "audit/verify",
        operation: "VerifyAudit",
        query: &audit::VERIFY_QUERY,
        takes_document: false,
        answer: |asked| Box::pin(audit::verify(asked)),
    },
    Route {
        method: Method::GET,
        path: "accounts",
        operation: "ListAccounts",
        query: &[],
        takes_document: false,
        answer: |asked| Box::pin(accounts::list(asked)),
    },
    Route {
        method: Method::POST,
        path: "accounts",
        operation: "CreateAccount",
        query: &[],
        takes_document: true,
        answer: |asked| Box::pin(accounts::create(asked)),
    },
    Route {
        method: Method::DELETE,
        path: "accounts/{account}",
        operation: "DeleteAccount",
        query: &[],
        takes_document: false,
        answer: |asked| Box::pin(accounts::delete(asked)),
    },
    Route {
        method: Method::GET,
        path: "users",
        operation: "ListUsers",
        query: &["account"],
        takes_document: false,
        answer: |asked| Box::pin(users::list(asked)),
    },
    Route {
        method: Method::POST,
        path: "users",
        operation: "CreateUser",
        query: &["account"],
        takes_document: true,
        answer: |asked| Box::pin(users::create(asked)),
    },
    Route {
        method: Method::GET,
        path: "users/{user}",
        operation: "GetUser",
        query: &["account"],
        takes_document: false,
        answer: |asked| Box::pin(users::get(asked)),
    },
    Route {
        method: Method::DELETE,
        path: "users/{user}",
        operation: "DeleteUser",
        query: &["account"],
        takes_document: false,
        answer: |asked| Box::pin(users::delete(asked)),
    },
    Route {
        method: Method::PUT,
        path: "users/{user}/password",
        operation: "PutUserPassword",
        query: &["account"],
        takes_document: true,
        answer: |asked| Box::pin(users::set_password(asked)),
    },
    Route {
        method: Method::DELETE,
        path: "users/{user}/password",
        operation: "DeleteUserPassword",
        query: &["account"],
        takes_document: false,
        answer: |asked| Box::pin(users::delete_password(asked)),
    },
    Route {
        method: Method::GET,
        path: "groups",
        operation: "ListGroups",
        query: &["account"],
        takes_document: false,
        answer: |asked| Box::pin(users::list_groups(asked)),
    },
    Route {
        method: Method::POST,
        path: "groups",
        operation: "CreateGroup",
        query: &["account"],
        takes_document: true,
        answer: |asked| Box::pin(users::create_group(asked)),
    },
    Route {
        method: Method::GET,
        path: "groups/{group}",
        operation: "GetGroup",
        query: &["account"],
        takes_document: false,
        answer: |asked| Box::pin(users::get_group(asked)),
    },
    Route {
        method: Method::DELETE,
        path: "groups/{group}",
        operation: "DeleteGroup",
        query: &["account"],
        takes_document: false,
        answer: |asked| Box::pin(users::delete_group(asked)),
    },
    Route {
        method: Method::PUT,
        path: "groups/{group}/members/{user}",
        operation: "AddUserToGroup",
        query: &["account"],
        takes_document: false,
        answer: |asked| Box::pin(users::set_membership(asked, true)),
    },
    Route {
        method: Method::DELETE,
        path: "groups/{group}/members/{user}",
        operation: "RemoveUserFromGroup",
        query: &["account"],
        takes_document: false,
        answer: |asked| Box::pin(users::set_membership(asked, false)),
    },
    Route {
        method: Method::GET,
        path: "users/{user}/policies/{policy}",
        operation: "GetUserPolicy",
        query: &["account"],
        takes_document: false,
        answer: |asked| Box::pin(users::get_policy(asked, Kind::User)),
    },
    Route {
        method: Method::PUT,
        path: "users/{user}/policies/{policy}",
        operation: "PutUserPolicy",
        query: &["account"],
        takes_document: true,
        answer: |asked| Box::pin(users::put_policy(asked, Kind::User)),
    },
    Route {
        method: Method::DELETE,
        path: "users/{user}/policies/{policy}",
        operation: "DeleteUserPolicy",
        query: &["account"],
        takes_document: false,
        answer: |asked| Box::pin(users::delete_policy(asked, Kind::User)),
    },
    Route {
        method: Method::PUT,
        path: "users/{user}/attached/{policy}",
        operation: "AttachUserPolicy",
        query: &["account"],
        takes_document: false,
        answer: |asked| Box::pin(users::set_attached(asked, Kind::User, true)),
    },
    Route {
        method: Method::DELETE,
        path: "users/{user}/attached/{policy}",
        operation: "DetachUserPolicy",
        query: &["account"],
        takes_document: false,
        answer: |asked| Box::pin(users::set_attached(asked, Kind::User, false)),
    },
    Route {
        method: Method::GET,
        path: "groups/{group}/policies/{policy}",
        operation: "GetGroupPolicy",
        query: &["account"],
        takes_document: false,
        answer: |asked| Box::pin(users::get_policy(asked, Kind::Group)),
    },
    Route {
        method: Method::PUT,
        path: "groups/{group}/policies/{policy}",
        operation: "PutGroupPolicy",
        query: &["account"],
        takes_document: true,
        answer: |asked| Box::pin(users::put_policy(asked, Kind::Group)),
    },
    Route {
        method: Method::DELETE,
        path: "groups/{group}/policies/{policy}",
        operation: "DeleteGroupPolicy",
        query: &["account"],
        takes_document: false,
        answer: |asked| Box::pin(users::delete_policy(asked, Kind::Group)),
    },
    Route {
        method: Method::PUT,
        path: "groups/{group}/attached/{policy}",
        operation: "AttachGroupPolicy",
        query: &["account"],
        takes_document: false,
        answer: |asked| Box::pin(users::set_attached(asked, Kind::Group, true)),
    },
    Route {
        method: Method::DELETE,
        path: "groups/{group}/attached/{policy}",
        operation: "DetachGroupPolicy",
        query: &["account"],
        takes_document: false,
        answer: |asked| Box::pin(users::set_attached(asked, Kind::Group, false)),
    },
    Route {
        method: Method::GET,
        path: "keys",
        operation: "ListAccessKeys",
        query: &["account", "user"],
        takes_document: false,
        answer: |asked| Box::pin(keys::list(asked)),
    },
    Route {
        method: Method::POST,
        path: "keys",
        operation: "CreateAccessKey",
        query: &["account", "user"],
        takes_document: true,
        answer: |asked| Box::pin(keys::create(asked)),
    },
    Route {
        method: Method::PUT,
        path: "keys/{accessKey}",
        operation: "UpdateAccessKey",
        query: &["account", "user"],
        takes_document: true,
        answer: |asked| Box::pin(keys::set(asked)),
    },
    Route {
        method: Method::DELETE,
        path: "keys/{accessKey}",
        operation: "DeleteAccessKey",
        query: &["account", "user"],
        takes_document: false,
        answer: |asked| Box::pin(keys::delete(asked)),
    },
    Route {
        method: Method::GET,
        path: "policies",
        operation: "ListPolicySets",
        query: &[],
        takes_document: false,
        answer: |asked| Box::pin(policies::list(asked)),
    },
    Route {
        method: Method::GET,
        path: "policies/{set}",
        operation: "GetPolicySet",
        query: &["version"],
        takes_document: false,
        answer: |asked| Box::pin(policies::get(asked)),
    },
    Route {
        method: Method::PUT,
        path: "policies/{set}",
        operation: "PutPolicySet",
        query: &["expected", "confirmed"],
        takes_document: true,
        answer: |asked| Box::pin(policies::put(asked)),
    },
    Route {
        method: Method::DELETE,
        path: "policies/{set}",
        operation: "DeletePolicySet",
        query: &["expected", "confirmed", "comment"],
        takes_document: false,
        answer: |asked| Box::pin(policies::delete(asked)),
    },
    Route {
        method: Method::GET,
        path: "policies/{set}/versions",
        operation: "ListPolicySetVersions",
        query: &[],
        takes_document: false,
        answer: |asked| Box::pin(policies::history(asked)),
    },
    Route {
        method: Method::POST,
        path: "policies/{set}/rollback",
        operation: "RollBackPolicySet",
        query: &["expected", "confirmed"],
        takes_document: true,
        answer: |asked| Box::pin(policies::roll_back(asked)),
    },
    Route {
        method: Method::POST,
        path: "policy/validation",
        operation: "ValidatePolicySet",
        query: &[],
        takes_document: true,
        answer: |asked| Box::pin(policies::validate(asked)),
    },
    Route {
        method: Method::POST,
        path: "policy/explanation",
        operation: "ExplainDecision",
        query: &[],
        takes_document: true,
        answer: |asked| Box::pin(policies::explain(asked)),
    },
    Route {
        method: Method::POST,
        path: "policy/cases",
        operation: "TryPolicyCases",
        query: &[],
        takes_document: true,
        answer: |asked| Box::pin(policies::try_cases(asked)),
    },
    Route {
        method: Method::POST,
        path: "policy/comparison",
        operation: "ComparePolicies",
        query: &[],
        takes_document: true,
        answer: |asked| Box::pin(policies::compare(asked)),
    },
    Route {
        method: Method::POST,
        path: "policy/forecast",
        operation: "ForecastAccess",
        query: &[],
        takes_document: true,
        answer: |asked| Box::pin(policies::forecast(asked)),
    },
];

/// A request as its route sees it.
struct Asked<'a> {
    engine: &'a Arc<Engine>,
    caller: &'a Caller,
    /// What stood for the `{…}` of the path, decoded.
    segments: Vec<String>,
    /// Query parameters that the route knows, each at most once.
    query: Vec<(&'static str, String)>,
    document: Bytes,
}

impl Asked<'_> {
    fn segment(&self, place: usize) -> &str {
        self.segments.get(place).map_or("", String::as_str)
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(given, _)| *given == name).map(|(_, value)| value.as_str())
    }

    /// The account that is meant: the caller's, unless another is named.
    fn account(&self) -> Result<AccountId, Mistake> {
        match self.parameter("account") {
            Some(text) => account(text),
            None => Ok(self.caller.account().unwrap_or(AccountId::HOME)),
        }
    }

    /// The document; a field that it should not have is refused by name.
    fn document<T: DeserializeOwned>(&self) -> Result<T, Mistake> {
        serde_json::from_slice(&self.document).map_err(|error| Mistake::Json(error.to_string()))
    }
}

/// What a route answers.
enum Told {
    /// A document, in JSON.
    Document(Bytes),
    /// Lines, each a document in JSON, which come as they are read.
    Lines(Body),
    /// It is done, and there is nothing to say.
    Done,
}

impl Told {
    fn json(document: &impl Serialize) -> Result<Self, Failure> {
        let written = serde_json::to_vec(document);
        Ok(Self::Document(written.map_err(|_| engine::Error::Bug("an answer that is no JSON"))?.into()))
    }
}

/// An account as it was typed.
fn account(text: &str) -> Result<AccountId, Mistake> {
    text.parse().map_err(|_| Mistake::Request(format!("an account is named by twelve digits, not `{text}`")))
}

/// An instant of a document, from milliseconds since 1970.
fn instant(at_ms: i64) -> String {
    time_text::rfc_3339(Timestamp::from_millis(at_ms))
}

/// Whether a request is for administrators. Where the host names a bucket, `_lake/admin/…` is a key like any other.
pub(crate) fn is_claimed(parts: &Parts, place: &Place) -> bool {
    let behind = parts.uri.path().strip_prefix(PREFIX);
    *place == Place::Path && behind.is_some_and(|behind| behind.is_empty() || behind.starts_with('/'))
}

/// Whether an operation is one of this API, whose documents are JSON.
pub(crate) fn is_operation(operation: &str) -> bool {
    ROUTES.iter().any(|route| route.operation == operation)
}

/// What the request is called in the log and the meters.
pub(crate) fn operation(method: &Method, path: &str) -> &'static str {
    find(method, path).map_or(crate::meters::UNKNOWN, |(route, _)| route.operation)
}

/// Whether the request was signed the one way that is taken here: in the header, over a body whose hash is signed too.
/// A link that was signed in advance, for whoever has it, gives no right to administer.
pub(crate) fn is_signed_as_it_must_be(headers: &HeaderMap) -> bool {
    headers.contains_key(AUTHORIZATION)
        && headers.contains_key(CONTENT_SHA256)
        && matches!(Payload::of(headers), Ok(Payload::Hash(_)))
}

/// Answers a request whose signature was verified.
pub(crate) async fn answer(engine: &Arc<Engine>, request: S3Request<Body>) -> Result<S3Response<Body>, Failure> {
    let S3Request { input, method, uri, headers, extensions, .. } = request;
    let (route, segments) = find(&method, uri.path())?;
    let query = known_query(route, uri.query())?;
    let document = match route.takes_document {
        true => read_document(&headers, input, route.document_bytes_max()).await?,
        false => Bytes::new(),
    };
    let caller = extensions.get::<Caller>().cloned().unwrap_or_else(Caller::anonymous);
    let told = (route.answer)(Asked { engine, caller: &caller, segments, query, document }).await?;
    let (status, kind, body) = match told {
        Told::Document(json) => (StatusCode::OK, Some("application/json"), Body::from(json)),
        Told::Lines(lines) => (StatusCode::OK, Some("application/x-ndjson"), lines),
        Told::Done => (StatusCode::NO_CONTENT, None, Body::empty()),
    };
    let mut response = S3Response::with_status(body, status);
    if let Some(kind) = kind {
        response.headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    response.headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// The route of a request, and what stands for the open segments of its path.
fn find(method: &Method, path: &str) -> Result<(&'static Route, Vec<String>), Mistake> {
    let behind = path.strip_prefix(ROOT).ok_or(Mistake::NoRoute)?;
    let mut allowed = Vec::new();
    for route in ROUTES {
        match matched(route.path, behind) {
            Some(segments) if route.method == *method => return Ok((route, segments)),
            Some(_) => allowed.push(route.method.as_str()),
            None => {}
        }
    }
    if allowed.is_empty() { Err(Mistake::NoRoute) } else { Err(Mistake::Method { allowed: allowed.join(", ") }) }
}

/// What stands for the open segments of `pattern` in `path`; none where it does not fit.
fn matched(pattern: &str, path: &str) -> Option<Vec<String>> {
    let (mut wanted, mut given) = (pattern.split('/'), path.split('/'));
    let mut segments = Vec::new();
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(segments),
            (Some(wanted), Some(given)) if wanted.starts_with('{') => {
                segments.push(percent_decode_str(given).decode_utf8().ok()?.into_owned());
            }
            (Some(wanted), Some(given)) if wanted == given => {}
            _ => return None,
        }
    }
}

/// The query, if the route knows each parameter of it and none stands twice.
fn known_query(route: &Route, text: Option<&str>) -> Result<Vec<(&'static str, String)>, Mistake> {
    let mut known: Vec<(&'static str, String)> = Vec::new();
    for (name, value) in query::pairs(text) {
        let Some(parameter) = route.query.iter().find(|parameter| **parameter == name) else {
            let reason =
                format!("the query parameter `{name}` means nothing here; known are: {}", route.query.join(", "));
            return Err(Mistake::Request(reason));
        };
        if known.iter().any(|(given, _)| given == parameter) {
            return Err(Mistake::Request(format!("the query parameter `{name}` is given more than once")));
        }
        known.push((parameter, value.into_owned()));
    }
    Ok(known)
}

async fn read_document(headers: &HeaderMap, body: Body, bytes_max: usize) -> Result<Bytes, Mistake> {
    let kind = headers.get(CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    let kind = kind.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    if !kind.eq_ignore_ascii_case(b"application/json") {
        return Err(Mistake::NotJson);
    }
    let read = Limited::new(body, bytes_max).collect().await;
    let failed = |error: s3s::StdError| match error.is::<LengthLimitError>() {
        true => Mistake::DocumentTooLong { max: bytes_max },
        // Why is in the request's trace, and the doorman says it.
        false => Mistake::Request("the body could not be read".to_owned()),
    };
    Ok(read.map_err(failed)?.to_bytes())
}

#[cfg(test)]
mod tests;
