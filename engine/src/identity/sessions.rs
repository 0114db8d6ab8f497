//! Sessions: temporary keys. Nothing is stored of a session; its token carries, sealed, who it is for and until when, and
//! whoever it was made for is looked up again at each use, so that who is removed is out at once.
//!
//! Source: AWS STS API Reference.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use kernel::{AccountId, AuthMethod, Caller, Narrowing, Principal, PrincipalKind, Timestamp, Who};
use policy::{Action, Attachment, Names, OperationKeys, Source};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::credentials::{CredentialFault, Outside, outside_principal, root_principal, user_principal};
use super::handed_on::{HandedOn, SOURCE_IDENTITY};
use super::records::{Account, ManagedPolicy, Role, User, account_id, within};
use super::roster::Roster;
use super::wish::Wish;
use super::{IdentityFault, naming, users};
use crate::audit;
use crate::leave::Ask;
use crate::{Engine, Error, Result};

const SESSION_SECONDS_MIN: u32 = 900;
const SESSION_SECONDS_DEFAULT: u32 = 3_600;
/// The longest session of a user. Source: AWS STS API, *GetSessionToken*.
const USER_SESSION_SECONDS_MAX: u32 = 129_600;
/// The unique id of whoever holds the root keys of the lake, as the audit names him.
const ROOT_ID: &str = "root";
/// Managed policies that narrow one session. Source: AWS STS API, *AssumeRole*, `PolicyArns`.
const POLICY_ARNS_MAX: usize = 10;

/// What a session is bounded by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SessionBounds<'a> {
    /// Seconds; none for 3,600.
    pub seconds: Option<u32>,
    /// A policy that narrows it.
    pub policy: Option<&'a str>,
    /// ARNs of managed policies of the role's account that narrow it.
    pub policy_arns: Vec<String>,
}

/// Takes on a role.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AssumeRole<'a> {
    /// Which.
    pub role_arn: &'a str,
    /// What the session is called: 2 to 64 characters.
    pub session_name: &'a str,
    /// Tags of the session, over those of the role.
    pub tags: BTreeMap<String, String>,
    /// Names of those of `tags` that every session begun from this one has too.
    pub transitive_tags: Vec<String>,
    /// What the role's owner has agreed upon with the caller, so that nobody else gets the caller to take the role on for
    /// them: 2 to 1,224 characters.
    pub external_id: Option<&'a str>,
    /// Who is behind the session and all that are begun from it: 2 to 64 characters.
    pub source_identity: Option<&'a str>,
    /// What it is bounded by.
    pub bounds: SessionBounds<'a>,
}

impl AssumeRole<'_> {
    /// What conditions may ask about the request.
    fn keys(&self, handed_on: &HandedOn) -> OperationKeys {
        let keys = handed_on.keys().with("sts:RoleSessionName", self.session_name);
        let keys = keys.with("sts:DurationSeconds", wanted_seconds(self.bounds.seconds));
        match self.external_id {
            Some(id) => keys.with("sts:ExternalId", id),
            None => keys,
        }
    }
}

/// Temporary keys. The secret and the token are shown this once.
#[derive(Debug, Clone)]
pub struct Session {
    /// `ASIA…`
    pub access_key: String,
    /// The secret.
    pub secret: Zeroizing<String>,
    /// What must come with each request.
    pub token: Zeroizing<String>,
    /// When it ends.
    pub expires: Timestamp,
}

/// A session, and who it is.
#[derive(Debug, Clone)]
pub struct Assumed {
    /// The keys.
    pub session: Session,
    /// `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION`
    pub arn: String,
    /// The role's unique id, a colon, and the name of the session.
    pub id: String,
    /// Who is behind it, where that was said.
    pub source_identity: Option<String>,
}

/// Who a session is for.
#[derive(Debug, Clone, Serialize, Deserialize)]
enum For {
    Root,
    User { name: String, id: String },
    Role { name: String, id: String, session: String },
    Outside { provider: String, subject: String },
}

/// What a token carries.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Carried {
    of: For,
    account: String,
    pub(super) expires_ms: i64,
    /// When it began; 0 in tokens of servers that did not say.
    #[serde(default)]
    issued_ms: i64,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    groups: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    tags: BTreeMap<String, String>,
    /// Names of those tags that it hands on.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    transitive_tags: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    keys: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    narrowed: Vec<Arc<str>>,
    /// What the key was narrowed by that began it, or that began what began it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    key_narrowed: Vec<Arc<str>>,
    /// The provider outside that let in whoever began it as a role: the session ends where the lake asks it no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    provider: Option<String>,
}

