use kernel::{
    AnnotationSum, ChecksumAlgorithm, ChecksumScope, Content, ETag as ObjectETag, Headers, ObjectFacts, Sequence,
    Standing, Tags, Timestamp as Instant, UploadId, UserMetadata, Version, VersionId, VersionName,
};

use super::*;

fn version(key: &str, standing: Standing) -> Version {
    Version {
        key: ObjectKey::new(key).expect(key),
        id: VersionId::from_bytes([1; 16]),
        is_null: false,
        sequence: Sequence::ZERO,
        modified: Instant::from_millis(1_413_000_000_123),
        standing,
    }
}

fn facts() -> Standing {
    Standing::Object(Box::new(ObjectFacts {
        bytes: 5,
        etag: ObjectETag { md5: [0xab; 16], parts: None },
        checksum: Checksum {
            algorithm: ChecksumAlgorithm::Crc64Nvme,
            scope: ChecksumScope::FullObject,
            value: vec![0; 8],
        },
        headers: Headers::default(),
        metadata: UserMetadata::new(),
        tags: Tags::default(),
        content: Content::Parts { list: UploadId::from_bytes([2; 16]), count: 1 },
        annotations: AnnotationSum::default(),
        owner: kernel::AccountId::HOME,
        acl: None,
        protection: kernel::Protection::default(),
    }))
}

fn listed(key: &str) -> Entry<ListedObject> {
    Entry::Item(ListedObject { version: version(key, facts()), opens: None, owner: kernel::AccountId::HOME })
}

fn page(entries: Vec<Entry<ListedObject>>, truncated: bool) -> Page<ListedObject> {
    Page { entries, truncated, place: None }
}

#[test]
fn pages_of_nothing_are_the_last() {
    assert!(!goes_on(&page(vec![], true), 0));
    assert!(goes_on(&page(vec![], true), 1));
    assert!(!goes_on(&page(vec![], false), 1));
}

#[test]
fn items_and_prefixes_part_and_are_encoded() {
    let entries = vec![listed("a b"), Entry::Prefix("c d/".to_owned()), listed("e")];
    let page = page(entries, true);
    assert_eq!(last_key(&page), Some("e"));
    let (items, prefixes) = split(page, |listed| object(&listed, None, Encoding::Url), Encoding::Url);
    let keys: Vec<_> = items.iter().filter_map(|item| item.key.as_deref()).collect();
    assert_eq!(keys, ["a%20b", "e"]);
    assert_eq!(prefixes, [CommonPrefix { prefix: Some("c%20d/".to_owned()) }]);
    let item = &items[0];
    assert_eq!((item.size, item.owner.is_none()), (Some(5), true));
    assert_eq!(item.e_tag, Some(ETag::Strong("ab".repeat(16))));
    assert_eq!(item.checksum_type.as_ref().map(ChecksumType::as_str), Some("FULL_OBJECT"));
}

#[test]
fn a_page_may_end_in_a_prefix() {
    assert_eq!(last_key(&page(vec![Entry::Prefix("p/".to_owned())], true)), Some("p/"));
    let listed = ListedVersion {
        version: version("k", Standing::Marker),
        is_latest: true,
        opens: None,
        owner: kernel::AccountId::HOME,
    };
    assert_eq!(version_place(&Entry::Item(listed.clone())), ("k", Some("01".repeat(16))));
    assert_eq!(version_place(&Entry::Prefix("p/".to_owned())), ("p/", None));
    let marker = delete_marker(listed, Owner::default(), Encoding::Plain);
    assert_eq!((marker.is_latest, marker.version_id), (Some(true), Some("01".repeat(16))));
}

#[test]
fn null_versions_are_called_null() {
    let null = Version { is_null: true, ..version("k", facts()) };
    assert_eq!(null.name(), VersionName::Null);
    let null = ListedVersion { version: null, is_latest: false, opens: None, owner: kernel::AccountId::HOME };
    let output = object_version(null.clone(), Owner::default(), Encoding::Plain);
    assert_eq!((output.version_id.as_deref(), output.is_latest, output.size), (Some("null"), Some(false), Some(5)));
    let closed = ListedVersion { opens: Some(Instant::from_millis(1)), ..null };
    let output = object_version(closed, Owner::default(), Encoding::Plain);
    assert_eq!((output.key.as_deref(), output.size, output.e_tag, output.checksum_type), (Some("k"), None, None, None));
}

#[test]
fn of_what_is_closed_the_key_alone_is_shown() {
    let closed = ListedObject {
        version: version("k", facts()),
        opens: Some(Instant::from_millis(1)),
        owner: kernel::AccountId::HOME,
    };
    let shown = object(&closed, None, Encoding::Plain);
    let told = (shown.size, shown.e_tag, shown.checksum_type, shown.checksum_algorithm);
    assert_eq!((shown.key.as_deref(), told), (Some("k"), (None, None, None, None)));
}

#[test]
fn uploads_go_on_behind_a_key_or_an_upload_of_it() {
    let id = UploadId::from_bytes([4; 16]);
    assert_eq!(upload_place(Some("k"), Some(&id.to_string())), Ok(Some(("k".to_owned(), Some(id)))));
    assert_eq!(upload_place(Some("k"), None), Ok(Some(("k".to_owned(), None))));
    assert_eq!(upload_place(None, Some("whatever")), Ok(None));
    assert!(matches!(upload_place(Some("k"), Some("x")), Err(Mistake::Argument { .. })));
}

#[test]
fn a_page_that_xml_cannot_hold_is_refused_unless_encoded() {
    let odd = || page(vec![listed("a\u{1}b"), Entry::Prefix("p/".to_owned())], false);
    let judge = |encoding, echoed| check(encoding, &odd(), |listed| &listed.version.key, [echoed, None, None]);
    assert!(matches!(judge(Encoding::Plain, None), Err(Mistake::Argument { .. })));
    assert_eq!(judge(Encoding::Url, Some(&"\u{2}".to_owned())), Ok(()));
    let plain = page(vec![Entry::Prefix("p/".to_owned())], false);
    let judge = |echoed: &str| {
        check(Encoding::Plain, &plain, |listed| &listed.version.key, [Some(&echoed.to_owned()), None, None])
    };
    assert_eq!(judge("p"), Ok(()));
    assert!(judge("\u{2}").is_err());
}
