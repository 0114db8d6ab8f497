//! How far the log is known to reach.
//!
//! RocksDB opens without an error when a bit in the middle of its log has flipped, with whatever rows come before it.
//! So a file beside it remembers the highest sequence that was synced: a log that recovers to less is damaged, not cut.
//!
//! The file is laid out once and then only overwritten: two slots of 4 KiB, written in turn, so that a torn write
//! spoils one of them and the other still holds. A slot begins with
//!
//! | bytes | |
//! |---|---|
//! | 8 | `TwinMark` |
//! | 8 | the sequence, big-endian |
//! | 8 | the generation, big-endian: which slot was written last, and slot = generation mod 2 |
//! | 4 | CRC-32 (IEEE) of the 24 bytes before, big-endian |
//!
//! The rest is zero. A thread of its own writes and syncs it, one group behind the log and never ahead of it, beside
//! the log sync of the next group: nobody waits for it.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use kernel::Sequence;

const MAGIC: [u8; 8] = *b"TwinMark";
const SLOT_BYTES: usize = 4096;
const MARK_BYTES: usize = 28;

/// CRC-32 as in IEEE 802.3, bit by bit: 24 bytes a few thousand times a second need no table.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc)))
}

fn encode(sequence: Sequence, generation: u64) -> [u8; SLOT_BYTES] {
    let mut slot = [0; SLOT_BYTES];
    slot[..8].copy_from_slice(&MAGIC);
    slot[8..16].copy_from_slice(&sequence.to_bits().to_be_bytes());
    slot[16..24].copy_from_slice(&generation.to_be_bytes());
    let crc = crc32(&slot[..24]);
    slot[24..MARK_BYTES].copy_from_slice(&crc.to_be_bytes());
    slot
}

/// The sequence and the generation of slot `index`, if it is whole.
fn decode(slot: &[u8], index: u64) -> Option<(Sequence, u64)> {
    let number = |at: usize| Some(u64::from_be_bytes(slot.get(at..at + 8)?.try_into().ok()?));
    let crc = u32::from_be_bytes(slot.get(24..MARK_BYTES)?.try_into().ok()?);
    let (sequence, generation) = (number(8)?, number(16)?);
    let is_whole = slot.starts_with(&MAGIC) && crc32(&slot[..24]) == crc && generation % 2 == index;
    is_whole.then_some((Sequence::from_bits(sequence), generation))
}

/// What a watermark file says.
#[derive(Debug)]
pub(super) enum Found {
    /// There is no such file.
    Missing,
    /// Neither slot is whole.
    Spoilt,
    /// The mark, and how many of its slots are spoilt.
    Mark(Mark, usize),
}

/// The file, open.
#[derive(Debug)]
pub(super) struct Mark {
    file: File,
    sequence: Sequence,
    generation: u64,
}

#[expect(clippy::disallowed_methods, reason = "the catalogue owns the files in its directory")]
fn open(path: &Path, is_new: bool) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(is_new).truncate(is_new).mode(0o600).open(path)
}

