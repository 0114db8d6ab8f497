//! Every connection that the lake opens, and how far it believes what it is told there.
//!
//! What lies behind these connections is somebody else's: it may be slow, gone, wrong or hostile. So every question has a
//! deadline and every answer a bound, nothing is followed to where an answer points unless the operator would have
//! allowed that place himself, and nothing that was learned is kept for longer than stated.
//!
//! Today these are logins: providers of OpenID Connect ([`oidc`]) and a directory ([`ldap`]). Whoever is let in comes out as [`Identified`]; what
//! that may do is decided elsewhere.

pub mod claims;
pub mod ldap;
pub mod oidc;
pub mod patience;
mod web;

use std::collections::{BTreeMap, BTreeSet};

use kernel::Timestamp;

pub use claims::{Matching, NameRule};
pub use patience::Patience;
pub use web::FetchFault;

/// Somebody whom a provider outside knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identified {
    /// The provider's name in the configuration.
    pub provider: String,
    /// Who it is there.
    pub subject: String,
    /// Groups, as the lake calls them.
    pub groups: BTreeSet<String>,
    /// Tags that claims stand for.
    pub tags: BTreeMap<String, String>,
    /// Condition keys, in lower case.
    pub keys: BTreeMap<String, String>,
    /// When what it showed ends; none where it names no end.
    pub expires: Option<Timestamp>,
}

/// All who vouch for others.
pub struct Providers {
    /// Providers of OpenID Connect.
    pub oidc: oidc::Oidc,
    /// The directory that knows passwords.
    pub ldap: Option<ldap::Ldap>,
}

/// Why a login cannot be offered as it is configured.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The issuer is no address that may be asked.
    #[error("`{0}` is no address of an issuer: https, or http to this machine, without a query or a fragment")]
    Issuer(String),
    /// An algorithm that nothing is believed by.
    #[error("`{0}` is no algorithm that tokens may be signed with; allowed: {1}")]
    Algorithm(String, String),
    /// The directory is at no address that may be asked.
    #[error("`{0}` is no address of a directory: ldaps, or ldap with `start_tls` or within this machine")]
    Directory(String),
    /// A filter is none, or has no place for whom it looks for.
    #[error("`{0}` is no filter with `{{user}}` or `{{dn}}` in it")]
    Filter(String),
    /// The certificates of a directory's authorities cannot be read.
    #[error("the certificates of the directory's authorities cannot be used")]
    DirectoryAuthorities,
    /// The certificates of authorities cannot be read.
    #[error("the certificates of the authorities cannot be used")]
    Authorities(#[source] reqwest::Error),
    /// There is no client of HTTP to be had.
    #[error("no client of HTTP can be made")]
    Client(#[source] reqwest::Error),
}
