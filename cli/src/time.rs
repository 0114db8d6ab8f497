//! `twinlake time`: what a lake knows of the time.

use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};

use crate::client::Client;
use crate::connection::ConnectionFlags;
use crate::output::{NOTHING, Side, Table};
use crate::{Result, Surroundings};

/// `twinlake time …`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  twinlake time show
  twinlake time confirm --profile lab")]
pub struct TimeFlags {
    #[command(flatten)]
    connection: ConnectionFlags,
    #[command(subcommand)]
    command: TimeCommand,
}

/// What can be done about the time.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum TimeCommand {
    /// Shows what the lake takes for the time, and whether openings are on hold.
    Show,
    /// Has the lake believe its machine's wall clock as it stands, and ends a hold.
    ///
    /// Look at the machine's clock first: embargoes that are over by it open at once.
    Confirm,
}

#[derive(Debug, Serialize, Deserialize)]
struct Time {
    opening: String,
    wall: String,
    hold: Option<String>,
}

pub(crate) async fn run(flags: TimeFlags, surroundings: &Surroundings) -> Result<String> {
    let TimeFlags { connection, command } = flags;
    let output = connection.output;
    let mut client = Client::new(connection.resolve(surroundings)?, surroundings)?;
    let time: Time = match command {
        TimeCommand::Show => client.get("/time", &[]).await?,
        TimeCommand::Confirm => client.post("/time/confirmation", None::<&()>).await?,
    };
    output.print(&time, || {
        let mut table = Table::new(&[("OPENING", Side::Left), ("WALL CLOCK", Side::Left), ("ON HOLD", Side::Left)]);
        let hold = time.hold.clone().unwrap_or_else(|| NOTHING.to_owned());
        table.push([time.opening.clone(), time.wall.clone(), hold]);
        table
    })
}
