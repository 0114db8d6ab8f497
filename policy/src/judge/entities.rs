//! What Cedar is told of a question: who asks, what about, and what is known of it.
//!
//! Names: in the lake's first account a user, group or role is known by its name alone, in any other by
//! `ACCOUNT/name`; the root of an account is the user `ACCOUNT/root`, with the attribute `isAccountRoot`.

use std::collections::HashSet;
use std::sync::{Arc, LazyLock};

use cedar_policy::{Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, RestrictedExpression};
use kernel::{AccountId, Caller, Embargo, Principal, PrincipalKind, RetentionMode, Timestamp, Who};

use super::{Built, composition};
use crate::action::{Action, Group, Resource};
use crate::atom::Atom;
use crate::question::{BucketView, ObjectView, Question};
use crate::source::CallerScope;

/// The tag that says how freely data may be shown, on an object, or on its bucket for all objects that have none.
const CLASSIFICATION: &str = "lake:classification";

/// The types of entities, parsed once.
struct Types {
    account: EntityTypeName,
    action: EntityTypeName,
    bucket: EntityTypeName,
    group: EntityTypeName,
    identity: EntityTypeName,
    object: EntityTypeName,
    role: EntityTypeName,
    user: EntityTypeName,
}

static TYPES: LazyLock<Option<Types>> = LazyLock::new(|| {
    let named = |name: &str| format!("Lake::{name}").parse().ok();
    Some(Types {
        account: named("Account")?,
        action: named("Action")?,
        bucket: named("Bucket")?,
        group: named("Group")?,
        identity: named("Identity")?,
        object: named("Object")?,
        role: named("Role")?,
        user: named("User")?,
    })
});

static LAKE: LazyLock<Option<EntityUid>> = LazyLock::new(|| "Lake::Lake::\"*\"".parse().ok());
static ANONYMOUS: LazyLock<Option<CallerScope>> =
    LazyLock::new(|| Some(CallerScope { uid: "Lake::Anonymous::\"*\"".parse().ok()?, within: Vec::new() }));

/// Every action with its group, in the order of [`Action::ALL`].
static ACTIONS: LazyLock<Vec<Entity>> = LazyLock::new(|| {
    let named = |name: &str| Some(EntityUid::from_type_name_and_id(types().ok()?.action.clone(), EntityId::new(name)));
    let entity = |action: Action| {
        let (action, group) = (named(action.name())?, named(action.group().name())?);
        Some(Entity::new_no_attrs(action, HashSet::from([group])))
    };
    Action::ALL.into_iter().filter_map(entity).collect()
});

fn types() -> Built<&'static Types> {
    TYPES.as_ref().ok_or_else(|| "the types of entities have no names".to_owned())
}

fn action_entity(action: Action) -> Built<&'static Entity> {
    ACTIONS.get(action as usize).ok_or_else(|| "the action has no entity".to_owned())
}

fn uid(kind: &EntityTypeName, id: impl AsRef<str>) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id))
}

/// The name by which policies in Cedar know a user, a group or a role.
pub fn entity_name(account: AccountId, name: &str) -> String {
    if account == AccountId::HOME { name.to_owned() } else { format!("{account}/{name}") }
}

/// The name by which policies in Cedar know whoever asks.
fn principal_name(principal: &Principal) -> String {
    match principal.kind {
        PrincipalKind::AccountRoot => format!("{}/root", principal.account),
        PrincipalKind::User | PrincipalKind::Role => entity_name(principal.account, &principal.name),
    }
}

/// Who the caller is to policies; none for who is not bound by them.
pub(super) fn scope(caller: &Caller) -> Option<CallerScope> {
    match caller.who() {
        Who::Anonymous => ANONYMOUS.clone(),
        Who::Principal(principal) => {
            let types = types().ok()?;
            let kind = if principal.kind == PrincipalKind::Role { &types.role } else { &types.user };
            let groups = principal.groups.iter();
            let mut within: Vec<_> =
                groups.map(|group| uid(&types.group, entity_name(principal.account, group))).collect();
            within.push(uid(&types.account, principal.account.to_string()));
            Some(CallerScope { uid: uid(kind, principal_name(principal)), within })
        }
        Who::Root | Who::Lake(_) => None,
    }
}

/// The names of a question's entities.
pub(super) struct Uids {
    caller: CallerScope,
    pub(super) action: EntityUid,
    pub(super) resource: EntityUid,
    bucket: Option<EntityUid>,
}