impl Carried {
    /// The provider outside that it rests on.
    pub(super) fn provider(&self) -> Option<&str> {
        match &self.of {
            For::Outside { provider, .. } => Some(provider),
            For::Root | For::User { .. } | For::Role { .. } => self.provider.as_deref(),
        }
    }

    /// Who it is now; nobody where it was removed, or another of its name was made.
    pub(super) fn principal(&self, roster: &Roster) -> std::result::Result<Principal, CredentialFault> {
        let account = account_id(&self.account);
        let mut principal = match &self.of {
            For::Root => {
                roster.find::<Account>(&self.account).map_err(|_| CredentialFault::Token)?;
                root_principal(account)
            }
            For::User { name, id } => {
                let user = roster.of::<User>(account, name).ok().filter(|user| user.id == *id);
                user_principal(user.ok_or(CredentialFault::Token)?)
            }
            For::Role { name, id, session } => {
                let role = roster.of::<Role>(account, name).ok().filter(|role| role.id == *id);
                role_principal(role.ok_or(CredentialFault::Token)?, session)
            }
            For::Outside { provider, subject } => outside_principal(Outside {
                provider: provider.clone(),
                subject: subject.clone(),
                groups: self.groups.clone(),
                tags: BTreeMap::new(),
                keys: BTreeMap::new(),
                method: AuthMethod::Session,
            }),
        };
        principal.tags = users::tagged(principal.tags, self.tags.clone());
        principal.transitive_tags.clone_from(&self.transitive_tags);
        principal.keys.extend(self.keys.clone());
        if self.issued_ms > 0 {
            principal.keys.insert("aws:tokenissuetime".to_owned(), (self.issued_ms / 1_000).to_string());
        }
        principal.method = AuthMethod::Session;
        let by = |name| move |document: &Arc<str>| Narrowing { name, document: Arc::clone(document) };
        principal.narrowed.extend(self.narrowed.iter().map(by(Narrowing::SESSION_POLICY)));
        principal.narrowed.extend(self.key_narrowed.iter().map(by(Narrowing::SERVICE_ACCOUNT)));
        Ok(principal)
    }
}

pub(crate) fn role_principal(role: &Role, session: &str) -> Principal {
    Principal {
        account: account_id(&role.account),
        kind: PrincipalKind::Role,
        name: role.name.clone(),
        arn: format!("arn:aws:sts::{}:assumed-role/{}/{session}", role.account, role.name),
        policy_arn: role.arn(),
        unique_id: format!("{}:{session}", role.id),
        groups: BTreeSet::new(),
        tags: role.tags.clone(),
        transitive_tags: BTreeSet::new(),
        method: AuthMethod::Session,
        narrowed: Vec::new(),
        keys: BTreeMap::new(),
    }
}

impl Engine {
    /// Takes on a role. The session may do what the role may, within its own policy, and within what a narrowed key is
    /// narrowed to that begins it; what narrows the caller's session alone ends there, as in AWS.
    ///
    /// # Errors
    /// `Denied` where the role does not trust the caller or there is none; `Identity` for a value that cannot be.
    pub fn assume_role(&self, caller: &Caller, assume: &AssumeRole<'_>) -> Result<Assumed> {
        self.assume(caller, Action::AssumeRole, assume, None)
    }

    /// Takes on a role as somebody whom a provider outside has let in. Which right that is depends on what was shown.
    ///
    /// # Errors
    /// As [`Engine::assume_role`].
    pub fn assume_role_from_outside(
        &self,
        caller: &Caller,
        outside: Outside,
        assume: &AssumeRole<'_>,
    ) -> Result<Assumed> {
        let action = match outside.method {
            AuthMethod::Token => Action::AssumeRoleWithWebIdentity,
            AuthMethod::Certificate => Action::AssumeRoleWithCertificate,
            AuthMethod::Password => Action::AssumeRoleWithLdapIdentity,
            AuthMethod::AccessKey | AuthMethod::Session => Action::AssumeRole,
        };
        let (keys, provider) = (outside.keys.clone(), outside.provider.clone());
        let outside = Arc::new(outside_principal(outside));
        let caller = Caller::new(Who::Principal(outside), Arc::new(caller.origin().clone()));
        self.assume(&caller, action, assume, Some((provider, keys)))
    }

