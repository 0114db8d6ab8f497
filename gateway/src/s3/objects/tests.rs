use kernel::{
    AnnotationSum, ByteRange, Checksum, ChecksumAlgorithm, ChecksumScope, Content, ETag as ObjectETag, Headers,
    ObjectFacts, ObjectKey, Sequence, Standing, Tags, Timestamp as Instant, UploadId, UserMetadata, Version, VersionId,
};

use super::*;

fn checksum(byte: u8, scope: ChecksumScope) -> Checksum {
    Checksum { algorithm: ChecksumAlgorithm::Crc32, scope, value: vec![byte; 4] }
}

/// An object of 10 bytes in two parts.
fn info() -> ObjectInfo {
    let facts = ObjectFacts {
        bytes: 10,
        etag: ObjectETag { md5: [0xab; 16], parts: Some(2) },
        checksum: checksum(0, ChecksumScope::Composite { parts: 2 }),
        headers: Headers { cache_control: Some("no-store".to_owned()), ..Headers::default() },
        metadata: UserMetadata::from([("a".to_owned(), "1".to_owned())]),
        tags: Tags::new([("t".to_owned(), "v".to_owned())], Tags::OBJECT_MAX).expect("tags"),
        content: Content::Parts { list: UploadId::from_bytes([2; 16]), count: 2 },
        annotations: AnnotationSum::default(),
        owner: kernel::AccountId::HOME,
        acl: None,
        protection: kernel::Protection::default(),
    };
    let version = Version {
        key: ObjectKey::new("k").expect("a key"),
        id: VersionId::from_bytes([1; 16]),
        is_null: false,
        sequence: Sequence::ZERO,
        modified: Instant::from_millis(1_413_000_000_123),
        standing: Standing::Object(Box::new(facts)),
    };
    ObjectInfo {
        version,
        versioned: true,
        as_of: None,
        range: None,
        part_checksum: None,
        parts: Some(2),
        closed_until: None,
        retention: None,
        legal_hold: None,
    }
}

fn head(info: &ObjectInfo, mode: Option<&'static str>, part: Option<i32>) -> HeadObjectOutput {
    let mut output = HeadObjectOutput::default();
    describe!(output, Description::new(info, mode.map(ChecksumMode::from_static).as_ref(), part));
    output
}

#[test]
fn an_object_is_described_in_full() {
    let output = head(&info(), None, None);
    assert_eq!((output.content_length, output.content_range.as_deref()), (Some(10), None));
    assert_eq!(output.e_tag, Some(ETag::Strong(format!("{}-2", "ab".repeat(16)))));
    assert_eq!(output.version_id, Some("01".repeat(16)));
    assert_eq!((output.tag_count, output.parts_count, output.missing_meta), (Some(1), None, None));
    assert_eq!(output.cache_control.as_deref(), Some("no-store"));
    assert_eq!(output.content_type.as_deref(), Some(TYPE_UNKNOWN));
    assert_eq!(output.metadata.and_then(|metadata| metadata.get("a").cloned()).as_deref(), Some("1"));
    assert_eq!((output.checksum_crc32, output.checksum_type), (None, None));
    assert_eq!(output.server_side_encryption, sealed());
}

#[test]
fn unversioned_buckets_name_no_versions_and_untagged_objects_no_tags() {
    let mut plain = info();
    plain.versioned = false;
    if let Standing::Object(facts) = &mut plain.version.standing {
        facts.tags = Tags::default();
    }
    let output = head(&plain, None, None);
    assert_eq!((output.version_id, output.tag_count), (None, None));
}

#[test]
fn checksums_are_shown_of_wholes_and_parts_when_asked_for() {
    let whole = head(&info(), Some("ENABLED"), None);
    assert_eq!(whole.checksum_crc32.as_deref(), Some("AAAAAA==-2"));
    assert_eq!(whole.checksum_type.as_ref().map(ChecksumType::as_str), Some("COMPOSITE"));

    let ranged = ObjectInfo { range: Some(ByteRange { start: 2, end: 5 }), ..info() };
    let output = head(&ranged, Some("ENABLED"), None);
    assert_eq!((output.checksum_crc32, output.checksum_type), (None, None));
    assert_eq!((output.content_length, output.content_range.as_deref()), (Some(3), Some("bytes 2-4/10")));

    let part = ObjectInfo { part_checksum: Some(checksum(1, ChecksumScope::FullObject)), ..ranged };
    let output = head(&part, Some("ENABLED"), Some(1));
    assert_eq!((output.checksum_crc32.as_deref(), output.parts_count), (Some("AQEBAQ=="), Some(2)));
    assert_eq!(head(&part, None, Some(1)).checksum_crc32, None);

    let whole_as_part = ObjectInfo { range: Some(ByteRange { start: 0, end: 10 }), parts: None, ..info() };
    assert!(head(&whole_as_part, Some("ENABLED"), Some(1)).checksum_crc32.is_some());
    assert!(head(&whole_as_part, Some("ENABLED"), None).checksum_crc32.is_none());
}

#[test]
fn signed_callers_choose_headers_of_the_answer() {
    assert_eq!(check_overrides(true, true), Ok(()));
    assert_eq!(check_overrides(false, false), Ok(()));
    assert!(matches!(check_overrides(true, false), Err(Mistake::Request(_))));

    let mut output = head(&info(), None, None);
    let input = HeadObjectInput {
        response_content_type: Some("text/plain".to_owned()),
        response_expires: Some(time::to_wire(Instant::from_secs(1_413_000_000))),
        ..HeadObjectInput::default()
    };
    assert!(overrides_headers!(input));
    override_headers(&mut output, input);
    assert_eq!(output.content_type.as_deref(), Some("text/plain"));
    assert_eq!(output.expires.as_deref(), Some("Sat, 11 Oct 2014 04:00:00 GMT"));
    assert_eq!(output.cache_control.as_deref(), Some("no-store"));
}
