//! STS: temporary keys, and who one is.

use engine::{AssumeRole, Assumed, Session, SessionBounds};

use super::{Asked, Node};
use crate::s3_error::{Failure, Mistake};

pub(super) const VERSION: &str = "2011-06-15";
pub(super) const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// Answers an operation.
pub(super) async fn answer(action: &str, asked: Asked<'_>) -> Result<Vec<Node>, Failure> {
    match action {
        "GetCallerIdentity" => caller_identity(asked),
        "GetSessionToken" => session_token(asked),
        "AssumeRole" => assume_role(asked),
        other => Err(Mistake::QueryAction(other.to_owned()).into()),
    }
}

fn caller_identity(asked: Asked<'_>) -> Result<Vec<Node>, Failure> {
    let Asked { engine, caller, parameters } = asked;
    parameters.end()?;
    let (account, arn, id) = engine.caller_identity(caller)?;
    Ok(vec![Node::text("Arn", arn), Node::text("UserId", id), Node::text("Account", account.to_string())])
}

fn credentials(session: &Session) -> Node {
    Node::of(
        "Credentials",
        vec![
            Node::text("AccessKeyId", session.access_key.as_str()),
            Node::text("SecretAccessKey", session.secret.as_str()),
            Node::text("SessionToken", session.token.as_str()),
            Node::instant("Expiration", session.expires.as_millis()),
        ],
    )
}

fn session_token(asked: Asked<'_>) -> Result<Vec<Node>, Failure> {
    let Asked { engine, caller, mut parameters } = asked;
    let seconds = parameters.number("DurationSeconds")?;
    parameters.end()?;
    Ok(vec![credentials(&engine.session_token(caller, seconds)?)])
}

fn assume_role(asked: Asked<'_>) -> Result<Vec<Node>, Failure> {
    let Asked { engine, caller, mut parameters } = asked;
    let (role_arn, session_name) = (parameters.need("RoleArn")?, parameters.need("RoleSessionName")?);
    let (policy, policy_arns) = (parameters.take("Policy"), parameters.policy_arns());
    let (seconds, tags) = (parameters.number("DurationSeconds")?, parameters.tags()?);
    parameters.end()?;
    let bounds = SessionBounds { seconds, policy: policy.as_deref(), policy_arns };
    let assume = AssumeRole { role_arn: &role_arn, session_name: &session_name, tags, bounds };
    let Assumed { session, arn, id } = engine.assume_role(caller, &assume)?;
    let user = Node::of("AssumedRoleUser", vec![Node::text("AssumedRoleId", id), Node::text("Arn", arn)]);
    Ok(vec![credentials(&session), user])
}
