//! Policies: managed ones with their versions, and those of users, groups and roles. What IAM asks of the three alike is
//! answered alike: the operation's name says of whom.

use engine::{Engine, Holder, ManagedPolicy, PolicyPlace, PolicyVersion};
use kernel::{AccountId, Caller};

use super::{Answer, Asked, Node, document, unknown};
use crate::s3_error::Mistake;

/// Whose policies an operation is about.
#[derive(Clone, Copy)]
enum Of {
    User,
    Group,
    Role,
}

impl Of {
    const fn parameter(self) -> &'static str {
        match self {
            Self::User => "UserName",
            Self::Group => "GroupName",
            Self::Role => "RoleName",
        }
    }

    fn place(self, account: AccountId, name: &str) -> PolicyPlace<'_> {
        let holder = match self {
            Self::User => Holder::User(name),
            Self::Group => Holder::Group(name),
            Self::Role => Holder::Role(name),
        };
        PolicyPlace { account, holder }
    }
}

/// An operation that there is for users, groups and roles, and what it is called without saying for whom.
fn split(action: &str) -> Option<(String, Of)> {
    let (of, called) = [(Of::User, "User"), (Of::Group, "Group"), (Of::Role, "Role")]
        .into_iter()
        .find(|(_, called)| action.contains(called))?;
    Some((action.replacen(called, "", 1), of))
}

/// Answers an operation about policies.
pub(super) async fn answer(action: &str, asked: Asked<'_>) -> Answer {
    match action {
        "CreatePolicy" => create(asked).await,
        "GetPolicy" => get(asked),
        "ListPolicies" => list(asked),
        "DeletePolicy" => delete(asked).await,
        "CreatePolicyVersion" => create_version(asked).await,
        "GetPolicyVersion" => get_version(asked),
        "ListPolicyVersions" => list_versions(asked),
        "SetDefaultPolicyVersion" => set_default(asked).await,
        "DeletePolicyVersion" => delete_version(asked).await,
        _ => match split(action) {
            Some((called, of)) => of_holder(action, &called, of, asked).await,
            None => Err(unknown(action)),
        },
    }
}

async fn of_holder(action: &str, called: &str, of: Of, mut asked: Asked<'_>) -> Answer {
    let is_known = matches!(
        called,
        "PutPolicy"
            | "GetPolicy"
            | "ListPolicies"
            | "DeletePolicy"
            | "AttachPolicy"
            | "DetachPolicy"
            | "ListAttachedPolicies"
            | "PutPermissionsBoundary"
            | "DeletePermissionsBoundary"
    );
    if !is_known {
        return Err(unknown(action));
    }
    let (name, account) = (asked.parameters.need(of.parameter())?, asked.account());
    let place = of.place(account, &name);
    match called {
        "PutPolicy" => {
            let (policy, text) = (asked.parameters.need("PolicyName")?, asked.parameters.need("PolicyDocument")?);
            let (engine, caller) = ended(asked)?;
            engine.put_inline_policy(caller, place, &policy, &text).await?;
        }
        "DeletePolicy" => {
            let policy = asked.parameters.need("PolicyName")?;
            let (engine, caller) = ended(asked)?;
            engine.delete_inline_policy(caller, place, &policy).await?;
        }
        "AttachPolicy" | "DetachPolicy" => {
            let arn = asked.parameters.need("PolicyArn")?;
            let (engine, caller) = ended(asked)?;
            engine.set_attached(caller, place, &arn, called == "AttachPolicy").await?;
        }
        "PutPermissionsBoundary" => {
            let arn = asked.parameters.need("PermissionsBoundary")?;
            let (engine, caller) = ended(asked)?;
            engine.set_boundary(caller, place, Some(&arn)).await?;
        }
        "DeletePermissionsBoundary" => {
            let (engine, caller) = ended(asked)?;
            engine.set_boundary(caller, place, None).await?;
        }
        _ => return shown(called, of, &name, place, asked),
    }
    Ok(Vec::new())
}