    fn assume(
        &self,
        caller: &Caller,
        action: Action,
        assume: &AssumeRole<'_>,
        outside: Option<(String, BTreeMap<String, String>)>,
    ) -> Result<Assumed> {
        let (provider, keys) = outside.unzip();
        let mut keys = keys.unwrap_or_default();
        naming::session_name(assume.session_name)?;
        let handed_on = HandedOn::to(caller, assume)?;
        let roster = self.identities.roster();
        let found = naming::parse_arn(assume.role_arn, "role")
            .and_then(|(account, name)| roster.find::<Role>(&within(account, name)).ok())
            .filter(|role| role.arn() == assume.role_arn);
        let trust = match found {
            Some(role) => Some(Arc::new(trust_of(role)?)),
            None => None,
        };
        let asked = assume.keys(&handed_on).or(found.map(Role::keys).unwrap_or_default());
        let ask = |action| {
            let (identity, keys) = (Some(assume.role_arn), Some(&asked));
            self.ask(caller, Ask { identity, trust: trust.as_ref(), keys, ..Ask::lake(action) })
        };
        ask(action)?;
        // What the caller's session hands on is asked for anew, or a role would get tags that it does not trust.
        if !handed_on.tags.is_empty() {
            ask(Action::TagSession)?;
        }
        if handed_on.source_identity.is_some() {
            ask(Action::SetSourceIdentity)?;
        }
        let role = found.ok_or_else(|| IdentityFault::missing("role", assume.role_arn))?;
        if action == Action::AssumeRoleWithWebIdentity && !self.takes_audience(&role.account, &keys) {
            let reason = "the account's OpenID Connect provider takes no tokens for this audience";
            return Err(Self::beyond_bounds(caller, action, reason));
        }
        let outside_max = provider.as_deref().map_or(Ok(u32::MAX), |provider| self.outside_seconds_max(provider))?;
        let is_chained = caller.principal().is_some_and(|caller| caller.kind == PrincipalKind::Role);
        let seconds_max = if is_chained { SESSION_SECONDS_DEFAULT } else { role.session_max_seconds.min(outside_max) };
        let HandedOn { tags, transitive, source_identity } = handed_on;
        keys.extend(source_identity.clone().map(|identity| (SOURCE_IDENTITY.to_owned(), identity)));
        let session = assume.session_name.to_owned();
        let carried = Carried {
            of: For::Role { name: role.name.clone(), id: role.id.clone(), session },
            account: role.account.clone(),
            expires_ms: 0,
            issued_ms: 0,
            groups: BTreeSet::new(),
            tags,
            transitive_tags: transitive,
            keys,
            narrowed: self.narrowing(&roster, account_id(&role.account), &assume.bounds)?,
            key_narrowed: narrowed_by(caller, true),
            provider,
        };
        let principal = role_principal(role, assume.session_name);
        let session = self.begin(carried, assume.bounds.seconds, seconds_max)?;
        Ok(Assumed { session, arn: principal.arn, id: principal.unique_id, source_identity })
    }

    /// Temporary keys of the caller, who may be anybody with a name but a role. Who shows temporary keys gets no others:
    /// a session that could renew itself would never end.
    ///
    /// # Errors
    /// `Denied`, `Identity` for a duration that cannot be.
    pub fn session_token(&self, caller: &Caller, seconds: Option<u32>) -> Result<Session> {
        let keys = OperationKeys::default().with("sts:DurationSeconds", wanted_seconds(seconds));
        self.permit_identity(caller, Wish::with(Action::GetSessionToken, keys), &identity_arn(caller))?;
        let refused = |why: &str| Err(Error::from(IdentityFault::Value(why.to_owned())));
        let Some(principal) = caller.principal() else {
            return refused("the root keys of a lake have no sessions: make an account or a user");
        };
        if principal.method == AuthMethod::Session {
            let reason = "temporary keys ask for no others";
            return Err(Self::beyond_bounds(caller, Action::GetSessionToken, reason));
        }
        let of = match principal.kind {
            PrincipalKind::AccountRoot => For::Root,
            PrincipalKind::Role => return refused("a role has no keys but those of its sessions"),
            PrincipalKind::User => match principal.name.split_once(':') {
                Some((provider, subject)) => {
                    For::Outside { provider: provider.to_owned(), subject: subject.to_owned() }
                }
                None => For::User { name: principal.name.clone(), id: principal.unique_id.clone() },
            },
        };
        let is_outside = matches!(of, For::Outside { .. });
        let carried = Carried {
            of,
            account: principal.account.to_string(),
            expires_ms: 0,
            issued_ms: 0,
            groups: if is_outside { principal.groups.clone() } else { BTreeSet::new() },
            tags: if is_outside { principal.tags.clone() } else { BTreeMap::new() },
            transitive_tags: BTreeSet::new(),
            keys: principal.keys.clone(),
            narrowed: narrowed_by(caller, false),
            key_narrowed: narrowed_by(caller, true),
            provider: None,
        };
        let seconds_max =
            carried.provider().map_or(Ok(USER_SESSION_SECONDS_MAX), |name| self.outside_seconds_max(name))?;
        self.begin(carried, seconds, seconds_max)
    }