impl Uids {
    pub(super) fn of(question: &Question<'_>, caller: CallerScope) -> Built<Self> {
        let types = types()?;
        let bucket = question.bucket.map(|bucket| uid(&types.bucket, bucket.name.as_str()));
        let resource = match (question.action.resource(), &bucket, question.path()) {
            (Resource::Lake, ..) => LAKE.clone().ok_or("the lake has no name")?,
            (Resource::Bucket, Some(bucket), _) => bucket.clone(),
            (Resource::Object, Some(_), Some(path)) => uid(&types.object, path),
            (Resource::Identity, ..) => uid(&types.identity, question.identity_arn()),
            _ => return Err("the question names no resource of the action's kind".to_owned()),
        };
        Ok(Self { caller, action: action_entity(question.action)?.uid(), resource, bucket })
    }

    pub(super) fn caller(&self) -> EntityUid {
        self.caller.uid.clone()
    }
}

fn text(value: impl Into<String>) -> RestrictedExpression {
    RestrictedExpression::new_string(value.into())
}

fn truth(value: bool) -> RestrictedExpression {
    RestrictedExpression::new_bool(value)
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

fn account(account: AccountId) -> Built<RestrictedExpression> {
    Ok(RestrictedExpression::new_entity_uid(uid(&types()?.account, account.to_string())))
}

/// What is known of the request.
pub(super) fn context(question: &Question<'_>, atoms: &[Arc<Atom>]) -> Built<Context> {
    let holding = atoms.iter().filter(|atom| atom.holds(question)).map(|atom| text(atom.name.as_str()));
    let method = question.caller.principal().map_or("none", |principal| principal.method.name());
    let mut pairs = vec![
        ("now".to_owned(), instant(question.now)),
        ("secureTransport".to_owned(), truth(question.origin().secure_transport)),
        ("authMethod".to_owned(), text(method)),
        ("atoms".to_owned(), RestrictedExpression::new_set(holding)),
    ];
    if let Some(ip) = question.origin().source_ip {
        pairs.push(("sourceIp".to_owned(), RestrictedExpression::new_ip(ip.to_canonical().to_string())));
    }
    if let Some(purpose) = &question.origin().purpose {
        pairs.push(("purpose".to_owned(), text(purpose.as_str())));
    }
    let key = |name: &str| question.origin().keys.get(name).cloned().unwrap_or_default();
    match question.action.group() {
        Group::List => pairs.push(("prefix".to_owned(), text(key("s3:prefix")))),
        Group::Write => {
            let length = question.origin().keys.get("content-length").and_then(|length| length.parse().ok());
            pairs.push(("contentLength".to_owned(), long(length.unwrap_or(0))));
            pairs.push(("encryption".to_owned(), text("sse-s3")));
        }
        Group::Read | Group::Manage | Group::Raw => {}
    }
    Context::from_pairs(pairs).map_err(|error| error.to_string())
}

/// The entities of a question.
pub(super) fn entities(question: &Question<'_>, uids: &Uids) -> Built<Entities> {
    let mut entities = vec![caller_entity(question.caller, &uids.caller)?, action_entity(question.action)?.clone()];
    if let (Some(bucket), Some(uid_of_bucket)) = (question.bucket, &uids.bucket) {
        entities.push(bucket_entity(bucket, uid_of_bucket)?);
        if let (Resource::Object, Some(object)) = (question.action.resource(), question.object) {
            entities.push(object_entity(question, uids, uid_of_bucket, object)?);
        }
    }
    if question.action.resource() == Resource::Identity {
        entities.push(identity_entity(question, uids)?);
    }
    Entities::from_entities(entities, None).map_err(|error| error.to_string())
}

fn caller_entity(caller: &Caller, scope: &CallerScope) -> Built<Entity> {
    let Some(principal) = caller.principal() else {
        return Ok(Entity::with_uid(scope.uid.clone()));
    };
    let last = match principal.kind {
        PrincipalKind::Role => ("sessionArn".to_owned(), text(principal.arn.as_str())),
        kind => ("isAccountRoot".to_owned(), truth(kind == PrincipalKind::AccountRoot)),
    };
    let attributes = [
        ("account".to_owned(), account(principal.account)?),
        ("name".to_owned(), text(principal.name.as_str())),
        ("arn".to_owned(), text(principal.policy_arn.as_str())),
        last,
    ];
    let tags = principal.tags.iter().map(|(name, value)| (name.clone(), text(value.as_str())));
    entity(&scope.uid, attributes, scope.within.iter().cloned(), tags)
}

fn bucket_entity(bucket: BucketView<'_>, uid: &EntityUid) -> Built<Entity> {
    let attributes = [
        ("name".to_owned(), text(bucket.name.as_str())),
        ("owner".to_owned(), account(bucket.owner)?),
        ("createdAt".to_owned(), instant(bucket.created)),
        ("versioning".to_owned(), text(bucket.versioning)),
        ("lockEnabled".to_owned(), truth(bucket.locks)),
        (
            "publicAccessBlocked".to_owned(),
            truth(bucket.block.ignore_public_acls && bucket.block.restrict_public_buckets),
        ),
    ];
    let tags = bucket.tags.iter().map(|(name, value)| (name.to_owned(), text(value)));
    entity(uid, attributes, [], tags)
}

fn object_entity(question: &Question<'_>, uids: &Uids, bucket: &EntityUid, object: ObjectView<'_>) -> Built<Entity> {
    let facts = object.facts;
    let owner = composition::object_owner(question).ok_or("the object has no owner")?;
    let tag = |name: &str| facts.and_then(|version| version.facts.tags.iter().find(|(tag, _)| *tag == name));
    let of_bucket = |name: &str| question.bucket.and_then(|bucket| bucket.tags.iter().find(|(tag, _)| *tag == name));
    let class = tag(CLASSIFICATION).or_else(|| of_bucket(CLASSIFICATION)).map_or("internal", |(_, value)| value);
    let mut attributes = vec![
        ("bucket".to_owned(), RestrictedExpression::new_entity_uid(bucket.clone())),
        ("owner".to_owned(), account(owner)?),
        ("key".to_owned(), text(object.key.as_str())),
        ("path".to_owned(), text(question.path().unwrap_or_default())),
        ("size".to_owned(), long(facts.map_or(0, |version| version.facts.bytes))),
        ("createdAt".to_owned(), instant(facts.map_or(question.now, |version| version.created))),
        ("classification".to_owned(), text(class)),
        ("minReplicas".to_owned(), long(1)),
        ("legalHold".to_owned(), truth(facts.is_some_and(|version| version.facts.protection.legal_hold))),
        ("encryption".to_owned(), text("sse-s3")),
    ];
    if let Some(protection) = facts.map(|version| &version.facts.protection) {
        if let Some(embargo) = &protection.embargo {
            let of = question.bucket.map_or(AccountId::HOME, |bucket| bucket.owner);
            attributes.extend(embargo_attributes(embargo, of)?);
        }
        if let Some(retention) = protection.retention {
            let mode = match retention.mode {
                RetentionMode::Governance => "GOVERNANCE",
                RetentionMode::Compliance => "COMPLIANCE",
            };
            attributes.push(("retainUntil".to_owned(), instant(retention.until)));
            attributes.push(("retentionMode".to_owned(), text(mode)));
        }
    }
    let tags = facts.into_iter().flat_map(|version| version.facts.tags.iter());
    let tags = tags.map(|(name, value)| (name.to_owned(), text(value)));
    entity(&uids.resource, attributes, [bucket.clone()], tags)
}

/// Until when and to whom an object is closed. Groups are those of the bucket's account, unless their names say another.
fn embargo_attributes(embargo: &Embargo, of: AccountId) -> Built<Vec<(String, RestrictedExpression)>> {
    let group = &types()?.group;
    let is_qualified =
        |name: &str| name.split_once('/').is_some_and(|(account, _)| account.parse::<AccountId>().is_ok());
    let named = |name: &String| if is_qualified(name) { name.clone() } else { entity_name(of, name) };
    let readers = embargo.readers.iter().map(|name| RestrictedExpression::new_entity_uid(uid(group, named(name))));
    let mut attributes = vec![
        ("embargoUntil".to_owned(), instant(embargo.until)),
        ("embargoReaders".to_owned(), RestrictedExpression::new_set(readers)),
    ];
    if let Some(lift) = &embargo.lift {
        let record = RestrictedExpression::new_record([
            ("by".to_owned(), text(lift.by.as_str())),
            ("at".to_owned(), instant(lift.at)),
            ("reason".to_owned(), text(lift.reason.as_str())),
        ]);
        attributes.push(("embargoLift".to_owned(), record.map_err(|error| error.to_string())?));
    }
    Ok(attributes)
}

fn identity_entity(question: &Question<'_>, uids: &Uids) -> Built<Entity> {
    let owner = composition::owner(question).ok_or("the identity has no account")?;
    let attributes =
        [("account".to_owned(), account(owner)?), ("arn".to_owned(), text(question.identity_arn().into_owned()))];
    entity(&uids.resource, attributes, [uid(&types()?.account, owner.to_string())], [])
}

fn entity(
    uid: &EntityUid,
    attributes: impl IntoIterator<Item = (String, RestrictedExpression)>,
    parents: impl IntoIterator<Item = EntityUid>,
    tags: impl IntoIterator<Item = (String, RestrictedExpression)>,
) -> Built<Entity> {
    Entity::new_with_tags(uid.clone(), attributes, parents, tags).map_err(|error| error.to_string())
}
