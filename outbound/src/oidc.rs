//! OpenID Connect: who holds a token that a provider has signed is whom the token names.
//!
//! A token is believed if its provider is one of the configuration, its signature is by a key that the provider publishes
//! today and by an algorithm that the operator allows, it was made for this lake, and it is neither over nor yet to come.
//! The provider's keys are fetched from where its discovery document says, kept, and fetched anew in the background and
//! when a token names a key that nobody knows. While the provider cannot be reached the known keys serve for as long as
//! the configuration says; then its tokens are refused.
//!
//! Source: OpenID Connect Core 1.0, section 3.1.3.7; OpenID Connect Discovery 1.0; RFC 7519; RFC 8725.

mod keys;
mod provider;
mod signature;
mod token;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kernel::{Clock, Timestamp};
use ring::digest::{SHA256, digest};

use crate::claims::NameRule;
use crate::{FetchFault, Identified, SetupError};
use provider::Provider;

/// The longest token that is looked at.
pub const TOKEN_BYTES_MAX: usize = 16 << 10;
/// Algorithms that may be allowed: all with a public key. Neither `none` nor anything with a shared secret is among them.
pub const ALGORITHMS: [&str; 9] = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];
/// Tokens that are remembered to be good.
const KNOWN_TOKENS_MAX: usize = 4_096;

/// A provider, as the operator describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OidcSettings {
    /// What the lake calls it.
    pub name: String,
    /// What it calls itself: the `iss` of its tokens, to the letter.
    pub issuer: String,
    /// For whom tokens must be made: one of these must be in `aud`.
    pub audiences: Vec<String>,
    /// Whom tokens must have been given to: one of these must be `azp` or `client_id`. Empty for anybody.
    pub client_ids: Vec<String>,
    /// What tokens may be signed with, of [`ALGORITHMS`].
    pub algorithms: Vec<String>,
    /// By how much the clocks may differ.
    pub leeway: Duration,
    /// The longest time that a token may be good for, from when it was made and from now.
    pub lifetime_max: Duration,
    /// The path of the claim that names somebody.
    pub subject: String,
    /// The paths of claims that hold groups.
    pub groups: Vec<String>,
    /// Which groups of the lake these stand for.
    pub group_rules: Vec<NameRule>,
    /// Tags, and the path of the claim that each takes its value from.
    pub tags: BTreeMap<String, String>,
    /// The authorities that may vouch for the provider's address, as PEM; none for those of the machine.
    pub authorities: Option<Vec<u8>>,
    /// How often its keys are fetched.
    pub refresh: Duration,
    /// How long keys serve that could not be fetched again.
    pub keep: Duration,
}

/// Why a token lets nobody in.
#[derive(Debug, thiserror::Error)]
pub enum TokenFault {
    /// It is too long.
    #[error("the token has more than {TOKEN_BYTES_MAX} bytes")]
    TooLong,
    /// It is no token.
    #[error("the token cannot be read: {0}")]
    Malformed(&'static str),
    /// It is signed with what nobody allows here, or not at all.
    #[error("the token is not signed with an algorithm that its provider may use here")]
    Algorithm,
    /// Its issuer is none of the configuration.
    #[error("the token is of no provider that is trusted here")]
    Issuer,
    /// It names a key that its provider does not publish, or none where there are several.
    #[error("the token names no key that its provider publishes")]
    Key,
    /// Its key is of another kind than its algorithm, or may not sign.
    #[error("the key that the token names is not for its algorithm")]
    KeyKind,
    /// Its signature is not by its key.
    #[error("the token's signature is wrong")]
    Signature,
    /// It is good for something else.
    #[error("the token is not for this: {0}")]
    Rejected(&'static str),
    /// It is over.
    #[error("the token is over")]
    Expired,
    /// Its provider's keys are not known, and cannot be had.
    #[error("the keys of the provider `{provider}` cannot be had")]
    Unreachable {
        /// The provider's name.
        provider: String,
        /// Why; none where it was tried a moment ago.
        #[source]
        source: Option<Arc<FetchFault>>,
    },
}

/// What a fault means to whoever sent the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenFaultKind {
    /// Nobody has made such a token.
    Invalid,
    /// It was made, for something else.
    Rejected,
    /// It was good.
    Expired,
    /// It may be good.
    Unreachable,
}

impl TokenFault {
    /// What it means to whoever sent the token.
    pub fn kind(&self) -> TokenFaultKind {
        match self {
            Self::Rejected(_) | Self::Issuer => TokenFaultKind::Rejected,
            Self::Expired => TokenFaultKind::Expired,
            Self::Unreachable { .. } => TokenFaultKind::Unreachable,
            Self::TooLong | Self::Malformed(_) | Self::Algorithm | Self::Key | Self::KeyKind | Self::Signature => {
                TokenFaultKind::Invalid
            }
        }
    }
}

/// Somebody whom a token names, and what the token says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Who it is.
    pub identified: Identified,
    /// The issuer's address.
    pub issuer: String,
    /// Whom it was made for, as it says.
    given: Vec<String>,
    /// Which of these counts here; empty for none.
    pub audience: String,
}

