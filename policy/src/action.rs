//! What can be asked for, by the names that IAM policies use.
//!
//! This table is the one place that knows which actions there are: the schema of policies is made from it.

mod widening;

/// What an action is done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resource {
    /// The lake as a whole.
    Lake,
    /// A bucket.
    Bucket,
    /// An object, or one of its versions.
    Object,
    /// A user, group, role, policy or provider, named by its ARN; or all of an account.
    Identity,
}

impl Resource {
    /// The type of the entity in policies.
    pub(crate) const fn entity(self) -> &'static str {
        match self {
            Self::Lake => "Lake",
            Self::Bucket => "Bucket",
            Self::Object => "Object",
            Self::Identity => "Identity",
        }
    }
}

/// What kind of thing an action is. Policies may name the group instead of its actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Group {
    /// Shows bytes of objects, or what is known of them.
    Read,
    /// Changes objects.
    Write,
    /// Shows names.
    List,
    /// Sets something up.
    Manage,
    /// Sees values as they are where others get a view of them: no other right brings it along.
    Raw,
}

impl Group {
    /// Every group.
    pub const ALL: [Self; 5] = [Self::Read, Self::Write, Self::List, Self::Manage, Self::Raw];

    /// The name in policies.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::List => "list",
            Self::Manage => "manage",
            Self::Raw => "raw",
        }
    }

    /// The type of the context that its actions are asked in.
    pub(crate) const fn context(self) -> &'static str {
        match self {
            Self::Read | Self::Manage | Self::Raw => "Request",
            Self::Write => "WriteRequest",
            Self::List => "ListRequest",
        }
    }
}

macro_rules! actions {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $group:ident $resource:ident;)*) => {
        /// Something a caller may want to do. The names are those of S3's IAM actions; `lake:` marks our own.
        ///
        /// Source: Service Authorization Reference, *Actions, resources, and condition keys for Amazon S3*.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Action {
            $($(#[$doc])* $variant,)*
        }
        impl Action {
            /// Every action.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$variant),*];

            /// The name in policies.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What it is done to.
            pub const fn resource(self) -> Resource {
                match self { $(Self::$variant => Resource::$resource,)* }
            }

            /// What kind of thing it is.
            pub const fn group(self) -> Group {
                match self { $(Self::$variant => Group::$group,)* }
            }
        }

        impl Action {
            /// Whether whoever does it leaves a trace in the audit: it sets something up, hands out keys, or changes who
            /// may do what with an object, or until when.
            pub fn is_administrative(self) -> bool {
                match (self.group(), self) {
                    (Group::Manage, Self::GetSessionToken) => true,
                    (Group::Manage, _) => {
                        let verb = self.name().split_once(':').map_or("", |(_, verb)| verb);
                        !LOOKING.iter().any(|looking| verb.starts_with(looking))
                    }
                    (_, action) => ADMINISTRATIVE_WRITES.contains(&action),
                }
            }
        }
    };
}

/// How names of actions begin that only look.
const LOOKING: [&str; 9] = ["Get", "List", "Read", "Explain", "Diff", "Forecast", "Test", "Validate", "Simulate"];

/// Actions on objects that change who may do what with them, or until when.
const ADMINISTRATIVE_WRITES: [Action; 9] = [
    Action::PutObjectAcl,
    Action::PutObjectVersionAcl,
    Action::PutObjectRetention,
    Action::PutObjectLegalHold,
    Action::BypassGovernanceRetention,
    Action::SetEmbargo,
    Action::ShortenEmbargo,
    Action::LiftEmbargo,
    Action::Classify,
];

