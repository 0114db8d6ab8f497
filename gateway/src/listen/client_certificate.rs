//! What a client's certificate says of whoever holds its key.
//!
//! That the client holds the key, and that an authority that is trusted says so, is found out in the handshake. Trust can
//! end while a connection goes on: a certificate that is over is not taken any more, and after the trusted authorities or
//! the revocations have changed it is verified again.
//!
//! Source: RFC 5280.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use kernel::Timestamp;
use outbound::{Identified, NameRule, claims};
use rustls::ServerConnection;
use rustls::pki_types::{CertificateDer, UnixTime};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;
use x509_parser::x509::AttributeTypeAndValue;

use super::tls::Tls;

/// Values of one kind that are looked at.
const VALUES_MAX: usize = 100;

/// A part of a certificate that names somebody or something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificatePart {
    /// The common name of the subject.
    CommonName,
    /// Organizations of the subject.
    Organization,
    /// Organizational units of the subject.
    Unit,
    /// The whole subject, as `CN=…, OU=…` in the order of the certificate.
    Subject,
    /// Alternative names: hosts.
    Dns,
    /// Alternative names: URIs, as SPIFFE has them.
    Uri,
    /// Alternative names: addresses of mail.
    Email,
}

impl CertificatePart {
    /// The part of this name in the configuration.
    pub fn of(name: &str) -> Option<Self> {
        Some(match name {
            "cn" => Self::CommonName,
            "o" => Self::Organization,
            "ou" => Self::Unit,
            "subject" => Self::Subject,
            "dns" => Self::Dns,
            "uri" => Self::Uri,
            "email" => Self::Email,
            _ => return None,
        })
    }

    fn values(self, certificate: &X509Certificate<'_>) -> Vec<String> {
        fn texts<'a, 'b: 'a>(found: impl Iterator<Item = &'a AttributeTypeAndValue<'b>>) -> Vec<String> {
            found.take(VALUES_MAX).filter_map(|attribute| attribute.as_str().ok().map(str::to_owned)).collect()
        }
        let subject = certificate.subject();
        let alternative = |wanted: fn(&GeneralName<'_>) -> Option<String>| {
            let names = certificate.subject_alternative_name().ok().flatten();
            names.map_or_else(Vec::new, |names| {
                names.value.general_names.iter().filter_map(wanted).take(VALUES_MAX).collect()
            })
        };
        match self {
            Self::CommonName => texts(subject.iter_common_name()),
            Self::Organization => texts(subject.iter_organization()),
            Self::Unit => texts(subject.iter_organizational_unit()),
            Self::Subject => vec![subject.to_string()],
            Self::Dns => alternative(|name| match name {
                GeneralName::DNSName(name) => Some((*name).to_owned()),
                _ => None,
            }),
            Self::Uri => alternative(|name| match name {
                GeneralName::URI(name) => Some((*name).to_owned()),
                _ => None,
            }),
            Self::Email => alternative(|name| match name {
                GeneralName::RFC822Name(name) => Some((*name).to_owned()),
                _ => None,
            }),
        }
    }
}

/// Whom certificates name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateRules {
    /// What stands before the colon in the names of those who are let in.
    pub name: String,
    /// The part that names somebody. A certificate in which it stands more than once, or not at all, names nobody.
    pub subject: CertificatePart,
    /// What names become. If there are any, a name that none is for is nobody's.
    pub user_rules: Vec<NameRule>,
    /// The parts that stand for groups.
    pub groups: Vec<CertificatePart>,
    /// Which groups of the lake these stand for.
    pub group_rules: Vec<NameRule>,
}

impl CertificateRules {
    /// Whom a certificate names.
    fn identify(&self, certificate: &CertificateDer<'_>) -> Result<Identified, &'static str> {
        let (_, read) = X509Certificate::from_der(certificate).map_err(|_| "the client certificate cannot be read")?;
        let names = self.subject.values(&read);
        let [name] = names.as_slice() else {
            return Err("the client certificate does not name exactly one user");
        };
        let named = match self.user_rules.is_empty() {
            true => Some(name.clone()),
            false => self.user_rules.iter().find_map(|rule| rule.apply(name)),
        };
        let subject =
            named.filter(|name| claims::is_subject(name)).ok_or("the client certificate names no user here")?;
        let values: Vec<String> = self.groups.iter().flat_map(|part| part.values(&read)).collect();
        let key = |name: &str| format!("{}:{name}", self.name);
        let keys = [
            ("aws:federatedprovider".to_owned(), self.name.clone()),
            (key("sub"), subject.clone()),
            (key("subject"), read.subject().to_string()),
            (key("issuer"), read.issuer().to_string()),
        ];
        let expires = read.validity().not_after.timestamp().saturating_mul(1_000);
        Ok(Identified {
            provider: self.name.clone(),
            subject,
            groups: claims::groups(&self.group_rules, values.iter().map(String::as_str)),
            tags: std::collections::BTreeMap::new(),
            keys: keys.into(),
            expires: Some(Timestamp::from_millis(expires)),
        })
    }
}

/// The certificate that the client of a connection has shown.
pub(crate) struct ClientCertificate {
    chain: Vec<CertificateDer<'static>>,
    identified: Result<Identified, &'static str>,
    tls: Arc<Tls>,
    /// The offer under which it was verified last.
    verified: AtomicU64,
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCertificate").field("identified", &self.identified).finish_non_exhaustive()
    }
}

impl ClientCertificate {
    /// The certificate that was shown in a handshake under an offer of this number, if one was.
    pub(crate) fn of(tls: &Arc<Tls>, offer: u64, connection: &ServerConnection) -> Option<Arc<Self>> {
        let rules = tls.rules()?;
        let chain: Vec<_> =
            connection.peer_certificates()?.iter().map(|certificate| certificate.clone().into_owned()).collect();
        let identified = rules.identify(chain.first()?);
        Some(Arc::new(Self { chain, identified, tls: Arc::clone(tls), verified: AtomicU64::new(offer) }))
    }

    /// Whom it names, if it is still good.
    pub(crate) fn identified(&self, now: Timestamp) -> Result<&Identified, &'static str> {
        let identified = self.identified.as_ref().map_err(|reason| *reason)?;
        if identified.expires.is_some_and(|expires| expires <= now) {
            return Err("the client certificate is over");
        }
        let offer = self.tls.number();
        if self.verified.load(Ordering::Relaxed) != offer {
            let since = Duration::from_millis(u64::try_from(now.as_millis()).unwrap_or(0));
            if !self.tls.still_trusts(&self.chain, UnixTime::since_unix_epoch(since)) {
                return Err("the client certificate is trusted no more");
            }
            self.verified.store(offer, Ordering::Relaxed);
        }
        Ok(identified)
    }
}
