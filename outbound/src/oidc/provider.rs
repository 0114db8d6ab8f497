//! One provider and its keys.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey};
use kernel::Clock;
use serde_json::Value;
use tokio::sync::Mutex;
use url::Url;

use super::keys::KeySet;
use super::token::Unverified;
use super::{ALGORITHMS, OidcSettings, TokenFault};
use crate::web::{Web, is_trustworthy};
use crate::{FetchFault, SetupError};

/// Fetches beyond the regular ones that may follow one another, for tokens that name unknown keys: whoever invents such
/// names has nobody asked without end.
const EXTRA_FETCHES_MAX: u32 = 4;
/// After this long, one more may follow.
const EXTRA_FETCH_EVERY: Duration = Duration::from_secs(15);
/// After a failure it is tried again no later than this.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// A provider.
pub(super) struct Provider {
    settings: OidcSettings,
    algorithms: Vec<Algorithm>,
    discovery: Url,
    is_local: bool,
    web: Web,
    clock: Arc<dyn Clock>,
    fetched: RwLock<Option<Arc<Fetched>>>,
    /// Held while keys are fetched, so that one fetch serves all who wait for it.
    fetching: Mutex<Fetching>,
}

/// Keys, and when they were fetched.
struct Fetched {
    keys: KeySet,
    at: Duration,
    number: u64,
}

/// What was tried.
struct Fetching {
    number: u64,
    last: Option<Duration>,
    fault: Option<Arc<FetchFault>>,
    extra: u32,
    extra_since: Duration,
}

impl Provider {
    pub(super) fn new(settings: OidcSettings, clock: Arc<dyn Clock>) -> Result<Self, SetupError> {
        let (discovery, is_local) = discovery(&settings.issuer)?;
        let algorithm = |name: &String| match name.parse() {
            Ok(algorithm) if ALGORITHMS.contains(&name.as_str()) => Ok(algorithm),
            _ => Err(SetupError::Algorithm(name.clone(), ALGORITHMS.join(", "))),
        };
        let algorithms = settings.algorithms.iter().map(algorithm).collect::<Result<_, _>>()?;
        let web = Web::new(settings.authorities.as_deref())?;
        let extra_since = clock.monotonic();
        let fetching = Fetching { number: 0, last: None, fault: None, extra: EXTRA_FETCHES_MAX, extra_since };
        let (fetched, fetching) = (RwLock::default(), Mutex::new(fetching));
        Ok(Self { settings, algorithms, discovery, is_local, web, clock, fetched, fetching })
    }

    pub(super) fn settings(&self) -> &OidcSettings {
        &self.settings
    }

    pub(super) fn check_algorithm(&self, algorithm: Algorithm) -> Result<(), TokenFault> {
        if self.algorithms.contains(&algorithm) { Ok(()) } else { Err(TokenFault::Algorithm) }
    }

    fn fetched(&self) -> Option<Arc<Fetched>> {
        let fetched = self.fetched.read().unwrap_or_else(PoisonError::into_inner).clone()?;
        let age = self.clock.monotonic().saturating_sub(fetched.at);
        (age <= self.settings.keep).then_some(fetched)
    }

    /// Whether the keys of this fetch are those that serve now.
    pub(super) fn is_current(&self, fetch: u64) -> bool {
        self.fetched().is_some_and(|fetched| fetched.number == fetch)
    }

    /// The key that a token names, and the fetch it came with. Where nobody knows the key the keys are fetched again.
    pub(super) async fn key(&self, token: &Unverified<'_>) -> Result<(DecodingKey, u64), TokenFault> {
        let find = |fetched: &Fetched| {
            let key = fetched.keys.find(token.key_id(), token.algorithm());
            key.map(|key| (key, fetched.number))
        };
        let known = self.fetched();
        let before = known.as_ref().map(|fetched| fetched.number);
        match known.as_deref().map(find) {
            Some(Err(TokenFault::Key)) | None => {}
            Some(found) => return found,
        }
        let fault = self.fetch_beyond(before).await;
        match (self.fetched(), fault) {
            (Some(fetched), _) => find(&fetched),
            (None, source) => Err(TokenFault::Unreachable { provider: self.settings.name.clone(), source }),
        }
    }

