//! Groups and their members.

use engine::Group;

use super::{Answer, Asked, Node, users};

fn fields(group: &Group) -> Vec<Node> {
    vec![
        Node::text("Path", &group.path),
        Node::text("GroupName", &group.name),
        Node::text("GroupId", &group.id),
        Node::text("Arn", group.arn()),
        Node::instant("CreateDate", group.created_ms),
    ]
}

pub(super) async fn create(mut asked: Asked<'_>) -> Answer {
    let (name, path) = (asked.parameters.need("GroupName")?, asked.parameters.take("Path"));
    let account = asked.account();
    let Asked { engine, caller, parameters } = asked;
    parameters.end()?;
    let group = engine.create_group(caller, account, &name, path.as_deref()).await?;
    Ok(vec![Node::of("Group", fields(&group))])
}

pub(super) fn get(mut asked: Asked<'_>) -> Answer {
    let (name, stretch, account) = (asked.parameters.need("GroupName")?, asked.parameters.stretch()?, asked.account());
    let Asked { engine, caller, parameters } = asked;
    parameters.end()?;
    let (group, members) = engine.group(caller, account, &name)?;
    let (members, next) = stretch.of(members, |user| &user.name);
    let mut nodes = vec![Node::of("Group", fields(&group)), Node::list("Users", &members, users::fields)];
    nodes.extend(Node::more(next));
    Ok(nodes)
}

pub(super) async fn update(mut asked: Asked<'_>) -> Answer {
    let (name, account) = (asked.parameters.need("GroupName")?, asked.account());
    let (new_name, new_path) = (asked.parameters.take("NewGroupName"), asked.parameters.take("NewPath"));
    let Asked { engine, caller, parameters } = asked;
    parameters.end()?;
    engine.update_group(caller, account, &name, new_name.as_deref(), new_path.as_deref()).await?;
    Ok(Vec::new())
}

pub(super) fn list(mut asked: Asked<'_>) -> Answer {
    let prefix = asked.parameters.take("PathPrefix").unwrap_or_else(|| "/".to_owned());
    let (stretch, account) = (asked.parameters.stretch()?, asked.account());
    let Asked { engine, caller, parameters } = asked;
    parameters.end()?;
    let (groups, next) = stretch.of(engine.groups(caller, account, &prefix)?, |group| &group.name);
    let mut nodes = vec![Node::list("Groups", &groups, fields)];
    nodes.extend(Node::more(next));
    Ok(nodes)
}

pub(super) fn of_user(mut asked: Asked<'_>) -> Answer {
    let (user, stretch, account) = (asked.parameters.need("UserName")?, asked.parameters.stretch()?, asked.account());
    let Asked { engine, caller, parameters } = asked;
    parameters.end()?;
    let (groups, next) = stretch.of(engine.groups_of_user(caller, account, &user)?, |group| &group.name);
    let mut nodes = vec![Node::list("Groups", &groups, fields)];
    nodes.extend(Node::more(next));
    Ok(nodes)
}

pub(super) async fn delete(mut asked: Asked<'_>) -> Answer {
    let (name, account) = (asked.parameters.need("GroupName")?, asked.account());
    let Asked { engine, caller, parameters } = asked;
    parameters.end()?;
    engine.delete_group(caller, account, &name).await?;
    Ok(Vec::new())
}

pub(super) async fn set_membership(mut asked: Asked<'_>, is_member: bool) -> Answer {
    let (group, user) = (asked.parameters.need("GroupName")?, asked.parameters.need("UserName")?);
    let account = asked.account();
    let Asked { engine, caller, parameters } = asked;
    parameters.end()?;
    engine.set_membership(caller, account, &group, &user, is_member).await?;
    Ok(Vec::new())
}
