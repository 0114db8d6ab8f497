//! What clients compare bytes by: MD5 for entity tags, and the checksums of S3.
//!
//! Each byte is hashed once for each digest that somebody asked for. MD5 is the slowest thing that happens to a byte on
//! its way in (0.67 GB/s, sealing runs at 8), so for long bodies the hashing runs on a blocking thread beside the writing:
//! one batch is being hashed while the next one gathers, and whoever brings bytes faster than that waits. No thread is
//! held while bytes are awaited.

use std::panic::resume_unwind;

use bytes::Bytes;
use crc_fast::CrcAlgorithm;
use kernel::ChecksumAlgorithm;
use md5::{Digest as _, Md5};
use sha1::{Digest as _, Sha1};
use sha2::Sha256;
use tokio::task::JoinHandle;

/// Bodies up to this size are hashed where they are; the way to another thread would take longer.
const INLINE_BYTES_MAX: u64 = 256 * 1024;
/// What is gathered for a batch: about a millisecond of hashing.
const BATCH_BYTES: usize = 512 * 1024;

/// Computes the digests of one body.
pub struct Digester {
    state: State,
    gathered: Vec<Bytes>,
    gathered_bytes: usize,
}

enum State {
    /// A short body: hashed as it comes.
    Here(Box<Sums>),
    /// A long body, no batch under way.
    Resting(Box<Sums>),
    /// A long body, a batch under way on another thread.
    Hashing(JoinHandle<Box<Sums>>),
    /// Between the others.
    Lost,
}

/// The digests of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digests {
    /// MD5, of which entity tags are made.
    pub md5: [u8; 16],
    /// The checksums asked for, in that order, most significant byte first.
    pub checksums: Vec<(ChecksumAlgorithm, Vec<u8>)>,
}

impl Digests {
    /// The checksum of an algorithm that was asked for.
    pub fn get(&self, algorithm: ChecksumAlgorithm) -> Option<&[u8]> {
        self.checksums.iter().find(|(known, _)| *known == algorithm).map(|(_, value)| value.as_slice())
    }
}

impl Digester {
    /// Begins a body of about `bytes` bytes. MD5 is always computed, an algorithm named twice only once.
    pub fn new(algorithms: &[ChecksumAlgorithm], bytes: u64) -> Self {
        let sums = Box::new(Sums::new(algorithms));
        let state = if bytes <= INLINE_BYTES_MAX { State::Here(sums) } else { State::Resting(sums) };
        Self { state, gathered: Vec::new(), gathered_bytes: 0 }
    }

    /// Takes the next bytes. Waits while more than one batch is ahead of the hashing.
    pub async fn update(&mut self, bytes: Bytes) {
        if let State::Here(sums) = &mut self.state {
            sums.update(&bytes);
            return;
        }
        self.gathered_bytes += bytes.len();
        self.gathered.push(bytes);
        if self.gathered_bytes >= BATCH_BYTES {
            self.start_batch().await;
        }
    }

    /// Ends the body.
    pub async fn finish(mut self) -> Digests {
        if !self.gathered.is_empty() {
            self.start_batch().await;
        }
        self.sums().await.finish()
    }

    async fn start_batch(&mut self) {
        let mut sums = self.sums().await;
        let batch = std::mem::take(&mut self.gathered);
        self.gathered_bytes = 0;
        #[expect(clippy::disallowed_methods, reason = "a batch of a millisecond, at most one per body")]
        let job = tokio::task::spawn_blocking(move || {
            batch.iter().for_each(|bytes| sums.update(bytes));
            sums
        });
        self.state = State::Hashing(job);
    }

    /// The sums once no batch is under way.
    async fn sums(&mut self) -> Box<Sums> {
        // Awaited in place: if this future is dropped, the batch under way is still known.
        if let State::Hashing(job) = &mut self.state {
            self.state = match job.await {
                Ok(sums) => State::Resting(sums),
                Err(error) => match error.try_into_panic() {
                    Ok(panic) => resume_unwind(panic),
                    Err(_) => State::Lost,
                },
            };
        }
        match std::mem::replace(&mut self.state, State::Lost) {
            State::Here(sums) | State::Resting(sums) => sums,
            // The runtime is shutting down and took the batch with it: it will drop whoever waits here, too.
            State::Hashing(_) | State::Lost => std::future::pending().await,
        }
    }
}

