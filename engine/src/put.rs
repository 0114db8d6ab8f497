//! Writing an object in one request.

use kernel::{
    AnnotationSum, BlobId, BucketName, Caller, Content, ObjectFacts, ObjectKey, Placement, Protection, VersionId,
    WriteCondition,
};
use metadata::NewVersion;
use policy::{Action, Permit};
use storage::Hint;

use crate::acl::Ownings;
use crate::annotations::carried::{Annotations, Carried};
use crate::embargo::written::{EmbargoGrounds, NewEmbargo};
use crate::facts::BucketFacts;
use crate::ingest::{Ingested, Source};
use crate::leave::Ask;
use crate::{Attributes, Engine, Error, PutObject, Result, Written};

/// What a write needs besides its bytes.
pub(crate) struct Target {
    pub(crate) key: ObjectKey,
    pub(crate) attributes: Attributes,
    pub(crate) ownings: Ownings,
    pub(crate) condition: WriteCondition,
    /// The annotations that it has from the beginning: those of another version.
    pub(crate) annotations: Option<Annotations>,
    /// Until when it is closed.
    pub(crate) embargo: NewEmbargo,
}

/// What came in for a version.
struct Arrived {
    id: VersionId,
    object: Ingested,
    annotations: Carried,
}

impl Engine {
    /// Writes an object. When this returns `Ok`, bytes and version are durable and visible.
    ///
    /// # Errors
    /// `Invalid` when the body is not what was announced, `TooLarge` beyond 5 GiB, `Precondition`, `NotFound` (bucket),
    /// `Denied`; none of them changes anything.
    pub async fn put_object(&self, caller: &Caller, put: PutObject) -> Result<Written> {
        let facts = self.bucket_facts(&put.bucket).await?;
        let permit = self.permit_write(caller, &facts, &put.key, &put.attributes)?;
        self.permit_classifying(caller, Ask::key(Action::Classify, &facts, &put.key), (None, &put.attributes.tags))?;
        let PutObject { key, attributes, condition, body, algorithm, .. } = put;
        let grounds =
            EmbargoGrounds { wanted: attributes.embargo.as_ref(), tags: Some(&attributes.tags), source: None };
        let embargo = self.embargo_of_new(caller, &facts, &key, grounds).await?;
        let ownings = self.ownings(caller, &facts, &key, attributes.acl.as_ref())?;
        let target = Target { key, attributes, ownings, condition, annotations: None, embargo };
        self.expect(&permit, &facts, &target.key, &target.condition).await?;
        let source = Source::from_body(body, algorithm);
        self.write(permit, facts, target, source).await
    }

    /// Says whether the caller may write an object: for edges that must take in bytes before they know what to write.
    ///
    /// # Errors
    /// `NotFound` (bucket), `Denied`.
    pub async fn may_put_object(&self, caller: &Caller, bucket: &BucketName, key: &ObjectKey) -> Result<()> {
        let facts = self.bucket_facts(bucket).await?;
        self.permit(caller, Action::PutObject, &facts, Some(key)).map(|_| ())
    }

    /// Asks for leave to write an object with all that is stored beside its bytes: whoever gives it tags, a retention or a
    /// hold needs leave for these too.
    pub(crate) fn permit_write(
        &self,
        caller: &Caller,
        facts: &BucketFacts,
        key: &ObjectKey,
        attributes: &Attributes,
    ) -> Result<Permit> {
        let protection = &attributes.protection;
        let ask = |action| {
            self.ask(caller, Ask::key(action, facts, key).with_tags(&attributes.tags).with_protection(protection))
        };
        let permit = ask(Action::PutObject)?;
        let needed = [
            (!attributes.tags.is_empty(), Action::PutObjectTagging),
            (protection.retention.is_some(), Action::PutObjectRetention),
            (protection.legal_hold.is_some(), Action::PutObjectLegalHold),
        ];
        for (_, action) in needed.into_iter().filter(|(is_needed, _)| *is_needed) {
            ask(action)?;
        }
        self.expect_lock(facts, protection)?;
        Ok(permit)
    }

