//! The catalogue from outside, over the map in memory and once over the one on disk: compared with a model that knows
//! only what S3 promises, walked through row by row, raced, abandoned half-way and counted.

mod agreement;
mod annotations;
mod audit;
mod buckets;
mod cost;
mod crowd;
mod lake;
mod listing;
mod locks;
#[path = "../maps/machine.rs"]
mod machine;
mod model;
mod past;
mod quota;
mod races;
mod sweep;
mod uploads;
mod versions;
