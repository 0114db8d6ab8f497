//! Who comes with something else than a signature: a token of a provider outside, a certificate of the
//! connection, a password.
//!
//! What was shown is judged by `outbound`, who it makes somebody by the engine; here the two meet, faults become answers,
//! and whoever tries too often waits.

use std::net::IpAddr;
use std::sync::Arc;

use engine::{Assumed, Engine, IdentityFault, Outside, SessionBounds};
use kernel::{AuthMethod, Caller, Clock, PrincipalKind, Who};
use outbound::ldap::LdapFault;
use outbound::oidc::{TokenFault, TokenFaultKind, Verified};
use outbound::{Identified, Patience, Providers};

use crate::front::Shown;
use crate::guesses::{self, Guesses};
use crate::listen::ClientCertificate;
use crate::s3_error::{Failure, Mistake};

/// Tokens that nobody has made, from one address, before it has to wait.
const BAD_TOKENS_FREE: u32 = 20;

/// Those who vouch for others, and how often they were asked in vain.
pub(crate) struct Logins {
    engine: Arc<Engine>,
    providers: Arc<Providers>,
    clock: Arc<dyn Clock>,
    addresses: Patience,
    guesses: Guesses,
}

impl Logins {
    pub(crate) fn new(engine: Arc<Engine>, providers: Arc<Providers>, clock: Arc<dyn Clock>) -> Self {
        let addresses = Patience::new(Arc::clone(&clock), BAD_TOKENS_FREE);
        let guesses = Guesses::new(&clock);
        Self { engine, providers, clock, addresses, guesses }
    }

    /// Who sends a request with what it shows.
    pub(crate) async fn who(&self, shown: &Shown, address: IpAddr) -> Result<Who, Mistake> {
        let outside = match shown {
            Shown::Token(token) => {
                let verified = self.token(token, Some(address), None).await.map_err(Mistake::Bearer)?;
                outside(&verified.identified, AuthMethod::Token)
            }
            Shown::Certificate(certificate) => self.certificate(certificate).map_err(Mistake::Bearer)?,
        };
        Ok(Who::Principal(self.engine.principal_from_outside(outside)))
    }

    /// Whom a client's certificate names.
    pub(crate) fn certificate(&self, certificate: &ClientCertificate) -> Result<Outside, LoginFault> {
        let identified = certificate.identified(self.clock.now()).map_err(LoginFault::Certificate)?;
        Ok(outside(identified, AuthMethod::Certificate))
    }

    /// Who has a name and a password: a user of the lake, or somebody whom the directory knows.
    pub(crate) async fn password(&self, given: &Password<'_>, bounds: &SessionBounds<'_>) -> Result<Known, Failure> {
        let (account, user) = engine::named_at_login(given.name);
        let guess = self.guesses.begin(account, user, given.address);
        let guess = guess.ok_or(Mistake::Login(LoginFault::TooOften))?;
        let known = self.try_password(given, bounds).await;
        match &known {
            Ok(_) => guess.was_right(),
            Err(Failure::Mistake(Mistake::Login(LoginFault::Password))) => {}
            Err(_) => guess.withdraw(),
        }
        known
    }

    /// Changes the caller's own password. Who types the old one wrong waits as if it had been typed at a login.
    pub(crate) async fn change_password(&self, caller: &Caller, old: &str, new: &str) -> Result<(), Failure> {
        let Some(own) = caller.principal().filter(|own| own.kind == PrincipalKind::User) else {
            return Ok(self.engine.change_password(caller, old, new).await?);
        };
        let guess = self.guesses.begin(own.account, &own.name, caller.origin().source_ip);
        let guess = guess.ok_or(Mistake::Login(LoginFault::TooOften))?;
        let changed = self.engine.change_password(caller, old, new).await;
        match &changed {
            Ok(()) => guess.was_right(),
            Err(engine::Error::Identity(IdentityFault::Password)) => {}
            Err(_) => guess.withdraw(),
        }
        Ok(changed?)
    }

