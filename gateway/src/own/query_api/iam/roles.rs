//! Roles.

use engine::{NewRole, Role};

use super::{Answer, Asked, Node, document, tags};

/// Source: IAM API, *CreateRole*, `MaxSessionDuration`.
const SESSION_SECONDS_DEFAULT: u32 = 3_600;

fn fields(role: &Role) -> Vec<Node> {
    vec![
        Node::text("Path", &role.path),
        Node::text("RoleName", &role.name),
        Node::text("RoleId", &role.id),
        Node::text("Arn", role.arn()),
        Node::instant("CreateDate", role.created_ms),
        document("AssumeRolePolicyDocument", &role.trust),
        Node::text("Description", &role.description),
        Node::text("MaxSessionDuration", role.session_max_seconds.to_string()),
    ]
}

fn described(role: &Role) -> Node {
    let mut nodes = fields(role);
    nodes.push(tags(&role.tags));
    Node::of("Role", nodes)
}

pub(super) async fn create(mut asked: Asked<'_>) -> Answer {
    let (name, trust) = (asked.parameters.need("RoleName")?, asked.parameters.need("AssumeRolePolicyDocument")?);
    let (path, description) = (asked.parameters.take("Path"), asked.parameters.take("Description"));
    let (seconds, set) = (asked.parameters.number("MaxSessionDuration")?, asked.parameters.tags()?);
    let (boundary, account) = (asked.parameters.take("PermissionsBoundary"), asked.account());
    let Asked { engine, caller, parameters } = asked;
    parameters.end()?;
    let new = NewRole {
        name: &name,
        path: path.as_deref(),
        trust: &trust,
        description: description.as_deref().unwrap_or_default(),
        session_max_seconds: seconds.unwrap_or(SESSION_SECONDS_DEFAULT),
        tags: set,
        boundary: boundary.as_deref(),
    };
    let role = engine.create_role(caller, account, new).await?;
    Ok(vec![described(&role)])
}

pub(super) fn get(mut asked: Asked<'_>) -> Answer {
    let (name, account) = (asked.parameters.need("RoleName")?, asked.account());
    let Asked { engine, caller, parameters } = asked;
    parameters.end()?;
    Ok(vec![described(&engine.role(caller, account, &name)?)])
}

pub(super) fn list(mut asked: Asked<'_>) -> Answer {
    let prefix = asked.parameters.take("PathPrefix").unwrap_or_else(|| "/".to_owned());
    let (stretch, account) = (asked.parameters.stretch()?, asked.account());
    let Asked { engine, caller, parameters } = asked;
    parameters.end()?;
    let (roles, next) = stretch.of(engine.roles(caller, account, &prefix)?, |role| &role.name);
    let mut nodes = vec![Node::list("Roles", &roles, fields)];
    nodes.extend(Node::more(next));
    Ok(nodes)
}

pub(super) async fn update(mut asked: Asked<'_>) -> Answer {
    let (name, description) = (asked.parameters.need("RoleName")?, asked.parameters.take("Description"));
    let (seconds, account) = (asked.parameters.number("MaxSessionDuration")?, asked.account());
    let Asked { engine, caller, parameters } = asked;
    parameters.end()?;
    engine.update_role(caller, account, &name, description.as_deref(), seconds).await?;
    Ok(Vec::new())
}

pub(super) async fn update_description(mut asked: Asked<'_>) -> Answer {
    let (name, description) = (asked.parameters.need("RoleName")?, asked.parameters.need("Description")?);
    let account = asked.account();
    let Asked { engine, caller, parameters } = asked;
    parameters.end()?;
    engine.update_role(caller, account, &name, Some(&description), None).await?;
    Ok(vec![described(&engine.role(caller, account, &name)?)])
}

pub(super) async fn update_trust(mut asked: Asked<'_>) -> Answer {
    let (name, trust) = (asked.parameters.need("RoleName")?, asked.parameters.need("PolicyDocument")?);
    let account = asked.account();
    let Asked { engine, caller, parameters } = asked;
    parameters.end()?;
    engine.set_role_trust(caller, account, &name, &trust).await?;
    Ok(Vec::new())
}

pub(super) async fn delete(mut asked: Asked<'_>) -> Answer {
    let (name, account) = (asked.parameters.need("RoleName")?, asked.account());
    let Asked { engine, caller, parameters } = asked;
    parameters.end()?;
    engine.delete_role(caller, account, &name).await?;
    Ok(Vec::new())
}

pub(super) async fn tag(mut asked: Asked<'_>) -> Answer {
    let (name, set, account) = (asked.parameters.need("RoleName")?, asked.parameters.tags()?, asked.account());
    let Asked { engine, caller, parameters } = asked;
    parameters.end()?;
    engine.tag_role(caller, account, &name, set, &[]).await?;
    Ok(Vec::new())
}

pub(super) async fn untag(mut asked: Asked<'_>) -> Answer {
    let (name, unset) = (asked.parameters.need("RoleName")?, asked.parameters.list("TagKeys"));
    let account = asked.account();
    let Asked { engine, caller, parameters } = asked;
    parameters.end()?;
    engine.tag_role(caller, account, &name, Default::default(), &unset).await?;
    Ok(Vec::new())
}

pub(super) fn list_tags(mut asked: Asked<'_>) -> Answer {
    let (name, stretch, account) = (asked.parameters.need("RoleName")?, asked.parameters.stretch()?, asked.account());
    let Asked { engine, caller, parameters } = asked;
    parameters.end()?;
    let all = engine.role(caller, account, &name)?.tags.into_iter().collect();
    let (page, next) = stretch.of(all, |(name, _): &(String, String)| name);
    let mut nodes = vec![tags(page.iter().map(|(name, value)| (name, value)))];
    nodes.extend(Node::more(next));
    Ok(nodes)
}