struct Sums {
    md5: Md5,
    checksums: Vec<(ChecksumAlgorithm, Sum)>,
}

enum Sum {
    Crc(crc_fast::Digest),
    Sha1(Sha1),
    Sha256(Sha256),
}

impl Sums {
    fn new(algorithms: &[ChecksumAlgorithm]) -> Self {
        let mut checksums: Vec<(ChecksumAlgorithm, Sum)> = Vec::with_capacity(algorithms.len());
        for algorithm in algorithms {
            if !checksums.iter().any(|(known, _)| known == algorithm) {
                checksums.push((*algorithm, Sum::new(*algorithm)));
            }
        }
        Self { md5: Md5::new(), checksums }
    }

    fn update(&mut self, bytes: &[u8]) {
        self.md5.update(bytes);
        self.checksums.iter_mut().for_each(|(_, sum)| sum.update(bytes));
    }

    fn finish(self) -> Digests {
        let checksums = self.checksums.into_iter().map(|(algorithm, sum)| (algorithm, sum.finish(algorithm)));
        Digests { md5: self.md5.finalize().into(), checksums: checksums.collect() }
    }
}

impl Sum {
    fn new(algorithm: ChecksumAlgorithm) -> Self {
        match (algorithm, crc(algorithm)) {
            (ChecksumAlgorithm::Sha1, _) => Self::Sha1(Sha1::new()),
            (_, Some(crc)) => Self::Crc(crc_fast::Digest::new(crc)),
            (_, None) => Self::Sha256(Sha256::new()),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Crc(crc) => crc.update(bytes),
            Self::Sha1(sha) => sha.update(bytes),
            Self::Sha256(sha) => sha.update(bytes),
        }
    }

    fn finish(self, algorithm: ChecksumAlgorithm) -> Vec<u8> {
        match self {
            Self::Crc(crc) => crc_bytes(algorithm, crc.finalize()),
            Self::Sha1(sha) => sha.finalize().to_vec(),
            Self::Sha256(sha) => sha.finalize().to_vec(),
        }
    }
}

fn crc(algorithm: ChecksumAlgorithm) -> Option<CrcAlgorithm> {
    match algorithm {
        ChecksumAlgorithm::Crc32 => Some(CrcAlgorithm::Crc32IsoHdlc),
        ChecksumAlgorithm::Crc32c => Some(CrcAlgorithm::Crc32Iscsi),
        ChecksumAlgorithm::Crc64Nvme => Some(CrcAlgorithm::Crc64Nvme),
        ChecksumAlgorithm::Sha1 | ChecksumAlgorithm::Sha256 => None,
    }
}

/// The value as S3 writes it: the last bytes of a big-endian number.
fn crc_bytes(algorithm: ChecksumAlgorithm, value: u64) -> Vec<u8> {
    value.to_be_bytes()[8 - algorithm.value_bytes()..].to_vec()
}

/// The checksum of a whole from those of its parts, in order, each with the bytes it covers.
///
/// `None` where the algorithm does not allow it or a value has a wrong length.
pub fn combine<'a>(algorithm: ChecksumAlgorithm, parts: impl Iterator<Item = (&'a [u8], u64)>) -> Option<Vec<u8>> {
    let crc = crc(algorithm)?;
    let mut whole = crc_fast::checksum(crc, &[]);
    for (value, bytes) in parts {
        if value.len() != algorithm.value_bytes() {
            return None;
        }
        let value = value.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
        whole = crc_fast::checksum_combine(crc, whole, value, bytes);
    }
    Some(crc_bytes(algorithm, whole))
}

/// The checksum of checksums that S3 calls composite: of the parts' values, one after the other.
pub fn composite<'a>(algorithm: ChecksumAlgorithm, parts: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut sum = Sum::new(algorithm);
    parts.for_each(|value| sum.update(value));
    sum.finish(algorithm)
}

