//! OpenID Connect providers of accounts: whose tokens the roles of an account may trust, and for which audiences.
//!
//! Which issuers the lake speaks to at all is the operator's affair: a provider here whose issuer is not among those of the
//! configuration lets nobody in. What is said here of one that is narrows it for the roles of this account.
//!
//! Source: IAM API Reference, *CreateOpenIDConnectProvider* and what belongs to it.

use std::collections::BTreeMap;

use kernel::{AccountId, Caller};
use policy::{Action, OperationKeys};

use super::records::{Account, OidcProvider, within};
use super::roster::Roster;
use super::wish::{Made, Wish};
use super::{IdentityFault, naming, users};
use crate::{Engine, Error, Result};

const URL_CHARS_MAX: usize = 255;
const CLIENT_IDS_MAX: usize = 100;
const CLIENT_ID_CHARS_MAX: usize = 255;
const THUMBPRINTS_MAX: usize = 5;
const THUMBPRINT_CHARS: usize = 40;
const PROVIDERS_MAX: usize = 100;

/// An OpenID Connect provider to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewOidcProvider {
    /// The issuer.
    pub url: String,
    /// Audiences that are taken.
    pub client_ids: Vec<String>,
    /// What is told of its certificates.
    pub thumbprints: Vec<String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

/// An issuer without its scheme.
fn place(url: &str) -> std::result::Result<&str, IdentityFault> {
    let place = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).unwrap_or_default();
    let is_good = |byte: u8| byte.is_ascii_graphic() && !b"?#\"<>\\".contains(&byte);
    if place.is_empty() || url.len() > URL_CHARS_MAX || !place.bytes().all(is_good) {
        let fault = format!("an issuer is a URL of at most {URL_CHARS_MAX} characters without a query: `{url}`");
        return Err(IdentityFault::Value(fault));
    }
    Ok(place.trim_end_matches('/'))
}

fn check_client_ids(ids: &[String]) -> std::result::Result<(), IdentityFault> {
    if ids.len() > CLIENT_IDS_MAX {
        return Err(IdentityFault::Limit { what: "client ids of a provider", max: CLIENT_IDS_MAX });
    }
    match ids.iter().find(|id| id.is_empty() || id.chars().count() > CLIENT_ID_CHARS_MAX) {
        Some(id) => Err(IdentityFault::Value(format!("a client id has 1 to {CLIENT_ID_CHARS_MAX} characters: `{id}`"))),
        None => Ok(()),
    }
}

fn check_thumbprints(thumbprints: &[String]) -> std::result::Result<(), IdentityFault> {
    if thumbprints.len() > THUMBPRINTS_MAX {
        return Err(IdentityFault::Limit { what: "thumbprints of a provider", max: THUMBPRINTS_MAX });
    }
    let is_one =
        |text: &&String| text.len() == THUMBPRINT_CHARS && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    match thumbprints.iter().find(|text| !is_one(text)) {
        Some(text) => Err(IdentityFault::Value(format!("a thumbprint has {THUMBPRINT_CHARS} hex digits: `{text}`"))),
        None => Ok(()),
    }
}

/// A provider of an account, by its ARN.
fn provider<'r>(
    roster: &'r Roster,
    account: AccountId,
    arn: &str,
) -> std::result::Result<&'r OidcProvider, IdentityFault> {
    let prefix = format!("arn:aws:iam::{account}:oidc-provider/");
    let place = arn.strip_prefix(&prefix).ok_or_else(|| IdentityFault::missing("OpenID Connect provider", arn))?;
    roster.of::<OidcProvider>(account, place)
}

impl Engine {
    /// Makes a provider, and gives back its ARN.
    ///
    /// # Errors
    /// `Identity` where there is one of that issuer, or a value cannot be; `Denied`, `Unavailable`.
    pub async fn create_oidc_provider(
        &self,
        caller: &Caller,
        account: AccountId,
        new: NewOidcProvider,
    ) -> Result<OidcProvider> {
        let NewOidcProvider { url, client_ids, thumbprints, tags } = new;
        let place = place(&url)?.to_owned();
        let arn = naming::arn(&account.to_string(), "oidc-provider", "/", &place);
        users::tags(&tags)?;
        let actions = [Action::CreateOpenIdConnectProvider, Action::TagOpenIdConnectProvider];
        self.permit_made(caller, actions, Made { tags: &tags, boundary: None }, &arn)?;
        check_client_ids(&client_ids)?;
        check_thumbprints(&thumbprints)?;
        let created_ms = self.clock.now().as_millis();
        let provider =
            OidcProvider { account: account.to_string(), url, place, client_ids, thumbprints, created_ms, tags };
        self.change_identities(move |next| {
            next.now().find::<Account>(&provider.account)?;
            if next.now().all_of::<OidcProvider>(account).count() >= PROVIDERS_MAX {
                return Err(IdentityFault::Limit { what: "OpenID Connect providers", max: PROVIDERS_MAX }.into());
            }
            next.add(provider.clone(), &provider.url)?;
            Ok(provider)
        })
        .await
    }

    /// What is known of a provider.
    ///
    /// # Errors
    /// `Identity` where there is none; `Denied`.
    pub fn oidc_provider(&self, caller: &Caller, arn: &str) -> Result<OidcProvider> {
        self.permit_provider(caller, Action::GetOpenIdConnectProvider, arn)?;
        Ok(provider(&self.identities.roster(), self.account_of(caller), arn)?.clone())
    }

