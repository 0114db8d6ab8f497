//! Passwords of users, which IAM calls login profiles.

use engine::User;

use super::{Answer, Asked, Node};
use crate::logins::Logins;

fn profile(user: &User) -> Vec<Node> {
    let password = user.password.as_ref();
    let fields = vec![
        Node::text("UserName", &user.name),
        Node::instant("CreateDate", password.map_or(0, |password| password.set_ms)),
        Node::text("PasswordResetRequired", password.is_some_and(|password| password.must_change).to_string()),
    ];
    vec![Node::of("LoginProfile", fields)]
}

/// Sets a password, and tells whether there was one before.
async fn set(mut asked: Asked<'_>, is_new: bool) -> Answer {
    let (name, account) = (asked.parameters.need("UserName")?, asked.account());
    let reset = asked.parameters.take("PasswordResetRequired").is_some_and(|value| value == "true");
    let password = asked.parameters.need("Password")?;
    let Asked { engine, caller, parameters } = asked;
    parameters.end()?;
    let user = match is_new {
        true => engine.create_password(caller, account, &name, &password, reset).await?,
        false => engine.update_password(caller, account, &name, &password, reset).await?,
    };
    Ok(if is_new { profile(&user) } else { Vec::new() })
}

pub(super) async fn create(asked: Asked<'_>) -> Answer {
    set(asked, true).await
}

pub(super) async fn update(asked: Asked<'_>) -> Answer {
    set(asked, false).await
}

pub(super) fn get(mut asked: Asked<'_>) -> Answer {
    let (name, account) = (asked.parameters.need("UserName")?, asked.account());
    let Asked { engine, caller, parameters } = asked;
    parameters.end()?;
    Ok(profile(&engine.password_of(caller, account, &name)?))
}

pub(super) async fn delete(mut asked: Asked<'_>) -> Answer {
    let (name, account) = (asked.parameters.need("UserName")?, asked.account());
    let Asked { engine, caller, parameters } = asked;
    parameters.end()?;
    engine.delete_password(caller, account, &name).await?;
    Ok(Vec::new())
}

pub(super) async fn change(mut asked: Asked<'_>, logins: &Logins) -> Answer {
    let (old, new) = (asked.parameters.need("OldPassword")?, asked.parameters.need("NewPassword")?);
    let Asked { caller, parameters, .. } = asked;
    parameters.end()?;
    logins.change_password(caller, &old, &new).await?;
    Ok(Vec::new())
}
