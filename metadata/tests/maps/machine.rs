//! What tests on disk need of a machine.

use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

use kernel::{Clock, Timestamp};
use metadata::rocks::RocksSettings;

/// A clock whose hands stand still.
pub(crate) struct StoppedClock;
impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_secs(0)
    }
    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
    fn since_boot(&self) -> Duration {
        Duration::ZERO
    }
    fn boot_id(&self) -> [u8; 16] {
        [0; 16]
    }
    fn sleep(&self, _: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(std::future::pending())
    }
}

/// A small map.
pub(crate) fn settings(directory: &Path) -> RocksSettings {
    let directory = directory.into();
    RocksSettings { directory, block_cache_bytes: 8 << 20, group_bytes_max: 1 << 20, group_batches_max: 256 }
}
