//! What can be asked for, by the names that IAM policies use.

macro_rules! actions {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// Something a caller may want to do. The names are those of S3's IAM actions; `lake:` marks our own.
        ///
        /// Source: Service Authorization Reference, *Actions, resources, and condition keys for Amazon S3*.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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
        }
    };
}

actions! {
    /// Names of the caller's buckets.
    ListAllMyBuckets = "s3:ListAllMyBuckets",
    /// Makes a bucket.
    CreateBucket = "s3:CreateBucket",
    /// Removes an empty bucket.
    DeleteBucket = "s3:DeleteBucket",
    /// Names and sizes of current versions; also whether the bucket exists.
    ListBucket = "s3:ListBucket",
    /// Names and sizes of all versions.
    ListBucketVersions = "s3:ListBucketVersions",
    /// Uploads under way.
    ListBucketMultipartUploads = "s3:ListBucketMultipartUploads",
    /// The bucket's region.
    GetBucketLocation = "s3:GetBucketLocation",
    /// Whether the bucket keeps versions.
    GetBucketVersioning = "s3:GetBucketVersioning",
    /// Changes whether the bucket keeps versions.
    PutBucketVersioning = "s3:PutBucketVersioning",
    /// The bucket's tags.
    GetBucketTagging = "s3:GetBucketTagging",
    /// Changes the bucket's tags.
    PutBucketTagging = "s3:PutBucketTagging",
    /// Which pages in browsers may use the bucket.
    GetBucketCors = "s3:GetBucketCORS",
    /// Changes which pages in browsers may use the bucket.
    PutBucketCors = "s3:PutBucketCORS",
    /// How the bucket is served as a website.
    GetBucketWebsite = "s3:GetBucketWebsite",
    /// Changes how the bucket is served as a website.
    PutBucketWebsite = "s3:PutBucketWebsite",
    /// Stops serving the bucket as a website.
    DeleteBucketWebsite = "s3:DeleteBucketWebsite",
    /// Who owns what others write.
    GetBucketOwnershipControls = "s3:GetBucketOwnershipControls",
    /// Changes who owns what others write.
    PutBucketOwnershipControls = "s3:PutBucketOwnershipControls",
    /// Who pays for requests.
    GetBucketRequestPayment = "s3:GetBucketRequestPayment",
    /// Changes who pays for requests.
    PutBucketRequestPayment = "s3:PutBucketRequestPayment",
    /// How much the bucket may hold.
    GetBucketQuota = "lake:GetBucketQuota",
    /// Changes how much the bucket may hold.
    PutBucketQuota = "lake:PutBucketQuota",
    /// Names of all buckets and what they hold.
    ListBucketUsage = "lake:ListBucketUsage",
    /// The current version of a key.
    GetObject = "s3:GetObject",
    /// A named version.
    GetObjectVersion = "s3:GetObjectVersion",
    /// Checksums, parts and size of a version.
    GetObjectAttributes = "s3:GetObjectAttributes",
    /// Writes a version, by whatever request.
    PutObject = "s3:PutObject",
    /// Deletes a key: writes a marker, or removes the only version.
    DeleteObject = "s3:DeleteObject",
    /// Removes a named version for good.
    DeleteObjectVersion = "s3:DeleteObjectVersion",
    /// Tags of the current version.
    GetObjectTagging = "s3:GetObjectTagging",
    /// Tags of a named version.
    GetObjectVersionTagging = "s3:GetObjectVersionTagging",
    /// Changes the tags of the current version.
    PutObjectTagging = "s3:PutObjectTagging",
    /// Changes the tags of a named version.
    PutObjectVersionTagging = "s3:PutObjectVersionTagging",
    /// Removes the tags of the current version.
    DeleteObjectTagging = "s3:DeleteObjectTagging",
    /// Removes the tags of a named version.
    DeleteObjectVersionTagging = "s3:DeleteObjectVersionTagging",
    /// An annotation of the current version.
    GetObjectAnnotation = "s3:GetObjectAnnotation",
    /// An annotation of a named version.
    GetObjectVersionAnnotation = "s3:GetObjectVersionAnnotation",
    /// Names and sizes of the annotations of the current version.
    ListObjectAnnotations = "s3:ListObjectAnnotations",
    /// Names and sizes of the annotations of a named version.
    ListObjectVersionAnnotations = "s3:ListObjectVersionAnnotations",
    /// Writes an annotation of the current version, also by copying an object that has some.
    PutObjectAnnotation = "s3:PutObjectAnnotation",
    /// Writes an annotation of a named version.
    PutObjectVersionAnnotation = "s3:PutObjectVersionAnnotation",
    /// Removes an annotation of the current version.
    DeleteObjectAnnotation = "s3:DeleteObjectAnnotation",
    /// Removes an annotation of a named version.
    DeleteObjectVersionAnnotation = "s3:DeleteObjectVersionAnnotation",
    /// Gives up an upload.
    AbortMultipartUpload = "s3:AbortMultipartUpload",
    /// Parts of an upload under way.
    ListMultipartUploadParts = "s3:ListMultipartUploadParts",
    /// Removes bytes that nothing refers to.
    Sweep = "lake:Sweep",
}