    /// Fetches, unless somebody has since the fetch `before`, or it was done too often; says what went wrong at last.
    async fn fetch_beyond(&self, before: Option<u64>) -> Option<Arc<FetchFault>> {
        let mut fetching = self.fetching.lock().await;
        if self.fetched().map(|fetched| fetched.number) != before {
            return None;
        }
        let now = self.clock.monotonic();
        let regained = now.saturating_sub(fetching.extra_since).as_secs() / EXTRA_FETCH_EVERY.as_secs();
        if regained > 0 {
            let regained = u32::try_from(regained).unwrap_or(u32::MAX);
            fetching.extra = fetching.extra.saturating_add(regained).min(EXTRA_FETCHES_MAX);
            fetching.extra_since = now;
        }
        if fetching.extra > 0 {
            fetching.extra -= 1;
            self.fetch(&mut fetching).await;
        }
        fetching.fault.clone()
    }

    /// Fetches where it is time to, and says when it will be time again.
    pub(super) async fn refresh(&self) -> Duration {
        let mut fetching = self.fetching.lock().await;
        let since = fetching.last.map(|last| self.clock.monotonic().saturating_sub(last));
        let pause = |failed: bool| if failed { self.settings.refresh.min(RETRY_AFTER) } else { self.settings.refresh };
        let rest = since.map_or(Duration::ZERO, |since| pause(fetching.fault.is_some()).saturating_sub(since));
        if !rest.is_zero() {
            return rest;
        }
        self.fetch(&mut fetching).await;
        pause(fetching.fault.is_some())
    }

    async fn fetch(&self, fetching: &mut Fetching) {
        let fetched = self.ask().await;
        let now = self.clock.monotonic();
        fetching.last = Some(now);
        match fetched {
            Ok(keys) => {
                fetching.fault = None;
                fetching.number += 1;
                let fetched = Arc::new(Fetched { keys, at: now, number: fetching.number });
                *self.fetched.write().unwrap_or_else(PoisonError::into_inner) = Some(fetched);
            }
            Err(fault) => {
                let provider = &self.settings.name;
                let error = &fault as &(dyn std::error::Error + 'static);
                // Once is enough: it is tried again and again.
                if fetching.fault.is_none() {
                    tracing::warn!(provider, error, "the keys of a provider cannot be fetched");
                } else {
                    tracing::debug!(provider, error, "the keys of a provider still cannot be fetched");
                }
                fetching.fault = Some(Arc::new(fault));
            }
        }
    }

    /// Source: OpenID Connect Discovery 1.0, sections 4 and 4.3.
    async fn ask(&self) -> Result<KeySet, FetchFault> {
        let unfit =
            |address: &Url, reason: &str| FetchFault::Unfit { address: address.to_string(), reason: reason.to_owned() };
        let document = self.web.json(&self.discovery).await?;
        let text = |name: &str| document.get(name).and_then(Value::as_str);
        if text("issuer") != Some(&self.settings.issuer) {
            return Err(unfit(&self.discovery, "it names another issuer than the configuration"));
        }
        let address = text("jwks_uri").and_then(|address| Url::parse(address).ok());
        let address = address.ok_or_else(|| unfit(&self.discovery, "it names no address of keys"))?;
        // From elsewhere nothing is fetched without TLS, nor from this machine: its own doors are for those inside.
        let is_allowed = is_trustworthy(&address) && (address.scheme() == "https" || self.is_local);
        if !is_allowed {
            return Err(unfit(&self.discovery, "it names an address of keys that is not asked"));
        }
        let keys = self.web.json(&address).await?;
        KeySet::read(&keys).map_err(|reason| unfit(&address, reason))
    }
}

/// Where an issuer is asked about itself, and whether that is within this machine.
fn discovery(issuer: &str) -> Result<(Url, bool), SetupError> {
    let wrong = || SetupError::Issuer(issuer.to_owned());
    let address = Url::parse(issuer).map_err(|_| wrong())?;
    if !is_trustworthy(&address) || issuer.contains(['?', '#']) {
        return Err(wrong());
    }
    let document = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
    Ok((Url::parse(&document).map_err(|_| wrong())?, address.scheme() == "http"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_asked_below_its_own_address() {
        let asked = |issuer: &str| discovery(issuer).map(|(address, _)| address.to_string()).ok();
        let expected = Some("https://login.example/realms/lake/.well-known/openid-configuration".to_owned());
        assert_eq!(asked("https://login.example/realms/lake"), expected);
        assert_eq!(asked("https://login.example/realms/lake/"), expected);
        for bad in ["login.example", "https://login.example?x", "https://login.example#x", "http://login.example", ""] {
            assert_eq!(asked(bad), None, "{bad}");
        }
    }
}
