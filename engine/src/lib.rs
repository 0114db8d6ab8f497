//! The operations of the lake.
//!
//! Life in here is composing. An operation reads the facts it needs ([`facts`] is the only door to them), asks `policy`
//! for a [`policy::Permit`], and with it in hand moves bytes through `storage` and makes the change in the catalogue: one
//! batch, durable before the answer. Nothing in here knows HTTP, spawns a task, or reads a clock that was not handed in.
//!
//! ```text
//! put:  facts → permit → seal (in memory, or streamed to the home site) → one batch → Written
//! get:  facts → permit → version → condition → bytes, each verified before it leaves
//! ```

mod acl;
mod annotations;
mod as_of;
mod audit;
mod background;
mod batch;
mod bucket;
mod bucket_policy;
mod copy;
mod cors;
mod delete;
mod embargo;
mod error;
mod facts;
mod get;
mod history;
mod identity;
mod ingest;
mod leave;
mod list;
mod object_lock;
mod payment;
mod policies;
mod policy_sets;
mod put;
mod quota;
mod request;
mod settings;
mod stale_uploads;
mod sweep;
mod tags;
mod trusted_time;
mod upload;
mod website;

use std::sync::Arc;

use kernel::settings::Ownership;
use kernel::{Annotation, Clock, Entropy, Region, SiteName, Unexpected};
use metadata::{Catalog, CatalogError};
use policy::{Judge, Permit};
use storage::{BlobStore, StorageError};
use tokio::sync::Semaphore;

pub use acl::{AskedAcl, CannedAcl, PutAcl, StandingAcl};
pub use annotations::{
    AnnotationPage, AnnotationPlace, AnnotationRead, AnnotationWritten, ListAnnotations, PutAnnotation,
    RemoveAnnotation,
};
pub use audit::{
    Attempt, AuditEntry, AuditFilter, AuditKind, AuditLevel, AuditLine, AuditOutcome, AuditPage, AuditPlace,
    AuditSettings, AuditTrim, AuditVerified, ChangedRow, Ending, note_access_key, note_reason,
};
pub use background::{Background, Progress};
pub use bucket_policy::PutBucketPolicy;
pub use cors::{CorsAnswer, CorsRequest, CorsVerdict};
pub use embargo::calendar::{CalendarDay, CalendarPage, Event, ListCalendar};
pub use embargo::changed::{EmbargoPlace, EmbargoTold};
pub use error::{BodyError, Error, Existing, Fault, Missing, Result, Unmet};
pub use history::{History, HistorySettings};
pub use identity::{
    AccessKey, Account, AssumeRole, Assumed, CredentialFault, Group, Holder, IdentityFault, ManagedPolicy,
    NewAccessKey, NewKey, NewOidcProvider, NewRole, NewUser, OidcProvider, Outside, Password, PolicyPlace,
    PolicyVersion, Powers, Role, Session, SessionBounds, User, named_at_login,
};
pub use object_lock::LockPlace;
pub use policy::{Action, Deciding, Explanation, PolicyFault, Refusal};
pub use policy_sets::{
    Access, Amount, Candidate, Case, CaseOutcome, ChangePolicySet, Comparison, Explained, Forecast, Matter, Place,
    PolicySetFault, PolicySetState, PolicySetTo, PolicySetVersion, Publication, Shift, Subject, Supposed, Survey, Turn,
};
pub use request::{
    AsOf, Attributes, BatchMember, BatchRead, Body, BucketInfo, BucketUsage, Bytestream, CompleteUpload, Copied,
    CopyObject, CopyPart, CopySource, CreateBucket, CreateUpload, DeleteObject, Deleted, Entry, GetObject, Initiator,
    ListObjects, ListUploads, ListVersions, ListedObject, ListedVersion, NamedPart, ObjectInfo, ObjectPage,
    ObjectParts, ObjectRead, Page, PartPage, PutObject, PutPart, Selection, Trailer, UploadChecksum, UploadInfo,
    UploadName, WantedEmbargo, Written,
};
pub use settings::BucketTruth;
pub use stale_uploads::{StaleUploadSettings, StaleUploads};
pub use sweep::{Sweep, SweepSettings};
pub use trusted_time::{TimeHold, TimeKeeper, TimeReading, TimeTrust};
pub use website::{Redirect, Step, Target, Visit, WebsiteRoutes};

use audit::Audit;
use facts::BucketFacts;
use identity::Identities;
use policies::BucketPolicies;
use policy_sets::PolicySets;
use trusted_time::TrustedTime;

/// What an operator may tune. None of it is known to any stored format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EngineSettings {
    /// Bodies up to this many bytes travel inside the commit batch.
    pub inline_bytes_max: u64,
    /// The largest body of one request. S3 says 5 GiB.
    pub body_bytes_max: u64,
    /// The smallest part that is not the last. S3 says 5 MiB.
    pub part_bytes_min: u64,
    /// Rows that a page of a listing passes over, because they are hidden from the caller, before it ends early.
    pub hidden_rows_max: usize,
    /// Who owns what others write into a new bucket whose maker does not say; none for the writer.
    pub ownership_default: Option<Ownership>,
    /// Whom the lake believes the time.
    pub time_trust: TimeTrust,
    /// What goes into the audit, and how long it stays.
    pub audit: AuditSettings,
}