/// What is only looked at.
fn shown(called: &str, of: Of, name: &str, place: PolicyPlace<'_>, mut asked: Asked<'_>) -> Answer {
    match called {
        "GetPolicy" => {
            let policy = asked.parameters.need("PolicyName")?;
            let (engine, caller) = ended(asked)?;
            let text = engine.inline_policy(caller, place, &policy)?;
            Ok(vec![
                Node::text(of.parameter(), name),
                Node::text("PolicyName", policy),
                document("PolicyDocument", &text),
            ])
        }
        "ListPolicies" => {
            let stretch = asked.parameters.stretch()?;
            let (engine, caller) = ended(asked)?;
            let (names, next) = stretch.of(engine.inline_policies(caller, place)?, String::as_str);
            let mut nodes = vec![Node::texts("PolicyNames", names)];
            nodes.extend(Node::more(next));
            Ok(nodes)
        }
        _ => {
            let (stretch, _) = (asked.parameters.stretch()?, asked.parameters.take("PathPrefix"));
            let (engine, caller) = ended(asked)?;
            let (attached, next) = stretch.of(engine.attached_policies(caller, place)?, |(_, arn)| arn);
            let node =
                |(name, arn): &(String, String)| vec![Node::text("PolicyName", name), Node::text("PolicyArn", arn)];
            let mut nodes = vec![Node::list("AttachedPolicies", &attached, node)];
            nodes.extend(Node::more(next));
            Ok(nodes)
        }
    }
}

/// Nothing is left of the parameters.
fn ended(asked: Asked<'_>) -> Result<(&Engine, &Caller), Mistake> {
    let Asked { engine, caller, parameters } = asked;
    parameters.end().map(|()| (engine, caller))
}

fn fields((policy, attached): &(ManagedPolicy, usize)) -> Vec<Node> {
    let newest = policy.versions.iter().map(|version| version.created_ms).max();
    vec![
        Node::text("PolicyName", &policy.name),
        Node::text("PolicyId", &policy.id),
        Node::text("Arn", policy.arn()),
        Node::text("Path", &policy.path),
        Node::text("DefaultVersionId", format!("v{}", policy.default)),
        Node::text("AttachmentCount", attached.to_string()),
        Node::text("IsAttachable", "true"),
        Node::instant("CreateDate", policy.created_ms),
        Node::instant("UpdateDate", newest.unwrap_or(policy.created_ms)),
    ]
}

async fn create(mut asked: Asked<'_>) -> Answer {
    let (name, text) = (asked.parameters.need("PolicyName")?, asked.parameters.need("PolicyDocument")?);
    let (path, account) = (asked.parameters.take("Path"), asked.account());
    let (engine, caller) = ended(asked)?;
    let policy = engine.create_policy(caller, account, &name, path.as_deref(), &text).await?;
    Ok(vec![Node::of("Policy", fields(&(policy, 0)))])
}

fn get(mut asked: Asked<'_>) -> Answer {
    let arn = asked.parameters.need("PolicyArn")?;
    let (engine, caller) = ended(asked)?;
    Ok(vec![Node::of("Policy", fields(&engine.managed_policy(caller, &arn)?))])
}

fn list(mut asked: Asked<'_>) -> Answer {
    let (scope, only_attached) = (asked.parameters.take("Scope"), asked.parameters.take("OnlyAttached"));
    let (prefix, stretch) = (asked.parameters.take("PathPrefix"), asked.parameters.stretch()?);
    let account = asked.account();
    let (engine, caller) = ended(asked)?;
    let mut all = engine.policies(caller, account)?;
    match scope.as_deref() {
        None | Some("All") => {}
        Some("Local") => all.retain(|(policy, _)| !policy.is_common()),
        Some("AWS") => all.retain(|(policy, _)| policy.is_common()),
        Some(other) => return Err(Mistake::Query(format!("`Scope` is All, AWS or Local, not `{other}`")).into()),
    }
    all.retain(|(policy, attached)| {
        policy.path.starts_with(prefix.as_deref().unwrap_or("/"))
            && (*attached > 0 || only_attached.as_deref() != Some("true"))
    });
    let (page, next) = stretch.of(all, |(policy, _)| &policy.name);
    let mut nodes = vec![Node::list("Policies", &page, fields)];
    nodes.extend(Node::more(next));
    Ok(nodes)
}

