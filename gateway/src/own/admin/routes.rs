//! The routes of the admin API: which method and path lead to which operation, and what it takes.

use futures::future::BoxFuture;
use http::Method;
use percent_encoding::percent_decode_str;

use super::users::Kind;
use super::{Asked, OPENAPI, ROOT, Told, accounts, audit, buckets, embargoes, keys, policies, time, users};
use crate::front::query;
use crate::s3_error::{Failure, Mistake};

/// Longest document of a request, in bytes.
const DOCUMENT_BYTES_MAX: usize = 64 << 10;
/// Longest document that holds policies: a text of 256 KiB as JSON writes it.
const POLICY_DOCUMENT_BYTES_MAX: usize = 1 << 20;

/// Answers a request of a route.
type Answer = for<'a> fn(Asked<'a>) -> BoxFuture<'a, Result<Told, Failure>>;

/// A way through the API.
pub(super) struct Route {
    pub(super) method: Method,
    /// Behind [`ROOT`]; `{…}` stands for any segment.
    pub(super) path: &'static str,
    /// What it is called in the document, the log and the meters.
    pub(super) operation: &'static str,
    /// Query parameters that it knows.
    pub(super) query: &'static [&'static str],
    /// Whether it takes a document.
    pub(super) takes_document: bool,
    pub(super) answer: Answer,
}

const fn route(method: Method, path: &'static str, operation: &'static str, answer: Answer) -> Route {
    Route { method, path, operation, query: &[], takes_document: false, answer }
}

impl Route {
    const fn query(mut self, names: &'static [&'static str]) -> Self {
        self.query = names;
        self
    }

    const fn document(mut self) -> Self {
        self.takes_document = true;
        self
    }

    pub(super) fn document_bytes_max(&self) -> usize {
        match self.path.split('/').next() {
            Some("policies" | "policy") => POLICY_DOCUMENT_BYTES_MAX,
            _ => DOCUMENT_BYTES_MAX,
        }
    }
}

