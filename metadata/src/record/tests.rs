use std::collections::BTreeMap;

use kernel::settings::SettingName;
use kernel::{
    AccountId, Acl, Annotation, AnnotationName, AnnotationSum, BlobId, BucketId, BucketName, Checksum,
    ChecksumAlgorithm, ChecksumScope, Content, ETag, Embargo, EmbargoLift, EmbargoReader, Extent, Grant, Grantee,
    Headers, KeyId, ObjectFacts, ObjectKey, Part, Permission, Piece, Placement, Protection, Region, Retention,
    RetentionMode, SiteName, Standing, UploadId, Version, VersionId, Versioning, WrappedKey,
};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::catalog::{Amendment, Bucket, Change, Grave, Replaced, Upload, What};

fn etag() -> impl Strategy<Value = ETag> {
    (any::<[u8; 16]>(), option::of(1..=10_000_u16)).prop_map(|(md5, parts)| ETag { md5, parts })
}

fn checksum() -> impl Strategy<Value = Checksum> {
    let algorithm = proptest::sample::select(ChecksumAlgorithm::ALL.to_vec());
    (algorithm, option::of(1..=10_000_u16), any::<[u8; 32]>()).prop_map(|(algorithm, parts, value)| Checksum {
        algorithm,
        scope: parts.map_or(ChecksumScope::FullObject, |parts| ChecksumScope::Composite { parts }),
        value: value[..algorithm.value_bytes()].to_vec(),
    })
}

fn extent() -> impl Strategy<Value = Extent> {
    let piece = (any::<[u8; 16]>(), 0..1_u64 << 40, any::<u64>(), any::<u64>(), any::<bool>()).prop_map(
        |(blob, bytes, sealed_bytes, sealed_crc64, inline)| Piece {
            blob: BlobId::from_bytes(blob),
            bytes,
            sealed_bytes,
            sealed_crc64,
            inline,
        },
    );
    (any::<[u8; 16]>(), vec(any::<u8>(), 0..70), vec(piece, 0..4)).prop_map(|(master, wrapped, pieces)| Extent {
        key: WrappedKey { master: KeyId::from_bytes(master), wrapped },
        pieces,
    })
}

fn pairs_of_text() -> impl Strategy<Value = BTreeMap<String, String>> {
    btree_map("[b-zé🌬]{1,8}", ".{0,8}", 0..4)
}

fn tag_set() -> impl Strategy<Value = Tags> {
    pairs_of_text().prop_map(|pairs| Tags::as_stored(pairs).expect("a valid tag set"))
}

fn headers() -> impl Strategy<Value = Headers> {
    (option::of(".{0,8}"), option::of(".{0,8}"), option::of(".{0,8}"), option::of(".{0,8}")).prop_map(
        |(content_type, cache_control, expires, website_redirect)| Headers {
            content_type,
            cache_control,
            expires,
            website_redirect,
            content_disposition: None,
            content_encoding: Some("gzip".to_owned()),
            content_language: None,
        },
    )
}

fn owned() -> impl Strategy<Value = (AccountId, Option<Acl>, Protection)> {
    let account = (0..AccountId::END).prop_map(|number| AccountId::new(number).expect("twelve digits"));
    let grantee = prop_oneof![
        account.clone().prop_map(Grantee::Account),
        Just(Grantee::AllUsers),
        Just(Grantee::AuthenticatedUsers),
        Just(Grantee::LogDelivery),
    ];
    let permission = prop_oneof![Just(Permission::FullControl), Just(Permission::Write), Just(Permission::ReadAcp)];
    let grant = (grantee, permission).prop_map(|(grantee, permission)| Grant { grantee, permission });
    let mode = prop_oneof![Just(RetentionMode::Governance), Just(RetentionMode::Compliance)];
    let at = || any::<i64>().prop_map(Timestamp::from_millis);
    let retention = option::of((mode, at()).prop_map(|(mode, until)| Retention { mode, until }));
    let lift =
        option::of((at(), any::<String>()).prop_map(|(at, reason)| EmbargoLift { by: "a".to_owned(), at, reason }));
    let reader = prop_oneof!["[a-z/]{1,9}".prop_map(EmbargoReader::Group), "[a-z]{1,9}".prop_map(EmbargoReader::User)];
    let readers = proptest::collection::btree_set(reader, 0..3);
    let embargo = option::of((at(), readers, lift).prop_map(|(until, readers, lift)| Embargo { until, readers, lift }));
    let protection = (retention, any::<Option<bool>>(), embargo)
        .prop_map(|(retention, legal_hold, embargo)| Protection { retention, legal_hold, embargo });
    (account, option::of(vec(grant, 0..3).prop_map(|grants| Acl { grants })), protection)
}