impl Verified {
    /// The same, with the audience that counts.
    fn made_for(mut self, audience: String) -> Self {
        let key = format!("{}:aud", token::issuer_name(&self.issuer)).to_lowercase();
        self.identified.keys.insert(key, audience.clone());
        Self { audience, ..self }
    }
}

/// A token that was verified with the keys of one fetch.
struct Known {
    verified: Arc<Verified>,
    provider: usize,
    fetch: u64,
}

/// The providers of the configuration.
pub struct Oidc {
    providers: Vec<Provider>,
    clock: Arc<dyn Clock>,
    /// By the hash of the token.
    known: Mutex<HashMap<[u8; 32], Known>>,
}

impl Oidc {
    /// Providers, none of which is asked for anything yet.
    ///
    /// # Errors
    /// [`SetupError`] where one cannot be offered as it is described.
    pub fn new(settings: Vec<OidcSettings>, clock: Arc<dyn Clock>) -> Result<Self, SetupError> {
        signature::install();
        let provider = |settings| Provider::new(settings, Arc::clone(&clock));
        let providers = settings.into_iter().map(provider).collect::<Result<_, _>>()?;
        Ok(Self { providers, clock, known: Mutex::default() })
    }

    /// Whether there are any.
    pub fn is_empty(&self) -> bool {
        self.providers.is_empty()
    }

    /// Who holds a token. It must be made for one of the audiences that `further` says for its issuer, or else of those of
    /// the configuration. Fetches the provider's keys where they are not known.
    ///
    /// # Errors
    /// [`TokenFault`].
    pub async fn verify(
        &self,
        token: &str,
        further: impl FnOnce(&str) -> Vec<String>,
    ) -> Result<Arc<Verified>, TokenFault> {
        let verified = self.verify_signed(token).await?;
        let further = further(&verified.issuer);
        match verified.given.iter().find(|audience| further.contains(*audience)).cloned() {
            Some(audience) => Ok(Arc::new(Verified::clone(&verified).made_for(audience))),
            None if verified.audience.is_empty() => Err(TokenFault::Rejected("it was made for another audience")),
            None => Ok(verified),
        }
    }

    /// Whether a token was verified before, and would be again: to ask costs nothing.
    pub fn knows(&self, token: &str) -> bool {
        token.len() <= TOKEN_BYTES_MAX && self.recall(&hash(token), self.clock.now()).is_some()
    }

    /// Who holds a token, whoever it was made for.
    async fn verify_signed(&self, token: &str) -> Result<Arc<Verified>, TokenFault> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenFault::TooLong);
        }
        let now = self.clock.now();
        let hash = hash(token);
        if let Some(verified) = self.recall(&hash, now) {
            return Ok(verified);
        }
        let unverified = token::Unverified::read(token)?;
        let is_issuer = |provider: &Provider| provider.settings().issuer == unverified.issuer();
        let provider = self.providers.iter().position(is_issuer).ok_or(TokenFault::Issuer)?;
        let found = self.providers.get(provider).ok_or(TokenFault::Issuer)?;
        found.check_algorithm(unverified.algorithm())?;
        let (key, fetch) = found.key(&unverified).await?;
        let verified = Arc::new(unverified.verify(&key, found.settings(), now)?);
        self.remember(hash, Known { verified: Arc::clone(&verified), provider, fetch }, now);
        Ok(verified)
    }

    fn recall(&self, hash: &[u8; 32], now: Timestamp) -> Option<Arc<Verified>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known.get(hash)?;
        let is_current = self.providers.get(found.provider)?.is_current(found.fetch);
        let is_over = found.verified.identified.expires.is_none_or(|expires| expires <= now);
        (is_current && !is_over).then(|| Arc::clone(&found.verified))
    }

    fn remember(&self, hash: [u8; 32], token: Known, now: Timestamp) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KNOWN_TOKENS_MAX {
            known.retain(|_, token| token.verified.identified.expires.is_some_and(|expires| expires > now));
            if known.len() >= KNOWN_TOKENS_MAX {
                known.clear();
            }
        }
        known.insert(hash, token);
    }

    /// Fetches the keys of every provider again whose time has come, and says how long nothing needs to be fetched.
    pub async fn refresh(&self) -> Duration {
        let mut rest = Duration::from_secs(3_600);
        for provider in &self.providers {
            rest = rest.min(provider.refresh().await);
        }
        rest
    }
}

fn hash(token: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    hash
}
