//! How far a walk through the catalogue is, for people at a terminal; programs are shown nothing.

use std::io::{IsTerminal as _, Write as _};

use crate::bucket::usage;
use crate::client::Client;

/// Places of the bar.
const PLACES: u64 = 24;

/// A bar on standard error, which goes when the walk is over.
pub(crate) struct ProgressBar {
    is_seen: bool,
    /// Buckets in the order of the walk, with the objects in each; empty where whoever asks may not know.
    buckets: Vec<(String, u64)>,
    /// The bucket that is walked, and the objects that had been walked when it began.
    entered: (String, u64),
}

impl ProgressBar {
    /// Over all buckets, or one alone.
    pub(crate) async fn over(client: &mut Client, bucket: Option<&str>) -> Self {
        let is_seen = std::io::stderr().is_terminal();
        // Who may not know how much there is sees how far it is all the same.
        let known =
            if is_seen { usage(client, bucket.unwrap_or_default()).await.unwrap_or_default() } else { Vec::new() };
        let buckets = known.into_iter().map(|known| (known.name, known.used.objects));
        let buckets = buckets.filter(|(name, _)| bucket.is_none_or(|only| only == name)).collect();
        Self { is_seen, buckets, entered: (String::new(), 0) }
    }

    /// Shows that so many objects were walked, and that the walk is in a bucket.
    pub(crate) fn show(&mut self, bucket: &str, walked: u64) {
        if self.is_seen {
            let line = self.line(bucket, walked);
            let mut stderr = std::io::stderr();
            // Whoever cannot be told misses nothing of the result.
            let _ = write!(stderr, "\r\u{1b}[K{line}").and_then(|()| stderr.flush());
        }
    }

    fn line(&mut self, bucket: &str, walked: u64) -> String {
        if self.entered.0 != bucket {
            self.entered = (bucket.to_owned(), walked);
        }
        let sum = |is_counted: &dyn Fn(&str) -> bool| -> u64 {
            self.buckets.iter().filter(|(name, _)| is_counted(name)).map(|(_, objects)| objects).sum()
        };
        let all = sum(&|_| true);
        if all == 0 {
            return format!("{walked} objects so far, now in {bucket}");
        }
        // Buckets that nothing concerns are passed over and count as walked.
        let inside = walked.saturating_sub(self.entered.1).min(sum(&|name| name == bucket));
        let done = (sum(&|name| name < bucket) + inside).min(all);
        let places = usize::try_from(done.saturating_mul(PLACES) / all).unwrap_or_default();
        let (full, free) = ("#".repeat(places), " ".repeat(usize::try_from(PLACES).unwrap_or_default() - places));
        format!("[{full}{free}] {:>3} %  {done} of {all} objects, now in {bucket}", done.saturating_mul(100) / all)
    }
}

impl Drop for ProgressBar {
    fn drop(&mut self) {
        if self.is_seen {
            let _ = write!(std::io::stderr(), "\r\u{1b}[K");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_rises_to_its_end() {
        let buckets = [("a", 10), ("b", 20), ("c", 10)].map(|(name, objects)| (name.to_owned(), objects)).to_vec();
        let mut bar = ProgressBar { is_seen: false, buckets, entered: (String::new(), 0) };
        let mut shown = |bucket, walked| {
            let line = bar.line(bucket, walked);
            (line.matches('#').count(), line.split("] ").nth(1).map(|rest| rest.trim_start().to_owned()))
        };
        assert_eq!(shown("a", 5), (0, Some("0 %  0 of 40 objects, now in a".to_owned())));
        assert_eq!(shown("b", 10), (6, Some("25 %  10 of 40 objects, now in b".to_owned())));
        assert_eq!(shown("b", 25), (15, Some("62 %  25 of 40 objects, now in b".to_owned())));
        // More came while it was walked.
        assert_eq!(shown("b", 99), (18, Some("75 %  30 of 40 objects, now in b".to_owned())));
        assert_eq!(shown("d", 99), (24, Some("100 %  40 of 40 objects, now in d".to_owned())));
        let mut unknown = ProgressBar { is_seen: false, buckets: Vec::new(), entered: (String::new(), 0) };
        assert_eq!(unknown.line("a", 5), "5 objects so far, now in a");
    }
}