async fn delete(mut asked: Asked<'_>) -> Answer {
    let arn = asked.parameters.need("PolicyArn")?;
    let (engine, caller) = ended(asked)?;
    engine.delete_policy(caller, &arn).await?;
    Ok(Vec::new())
}

/// The number of a version: `v1`.
fn version_number(text: &str) -> Result<u32, Mistake> {
    let number = text.strip_prefix('v').and_then(|number| number.parse().ok());
    number.ok_or_else(|| Mistake::Query(format!("`VersionId` is `v` and a number, not `{text}`")))
}

fn version_fields(policy: &ManagedPolicy, version: &PolicyVersion) -> Vec<Node> {
    vec![
        Node::text("VersionId", format!("v{}", version.number)),
        Node::text("IsDefaultVersion", (version.number == policy.default).to_string()),
        Node::instant("CreateDate", version.created_ms),
    ]
}

async fn create_version(mut asked: Asked<'_>) -> Answer {
    let (arn, text) = (asked.parameters.need("PolicyArn")?, asked.parameters.need("PolicyDocument")?);
    let counts = asked.parameters.take("SetAsDefault").is_some_and(|value| value == "true");
    let (engine, caller) = ended(asked)?;
    let version = engine.create_policy_version(caller, &arn, &text, counts).await?;
    let nodes = vec![
        Node::text("VersionId", format!("v{}", version.number)),
        Node::text("IsDefaultVersion", counts.to_string()),
        Node::instant("CreateDate", version.created_ms),
    ];
    Ok(vec![Node::of("PolicyVersion", nodes)])
}

fn get_version(mut asked: Asked<'_>) -> Answer {
    let (arn, number) = (asked.parameters.need("PolicyArn")?, version_number(&asked.parameters.need("VersionId")?)?);
    let (engine, caller) = ended(asked)?;
    let (policy, version) = engine.policy_version(caller, &arn, number)?;
    let mut nodes = version_fields(&policy, &version);
    nodes.push(document("Document", &version.document));
    Ok(vec![Node::of("PolicyVersion", nodes)])
}

fn list_versions(mut asked: Asked<'_>) -> Answer {
    let (arn, stretch) = (asked.parameters.need("PolicyArn")?, asked.parameters.stretch()?);
    let (engine, caller) = ended(asked)?;
    let policy = engine.policy_versions(caller, &arn)?;
    let named = policy.versions.iter().map(|version| (format!("v{}", version.number), version)).collect();
    let (page, next) = stretch.of(named, |(name, _): &(String, &PolicyVersion)| name);
    let mut nodes = vec![Node::list("Versions", page, |(_, version)| version_fields(&policy, version))];
    nodes.extend(Node::more(next));
    Ok(nodes)
}

async fn set_default(mut asked: Asked<'_>) -> Answer {
    let (arn, number) = (asked.parameters.need("PolicyArn")?, version_number(&asked.parameters.need("VersionId")?)?);
    let (engine, caller) = ended(asked)?;
    engine.set_default_policy_version(caller, &arn, number).await?;
    Ok(Vec::new())
}

async fn delete_version(mut asked: Asked<'_>) -> Answer {
    let (arn, number) = (asked.parameters.need("PolicyArn")?, version_number(&asked.parameters.need("VersionId")?)?);
    let (engine, caller) = ended(asked)?;
    engine.delete_policy_version(caller, &arn, number).await?;
    Ok(Vec::new())
}
