//! What the operating system says of the server's process.

use std::time::Duration;

use super::LoadError;

/// Clock ticks a second in `/proc`: `USER_HZ`, 100 on every Linux. Source: proc_pid_stat(5).
const TICKS_PER_SECOND: u64 = 100;

/// CPU time and memory of a process at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProcessReading {
    /// User and system time of all its threads.
    pub(crate) cpu: Duration,
    /// Resident memory.
    pub(crate) resident_bytes: u64,
    /// The most it ever was.
    pub(crate) resident_bytes_peak: u64,
}

impl ProcessReading {
    /// Reads `/proc/PID`.
    #[expect(clippy::disallowed_methods, reason = "the recipe owns its look at /proc")]
    pub(super) fn of(pid: u32) -> Result<Self, LoadError> {
        let read = |name: &str| {
            let path = format!("/proc/{pid}/{name}");
            std::fs::read_to_string(&path).map_err(|error| LoadError::Machine(path, error))
        };
        let reading = Self::parse(&read("stat")?, &read("status")?);
        reading.ok_or_else(|| LoadError::Machine(format!("/proc/{pid}"), std::io::ErrorKind::InvalidData.into()))
    }

    fn parse(stat: &str, status: &str) -> Option<Self> {
        // The second field is the program's name in parentheses and may hold anything; behind it, field 3 comes first.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_ascii_whitespace().collect();
        let ticks = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
        let kibibytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_ascii_whitespace().next()?.parse::<u64>().ok()
        };
        Some(Self {
            cpu: Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND),
            resident_bytes: kibibytes("VmRSS:")? * 1024,
            resident_bytes_peak: kibibytes("VmHWM:")? * 1024,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_is_read_by_its_fields() {
        let stat =
            "4242 (a) b) c) S 1 4242 4242 0 -1 4194560 900 0 0 0 150 25 0 0 20 0 9 0 100 1000 200 18446744073709551615";
        let status = "Name:\ttwinlake\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n";
        let expected =
            ProcessReading { cpu: Duration::from_millis(1_750), resident_bytes: 1 << 20, resident_bytes_peak: 2 << 20 };
        assert_eq!(ProcessReading::parse(stat, status), Some(expected));
        assert_eq!(ProcessReading::parse("", status), None);
        assert_eq!(ProcessReading::parse(stat, ""), None);
    }

    #[test]
    fn this_process_can_be_read() {
        let reading = ProcessReading::of(std::process::id()).expect("own /proc");
        assert!(reading.resident_bytes > 0 && reading.resident_bytes_peak >= reading.resident_bytes);
    }
}
