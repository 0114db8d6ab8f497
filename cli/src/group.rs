//! `twinlake group`: users that may do the same.

use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};

use crate::client::Client;
use crate::connection::ConnectionFlags;
use crate::output::{Side, Table};
use crate::user::{HeldCommand, Powers, ScopeFlags, listed};
use crate::{Result, Surroundings};

/// `twinlake group …`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  twinlake group create engineers
  twinlake group add engineers alice
  twinlake group policy put engineers reading read-only.json
  twinlake group show engineers")]
pub struct GroupFlags {
    #[command(flatten)]
    connection: ConnectionFlags,
    #[command(flatten)]
    scope: ScopeFlags,
    #[command(subcommand)]
    command: GroupCommand,
}

/// What can be done with groups.
#[derive(Debug, Subcommand)]
pub enum GroupCommand {
    /// Makes a group without members.
    Create {
        /// What it is called.
        name: String,
    },
    /// Lists the groups.
    List,
    /// Shows a group and its members.
    Show {
        /// The group.
        name: String,
    },
    /// Removes a group that has no members and no policies.
    Delete {
        /// The group.
        name: String,
    },
    /// Makes a user a member.
    Add {
        /// The group.
        name: String,
        /// The user.
        user: String,
    },
    /// Ends a user's membership.
    Remove {
        /// The group.
        name: String,
        /// The user.
        user: String,
    },
    /// What its members may do.
    Policy {
        /// What to do about it.
        #[command(subcommand)]
        command: HeldCommand,
    },
}

#[derive(Debug, Serialize, Deserialize)]
struct Group {
    name: String,
    account: String,
    arn: String,
    created: String,
    #[serde(flatten)]
    powers: Powers,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    members: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
struct Groups {
    groups: Vec<Group>,
}

#[derive(Debug, Serialize)]
struct NewGroup {
    name: String,
}

pub(crate) async fn run(flags: GroupFlags, surroundings: &Surroundings) -> Result<String> {
    let GroupFlags { connection, scope, command } = flags;
    let output = connection.output;
    let mut client = Client::new(connection.resolve(surroundings)?, surroundings)?.about("account", scope.account);
    let member = |name: &str, user: &str| format!("/groups/{name}/members/{user}");
    match command {
        GroupCommand::Create { name } => {
            let made: Group = client.post("/groups", Some(&NewGroup { name })).await?;
            output.print(&made, || groups_table([&made]))
        }
        GroupCommand::List => {
            let Groups { groups } = client.get("/groups", &[]).await?;
            output.print(&groups, || groups_table(&groups))
        }
        GroupCommand::Show { name } => {
            let group: Group = client.get(&format!("/groups/{name}"), &[]).await?;
            output.print(&group, || groups_table([&group]))
        }
        GroupCommand::Delete { name } => client.delete(&format!("/groups/{name}")).await.map(|()| String::new()),
        GroupCommand::Add { name, user } => {
            client.set(&member(&name, &user), None::<&()>).await.map(|()| String::new())
        }
        GroupCommand::Remove { name, user } => client.delete(&member(&name, &user)).await.map(|()| String::new()),
        GroupCommand::Policy { command } => command.run(&mut client, "groups").await,
    }
}

fn groups_table<'a>(groups: impl IntoIterator<Item = &'a Group>) -> Table {
    let mut table = Table::new(&[
        ("NAME", Side::Left),
        ("ACCOUNT", Side::Left),
        ("CREATED", Side::Left),
        ("POLICIES", Side::Left),
        ("MEMBERS", Side::Left),
    ]);
    for group in groups {
        table.push([
            group.name.clone(),
            group.account.clone(),
            group.created.clone(),
            group.powers.names(),
            listed(group.members.iter().flatten()),
        ]);
    }
    table
}
