//! Which lake a command talks to, and as whom.
//!
//! Each of endpoint, keys, region and certificates comes from the first place that names it. Flags come first. A profile
//! named by `--profile` comes next, and the environment fills what it leaves open; without that flag the environment comes
//! before the profile, as with the tools of AWS. An access key and its secret are one thing: they never come from two
//! places.

use std::path::PathBuf;

use clap::Args;
use reqwest::Url;

use crate::output::Output;
use crate::profiles::{DEFAULT, Profile, Profiles};
use crate::secret::{self, Kind, Secret};
use crate::{CliError, Result, Surroundings};

/// The flags of every command that talks to a lake.
#[derive(Debug, Clone, Args)]
pub struct ConnectionFlags {
    /// The profile to use; variable TWINLAKE_PROFILE [default: default]
    #[arg(long, global = true, value_name = "NAME", help_heading = "Connection")]
    profile: Option<String>,
    /// Where the lake answers; variables TWINLAKE_ENDPOINT, AWS_ENDPOINT_URL.
    #[arg(long, global = true, value_name = "URL", help_heading = "Connection")]
    endpoint: Option<String>,
    /// Certificates to trust beside the system's, PEM; variables TWINLAKE_CA_FILE, AWS_CA_BUNDLE.
    #[arg(long, global = true, value_name = "FILE", help_heading = "Connection")]
    ca_file: Option<PathBuf>,
    /// How the result is printed.
    #[arg(long, global = true, value_enum, value_name = "FORM", default_value_t = Output::Table)]
    pub(crate) output: Output,
}

/// The region that requests are signed for where nobody names one.
const REGION: &str = "us-east-1";

/// Keys of an identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Keys {
    pub(crate) access_key: String,
    pub(crate) secret_key: Secret,
    /// Belongs to keys that are lent for a time.
    pub(crate) session_token: Option<Secret>,
}

/// What a request shows of who sends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Credentials {
    /// Signs it.
    Keys(Keys),
    /// Brings the token of an OpenID Connect provider along.
    Token(Secret),
}

/// Where to, as whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Connection {
    pub(crate) endpoint: Endpoint,
    pub(crate) region: String,
    pub(crate) credentials: Credentials,
    pub(crate) ca_file: Option<PathBuf>,
}

/// The address of a lake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// `https://host:port`, without a slash behind.
    pub(crate) url: String,
    /// What the `Host` header says.
    pub(crate) host: String,
    pub(crate) is_tls: bool,
}

impl Endpoint {
    /// Reads an address.
    ///
    /// # Errors
    /// [`CliError::Endpoint`] where it holds more than scheme, host and port.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        // What may be a password is not repeated.
        let refused = || CliError::Endpoint(if text.contains('@') { "…@…".to_owned() } else { text.to_owned() });
        let url = Url::parse(text).map_err(|_| refused())?;
        let is_plain = matches!(url.scheme(), "http" | "https")
            && url.username().is_empty()
            && url.password().is_none()
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none();
        let host = url.host_str().filter(|_| is_plain).ok_or_else(refused)?;
        let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        Ok(Self { url: format!("{}://{host}", url.scheme()), host, is_tls: url.scheme() == "https" })
    }
}

/// What one place says of a connection.
#[derive(Debug, Default)]
struct Layer {
    endpoint: Option<String>,
    region: Option<String>,
    keys: Option<KeySource>,
    ca_file: Option<PathBuf>,
}

