//! Whole lakes under stress: worlds in memory that a seed decides, and a real server that is killed again and again.
//!
//! In a [`world`] the real engine runs over a map and a site in memory; [`conformance`] does to it what a [`script`] says
//! and compares it, step by step and through power cuts, with the [`reference`]: S3's rules as plain data. [`kill`] keeps
//! a ledger beside a server process and holds it to what it acknowledged. Whatever judges here stands outside of what it
//! judges.

pub mod conformance;
pub mod driver;
pub mod kill;
pub mod operation;
pub mod reference;
pub mod script;
pub mod world;
