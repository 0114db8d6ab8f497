//! Reading an object, or what is known of it.

use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use kernel::{ByteRange, Caller, Checksum, Content, Extent, Freshness, ObjectFacts, Part, UploadId};
use metadata::Catalog;
use policy::{Action, Permit};
use storage::BlobStore;

use crate::leave::Sought;
use crate::{
    Bytestream, Engine, Error, Fault, GetObject, Missing, ObjectInfo, ObjectParts, ObjectRead, Result, Selection, Unmet,
};

/// Times a read starts over because the version it found was replaced before its bytes were read.
pub(crate) const ATTEMPTS_MAX: u32 = 16;
const TWO_MOMENTS: &str = "a version and a moment of the past cannot both be asked for";
/// Parts of a list that are read ahead of their bytes.
const PARTS_PER_READ: usize = 64;

impl Engine {
    /// Reads an object. Every byte given out was verified; an error in the stream means the rest cannot be had.
    ///
    /// # Errors
    /// `NotFound`, `Precondition`, `Invalid` (range, marker), `Corrupt`, `Denied`.
    pub async fn get_object(&self, caller: &Caller, get: GetObject) -> Result<ObjectRead> {
        for _ in 0..ATTEMPTS_MAX {
            let (permit, info) = self.look(caller, read_action(&get), &get).await?;
            if let Some(body) = self.open(&permit, &info).await? {
                return Ok(ObjectRead { info, body });
            }
        }
        Err(Error::Busy)
    }

    /// What is known of an object.
    ///
    /// # Errors
    /// As [`Engine::get_object`].
    pub async fn head_object(&self, caller: &Caller, get: GetObject) -> Result<ObjectInfo> {
        Ok(self.look(caller, read_action(&get), &get).await?.1)
    }

    /// What is known of an object and of the parts it was assembled from: at most `limit` parts behind number `after`.
    ///
    /// # Errors
    /// As [`Engine::get_object`].
    pub async fn object_parts(&self, caller: &Caller, get: GetObject, after: u16, limit: usize) -> Result<ObjectParts> {
        let (permit, info) = self.look(caller, Action::GetObjectAttributes, &get).await?;
        let mut parts = Vec::new();
        if let Some(Content::Parts { list, .. }) = info.version.object().map(|object| &object.content) {
            // One more than asked for tells whether more follow.
            parts = self.parts_after(&permit, *list, after, limit + 1).await?;
        }
        let truncated = parts.len() > limit;
        parts.truncate(limit);
        Ok(ObjectParts { info, parts, truncated })
    }

    /// Finds the version, asks for leave, judges the conditions and works out the bytes.
    async fn look(&self, caller: &Caller, action: Action, get: &GetObject) -> Result<(Permit, ObjectInfo)> {
        let facts = self.bucket_facts(&get.bucket).await?;
        let as_of = match (get.as_of, get.version) {
            (Some(_), Some(_)) => return Err(Error::Invalid(Fault::Request(TWO_MOMENTS.to_owned()))),
            (Some(as_of), None) => Some(self.moment(caller, &facts, as_of).await?),
            (None, _) => None,
        };
        let sought = Sought { key: &get.key, name: get.version, as_of };
        let (permit, version) = self.permit_found(caller, action, &facts, sought).await?;
        let object = version.object().ok_or(Error::Bug("a marker was found where an object was sought"))?;
        match get.condition.judge(&object.etag, version.modified) {
            Freshness::Wanted => {}
            Freshness::NotModified => {
                let unmet = Unmet::NotModified { etag: object.etag, modified: version.modified };
                return Err(Error::Precondition(unmet));
            }
            Freshness::Failed(header) => return Err(Error::Precondition(Unmet::Header(header))),
        }
        let (range, part_checksum) = self.select(&permit, object, get.selection).await?;
        let parts = match object.content {
            Content::Parts { count, .. } => Some(count),
            Content::Whole(_) => None,
        };
        let closed_until = self.closed_until(object);
        let (retention, legal_hold) = self.shown_lock(caller, &facts, &get.key, &version);
        let info = ObjectInfo {
            version,
            versioned: facts.versioned(),
            as_of,
            range,
            part_checksum,
            parts,
            closed_until,
            retention,
            legal_hold,
        };
        Ok((permit, info))
    }

    async fn select(
        &self,
        permit: &Permit,
        object: &ObjectFacts,
        selection: Selection,
    ) -> Result<(Option<ByteRange>, Option<Checksum>)> {
        let bytes = object.bytes;
        let unsatisfiable = Err(Error::Invalid(Fault::Range { bytes }));
        let range = match selection {
            Selection::All => None,
            Selection::From(start) | Selection::Between(start, _) if start >= bytes => return unsatisfiable,
            Selection::From(start) => Some(ByteRange { start, end: bytes }),
            // RFC 9110 §14.1.1: a last byte before the first makes the header invalid, and an invalid one is ignored.
            Selection::Between(first, last) if last < first => None,
            Selection::Between(first, last) => Some(ByteRange { start: first, end: last.saturating_add(1).min(bytes) }),
            Selection::Suffix(count) if count == 0 || bytes == 0 => return unsatisfiable,
            Selection::Suffix(count) => Some(ByteRange { start: bytes.saturating_sub(count), end: bytes }),
            Selection::Part(number) => return self.select_part(permit, object, number).await,
        };
        Ok((range, None))
    }

