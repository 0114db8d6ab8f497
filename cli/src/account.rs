//! `twinlake account`: tenants of a lake.

use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};

use crate::client::Client;
use crate::connection::ConnectionFlags;
use crate::key::MadeKey;
use crate::output::{Side, Table};
use crate::{Result, Surroundings};

/// `twinlake account …`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  twinlake account create wind-farm
  twinlake account list
  twinlake account delete 123456789012")]
pub struct AccountFlags {
    #[command(flatten)]
    connection: ConnectionFlags,
    #[command(subcommand)]
    command: AccountCommand,
}

/// What can be done with accounts.
#[derive(Debug, Subcommand)]
pub enum AccountCommand {
    /// Makes an account, and an access key of its root. The secret is shown this once.
    Create {
        /// What people call it.
        name: String,
    },
    /// Lists the accounts.
    List,
    /// Removes an account to which nothing belongs any more.
    Delete {
        /// Its twelve digits.
        account: String,
    },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Account {
    account: String,
    name: String,
    canonical_id: String,
    created: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct MadeAccount {
    #[serde(flatten)]
    account: Account,
    root_key: MadeKey,
}

#[derive(Debug, Deserialize)]
struct Accounts {
    accounts: Vec<Account>,
}

#[derive(Debug, Serialize)]
struct NewAccount {
    name: String,
}

pub(crate) async fn run(flags: AccountFlags, surroundings: &Surroundings) -> Result<String> {
    let AccountFlags { connection, command } = flags;
    let output = connection.output;
    let mut client = Client::new(connection.resolve(surroundings)?, surroundings)?;
    match command {
        AccountCommand::Create { name } => {
            let made: MadeAccount = client.post("/accounts", Some(&NewAccount { name })).await?;
            output.print(&made, || {
                let mut table = Table::new(&[
                    ("ACCOUNT", Side::Left),
                    ("NAME", Side::Left),
                    ("ACCESS KEY", Side::Left),
                    ("SECRET KEY", Side::Left),
                ]);
                let MadeKey { access_key, secret_key } = &made.root_key;
                let Account { account, name, .. } = &made.account;
                table.push([account, name, access_key, secret_key].map(String::clone));
                table
            })
        }
        AccountCommand::List => {
            let Accounts { accounts } = client.get("/accounts", &[]).await?;
            output.print(&accounts, || {
                let mut table = Table::new(&[
                    ("ACCOUNT", Side::Left),
                    ("NAME", Side::Left),
                    ("CREATED", Side::Left),
                    ("CANONICAL ID", Side::Left),
                ]);
                for Account { account, name, canonical_id, created } in &accounts {
                    table.push([account, name, created, canonical_id].map(String::clone));
                }
                table
            })
        }
        AccountCommand::Delete { account } => {
            client.delete(&format!("/accounts/{account}")).await.map(|()| String::new())
        }
    }
}