    /// Temporary keys of a user that has just shown who it is, bounded by `bound` besides the bounds it asks for.
    pub(super) fn session_of_user(
        &self,
        user: &Principal,
        bound: Option<&str>,
        bounds: &SessionBounds<'_>,
    ) -> Result<Session> {
        let mut narrowed = self.narrowing(&self.identities.roster(), user.account, bounds)?;
        narrowed.extend(bound.map(Arc::from));
        let carried = Carried {
            of: For::User { name: user.name.clone(), id: user.unique_id.clone() },
            account: user.account.to_string(),
            expires_ms: 0,
            issued_ms: 0,
            groups: BTreeSet::new(),
            tags: BTreeMap::new(),
            transitive_tags: BTreeSet::new(),
            keys: BTreeMap::new(),
            narrowed,
            key_narrowed: Vec::new(),
            provider: None,
        };
        self.begin(carried, bounds.seconds, USER_SESSION_SECONDS_MAX)
    }

    /// Temporary keys for somebody whom a provider outside has let in, without a role: what it may do is said by the
    /// groups that its claims stand for.
    ///
    /// # Errors
    /// `Identity` for a value that cannot be.
    pub fn session_from_outside(&self, outside: Outside, bounds: &SessionBounds<'_>) -> Result<Assumed> {
        let roster = self.identities.roster();
        let narrowed = self.narrowing(&roster, AccountId::HOME, bounds)?;
        let Outside { provider, subject, groups, tags, keys, .. } = outside.clone();
        let carried = Carried {
            of: For::Outside { provider, subject },
            account: AccountId::HOME.to_string(),
            expires_ms: 0,
            issued_ms: 0,
            groups,
            tags,
            transitive_tags: BTreeSet::new(),
            keys,
            narrowed,
            key_narrowed: Vec::new(),
            provider: None,
        };
        let seconds_max = self.outside_seconds_max(&outside.provider)?;
        let principal = outside_principal(outside);
        let session = self.begin(carried, bounds.seconds, seconds_max)?;
        Ok(Assumed { session, arn: principal.arn, id: principal.unique_id, source_identity: None })
    }

    /// Who the caller is: its account, its ARN and its unique id. The holder of the lake's root keys has the ARN of the first
    /// account's root, which tools know, and an id that no other has: `root`.
    ///
    /// # Errors
    /// `Denied`.
    pub fn caller_identity(&self, caller: &Caller) -> Result<(AccountId, String, String)> {
        self.permit_identity(caller, Action::GetCallerIdentity, &identity_arn(caller))?;
        let root = root_principal(self.account_of(caller));
        let principal = caller.principal().unwrap_or(&root);
        let id = if caller.is_root() { ROOT_ID } else { &principal.unique_id };
        Ok((principal.account, principal.arn.clone(), id.to_owned()))
    }

    /// Says which providers outside the lake believes, by their names in the configuration, and how long a session may last
    /// that begins with one: 15 minutes to 36 hours. Sessions of others are over. Said once, before the first request.
    pub fn believe_providers(&self, providers: BTreeMap<String, Duration>) {
        // Whoever says it again is not heard: what a session rests on does not change under it.
        let _ = self.identities.providers.set(providers);
    }