/// The MD5 of some bytes; for the entity tag of a multipart object, of its parts' MD5s one after the other.
pub fn md5_of(bytes: &[u8]) -> [u8; 16] {
    Md5::digest(bytes).into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    async fn digests_of(body: &[u8], cut: usize, announced: u64) -> Digests {
        let mut digester = Digester::new(&ChecksumAlgorithm::ALL, announced);
        for bytes in body.chunks(cut) {
            digester.update(Bytes::copy_from_slice(bytes)).await;
        }
        digester.finish().await
    }

    /// The check values of the catalogue of parametrised CRC algorithms, and RFC 1321, RFC 3174 and FIPS 180-4.
    #[tokio::test]
    async fn digests_are_the_published_ones() {
        let digests = digests_of(b"123456789", 4, 9).await;
        assert_eq!(hex(&digests.md5), "25f9e794323b453885f5181f1b624d0b");
        for (algorithm, value) in [
            (ChecksumAlgorithm::Crc32, "cbf43926"),
            (ChecksumAlgorithm::Crc32c, "e3069283"),
            (ChecksumAlgorithm::Crc64Nvme, "ae8b14860a799888"),
            (ChecksumAlgorithm::Sha1, "f7c3bc1d808e04732adf679965ccc34ca7ae3441"),
            (ChecksumAlgorithm::Sha256, "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"),
        ] {
            assert_eq!(hex(digests.get(algorithm).expect("asked for")), value, "{}", algorithm.name());
        }
        let empty = digests_of(b"", 1, 0).await;
        assert_eq!(hex(&empty.md5), "d41d8cd98f00b204e9800998ecf8427e");
        assert_eq!(empty.get(ChecksumAlgorithm::Crc64Nvme), Some([0; 8].as_slice()));
        assert_eq!(hex(&md5_of(b"abc")), "900150983cd24fb0d6963f7d28e17f72");
    }

    #[tokio::test]
    async fn a_long_body_hashed_beside_gives_what_a_short_one_gives() {
        let body: Vec<u8> = (0..3_000_001_u32).map(|at| (at % 253) as u8).collect();
        let beside = digests_of(&body, 70_001, body.len() as u64).await;
        assert_eq!(beside, digests_of(&body, body.len(), 0).await);
        assert_eq!(beside.md5, md5_of(&body));
    }

    #[tokio::test]
    async fn nobody_gets_a_digest_nobody_asked_for() {
        let asked = [ChecksumAlgorithm::Sha1, ChecksumAlgorithm::Crc32, ChecksumAlgorithm::Sha1];
        let digests = Digester::new(&asked, 0).finish().await;
        let got: Vec<_> = digests.checksums.iter().map(|(algorithm, _)| *algorithm).collect();
        assert_eq!(got, [ChecksumAlgorithm::Sha1, ChecksumAlgorithm::Crc32]);
        assert_eq!(digests.get(ChecksumAlgorithm::Sha256), None);
    }

    #[test]
    fn a_composite_is_the_checksum_of_the_values() {
        let parts = [[1_u8; 32], [2; 32]];
        let whole = composite(ChecksumAlgorithm::Sha256, parts.iter().map(|part| part.as_slice()));
        assert_eq!(whole, Sha256::digest(parts.concat()).to_vec());
        assert_eq!(
            composite(ChecksumAlgorithm::Crc32, std::iter::once(b"123456789".as_slice())),
            [0xcb, 0xf4, 0x39, 0x26]
        );
    }

    #[test]
    fn what_does_not_combine_is_refused() {
        let value = [0_u8; 32];
        assert_eq!(combine(ChecksumAlgorithm::Sha256, std::iter::once((value.as_slice(), 1))), None);
        assert_eq!(combine(ChecksumAlgorithm::Crc32, std::iter::once((&value[..5], 1))), None);
        assert_eq!(combine(ChecksumAlgorithm::Crc32, std::iter::empty()), Some(vec![0; 4]));
    }

    proptest! {
        #[test]
        fn parts_combine_to_the_whole(
            parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..2000), 0..8),
        ) {
            for algorithm in ChecksumAlgorithm::ALL.into_iter().filter(|algorithm| algorithm.combines()) {
                let of = |bytes: &[u8]| composite(algorithm, std::iter::once(bytes));
                let values: Vec<_> = parts.iter().map(|part| (of(part), part.len() as u64)).collect();
                let combined = combine(algorithm, values.iter().map(|(value, bytes)| (value.as_slice(), *bytes)));
                prop_assert_eq!(combined, Some(of(&parts.concat())));
            }
        }
    }
}
