//! Access control lists and protections, as parts of other rows.

use std::collections::BTreeSet;

use kernel::{
    AccountId, Acl, DefaultRetention, Embargo, EmbargoLift, EmbargoListing, EmbargoReader, EmbargoRule, Grant, Grantee,
    ObjectLock, Period, Permission, Protection, PublicAccessBlock, Retention, RetentionMode, Timestamp,
};

use super::{Malformed, Result, millis};

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(super) struct AclRow {
    #[prost(message, repeated, tag = "1")]
    grants: Vec<GrantRow>,
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
struct GrantRow {
    #[prost(uint32, tag = "1")]
    grantee: u32,
    /// The account, where the grantee is one.
    #[prost(uint64, tag = "2")]
    account: u64,
    #[prost(uint32, tag = "3")]
    permission: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(super) struct PublicAccessBlockRow {
    #[prost(bool, tag = "1")]
    block_public_acls: bool,
    #[prost(bool, tag = "2")]
    ignore_public_acls: bool,
    #[prost(bool, tag = "3")]
    block_public_policy: bool,
    #[prost(bool, tag = "4")]
    restrict_public_buckets: bool,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(super) struct ProtectionRow {
    #[prost(uint32, tag = "1")]
    mode: u32,
    #[prost(sint64, tag = "2")]
    retain_until_ms: i64,
    #[prost(bool, tag = "3")]
    legal_hold: bool,
    #[prost(message, optional, tag = "4")]
    embargo: Option<EmbargoRow>,
    /// Whether a hold was said to be off.
    #[prost(bool, tag = "5")]
    legal_hold_off: bool,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct EmbargoRow {
    #[prost(sint64, tag = "1")]
    until_ms: i64,
    #[prost(string, repeated, tag = "2")]
    readers: Vec<String>,
    #[prost(message, optional, tag = "3")]
    lift: Option<LiftRow>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct LiftRow {
    #[prost(string, tag = "1")]
    by: String,
    #[prost(sint64, tag = "2")]
    at_ms: i64,
    #[prost(string, tag = "3")]
    reason: String,
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(super) struct ObjectLockRow {
    /// Absent where there is no default.
    #[prost(uint32, tag = "1")]
    mode: u32,
    #[prost(uint32, tag = "2")]
    days: u32,
    #[prost(uint32, tag = "3")]
    years: u32,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(super) struct EmbargoRuleRow {
    #[prost(uint64, optional, tag = "1")]
    default_ms: Option<u64>,
    #[prost(string, repeated, tag = "2")]
    readers: Vec<String>,
    #[prost(bool, tag = "3")]
    key_only: bool,
}

const PERMISSIONS: [(Permission, u32); 5] = [
    (Permission::FullControl, 1),
    (Permission::Write, 2),
    (Permission::WriteAcp, 3),
    (Permission::Read, 4),
    (Permission::ReadAcp, 5),
];
const MODES: [(RetentionMode, u32); 2] = [(RetentionMode::Governance, 1), (RetentionMode::Compliance, 2)];

fn code<T: Copy + PartialEq>(of: T, codes: &[(T, u32)]) -> u32 {
    codes.iter().find(|(value, _)| *value == of).map_or(0, |(_, code)| *code)
}

fn meaning<T: Copy>(code: u32, codes: &[(T, u32)], malformed: &'static str) -> Result<T> {
    codes.iter().find(|(_, known)| *known == code).map(|(value, _)| *value).ok_or(Malformed(malformed))
}

pub(super) fn account(number: u64) -> Result<AccountId> {
    AccountId::new(number).ok_or(Malformed("an account of more than twelve digits"))
}

pub(super) fn acl_row(acl: &Acl) -> AclRow {
    let grant = |grant: &Grant| {
        let (grantee, account) = match grant.grantee {
            Grantee::Account(account) => (1, account.number()),
            Grantee::AllUsers => (2, 0),
            Grantee::AuthenticatedUsers => (3, 0),
            Grantee::LogDelivery => (4, 0),
        };
        GrantRow { grantee, account, permission: code(grant.permission, &PERMISSIONS) }
    };
    AclRow { grants: acl.grants.iter().map(grant).collect() }
}

pub(super) fn acl(row: AclRow) -> Result<Acl> {
    let grant = |row: GrantRow| {
        let grantee = match row.grantee {
            1 => Grantee::Account(account(row.account)?),
            2 => Grantee::AllUsers,
            3 => Grantee::AuthenticatedUsers,
            4 => Grantee::LogDelivery,
            _ => return Err(Malformed("unknown grantee")),
        };
        Ok(Grant { grantee, permission: meaning(row.permission, &PERMISSIONS, "unknown permission of a grant")? })
    };
    Ok(Acl { grants: row.grants.into_iter().map(grant).collect::<Result<_>>()? })
}

pub(super) fn public_access_block_row(block: &PublicAccessBlock) -> PublicAccessBlockRow {
    let PublicAccessBlock { block_public_acls, ignore_public_acls, block_public_policy, restrict_public_buckets } =
        *block;
    PublicAccessBlockRow { block_public_acls, ignore_public_acls, block_public_policy, restrict_public_buckets }
}

pub(super) fn public_access_block(row: PublicAccessBlockRow) -> PublicAccessBlock {
    let PublicAccessBlockRow { block_public_acls, ignore_public_acls, block_public_policy, restrict_public_buckets } =
        row;
    PublicAccessBlock { block_public_acls, ignore_public_acls, block_public_policy, restrict_public_buckets }
}

fn readers(texts: &[String]) -> Result<BTreeSet<EmbargoReader>> {
    let reader = |text: &String| text.parse().map_err(|_| Malformed("no reader of an embargo can be called so"));
    texts.iter().map(reader).collect()
}

/// A protection; none where there is none.
pub(super) fn protection_row(protection: &Protection) -> Option<ProtectionRow> {
    if *protection == Protection::default() {
        return None;
    }
    let lift =
        |lift: &EmbargoLift| LiftRow { by: lift.by.clone(), at_ms: millis(lift.at), reason: lift.reason.clone() };
    Some(ProtectionRow {
        mode: protection.retention.map_or(0, |retention| code(retention.mode, &MODES)),
        retain_until_ms: protection.retention.map_or(0, |retention| millis(retention.until)),
        legal_hold: protection.legal_hold == Some(true),
        legal_hold_off: protection.legal_hold == Some(false),
        embargo: protection.embargo.as_ref().map(|embargo| EmbargoRow {
            until_ms: millis(embargo.until),
            readers: embargo.readers.iter().map(EmbargoReader::kept).collect(),
            lift: embargo.lift.as_ref().map(lift),
        }),
    })
}

pub(super) fn protection(row: Option<ProtectionRow>) -> Result<Protection> {
    let Some(row) = row else { return Ok(Protection::default()) };
    let until = Timestamp::from_millis(row.retain_until_ms);
    let retention = match row.mode {
        0 => None,
        mode => Some(Retention { mode: meaning(mode, &MODES, "unknown mode of retention")?, until }),
    };
    let lift = |row: LiftRow| EmbargoLift { by: row.by, at: Timestamp::from_millis(row.at_ms), reason: row.reason };
    let embargo = |row: EmbargoRow| {
        let until = Timestamp::from_millis(row.until_ms);
        Ok(Embargo { until, readers: readers(&row.readers)?, lift: row.lift.map(lift) })
    };
    let embargo = row.embargo.map(embargo).transpose()?;
    let legal_hold = match (row.legal_hold, row.legal_hold_off) {
        (true, _) => Some(true),
        (false, true) => Some(false),
        (false, false) => None,
    };
    Ok(Protection { retention, legal_hold, embargo })
}

pub(super) fn object_lock_row(lock: &ObjectLock) -> ObjectLockRow {
    let Some(DefaultRetention { mode, period }) = lock.default else { return ObjectLockRow::default() };
    let (days, years) = match period {
        Period::Days(days) => (days, 0),
        Period::Years(years) => (0, years),
    };
    ObjectLockRow { mode: code(mode, &MODES), days, years }
}

pub(super) fn object_lock(row: ObjectLockRow) -> Result<ObjectLock> {
    if row.mode == 0 {
        return Ok(ObjectLock::default());
    }
    let period = match (row.days, row.years) {
        (0, years) => Period::Years(years),
        (days, 0) => Period::Days(days),
        _ => return Err(Malformed("a retention of days and of years")),
    };
    let mode = meaning(row.mode, &MODES, "unknown mode of retention")?;
    Ok(ObjectLock { default: Some(DefaultRetention { mode, period }) })
}

pub(super) fn embargo_rule_row(rule: &EmbargoRule) -> EmbargoRuleRow {
    EmbargoRuleRow {
        default_ms: rule.default_ms,
        readers: rule.readers.iter().map(EmbargoReader::kept).collect(),
        key_only: rule.listing == EmbargoListing::KeyOnly,
    }
}

pub(super) fn embargo_rule(row: EmbargoRuleRow) -> Result<EmbargoRule> {
    let listing = if row.key_only { EmbargoListing::KeyOnly } else { EmbargoListing::Hidden };
    Ok(EmbargoRule { default_ms: row.default_ms, readers: readers(&row.readers)?, listing })
}