actions! {
    /// Names of the caller's buckets.
    ListAllMyBuckets = "s3:ListAllMyBuckets", List Lake;
    /// Makes a bucket.
    CreateBucket = "s3:CreateBucket", Manage Bucket;
    /// Removes an empty bucket.
    DeleteBucket = "s3:DeleteBucket", Manage Bucket;
    /// Names and sizes of current versions; also whether the bucket exists.
    ListBucket = "s3:ListBucket", List Bucket;
    /// Names and sizes of all versions.
    ListBucketVersions = "s3:ListBucketVersions", List Bucket;
    /// Uploads under way.
    ListBucketMultipartUploads = "s3:ListBucketMultipartUploads", List Bucket;
    /// The bucket's region.
    GetBucketLocation = "s3:GetBucketLocation", Manage Bucket;
    /// Whether the bucket keeps versions.
    GetBucketVersioning = "s3:GetBucketVersioning", Manage Bucket;
    /// Changes whether the bucket keeps versions.
    PutBucketVersioning = "s3:PutBucketVersioning", Manage Bucket;
    /// The bucket's tags.
    GetBucketTagging = "s3:GetBucketTagging", Manage Bucket;
    /// Changes the bucket's tags.
    PutBucketTagging = "s3:PutBucketTagging", Manage Bucket;
    /// Sets or loosens what policies read of a bucket: the classification of objects that say nothing themselves.
    ClassifyBucket = "lake:ClassifyBucket", Manage Bucket;
    /// Which pages in browsers may use the bucket.
    GetBucketCors = "s3:GetBucketCORS", Manage Bucket;
    /// Changes which pages in browsers may use the bucket.
    PutBucketCors = "s3:PutBucketCORS", Manage Bucket;
    /// How the bucket is served as a website.
    GetBucketWebsite = "s3:GetBucketWebsite", Manage Bucket;
    /// Changes how the bucket is served as a website.
    PutBucketWebsite = "s3:PutBucketWebsite", Manage Bucket;
    /// Stops serving the bucket as a website.
    DeleteBucketWebsite = "s3:DeleteBucketWebsite", Manage Bucket;
    /// Who owns what others write.
    GetBucketOwnershipControls = "s3:GetBucketOwnershipControls", Manage Bucket;
    /// Changes who owns what others write.
    PutBucketOwnershipControls = "s3:PutBucketOwnershipControls", Manage Bucket;
    /// Who pays for requests.
    GetBucketRequestPayment = "s3:GetBucketRequestPayment", Manage Bucket;
    /// Changes who pays for requests.
    PutBucketRequestPayment = "s3:PutBucketRequestPayment", Manage Bucket;
    /// How much the bucket may hold.
    GetBucketQuota = "lake:GetBucketQuota", Manage Bucket;
    /// Changes how much the bucket may hold.
    PutBucketQuota = "lake:PutBucketQuota", Manage Bucket;
    /// Names of all buckets and what they hold.
    ListBucketUsage = "lake:ListBucketUsage", List Lake;
    /// The current version of a key.
    GetObject = "s3:GetObject", Read Object;
    /// A named version.
    GetObjectVersion = "s3:GetObjectVersion", Read Object;
    /// Checksums, parts and size of a version.
    GetObjectAttributes = "s3:GetObjectAttributes", Read Object;
    /// Writes a version, by whatever request.
    PutObject = "s3:PutObject", Write Object;
    /// Deletes a key: writes a marker, or removes the only version.
    DeleteObject = "s3:DeleteObject", Write Object;
    /// Removes a named version for good.
    DeleteObjectVersion = "s3:DeleteObjectVersion", Write Object;
    /// Tags of the current version.
    GetObjectTagging = "s3:GetObjectTagging", Read Object;
    /// Tags of a named version.
    GetObjectVersionTagging = "s3:GetObjectVersionTagging", Read Object;
    /// Changes the tags of the current version.
    PutObjectTagging = "s3:PutObjectTagging", Write Object;
    /// Changes the tags of a named version.
    PutObjectVersionTagging = "s3:PutObjectVersionTagging", Write Object;
    /// Removes the tags of the current version.
    DeleteObjectTagging = "s3:DeleteObjectTagging", Write Object;
    /// Removes the tags of a named version.
    DeleteObjectVersionTagging = "s3:DeleteObjectVersionTagging", Write Object;
    /// An annotation of the current version.
    GetObjectAnnotation = "s3:GetObjectAnnotation", Read Object;
    /// An annotation of a named version.
    GetObjectVersionAnnotation = "s3:GetObjectVersionAnnotation", Read Object;
    /// Names and sizes of the annotations of the current version.
    ListObjectAnnotations = "s3:ListObjectAnnotations", Read Object;
    /// Names and sizes of the annotations of a named version.
    ListObjectVersionAnnotations = "s3:ListObjectVersionAnnotations", Read Object;
    /// Writes an annotation of the current version, also by copying an object that has some.
    PutObjectAnnotation = "s3:PutObjectAnnotation", Write Object;
    /// Writes an annotation of a named version.
    PutObjectVersionAnnotation = "s3:PutObjectVersionAnnotation", Write Object;
    /// Removes an annotation of the current version.
    DeleteObjectAnnotation = "s3:DeleteObjectAnnotation", Write Object;
    /// Removes an annotation of a named version.
    DeleteObjectVersionAnnotation = "s3:DeleteObjectVersionAnnotation", Write Object;
    /// The bucket's policy.
    GetBucketPolicy = "s3:GetBucketPolicy", Manage Bucket;
    /// Changes the bucket's policy.
    PutBucketPolicy = "s3:PutBucketPolicy", Manage Bucket;
    /// Takes the bucket's policy away.
    DeleteBucketPolicy = "s3:DeleteBucketPolicy", Manage Bucket;
    /// Whether the bucket's policy lets everybody in.
    GetBucketPolicyStatus = "s3:GetBucketPolicyStatus", Manage Bucket;
    /// What of public access the bucket blocks.
    GetBucketPublicAccessBlock = "s3:GetBucketPublicAccessBlock", Manage Bucket;
    /// Changes what of public access the bucket blocks.
    PutBucketPublicAccessBlock = "s3:PutBucketPublicAccessBlock", Manage Bucket;
    /// Who was granted what on the bucket.
    GetBucketAcl = "s3:GetBucketAcl", Manage Bucket;
    /// Changes who is granted what on the bucket.
    PutBucketAcl = "s3:PutBucketAcl", Manage Bucket;
    /// How the bucket locks its objects.
    GetBucketObjectLockConfiguration = "s3:GetBucketObjectLockConfiguration", Manage Bucket;
    /// Changes how the bucket locks its objects.
    PutBucketObjectLockConfiguration = "s3:PutBucketObjectLockConfiguration", Manage Bucket;
    /// How the bucket treats versions under embargo.
    GetBucketEmbargo = "lake:GetBucketEmbargo", Manage Bucket;
    /// Changes how the bucket treats versions under embargo.
    PutBucketEmbargo = "lake:PutBucketEmbargo", Manage Bucket;
    /// Where accesses to the bucket are logged.
    GetBucketLogging = "s3:GetBucketLogging", Manage Bucket;
    /// Changes where accesses to the bucket are logged.
    PutBucketLogging = "s3:PutBucketLogging", Manage Bucket;
    /// How the bucket's objects are sealed.
    GetEncryptionConfiguration = "s3:GetEncryptionConfiguration", Manage Bucket;
    /// Changes how the bucket's objects are sealed.
    PutEncryptionConfiguration = "s3:PutEncryptionConfiguration", Manage Bucket;
    /// Who was granted what on the current version.
    GetObjectAcl = "s3:GetObjectAcl", Read Object;
    /// Who was granted what on a named version.
    GetObjectVersionAcl = "s3:GetObjectVersionAcl", Read Object;
    /// Changes who is granted what on the current version.
    PutObjectAcl = "s3:PutObjectAcl", Write Object;
    /// Changes who is granted what on a named version.
    PutObjectVersionAcl = "s3:PutObjectVersionAcl", Write Object;
    /// Until when a version may not be removed.
    GetObjectRetention = "s3:GetObjectRetention", Read Object;
    /// Sets until when a version may not be removed.
    PutObjectRetention = "s3:PutObjectRetention", Write Object;
    /// Whether a version may not be removed, however long.
    GetObjectLegalHold = "s3:GetObjectLegalHold", Read Object;
    /// Sets whether a version may not be removed, however long.
    PutObjectLegalHold = "s3:PutObjectLegalHold", Write Object;
    /// Removes, or shortens the retention of, what is retained for governance.
    BypassGovernanceRetention = "s3:BypassGovernanceRetention", Write Object;
    /// Closes a version until an instant, or closes it for longer.
    SetEmbargo = "lake:SetEmbargo", Write Object;
    /// Lets the embargo of a version end sooner.
    ShortenEmbargo = "lake:ShortenEmbargo", Write Object;
    /// Ends the embargo of a version now.
    LiftEmbargo = "lake:LiftEmbargo", Write Object;
    /// What of a bucket is under embargo or retained, and until when.
    ListEmbargoes = "lake:ListEmbargoes", Manage Bucket;
    /// When and for whom the embargo of a version ends.
    GetEmbargo = "lake:GetEmbargo", Manage Object;
    /// Sets or loosens what policies read of an object: its classification.
    Classify = "lake:Classify", Write Object;
    /// Whether the caller gets raw values where a recipe is bound.
    ReadRaw = "lake:ReadRaw", Raw Object;
    /// Gives up an upload.
    AbortMultipartUpload = "s3:AbortMultipartUpload", Write Object;
    /// Parts of an upload under way.
    ListMultipartUploadParts = "s3:ListMultipartUploadParts", Read Object;
    /// What the lake knows of the time.
    GetTime = "lake:GetTime", Manage Lake;
    /// Believes the wall clock from now on.
    ConfirmTime = "lake:ConfirmTime", Manage Lake;
    /// Removes bytes that nothing refers to.
    Sweep = "lake:Sweep", Manage Lake;
    /// Makes a user.
    CreateUser = "iam:CreateUser", Manage Identity;
    /// A user.
    GetUser = "iam:GetUser", Manage Identity;
    /// The users of an account.
    ListUsers = "iam:ListUsers", Manage Identity;
    /// Renames or moves a user.
    UpdateUser = "iam:UpdateUser", Manage Identity;
    /// Removes a user.
    DeleteUser = "iam:DeleteUser", Manage Identity;
    /// Puts tags on a user.
    TagUser = "iam:TagUser", Manage Identity;
    /// Takes tags from a user.
    UntagUser = "iam:UntagUser", Manage Identity;
    /// The tags of a user.
    ListUserTags = "iam:ListUserTags", Manage Identity;
    /// Writes a policy into a user.
    PutUserPolicy = "iam:PutUserPolicy", Manage Identity;
    /// A policy written into a user.
    GetUserPolicy = "iam:GetUserPolicy", Manage Identity;
    /// Names of the policies written into a user.
    ListUserPolicies = "iam:ListUserPolicies", Manage Identity;
    /// Removes a policy written into a user.
    DeleteUserPolicy = "iam:DeleteUserPolicy", Manage Identity;
    /// Attaches a policy to a user.
    AttachUserPolicy = "iam:AttachUserPolicy", Manage Identity;
    /// Detaches a policy from a user.
    DetachUserPolicy = "iam:DetachUserPolicy", Manage Identity;
    /// Policies attached to a user.
    ListAttachedUserPolicies = "iam:ListAttachedUserPolicies", Manage Identity;
    /// Bounds what a user may be allowed.
    PutUserPermissionsBoundary = "iam:PutUserPermissionsBoundary", Manage Identity;
    /// Takes the bound of a user away.
    DeleteUserPermissionsBoundary = "iam:DeleteUserPermissionsBoundary", Manage Identity;
    /// The groups a user is in.
    ListGroupsForUser = "iam:ListGroupsForUser", Manage Identity;
    /// Makes an access key.
    CreateAccessKey = "iam:CreateAccessKey", Manage Identity;
    /// Access keys of a user.
    ListAccessKeys = "iam:ListAccessKeys", Manage Identity;
    /// Turns an access key on or off.
    UpdateAccessKey = "iam:UpdateAccessKey", Manage Identity;
    /// Removes an access key.
    DeleteAccessKey = "iam:DeleteAccessKey", Manage Identity;
    /// When an access key was last used.
    GetAccessKeyLastUsed = "iam:GetAccessKeyLastUsed", Manage Identity;
    /// Gives a user a password.
    CreateLoginProfile = "iam:CreateLoginProfile", Manage Identity;
    /// Whether a user has a password.
    GetLoginProfile = "iam:GetLoginProfile", Manage Identity;
    /// Changes the password of a user.
    UpdateLoginProfile = "iam:UpdateLoginProfile", Manage Identity;
    /// Takes the password of a user away.
    DeleteLoginProfile = "iam:DeleteLoginProfile", Manage Identity;
    /// Changes one's own password.
    ChangePassword = "iam:ChangePassword", Manage Identity;
    /// What passwords must be like.
    GetAccountPasswordPolicy = "iam:GetAccountPasswordPolicy", Manage Identity;
    /// Changes what passwords must be like.
    UpdateAccountPasswordPolicy = "iam:UpdateAccountPasswordPolicy", Manage Identity;
    /// Lets passwords be like any.
    DeleteAccountPasswordPolicy = "iam:DeleteAccountPasswordPolicy", Manage Identity;
    /// Makes a group.
    CreateGroup = "iam:CreateGroup", Manage Identity;
    /// A group and its users.
    GetGroup = "iam:GetGroup", Manage Identity;
    /// The groups of an account.
    ListGroups = "iam:ListGroups", Manage Identity;
    /// Renames or moves a group.
    UpdateGroup = "iam:UpdateGroup", Manage Identity;
    /// Removes a group.
    DeleteGroup = "iam:DeleteGroup", Manage Identity;
    /// Puts a user into a group.
    AddUserToGroup = "iam:AddUserToGroup", Manage Identity;
    /// Takes a user out of a group.
    RemoveUserFromGroup = "iam:RemoveUserFromGroup", Manage Identity;
    /// Writes a policy into a group.
    PutGroupPolicy = "iam:PutGroupPolicy", Manage Identity;
    /// A policy written into a group.
    GetGroupPolicy = "iam:GetGroupPolicy", Manage Identity;
    /// Names of the policies written into a group.
    ListGroupPolicies = "iam:ListGroupPolicies", Manage Identity;
    /// Removes a policy written into a group.
    DeleteGroupPolicy = "iam:DeleteGroupPolicy", Manage Identity;
    /// Attaches a policy to a group.
    AttachGroupPolicy = "iam:AttachGroupPolicy", Manage Identity;
    /// Detaches a policy from a group.
    DetachGroupPolicy = "iam:DetachGroupPolicy", Manage Identity;
    /// Policies attached to a group.
    ListAttachedGroupPolicies = "iam:ListAttachedGroupPolicies", Manage Identity;
    /// Makes a role.
    CreateRole = "iam:CreateRole", Manage Identity;
    /// A role.
    GetRole = "iam:GetRole", Manage Identity;
    /// The roles of an account.
    ListRoles = "iam:ListRoles", Manage Identity;
    /// Changes how a role describes itself and how long its sessions last.
    UpdateRole = "iam:UpdateRole", Manage Identity;
    /// Changes how a role describes itself.
    UpdateRoleDescription = "iam:UpdateRoleDescription", Manage Identity;
    /// Changes who may take on a role.
    UpdateAssumeRolePolicy = "iam:UpdateAssumeRolePolicy", Manage Identity;
    /// Removes a role.
    DeleteRole = "iam:DeleteRole", Manage Identity;
    /// Puts tags on a role.
    TagRole = "iam:TagRole", Manage Identity;
    /// Takes tags from a role.
    UntagRole = "iam:UntagRole", Manage Identity;
    /// The tags of a role.
    ListRoleTags = "iam:ListRoleTags", Manage Identity;
    /// Writes a policy into a role.
    PutRolePolicy = "iam:PutRolePolicy", Manage Identity;
    /// A policy written into a role.
    GetRolePolicy = "iam:GetRolePolicy", Manage Identity;
    /// Names of the policies written into a role.
    ListRolePolicies = "iam:ListRolePolicies", Manage Identity;
    /// Removes a policy written into a role.
    DeleteRolePolicy = "iam:DeleteRolePolicy", Manage Identity;
    /// Attaches a policy to a role.
    AttachRolePolicy = "iam:AttachRolePolicy", Manage Identity;
    /// Detaches a policy from a role.
    DetachRolePolicy = "iam:DetachRolePolicy", Manage Identity;
    /// Policies attached to a role.
    ListAttachedRolePolicies = "iam:ListAttachedRolePolicies", Manage Identity;
    /// Bounds what a role may be allowed.
    PutRolePermissionsBoundary = "iam:PutRolePermissionsBoundary", Manage Identity;
    /// Takes the bound of a role away.
    DeleteRolePermissionsBoundary = "iam:DeleteRolePermissionsBoundary", Manage Identity;
    /// Makes a policy of its own, to be attached.
    CreatePolicy = "iam:CreatePolicy", Manage Identity;
    /// A policy of its own.
    GetPolicy = "iam:GetPolicy", Manage Identity;
    /// Policies of an account.
    ListPolicies = "iam:ListPolicies", Manage Identity;
    /// Removes a policy.
    DeletePolicy = "iam:DeletePolicy", Manage Identity;
    /// Writes a new version of a policy.
    CreatePolicyVersion = "iam:CreatePolicyVersion", Manage Identity;
    /// A version of a policy.
    GetPolicyVersion = "iam:GetPolicyVersion", Manage Identity;
    /// Versions of a policy.
    ListPolicyVersions = "iam:ListPolicyVersions", Manage Identity;
    /// Says which version of a policy counts.
    SetDefaultPolicyVersion = "iam:SetDefaultPolicyVersion", Manage Identity;
    /// Removes a version of a policy.
    DeletePolicyVersion = "iam:DeletePolicyVersion", Manage Identity;
    /// What a policy is attached to.
    ListEntitiesForPolicy = "iam:ListEntitiesForPolicy", Manage Identity;
    /// Puts tags on a policy.
    TagPolicy = "iam:TagPolicy", Manage Identity;
    /// Takes tags from a policy.
    UntagPolicy = "iam:UntagPolicy", Manage Identity;
    /// The tags of a policy.
    ListPolicyTags = "iam:ListPolicyTags", Manage Identity;
    /// What somebody's policies would decide.
    SimulatePrincipalPolicy = "iam:SimulatePrincipalPolicy", Manage Identity;
    /// What given policies would decide.
    SimulateCustomPolicy = "iam:SimulateCustomPolicy", Manage Identity;
    /// Trusts a provider of OpenID Connect.
    CreateOpenIdConnectProvider = "iam:CreateOpenIDConnectProvider", Manage Identity;
    /// A provider of OpenID Connect.
    GetOpenIdConnectProvider = "iam:GetOpenIDConnectProvider", Manage Identity;
    /// Providers of OpenID Connect.
    ListOpenIdConnectProviders = "iam:ListOpenIDConnectProviders", Manage Identity;
    /// Trusts a provider of OpenID Connect no more.
    DeleteOpenIdConnectProvider = "iam:DeleteOpenIDConnectProvider", Manage Identity;
    /// Changes which certificates a provider may have.
    UpdateOpenIdConnectProviderThumbprint = "iam:UpdateOpenIDConnectProviderThumbprint", Manage Identity;
    /// Takes tokens for one more audience.
    AddClientIdToOpenIdConnectProvider = "iam:AddClientIDToOpenIDConnectProvider", Manage Identity;
    /// Takes tokens for one audience less.
    RemoveClientIdFromOpenIdConnectProvider = "iam:RemoveClientIDFromOpenIDConnectProvider", Manage Identity;
    /// Puts tags on a provider.
    TagOpenIdConnectProvider = "iam:TagOpenIDConnectProvider", Manage Identity;
    /// Takes tags from a provider.
    UntagOpenIdConnectProvider = "iam:UntagOpenIDConnectProvider", Manage Identity;
    /// The tags of a provider.
    ListOpenIdConnectProviderTags = "iam:ListOpenIDConnectProviderTags", Manage Identity;
    /// How many users, groups, roles and policies an account has.
    GetAccountSummary = "iam:GetAccountSummary", Manage Identity;
    /// All users, groups, roles and policies of an account.
    GetAccountAuthorizationDetails = "iam:GetAccountAuthorizationDetails", Manage Identity;
    /// Other names of an account.
    ListAccountAliases = "iam:ListAccountAliases", Manage Identity;
    /// Takes on a role.
    AssumeRole = "sts:AssumeRole", Manage Identity;
    /// Takes on a role with a token of an OpenID Connect provider.
    AssumeRoleWithWebIdentity = "sts:AssumeRoleWithWebIdentity", Manage Identity;
    /// Takes on a role with a client certificate.
    AssumeRoleWithCertificate = "sts:AssumeRoleWithCertificate", Manage Identity;
    /// Takes on a role with a user's name and password of a directory.
    AssumeRoleWithLdapIdentity = "sts:AssumeRoleWithLDAPIdentity", Manage Identity;
    /// Puts tags on the session of a role.
    TagSession = "sts:TagSession", Manage Identity;
    /// Says who is behind the session of a role.
    SetSourceIdentity = "sts:SetSourceIdentity", Manage Identity;
    /// Gets temporary keys for oneself.
    GetSessionToken = "sts:GetSessionToken", Manage Identity;
    /// Who one is.
    GetCallerIdentity = "sts:GetCallerIdentity", Manage Identity;
    /// Makes an account.
    CreateAccount = "lake:CreateAccount", Manage Lake;
    /// Removes an account.
    DeleteAccount = "lake:DeleteAccount", Manage Lake;
    /// The accounts of the lake.
    ListAccounts = "lake:ListAccounts", Manage Lake;
    /// The log of changes, refusals and accesses.
    ReadAudit = "lake:ReadAudit", Manage Lake;
    /// The text of a set of the lake's own policies.
    GetPolicySet = "lake:GetPolicySet", Manage Lake;
    /// Names of the sets of the lake's own policies, and their versions.
    ListPolicySets = "lake:ListPolicySets", Manage Lake;
    /// Puts a set of the lake's own policies, or an earlier version of it.
    PutPolicySet = "lake:PutPolicySet", Manage Lake;
    /// Takes a set of the lake's own policies away.
    DeletePolicySet = "lake:DeletePolicySet", Manage Lake;
    /// What the lake's policies would decide.
    SimulatePolicy = "lake:SimulatePolicy", Manage Lake;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_administrators_do_is_told_from_what_they_look_at() {
        for action in [
            Action::CreateBucket,
            Action::PutBucketPolicy,
            Action::PutBucketTagging,
            Action::CreateUser,
            Action::AttachUserPolicy,
            Action::AddUserToGroup,
            Action::ChangePassword,
            Action::AssumeRole,
            Action::GetSessionToken,
            Action::ConfirmTime,
            Action::PutObjectAcl,
            Action::LiftEmbargo,
            Action::BypassGovernanceRetention,
        ] {
            assert!(action.is_administrative(), "{action:?}");
        }
        for action in [
            Action::GetBucketPolicy,
            Action::ListUsers,
            Action::ReadAudit,
            Action::GetCallerIdentity,
            Action::GetObject,
            Action::PutObject,
            Action::PutObjectTagging,
            Action::DeleteObject,
            Action::ListBucket,
            Action::GetTime,
        ] {
            assert!(!action.is_administrative(), "{action:?}");
        }
    }
}
