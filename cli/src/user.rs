//! `twinlake user`: who there is.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};

use crate::client::Client;
use crate::connection::ConnectionFlags;
use crate::output::{NOTHING, Side, Table};
use crate::profiles::read_public_text;
use crate::secret;
use crate::{Result, Surroundings};

/// Whose users, groups and keys.
#[derive(Debug, Clone, Args)]
pub struct ScopeFlags {
    /// The account, by its twelve digits [default: the account of the keys in use]
    #[arg(long, global = true, value_name = "ACCOUNT")]
    pub(crate) account: Option<String>,
}

/// `twinlake user …`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  twinlake user create alice --tag team=wind
  twinlake user policy put alice reading read-only.json
  twinlake user password alice
  twinlake user show alice --output json")]
pub struct UserFlags {
    #[command(flatten)]
    connection: ConnectionFlags,
    #[command(flatten)]
    scope: ScopeFlags,
    #[command(subcommand)]
    command: UserCommand,
}

/// What can be done with users.
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Makes a user, who may do nothing yet.
    Create {
        /// What it is called.
        name: String,
        /// A tag, which policies can read; any number of them.
        #[arg(long = "tag", value_name = "NAME=VALUE", value_parser = tag)]
        tags: Vec<(String, String)>,
    },
    /// Lists the users.
    List,
    /// Shows a user.
    Show {
        /// The user.
        name: String,
    },
    /// Removes a user that has no keys, groups, policies and password any more.
    Delete {
        /// The user.
        name: String,
    },
    /// Sets a user's password, read from stdin: 12 to 128 characters.
    ///
    /// It opens a session, for who signs in with a name and a password (AssumeRoleWithLDAPIdentity).
    Password {
        /// The user.
        name: String,
        /// Good for setting another password and nothing else.
        #[arg(long, conflicts_with = "remove")]
        must_change: bool,
        /// Takes the password away instead.
        #[arg(long)]
        remove: bool,
    },
    /// What the user may do.
    Policy {
        /// What to do about it.
        #[command(subcommand)]
        command: HeldCommand,
    },
}

/// What can be done with the policies of a user or a group.
#[derive(Debug, Subcommand)]
pub enum HeldCommand {
    /// Writes an IAM policy into it, in the place of the one of that name.
    Put {
        /// The user or the group.
        name: String,
        /// What the policy is called.
        policy: String,
        /// The policy, in JSON.
        file: PathBuf,
    },
    /// Prints a policy that is written into it, byte for byte.
    Get {
        /// The user or the group.
        name: String,
        /// The policy.
        policy: String,
    },
    /// Takes a policy that is written into it away.
    Delete {
        /// The user or the group.
        name: String,
        /// The policy.
        policy: String,
    },
    /// Attaches a managed policy of the account.
    Attach {
        /// The user or the group.
        name: String,
        /// The managed policy.
        policy: String,
    },
    /// Detaches a managed policy.
    Detach {
        /// The user or the group.
        name: String,
        /// The managed policy.
        policy: String,
    },
}

impl HeldCommand {
    /// `kind` is `users` or `groups`.
    pub(crate) async fn run(self, client: &mut Client, kind: &str) -> Result<String> {
        let written = |name: &str, policy: &str| format!("/{kind}/{name}/policies/{policy}");
        let attached = |name: &str, policy: &str| format!("/{kind}/{name}/attached/{policy}");
        let done = match self {
            Self::Get { name, policy } => {
                let mut text = client.text(&written(&name, &policy)).await?;
                if !text.ends_with('\n') {
                    text.push('\n');
                }
                return Ok(text);
            }
            Self::Put { name, policy, file } => {
                client.set_text(&written(&name, &policy), read_public_text(&file)?).await
            }
            Self::Delete { name, policy } => client.delete(&written(&name, &policy)).await,
            Self::Attach { name, policy } => client.set(&attached(&name, &policy), None::<&()>).await,
            Self::Detach { name, policy } => client.delete(&attached(&name, &policy)).await,
        };
        done.map(|()| String::new())
    }
}

/// Reads `NAME=VALUE`.
fn tag(text: &str) -> std::result::Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("a tag is written NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// What a user or a group may do.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Powers {
    policies: Vec<String>,
    attached: Vec<String>,
    boundary: Option<String>,
}

impl Powers {
    /// The names of all policies.
    pub(crate) fn names(&self) -> String {
        let attached = self.attached.iter().map(|arn| arn.rsplit('/').next().unwrap_or(arn).to_owned());
        listed(&self.policies.iter().cloned().chain(attached).collect::<Vec<_>>())
    }
}

/// A list in one cell.
pub(crate) fn listed<'a>(items: impl IntoIterator<Item = &'a String>) -> String {
    let items: Vec<_> = items.into_iter().map(String::as_str).collect();
    if items.is_empty() { NOTHING.to_owned() } else { items.join(", ") }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct User {
    name: String,
    account: String,
    arn: String,
    created: String,
    groups: Vec<String>,
    tags: std::collections::BTreeMap<String, String>,
    has_password: bool,
    #[serde(flatten)]
    powers: Powers,
}

#[derive(Debug, Deserialize)]
struct Users {
    users: Vec<User>,
}

#[derive(Debug, Serialize)]
struct NewUser {
    name: String,
    tags: std::collections::BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NewPassword<'a> {
    password: &'a str,
    must_change: bool,
}

pub(crate) async fn run(flags: UserFlags, surroundings: &Surroundings) -> Result<String> {
    let UserFlags { connection, scope, command } = flags;
    let output = connection.output;
    let mut client = Client::new(connection.resolve(surroundings)?, surroundings)?.about("account", scope.account);
    let place = |name: &str| format!("/users/{name}");
    match command {
        UserCommand::Create { name, tags } => {
            let made: User = client.post("/users", Some(&NewUser { name, tags: tags.into_iter().collect() })).await?;
            output.print(&made, || users_table([&made]))
        }
        UserCommand::List => {
            let Users { users } = client.get("/users", &[]).await?;
            output.print(&users, || users_table(&users))
        }
        UserCommand::Show { name } => {
            let user: User = client.get(&place(&name), &[]).await?;
            output.print(&user, || users_table([&user]))
        }
        UserCommand::Delete { name } => client.delete(&place(&name)).await.map(|()| String::new()),
        UserCommand::Password { name, remove: true, .. } => {
            client.delete(&format!("{}/password", place(&name))).await.map(|()| String::new())
        }
        UserCommand::Password { name, must_change, .. } => {
            let password = secret::password_from_stdin("Password")?;
            let new = NewPassword { password: password.expose(), must_change };
            client.set(&format!("{}/password", place(&name)), Some(&new)).await.map(|()| String::new())
        }
        UserCommand::Policy { command } => command.run(&mut client, "users").await,
    }
}

fn users_table<'a>(users: impl IntoIterator<Item = &'a User>) -> Table {
    let mut table = Table::new(&[
        ("NAME", Side::Left),
        ("ACCOUNT", Side::Left),
        ("CREATED", Side::Left),
        ("GROUPS", Side::Left),
        ("POLICIES", Side::Left),
        ("PASSWORD", Side::Left),
    ]);
    for user in users {
        table.push([
            user.name.clone(),
            user.account.clone(),
            user.created.clone(),
            listed(&user.groups),
            user.powers.names(),
            if user.has_password { "yes" } else { NOTHING }.to_owned(),
        ]);
    }
    table
}
