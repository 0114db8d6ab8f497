//! Whom a statement is about.
//!
//! A name becomes the head of a policy, so that a decision about somebody else never looks at it. A whole account named by
//! a resource leaves the decision to that account, as `judge` composes it.
//!
//! Source: IAM User Guide, *AWS JSON policy elements: Principal* and *NotPrincipal*.

use kernel::AccountId;

use super::document::{Effect, Principals, Statement};
use super::pattern::escape;
use super::translate::{Result, Translation, ask, meaning};
use crate::atom::{Atom, Test};
use crate::bounds::joined;
use crate::judge::entity_name;

/// The type of roles in Cedar.
const ROLE: &str = "Role";
/// The attribute that is the ARN of the role itself, or of a user.
const OF_ROLE: &str = "arn";

/// Callers whom one policy can name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Callers {
    /// What the head says.
    pub(super) head: String,
    /// What must hold beside.
    pub(super) test: Option<String>,
    /// Whether it is everybody, or nearly so.
    pub(super) is_public: bool,
    /// Whether it is whoever a provider outside lets in.
    pub(super) is_of_provider: bool,
}

impl Callers {
    fn all() -> Self {
        Self { head: "principal".to_owned(), test: None, is_public: true, is_of_provider: false }
    }
}

/// An account, a user or a role that a document names as a principal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum PrincipalName {
    /// By its number, its canonical id or the ARN of its root.
    Account(AccountId),
    /// A user.
    User {
        /// Its account.
        account: AccountId,
        /// Its name, without path.
        name: String,
        /// As the document has it.
        arn: String,
    },
    /// A role, or a session of one.
    Role {
        /// Its account.
        account: AccountId,
        /// Its name, without path.
        name: String,
        /// As the document has it: of the role or of a session.
        arn: String,
    },
}

impl std::fmt::Display for PrincipalName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Account(account) => write!(f, "{account}"),
            Self::User { arn, .. } | Self::Role { arn, .. } => f.write_str(arn),
        }
    }
}

/// Somebody or some whom a document names.
enum Named {
    Everybody,
    Account(AccountId),
    /// A user or role: its type, its name, the attribute that is its ARN, and the unique id that it must have.
    One {
        kind: &'static str,
        account: AccountId,
        name: String,
        attribute: &'static str,
        arn: String,
        id: Option<String>,
    },
    /// Whoever was let in by this provider.
    Provider(String),
    /// A service of AWS, which is nobody here.
    Service,
}

/// The callers of a statement.
pub(super) fn callers(
    of: &Translation<'_>,
    statement: &Statement,
    atoms: &mut Vec<std::sync::Arc<Atom>>,
) -> Result<Vec<Callers>> {
    let (principals, is_not) = match (&statement.principal, &statement.not_principal) {
        (None, None) if !of.attachment.names_callers() => {
            return Ok(vec![Callers { is_public: false, ..Callers::all() }]);
        }
        (Some(_), _) | (_, Some(_)) if !of.attachment.names_callers() => {
            return meaning("policy document should not specify a principal");
        }
        (Some(principals), None) => (principals, false),
        (None, Some(principals)) => (principals, true),
        _ => return meaning("a statement needs either Principal or NotPrincipal"),
    };
    let mut named = Vec::new();
    match principals {
        Principals::Text(text) if text == "*" => named.push(Named::Everybody),
        Principals::Text(text) => return invalid("AWS", text),
        Principals::Kinds(kinds) => {
            for (kind, texts) in &kinds.0 {
                for text in texts.iter() {
                    named.push(read(of, kind, &text)?);
                }
            }
        }
    }
    if named.is_empty() {
        return meaning("invalid principal in policy: none is named");
    }
    if !is_not {
        return Ok(named.into_iter().filter_map(|named| named.head(atoms)).collect());
    }
    if statement.effect == Effect::Allow {
        // Everybody else would be let in, the anonymous among them.
        return meaning("invalid principal in policy: NotPrincipal can only be denied something");
    }
    let excepted: Vec<_> = named.into_iter().filter_map(|named| named.test(atoms)).collect();
    let test = (!excepted.is_empty()).then(|| format!("!({})", joined(&excepted, "||")));
    Ok(vec![Callers { test, ..Callers::all() }])
}

/// Whom a statement names; what names nobody is left out.
pub(super) fn named(statement: &Statement) -> Vec<PrincipalName> {
    let principals = statement.principal.as_ref().or(statement.not_principal.as_ref());
    let Some(Principals::Kinds(kinds)) = principals else { return Vec::new() };
    let texts = kinds.0.iter().filter(|(kind, _)| *kind == "AWS").flat_map(|(_, texts)| texts.iter());
    let name = |text: String| match text.parse() {
        Ok(account) => Some(PrincipalName::Account(account)),
        Err(_) => match arn(&text, None)? {
            Named::Account(account) => Some(PrincipalName::Account(account)),
            Named::One { kind: "User", account, name, arn, .. } => Some(PrincipalName::User { account, name, arn }),
            Named::One { account, name, arn, .. } => Some(PrincipalName::Role { account, name, arn }),
            Named::Everybody | Named::Provider(_) | Named::Service => None,
        },
    };
    texts.filter_map(name).collect()
}

