//! Access control lists, said in Cedar.
//!
//! A list grants and never forbids. It stands on one bucket or on one object, so its policies name no resource: they are
//! only asked about what they stand on. The owner's own account is left out of them: its root may do everything anyway,
//! and its users and roles are let in by what is attached to them, as in S3.
//!
//! Source: Amazon S3 User Guide, *Access control list (ACL) overview*, "Mapping of ACL permissions and access policy
//! permissions".

use kernel::{AccountId, Acl, Grant, Grantee, Permission};

use crate::action::Action;
use crate::source::{PolicyFault, Source};

/// What a list stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AclPlace {
    /// A bucket.
    Bucket,
    /// A version of an object.
    Object,
}

impl AclPlace {
    const fn name(self) -> &'static str {
        match self {
            Self::Bucket => "access control list of the bucket",
            Self::Object => "access control list of the object",
        }
    }

    /// What a permission allows here.
    const fn actions(self, permission: Permission) -> &'static [Action] {
        use Action as A;
        match (self, permission) {
            (_, Permission::FullControl) => &[],
            (Self::Bucket, Permission::Read) => &[A::ListBucket, A::ListBucketVersions, A::ListBucketMultipartUploads],
            (Self::Bucket, Permission::Write) => &[A::PutObject, A::DeleteObject, A::AbortMultipartUpload],
            (Self::Bucket, Permission::ReadAcp) => &[A::GetBucketAcl],
            (Self::Bucket, Permission::WriteAcp) => &[A::PutBucketAcl],
            (Self::Object, Permission::Read) => &[A::GetObject, A::GetObjectVersion],
            (Self::Object, Permission::Write) => &[],
            (Self::Object, Permission::ReadAcp) => &[A::GetObjectAcl, A::GetObjectVersionAcl],
            (Self::Object, Permission::WriteAcp) => &[A::PutObjectAcl, A::PutObjectVersionAcl],
        }
    }

    fn granted(self, permission: Permission) -> Vec<&'static str> {
        const PARTS: [Permission; 4] = [Permission::Read, Permission::Write, Permission::ReadAcp, Permission::WriteAcp];
        let parts = PARTS.into_iter().filter(|part| permission == Permission::FullControl || permission == *part);
        parts.flat_map(|part| self.actions(part)).map(|action| action.name()).collect()
    }
}

impl Source {
    /// The policies of an access control list on something that `owner` owns. Grants to everybody mean nothing where
    /// `ignore_public` says so.
    ///
    /// # Errors
    /// [`PolicyFault`] for a list of more grants than a source may hold.
    pub fn acl(place: AclPlace, owner: AccountId, acl: &Acl, ignore_public: bool) -> Result<Self, PolicyFault> {
        let counted = acl.grants.iter().enumerate();
        let meant = counted.filter(|(_, grant)| !(ignore_public && grant.grantee.is_public()));
        let text: String = meant.filter_map(|(number, grant)| policy(place, owner, number + 1, *grant)).collect();
        Self::cedar(place.name(), &text)
    }
}

fn policy(place: AclPlace, owner: AccountId, number: usize, grant: Grant) -> Option<String> {
    let (principal, when) = match grant.grantee {
        Grantee::Account(account) if account == owner => return None,
        Grantee::Account(account) => (format!("principal in Lake::Account::\"{account}\""), ""),
        Grantee::AllUsers => ("principal".to_owned(), ""),
        Grantee::AuthenticatedUsers => ("principal".to_owned(), " unless { principal is Lake::Anonymous }"),
        Grantee::LogDelivery => return None,
    };
    let actions: Vec<_> =
        place.granted(grant.permission).into_iter().map(|name| format!("Lake::Action::\"{name}\"")).collect();
    if actions.is_empty() {
        return None;
    }
    Some(format!("@id(\"grant {number}\") permit ({principal}, action in [{}], resource){when};\n", actions.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cedar(place: AclPlace, grants: &[(Grantee, Permission)], ignore_public: bool) -> String {
        let grants = grants.iter().map(|(grantee, permission)| Grant { grantee: *grantee, permission: *permission });
        let acl = Acl { grants: grants.collect() };
        Source::acl(place, AccountId::HOME, &acl, ignore_public).expect("a list").to_cedar()
    }

    #[test]
    fn every_list_can_be_said() {
        let other = AccountId::new(7).expect("an account");
        let grantees = [Grantee::Account(other), Grantee::AllUsers, Grantee::AuthenticatedUsers, Grantee::LogDelivery];
        let permissions =
            [Permission::FullControl, Permission::Read, Permission::Write, Permission::ReadAcp, Permission::WriteAcp];
        for place in [AclPlace::Bucket, AclPlace::Object] {
            for grantee in grantees {
                for permission in permissions {
                    let said = cedar(place, &[(grantee, permission)], false);
                    let means_nothing = grantee == Grantee::LogDelivery
                        || (place == AclPlace::Object && permission == Permission::Write);
                    assert_eq!(said.is_empty(), means_nothing, "{place:?} {grantee:?} {permission:?}: {said}");
                }
            }
        }
    }

    #[test]
    fn the_owner_needs_no_grant_and_the_public_may_be_ignored() {
        let read = |grantee| [(grantee, Permission::Read)];
        assert_eq!(cedar(AclPlace::Object, &read(Grantee::Account(AccountId::HOME)), false), "");
        assert_eq!(cedar(AclPlace::Object, &read(Grantee::AllUsers), true), "");
        assert_eq!(cedar(AclPlace::Object, &read(Grantee::AuthenticatedUsers), true), "");
        let other = Grantee::Account(AccountId::new(7).expect("an account"));
        assert!(cedar(AclPlace::Object, &read(other), true).contains("000000000007"));
    }
}