fn facts() -> impl Strategy<Value = ObjectFacts> {
    let content = prop_oneof![
        extent().prop_map(Content::Whole),
        (any::<[u8; 16]>(), any::<u16>())
            .prop_map(|(list, count)| Content::Parts { list: UploadId::from_bytes(list), count }),
    ];
    let annotations = option::of((1..=1_000_u32, any::<u64>()))
        .prop_map(|sum| sum.map_or_else(AnnotationSum::default, |(count, bytes)| AnnotationSum { count, bytes }));
    (any::<u64>(), etag(), checksum(), headers(), pairs_of_text(), tag_set(), content, (annotations, owned())).prop_map(
        |(bytes, etag, checksum, headers, metadata, tags, content, (annotations, (owner, acl, protection)))| {
            ObjectFacts { bytes, etag, checksum, headers, metadata, tags, content, annotations, owner, acl, protection }
        },
    )
}

fn a_version() -> impl Strategy<Value = Version> {
    (any::<[u8; 16]>(), any::<bool>(), any::<i64>(), any::<u64>(), option::of(facts())).prop_map(
        |(id, is_null, modified, sequence, facts)| Version {
            key: ObjectKey::new("k").expect("a valid key"),
            id: VersionId::from_bytes(id),
            is_null,
            sequence: Sequence::from_bits(sequence),
            modified: Timestamp::from_millis(modified),
            standing: facts.map_or(Standing::Marker, |facts| Standing::Object(Box::new(facts))),
        },
    )
}

fn a_part() -> impl Strategy<Value = Part> {
    (any::<u16>(), any::<u64>(), etag(), checksum(), any::<i64>(), extent()).prop_map(
        |(number, bytes, etag, checksum, modified, extent)| Part {
            number,
            bytes,
            etag,
            checksum,
            modified: Timestamp::from_millis(modified),
            extent,
        },
    )
}

fn an_annotation() -> impl Strategy<Value = Annotation> {
    (any::<u64>(), etag(), checksum(), any::<i64>(), extent()).prop_map(|(bytes, etag, checksum, modified, extent)| {
        let name = AnnotationName::new("θ.1").expect("a valid name");
        Annotation { name, bytes, etag, checksum, modified: Timestamp::from_millis(modified), extent }
    })
}

fn a_change() -> impl Strategy<Value = Change> {
    let what = proptest::sample::select(What::ALL.to_vec());
    let version = option::of((any::<[u8; 16]>(), any::<bool>(), any::<u64>()));
    (what, any::<u64>(), ".{0,8}", option::of(etag()), tag_set(), version, any::<bool>()).prop_map(
        |(what, number, by, etag, tags, version, flag)| Change {
            sequence: Sequence::from_bits(number),
            what,
            when: Timestamp::from_millis(number as i64),
            by,
            bucket: BucketId(number),
            bucket_name: BucketName::new("abc").expect("a valid name"),
            versioning: flag.then_some(Versioning::Suspended),
            key: version.map(|_| ObjectKey::new("🌬").expect("a valid key")),
            version: version.map(|(id, ..)| VersionId::from_bytes(id)),
            is_null: flag,
            is_marker: !flag,
            bytes: number,
            etag,
            tags,
            upload: version.map(|(id, ..)| UploadId::from_bytes(id)),
            replaced: version.map(|(id, is_marker, bytes)| Replaced {
                version: VersionId::from_bytes(id),
                is_marker,
                bytes,
            }),
            setting: flag.then_some(SettingName::Quota),
            annotation: flag.then(|| AnnotationName::new("θ").expect("a valid name")),
        },
    )
}

fn a_placement() -> impl Strategy<Value = Placement> {
    let site = || SiteName::new("site-1").expect("a valid name");
    prop_oneof![
        Just(Placement::Copy(site())),
        any::<(u8, u8, u8)>().prop_map(move |(index, data, parity)| Placement::Shard {
            site: site(),
            index,
            data,
            parity
        }),
    ]
}