    /// The providers of an account.
    ///
    /// # Errors
    /// `Denied`.
    pub fn oidc_providers(&self, caller: &Caller, account: AccountId) -> Result<Vec<OidcProvider>> {
        let all = format!("arn:aws:iam::{account}:oidc-provider/*");
        self.permit_identity(caller, Action::ListOpenIdConnectProviders, &all)?;
        Ok(self.identities.roster().all_of::<OidcProvider>(account).cloned().collect())
    }

    /// Removes a provider. Who came in by it stays until its session ends.
    ///
    /// # Errors
    /// `Identity` where there is none; `Denied`, `Unavailable`.
    pub async fn delete_oidc_provider(&self, caller: &Caller, arn: &str) -> Result<()> {
        self.permit_provider(caller, Action::DeleteOpenIdConnectProvider, arn)?;
        let account = self.account_of(caller);
        self.change_identities(|next| {
            let provider = provider(next.now(), account, arn)?.clone();
            next.remove(&provider);
            Ok(())
        })
        .await
    }

    /// Adds a client id, or takes one away. What is so already succeeds.
    ///
    /// # Errors
    /// `Identity` where there is no such provider, or a value cannot be; `Denied`, `Unavailable`.
    pub async fn set_client_id(&self, caller: &Caller, arn: &str, id: &str, is_taken: bool) -> Result<()> {
        let action = match is_taken {
            true => Action::AddClientIdToOpenIdConnectProvider,
            false => Action::RemoveClientIdFromOpenIdConnectProvider,
        };
        self.change_provider(caller, action, arn, |provider| {
            provider.client_ids.retain(|known| is_taken || known != id);
            if is_taken && !provider.client_ids.iter().any(|known| known == id) {
                provider.client_ids.push(id.to_owned());
            }
            check_client_ids(&provider.client_ids)
        })
        .await
    }

    /// Sets what is told of a provider's certificates.
    ///
    /// # Errors
    /// As [`Engine::set_client_id`].
    pub async fn set_thumbprints(&self, caller: &Caller, arn: &str, thumbprints: Vec<String>) -> Result<()> {
        self.change_provider(caller, Action::UpdateOpenIdConnectProviderThumbprint, arn, |provider| {
            check_thumbprints(&thumbprints)?;
            provider.thumbprints = thumbprints;
            Ok(())
        })
        .await
    }

    /// Changes the tags of a provider.
    ///
    /// # Errors
    /// As [`Engine::set_client_id`].
    pub async fn tag_oidc_provider(
        &self,
        caller: &Caller,
        arn: &str,
        set: BTreeMap<String, String>,
        unset: &[String],
    ) -> Result<()> {
        let action = match unset.is_empty() {
            true => Action::TagOpenIdConnectProvider,
            false => Action::UntagOpenIdConnectProvider,
        };
        users::tags(&set)?;
        let keys = OperationKeys::default().with_request_tags(&set).with_tag_names(unset);
        self.change_provider(caller, Wish::with(action, keys), arn, |provider| {
            provider.tags.extend(set);
            provider.tags.retain(|tag, _| !unset.contains(tag));
            users::tags(&provider.tags)
        })
        .await
    }

    fn permit_provider(&self, caller: &Caller, wish: impl Into<Wish>, arn: &str) -> Result<()> {
        let roster = self.identities.roster();
        let known = provider(&roster, self.account_of(caller), arn).map(OidcProvider::keys).unwrap_or_default();
        self.permit_identity(caller, wish.into().about(known), arn)
    }

    async fn change_provider(
        &self,
        caller: &Caller,
        wish: impl Into<Wish>,
        arn: &str,
        change: impl FnOnce(&mut OidcProvider) -> std::result::Result<(), IdentityFault>,
    ) -> Result<()> {
        self.permit_provider(caller, wish, arn)?;
        let account = self.account_of(caller);
        self.change_identities(|next| {
            let mut provider = provider(next.now(), account, arn)?.clone();
            change(&mut provider).map_err(Error::from)?;
            next.put(provider)
        })
        .await
    }

    /// For which audiences the account of a role says that it takes tokens of an issuer.
    pub fn audiences(&self, role_arn: &str, issuer: &str) -> Vec<String> {
        let roster = self.identities.roster();
        let account = naming::parse_arn(role_arn, "role").map(|(account, _)| account);
        let known = account.zip(place(issuer).ok());
        let known = known.and_then(|(account, place)| roster.find::<OidcProvider>(&within(account, place)).ok());
        known.map(|provider| provider.client_ids.clone()).unwrap_or_default()
    }

    /// Whether roles of an account take a token, by the condition keys it brings: `PLACE:aud` is an audience of what the
    /// provider takes, where the account has one of that place.
    pub(super) fn takes_audience(&self, account: &str, keys: &BTreeMap<String, String>) -> bool {
        let roster = self.identities.roster();
        let mut audiences = keys.iter().filter_map(|(key, audience)| Some((key.strip_suffix(":aud")?, audience)));
        audiences.all(|(place, audience)| match roster.find::<OidcProvider>(&within(account, place)) {
            Ok(provider) => provider.client_ids.contains(audience),
            Err(_) => true,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issuers_are_named_without_their_scheme() {
        assert_eq!(place("https://id.example/realms/lab/").ok(), Some("id.example/realms/lab"));
        for bad in ["", "id.example", "https://", "ftp://id.example", "https://id.example?x=1", "https://a b"] {
            assert!(place(bad).is_err(), "{bad}");
        }
    }
}
