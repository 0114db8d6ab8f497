//! Secrets that are made from data keys: what people sign requests with, and what sessions carry.
//!
//! A data key is kept wrapped by the vault, so nobody who reads the catalogue can make one of these texts.

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use kernel::{BlobId, Entropy, WrappedKey};
use ring::hmac;
use zeroize::Zeroizing;

use crate::{BlobStore, DataKey, VaultError};

/// Bytes behind a secret text: 40 characters in base64, as AWS's secret access keys have.
const SECRET_BYTES: usize = 30;
const NONCE_BYTES: usize = 12;
const SECRET_FORMAT: &[u8] = b"twinlake/secret/01";
const SESSION_FORMAT: &[u8] = b"twinlake/session/01";
const AUDIT_FORMAT: &[u8] = b"twinlake/audit/01";
const SEALED_FORMAT: &[u8] = b"twinlake/sealed/01";

impl BlobStore {
    /// Makes a data key that belongs to no blob, and its wrapped form.
    ///
    /// # Errors
    /// When the vault refuses.
    pub fn new_secret_key(&self) -> Result<(DataKey, WrappedKey), VaultError> {
        self.vault().new_key(BlobId::from_bytes([0; 16]))
    }

    /// Opens what [`Self::new_secret_key`] made.
    ///
    /// # Errors
    /// When the vault refuses, or the wrap is not authentic.
    pub fn open_secret_key(&self, wrapped: &WrappedKey) -> Result<DataKey, VaultError> {
        self.vault().unwrap(wrapped, BlobId::from_bytes([0; 16]))
    }
}

fn derived(key: &[u8; 32], format: &[u8], of: &[u8]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    context.update(format);
    context.update(of);
    context.sign()
}

fn text(tag: &hmac::Tag) -> Zeroizing<String> {
    Zeroizing::new(STANDARD.encode(tag.as_ref().get(..SECRET_BYTES).unwrap_or_default()))
}

/// The secret text of a data key: 40 characters.
pub fn secret_text(key: &DataKey) -> Zeroizing<String> {
    text(&derived(key.expose(), SECRET_FORMAT, &[]))
}

/// The key that entries of the audit are authenticated with, of a data key.
pub fn audit_key(key: &DataKey) -> Zeroizing<[u8; 32]> {
    let mut bytes = Zeroizing::new([0; 32]);
    bytes.copy_from_slice(derived(key.expose(), AUDIT_FORMAT, &[]).as_ref());
    bytes
}

/// Makes the secrets of sessions and seals what they carry. Nothing is stored of a session: whoever shows a sealed text
/// shows the session. Other short texts that only the lake shall read, when somebody brings them back, are sealed likewise,
/// for what they are and not for an access key.
pub struct SessionKey {
    key: DataKey,
    aead: Aes256Gcm,
}

impl SessionKey {
    /// Makes sessions from a data key.
    pub fn new(key: DataKey) -> Self {
        let sealing = derived(key.expose(), SEALED_FORMAT, &[]);
        let mut bytes = Zeroizing::new([0; 32]);
        bytes.copy_from_slice(sealing.as_ref());
        Self { aead: Aes256Gcm::new(&(*bytes).into()), key }
    }

    /// The secret text that belongs to an access key: 40 characters.
    pub fn secret_of(&self, access_key: &str) -> Zeroizing<String> {
        text(&derived(self.key.expose(), SESSION_FORMAT, access_key.as_bytes()))
    }

    /// Seals what a session carries, for one access key. Nonces are random; the key seals far fewer than 2^32 sessions
    /// before a lake is old.
    ///
    /// # Panics
    /// Never: a session is far shorter than what AES-GCM can seal.
    pub fn seal(&self, entropy: &dyn Entropy, access_key: &str, carried: &[u8]) -> String {
        let nonce: [u8; NONCE_BYTES] = entropy.array();
        let payload = Payload { msg: carried, aad: access_key.as_bytes() };
        let sealed = self.aead.encrypt(&Nonce::from(nonce), payload).expect("a session is short");
        URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat())
    }

    /// What a sealed text carries; none where it was not sealed here for this access key.
    pub fn open(&self, access_key: &str, sealed: &str) -> Option<Vec<u8>> {
        let bytes = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_BYTES)?;
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().ok()?;
        let payload = Payload { msg: sealed, aad: access_key.as_bytes() };
        self.aead.decrypt(&Nonce::from(nonce), payload).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    struct Counting(std::sync::atomic::AtomicU8);

    impl Entropy for Counting {
        fn fill(&self, into: &mut [u8]) {
            into.fill(self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        }
    }

    fn session() -> SessionKey {
        SessionKey::new(DataKey::from_bytes([7; 32]))
    }

    #[test]
    fn secrets_have_forty_characters_and_differ() {
        let (one, other) = (secret_text(&DataKey::from_bytes([1; 32])), secret_text(&DataKey::from_bytes([2; 32])));
        assert_eq!((one.len(), other.len()), (40, 40));
        assert_ne!(one, other);
        assert_ne!(session().secret_of("ASIA1"), session().secret_of("ASIA2"));
        assert_eq!(session().secret_of("ASIA1"), session().secret_of("ASIA1"));
    }

    proptest! {
        #[test]
        fn what_is_changed_does_not_open(carried: Vec<u8>, place: usize, bit in 0_u8..8) {
            let (key, entropy) = (session(), Counting(std::sync::atomic::AtomicU8::new(3)));
            let sealed = key.seal(&entropy, "ASIA1", &carried);
            prop_assert_eq!(key.open("ASIA1", &sealed), Some(carried));
            prop_assert_eq!(key.open("ASIA2", &sealed), None);
            let mut bytes = URL_SAFE_NO_PAD.decode(&sealed).expect("base64");
            let place = place % bytes.len();
            bytes[place] ^= 1 << bit;
            prop_assert_eq!(key.open("ASIA1", &URL_SAFE_NO_PAD.encode(bytes)), None);
        }
    }
}