proptest! {
    #[test]
    fn versions_round_trip(expected in a_version()) {
        let row = version_row(&expected).fill(expected.sequence);
        prop_assert_eq!(version(expected.key.clone(), &row), Ok(expected));
    }

    #[test]
    fn retagging_changes_the_tags_alone(before in a_version(), other in tag_set()) {
        let row = version_row(&before).fill(before.sequence);
        match amended(before.clone(), &Amendment::Tags(other.clone())) {
            None => prop_assert_eq!(before.standing, Standing::Marker),
            Some((after, after_row)) => {
                prop_assert_eq!(&after.object().expect("an object").tags, &other);
                prop_assert_eq!(version(after.key.clone(), &after_row), Ok(after.clone()));
                let old = before.object().expect("an object").tags.clone();
                prop_assert_eq!(amended(after, &Amendment::Tags(old)).expect("an object").1, row);
            }
        }
    }

    #[test]
    fn annotating_changes_the_sum_alone(before in a_version(), count in 1..9_u32, bytes: u64) {
        let row = version_row(&before).fill(before.sequence);
        let sum = AnnotationSum { count, bytes };
        match reannotated(before.clone(), sum) {
            None => prop_assert_eq!(before.standing, Standing::Marker),
            Some((after, after_row)) => {
                prop_assert_eq!(after.object().expect("an object").annotations, sum);
                prop_assert_eq!(version(after.key.clone(), &after_row), Ok(after.clone()));
                let old = before.object().expect("an object").annotations;
                prop_assert_eq!(reannotated(after, old).expect("an object").1, row);
            }
        }
    }

    #[test]
    fn annotations_round_trip(expected in an_annotation()) {
        let row = annotation_row(&expected);
        prop_assert_eq!(annotation_extent(&row), Ok(expected.extent.clone()));
        prop_assert_eq!(annotation(expected.name.clone(), &row), Ok(expected));
    }

    #[test]
    fn parts_round_trip(expected in a_part()) {
        prop_assert_eq!(part(&part_row(&expected)), Ok(expected));
    }

    #[test]
    fn changes_round_trip(expected in a_change()) {
        prop_assert_eq!(change(expected.sequence, &change_row(&expected)), Ok(expected));
    }

    #[test]
    fn placements_round_trip(expected in vec(a_placement(), 0..5)) {
        prop_assert_eq!(placements(&placements_row(&expected)), Ok(expected));
    }

    #[test]
    fn loose_ends_round_trip(
        blobs: Vec<[u8; 16]>, list: Option<[u8; 16]>, upload: Option<[u8; 16]>, bucket: Option<u64>,
        annotations: Option<[u8; 16]>, since: i64,
    ) {
        let expected = Loose {
            since: Timestamp::from_millis(since),
            blobs: blobs.into_iter().map(BlobId::from_bytes).collect(),
            list: list.map(UploadId::from_bytes),
            upload: upload.map(UploadId::from_bytes),
            bucket: bucket.map(BucketId),
            annotations: annotations.map(VersionId::from_bytes),
        };
        prop_assert_eq!(loose(&loose_row(&expected)), Ok(expected));
    }

    #[test]
    fn uploads_round_trip(
        (owner, acl, protection) in owned(),
        headers in headers(), metadata in pairs_of_text(), tags in tag_set(), full_object: bool, started: i64,
        initiator: String,
    ) {
        let expected = Upload {
            id: UploadId::from_bytes([3; 16]),
            key: ObjectKey::new("k").expect("a valid key"),
            started: Timestamp::from_millis(started),
            headers,
            metadata,
            tags,
            algorithm: ChecksumAlgorithm::Sha1,
            full_object,
            checksum_chosen: !full_object,
            initiator,
            owner,
            acl,
            protection,
        };
        prop_assert_eq!(upload(expected.key.clone(), expected.id, &upload_row(&expected)), Ok(expected));
    }

    #[test]
    fn buckets_round_trip(id: u64, created: i64, tags in tag_set(), revision: u64, since: u64) {
        for versioning in [Versioning::Unversioned, Versioning::Enabled, Versioning::Suspended] {
            let mut expected = Bucket {
                owner: kernel::AccountId::HOME,
                id: BucketId(id),
                name: BucketName::new("abc").expect("a valid name"),
                region: Region::new("here-1").expect("a valid region"),
                created: Timestamp::from_millis(created),
                versioning,
                versioned_since: (versioning != Versioning::Unversioned).then_some(Sequence::from_bits(since)),
                tags: tags.clone(),
                settings: Default::default(),
                revision: Sequence::from_bits(revision),
                row: Bytes::new(),
            };
            expected.row = bucket_row(&expected).fill(expected.revision).into();
            prop_assert_eq!(bucket(expected.name.clone(), expected.row.clone()), Ok((expected, Vec::new())));
        }
    }

    #[test]
    fn graves_round_trip(of in a_version(), to: u64, when: i64) {
        let to = Sequence::from_bits(to);
        let is_marker = of.standing == Standing::Marker;
        let expected = Grave { version: of.id, is_null: of.is_null, is_marker, from: of.sequence, to };
        prop_assert_eq!(grave(of.sequence, &grave_row(&of).fill(to)), Ok(expected));
        let when = Timestamp::from_millis(when);
        prop_assert_eq!(removal(&removal_row(when)), Ok(when));
    }

    #[test]
    fn the_time_of_a_change_is_read_alone(expected in a_change()) {
        prop_assert_eq!(change_time(&change_row(&expected)), Ok(expected.when));
    }

    /// Whatever lies on disk is understood or refused, never a panic.
    #[test]
    fn damage_is_refused(of in a_version(), at: proptest::sample::Index, with: u8, cut: proptest::sample::Index) {
        let mut row = version_row(&of).fill(of.sequence);
        let at = at.index(row.len());
        row[at] = with;
        let _ = version(of.key.clone(), &row);
        let _ = version(of.key, &row[..cut.index(row.len())]);
    }

    #[test]
    fn any_bytes_are_understood_or_refused(row: Vec<u8>) {
        let key = || ObjectKey::new("k").expect("a valid key");
        let name = BucketName::new("abc").expect("a valid name");
        let _ = (version(key(), &row), part(&row), placements(&row), loose(&row), change(Sequence::ZERO, &row));
        let _ = (upload(key(), UploadId::from_bytes([0; 16]), &row), bucket(name, row.clone().into()));
        let named = AnnotationName::new("a").expect("a valid name");
        let _ = (sequence(&row), number(&row), annotation(named, &row), annotation_extent(&row));
        let _ = (grave(Sequence::ZERO, &row), removal(&row), change_time(&row));
    }
}

