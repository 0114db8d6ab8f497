//! What Cedar is told of a question: who asks, what about, and what is known of it.
//!
//! Names: in the lake's first account a user, group or role is known by its name alone, in any other by
//! `ACCOUNT/name`; the root of an account is the user `ACCOUNT/root`, with the attribute `isAccountRoot`.

use std::collections::HashSet;
use std::sync::{Arc, LazyLock};

use cedar_policy::{Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, RestrictedExpression};
use kernel::{AccountId, Caller, Embargo, EmbargoReader, Principal, PrincipalKind, RetentionMode, Timestamp, Who};

use super::quick::Telling;
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

/// The name of a reader as policies have it: one without an account is of the bucket's.
fn reader_name(name: &str, of: AccountId) -> String {
    match (EmbargoReader::account(name), name.split_once('/')) {
        // The root of an account always goes by its account's number.
        (Some(AccountId::HOME), Some((_, rest))) if rest != "root" => rest.to_owned(),
        (Some(_), _) => name.to_owned(),
        (None, _) => entity_name(of, name),
    }
}

/// Whether a caller is among the readers of an embargo in a bucket of an account: as `base.cedar` says it.
pub(crate) fn is_reader(caller: &Caller, embargo: &Embargo, of: AccountId) -> bool {
    let Some(principal) = caller.principal() else { return false };
    embargo.readers.iter().any(|reader| {
        let name = reader_name(reader.name_and_id().0, of);
        let is_called_so = || principal_name(principal) == name && !is_anothers(reader, &name, caller);
        match reader {
            EmbargoReader::Group(_) => {
                principal.groups.iter().any(|group| entity_name(principal.account, group) == name)
            }
            EmbargoReader::User(_) => principal.kind != PrincipalKind::Role && is_called_so(),
            EmbargoReader::Role(_) => principal.kind == PrincipalKind::Role && is_called_so(),
        }
    })
}

/// Whether a reader of this name is somebody else than the caller who has the name now.
fn is_anothers(reader: &EmbargoReader, name: &str, caller: &Caller) -> bool {
    let (Some(principal), (_, Some(id))) = (caller.principal(), reader.name_and_id()) else { return false };
    principal_name(principal) == name && principal.id() != id
}

/// The name by which policies in Cedar know whoever asks.
fn principal_name(principal: &Principal) -> String {
    match principal.kind {
        PrincipalKind::AccountRoot => format!("{}/root", principal.account),
        PrincipalKind::User | PrincipalKind::Role => entity_name(principal.account, &principal.name),
    }
}

/// Who the caller is to policies; none for who is not bound by them.
pub(crate) fn scope(caller: &Caller) -> Option<CallerScope> {
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
pub(super) struct Uids<'a> {
    caller: &'a CallerScope,
    pub(super) action: EntityUid,
    pub(super) resource: EntityUid,
    bucket: Option<EntityUid>,
}

/// Whether a question names something of its action's kind.
pub(super) fn names_resource(question: &Question<'_>) -> bool {
    match question.action.resource() {
        Resource::Lake | Resource::Identity => true,
        Resource::Bucket => question.bucket.is_some(),
        Resource::Object => question.bucket.is_some() && question.object.is_some(),
    }
}

impl<'a> Uids<'a> {
    pub(super) fn of(question: &Question<'_>, caller: &'a CallerScope) -> Built<Self> {
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

/// What is told of something, by its name; what nobody asks for is not made.
struct Attributes<'t> {
    told: Vec<(String, RestrictedExpression)>,
    telling: Telling<'t>,
}

impl<'t> Attributes<'t> {
    fn new(telling: Telling<'t>) -> Self {
        Self { told: Vec::new(), telling }
    }