    async fn try_password(&self, given: &Password<'_>, bounds: &SessionBounds<'_>) -> Result<Known, Failure> {
        match self.engine.login(given.name, given.password, bounds).await {
            Ok(assumed) => return Ok(Known::Here(assumed)),
            Err(engine::Error::Identity(IdentityFault::Password)) => {}
            Err(error) => return Err(error.into()),
        }
        let Some(ldap) = &self.providers.ldap else { return Err(Mistake::Login(LoginFault::Password).into()) };
        match ldap.login(given.name, given.password).await {
            Ok(identified) => Ok(Known::Outside(outside(&identified, AuthMethod::Password))),
            Err(LdapFault::Wrong) => Err(Mistake::Login(LoginFault::Password).into()),
            Err(fault) => {
                tracing::warn!(error = &fault as &(dyn std::error::Error + 'static), "nobody can log in by password");
                Err(Mistake::Login(LoginFault::Unreachable(fault.to_string())).into())
            }
        }
    }

    /// Whom a token names. Where a role is to be taken on with it, it may be made for an audience that the role's
    /// account names.
    pub(crate) async fn token(
        &self,
        token: &str,
        address: Option<IpAddr>,
        role_arn: Option<&str>,
    ) -> Result<Arc<Verified>, LoginFault> {
        let address = address.map(guesses::network).unwrap_or_default();
        // Many may come from one address: whoever guesses there keeps out none whose token is known to be good.
        if !self.addresses.wait(&address).is_zero() && !self.providers.oidc.knows(token) {
            return Err(LoginFault::TooOften);
        }
        let clients = |issuer: &str| role_arn.map(|role| self.engine.audiences(role, issuer)).unwrap_or_default();
        let verified = self.providers.oidc.verify(token, clients).await;
        if verified.as_ref().is_err_and(|fault| fault.kind() == TokenFaultKind::Invalid) {
            self.addresses.failed(&address);
        }
        verified.map_err(LoginFault::from)
    }
}

/// A name and a password as somebody typed them.
pub(crate) struct Password<'a> {
    pub(crate) name: &'a str,
    pub(crate) password: &'a str,
    pub(crate) address: Option<IpAddr>,
}

/// Who has a password.
pub(crate) enum Known {
    /// A user of the lake, with a session.
    Here(Assumed),
    /// Somebody of the directory.
    Outside(Outside),
}

/// Somebody from outside, in the engine's words.
pub(crate) fn outside(identified: &Identified, method: AuthMethod) -> Outside {
    let Identified { provider, subject, groups, tags, keys, expires: _ } = identified.clone();
    Outside { provider, subject, groups, tags, keys, method }
}

/// Why somebody is not let in. The texts are for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LoginFault {
    /// Nobody vouches for what was shown.
    #[error("{0}")]
    Invalid(String),
    /// It was good.
    #[error("the token is over")]
    Expired,
    /// It is good for something else.
    #[error("{0}")]
    Rejected(String),
    /// It is the certificate of nobody, or of nobody any more; or there is none.
    #[error("{0}")]
    Certificate(&'static str),
    /// Nobody of this name has this password.
    #[error("the user name or the password is wrong")]
    Password,
    /// Whoever could vouch for it is not to be had.
    #[error("{0}")]
    Unreachable(String),
    /// It was tried in vain too often.
    #[error("too many tries in vain: wait a little")]
    TooOften,
}

impl From<TokenFault> for LoginFault {
    fn from(fault: TokenFault) -> Self {
        match fault.kind() {
            TokenFaultKind::Invalid => Self::Invalid(fault.to_string()),
            TokenFaultKind::Rejected => Self::Rejected(fault.to_string()),
            TokenFaultKind::Expired => Self::Expired,
            TokenFaultKind::Unreachable => Self::Unreachable(fault.to_string()),
        }
    }
}
