//! Who comes with something else than a signature: a token of a provider outside.
//!
//! What was shown is judged by `outbound`, who it makes somebody by the engine; here the two meet, faults become answers,
//! and whoever tries too often waits.

use std::net::IpAddr;
use std::sync::Arc;

use engine::{Engine, Outside};
use kernel::{AuthMethod, Clock, Who};
use outbound::oidc::{TokenFault, TokenFaultKind, Verified};
use outbound::{Identified, Patience, Providers};

use crate::s3_error::Mistake;

/// Tokens that nobody has made, from one address, before it has to wait.
const BAD_TOKENS_FREE: u32 = 20;

/// Those who vouch for others, and how often they were asked in vain.
pub(crate) struct Logins {
    engine: Arc<Engine>,
    providers: Arc<Providers>,
    addresses: Patience,
}

impl Logins {
    pub(crate) fn new(engine: Arc<Engine>, providers: Arc<Providers>, clock: &Arc<dyn Clock>) -> Self {
        Self { engine, providers, addresses: Patience::new(Arc::clone(clock), BAD_TOKENS_FREE) }
    }

    /// Who sends a request with this token.
    pub(crate) async fn bearer(&self, token: &str, address: Option<IpAddr>) -> Result<Who, Mistake> {
        let verified = self.token(token, address).await.map_err(Mistake::Bearer)?;
        Ok(Who::Principal(self.engine.principal_from_outside(outside(&verified.identified, AuthMethod::Token))))
    }

    /// Whom a token names.
    pub(crate) async fn token(&self, token: &str, address: Option<IpAddr>) -> Result<Arc<Verified>, LoginFault> {
        let address = address.map(|address| address.to_string()).unwrap_or_default();
        if !self.addresses.wait(&address).is_zero() {
            return Err(LoginFault::TooOften);
        }
        let verified = self.providers.oidc.verify(token).await;
        if verified.as_ref().is_err_and(|fault| fault.kind() == TokenFaultKind::Invalid) {
            self.addresses.failed(&address);
        }
        verified.map_err(LoginFault::from)
    }
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