    fn tell(&mut self, name: &str, value: impl FnOnce() -> RestrictedExpression) {
        if self.telling.of(name) {
            self.told.push((name.to_owned(), value()));
        }
    }
}

/// What is known of the request.
pub(super) fn context(question: &Question<'_>, atoms: &[Arc<Atom>], telling: Telling<'_>) -> Built<Context> {
    let origin = question.origin();
    let mut context = Attributes::new(telling);
    context.tell("now", || instant(question.now));
    context.tell("secureTransport", || truth(origin.secure_transport));
    context
        .tell("authMethod", || text(question.caller.principal().map_or("none", |principal| principal.method.name())));
    context.tell("atoms", || {
        let holding = atoms.iter().filter(|atom| atom.holds(question));
        RestrictedExpression::new_set(holding.map(|atom| text(atom.name.as_str())))
    });
    if let Some(ip) = origin.source_ip {
        context.tell("sourceIp", || RestrictedExpression::new_ip(ip.to_canonical().to_string()));
    }
    if let Some(purpose) = &origin.purpose {
        context.tell("purpose", || text(purpose.as_str()));
    }
    let key = |name: &str| origin.keys.get(name).map_or("", String::as_str);
    match question.action.group() {
        Group::List => context.tell("prefix", || text(key("s3:prefix"))),
        Group::Write => {
            context.tell("contentLength", || long(key("content-length").parse().unwrap_or(0)));
            context.tell("encryption", || text("sse-s3"));
        }
        Group::Read | Group::Manage | Group::Raw => {}
    }
    Context::from_pairs(context.told).map_err(|error| error.to_string())
}

/// The entities of a question.
pub(super) fn entities(question: &Question<'_>, uids: &Uids<'_>, telling: Telling<'_>) -> Built<Entities> {
    let mut entities = vec![caller_entity(question.caller, uids.caller, telling)?];
    if telling.of("action") {
        entities.push(action_entity(question.action)?.clone());
    }
    if let (Some(bucket), Some(uid_of_bucket)) = (question.bucket, &uids.bucket) {
        let is_object = question.action.resource() == Resource::Object;
        if !is_object || telling.of("bucket") {
            entities.push(bucket_entity(bucket, uid_of_bucket, telling)?);
        }
        if let (true, Some(object)) = (is_object, question.object) {
            entities.push(object_entity(question, uids, uid_of_bucket, object, telling)?);
        }
    }
    if question.action.resource() == Resource::Identity {
        entities.push(identity_entity(question, uids, telling)?);
    }
    Entities::from_entities(entities, None).map_err(|error| error.to_string())
}

fn caller_entity(caller: &Caller, scope: &CallerScope, telling: Telling<'_>) -> Built<Entity> {
    let Some(principal) = caller.principal() else {
        return Ok(Entity::with_uid(scope.uid.clone()));
    };
    let mut attributes = Attributes::new(telling);
    let account = account(principal.account)?;
    attributes.tell("account", || account);
    attributes.tell("name", || text(principal.name.as_str()));
    attributes.tell("arn", || text(principal.policy_arn.as_str()));
    match principal.kind {
        PrincipalKind::Role => attributes.tell("sessionArn", || text(principal.arn.as_str())),
        kind => attributes.tell("isAccountRoot", || truth(kind == PrincipalKind::AccountRoot)),
    }
    let tags = principal.tags.iter().filter(|_| telling.of("tags"));
    let tags = tags.map(|(name, value)| (name.clone(), text(value.as_str())));
    entity(&scope.uid, attributes, scope.within.iter().cloned(), tags)
}

fn bucket_entity(bucket: BucketView<'_>, uid: &EntityUid, telling: Telling<'_>) -> Built<Entity> {
    let mut attributes = Attributes::new(telling);
    let owner = account(bucket.owner)?;
    let is_blocked = bucket.block.ignore_public_acls && bucket.block.restrict_public_buckets;
    attributes.tell("name", || text(bucket.name.as_str()));
    attributes.tell("owner", || owner);
    attributes.tell("createdAt", || instant(bucket.created));
    attributes.tell("versioning", || text(bucket.versioning));
    attributes.tell("lockEnabled", || truth(bucket.locks));
    attributes.tell("publicAccessBlocked", || truth(is_blocked));
    let tags = bucket.tags.iter().filter(|_| telling.of("tags"));
    entity(uid, attributes, [], tags.map(|(name, value)| (name.to_owned(), text(value))))
}

fn object_entity(
    question: &Question<'_>,
    uids: &Uids<'_>,
    bucket: &EntityUid,
    object: ObjectView<'_>,
    telling: Telling<'_>,
) -> Built<Entity> {
    let facts = object.facts;
    let owner = account(composition::object_owner(question).ok_or("the object has no owner")?)?;
    let mut attributes = Attributes::new(telling);
    attributes.tell("bucket", || RestrictedExpression::new_entity_uid(bucket.clone()));
    attributes.tell("owner", || owner);
    attributes.tell("key", || text(object.key.as_str()));
    attributes.tell("path", || text(question.path().unwrap_or_default()));
    attributes.tell("size", || long(facts.map_or(0, |version| version.facts.bytes)));
    attributes.tell("createdAt", || instant(facts.map_or(question.now, |version| version.created)));
    attributes.tell("classification", || text(classification(question, object)));
    attributes.tell("minReplicas", || long(1));
    attributes.tell("legalHold", || truth(facts.is_some_and(|version| version.facts.protection.is_held())));
    attributes.tell("encryption", || text("sse-s3"));
    if let Some(protection) = facts.map(|version| &version.facts.protection) {
        if let Some(embargo) = &protection.embargo {
            let of = question.bucket.map_or(AccountId::HOME, |bucket| bucket.owner);
            attributes.told.extend(embargo_attributes(embargo, of, question.caller)?);
        }
        if let Some(retention) = protection.retention {
            let mode = match retention.mode {
                RetentionMode::Governance => "GOVERNANCE",
                RetentionMode::Compliance => "COMPLIANCE",
            };
            attributes.tell("retainUntil", || instant(retention.until));
            attributes.tell("retentionMode", || text(mode));
        }
    }
    let tags = facts.into_iter().filter(|_| telling.of("tags")).flat_map(|version| version.facts.tags.iter());
    let tags = tags.map(|(name, value)| (name.to_owned(), text(value)));
    entity(&uids.resource, attributes, [bucket.clone()], tags)
}

/// How freely an object may be shown: by its tag, else by that of its bucket, else `internal`.
fn classification<'a>(question: &Question<'a>, object: ObjectView<'a>) -> &'a str {
    let find = |tags: &'a kernel::Tags| tags.iter().find(|(name, _)| *name == CLASSIFICATION).map(|(_, value)| value);
    let of_object = object.facts.and_then(|version| find(&version.facts.tags));
    of_object.or_else(|| find(question.bucket?.tags)).unwrap_or("internal")
}

/// Until when and to whom an object is closed. Readers are of the bucket's account, unless their names say another; who is
/// no more, and whose name the caller has, is none of them.
fn embargo_attributes(embargo: &Embargo, of: AccountId, caller: &Caller) -> Built<Vec<(String, RestrictedExpression)>> {
    let types = types()?;
    let (mut groups, mut users, mut roles) = (Vec::new(), Vec::new(), Vec::new());
    for reader in &embargo.readers {
        let (readers, kind) = match reader {
            EmbargoReader::Group(_) => (&mut groups, &types.group),
            EmbargoReader::User(_) => (&mut users, &types.user),
            EmbargoReader::Role(_) => (&mut roles, &types.role),
        };
        let name = reader_name(reader.name_and_id().0, of);
        if !is_anothers(reader, &name, caller) {
            readers.push(RestrictedExpression::new_entity_uid(uid(kind, name)));
        }
    }
    let mut attributes = vec![
        ("embargoUntil".to_owned(), instant(embargo.until)),
        ("embargoReaders".to_owned(), RestrictedExpression::new_set(groups)),
        ("embargoUsers".to_owned(), RestrictedExpression::new_set(users)),
        ("embargoRoles".to_owned(), RestrictedExpression::new_set(roles)),
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

fn identity_entity(question: &Question<'_>, uids: &Uids<'_>, telling: Telling<'_>) -> Built<Entity> {
    let owner = composition::owner(question).ok_or("the identity has no account")?;
    let (mut attributes, of) = (Attributes::new(telling), account(owner)?);
    attributes.tell("account", || of);
    attributes.tell("arn", || text(question.identity_arn().into_owned()));
    entity(&uids.resource, attributes, [uid(&types()?.account, owner.to_string())], [])
}

fn entity(
    uid: &EntityUid,
    attributes: Attributes<'_>,
    parents: impl IntoIterator<Item = EntityUid>,
    tags: impl IntoIterator<Item = (String, RestrictedExpression)>,
) -> Built<Entity> {
    Entity::new_with_tags(uid.clone(), attributes.told, parents, tags).map_err(|error| error.to_string())
}
