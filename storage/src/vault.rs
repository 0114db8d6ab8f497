//! Keys of keys. A body's data key is random, used for that body only, and stored wrapped under a master key of a vault.
//!
//! A wrap is bound to the blob it was made for: moved to another blob's record it does not open. Each wrap is sealed under
//! a key of its own, derived from the master key with the blob's id as salt, so the 2^32 messages that AES-GCM allows one
//! key with random nonces are no limit for a master key.

mod file;
mod memory;

use std::collections::BTreeMap;
use std::sync::Arc;

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit, Nonce};
use kernel::{BlobId, Entropy, KeyId, WrappedKey};
use ring::hkdf;
use zeroize::Zeroizing;

use crate::VaultError;

pub use file::FileVault;
pub use memory::MemoryVault;

/// The secret that a body's blobs are sealed under. Wiped when it is dropped; never shown, never copied.
pub struct DataKey(Zeroizing<[u8; 32]>);

impl DataKey {
    /// The key with these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// A fresh key.
    pub fn random(entropy: &dyn Entropy) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        entropy.fill(&mut *bytes);
        Self(bytes)
    }

    pub(crate) fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

/// A keeper of master keys. It makes and opens data keys and never sees what they seal.
///
/// Where the key belongs to an empty body, `blob` is the id of 16 zero bytes.
pub trait KeyVault: Send + Sync + 'static {
    /// Makes a data key for a body whose first blob is `blob`.
    ///
    /// # Errors
    /// When the vault refuses.
    fn new_key(&self, blob: BlobId) -> Result<(DataKey, WrappedKey), VaultError>;

    /// Opens a data key made for `blob`.
    ///
    /// # Errors
    /// When the vault refuses or does not know the master key, or the wrap is not authentic.
    fn unwrap(&self, key: &WrappedKey, blob: BlobId) -> Result<DataKey, VaultError>;
}

/// Master keys in memory, and the wrapping under them.
struct MasterKeys {
    current: KeyId,
    keys: BTreeMap<KeyId, Zeroizing<[u8; 32]>>,
    entropy: Arc<dyn Entropy>,
}

const WRAP_FORMAT: &[u8; 16] = b"twinlake/wrap/01";
const WRAP_VERSION: u8 = 1;
const NONCE_BYTES: usize = 12;

impl MasterKeys {
    /// One fresh master key.
    fn random(entropy: Arc<dyn Entropy>) -> Self {
        let current = KeyId::random(&*entropy);
        let mut key = Zeroizing::new([0; 32]);
        entropy.fill(&mut *key);
        Self { current, keys: BTreeMap::from([(current, key)]), entropy }
    }

    /// A wrap: version, nonce, then the data key sealed with its tag; 61 bytes.
    fn new_key(&self, blob: BlobId) -> Result<(DataKey, WrappedKey), VaultError> {
        let data_key = DataKey::random(&*self.entropy);
        let nonce: [u8; NONCE_BYTES] = self.entropy.array();
        let payload = Payload { msg: data_key.expose(), aad: &associated(blob, self.current) };
        let sealed = self
            .cipher(self.current, blob)?
            .encrypt(&Nonce::from(nonce), payload)
            .expect("a data key is far shorter than the 2^36 bytes that AES-GCM can seal");
        let wrapped = [&[WRAP_VERSION], nonce.as_slice(), &sealed].concat();
        Ok((data_key, WrappedKey { master: self.current, wrapped }))
    }

    fn unwrap(&self, key: &WrappedKey, blob: BlobId) -> Result<DataKey, VaultError> {
        let cipher = self.cipher(key.master, blob)?;
        let opened = || {
            let sealed = key.wrapped.strip_prefix(&[WRAP_VERSION])?;
            let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>()?;
            let payload = Payload { msg: sealed, aad: &associated(blob, key.master) };
            let plain = Zeroizing::new(cipher.decrypt(&Nonce::from(*nonce), payload).ok()?);
            let mut data_key = Zeroizing::new([0; 32]);
            let bytes = plain.first_chunk::<32>().filter(|_| plain.len() == 32)?;
            data_key.copy_from_slice(bytes);
            Some(DataKey(data_key))
        };
        opened().ok_or(VaultError::NotAuthentic)
    }

    /// The cipher for the wrap of one blob's key.
    fn cipher(&self, master: KeyId, blob: BlobId) -> Result<Aes256Gcm, VaultError> {
        struct Bytes32;
        impl hkdf::KeyType for Bytes32 {
            fn len(&self) -> usize {
                32
            }
        }
        let master_key = self.keys.get(&master).ok_or(VaultError::UnknownMaster(master))?;
        let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, blob.as_bytes()).extract(master_key.as_slice());
        let mut wrapping_key = Zeroizing::new([0; 32]);
        prk.expand(&[WRAP_FORMAT], Bytes32)
            .and_then(|okm| okm.fill(&mut *wrapping_key))
            .expect("HKDF-SHA256 gives up to 8,160 bytes, 32 are asked for");
        Ok(Aes256Gcm::new((&*wrapping_key).into()))
    }
}

fn associated(blob: BlobId, master: KeyId) -> [u8; 48] {
    let mut bytes = [0; 48];
    bytes[..16].copy_from_slice(WRAP_FORMAT);
    bytes[16..32].copy_from_slice(blob.as_bytes());
    bytes[32..].copy_from_slice(master.as_bytes());
    bytes
}
