//! Which actions hand out rights.
//!
//! A key that is narrowed, or a session that is, would be as wide as its owner the moment it could make another key, set a
//! password, or write a policy: so it does none of that, whatever its narrowing lists. What is not known to be harmless
//! counts as handing out, and the tests hold a table of those that do: each action stands in one of the two.

use super::{Action, Resource};

/// Changes something, and lets nobody do more than before: it takes somebody or something unused away, or what it gives is
/// bounded as the caller is.
const CONTAINED: &[Action] = &[
    Action::DeleteUser,
    Action::DeleteAccessKey,
    Action::DeleteLoginProfile,
    // Who changes it shows the old one, and could log in by that.
    Action::ChangePassword,
    Action::DeleteGroup,
    Action::UpdateRoleDescription,
    Action::DeleteRole,
    // Of a policy that is attached to nobody, and of versions that do not count.
    Action::DeletePolicy,
    Action::DeletePolicyVersion,
    Action::DeleteOpenIdConnectProvider,
    Action::RemoveClientIdFromOpenIdConnectProvider,
    // Sessions: those that a narrowed key begins are as narrow as it is.
    Action::AssumeRole,
    Action::AssumeRoleWithWebIdentity,
    Action::AssumeRoleWithCertificate,
    Action::AssumeRoleWithLdapIdentity,
    Action::TagSession,
    Action::SetSourceIdentity,
    Action::GetSessionToken,
    Action::DeleteAccount,
    Action::ConfirmTime,
    Action::Sweep,
];

impl Action {
    /// Whether it can make an identity or a way to prove to be one, or let one do more than before. Who is narrowed does
    /// not do it, whatever policies say.
    pub fn widens(self) -> bool {
        self.changes_identities() && !CONTAINED.contains(&self)
    }

    /// Whether it changes something of identities, or of the lake as a whole.
    fn changes_identities(self) -> bool {
        matches!(self.resource(), Resource::Identity | Resource::Lake) && self.is_administrative()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// These can make somebody, let somebody prove to be somebody, or let somebody do more than before. What takes a policy or a
    /// member away is among them: what is taken away may have denied.
    const WIDENING: &[Action] = &[
        Action::CreateUser,
        Action::UpdateUser,
        Action::TagUser,
        Action::UntagUser,
        Action::PutUserPolicy,
        Action::DeleteUserPolicy,
        Action::AttachUserPolicy,
        Action::DetachUserPolicy,
        Action::PutUserPermissionsBoundary,
        Action::DeleteUserPermissionsBoundary,
        Action::CreateAccessKey,
        Action::UpdateAccessKey,
        Action::CreateLoginProfile,
        Action::UpdateLoginProfile,
        Action::UpdateAccountPasswordPolicy,
        Action::DeleteAccountPasswordPolicy,
        Action::CreateGroup,
        Action::UpdateGroup,
        Action::AddUserToGroup,
        Action::RemoveUserFromGroup,
        Action::PutGroupPolicy,
        Action::DeleteGroupPolicy,
        Action::AttachGroupPolicy,
        Action::DetachGroupPolicy,
        Action::CreateRole,
        Action::UpdateRole,
        Action::UpdateAssumeRolePolicy,
        Action::TagRole,
        Action::UntagRole,
        Action::PutRolePolicy,
        Action::DeleteRolePolicy,
        Action::AttachRolePolicy,
        Action::DetachRolePolicy,
        Action::PutRolePermissionsBoundary,
        Action::DeleteRolePermissionsBoundary,
        Action::CreatePolicy,
        Action::CreatePolicyVersion,
        Action::SetDefaultPolicyVersion,
        Action::TagPolicy,
        Action::UntagPolicy,
        Action::CreateOpenIdConnectProvider,
        Action::UpdateOpenIdConnectProviderThumbprint,
        Action::AddClientIdToOpenIdConnectProvider,
        Action::TagOpenIdConnectProvider,
        Action::UntagOpenIdConnectProvider,
        Action::CreateAccount,
        Action::PutPolicySet,
        Action::DeletePolicySet,
    ];

    #[test]
    fn each_action_is_known_to_hand_out_rights_or_not_to() {
        for action in Action::ALL {
            let listed = (WIDENING.contains(&action), CONTAINED.contains(&action));
            let expected = action.changes_identities();
            assert!(listed.0 != listed.1 || !expected, "{action:?} must stand in one of the tables, and in one alone");
            assert!(expected || listed == (false, false), "{action:?} changes no identities");
            assert_eq!(action.widens(), listed.0, "{action:?}");
        }
    }

    #[test]
    fn whatever_changes_something_of_iam_is_looked_at() {
        for action in Action::ALL.into_iter().filter(|action| action.name().starts_with("iam:")) {
            let verb = action.name().trim_start_matches("iam:");
            let only_looks = ["Get", "List", "Simulate"].iter().any(|looking| verb.starts_with(looking));
            assert_eq!(action.changes_identities(), !only_looks, "{action:?}");
        }
    }
}
