//! Chance as the lake sees it.

/// Where unpredictable bytes come from: ids, nonces and keys. The server asks the operating system, the simulator a seed.
pub trait Entropy: Send + Sync + 'static {
    /// Fills `into` with bytes that nobody can predict.
    ///
    /// # Panics
    /// When the source fails. Nothing is safe without it, so nobody may go on.
    fn fill(&self, into: &mut [u8]);
}

impl dyn Entropy + '_ {
    /// `N` unpredictable bytes.
    pub fn array<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }
}