/// Keys whose secret may still have to be fetched.
#[derive(Debug)]
enum KeySource {
    Known(Keys),
    File(String, PathBuf),
    Command(String, String),
    Token(Secret),
    TokenFile(PathBuf),
    TokenCommand(String),
    /// An access key without a secret or the other way round: an error only where nothing before it has keys.
    Half(&'static str),
}

impl KeySource {
    fn fetch(self) -> Result<Credentials> {
        let keys = |access_key, secret_key| Credentials::Keys(Keys { access_key, secret_key, session_token: None });
        match self {
            Self::Known(keys) => Ok(Credentials::Keys(keys)),
            Self::File(access_key, path) => Ok(keys(access_key, secret::from_file(Kind::Key, &path)?)),
            Self::Command(access_key, command) => Ok(keys(access_key, secret::from_command(Kind::Key, &command)?)),
            Self::Token(token) => Ok(Credentials::Token(token)),
            // Tokens lie in files that a session manager writes anew: https://doi.org/10.5281/zenodo.3937438
            Self::TokenFile(path) => secret::from_file(Kind::Token, &path).map(Credentials::Token),
            Self::TokenCommand(command) => secret::from_command(Kind::Token, &command).map(Credentials::Token),
            Self::Half(names) => Err(CliError::HalfKeys(names)),
        }
    }
}

impl Layer {
    fn of_profile(profile: &Profile) -> Self {
        let Profile { access_key, secret_key, secret_key_file, secret_key_command, .. } = profile;
        let token = match (&profile.token_file, &profile.token_command) {
            (Some(path), _) => Some(KeySource::TokenFile(path.clone())),
            (None, Some(command)) => Some(KeySource::TokenCommand(command.clone())),
            (None, None) => None,
        };
        let keys = match (access_key.clone(), secret_key, secret_key_file, secret_key_command) {
            (Some(access_key), Some(secret), _, _) => {
                Some(KeySource::Known(Keys { access_key, secret_key: secret.clone(), session_token: None }))
            }
            (Some(access_key), None, Some(path), _) => Some(KeySource::File(access_key, path.clone())),
            (Some(access_key), None, None, Some(command)) => Some(KeySource::Command(access_key, command.clone())),
            (None, None, None, None) => token,
            _ => Some(KeySource::Half("access_key and a secret key of the profile")),
        };
        Self {
            endpoint: profile.endpoint.clone(),
            region: profile.region.clone(),
            keys,
            ca_file: profile.ca_file.clone(),
        }
    }

    /// The variables of one family; the session token belongs to AWS's only.
    fn of_environment(surroundings: &Surroundings, names: &Names) -> Self {
        let variable = |name: &str| surroundings.variable(name).map(str::to_owned);
        let keys = match (variable(names.access_key), variable(names.secret_key)) {
            (Some(access_key), Some(secret)) => Some(KeySource::Known(Keys {
                access_key,
                secret_key: Secret::new(secret),
                session_token: names.session_token.and_then(variable).map(Secret::new),
            })),
            (None, None) => names.token.and_then(variable).map(Secret::new).map(KeySource::Token).or_else(|| {
                let path = names.token_file.and_then(variable).map(PathBuf::from);
                path.map(KeySource::TokenFile)
            }),
            _ => Some(KeySource::Half(names.both_keys)),
        };
        Self {
            endpoint: variable(names.endpoint),
            region: names.region.iter().find_map(|name| variable(name)),
            keys,
            ca_file: variable(names.ca_file).map(PathBuf::from),
        }
    }
}

/// What the variables of one family are called.
struct Names {
    endpoint: &'static str,
    region: &'static [&'static str],
    access_key: &'static str,
    secret_key: &'static str,
    session_token: Option<&'static str>,
    token: Option<&'static str>,
    token_file: Option<&'static str>,
    ca_file: &'static str,
    both_keys: &'static str,
}

const OURS: Names = Names {
    endpoint: "TWINLAKE_ENDPOINT",
    region: &["TWINLAKE_REGION"],
    access_key: "TWINLAKE_ACCESS_KEY",
    secret_key: "TWINLAKE_SECRET_KEY",
    session_token: None,
    token: Some("TWINLAKE_TOKEN"),
    token_file: Some("TWINLAKE_TOKEN_FILE"),
    ca_file: "TWINLAKE_CA_FILE",
    both_keys: "TWINLAKE_ACCESS_KEY and TWINLAKE_SECRET_KEY",
};

