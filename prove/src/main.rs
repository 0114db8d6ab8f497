//! Proofs about policies.
fn main() {}
