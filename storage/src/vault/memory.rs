//! A vault that lives as long as the process, and can refuse. For the simulator.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use kernel::{BlobId, Entropy, WrappedKey};

use super::{DataKey, KeyVault, MasterKeys};
use crate::VaultError;

/// A vault with one random master key that is never stored.
pub struct MemoryVault {
    masters: MasterKeys,
    refusing: AtomicBool,
}

impl MemoryVault {
    /// A vault with a fresh master key.
    pub fn new(entropy: Arc<dyn Entropy>) -> Self {
        Self { masters: MasterKeys::random(entropy), refusing: AtomicBool::new(false) }
    }

    /// From now on refuses everything, or nothing.
    pub fn refuse(&self, refusing: bool) {
        self.refusing.store(refusing, Relaxed);
    }

    fn masters(&self) -> Result<&MasterKeys, VaultError> {
        if self.refusing.load(Relaxed) { Err(VaultError::Refused) } else { Ok(&self.masters) }
    }
}

impl KeyVault for MemoryVault {
    fn new_key(&self, blob: BlobId) -> Result<(DataKey, WrappedKey), VaultError> {
        self.masters()?.new_key(blob)
    }

    fn unwrap(&self, key: &WrappedKey, blob: BlobId) -> Result<DataKey, VaultError> {
        self.masters()?.unwrap(key, blob)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts up: no two fills are alike.
    struct Counting(std::sync::atomic::AtomicU8);

    impl Entropy for Counting {
        fn fill(&self, into: &mut [u8]) {
            into.fill(self.0.fetch_add(1, Relaxed));
        }
    }

    #[test]
    fn a_wrap_opens_only_for_its_blob_unchanged_and_in_its_vault() {
        let entropy: Arc<dyn Entropy> = Arc::new(Counting(Default::default()));
        let vault = MemoryVault::new(Arc::clone(&entropy));
        let (one, two) = (BlobId::from_bytes([1; 16]), BlobId::from_bytes([2; 16]));
        let (data_key, wrapped) = vault.new_key(one).expect("the vault is willing");
        assert_eq!(wrapped.wrapped.len(), 61);
        assert_eq!(vault.unwrap(&wrapped, one).expect("it is its wrap").expose(), data_key.expose());

        assert!(matches!(vault.unwrap(&wrapped, two), Err(VaultError::NotAuthentic)));
        for bit in 0..wrapped.wrapped.len() * 8 {
            let mut changed = wrapped.clone();
            changed.wrapped[bit / 8] ^= 1 << (bit % 8);
            assert!(matches!(vault.unwrap(&changed, one), Err(VaultError::NotAuthentic)), "bit {bit}");
        }
        for length in 0..wrapped.wrapped.len() {
            let cut = WrappedKey { wrapped: wrapped.wrapped[..length].to_vec(), ..wrapped.clone() };
            assert!(matches!(vault.unwrap(&cut, one), Err(VaultError::NotAuthentic)), "{length} bytes");
        }
        let other = MemoryVault::new(entropy);
        assert!(matches!(other.unwrap(&wrapped, one), Err(VaultError::UnknownMaster(id)) if id == wrapped.master));
        vault.refuse(true);
        assert!(matches!(vault.unwrap(&wrapped, one), Err(VaultError::Refused)));
        assert!(matches!(vault.new_key(one), Err(VaultError::Refused)));
    }
}