/// All routes there are.
pub(super) const ROUTES: &[Route] = &[
    route(Method::GET, "openapi.json", "GetAdminApi", |_| Box::pin(async { Ok(Told::Document(OPENAPI.into())) })),
    route(Method::GET, "buckets", "ListBucketUsage", |asked| Box::pin(buckets::list(asked)))
        .query(&["prefix", "after", "limit"]),
    route(Method::GET, "buckets/{name}/quota", "GetBucketQuota", |asked| Box::pin(buckets::quota(asked))),
    route(Method::PUT, "buckets/{name}/quota", "PutBucketQuota", |asked| Box::pin(buckets::set_quota(asked)))
        .document(),
    route(Method::DELETE, "buckets/{name}/quota", "DeleteBucketQuota", |asked| Box::pin(buckets::clear_quota(asked))),
    route(Method::GET, "buckets/{name}/embargo", "GetBucketEmbargo", |asked| Box::pin(embargoes::rule(asked))),
    route(Method::PUT, "buckets/{name}/embargo", "PutBucketEmbargo", |asked| Box::pin(embargoes::set_rule(asked)))
        .document(),
    route(Method::POST, "buckets/{name}/embargo", "ChangeBucketEmbargo", |asked| {
        Box::pin(embargoes::change_rule(asked))
    })
    .document(),
    route(Method::DELETE, "buckets/{name}/embargo", "DeleteBucketEmbargo", |asked| {
        Box::pin(embargoes::clear_rule(asked))
    }),
    route(Method::GET, "embargoes", "ListEmbargoes", |asked| Box::pin(embargoes::list(asked)))
        .query(&["bucket", "prefix", "after", "limit"]),
    route(Method::GET, "embargoes/{bucket}", "GetEmbargo", |asked| Box::pin(embargoes::get(asked)))
        .query(&["key", "version"]),
    route(Method::PUT, "embargoes/{bucket}", "SetEmbargo", |asked| Box::pin(embargoes::set(asked)))
        .query(&["key", "version"])
        .document(),
    route(Method::POST, "embargoes/{bucket}/lift", "LiftEmbargo", |asked| Box::pin(embargoes::lift(asked)))
        .query(&["key", "version"])
        .document(),
    route(Method::GET, "calendar", "GetCalendar", |asked| Box::pin(embargoes::calendar(asked)))
        .query(&["bucket", "prefix", "from", "until", "after", "limit"]),
    route(Method::GET, "time", "GetTime", |asked| Box::pin(time::get(asked))),
    route(Method::POST, "time/confirmation", "ConfirmTime", |asked| Box::pin(time::confirm(asked))),
    route(Method::GET, "audit", "ListAudit", |asked| Box::pin(audit::page(asked))).query(&audit::PAGE_QUERY),
    route(Method::GET, "audit/export", "ExportAudit", |asked| Box::pin(audit::export(asked)))
        .query(&audit::EXPORT_QUERY),
    route(Method::GET, "audit/verify", "VerifyAudit", |asked| Box::pin(audit::verify(asked)))
        .query(&audit::VERIFY_QUERY),
    route(Method::GET, "accounts", "ListAccounts", |asked| Box::pin(accounts::list(asked))),
    route(Method::POST, "accounts", "CreateAccount", |asked| Box::pin(accounts::create(asked))).document(),
    route(Method::DELETE, "accounts/{account}", "DeleteAccount", |asked| Box::pin(accounts::delete(asked))),
    route(Method::GET, "users", "ListUsers", |asked| Box::pin(users::list(asked))).query(&["account"]),
    route(Method::POST, "users", "CreateUser", |asked| Box::pin(users::create(asked))).query(&["account"]).document(),
    route(Method::GET, "users/{user}", "GetUser", |asked| Box::pin(users::get(asked))).query(&["account"]),
    route(Method::DELETE, "users/{user}", "DeleteUser", |asked| Box::pin(users::delete(asked))).query(&["account"]),
    route(Method::PUT, "users/{user}/password", "PutUserPassword", |asked| Box::pin(users::set_password(asked)))
        .query(&["account"])
        .document(),
    route(Method::DELETE, "users/{user}/password", "DeleteUserPassword", |asked| {
        Box::pin(users::delete_password(asked))
    })
    .query(&["account"]),
    route(Method::GET, "groups", "ListGroups", |asked| Box::pin(users::list_groups(asked))).query(&["account"]),
    route(Method::POST, "groups", "CreateGroup", |asked| Box::pin(users::create_group(asked)))
        .query(&["account"])
        .document(),
    route(Method::GET, "groups/{group}", "GetGroup", |asked| Box::pin(users::get_group(asked))).query(&["account"]),
    route(Method::DELETE, "groups/{group}", "DeleteGroup", |asked| Box::pin(users::delete_group(asked)))
        .query(&["account"]),
    route(Method::PUT, "groups/{group}/members/{user}", "AddUserToGroup", |asked| {
        Box::pin(users::set_membership(asked, true))
    })
    .query(&["account"]),
    route(Method::DELETE, "groups/{group}/members/{user}", "RemoveUserFromGroup", |asked| {
        Box::pin(users::set_membership(asked, false))
    })
    .query(&["account"]),
    route(Method::GET, "users/{user}/policies/{policy}", "GetUserPolicy", |asked| {
        Box::pin(users::get_policy(asked, Kind::User))
    })
    .query(&["account"]),
    route(Method::PUT, "users/{user}/policies/{policy}", "PutUserPolicy", |asked| {
        Box::pin(users::put_policy(asked, Kind::User))
    })
    .query(&["account"])
    .document(),
    route(Method::DELETE, "users/{user}/policies/{policy}", "DeleteUserPolicy", |asked| {
        Box::pin(users::delete_policy(asked, Kind::User))
    })
    .query(&["account"]),
    route(Method::PUT, "users/{user}/attached/{policy}", "AttachUserPolicy", |asked| {
        Box::pin(users::set_attached(asked, Kind::User, true))
    })
    .query(&["account"]),
    route(Method::DELETE, "users/{user}/attached/{policy}", "DetachUserPolicy", |asked| {
        Box::pin(users::set_attached(asked, Kind::User, false))
    })
    .query(&["account"]),
    route(Method::GET, "groups/{group}/policies/{policy}", "GetGroupPolicy", |asked| {
        Box::pin(users::get_policy(asked, Kind::Group))
    })
    .query(&["account"]),
    route(Method::PUT, "groups/{group}/policies/{policy}", "PutGroupPolicy", |asked| {
        Box::pin(users::put_policy(asked, Kind::Group))
    })
    .query(&["account"])
    .document(),
    route(Method::DELETE, "groups/{group}/policies/{policy}", "DeleteGroupPolicy", |asked| {
        Box::pin(users::delete_policy(asked, Kind::Group))
    })
    .query(&["account"]),
    route(Method::PUT, "groups/{group}/attached/{policy}", "AttachGroupPolicy", |asked| {
        Box::pin(users::set_attached(asked, Kind::Group, true))
    })
    .query(&["account"]),
    route(Method::DELETE, "groups/{group}/attached/{policy}", "DetachGroupPolicy", |asked| {
        Box::pin(users::set_attached(asked, Kind::Group, false))
    })
    .query(&["account"]),
    route(Method::GET, "keys", "ListAccessKeys", |asked| Box::pin(keys::list(asked))).query(&["account", "user"]),
    route(Method::POST, "keys", "CreateAccessKey", |asked| Box::pin(keys::create(asked)))
        .query(&["account", "user"])
        .document(),
    route(Method::PUT, "keys/{accessKey}", "UpdateAccessKey", |asked| Box::pin(keys::set(asked)))
        .query(&["account", "user"])
        .document(),
    route(Method::DELETE, "keys/{accessKey}", "DeleteAccessKey", |asked| Box::pin(keys::delete(asked)))
        .query(&["account", "user"]),
    route(Method::GET, "policies", "ListPolicySets", |asked| Box::pin(policies::list(asked))),
    route(Method::GET, "policies/{set}", "GetPolicySet", |asked| Box::pin(policies::get(asked))).query(&["version"]),
    route(Method::PUT, "policies/{set}", "PutPolicySet", |asked| Box::pin(policies::put(asked)))
        .query(&["expected", "confirmed"])
        .document(),
    route(Method::DELETE, "policies/{set}", "DeletePolicySet", |asked| Box::pin(policies::delete(asked))).query(&[
        "expected",
        "confirmed",
        "comment",
    ]),
    route(Method::GET, "policies/{set}/versions", "ListPolicySetVersions", |asked| Box::pin(policies::history(asked))),
    route(Method::POST, "policies/{set}/rollback", "RollBackPolicySet", |asked| Box::pin(policies::roll_back(asked)))
        .query(&["expected", "confirmed"])
        .document(),
    route(Method::POST, "policy/validation", "ValidatePolicySet", |asked| Box::pin(policies::validate(asked)))
        .document(),
    route(Method::POST, "policy/explanation", "ExplainDecision", |asked| Box::pin(policies::explain(asked))).document(),
    route(Method::POST, "policy/cases", "TryPolicyCases", |asked| Box::pin(policies::try_cases(asked))).document(),
    route(Method::POST, "policy/comparison", "ComparePolicies", |asked| Box::pin(policies::compare(asked))).document(),
    route(Method::POST, "policy/forecast", "ForecastAccess", |asked| Box::pin(policies::forecast(asked))).document(),
];

/// The route of a request, and what stands for the open segments of its path.
pub(super) fn find(method: &Method, path: &str) -> Result<(&'static Route, Vec<String>), Mistake> {
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
pub(super) fn known_query(route: &Route, text: Option<&str>) -> Result<Vec<(&'static str, String)>, Mistake> {
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
