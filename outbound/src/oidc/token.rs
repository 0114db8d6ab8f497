//! One token, before and after it is believed.
//!
//! Source: RFC 7519, section 4.1; RFC 8725, section 3; OpenID Connect Core 1.0, section 3.1.3.7.

use std::collections::BTreeMap;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation, dangerous, decode, decode_header};
use kernel::Timestamp;
use serde_json::Value;

use super::{OidcSettings, TokenFault, Verified};
use crate::{Identified, claims};

/// What a token may say it is. Others are for logging somebody out, for proofs, for events.
const TYPES: [&str; 4] = ["jwt", "at+jwt", "application/at+jwt", "application/jwt"];
/// Claims that conditions of policies may ask for, besides `sub` and `aud`.
const CONDITION_CLAIMS: [&str; 3] = ["azp", "app_id", "email"];
const CONDITION_CHARS_MAX: usize = 256;

/// A token that nobody has verified.
pub(super) struct Unverified<'a> {
    token: &'a str,
    header: Header,
    issuer: String,
}

impl<'a> Unverified<'a> {
    /// Reads what is needed to find the key.
    pub(super) fn read(token: &'a str) -> Result<Self, TokenFault> {
        if token.split('.').count() != 3 {
            return Err(TokenFault::Malformed("it is not three parts joined by periods"));
        }
        let header = decode_header(token).map_err(|error| match error.kind() {
            // Which is also what an algorithm is that nobody knows, `none` among them.
            ErrorKind::Json(_) => TokenFault::Algorithm,
            _ => TokenFault::Malformed("its header"),
        })?;
        let kind = header.typ.as_deref().map(str::to_ascii_lowercase);
        if kind.is_some_and(|kind| !TYPES.contains(&kind.as_str())) {
            return Err(TokenFault::Malformed("it is of a type that is for something else"));
        }
        if header.crit.is_some() {
            return Err(TokenFault::Malformed("its header has critical parameters"));
        }
        let claims: Value =
            dangerous::insecure_decode_claims(token).map_err(|_| TokenFault::Malformed("its claims are no JSON"))?;
        let issuer = claims.get("iss").and_then(Value::as_str).ok_or(TokenFault::Issuer)?.to_owned();
        Ok(Self { token, header, issuer })
    }

    pub(super) fn issuer(&self) -> &str {
        &self.issuer
    }
    pub(super) fn algorithm(&self) -> Algorithm {
        self.header.alg
    }
    pub(super) fn key_id(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    /// Verifies it with its key, and judges what it says.
    pub(super) fn verify(
        &self,
        key: &DecodingKey,
        settings: &OidcSettings,
        now: Timestamp,
    ) -> Result<Verified, TokenFault> {
        let mut validation = Validation::new(self.header.alg);
        // Claims are judged below, by the lake's own clock.
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        let decoded = decode::<Value>(self.token, key, &validation).map_err(|error| match error.kind() {
            ErrorKind::InvalidKeyFormat | ErrorKind::UnsupportedAlgorithm => TokenFault::KeyKind,
            ErrorKind::Json(_) => TokenFault::Malformed("its claims"),
            _ => TokenFault::Signature,
        })?;
        judge(&decoded.claims, settings, now)
    }
}

/// What verified claims say of whoever holds them.
fn judge(all: &Value, settings: &OidcSettings, now: Timestamp) -> Result<Verified, TokenFault> {
    let text = |name: &str| all.get(name).and_then(Value::as_str);
    if text("iss") != Some(&settings.issuer) {
        return Err(TokenFault::Issuer);
    }
    let leeway = i64::try_from(settings.leeway.as_millis()).unwrap_or(i64::MAX);
    let instant = |name: &str| all.get(name).map(|claim| numeric_date(claim).ok_or(TokenFault::Malformed("its dates")));
    let now_ms = now.as_millis();
    let expires = instant("exp").ok_or(TokenFault::Rejected("it has no end"))??.saturating_add(leeway);
    if expires <= now_ms {
        return Err(TokenFault::Expired);
    }
    let is_to_come = |date: i64| date.saturating_sub(leeway) > now_ms;
    if instant("nbf").transpose()?.is_some_and(is_to_come) {
        return Err(TokenFault::Rejected("its time has not come"));
    }
    let made = instant("iat").transpose()?;
    if made.is_some_and(is_to_come) {
        return Err(TokenFault::Rejected("it was made in the future"));
    }
    // What cannot be taken back must end by itself.
    let lifetime = expires.saturating_sub(made.unwrap_or(now_ms).min(now_ms)).saturating_sub(leeway);
    if lifetime > i64::try_from(settings.lifetime_max.as_millis()).unwrap_or(i64::MAX) {
        return Err(TokenFault::Rejected("it is good for longer than tokens may be here"));
    }
    let given = all.get("aud").map(claims::texts).unwrap_or_default();
    let audience = settings.audiences.iter().find(|audience| given.contains(&audience.as_str())).cloned();
    let client = text("azp").or_else(|| text("client_id"));
    let is_known = |client: &str| settings.client_ids.iter().any(|known| known == client);
    if !settings.client_ids.is_empty() && !client.is_some_and(is_known) {
        return Err(TokenFault::Rejected("it was given to another client"));
    }
    let subject = claims::at(all, &settings.subject).and_then(Value::as_str);
    let subject = subject.filter(|subject| claims::is_subject(subject));
    let subject = subject.ok_or(TokenFault::Rejected("it names nobody whom the lake could name"))?.to_owned();
    let values = settings.groups.iter().filter_map(|path| claims::at(all, path)).flat_map(claims::texts);
    let identified = Identified {
        provider: settings.name.clone(),
        groups: claims::groups(&settings.group_rules, values),
        tags: claims::tags(all, &settings.tags),
        keys: condition_keys(all, settings, &subject),
        subject,
        expires: Some(Timestamp::from_millis(expires)),
    };
    let given = given.into_iter().map(str::to_owned).collect();
    let verified = Verified { identified, issuer: settings.issuer.clone(), given, audience: String::new() };
    Ok(match audience {
        Some(audience) => verified.made_for(audience),
        None => verified,
    })
}

/// An issuer as policies name it: without its scheme and a last slash.
pub(super) fn issuer_name(issuer: &str) -> &str {
    issuer.split_once("://").map_or(issuer, |(_, name)| name).trim_end_matches('/')
}

/// Seconds since 1970, fractions allowed, as milliseconds.
fn numeric_date(claim: &Value) -> Option<i64> {
    const SECONDS_MAX: f64 = 1e12;
    let seconds = claim.as_f64().filter(|seconds| (0.0..SECONDS_MAX).contains(seconds))?;
    #[expect(clippy::cast_possible_truncation, reason = "bounded above")]
    let millis = (seconds * 1_000.0) as i64;
    Some(millis)
}

/// Source: IAM User Guide, *IAM and AWS STS condition context keys*, "Available keys for AWS OIDC federation".
fn condition_keys(all: &Value, settings: &OidcSettings, subject: &str) -> BTreeMap<String, String> {
    let issuer = issuer_name(&settings.issuer);
    let mut keys = BTreeMap::from([("aws:federatedprovider".to_owned(), issuer.to_owned())]);
    let mut key = |name: &str, value: &str| {
        if value.chars().count() <= CONDITION_CHARS_MAX {
            keys.insert(format!("{issuer}:{name}").to_lowercase(), value.to_owned());
        }
    };
    for name in CONDITION_CLAIMS {
        if let Some(value) = all.get(name).and_then(Value::as_str) {
            key(name, value);
        }
    }
    key("sub", subject);
    keys
}
