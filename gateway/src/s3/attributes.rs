//! What is known of an object and its parts, in one answer.

use engine::{GetObject, ObjectParts, Selection};
use kernel::{ObjectFacts, ReadCondition};
use s3s::dto::*;
use s3s::{S3Request, S3Response};

use super::{Answer, S3Face};
use crate::s3_error::Mistake;
use crate::translate::checksums::{self, show_checksum};
use crate::translate::{conditions, listing, names, time};

pub(super) async fn get_object_attributes(
    face: &S3Face,
    request: S3Request<GetObjectAttributesInput>,
) -> Answer<GetObjectAttributesOutput> {
    let caller = face.admit(&request)?;
    let input = request.input;
    let wanted = Wanted::read(&input.object_attributes)?;
    let limit = listing::page_size(input.max_parts, "x-amz-max-parts", listing::PAGE_MAX)?;
    let after = super::multipart::part_marker(input.part_number_marker, "x-amz-part-number-marker")?;
    let get = GetObject {
        bucket: names::bucket(&input.bucket)?,
        key: names::key(&input.key)?,
        version: names::version(input.version_id.as_deref())?,
        as_of: None,
        selection: Selection::All,
        condition: ReadCondition::default(),
    };
    let found = face.engine.object_parts(&caller, get, after, limit).await?;
    let version = &found.info.version;
    let mut output = GetObjectAttributesOutput {
        last_modified: Some(time::to_wire(version.modified)),
        version_id: found.info.versioned.then(|| names::version_text(version.name())),
        ..GetObjectAttributesOutput::default()
    };
    if let Some(object) = version.object() {
        output.checksum = wanted.checksum.then(|| checksum(object));
        output.e_tag = wanted.etag.then(|| conditions::etag_to_wire(&object.etag));
        output.object_size = i64::try_from(object.bytes).ok().filter(|_| wanted.size);
        output.storage_class = wanted.class.then(|| StorageClass::from_static(StorageClass::STANDARD));
        output.object_parts = found.info.parts.filter(|_| wanted.parts).map(|total| parts(&found, total, after, limit));
    }
    Ok(S3Response::new(output))
}

/// Which attributes were asked for.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Wanted {
    checksum: bool,
    etag: bool,
    parts: bool,
    size: bool,
    class: bool,
}

impl Wanted {
    /// Each header line may name several, with commas between.
    fn read(lists: &ObjectAttributesList) -> Result<Self, Mistake> {
        let mut wanted = Self::default();
        for name in lists.iter().flat_map(|list| list.as_str().split(',')) {
            let field = match name.trim() {
                ObjectAttributes::CHECKSUM => &mut wanted.checksum,
                ObjectAttributes::ETAG => &mut wanted.etag,
                ObjectAttributes::OBJECT_PARTS => &mut wanted.parts,
                ObjectAttributes::OBJECT_SIZE => &mut wanted.size,
                ObjectAttributes::STORAGE_CLASS => &mut wanted.class,
                _ => {
                    return Err(Mistake::Argument {
                        name: "x-amz-object-attributes",
                        reason: "invalid attribute name specified".to_owned(),
                    });
                }
            };
            *field = true;
        }
        Ok(wanted)
    }
}

fn checksum(object: &ObjectFacts) -> Checksum {
    let mut output =
        Checksum { checksum_type: Some(checksums::scope_to_wire(object.checksum.scope)), ..Checksum::default() };
    show_checksum!(output, &object.checksum);
    output
}

fn parts(found: &ObjectParts, total: u16, after: u16, limit: usize) -> GetObjectAttributesParts {
    let part = |part: &kernel::Part| {
        let mut output = ObjectPart {
            part_number: Some(i32::from(part.number)),
            size: i64::try_from(part.bytes).ok(),
            ..ObjectPart::default()
        };
        show_checksum!(output, &part.checksum);
        output
    };
    GetObjectAttributesParts {
        is_truncated: Some(found.truncated),
        max_parts: i32::try_from(limit).ok(),
        next_part_number_marker: found.parts.last().map(|part| i32::from(part.number)),
        part_number_marker: Some(i32::from(after)),
        parts: Some(found.parts.iter().map(part).collect()),
        total_parts_count: Some(i32::from(total)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_come_in_lists_and_unknown_ones_are_refused() {
        let lists = |texts: &[&str]| texts.iter().map(|text| ObjectAttributes::from((*text).to_owned())).collect();
        let all = Wanted { checksum: true, etag: true, parts: true, size: true, class: true };
        assert_eq!(Wanted::read(&lists(&["ETag,Checksum, ObjectParts", "StorageClass,ObjectSize"])), Ok(all));
        assert_eq!(Wanted::read(&lists(&["ETag"])), Ok(Wanted { etag: true, ..Wanted::default() }));
        for bad in ["", "etag", "ETag,", "Everything"] {
            assert!(matches!(Wanted::read(&lists(&[bad])), Err(Mistake::Argument { .. })), "{bad}");
        }
    }
}
