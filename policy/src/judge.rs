//! Decisions.
//!
//! A question comes with the sources that can concern it: what is attached to the caller, the policy of the bucket, the
//! lake's own. Of their policies those whose heads can match make up a *slice*; slices are kept, so that most decisions
//! find theirs ready. Then Cedar is asked. A policy whose evaluation fails would be skipped by Cedar, and where it forbids,
//! that would open what it closes: so any failure refuses.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid, PolicyId, PolicySet, Request,
    RestrictedExpression,
};
use kernel::{Caller, Timestamp, Who};

use crate::action::{Action, Group, Resource};
use crate::atom::Atom;
use crate::question::{ObjectView, Policies, Question};
use crate::source::{CallerScope, Compiled, Source};
use crate::{Permit, Refusal};

/// Slices kept at the most; then the cache starts over.
const SLICES_MAX: usize = 10_000;

/// The policies of which a decision is made.
struct Slice {
    policies: PolicySet,
    atoms: Vec<Arc<Atom>>,
    reasons: HashMap<PolicyId, String>,
    /// Whether any of them lets anybody in: without one, nobody need ask.
    permits: bool,
}

#[derive(PartialEq, Eq, Hash)]
struct SliceKey {
    sources: Vec<[u8; 32]>,
    action: Action,
    bucket: Option<String>,
    caller: CallerScope,
}

/// Answers questions. Shared by everybody who asks.
#[derive(Default)]
pub struct Judge {
    slices: Mutex<HashMap<SliceKey, Arc<Slice>>>,
}

/// What stands in the way of asking Cedar: an entity that cannot be built is a refusal like any other failure.
type Built<T> = Result<T, String>;

impl Judge {
    /// Answers a question by the policies that can concern it.
    ///
    /// # Errors
    /// [`Refusal`] when nothing allows it, something forbids it, or a policy could not be evaluated.
    pub fn decide(&self, question: &Question<'_>, policies: &Policies<'_>) -> Result<Permit, Refusal> {
        match question.caller.who() {
            Who::Root => return Ok(Permit::of(question)),
            Who::Lake(role) if role_allows(*role, question.action) => return Ok(Permit::of(question)),
            Who::Lake(_) => return Err(refusal(question, "it is not what this role is for".to_owned())),
            Who::Anonymous | Who::Principal(_) => {}
        }
        let sources = [policies.lake, policies.identity, policies.resource].concat();
        self.ask(question, &sources)?;
        for narrowing in policies.narrowing {
            self.ask(question, std::slice::from_ref(narrowing))?;
        }
        Ok(Permit::of(question))
    }

    /// Asks one set of policies.
    fn ask(&self, question: &Question<'_>, sources: &[Arc<Source>]) -> Result<(), Refusal> {
        let refuse = |reason: String| Err(refusal(question, reason));
        let Some(caller) = scope(question.caller) else {
            return refuse("the caller has no name".to_owned());
        };
        let slice = self.slice(question, caller, sources);
        if !slice.permits {
            return refuse("no policy allows it".to_owned());
        }
        match evaluate(&slice, question) {
            Ok(Verdict::Allowed) => Ok(()),
            Ok(Verdict::Refused(reason)) => refuse(reason),
            Err(error) => {
                tracing::error!(error, action = question.action.name(), "a policy could not be evaluated");
                refuse("a policy could not be evaluated".to_owned())
            }
        }
    }

    fn slice(&self, question: &Question<'_>, caller: CallerScope, sources: &[Arc<Source>]) -> Arc<Slice> {
        let bucket = question.bucket.map(|bucket| bucket.name.as_str().to_owned());
        let hashes = sources.iter().map(|source| *source.hash()).collect();
        let key = SliceKey { sources: hashes, action: question.action, bucket, caller };
        let kept = |slices: &HashMap<SliceKey, Arc<Slice>>| slices.get(&key).cloned();
        if let Some(slice) = kept(&self.slices.lock().unwrap_or_else(PoisonError::into_inner)) {
            return slice;
        }
        let concerning =
            sources.iter().flat_map(|source| source.concerning(question.action, key.bucket.as_deref(), &key.caller));
        let slice = Arc::new(Slice::of(concerning));
        let mut slices = self.slices.lock().unwrap_or_else(PoisonError::into_inner);
        if slices.len() >= SLICES_MAX {
            slices.clear();
        }
        slices.insert(key, Arc::clone(&slice));
        slice
    }
}

