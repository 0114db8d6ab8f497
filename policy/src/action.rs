//! What can be asked for, by the names that IAM policies use.
//!
//! This table is the one place that knows which actions there are: the schema of policies is made from it.

/// What an action is done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resource {
    /// The lake as a whole.
    Lake,
    /// A bucket.
    Bucket,
    /// An object, or one of its versions.
    Object,
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
}

impl Group {
    /// Every group.
    pub const ALL: [Self; 4] = [Self::Read, Self::Write, Self::List, Self::Manage];

    /// The name in policies.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::List => "list",
            Self::Manage => "manage",
        }
    }

    /// The type of the context that its actions are asked in.
    pub(crate) const fn context(self) -> &'static str {
        match self {
            Self::Read | Self::Manage => "Request",
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
    };
}

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
    /// When and for whom the embargo of a version ends.
    GetEmbargo = "lake:GetEmbargo", Manage Object;
    /// Sets or loosens what policies read of an object: its classification.
    Classify = "lake:Classify", Write Object;
    /// Whether the caller gets raw values where a recipe is bound.
    ReadRaw = "lake:ReadRaw", Read Object;
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
}
