//! What the server says of itself: the Prometheus text of `/_lake/metrics`, read before and after.

use std::collections::BTreeMap;
use std::path::Path;

use fixtures::s3_client::Client;

use super::LoadError;

/// Where the metrics are, and the token that opens them.
pub(super) struct MetricsSource {
    token: String,
}

/// Every sample by its name, summed over its labels.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Metrics(BTreeMap<String, f64>);

impl MetricsSource {
    /// Reads the token from a file.
    #[expect(clippy::disallowed_methods, reason = "the recipe reads the token file it was given")]
    pub(super) fn open(path: &Path) -> Result<Self, LoadError> {
        let token = std::fs::read_to_string(path);
        let token = token.map_err(|error| LoadError::Machine(path.display().to_string(), error))?;
        Ok(Self { token: token.trim().to_owned() })
    }

    /// Asks the server.
    pub(super) async fn read(&self, client: &mut Client) -> Result<Metrics, LoadError> {
        let answer = client.get_plain("/_lake/metrics", Some(&self.token)).await;
        let answer = answer.and_then(fixtures::s3_client::Answer::successful);
        let answer = answer.map_err(|error| LoadError::Prepare("reading the metrics", error))?;
        Ok(Metrics::parse(&String::from_utf8_lossy(&answer.body)))
    }
}

impl Metrics {
    fn parse(text: &str) -> Self {
        let mut sums = BTreeMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let Some((series, value)) = line.rsplit_once(' ') else {
                continue;
            };
            let name = series.split('{').next().unwrap_or(series);
            if let Ok(value) = value.parse::<f64>() {
                *sums.entry(name.to_owned()).or_insert(0.0) += value;
            }
        }
        Self(sums)
    }

    /// How much a sample rose since `before`; `None` where the server does not have it.
    pub(super) fn rise(&self, before: &Self, name: &str) -> Option<f64> {
        Some(self.0.get(name)? - before.0.get(name).copied().unwrap_or(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_summed_over_their_labels() {
        let before = Metrics::parse("# HELP a x\na_total{op=\"put\"} 1\na_total{op=\"get\"} 2\n");
        let after = Metrics::parse("a_total{op=\"put\"} 5\na_total{op=\"get\"} 2.5\nb_sum 4\n# EOF\n");
        assert_eq!(after.rise(&before, "a_total"), Some(4.5));
        assert_eq!(after.rise(&before, "b_sum"), Some(4.0));
        assert_eq!(after.rise(&before, "c"), None);
    }
}
