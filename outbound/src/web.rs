//! Documents from elsewhere: fetched whole, within a deadline and a bound, from exactly the address that was named.

use std::time::Duration;

use reqwest::{Certificate, redirect};
use serde_json::Value;
use url::{Host, Url};

use crate::SetupError;

const CONNECT_WAIT: Duration = Duration::from_secs(5);
const ANSWER_WAIT: Duration = Duration::from_secs(10);
/// The largest document that is read. Key sets of real providers have some 10 KiB.
const DOCUMENT_BYTES_MAX: usize = 1 << 20;

/// Why a document was not had.
#[derive(Debug, thiserror::Error)]
pub enum FetchFault {
    /// Nobody answered, or not in time, or not whom the certificates name.
    #[error("`{address}` cannot be reached")]
    Unreachable {
        /// What was asked for.
        address: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// The answer was no success.
    #[error("`{address}` answers {status}")]
    Status {
        /// What was asked for.
        address: String,
        /// What it said.
        status: u16,
    },
    /// The answer is too long.
    #[error("`{address}` answers more than {DOCUMENT_BYTES_MAX} bytes")]
    TooLong {
        /// What was asked for.
        address: String,
    },
    /// The answer is no JSON.
    #[error("`{address}` answers no JSON")]
    NotJson {
        /// What was asked for.
        address: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The answer is not what was asked for.
    #[error("`{address}`: {reason}")]
    Unfit {
        /// What was asked for.
        address: String,
        /// What is wrong.
        reason: String,
    },
}

/// A client that trusts given authorities.
#[derive(Debug, Clone)]
pub(crate) struct Web(reqwest::Client);

impl Web {
    /// Trusts the authorities of a PEM bundle and no others; without one, those of the machine.
    pub(crate) fn new(authorities: Option<&[u8]>) -> Result<Self, SetupError> {
        let mut builder = reqwest::Client::builder()
            .connect_timeout(CONNECT_WAIT)
            .timeout(ANSWER_WAIT)
            // Nobody asked for what lies there.
            .redirect(redirect::Policy::none())
            .user_agent(concat!("twinlake/", env!("CARGO_PKG_VERSION")));
        if let Some(pem) = authorities {
            let bundle = Certificate::from_pem_bundle(pem).map_err(SetupError::Authorities)?;
            builder = builder.tls_certs_only(bundle);
        }
        builder.build().map(Self).map_err(SetupError::Client)
    }

    /// Fetches a document.
    pub(crate) async fn json(&self, address: &Url) -> Result<Value, FetchFault> {
        let named = || address.to_string();
        let unreachable = |source: reqwest::Error| FetchFault::Unreachable {
            address: named(),
            // Its text would name the address once more.
            source: source.without_url(),
        };
        let mut answer = self.0.get(address.clone()).send().await.map_err(unreachable)?;
        if !answer.status().is_success() {
            return Err(FetchFault::Status { address: named(), status: answer.status().as_u16() });
        }
        let mut document = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(unreachable)? {
            if document.len() + piece.len() > DOCUMENT_BYTES_MAX {
                return Err(FetchFault::TooLong { address: named() });
            }
            document.extend_from_slice(&piece);
        }
        serde_json::from_slice(&document).map_err(|source| FetchFault::NotJson { address: named(), source })
    }
}

/// Whether what is said at an address is said by who is named there: over TLS, or within this machine.
pub(crate) fn is_trustworthy(address: &Url) -> bool {
    let is_here = match address.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    let names_nobody = address.username().is_empty() && address.password().is_none();
    names_nobody && (address.scheme() == "https" && address.has_host() || address.scheme() == "http" && is_here)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_believed_without_tls() {
        for (address, is_good) in [
            ("https://login.example/realms/lake", true),
            ("http://127.0.0.1:8080", true),
            ("http://[::1]:8080", true),
            ("http://localhost/x", true),
            ("http://login.example", false),
            ("http://127.0.0.1.example", false),
            ("https://user@login.example", false),
            ("https://user:word@login.example", false),
            ("ftp://login.example", false),
            ("file:///etc/passwd", false),
        ] {
            assert_eq!(is_trustworthy(&Url::parse(address).expect("an address")), is_good, "{address}");
        }
    }
}