fn invalid<T>(kind: &str, text: &str) -> Result<T> {
    meaning(format!("invalid principal in policy: {kind} `{text}`"))
}

fn read(of: &Translation<'_>, kind: &str, text: &str) -> Result<Named> {
    let named = match (kind, text) {
        ("AWS", "*") => Some(Named::Everybody),
        ("AWS", _) => text.parse().ok().map(Named::Account).or_else(|| arn(text, of.names.ids.get(text))),
        ("CanonicalUser", _) => (of.names.canonical)(text).map(Named::Account),
        ("Federated", _) if !text.is_empty() => Some(Named::Provider(provider(text).to_owned())),
        ("Service", _) if text.contains('.') => Some(Named::Service),
        _ => None,
    };
    named.map_or_else(|| invalid(kind, text), Ok)
}

/// Somebody named by an ARN. Wildcards name nobody: AWS takes none in principals.
fn arn(text: &str, id: Option<&String>) -> Option<Named> {
    let mut parts = text.splitn(6, ':');
    let (head, service) = ((parts.next()?, parts.next()?), parts.next()?);
    let (region, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
    let account: AccountId = account.parse().ok()?;
    if head != ("arn", "aws") || !region.is_empty() || resource.contains(['*', '?', '$']) {
        return None;
    }
    if (service, resource) == ("iam", "root") {
        return Some(Named::Account(account));
    }
    let (kind, path) = resource.split_once('/')?;
    let last = path.rsplit('/').next().filter(|name| !name.is_empty())?;
    let one = |kind, name: &str, attribute| {
        let (name, arn, id) = (name.to_owned(), text.to_owned(), id.cloned());
        Some(Named::One { kind, account, name, attribute, arn, id })
    };
    match (service, kind) {
        ("iam", "user") => one("User", last, "arn"),
        ("iam", "role") => one(ROLE, last, OF_ROLE),
        ("sts", "assumed-role") => {
            let (role, session) = path.split_once('/')?;
            (!session.is_empty() && !session.contains('/')).then(|| one(ROLE, role, "sessionArn"))?
        }
        _ => None,
    }
}

/// A provider, whether it is named by its ARN, by its URL or without the scheme: `issuer.example/path`.
pub(crate) fn provider(text: &str) -> &str {
    let name = match text.strip_prefix("arn:aws:iam::") {
        Some(rest) => rest.split_once("-provider/").map_or(rest, |(_, name)| name),
        None => text,
    };
    name.strip_prefix("https://").unwrap_or(name).trim_end_matches('/')
}

impl Named {
    /// As the head of a policy; none for who is nobody.
    fn head(self, atoms: &mut Vec<std::sync::Arc<Atom>>) -> Option<Callers> {
        let some = |head: String, test| Callers { head, test, is_public: false, is_of_provider: false };
        Some(match self {
            Self::Everybody => Callers::all(),
            Self::Account(account) => some(format!("principal in Lake::Account::\"{account}\""), None),
            Self::One { kind, account, name, attribute, arn, id } => some(
                format!("principal == Lake::{kind}::\"{}\"", escape(&entity_name(account, &name))),
                Some(is_one(attribute, &arn, id, atoms)),
            ),
            Self::Provider(name) => {
                let test = Some(of_provider(name, atoms));
                Callers { is_of_provider: true, ..some("principal".to_owned(), test) }
            }
            Self::Service => return None,
        })
    }

    /// As a test of whoever asks; none for who is nobody. An account is its root alone: whoever is excepted is so by name. A
    /// role by itself asks for nothing, its sessions do, and each is somebody of its own.
    ///
    /// Source: IAM User Guide, *AWS JSON policy elements: NotPrincipal*, "Specifying NotPrincipal with Deny".
    fn test(self, atoms: &mut Vec<std::sync::Arc<Atom>>) -> Option<String> {
        Some(match self {
            Self::Everybody => "true".to_owned(),
            Self::Account(account) => format!(
                "(principal is Lake::User && principal.isAccountRoot && principal.account == Lake::Account::\"{account}\")"
            ),
            Self::One { kind: ROLE, attribute: OF_ROLE, .. } => return None,
            Self::One { kind, account, name, attribute, arn, id } => {
                let name = escape(&entity_name(account, &name));
                let is_one = is_one(attribute, &arn, id, atoms);
                format!("(principal is Lake::{kind} && principal == Lake::{kind}::\"{name}\" && {is_one})")
            }
            Self::Provider(name) => of_provider(name, atoms),
            Self::Service => return None,
        })
    }
}

/// That whoever has the name is the one who is meant.
fn is_one(attribute: &str, arn: &str, id: Option<String>, atoms: &mut Vec<std::sync::Arc<Atom>>) -> String {
    let has_arn = format!("principal.{attribute} == \"{}\"", escape(arn));
    match id {
        Some(id) => format!("{has_arn} && {}", ask(atoms, format!("id:{id}"), Test::Id(id))),
        None => has_arn,
    }
}

fn of_provider(name: String, atoms: &mut Vec<std::sync::Arc<Atom>>) -> String {
    ask(atoms, format!("provider:{name}"), Test::Provider(name))
}
