//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use fixtures::demo::Demo;

/// An S3-compatible data lake in one program.
#[derive(Parser)]
#[command(
    name = "twinlake",
    version,
    disable_help_subcommand = true,
    after_help = "Examples:
  twinlake serve
  twinlake serve --data-dir /srv/lake --listen [::]:9000 --tls-cert lake.pem --tls-key lake-key.pem
  twinlake profile set default --endpoint https://lake.example.org:9000 --access-key LAKEADMIN
  twinlake bucket list
  twinlake demo generate --seed 7 --out demo
  twinlake completions bash > /etc/bash_completion.d/twinlake"
)]
pub(crate) struct Flags {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
#[expect(clippy::large_enum_variant, reason = "there is one of it")]
pub(crate) enum Command {
    /// Serves the lake of a data directory, until SIGTERM or SIGINT.
    ///
    /// The first start makes the directory, root's keys (printed once, kept in `root-credentials.json`) and the master
    /// key. Every setting can also be given as a variable `TWINLAKE_…` or in the file of `--config`; a flag wins over a
    /// variable, a variable over the file. `docs/configuration.md` lists them all.
    #[command(after_help = "Examples:
  twinlake serve --data-dir /srv/lake --listen 127.0.0.1:9000
  TWINLAKE_LOG_FORMAT=json twinlake serve --config twinlake.toml
  twinlake serve --domain s3.example.org --master-key-file /run/keys/lake.key")]
    Serve(Box<ServeFlags>),
    #[command(flatten)]
    Admin(cli::AdminCommand),
    /// Sample data for tours and tests.
    Demo {
        #[command(subcommand)]
        command: DemoCommand,
    },
    /// Prints every setting of `serve` with its variable, default and bounds, as a table in Markdown.
    Settings,
    /// Writes a shell's completions to stdout.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Says the version.
    Version,
}

/// The settings that have a flag of their own. They stay text here: one place checks them, wherever they came from.
#[derive(Args)]
pub(crate) struct ServeFlags {
    /// The configuration file, TOML; variable TWINLAKE_CONFIG.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where catalogue, blobs and keys lie [default: twinlake-data]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
    /// Where to listen; port 0 takes a free one [default: 127.0.0.1:9000]
    #[arg(long, value_name = "IP:PORT")]
    listen: Option<String>,
    /// PEM file of the certificate chain: HTTPS instead of HTTP.
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<String>,
    /// PEM file of the certificate's key.
    #[arg(long, value_name = "FILE")]
    tls_key: Option<String>,
    /// The region that requests are signed for [default: us-east-1]
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// A name under which buckets are virtual hosts; may be given more than once.
    #[arg(long, value_name = "NAME")]
    domain: Vec<String>,
    /// Where the master key lies [default: DIR/master.key]
    #[arg(long, value_name = "FILE")]
    master_key_file: Option<String>,
    /// The only lake to serve: any other directory, an empty one too, is refused.
    #[arg(long, value_name = "ID")]
    deployment: Option<String>,
    /// text or json [default: text]
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
    /// error, warn, info, debug or trace [default: info]
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,
}

impl ServeFlags {
    /// Those that were given, by the setting's key.
    pub(crate) fn settings(&self) -> Vec<(&'static str, String)> {
        let domain = (!self.domain.is_empty()).then(|| self.domain.join(","));
        let flags = [
            ("data_dir", &self.data_dir),
            ("listen", &self.listen),
            ("tls.cert", &self.tls_cert),
            ("tls.key", &self.tls_key),
            ("region", &self.region),
            ("domain", &domain),
            ("master_key_file", &self.master_key_file),
            ("deployment", &self.deployment),
            ("log.format", &self.log_format),
            ("log.level", &self.log_level),
        ];
        flags.into_iter().filter_map(|(key, value)| Some((key, value.clone()?))).collect()
    }
}

#[derive(Subcommand)]
pub(crate) enum DemoCommand {
    /// Writes a small, realistic set of sensor data: a wind farm and two machine tools, as Parquet, CSV and NDJSON.
    ///
    /// The same seed gives the same bytes. `manifest.json` names every file with its size and SHA-256; one file is
    /// larger than 12 MiB, so that clients send it in parts.
    #[command(after_help = "Example:
  twinlake demo generate --seed 7 --out demo --turbines 5 --days 7
  aws --endpoint-url http://127.0.0.1:9000 s3 cp --recursive demo s3://sensors/")]
    Generate {
        #[command(flatten)]
        demo: DemoFlags,
        /// An absent or empty directory.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
}

#[derive(Args)]
pub(crate) struct DemoFlags {
    /// What all of it follows from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Turbines, 1 to 99; the last one has a gearbox that fails.
    #[arg(long, value_name = "N", default_value_t = 3)]
    turbines: u32,
    /// Days from 2026-01-01 on, 1 to 365.
    #[arg(long, value_name = "N", default_value_t = 2)]
    days: u32,
}

impl From<DemoFlags> for Demo {
    fn from(flags: DemoFlags) -> Self {
        Self { seed: flags.seed, turbines: flags.turbines, days: flags.days }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::configuration::SETTINGS;

    #[test]
    fn the_command_line_is_sound() {
        Flags::command().debug_assert();
    }

    #[test]
    fn every_flag_is_a_setting_of_that_name() {
        let command = Flags::command();
        let serve = command.find_subcommand("serve").expect("serve");
        let longs: Vec<_> = serve.get_arguments().filter_map(|flag| flag.get_long()).collect();
        for long in longs.into_iter().filter(|long| *long != "config" && *long != "help") {
            let known = SETTINGS.iter().any(|setting| setting.key.replace(['_', '.'], "-") == long);
            assert!(known, "--{long} is no setting");
        }
        let flags = Flags::try_parse_from(["twinlake", "serve", "--domain", "a", "--domain", "b", "--tls-cert", "c"]);
        let Ok(Flags { command: Command::Serve(flags) }) = flags else { panic!("the flags are sound") };
        assert_eq!(flags.settings(), [("tls.cert", "c".to_owned()), ("domain", "a,b".to_owned())]);
    }
}