impl EngineSettings {
    /// 128 KiB inline, and the bounds of S3.
    pub const S3: Self = Self {
        inline_bytes_max: 128 << 10,
        body_bytes_max: 5 << 30,
        part_bytes_min: 5 << 20,
        hidden_rows_max: 20_000,
        ownership_default: None,
        time_trust: TimeTrust::Guarded,
        audit: AuditSettings::DEFAULT,
    };
}

/// What an engine is made of.
pub struct EngineParts {
    /// What exists.
    pub catalog: Arc<Catalog>,
    /// The bytes at rest.
    pub blobs: Arc<BlobStore>,
    /// The site where the catalogue lives.
    pub home: SiteName,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub entropy: Arc<dyn Entropy>,
    /// The region that buckets are made in.
    pub region: Region,
    /// What an operator may tune.
    pub settings: EngineSettings,
}

/// The operations of the lake. Shared by everybody who serves requests.
pub struct Engine {
    catalog: Arc<Catalog>,
    blobs: Arc<BlobStore>,
    home: SiteName,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    region: Region,
    settings: EngineSettings,
    batch_room: Arc<Semaphore>,
    judge: Judge,
    bucket_policies: BucketPolicies,
    time: Arc<TrustedTime>,
    identities: Identities,
    policy_sets: PolicySets,
    audit: Audit,
}

impl Engine {
    /// Puts an engine together.
    pub fn new(parts: EngineParts) -> Arc<Self> {
        let EngineParts { catalog, blobs, home, clock, entropy, region, settings } = parts;
        let time = Arc::new(TrustedTime::new(Arc::clone(&clock), settings.time_trust));
        let audit = Audit::new(settings.audit, &clock);
        Arc::new(Self {
            catalog,
            blobs,
            home,
            clock,
            entropy,
            region,
            settings,
            batch_room: batch::room(),
            judge: Judge::default(),
            bucket_policies: BucketPolicies::default(),
            time,
            identities: Identities::new(),
            policy_sets: PolicySets::new(),
            audit,
        })
    }

    /// Makes a change that rests on a permit. When the bucket changed since the permit was given, the catalogue has
    /// changed nothing: the facts are read again, leave is asked again, and the change is tried again.
    async fn change<T, F>(
        &self,
        permit: &Permit,
        facts: BucketFacts,
        change: impl Fn(BucketFacts) -> F,
    ) -> Result<(T, BucketFacts)>
    where
        F: Future<Output = std::result::Result<T, CatalogError>>,
    {
        let mut facts = facts;
        for _ in 0..DECISIONS_MAX {
            match change(facts.clone()).await {
                Err(CatalogError::BucketGone) => {
                    facts = self.bucket_facts(facts.name()).await?;
                    // What the request would set is not known here, so whoever policies bind asks anew.
                    if permit.caller().principal().is_some() || permit.caller().is_anonymous() {
                        return Err(Error::Busy);
                    }
                }
                changed => return Ok((changed?, facts)),
            }
        }
        Err(Error::Busy)
    }
}

/// Times a change is decided anew because its bucket changed under it.
const DECISIONS_MAX: u32 = 8;

impl From<CatalogError> for Error {
    fn from(error: CatalogError) -> Self {
        match error {
            CatalogError::BucketExists => Self::AlreadyExists(Existing::OwnBucket),
            CatalogError::BucketGone => Self::NotFound(Missing::Bucket),
            CatalogError::VersioningStays => Self::Invalid(Fault::Request(error.to_string())),
            CatalogError::BucketNotEmpty => Self::Precondition(Unmet::BucketNotEmpty),
            CatalogError::Locked(lock) => Self::Locked(lock),
            CatalogError::LocksNothing => Self::Invalid(Fault::LocksNothing),
            CatalogError::LockStays => Self::Precondition(Unmet::LockStays),
            CatalogError::VersionChanged => Self::Busy,
            CatalogError::VersionGone => Self::NotFound(Missing::Version),
            CatalogError::UploadGone => Self::NotFound(Missing::Upload),
            CatalogError::AnnotationsFull => Self::Invalid(Fault::AnnotationsFull { max: Annotation::COUNT_MAX }),
            CatalogError::Condition(unexpected) => unexpected.into(),
            CatalogError::PartChanged(number) => Self::Invalid(Fault::Part { number }),
            CatalogError::QuotaExceeded(exceeded) => Self::QuotaExceeded(exceeded),
            CatalogError::NoPast(why) => why.into(),
            CatalogError::Removed { key } => Self::Removed { key },
            CatalogError::Contended => Self::Busy,
            damaged @ (CatalogError::Damaged { .. } | CatalogError::UnknownFormat { .. }) => {
                Self::Corrupt { what: "a row of the catalogue".to_owned(), source: Box::new(damaged) }
            }
            CatalogError::Map(source) => Self::Unavailable { what: "the catalogue", source: Box::new(source) },
        }
    }
}

impl From<Unexpected> for Error {
    fn from(unexpected: Unexpected) -> Self {
        match unexpected {
            Unexpected::Absent => Self::NotFound(Missing::Key { marker: None }),
            Unexpected::Header(header) => Self::Precondition(Unmet::Header(header)),
        }
    }
}

impl From<StorageError> for Error {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Corrupt { .. } | StorageError::Missing { .. } => {
                Self::Corrupt { what: "a blob".to_owned(), source: Box::new(error) }
            }
            _ => Self::Unavailable { what: "storage", source: Box::new(error) },
        }
    }
}
