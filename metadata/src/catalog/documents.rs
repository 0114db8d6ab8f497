//! Documents: texts that the engine keeps here by kind and name. What stands in them is the engine's affair; that several
//! change together or not at all, and only from what they were, is decided here.

use std::fmt;

use bytes::Bytes;
use kernel::Sequence;

use super::error::CatalogError;
use super::{Catalog, Result};
use crate::key_value::{Batch, Edit, Expectation, Family, KeyValueError, Step, gather};
use crate::keys;

/// What kind of document: a number that is never given a second meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DocumentKind(pub u8);

impl DocumentKind {
    /// What is known of the time.
    pub const TIME: Self = Self(1);
    /// The key that sessions are made from.
    pub const SESSION_KEY: Self = Self(10);
    /// Accounts.
    pub const ACCOUNT: Self = Self(11);
    /// Users.
    pub const USER: Self = Self(12);
    /// Groups.
    pub const GROUP: Self = Self(13);
    /// Roles.
    pub const ROLE: Self = Self(14);
    /// Managed policies.
    pub const POLICY: Self = Self(15);
    /// Access keys.
    pub const ACCESS_KEY: Self = Self(16);
    /// OpenID Connect providers.
    pub const OIDC_PROVIDER: Self = Self(17);
    /// The key that entries of the audit are authenticated with.
    pub const AUDIT_KEY: Self = Self(18);
    /// Sets of the lake's own policies: which versions there are.
    pub const POLICY_SET: Self = Self(20);
    /// Texts of versions of policy sets.
    pub const POLICY_SET_TEXT: Self = Self(21);
}

impl fmt::Display for DocumentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::TIME => f.write_str("time"),
            Self::SESSION_KEY => f.write_str("session-key"),
            Self::AUDIT_KEY => f.write_str("audit-key"),
            Self::ACCOUNT => f.write_str("account"),
            Self::USER => f.write_str("user"),
            Self::GROUP => f.write_str("group"),
            Self::ROLE => f.write_str("role"),
            Self::POLICY => f.write_str("policy"),
            Self::ACCESS_KEY => f.write_str("access-key"),
            Self(kind) => write!(f, "{kind}"),
        }
    }
}

/// A change of one document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentEdit {
    /// Its kind.
    pub kind: DocumentKind,
    /// Its name, without NUL.
    pub name: String,
    /// What it was when the change was decided on; none where there was none.
    pub was: Option<Bytes>,
    /// What it is from now on; none for gone.
    pub now: Option<Bytes>,
}

impl Catalog {
    /// All documents of a kind, by name.
    ///
    /// # Errors
    /// [`CatalogError::Map`].
    pub async fn documents(&self, kind: DocumentKind) -> Result<Vec<(String, Bytes)>> {
        let (from, until) = keys::documents(kind.0);
        let rows = gather(&*self.map, Family::Documents, from, until, Vec::new(), |rows, place, row| {
            let name = place.get(1..).map(String::from_utf8_lossy).unwrap_or_default().into_owned();
            rows.push((name, Bytes::copy_from_slice(row)));
            Step::Next
        });
        Ok(rows.await?)
    }

    /// One document; none where there is none of that name.
    ///
    /// # Errors
    /// [`CatalogError::Map`].
    pub async fn document(&self, kind: DocumentKind, name: &str) -> Result<Option<Bytes>> {
        let [row] = self.get([(Family::Documents, keys::document(kind.0, name))]).await?;
        Ok(row)
    }

    /// Changes documents together, in one batch.
    ///
    /// # Errors
    /// [`CatalogError::Contended`] where one of them is not what it was: nothing has changed; [`CatalogError::Map`].
    pub async fn change_documents(&self, edits: &[DocumentEdit]) -> Result<Sequence> {
        let mut batch = Batch::default();
        for DocumentEdit { kind, name, was, now } in edits {
            let key = keys::document(kind.0, name);
            batch.expectations.push(match was {
                Some(was) => Expectation::Equals(Family::Documents, key.clone(), was.clone()),
                None => Expectation::Absent(Family::Documents, key.clone()),
            });
            batch.edits.push(match now {
                Some(now) => Edit::Put(Family::Documents, key, now.clone()),
                None => Edit::Delete(Family::Documents, key),
            });
        }
        match self.map.apply(batch).await {
            Ok(sequence) => Ok(sequence),
            Err(KeyValueError::Conflict { .. }) => Err(CatalogError::Contended),
            Err(error) => Err(error.into()),
        }
    }
}