impl Mark {
    /// Reads the file.
    pub(super) fn read(path: &Path) -> io::Result<Found> {
        let file = match open(path, false) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Missing),
            Err(error) => return Err(error),
        };
        let mut whole = Vec::new();
        for index in 0..2 {
            let mut slot = [0; MARK_BYTES];
            match file.read_exact_at(&mut slot, index * SLOT_BYTES as u64) {
                Ok(()) => whole.extend(decode(&slot, index)),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
                Err(error) => return Err(error),
            }
        }
        let spoilt = 2 - whole.len();
        let newest = whole.into_iter().max_by_key(|(_, generation)| *generation);
        Ok(newest
            .map_or(Found::Spoilt, |(sequence, generation)| Found::Mark(Self { file, sequence, generation }, spoilt)))
    }

    /// Lays the file out, synced. The caller syncs the directory.
    pub(super) fn create(path: &Path, sequence: Sequence) -> io::Result<Self> {
        let file = open(path, true)?;
        for generation in 0..2 {
            file.write_all_at(&encode(sequence, generation), generation * SLOT_BYTES as u64)?;
        }
        file.sync_all()?;
        Ok(Self { file, sequence, generation: 1 })
    }

    /// The sequence that the log reaches at least.
    pub(super) fn sequence(&self) -> Sequence {
        self.sequence
    }

    /// Raises the mark and syncs it.
    fn raise(&mut self, sequence: Sequence) -> io::Result<()> {
        let generation = self.generation + 1;
        self.file.write_all_at(&encode(sequence, generation), generation % 2 * SLOT_BYTES as u64)?;
        kernel::fail_point::pass("watermark-written");
        self.file.sync_data()?;
        (self.sequence, self.generation) = (sequence, generation);
        Ok(())
    }
}

#[derive(Debug)]
struct Wanted {
    sequence: Sequence,
    is_over: bool,
}

#[derive(Debug)]
struct Shared {
    wanted: Mutex<Wanted>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Wanted> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread that raises the mark.
#[derive(Debug)]
pub(super) struct Raiser {
    shared: Arc<Shared>,
    thread: JoinHandle<()>,
}

impl Raiser {
    /// Starts the thread. It calls `raised` after every sync, with the error that made it give up in place of the last.
    #[expect(clippy::disallowed_methods, reason = "syncing blocks, and must not wait for a place in a shared pool")]
    pub(super) fn start(mut mark: Mark, raised: impl Fn(io::Result<()>) + Send + 'static) -> io::Result<Self> {
        let wanted = Mutex::new(Wanted { sequence: mark.sequence, is_over: false });
        let shared = Arc::new(Shared { wanted, changed: Condvar::new() });
        let inner = Arc::clone(&shared);
        let thread = thread::Builder::new().name("watermark".into()).spawn(move || {
            while let Some(sequence) = next(&inner, mark.sequence) {
                let outcome = mark.raise(sequence);
                let is_lost = outcome.is_err();
                raised(outcome);
                if is_lost {
                    break;
                }
            }
        })?;
        Ok(Self { shared, thread })
    }

    /// The log is synced up to `sequence`. Returns at once.
    pub(super) fn raise(&self, sequence: Sequence) {
        let mut wanted = self.shared.lock();
        if wanted.sequence < sequence {
            wanted.sequence = sequence;
            self.shared.changed.notify_one();
        }
    }

    /// Waits until the mark stands where it was last told to, and ends the thread.
    pub(super) fn finish(self) {
        self.shared.lock().is_over = true;
        self.shared.changed.notify_one();
        // A thread that panicked has left the mark low, which is never wrong.
        let _ = self.thread.join();
    }
}

/// Waits until the mark is wanted higher than it stands. `None` when that will not happen any more.
fn next(shared: &Shared, stands_at: Sequence) -> Option<Sequence> {
    let is_idle = |wanted: &mut Wanted| wanted.sequence <= stands_at && !wanted.is_over;
    let wanted = shared.changed.wait_while(shared.lock(), is_idle).unwrap_or_else(PoisonError::into_inner);
    (wanted.sequence > stands_at).then_some(wanted.sequence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_one_of_ieee() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn a_flipped_bit_anywhere_in_a_mark_spoils_its_slot() {
        let slot = encode(Sequence::from_bits(0x0001_0000_0000_0007), 4);
        assert_eq!(decode(&slot, 0), Some((Sequence::from_bits(0x0001_0000_0000_0007), 4)));
        assert_eq!(decode(&slot, 1), None, "a slot in the other's place");
        for bit in 0..MARK_BYTES * 8 {
            let mut flipped = slot;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode(&flipped, 0), None, "bit {bit}");
        }
        assert_eq!(decode(&[0; MARK_BYTES], 0), None);
    }
}
