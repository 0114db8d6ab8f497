//! Users and their access keys.

use engine::{AccessKey, NewAccessKey, NewUser, User};

use super::{Answer, Asked, Node, tags};
use crate::s3_error::Mistake;

pub(super) fn fields(user: &User) -> Vec<Node> {
    vec![
        Node::text("Path", &user.path),
        Node::text("UserName", &user.name),
        Node::text("UserId", &user.id),
        Node::text("Arn", user.arn()),
        Node::instant("CreateDate", user.created_ms),
    ]
}

pub(super) async fn create(mut asked: Asked<'_>) -> Answer {
    let (name, path) = (asked.parameters.need("UserName")?, asked.parameters.take("Path"));
    let (set, boundary) = (asked.parameters.tags()?, asked.parameters.take("PermissionsBoundary"));
    let account = asked.account();
    let Asked { engine, caller, parameters } = asked;
    parameters.end()?;
    let new = NewUser { name: &name, path: path.as_deref(), tags: set, boundary: boundary.as_deref() };
    let user = engine.create_user(caller, account, new).await?;
    let mut nodes = fields(&user);
    nodes.push(tags(&user.tags));
    Ok(vec![Node::of("User", nodes)])
}

pub(super) fn get(mut asked: Asked<'_>) -> Answer {
    let (name, account) = (asked.user_or_self(), asked.account());
    let Asked { engine, caller, parameters } = asked;
    parameters.end()?;
    let Some(name) = name else {
        // Source: IAM API, *GetUser*: without a name, the root of the account is told of itself.
        let (account, arn, id) = engine.caller_identity(caller)?;
        let nodes = vec![
            Node::text("Path", "/"),
            Node::text("UserName", "root"),
            Node::text("UserId", id),
            Node::text("Arn", arn),
            Node::instant("CreateDate", engine.account_created(account)),
        ];
        return Ok(vec![Node::of("User", nodes)]);
    };
    let user = engine.user(caller, account, &name)?;
    let mut nodes = fields(&user);
    nodes.push(tags(&user.tags));
    Ok(vec![Node::of("User", nodes)])
}

pub(super) fn list(mut asked: Asked<'_>) -> Answer {
    let prefix = asked.parameters.take("PathPrefix").unwrap_or_else(|| "/".to_owned());
    let (stretch, account) = (asked.parameters.stretch()?, asked.account());
    let Asked { engine, caller, parameters } = asked;
    parameters.end()?;
    let (users, next) = stretch.of(engine.users(caller, account, &prefix)?, |user| &user.name);
    let mut nodes = vec![Node::list("Users", &users, fields)];
    nodes.extend(Node::more(next));
    Ok(nodes)
}

pub(super) async fn delete(mut asked: Asked<'_>) -> Answer {
    let (name, account) = (asked.parameters.need("UserName")?, asked.account());
    let Asked { engine, caller, parameters } = asked;
    parameters.end()?;
    engine.delete_user(caller, account, &name).await?;
    Ok(Vec::new())
}

pub(super) async fn update(mut asked: Asked<'_>) -> Answer {
    let (name, account) = (asked.parameters.need("UserName")?, asked.account());
    let (new_name, new_path) = (asked.parameters.take("NewUserName"), asked.parameters.take("NewPath"));
    let Asked { engine, caller, parameters } = asked;
    parameters.end()?;
    engine.update_user(caller, account, &name, new_name.as_deref(), new_path.as_deref()).await?;
    Ok(Vec::new())
}

pub(super) async fn tag(mut asked: Asked<'_>) -> Answer {
    let (name, set, account) = (asked.parameters.need("UserName")?, asked.parameters.tags()?, asked.account());
    let Asked { engine, caller, parameters } = asked;
    parameters.end()?;
    engine.tag_user(caller, account, &name, set, &[]).await?;
    Ok(Vec::new())
}

pub(super) async fn untag(mut asked: Asked<'_>) -> Answer {
    let (name, unset) = (asked.parameters.need("UserName")?, asked.parameters.list("TagKeys"));
    let account = asked.account();
    let Asked { engine, caller, parameters } = asked;
    parameters.end()?;
    engine.tag_user(caller, account, &name, Default::default(), &unset).await?;
    Ok(Vec::new())
}

pub(super) fn list_tags(mut asked: Asked<'_>) -> Answer {
    let (name, stretch) = (asked.parameters.need("UserName")?, asked.parameters.stretch()?);
    let account = asked.account();
    let Asked { engine, caller, parameters } = asked;
    parameters.end()?;
    let all = engine.user(caller, account, &name)?.tags.into_iter().collect();
    let (page, next) = stretch.of(all, |(name, _): &(String, String)| name);
    let mut nodes = vec![tags(page.iter().map(|(name, value)| (name, value)))];
    nodes.extend(Node::more(next));
    Ok(nodes)
}

fn key_fields(key: &AccessKey) -> Vec<Node> {
    vec![
        Node::text("UserName", key.user.as_deref().unwrap_or("root")),
        Node::text("AccessKeyId", &key.id),
        Node::text("Status", if key.active { "Active" } else { "Inactive" }),
        Node::instant("CreateDate", key.created_ms),
    ]
}

pub(super) async fn create_key(mut asked: Asked<'_>) -> Answer {
    let (user, account) = (asked.user_or_self(), asked.account());
    let Asked { engine, caller, parameters } = asked;
    parameters.end()?;
    let key = engine.create_access_key(caller, account, user.as_deref(), NewAccessKey::default()).await?;
    let mut nodes = key_fields(&key.record);
    nodes.push(Node::text("SecretAccessKey", key.secret.as_str()));
    Ok(vec![Node::of("AccessKey", nodes)])
}

pub(super) fn list_keys(mut asked: Asked<'_>) -> Answer {
    let (user, account, stretch) = (asked.user_or_self(), asked.account(), asked.parameters.stretch()?);
    let Asked { engine, caller, parameters } = asked;
    parameters.end()?;
    let (keys, next) = stretch.of(engine.access_keys(caller, account, user.as_deref())?, |key| &key.id);
    let mut nodes = vec![Node::list("AccessKeyMetadata", &keys, key_fields)];
    nodes.extend(Node::more(next));
    Ok(nodes)
}

pub(super) async fn update_key(mut asked: Asked<'_>) -> Answer {
    let (user, account) = (asked.user_or_self(), asked.account());
    let (id, status) = (asked.parameters.need("AccessKeyId")?, asked.parameters.need("Status")?);
    let Asked { engine, caller, parameters } = asked;
    parameters.end()?;
    let active = match status.as_str() {
        "Active" => true,
        "Inactive" => false,
        other => return Err(Mistake::Query(format!("`Status` is Active or Inactive, not `{other}`")).into()),
    };
    engine.set_access_key(caller, account, user.as_deref(), &id, active).await?;
    Ok(Vec::new())
}

pub(super) async fn delete_key(mut asked: Asked<'_>) -> Answer {
    let (user, account, id) = (asked.user_or_self(), asked.account(), asked.parameters.need("AccessKeyId")?);
    let Asked { engine, caller, parameters } = asked;
    parameters.end()?;
    engine.delete_access_key(caller, account, user.as_deref(), &id).await?;
    Ok(Vec::new())
}
