//! `twinlake key`: access keys and service accounts.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};

use crate::client::Client;
use crate::connection::ConnectionFlags;
use crate::output::{NOTHING, Side, Table};
use crate::profiles::read_public_text;
use crate::user::ScopeFlags;
use crate::{Result, Surroundings};

/// `twinlake key …`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  twinlake key create --user alice
  twinlake key create --user alice --policy read-only.json --description 'nightly training'
  twinlake key list --user alice
  twinlake key disable AKIAIOSFODNN7EXAMPLE --user alice")]
pub struct KeyFlags {
    #[command(flatten)]
    connection: ConnectionFlags,
    #[command(flatten)]
    scope: ScopeFlags,
    /// Whose key it is [default: the root's of the account]
    #[arg(long, global = true, value_name = "NAME")]
    user: Option<String>,
    #[command(subcommand)]
    command: KeyCommand,
}

/// What can be done with access keys.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Makes an access key. The secret is shown this once.
    Create {
        /// An IAM policy in JSON: makes a service account, a key that may do what both its owner and this allow.
        #[arg(long, value_name = "FILE")]
        policy: Option<PathBuf>,
        /// What people say of it.
        #[arg(long, value_name = "TEXT", default_value = "")]
        description: String,
    },
    /// Lists access keys, without their secrets.
    List,
    /// Lets a key be used again.
    Enable {
        /// The access key.
        access_key: String,
    },
    /// Lets a key not be used until it is enabled.
    Disable {
        /// The access key.
        access_key: String,
    },
    /// Removes a key.
    Delete {
        /// The access key.
        access_key: String,
    },
}

/// A key that was made just now.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MadeKey {
    pub(crate) access_key: String,
    pub(crate) secret_key: String,
}

impl std::fmt::Debug for MadeKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MadeKey").field("access_key", &self.access_key).finish_non_exhaustive()
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Key {
    access_key: String,
    account: String,
    user: Option<String>,
    active: bool,
    created: String,
    description: String,
    policy: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Keys {
    keys: Vec<Key>,
}

#[derive(Debug, Serialize)]
struct NewKey {
    description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<String>,
}

#[derive(Debug, Serialize)]
struct KeyState {
    active: bool,
}

pub(crate) async fn run(flags: KeyFlags, surroundings: &Surroundings) -> Result<String> {
    let KeyFlags { connection, scope, user, command } = flags;
    let output = connection.output;
    let client = Client::new(connection.resolve(surroundings)?, surroundings)?;
    let mut client = client.about("account", scope.account).about("user", user);
    let place = |key: &str| format!("/keys/{key}");
    match command {
        KeyCommand::Create { policy, description } => {
            let policy = policy.map(|path| read_public_text(&path)).transpose()?;
            let made: MadeKey = client.post("/keys", Some(&NewKey { description, policy })).await?;
            output.print(&made, || {
                let mut table = Table::new(&[("ACCESS KEY", Side::Left), ("SECRET KEY", Side::Left)]);
                table.push([made.access_key.clone(), made.secret_key.clone()]);
                table
            })
        }
        KeyCommand::List => {
            let Keys { keys } = client.get("/keys", &[]).await?;
            output.print(&keys, || keys_table(&keys))
        }
        KeyCommand::Enable { access_key } => {
            client.set(&place(&access_key), Some(&KeyState { active: true })).await.map(|()| String::new())
        }
        KeyCommand::Disable { access_key } => {
            client.set(&place(&access_key), Some(&KeyState { active: false })).await.map(|()| String::new())
        }
        KeyCommand::Delete { access_key } => client.delete(&place(&access_key)).await.map(|()| String::new()),
    }
}

fn keys_table(keys: &[Key]) -> Table {
    let mut table = Table::new(&[
        ("ACCESS KEY", Side::Left),
        ("USER", Side::Left),
        ("STATE", Side::Left),
        ("KIND", Side::Left),
        ("CREATED", Side::Left),
        ("DESCRIPTION", Side::Left),
    ]);
    for key in keys {
        table.push([
            key.access_key.clone(),
            key.user.clone().unwrap_or_else(|| "root".to_owned()),
            if key.active { "active" } else { "disabled" }.to_owned(),
            if key.policy.is_some() { "service account" } else { "access key" }.to_owned(),
            key.created.clone(),
            if key.description.is_empty() { NOTHING.to_owned() } else { key.description.clone() },
        ]);
    }
    table
}
