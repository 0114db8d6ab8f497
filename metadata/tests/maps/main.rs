//! The maps from outside: the contract both keep, and what the one on disk does with a damaged directory.

mod contract;
mod damage;
mod machine;
mod space;
