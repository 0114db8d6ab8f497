//! What the lake knows of the time.

use engine::{TimeHold, TimeReading};
use serde::Serialize;

use super::{Asked, Told};
use crate::s3_error::Failure;
use crate::translate::time;

#[derive(Debug, Serialize)]
struct TimeDocument {
    opening: String,
    wall: String,
    /// `null` where nothing is on hold.
    hold: Option<&'static str>,
}

fn told(reading: TimeReading) -> Result<Told, Failure> {
    Told::json(&TimeDocument {
        opening: time::rfc_3339(reading.opening),
        wall: time::rfc_3339(reading.wall),
        hold: reading.hold.map(|hold| match hold {
            TimeHold::Apart => "apart",
            TimeHold::Behind => "behind",
            TimeHold::Away => "away",
        }),
    })
}

/// Tells it.
pub(super) async fn get(asked: Asked<'_>) -> Result<Told, Failure> {
    told(asked.engine.time(asked.caller)?)
}

/// Believes the wall clock.
pub(super) async fn confirm(asked: Asked<'_>) -> Result<Told, Failure> {
    told(asked.engine.confirm_time(asked.caller).await?)
}