/// Source: AWS SDKs and Tools Reference Guide, *Environment variables*.
const AWS: Names = Names {
    endpoint: "AWS_ENDPOINT_URL",
    region: &["AWS_REGION", "AWS_DEFAULT_REGION"],
    access_key: "AWS_ACCESS_KEY_ID",
    secret_key: "AWS_SECRET_ACCESS_KEY",
    session_token: Some("AWS_SESSION_TOKEN"),
    token: None,
    token_file: None,
    ca_file: "AWS_CA_BUNDLE",
    both_keys: "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
};

/// The places that say something, the first one first.
fn layers(flags: &ConnectionFlags, surroundings: &Surroundings) -> Result<Vec<Layer>> {
    let given = Layer { endpoint: flags.endpoint.clone(), ca_file: flags.ca_file.clone(), ..Layer::default() };
    let ours = Layer::of_environment(surroundings, &OURS);
    let aws = Layer::of_environment(surroundings, &AWS);
    let profile = match flags.profile.as_deref().or(surroundings.variable("TWINLAKE_PROFILE")) {
        Some(name) => Layer::of_profile(Profiles::read(surroundings)?.named(name)?),
        // Whoever says everything otherwise needs neither a home nor a file in it.
        None => match Profiles::read(surroundings) {
            Err(CliError::NoHome) => Layer::default(),
            profiles => profiles?.get(DEFAULT).map(Layer::of_profile).unwrap_or_default(),
        },
    };
    Ok(match flags.profile {
        Some(_) => vec![given, profile, ours, aws],
        None => vec![given, ours, aws, profile],
    })
}

