//! Where the outside world comes in: the machine's clocks, its randomness, its environment and its signals.
//!
//! Everything else in the lake takes these from a port or as an argument, which is what lets the simulator run whole
//! worlds from a seed. `clippy.toml` bans the calls below everywhere but here.

#![expect(clippy::disallowed_methods, reason = "this file is the owner of time, chance and environment")]

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::{Duration, Instant, SystemTime};

use kernel::{Clock, Entropy, Timestamp};
use ring::rand::{SecureRandom, SystemRandom};
use rustix::process::{DumpableBehavior, Resource, Rlimit};
use rustix::time::ClockId;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The clocks of the machine.
#[derive(Debug)]
pub(crate) struct MachineClock {
    started: Instant,
    boot_id: [u8; 16],
}

impl MachineClock {
    /// Reads what tells this boot from every other; where the kernel does not say, this start of the process counts as
    /// a boot of its own, which makes the lake more careful, never less.
    pub(crate) fn new(entropy: &dyn Entropy) -> Self {
        let boot_id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
            .ok()
            .and_then(|text| parse_boot_id(&text))
            .unwrap_or_else(|| entropy.array());
        Self { started: Instant::now(), boot_id }
    }
}

impl Clock for MachineClock {
    fn now(&self) -> Timestamp {
        let millis = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => Timestamp::from_millis(millis(since)),
            Err(before) => Timestamp::from_millis(-millis(before.duration())),
        }
    }
    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }
    fn since_boot(&self) -> Duration {
        let time = rustix::time::clock_gettime(ClockId::Boottime);
        Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
    }
    fn boot_id(&self) -> [u8; 16] {
        self.boot_id
    }
    fn sleep(&self, by: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(tokio::time::sleep(by))
    }
}

/// Where this program lies.
pub(crate) fn program() -> Option<PathBuf> {
    std::env::current_exe().ok()
}

/// A UUID's 16 bytes, from its text.
fn parse_boot_id(text: &str) -> Option<[u8; 16]> {
    let digits: String = text.trim().chars().filter(|c| *c != '-').collect();
    let mut bytes = [0; 16];
    hex::decode_to_slice(digits, &mut bytes).ok().map(|()| bytes)
}

/// The operating system's randomness.
#[derive(Debug)]
pub(crate) struct MachineEntropy(SystemRandom);

impl MachineEntropy {
    pub(crate) fn new() -> Self {
        Self(SystemRandom::new())
    }
}

impl Entropy for MachineEntropy {
    fn fill(&self, into: &mut [u8]) {
        assert!(self.0.fill(into).is_ok(), "the operating system gives no random bytes");
    }
}

/// The environment's variables whose names begin with `TWINLAKE_`. A value that is no UTF-8 is shown with replacement
/// characters, which no setting allows.
pub(crate) fn environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned())))
        .filter(|(name, _)| name.starts_with("TWINLAKE_"))
        .collect()
}

/// Those of the named variables of the environment that are set and not empty. A value that is no UTF-8 is shown with
/// replacement characters, which no setting allows.
pub(crate) fn variables(names: &[&str]) -> BTreeMap<String, String> {
    let value = |name: &&str| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
    let set = names.iter().filter_map(|name| Some(((*name).to_owned(), value(name)?)));
    set.filter(|(_, value)| !value.is_empty()).collect()
}

/// Chooses the one provider of TLS and cryptography, for whatever this process offers and asks for.
pub(crate) fn choose_tls_provider() {
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        tracing::debug!("a TLS provider was there already");
    }
}

/// Runs background work beside the requests. Whoever calls this awaits the handle before the process ends.
pub(crate) fn spawn(work: impl Future<Output = ()> + Send + 'static) -> tokio::task::JoinHandle<()> {
    tokio::spawn(work)
}

/// Runs work that blocks, once, on a thread of its own, and waits for it.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// A whole file as text.
pub(crate) fn read_text(path: &Path) -> io::Result<String> {
    std::fs::read_to_string(path)
}

/// The two signals that ask a server to go.
pub(crate) struct Termination {
    terminate: Signal,
    interrupt: Signal,
}

impl Termination {
    /// Listens from now on; until then the signals end the process as they always do.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }
    /// Waits for the next of them and says its name.
    pub(crate) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// Ends the process where it stands, as a second signal asks.
pub(crate) fn exit_at_once() -> ! {
    std::process::exit(1)
}

/// Keeps keys out of core dumps, which outlive the process and are read by others.
pub(crate) fn forbid_core_dumps() -> io::Result<()> {
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(io::Error::from)
}

/// Raises the number of files this process may hold open to what the machine allows, and says how many that is; none
/// where there is no limit. Connections and table files share the number.
pub(crate) fn raise_open_files() -> Option<u64> {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    match rustix::process::setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clocks_run_and_agree_on_the_boot() {
        let entropy = MachineEntropy::new();
        let clock = MachineClock::new(&entropy);
        let (wall, monotonic, boot) = (clock.now(), clock.monotonic(), clock.since_boot());
        assert!(wall > Timestamp::from_secs(1_700_000_000));
        assert!(clock.monotonic() >= monotonic && clock.since_boot() >= boot && boot > Duration::ZERO);
        assert_eq!(clock.boot_id(), MachineClock::new(&entropy).boot_id());
    }

    #[test]
    fn a_boot_id_is_a_uuid() {
        let id = parse_boot_id("00010203-0405-0607-0809-0a0b0c0d0e0f\n").expect("a UUID");
        assert_eq!(id, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
        for bad in ["", "0001", "zz010203-0405-0607-0809-0a0b0c0d0e0f"] {
            assert_eq!(parse_boot_id(bad), None, "{bad}");
        }
    }

    #[test]
    fn random_bytes_differ() {
        let entropy = MachineEntropy::new();
        let entropy: &dyn Entropy = &entropy;
        assert_ne!(entropy.array::<16>(), entropy.array::<16>());
    }
}