    async fn select_part(
        &self,
        _permit: &Permit,
        object: &ObjectFacts,
        number: u16,
    ) -> Result<(Option<ByteRange>, Option<Checksum>)> {
        let missing = Error::NotFound(Missing::Part);
        if number == 0 {
            return Err(missing);
        }
        let Content::Parts { list, .. } = object.content else {
            let whole = (object.bytes > 0).then_some(ByteRange { start: 0, end: object.bytes });
            return if number == 1 { Ok((whole, None)) } else { Err(missing) };
        };
        let rows = self.catalog.list_parts_after(list, number - 1, 1).await?;
        if let Some((start, part)) = rows.into_iter().next().filter(|(_, part)| part.number == number) {
            return Ok((Some(ByteRange { start, end: start + part.bytes }), Some(part.checksum)));
        }
        Err(missing)
    }

    async fn parts_after(&self, _permit: &Permit, list: UploadId, after: u16, limit: usize) -> Result<Vec<Part>> {
        let rows = self.catalog.list_parts_after(list, after, limit).await?;
        Ok(rows.into_iter().map(|(_, part)| part).collect())
    }

    /// The selected bytes; `None` when the version was replaced since it was found.
    pub(crate) async fn open(&self, permit: &Permit, info: &ObjectInfo) -> Result<Option<Bytestream>> {
        let object = info.version.object().ok_or(Error::Bug("a marker has no bytes"))?;
        let range = info.range.unwrap_or(ByteRange { start: 0, end: object.bytes });
        if range.bytes() == 0 {
            return Ok(Some(stream::empty().boxed()));
        }
        let opened = match &object.content {
            Content::Whole(extent) => open_extent(&self.catalog, &self.blobs, extent, range).await?,
            Content::Parts { list, .. } => self.open_parts(permit, *list, range).await?,
        };
        if opened.is_none() && self.still_stands(permit, info).await? {
            let what =
                format!("version {} of `{}`: its bytes are not in the catalogue", info.version.id, info.version.key);
            return Err(Error::Corrupt { what, source: "a version refers to bytes that are not there".into() });
        }
        Ok(opened)
    }

    async fn still_stands(&self, permit: &Permit, info: &ObjectInfo) -> Result<bool> {
        let Some(bucket) = permit.bucket() else {
            return Ok(false);
        };
        let Ok(facts) = self.bucket_facts(bucket).await else {
            return Ok(false);
        };
        // Of the past, what stands by its own name is what was found.
        let name = info.as_of.map_or(permit.version(), |_| Some(info.version.name()));
        let now = self.catalog.version(facts.id, &info.version.key, name).await?;
        Ok(now.is_some_and(|version| version.sequence == info.version.sequence))
    }

    async fn open_parts(&self, _permit: &Permit, list: UploadId, range: ByteRange) -> Result<Option<Bytestream>> {
        // The first parts are fetched here, so that a version replaced meanwhile shows before the answer begins.
        let first = self.catalog.list_parts_of(list, range.start, PARTS_PER_READ).await?;
        if first.is_empty() {
            return Ok(None);
        }
        let (catalog, blobs) = (Arc::clone(&self.catalog), Arc::clone(&self.blobs));
        let reading = PartsReading { catalog, blobs, list, at: range.start, end: range.end, fetched: first.into() };
        let parts = stream::try_unfold(reading, PartsReading::next);
        Ok(Some(parts.try_flatten().boxed()))
    }
}

fn read_action(get: &GetObject) -> Action {
    if get.version.is_some() || get.as_of.is_some() { Action::GetObjectVersion } else { Action::GetObject }
}

/// A walk over a part list, one part's bytes at a time.
struct PartsReading {
    catalog: Arc<Catalog>,
    blobs: Arc<BlobStore>,
    list: UploadId,
    at: u64,
    end: u64,
    fetched: std::collections::VecDeque<(u64, Part)>,
}

impl PartsReading {
    async fn next(mut self) -> Result<Option<(Bytestream, Self)>> {
        if self.at >= self.end {
            return Ok(None);
        }
        if self.fetched.is_empty() {
            self.fetched = self.catalog.list_parts_of(self.list, self.at, PARTS_PER_READ).await?.into();
        }
        let gone = |list| Error::Corrupt {
            what: format!("part list {list}"),
            source: "the list or a part of it is not there any more".into(),
        };
        let (start, part) = self.fetched.pop_front().ok_or_else(|| gone(self.list))?;
        let within = ByteRange { start: self.at - start, end: (self.end - start).min(part.bytes) };
        let opened = open_extent(&self.catalog, &self.blobs, &part.extent, within).await?;
        self.at = start + within.end;
        let body = opened.ok_or_else(|| gone(self.list))?;
        Ok(Some((body, self)))
    }
}

/// The bytes of an extent; `None` when the catalogue does not refer to them any more.
pub(crate) async fn open_extent(
    catalog: &Catalog,
    blobs: &Arc<BlobStore>,
    extent: &Extent,
    range: ByteRange,
) -> Result<Option<BoxStream<'static, Result<Bytes>>>> {
    if let [piece] = extent.pieces.as_slice()
        && piece.inline
    {
        let Some(sealed) = catalog.inline(piece.blob).await? else {
            return Ok(None);
        };
        let body = blobs.open_inline(extent, &sealed, range)?;
        return Ok(Some(stream::once(async move { Ok(body) }).boxed()));
    }
    let ids: Vec<_> = extent.pieces.iter().map(|piece| piece.blob).collect();
    let placements = catalog.placements(&ids).await?;
    if placements.iter().any(Vec::is_empty) {
        return Ok(None);
    }
    Ok(Some(blobs.read(extent, placements, range).map_err(Error::from).boxed()))
}