impl Slice {
    fn of<'c>(concerning: impl Iterator<Item = &'c Compiled>) -> Self {
        let mut slice = Self { policies: PolicySet::new(), atoms: Vec::new(), reasons: HashMap::new(), permits: false };
        let mut is_whole = true;
        for compiled in concerning {
            slice.permits |= !compiled.forbids();
            for atom in &compiled.atoms {
                if !slice.atoms.iter().any(|known| known.name == atom.name) {
                    slice.atoms.push(Arc::clone(atom));
                }
            }
            let (id, policy) = (compiled.policy.id().clone(), &compiled.policy);
            let reason = policy.annotation("reason").map_or_else(|| id.to_string(), str::to_owned);
            slice.reasons.insert(id, reason);
            is_whole &= slice.policies.add(policy.clone()).is_ok();
        }
        // Two sources with one name would hide a policy: then nobody is let in.
        slice.permits &= is_whole;
        slice
    }
}

enum Verdict {
    Allowed,
    Refused(String),
}

fn evaluate(slice: &Slice, question: &Question<'_>) -> Built<Verdict> {
    let uids = Uids::of(question)?;
    let context = context(question, &slice.atoms)?;
    let entities = Entities::from_entities(entities(question, &uids)?, None).map_err(|error| error.to_string())?;
    let request = Request::new(uids.caller, uids.action, uids.resource, context, None).map_err(|e| e.to_string())?;
    let response = Authorizer::new().is_authorized(&request, &slice.policies, &entities);
    if let Some(error) = response.diagnostics().errors().next() {
        return Err(error.to_string());
    }
    Ok(match response.decision() {
        Decision::Allow => Verdict::Allowed,
        Decision::Deny => {
            let mut reasons: Vec<&str> = response
                .diagnostics()
                .reason()
                .map(|id| slice.reasons.get(id).map_or("a policy forbids it", String::as_str))
                .collect();
            reasons.sort_unstable();
            Verdict::Refused(if reasons.is_empty() { "no policy allows it".to_owned() } else { reasons.join("; ") })
        }
    })
}

fn refusal(question: &Question<'_>, reason: String) -> Refusal {
    Refusal { caller: question.caller.clone(), action: question.action, reason: reason.into() }
}

/// Whether the lake may do this when it plays that role.
fn role_allows(role: kernel::Role, action: Action) -> bool {
    match role {
        kernel::Role::Sweep => action == Action::Sweep,
        kernel::Role::StaleUploads => matches!(
            action,
            Action::ListAllMyBuckets | Action::ListBucketMultipartUploads | Action::AbortMultipartUpload
        ),
        kernel::Role::Calendar => false,
    }
}

fn uid(kind: &str, id: &str) -> Built<EntityUid> {
    let name: EntityTypeName = format!("Lake::{kind}").parse().map_err(|error| format!("{error}"))?;
    Ok(EntityUid::from_type_name_and_id(name, EntityId::new(id)))
}

/// Who the caller is to policies; none for who is not bound by them.
fn scope(caller: &Caller) -> Option<CallerScope> {
    match caller.who() {
        Who::Anonymous => Some(CallerScope { uid: uid("Anonymous", "*").ok()?, within: Vec::new() }),
        Who::Root | Who::Lake(_) | Who::Principal(_) => None,
    }
}

/// The names of a question's entities.
struct Uids {
    caller: EntityUid,
    action: EntityUid,
    resource: EntityUid,
    bucket: Option<EntityUid>,
}

impl Uids {
    fn of(question: &Question<'_>) -> Built<Self> {
        let caller = scope(question.caller).ok_or("the caller has no name")?.uid;
        let bucket = question.bucket.map(|bucket| uid("Bucket", bucket.name.as_str())).transpose()?;
        let resource = match (question.action.resource(), &bucket, question.path()) {
            (Resource::Lake, ..) => uid("Lake", "*")?,
            (Resource::Bucket, Some(bucket), _) => bucket.clone(),
            (Resource::Object, Some(_), Some(path)) => uid("Object", &path)?,
            _ => return Err("the question names no resource of the action's kind".to_owned()),
        };
        Ok(Self { caller, action: uid("Action", question.action.name())?, resource, bucket })
    }
}

fn text(value: impl Into<String>) -> RestrictedExpression {
    RestrictedExpression::new_string(value.into())
}

fn long(value: u64) -> RestrictedExpression {
    RestrictedExpression::new_long(i64::try_from(value).unwrap_or(i64::MAX))
}

/// Dates beyond the year 9999 cannot be written; arithmetic on dates within cannot overflow.
fn instant(at: Timestamp) -> RestrictedExpression {
    const YEAR_10000_MS: i64 = 253_402_300_800_000;
    let millis = at.as_millis().clamp(0, YEAR_10000_MS - 1);
    let text = chrono::DateTime::from_timestamp_millis(millis).unwrap_or_default();
    RestrictedExpression::new_datetime(text.to_rfc3339_opts(chrono::SecondsFormat::Millis, true))
}

