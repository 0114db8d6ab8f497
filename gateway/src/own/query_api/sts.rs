//! STS: temporary keys, and who one is.

use engine::{AssumeRole, Assumed, Engine, Outside, Session, SessionBounds};
use kernel::{AuthMethod, Caller};
use zeroize::Zeroizing;

use super::parameters::Parameters;
use super::{Asked, Node};
use crate::listen::ClientCertificate;
use crate::logins::{Known, LoginFault, Logins, Password, outside};
use crate::s3_error::{Failure, Mistake};

pub(super) const VERSION: &str = "2011-06-15";
pub(super) const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// What may prove who asks, besides the parameters.
pub(super) struct Proof<'a> {
    pub(super) logins: &'a Logins,
    /// The certificate of the connection.
    pub(super) certificate: Option<&'a ClientCertificate>,
}

/// Answers an operation.
pub(super) async fn answer(action: &str, asked: Asked<'_>, proof: &Proof<'_>) -> Result<Vec<Node>, Failure> {
    match action {
        "GetCallerIdentity" => caller_identity(asked),
        "GetSessionToken" => session_token(asked),
        "AssumeRole" => assume_role(asked),
        "AssumeRoleWithWebIdentity" => with_web_identity(asked, proof.logins).await,
        "AssumeRoleWithCertificate" => with_certificate(asked, proof),
        "AssumeRoleWithLDAPIdentity" => with_password(asked, proof.logins).await,
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
    let transitive_tags = parameters.list("TransitiveTagKeys");
    let (external_id, source_identity) = (parameters.take("ExternalId"), parameters.take("SourceIdentity"));
    parameters.end()?;
    let bounds = SessionBounds { seconds, policy: policy.as_deref(), policy_arns };
    let assume = AssumeRole {
        role_arn: &role_arn,
        session_name: &session_name,
        tags,
        transitive_tags,
        external_id: external_id.as_deref(),
        source_identity: source_identity.as_deref(),
        bounds,
    };
    let assumed = engine.assume_role(caller, &assume)?;
    Ok(told(assumed))
}

/// What the three requests that prove by themselves who asks have in common.
struct Wanted {
    /// None for a session of whoever it is, without a role: an addition to STS that MinIO's clients make use of.
    role: Option<(String, String)>,
    seconds: Option<u32>,
    policy: Option<String>,
    policy_arns: Vec<String>,
}

impl Wanted {
    fn take(parameters: &mut Parameters) -> Result<Self, Mistake> {
        let role = match parameters.take("RoleArn").filter(|arn| !arn.is_empty()) {
            Some(arn) => Some((arn, parameters.need("RoleSessionName")?)),
            None => None,
        };
        let (policy, policy_arns) = (parameters.take("Policy"), parameters.policy_arns());
        Ok(Self { role, seconds: parameters.number("DurationSeconds")?, policy, policy_arns })
    }

    fn bounds(&self) -> SessionBounds<'_> {
        SessionBounds { seconds: self.seconds, policy: self.policy.as_deref(), policy_arns: self.policy_arns.clone() }
    }

    /// The session, and who it is.
    fn begin(self, engine: &Engine, caller: &Caller, who: Outside) -> Result<Vec<Node>, Failure> {
        let bounds = self.bounds();
        let assumed = match &self.role {
            Some((role_arn, session_name)) => {
                let assume = AssumeRole { role_arn, session_name, bounds, ..AssumeRole::default() };
                engine.assume_role_from_outside(caller, who, &assume)?
            }
            None => engine.session_from_outside(who, &bounds)?,
        };
        Ok(told(assumed))
    }
}

fn told(assumed: Assumed) -> Vec<Node> {
    let Assumed { session, arn, id, source_identity } = assumed;
    let user = Node::of("AssumedRoleUser", vec![Node::text("AssumedRoleId", id), Node::text("Arn", arn)]);
    let behind = source_identity.map(|identity| Node::text("SourceIdentity", identity));
    [credentials(&session), user].into_iter().chain(behind).collect()
}

/// Source: AWS STS API Reference, *AssumeRoleWithWebIdentity*.
async fn with_web_identity(asked: Asked<'_>, logins: &Logins) -> Result<Vec<Node>, Failure> {
    let Asked { engine, caller, mut parameters } = asked;
    let token = parameters.need("WebIdentityToken")?;
    let wanted = Wanted::take(&mut parameters)?;
    parameters.end()?;
    let role_arn = wanted.role.as_ref().map(|(role_arn, _)| role_arn.as_str());
    let verified = logins.token(&token, caller.origin().source_ip, role_arn).await.map_err(Mistake::Login)?;
    let who = outside(&verified.identified, AuthMethod::Token);
    let mut answer = wanted.begin(engine, caller, who)?;
    answer.extend([
        Node::text("SubjectFromWebIdentityToken", verified.identified.subject.as_str()),
        Node::text("Provider", verified.issuer.as_str()),
        Node::text("Audience", verified.audience.as_str()),
    ]);
    Ok(answer)
}

/// Source: MinIO, *AssumeRoleWithCertificate*; AWS has no such operation.
fn with_certificate(asked: Asked<'_>, proof: &Proof<'_>) -> Result<Vec<Node>, Failure> {
    const NONE: LoginFault = LoginFault::Certificate("the client has shown no certificate in the handshake");
    let Asked { engine, caller, mut parameters } = asked;
    let wanted = Wanted::take(&mut parameters)?;
    parameters.end()?;
    let certificate = proof.certificate.ok_or(Mistake::Login(NONE))?;
    let who = proof.logins.certificate(certificate).map_err(Mistake::Login)?;
    wanted.begin(engine, caller, who)
}

/// Source: MinIO, *AssumeRoleWithLDAPIdentity*; AWS has no such operation. A user of the lake with a password logs in by it
/// as well, and takes on roles afterwards.
async fn with_password(asked: Asked<'_>, logins: &Logins) -> Result<Vec<Node>, Failure> {
    let Asked { engine, caller, mut parameters } = asked;
    let (name, password) = (parameters.need("LDAPUsername")?, parameters.need("LDAPPassword").map(Zeroizing::new)?);
    let wanted = Wanted::take(&mut parameters)?;
    parameters.end()?;
    let given = Password { name: &name, password: &password, address: caller.origin().source_ip };
    match logins.password(&given, &wanted.bounds()).await? {
        Known::Outside(who) => wanted.begin(engine, caller, who),
        Known::Here(_) if wanted.role.is_some() => {
            Err(Mistake::Query("`RoleArn` is for those of the directory: a user of the lake asks `AssumeRole`".into())
                .into())
        }
        Known::Here(assumed) => Ok(told(assumed)),
    }
}
