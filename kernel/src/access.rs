//! Who was granted what on a bucket or an object by an access control list.

use crate::AccountId;

/// What a grant allows.
///
/// Source: Amazon S3 User Guide, *Access control list (ACL) overview*, "What permissions can I grant?".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Permission {
    /// Everything below.
    FullControl,
    /// On a bucket: to write objects.
    Write,
    /// To change the list.
    WriteAcp,
    /// On a bucket: to list it. On an object: to read it.
    Read,
    /// To read the list.
    ReadAcp,
}

/// Who is granted something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grantee {
    /// An account.
    Account(AccountId),
    /// Everybody, also without credentials.
    AllUsers,
    /// Everybody with credentials.
    AuthenticatedUsers,
    /// Who delivers access logs: nobody here, but the grant is kept.
    LogDelivery,
}

impl Grantee {
    /// Whether it stands for everybody or nearly so.
    pub const fn is_public(self) -> bool {
        matches!(self, Self::AllUsers | Self::AuthenticatedUsers)
    }
}

/// An entry of an access control list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Grant {
    /// Who.
    pub grantee: Grantee,
    /// What.
    pub permission: Permission,
}

/// An access control list: its grants, in their order. The owner stands beside the bucket or object, not here.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Acl {
    /// At most [`Acl::GRANTS_MAX`].
    pub grants: Vec<Grant>,
}

impl Acl {
    /// Grants of one list. Source: as [`Permission`].
    pub const GRANTS_MAX: usize = 100;

    /// The list that something has when nobody says otherwise: full control for its owner, nothing for others.
    pub fn private(owner: AccountId) -> Self {
        Self { grants: vec![Grant { grantee: Grantee::Account(owner), permission: Permission::FullControl }] }
    }
    /// Whether it grants anything to everybody.
    pub fn is_public(&self) -> bool {
        self.grants.iter().any(|grant| grant.grantee.is_public())
    }
}

/// What of public access a bucket blocks.
///
/// Source: Amazon S3 API, *PublicAccessBlockConfiguration*.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct PublicAccessBlock {
    /// Lists that grant something to everybody are not taken.
    pub block_public_acls: bool,
    /// Grants to everybody mean nothing.
    pub ignore_public_acls: bool,
    /// Policies that let everybody in are not taken.
    pub block_public_policy: bool,
    /// A policy that lets everybody in lets in only the bucket's own account.
    pub restrict_public_buckets: bool,
}
