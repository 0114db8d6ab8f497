//! The table that `docs/performance.md` records.

use super::{Case, Operation, Settings};

/// Every row, in the order of the table.
pub(super) fn cases(settings: &Settings) -> Vec<Case> {
    let case = |operation, bytes, clients| Case { operation, bytes, clients, seconds: settings.seconds };
    let mut cases = Vec::new();
    for bytes in [4 << 10, 1 << 20] {
        for operation in [Operation::Put, Operation::Get] {
            cases.extend([1, 16, 64].map(|clients| case(operation, bytes, clients)));
        }
    }
    for clients in [1, 4] {
        cases.extend([Operation::Put, Operation::Get].map(|operation| case(operation, 64 << 20, clients)));
    }
    cases.extend([1, 16].map(|clients| case(Operation::List, 0, clients)));
    cases
}
