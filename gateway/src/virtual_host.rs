//! Which bucket a `Host` names, if any. Both the doorman and s3s ask here, so they cannot disagree.

use s3s::S3Result;
use s3s::host::{S3Host, VirtualHost};

/// The base domains of virtual-host style: `bucket.base` names a bucket, or a bucket's website; `base` itself and every
/// other host leave the bucket to the path.
#[derive(Debug, Clone)]
pub(crate) struct VirtualHosts {
    /// Lower case, without port, longest first.
    domains: Vec<Domain>,
}

#[derive(Debug, Clone)]
struct Domain {
    name: String,
    /// What a name below it is.
    place: fn(String) -> Place,
}

/// What a `Host` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// The bucket stands in the path.
    Path,
    /// This bucket, lower case.
    Bucket(String),
    /// The website of this bucket, lower case.
    Website(String),
}

impl VirtualHosts {
    pub(crate) fn new(domains: &[String], website_domains: &[String]) -> Self {
        let buckets = domains.iter().map(|name| (name, Place::Bucket as fn(String) -> Place));
        let websites = website_domains.iter().map(|name| (name, Place::Website as fn(String) -> Place));
        let all = buckets.chain(websites).map(|(name, place)| Domain { name: plain(name), place });
        let mut known: Vec<Domain> = all.filter(|domain| !domain.name.is_empty()).collect();
        known.sort_by_key(|domain| std::cmp::Reverse(domain.name.len()));
        Self { domains: known }
    }

    /// Reads a `Host` header or `:authority`, port included.
    pub(crate) fn place(&self, host: &str) -> Place {
        if self.domains.is_empty() {
            return Place::Path;
        }
        let host = plain(host);
        for domain in &self.domains {
            match host.strip_suffix(domain.name.as_str()) {
                Some("") => return Place::Path,
                Some(rest) => match rest.strip_suffix('.') {
                    Some(bucket) if !bucket.is_empty() => return (domain.place)(bucket.to_owned()),
                    _ => {}
                },
                None => {}
            }
        }
        Place::Path
    }
}

/// Lower case, without port and without the root's final period.
fn plain(host: &str) -> String {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

impl S3Host for VirtualHosts {
    fn parse_host_header<'a>(&'a self, host: &'a str) -> S3Result<VirtualHost<'a>> {
        Ok(match self.place(host) {
            Place::Path | Place::Website(_) => VirtualHost::new(host),
            Place::Bucket(bucket) => VirtualHost::new(host).with_bucket(bucket),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_below_a_base_domain_are_buckets() {
        let domains = ["lake.example".into(), "S3.lake.example:9000".into()];
        let hosts = VirtualHosts::new(&domains, &["web.lake.example".into(), "site.example".into()]);
        let bucket = |name: &str| Place::Bucket(name.into());
        let website = |name: &str| Place::Website(name.into());
        for (host, place) in [
            ("lake.example", Place::Path),
            ("lake.example:9000", Place::Path),
            ("LAKE.example.", Place::Path),
            ("turbines.lake.example", bucket("turbines")),
            ("Turbines.Lake.Example:443", bucket("turbines")),
            ("a.b.lake.example", bucket("a.b")),
            ("s3.lake.example", Place::Path),
            ("turbines.s3.lake.example", bucket("turbines")),
            ("turbines.web.lake.example", website("turbines")),
            ("A.B.Site.Example:443", website("a.b")),
            ("web.lake.example", Place::Path),
            ("website.example", Place::Path),
            (".lake.example", Place::Path),
            ("notlake.example", Place::Path),
            ("localhost:9000", Place::Path),
            ("gateway.internal", Place::Path),
            ("127.0.0.1:9000", Place::Path),
            ("[::1]:9000", Place::Path),
            ("", Place::Path),
        ] {
            assert_eq!(hosts.place(host), place, "{host}");
        }
    }

    #[test]
    fn without_base_domains_every_host_is_path_style() {
        assert_eq!(VirtualHosts::new(&[], &[]).place("turbines.lake.example"), Place::Path);
        assert_eq!(VirtualHosts::new(&[String::new()], &[]).place("turbines."), Place::Path);
    }
}
