//! What is offered in handshakes: the server's certificate and key, and whose clients' certificates are taken.
//!
//! All of it lies in files that others renew. [`Tls::reload`] looks at them again; what cannot be used leaves things as
//! they were.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, VerifierBuilderError, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;
use zeroize::Zeroizing;

use super::client_certificate::CertificateRules;

/// Why TLS cannot be offered.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is not PEM.
    #[error("`{}` is not valid PEM", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: pem::Error,
    },
    /// The file holds no certificate.
    #[error("`{}` holds no certificate", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// The file holds no private key.
    #[error("`{}` holds no private key", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// The certificate and the key do not go together, or are of a kind that is not supported.
    #[error("the certificate of `{}` cannot be used with the key of `{}`", certificate.display(), key.display())]
    Unusable {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// Why.
        #[source]
        source: rustls::Error,
    },
    /// An authority cannot be trusted.
    #[error("an authority of `{}` cannot be used", path.display())]
    Root {
        /// The authorities' file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rustls::Error,
    },
    /// The authorities or the revocations cannot be used.
    #[error("the authorities of `{}` cannot be used, or a list of revocations", roots.display())]
    Clients {
        /// The authorities' file.
        roots: PathBuf,
        /// Why.
        #[source]
        source: VerifierBuilderError,
    },
}

/// The files that TLS is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate chain, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
    /// Whose clients may show certificates; none where nobody is asked for one.
    pub clients: Option<ClientTrust>,
}

/// Whose certificates are taken, and whom they name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientTrust {
    /// The authorities, PEM.
    pub roots: PathBuf,
    /// What they have taken back, PEM or DER. If there are any, each authority of a chain needs one, and none may be over.
    pub revocations: Vec<PathBuf>,
    /// Whom certificates name.
    pub rules: CertificateRules,
}

/// TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1.
pub struct Tls {
    files: TlsFiles,
    offer: RwLock<Arc<Offer>>,
}

/// What is offered until the files change.
struct Offer {
    number: u64,
    content: Content,
    config: Arc<ServerConfig>,
    verifier: Option<Arc<dyn ClientCertVerifier>>,
}

/// The files' bytes.
#[derive(PartialEq, Eq)]
struct Content {
    certificate: Vec<u8>,
    key: Zeroizing<Vec<u8>>,
    roots: Vec<u8>,
    revocations: Vec<Vec<u8>>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads the files. Blocks: for the start of a server.
    ///
    /// # Errors
    /// [`TlsError`] names the file.
    pub fn open(files: TlsFiles) -> Result<Arc<Self>, TlsError> {
        let offer = Offer::of(&files, Content::read(&files)?, 0)?;
        Ok(Arc::new(Self { files, offer: RwLock::new(Arc::new(offer)) }))
    }

    /// Reads the files again, and says whether they have changed. What has begun goes on, but clients' certificates are
    /// looked at again. Blocks.
    ///
    /// # Errors
    /// [`TlsError`]; then nothing has changed.
    pub fn reload(&self) -> Result<bool, TlsError> {
        let content = Content::read(&self.files)?;
        let now = self.offer();
        if content == now.content {
            return Ok(false);
        }
        let next = Offer::of(&self.files, content, now.number + 1)?;
        *self.offer.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(next);
        Ok(true)
    }

    fn offer(&self) -> Arc<Offer> {
        Arc::clone(&self.offer.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What takes the next handshake, and the number of what it offers.
    pub(crate) fn acceptor(&self) -> (TlsAcceptor, u64) {
        let offer = self.offer();
        (TlsAcceptor::from(Arc::clone(&offer.config)), offer.number)
    }

    /// The number of what is offered now.
    pub(crate) fn number(&self) -> u64 {
        self.offer().number
    }

    /// Whom certificates name; none where nobody is asked for one.
    pub(crate) fn rules(&self) -> Option<&CertificateRules> {
        self.files.clients.as_ref().map(|clients| &clients.rules)
    }

    /// Whether a chain that was good once still is.
    pub(crate) fn still_trusts(&self, chain: &[CertificateDer<'_>], now: UnixTime) -> bool {
        let (Some(verifier), Some((end, others))) = (&self.offer().verifier, chain.split_first()) else { return false };
        verifier.verify_client_cert(end, others, now).is_ok()
    }
}

impl Content {
    fn read(files: &TlsFiles) -> Result<Self, TlsError> {
        let clients = files.clients.as_ref();
        Ok(Self {
            certificate: read(&files.certificate)?,
            key: Zeroizing::new(read(&files.key)?),
            roots: clients.map_or(Ok(Vec::new()), |clients| read(&clients.roots))?,
            revocations: clients
                .map_or(&[][..], |clients| &clients.revocations)
                .iter()
                .map(|path| read(path))
                .collect::<Result<_, _>>()?,
        })
    }
}

impl Offer {
    fn of(files: &TlsFiles, content: Content, number: u64) -> Result<Self, TlsError> {
        let chain = certificates(&files.certificate, &content.certificate)?;
        let private = PrivateKeyDer::from_pem_slice(&content.key).map_err(|source| match source {
            pem::Error::NoItemsFound => TlsError::NoKey { path: files.key.clone() },
            source => TlsError::Pem { path: files.key.clone(), source },
        })?;
        let unusable =
            |source| TlsError::Unusable { certificate: files.certificate.clone(), key: files.key.clone(), source };
        let verifier = match &files.clients {
            Some(clients) => Some(verifier(clients, &content)?),
            None => None,
        };
        let builder = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(unusable)?;
        let builder = match &verifier {
            Some(verifier) => builder.with_client_cert_verifier(Arc::clone(verifier)),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_single_cert(chain, private).map_err(unusable)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        if verifier.is_some() {
            // A handshake that is taken up again verifies no certificate.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        Ok(Self { number, content, config: Arc::new(config), verifier })
    }
}

/// Verifies chains up to the trusted authorities, for use by clients, today and not taken back.
fn verifier(clients: &ClientTrust, content: &Content) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let refused = |source| TlsError::Clients { roots: clients.roots.clone(), source };
    let mut roots = RootCertStore::empty();
    for root in certificates(&clients.roots, &content.roots)? {
        let unusable = |source| TlsError::Root { path: clients.roots.clone(), source };
        roots.add(root).map_err(unusable)?;
    }
    let mut revocations = Vec::new();
    for (path, bytes) in clients.revocations.iter().zip(&content.revocations) {
        if bytes.trim_ascii_start().starts_with(b"-----BEGIN") {
            let lists = CertificateRevocationListDer::pem_slice_iter(bytes).collect::<Result<Vec<_>, _>>();
            revocations.extend(lists.map_err(|source| TlsError::Pem { path: path.clone(), source })?);
        } else {
            revocations.push(CertificateRevocationListDer::from(bytes.clone()));
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .with_crls(revocations)
        .enforce_revocation_expiration()
        .allow_unauthenticated()
        .build()
        .map_err(refused)
}

fn certificates(path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let chain = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|source| TlsError::Pem { path: path.to_owned(), source })?;
    if chain.is_empty() { Err(TlsError::NoCertificate { path: path.to_owned() }) } else { Ok(chain) }
}

#[expect(clippy::disallowed_methods, reason = "read before anything is served, and now and then on a blocking thread")]
fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::Read { path: path.to_owned(), source })
}