    /// Takes the bytes in and makes them a version.
    pub(crate) async fn write(
        &self,
        permit: Permit,
        facts: BucketFacts,
        target: Target,
        source: Source,
    ) -> Result<Written> {
        self.expect_room(&permit, &facts, &target.key, source.bytes, 1).await?;
        let id = VersionId::random(&*self.entropy);
        let hint = Hint { bucket: facts.id, key: target.key.clone(), version: *id.as_bytes(), part: None };
        let object = self.ingest(&permit, hint.clone(), source).await?;
        let carried = match &target.annotations {
            Some(annotations) => self.carry(&permit, annotations, &hint).await,
            None => Ok(Carried::default()),
        };
        let annotations = match carried {
            Ok(carried) => carried,
            Err(error) => {
                self.discard(object).await;
                return Err(error);
            }
        };
        let arrived = Arrived { id, object, annotations };
        match self.commit(&permit, facts, &target, &arrived).await {
            Ok(written) => Ok(written),
            Err(error) => {
                // Only a definite failure lets go of the bytes: after a failed sync the change may yet turn out to stand.
                if !matches!(error, Error::Unavailable { .. }) {
                    self.discard(arrived.object).await;
                    self.leave(arrived.annotations).await;
                }
                Err(error)
            }
        }
    }

    async fn commit(&self, permit: &Permit, facts: BucketFacts, target: &Target, arrived: &Arrived) -> Result<Written> {
        let by = &permit.caller().to_string();
        let placements = &self.placements(&arrived.object.extent);
        let put = |facts: BucketFacts| async move {
            let now = self.clock.now();
            let known = object_facts(target, &arrived.object);
            let put = NewVersion {
                key: &target.key,
                id: arrived.id,
                now,
                facts: ObjectFacts {
                    protection: facts.protection_of_new(&known.protection, self.time.opening()),
                    ..known
                },
                keeps_embargo: target.embargo.keeps,
                inline: arrived.object.inline.clone(),
                placements: placements.clone(),
                condition: &target.condition,
                unseen: self.unseen(permit.caller(), &facts, !target.condition.is_none()),
                by,
                completes: None,
                annotations: self.new_annotations(&arrived.annotations, now),
            };
            self.catalog.put(&facts, put).await
        };
        let (version, facts) = self.change(permit, facts, put).await?;
        Ok(Written { version, replicas: replicas(placements), versioned: facts.names_new_versions() })
    }

    /// Refuses early what the commit would refuse anyway, before a long body is taken in.
    pub(crate) async fn expect(
        &self,
        permit: &Permit,
        facts: &BucketFacts,
        key: &ObjectKey,
        condition: &WriteCondition,
    ) -> Result<()> {
        if condition.is_none() {
            return Ok(());
        }
        let current = self.catalog.version(facts.id, key, None).await?;
        self.expect_open(permit.caller(), facts, (key, condition), current.as_ref())?;
        let etag = current.as_ref().and_then(|version| version.object()).map(|object| &object.etag);
        condition.failed_by(etag).map_or(Ok(()), |unexpected| Err(unexpected.into()))
    }
}

/// What is known of an object by its request, as far as the bucket has no say in it.
fn object_facts(target: &Target, ingested: &Ingested) -> ObjectFacts {
    let attributes = &target.attributes;
    ObjectFacts {
        bytes: ingested.bytes,
        etag: ingested.etag,
        checksum: ingested.checksum.clone(),
        headers: attributes.headers.clone(),
        metadata: attributes.metadata.clone(),
        tags: attributes.tags.clone(),
        content: Content::Whole(ingested.extent.clone()),
        annotations: AnnotationSum::default(),
        owner: target.ownings.owner,
        acl: target.ownings.acl.clone(),
        protection: Protection { embargo: target.embargo.embargo.clone(), ..attributes.protection.clone() },
    }
}

/// Replicas that every piece has. What lies in the catalogue has one, at home.
pub(crate) fn replicas(placements: &[(BlobId, Vec<Placement>)]) -> u16 {
    let fewest = placements.iter().map(|(_, placed)| placed.len()).min().unwrap_or(1);
    u16::try_from(fewest).unwrap_or(u16::MAX)
}
