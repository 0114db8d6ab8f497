//! Bytes at rest, tested from outside: what every site promises, that any range is the slice, that no damage passes, and
//! that the sealed form stays what it is.

mod bodies;
mod damage;
mod golden;
mod site_contract;
mod world;