fn context(question: &Question<'_>, atoms: &[Arc<Atom>]) -> Built<Context> {
    let holding = atoms.iter().filter(|atom| atom.holds(question)).map(|atom| text(atom.name.as_str()));
    let mut pairs = vec![
        ("now".to_owned(), instant(question.now)),
        ("secureTransport".to_owned(), RestrictedExpression::new_bool(question.origin().secure_transport)),
        ("authMethod".to_owned(), text("none")),
        ("atoms".to_owned(), RestrictedExpression::new_set(holding)),
    ];
    if let Some(ip) = question.origin().source_ip {
        pairs.push(("sourceIp".to_owned(), RestrictedExpression::new_ip(ip.to_canonical().to_string())));
    }
    let key = |name: &str| question.origin().keys.get(name).cloned().unwrap_or_default();
    match question.action.group() {
        Group::List => pairs.push(("prefix".to_owned(), text(key("s3:prefix")))),
        Group::Write => {
            let length = question.origin().keys.get("content-length").and_then(|length| length.parse().ok());
            pairs.push(("contentLength".to_owned(), long(length.unwrap_or(0))));
            pairs.push(("encryption".to_owned(), text("sse-s3")));
        }
        Group::Read | Group::Manage => {}
    }
    Context::from_pairs(pairs).map_err(|error| error.to_string())
}

fn entities(question: &Question<'_>, uids: &Uids) -> Built<Vec<Entity>> {
    let mut entities = vec![Entity::with_uid(uids.caller.clone()), action_entity(question.action, &uids.action)?];
    let (Some(bucket), Some(uid_of_bucket)) = (question.bucket, &uids.bucket) else {
        return Ok(entities);
    };
    let owner = RestrictedExpression::new_entity_uid(uid("Account", "lake")?);
    let attributes = [
        ("name".to_owned(), text(bucket.name.as_str())),
        ("owner".to_owned(), owner.clone()),
        ("createdAt".to_owned(), instant(bucket.created)),
        ("versioning".to_owned(), text(bucket.versioning)),
        ("lockEnabled".to_owned(), RestrictedExpression::new_bool(false)),
        ("publicAccessBlocked".to_owned(), RestrictedExpression::new_bool(false)),
    ];
    let tags = bucket.tags.iter().map(|(name, value)| (name.to_owned(), text(value)));
    entities.push(entity(uid_of_bucket, attributes, [], tags)?);
    if let (Resource::Object, Some(object)) = (question.action.resource(), question.object) {
        entities.push(object_entity(question, uids, uid_of_bucket, object, owner)?);
    }
    Ok(entities)
}

fn object_entity(
    question: &Question<'_>,
    uids: &Uids,
    bucket: &EntityUid,
    object: ObjectView<'_>,
    owner: RestrictedExpression,
) -> Built<Entity> {
    let facts = object.facts;
    let attributes = [
        ("bucket".to_owned(), RestrictedExpression::new_entity_uid(bucket.clone())),
        ("owner".to_owned(), owner),
        ("key".to_owned(), text(object.key.as_str())),
        ("path".to_owned(), text(question.path().unwrap_or_default())),
        ("size".to_owned(), long(facts.map_or(0, |version| version.facts.bytes))),
        ("createdAt".to_owned(), instant(facts.map_or(question.now, |version| version.created))),
        ("classification".to_owned(), text("internal")),
        ("minReplicas".to_owned(), long(1)),
        ("legalHold".to_owned(), RestrictedExpression::new_bool(false)),
        ("encryption".to_owned(), text("sse-s3")),
    ];
    let tags = facts.into_iter().flat_map(|version| version.facts.tags.iter());
    let tags = tags.map(|(name, value)| (name.to_owned(), text(value)));
    entity(&uids.resource, attributes, [bucket.clone()], tags)
}

fn entity(
    uid: &EntityUid,
    attributes: impl IntoIterator<Item = (String, RestrictedExpression)>,
    parents: impl IntoIterator<Item = EntityUid>,
    tags: impl IntoIterator<Item = (String, RestrictedExpression)>,
) -> Built<Entity> {
    Entity::new_with_tags(uid.clone(), attributes, parents, tags).map_err(|error| error.to_string())
}

/// An action stands in its group, so that policies can name that.
fn action_entity(action: Action, named: &EntityUid) -> Built<Entity> {
    let group = uid("Action", action.group().name())?;
    Ok(Entity::new_no_attrs(named.clone(), HashSet::from([group])))
}