impl ConnectionFlags {
    /// The connection that flags, environment and profiles come to.
    pub(crate) fn resolve(&self, surroundings: &Surroundings) -> Result<Connection> {
        let (mut endpoint, mut region, mut keys, mut ca_file) = (None, None, None, None);
        for layer in layers(self, surroundings)? {
            endpoint = endpoint.or(layer.endpoint);
            region = region.or(layer.region);
            keys = keys.or(layer.keys);
            ca_file = ca_file.or(layer.ca_file);
        }
        Ok(Connection {
            endpoint: Endpoint::parse(&endpoint.ok_or(CliError::NoEndpoint)?)?,
            region: region.unwrap_or_else(|| REGION.to_owned()),
            credentials: keys.ok_or(CliError::NoKeys)?.fetch()?,
            ca_file,
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::pin::Pin;
    use std::sync::Arc;
    use std::time::Duration;

    use kernel::{Clock, Timestamp};

    use super::*;

    /// Time that does not pass.
    pub(crate) struct StandingClock;

    impl Clock for StandingClock {
        fn now(&self) -> Timestamp {
            Timestamp::from_secs(1_369_353_600)
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
            Box::pin(std::future::ready(()))
        }
    }

    pub(crate) fn surroundings(variables: &[(&str, &str)]) -> Surroundings {
        let environment = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Surroundings { environment, clock: Arc::new(StandingClock), program: None, judge_policies: |_| Ok(0) }
    }

    fn flags(profile: Option<&str>, endpoint: Option<&str>) -> ConnectionFlags {
        let text = |text: Option<&str>| text.map(str::to_owned);
        ConnectionFlags { profile: text(profile), endpoint: text(endpoint), ca_file: None, output: Output::Table }
    }

    #[test]
    fn an_endpoint_is_scheme_host_and_port() {
        for (text, url, host) in [
            ("http://127.0.0.1:9000", "http://127.0.0.1:9000", "127.0.0.1:9000"),
            ("https://Lake.Example/", "https://lake.example", "lake.example"),
            ("https://lake.example:443", "https://lake.example", "lake.example"),
            ("http://[::1]:9000/", "http://[::1]:9000", "[::1]:9000"),
        ] {
            let endpoint = Endpoint::parse(text).expect(text);
            assert_eq!((endpoint.url.as_str(), endpoint.host.as_str()), (url, host));
        }
        for bad in [
            "",
            "lake.example",
            "ftp://lake",
            "https://lake/path",
            "https://lake?q",
            "https://lake#f",
            "https://",
            "9000",
        ] {
            assert!(Endpoint::parse(bad).is_err(), "{bad}");
        }
        let refused = Endpoint::parse("https://me:s3cret@lake.example").expect_err("a password").to_string();
        assert!(!refused.contains("s3cret"), "{refused}");
    }

    #[test]
    fn the_first_place_that_says_something_counts() {
        let home = tempfile::tempdir().expect("a directory");
        let mut environment = vec![("XDG_CONFIG_HOME", home.path().to_str().expect("text"))];
        let profile = |host: &str| Profile {
            endpoint: Some(format!("https://{host}")),
            access_key: Some(host.to_owned()),
            secret_key: Some(Secret::new("s".into())),
            ..Profile::default()
        };
        let mut profiles = Profiles::read(&surroundings(&environment)).expect("none yet");
        for name in ["default", "lab"] {
            profiles.put(name.to_owned(), profile(name)).expect("written");
        }
        let found = |flags: &ConnectionFlags, environment: &[(&str, &str)]| {
            let connection = flags.resolve(&surroundings(environment)).expect("complete");
            let Credentials::Keys(keys) = connection.credentials else { panic!("no keys") };
            (connection.endpoint.host, keys.access_key)
        };
        let is = |host: &str, key: &str| (host.to_owned(), key.to_owned());
        assert_eq!(found(&flags(None, None), &environment), is("default", "default"));
        assert_eq!(found(&flags(Some("lab"), Some("https://flag")), &environment), is("flag", "lab"));
        environment.extend([("AWS_ENDPOINT_URL", "https://aws"), ("AWS_ACCESS_KEY_ID", "aws")]);
        let half = flags(None, None).resolve(&surroundings(&environment)).expect_err("half a key");
        assert!(matches!(half, CliError::HalfKeys(_)));
        environment.push(("AWS_SECRET_ACCESS_KEY", "s"));
        assert_eq!(found(&flags(None, None), &environment), is("aws", "aws"));
        assert_eq!(found(&flags(Some("lab"), None), &environment), is("lab", "lab"));
        environment.push(("TWINLAKE_ENDPOINT", "https://ours"));
        assert_eq!(found(&flags(None, None), &environment), is("ours", "aws"));
        environment.push(("TWINLAKE_PROFILE", "gone"));
        let gone = flags(None, None).resolve(&surroundings(&environment)).expect_err("no such profile");
        assert!(matches!(gone, CliError::NoProfile { .. }));
    }

    #[test]
    fn a_token_stands_in_for_keys_and_keys_come_first() {
        let mut environment = vec![("TWINLAKE_ENDPOINT", "http://lake"), ("TWINLAKE_TOKEN", "a.b.c")];
        let found = |environment: &[(&str, &str)]| {
            flags(None, None).resolve(&surroundings(environment)).expect("complete").credentials
        };
        assert_eq!(found(&environment), Credentials::Token(Secret::new("a.b.c".into())));
        environment.extend([("TWINLAKE_ACCESS_KEY", "k"), ("TWINLAKE_SECRET_KEY", "s")]);
        assert!(matches!(found(&environment), Credentials::Keys(_)));
    }

    #[test]
    fn what_is_missing_is_said() {
        let missing = |variables: &[(&str, &str)]| flags(None, None).resolve(&surroundings(variables));
        assert!(matches!(missing(&[]), Err(CliError::NoEndpoint)));
        assert!(matches!(missing(&[("TWINLAKE_ENDPOINT", "http://lake")]), Err(CliError::NoKeys)));
    }
}
