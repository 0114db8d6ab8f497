//! What is written down while the server runs: one line per event, on stderr, as text or as JSON.

use std::io::{self, Write};

use tracing::Level;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

use crate::configuration::LogFormat;

/// Crates that print requests as they came when asked for detail: signatures, tokens and keys are in there. Whatever the
/// level, they say no more than this.
const CAPPED: [&str; 10] =
    ["h2", "hyper", "hyper_util", "object_store", "reqwest", "rustls", "s3s", "s3s_sigv4", "tokio_rustls", "tower"];

/// Starts logging for the whole process; once.
pub(crate) fn start(format: LogFormat, level: Level) {
    let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(OneLine);
    let layer: Box<dyn Layer<Registry> + Send + Sync> = match format {
        LogFormat::Text => Box::new(lines),
        LogFormat::Json => Box::new(lines.json().flatten_event(true)),
    };
    tracing_subscriber::registry().with(layer.with_filter(targets(level))).init();
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let backtrace = std::backtrace::Backtrace::capture();
        tracing::error!(place, %backtrace, "panicked: {}", panic.payload_as_str().unwrap_or("without a message"));
    }));
}

fn targets(level: Level) -> Targets {
    let capped = LevelFilter::from_level(level).min(LevelFilter::WARN);
    Targets::new().with_default(level).with_targets(CAPPED.map(|target| (target, capped)))
}

/// Writes each event as one line: a control character in it came from outside, in a key or a header, and must neither
/// begin a line of its own nor steer a terminal.
#[derive(Clone, Copy)]
struct OneLine;

impl<'a> MakeWriter<'a> for OneLine {
    type Writer = OneLine;
    fn make_writer(&'a self) -> Self::Writer {
        OneLine
    }
}

impl Write for OneLine {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        io::stderr().lock().write_all(&one_line(event))?;
        Ok(event.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn one_line(event: &[u8]) -> Vec<u8> {
    let text = event.strip_suffix(b"\n").unwrap_or(event);
    let mut line = Vec::with_capacity(event.len());
    for byte in text {
        if byte.is_ascii_control() {
            line.extend_from_slice(format!("\\x{byte:02x}").as_bytes());
        } else {
            line.push(*byte);
        }
    }
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_whatever_is_in_it() {
        assert_eq!(one_line(b"key=a\nERROR forged\x1b[2J \xc3\xa9\n"), b"key=a\\x0aERROR forged\\x1b[2J \xc3\xa9\n");
    }

    #[test]
    fn crates_that_see_signatures_stay_quiet_at_every_level() {
        for level in [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE] {
            let targets = targets(level);
            assert!(targets.would_enable("gateway", &level));
            for target in ["s3s", "s3s::ops::signature", "hyper::proto::h1", "h2::codec", "reqwest::connect"] {
                assert!(!targets.would_enable(target, &Level::INFO), "{target} at {level}");
            }
        }
        assert!(targets(Level::TRACE).would_enable("s3s", &Level::WARN));
        assert!(!targets(Level::ERROR).would_enable("s3s", &Level::WARN));
    }
}
