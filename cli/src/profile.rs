//! `twinlake profile`: named connections, written safely. A secret comes from a prompt, from stdin, or stays where it is
//! (a file, a command); it is never an argument, which every user of the machine could read.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::connection::Endpoint;
use crate::output::{NOTHING, Output, Side, Table};
use crate::profiles::{Profile, Profiles};
use crate::{CliError, Result, Surroundings, secret};

/// `twinlake profile …`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  twinlake profile set default --endpoint https://lake.example.org:9000 --access-key LAKEADMIN
  twinlake profile list
  twinlake profile remove default")]
pub struct ProfileFlags {
    #[command(subcommand)]
    command: ProfileCommand,
}

/// What can be done with profiles.
#[derive(Debug, Subcommand)]
pub enum ProfileCommand {
    /// Saves a profile, in the place of the one of that name.
    ///
    /// The secret key is asked for, or read from stdin where that is no terminal. With --secret-key-file or
    /// --secret-key-command it is not stored, but fetched whenever it is needed.
    #[command(after_help = "Examples:
  twinlake profile set default --endpoint https://lake.example.org:9000 --access-key LAKEADMIN
  twinlake profile set lab --endpoint https://lake.example.org:9000 --token-command 'oidc-token lab'
  pass show lake | twinlake profile set lab --endpoint http://10.0.0.7:9000 --access-key LAKEADMIN
  twinlake profile set lab --endpoint http://10.0.0.7:9000 --access-key LAKEADMIN --secret-key-command 'pass show lake'")]
    Set(ProfileSetFlags),
    /// Lists profiles, without their secrets.
    List {
        /// How the result is printed.
        #[arg(long, value_enum, value_name = "FORM", default_value_t = Output::Table)]
        output: Output,
    },
    /// Removes a profile.
    Remove {
        /// Its name.
        name: String,
    },
}

/// A profile as it is typed.
#[derive(Debug, Args)]
pub struct ProfileSetFlags {
    /// Its name: 1 to 64 of a-z, A-Z, 0-9, _ and -. `default` is used where no other is named.
    name: String,
    /// Where the lake answers: http://HOST[:PORT] or https://HOST[:PORT].
    #[arg(long, value_name = "URL")]
    endpoint: String,
    /// The region that requests are signed for [default: us-east-1]
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// The access key. Without it the profile has no keys.
    #[arg(long, value_name = "ID")]
    access_key: Option<String>,
    /// A file, readable by nobody else, whose first line is the secret key.
    #[arg(long, value_name = "FILE", requires = "access_key", conflicts_with = "secret_key_command")]
    secret_key_file: Option<PathBuf>,
    /// A command of the shell that prints the secret key.
    #[arg(long, value_name = "COMMAND", requires = "access_key")]
    secret_key_command: Option<String>,
    /// A file, readable by nobody else, whose first line is the token of an OpenID Connect provider.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["access_key", "token_command"])]
    token_file: Option<PathBuf>,
    /// A command of the shell that prints such a token.
    #[arg(long, value_name = "COMMAND", conflicts_with = "access_key")]
    token_command: Option<String>,
    /// Certificates to trust beside the system's, PEM.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
}

/// A profile as it is shown.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    name: &'a str,
    endpoint: Option<&'a str>,
    region: Option<&'a str>,
    access_key: Option<&'a str>,
    /// Where the secret or the token lies, never what it is.
    secret_key: Option<String>,
    ca_file: Option<String>,
}

/// Does what was typed and gives back what is to be printed.
pub(crate) fn run(flags: ProfileFlags, surroundings: &Surroundings) -> Result<String> {
    let mut profiles = Profiles::read(surroundings)?;
    match flags.command {
        ProfileCommand::Set(flags) => {
            let (name, profile) = flags.profile()?;
            profiles.put(name, profile)?;
            Ok(String::new())
        }
        ProfileCommand::List { output } => {
            let all: Vec<_> = profiles.all().map(|(name, profile)| shown(name, profile, &profiles)).collect();
            output.print(&all, || table(&all))
        }
        ProfileCommand::Remove { name } => profiles.remove(&name).map(|()| String::new()),
    }
}

impl ProfileSetFlags {
    fn profile(self) -> Result<(String, Profile)> {
        let is_name = (1..=64).contains(&self.name.len())
            && self.name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
        if !is_name {
            return Err(CliError::ProfileName(self.name));
        }
        let endpoint = Endpoint::parse(&self.endpoint)?.url;
        let stays_outside = self.secret_key_file.is_some() || self.secret_key_command.is_some();
        let secret_key = match &self.access_key {
            Some(access_key) if !stays_outside => Some(secret::from_stdin(&format!("secret key of {access_key}"))?),
            _ => None,
        };
        let profile = Profile {
            endpoint: Some(endpoint),
            region: self.region,
            access_key: self.access_key,
            secret_key,
            secret_key_file: self.secret_key_file,
            secret_key_command: self.secret_key_command,
            token_file: self.token_file,
            token_command: self.token_command,
            ca_file: self.ca_file,
        };
        Ok((self.name, profile))
    }
}

fn shown<'a>(name: &'a str, profile: &'a Profile, profiles: &Profiles) -> Shown<'a> {
    let Profile { secret_key, secret_key_file, secret_key_command, token_file, token_command, .. } = profile;
    let (file, command) = (secret_key_file.as_ref().or(token_file.as_ref()), secret_key_command.as_ref());
    let secret_key = match (secret_key, file, command.or(token_command.as_ref())) {
        (Some(_), _, _) => Some(format!("in {}", profiles.path().display())),
        (None, Some(path), _) => Some(format!("in {}", path.display())),
        (None, None, Some(command)) => Some(format!("from `{command}`")),
        (None, None, None) => None,
    };
    Shown {
        name,
        endpoint: profile.endpoint.as_deref(),
        region: profile.region.as_deref(),
        access_key: profile.access_key.as_deref(),
        secret_key,
        ca_file: profile.ca_file.as_ref().map(|path| path.display().to_string()),
    }
}

fn table(profiles: &[Shown<'_>]) -> Table {
    let headings = ["NAME", "ENDPOINT", "REGION", "ACCESS KEY", "SECRET", "CERTIFICATES"];
    let mut table = Table::new(&headings.map(|heading| (heading, Side::Left)));
    let text = |text: Option<&str>| text.unwrap_or(NOTHING).to_owned();
    for profile in profiles {
        table.push([
            profile.name.to_owned(),
            text(profile.endpoint),
            text(profile.region),
            text(profile.access_key),
            text(profile.secret_key.as_deref()),
            text(profile.ca_file.as_deref()),
        ]);
    }
    table
}