    /// Whether a provider is one that the lake believes.
    pub(super) fn believes(&self, provider: &str) -> bool {
        self.identities.providers.get().is_some_and(|known| known.contains_key(provider))
    }

    /// The longest session that begins with a provider, in seconds.
    fn outside_seconds_max(&self, provider: &str) -> Result<u32> {
        let max = self.identities.providers.get().and_then(|known| known.get(provider));
        let max = max.ok_or_else(|| IdentityFault::missing("provider of logins", provider))?;
        Ok(u32::try_from(max.as_secs()).unwrap_or(u32::MAX).clamp(SESSION_SECONDS_MIN, USER_SESSION_SECONDS_MAX))
    }

    /// The documents that bound a session.
    fn narrowing(&self, roster: &Roster, account: AccountId, bounds: &SessionBounds<'_>) -> Result<Vec<Arc<str>>> {
        let mut narrowed = Vec::new();
        if let Some(document) = bounds.policy {
            self.identities.compiled.check("the session policy", document)?;
            narrowed.push(Arc::from(document));
        }
        if bounds.policy_arns.len() > POLICY_ARNS_MAX {
            return Err(IdentityFault::Limit { what: "policies of a session", max: POLICY_ARNS_MAX }.into());
        }
        for arn in &bounds.policy_arns {
            let missing = || IdentityFault::missing("policy", arn);
            let (named, name) = naming::parse_arn(arn, "policy").ok_or_else(missing)?;
            if named != account.to_string() {
                return Err(missing().into());
            }
            let policy = roster.find::<ManagedPolicy>(&within(named, name)).map_err(|_| missing())?;
            narrowed.push(Arc::clone(&policy.current().ok_or_else(missing)?.document));
        }
        Ok(narrowed)
    }

    fn begin(&self, carried: Carried, seconds: Option<u32>, seconds_max: u32) -> Result<Session> {
        let seconds = seconds.unwrap_or_else(|| SESSION_SECONDS_DEFAULT.min(seconds_max));
        if !(SESSION_SECONDS_MIN..=seconds_max).contains(&seconds) {
            let fault = format!("a session has {SESSION_SECONDS_MIN} to {seconds_max} seconds here, not {seconds}");
            return Err(IdentityFault::Value(fault).into());
        }
        let key = self.identities.session_key.get().ok_or(Error::Bug("a session before the lake was open"))?;
        let issued = self.time.ending();
        let expires = issued.plus(Duration::from_secs(seconds.into()));
        let carried = Carried { expires_ms: expires.as_millis(), issued_ms: issued.as_millis(), ..carried };
        let bytes = serde_json::to_vec(&carried).map_err(|_| Error::Bug("a session that is no JSON"))?;
        let access_key = naming::unique_id(&*self.entropy, "ASIA");
        let token = Zeroizing::new(key.seal(&*self.entropy, &access_key, &bytes));
        let whom = carried.principal(&self.identities.roster()).map(|principal| principal.arn);
        audit::note_session(&access_key, whom.unwrap_or_default());
        Ok(Session { secret: key.secret_of(&access_key), token, access_key, expires })
    }
}

/// How long a session is asked for, as conditions read it.
fn wanted_seconds(seconds: Option<u32>) -> String {
    seconds.unwrap_or(SESSION_SECONDS_DEFAULT).to_string()
}

fn trust_of(role: &Role) -> Result<Source> {
    let names = Names { canonical: &|_| None, ids: &role.trusted };
    Source::iam_naming(&format!("role {}", role.name), &role.trust, &Attachment::Trust(role.arn()), names).map_err(
        |fault| Error::Corrupt { what: format!("the trust policy of `{}`", role.name), source: Box::new(fault) },
    )
}

/// What a caller is narrowed by: its key, or its session alone.
fn narrowed_by(caller: &Caller, by_key: bool) -> Vec<Arc<str>> {
    let narrowed = caller.principal().into_iter().flat_map(|principal| &principal.narrowed);
    let narrowed = narrowed.filter(|narrowing| narrowing.is_of_key() == by_key);
    narrowed.map(|narrowing| Arc::clone(&narrowing.document)).collect()
}

/// The ARN that a caller is asked about by.
fn identity_arn(caller: &Caller) -> String {
    let account = caller.account().unwrap_or(AccountId::HOME);
    caller.principal().map_or_else(|| format!("arn:aws:iam::{account}:root"), |principal| principal.arn.clone())
}