#[test]
fn what_is_missing_or_too_long_is_refused() {
    let key = ObjectKey::new("k").expect("a valid key");
    assert!(version(key.clone(), &[]).is_err(), "no sequence");
    assert!(version(key.clone(), &[0; 8]).is_err(), "no version id");
    assert!(part(&[]).is_err(), "an empty part has no entity tag");
    assert!(annotation_extent(&[]).is_err(), "an empty annotation has no extent");
    assert!(change(Sequence::ZERO, &[]).is_err(), "an empty change is of no kind");
    let too_much = Extent {
        key: WrappedKey { master: KeyId::from_bytes([0; 16]), wrapped: Vec::new() },
        pieces: vec![
            Piece {
                blob: BlobId::from_bytes([0; 16]),
                bytes: u64::MAX,
                sealed_bytes: 0,
                sealed_crc64: 0,
                inline: false
            };
            2
        ],
    };
    assert!(content::extent(content::extent_row(&too_much)).is_err(), "more bytes than can be counted");
}

/// The row that first says that versions are kept cannot know the change that writes it.
#[test]
fn a_bucket_keeps_versions_since_its_row_says_so() {
    let mut expected = Bucket {
        owner: kernel::AccountId::HOME,
        id: BucketId(1),
        name: BucketName::new("abc").expect("a valid name"),
        region: Region::new("here-1").expect("a valid region"),
        created: Timestamp::default(),
        versioning: Versioning::Enabled,
        versioned_since: None,
        tags: Tags::default(),
        settings: Default::default(),
        revision: Sequence::from_bits(7),
        row: Bytes::new(),
    };
    expected.row = bucket_row(&expected).fill(expected.revision).into();
    let (read, _) = bucket(expected.name.clone(), expected.row.clone()).expect("a bucket");
    assert_eq!(read.versioned_since, Some(Sequence::from_bits(7)));
    let altered = bucket_row(&read).fill(Sequence::from_bits(9));
    let (read, _) = bucket(expected.name, altered.into()).expect("a bucket");
    assert_eq!((read.revision, read.versioned_since), (Sequence::from_bits(9), Some(Sequence::from_bits(7))));
}

/// The bytes of the first release: they are read for ever.
#[test]
fn a_marker_is_stored_as_it_always_was() {
    let marker = Version {
        key: ObjectKey::new("k").expect("a valid key"),
        id: VersionId::from_bytes([0xab; 16]),
        is_null: true,
        sequence: Sequence::from_bits(0x0102),
        modified: Timestamp::from_millis(1),
        standing: Standing::Marker,
    };
    let mut row = vec![0, 0, 0, 0, 0, 0, 1, 2, 0x0a, 16];
    row.extend([0xab; 16]);
    row.extend([0x10, 1, 0x18, 2]);
    assert_eq!(version_row(&marker).fill(marker.sequence), row);
    assert_eq!(version(marker.key.clone(), &row), Ok(marker));
}
