//! The bytes of every key. No other file builds or takes apart a key; `docs/format.md` describes them for people.
//!
//! Numbers are big-endian, so that byte order is their order. An object's key holds no NUL, so what follows one begins
//! with NUL: then all rows of a key stand together, in front of those of any longer key.

use kernel::{AnnotationName, BlobId, BucketId, BucketName, ObjectKey, Sequence, Timestamp, UploadId, VersionId};

use crate::key_value::Stamped;

/// The version of everything in the catalogue: four bytes, big-endian.
pub(crate) const LAKE_FORMAT: &[u8] = b"format";
/// The 16 bytes that tell this lake from every other.
pub(crate) const LAKE_DEPLOYMENT: &[u8] = b"deployment";
/// When the lake was made: milliseconds since 1970, eight bytes.
pub(crate) const LAKE_CREATED: &[u8] = b"created";
/// The id that the next bucket takes, eight bytes.
pub(crate) const LAKE_NEXT_BUCKET: &[u8] = b"next bucket";
/// The change from which on every version that is removed for good leaves a grave, a sequence.
pub(crate) const LAKE_GRAVES_SINCE: &[u8] = b"graves since";

/// What rows of `graves` begin with that are not of one key: no bucket has the id 0.
const NO_BUCKET: [u8; BUCKET_BYTES] = [0; BUCKET_BYTES];
/// Behind [`NO_BUCKET`]: graves by the change that dug them.
const REMOVALS: u8 = 1;
/// Behind [`NO_BUCKET`]: horizons of buckets.
const HORIZONS: u8 = 2;

/// `marks`: what is known of the log up to a time.
const MARKS: u8 = 1;
/// `marks`: what a time was found to mean.
const PINS: u8 = 2;
/// `marks`: the time of the newest pin.
pub(crate) const NEWEST_PIN: &[u8] = &[3];

const SEQUENCE_BYTES: usize = 8;
const BUCKET_BYTES: usize = 8;
const ID_BYTES: usize = 16;

/// What is counted per bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Count {
    /// Keys whose current version is an object.
    Objects = 1,
    /// Versions, markers included.
    Versions = 2,
    /// Bytes of plaintext of all versions.
    Bytes = 3,
}

impl Count {
    pub(crate) const ALL: [Self; 3] = [Self::Objects, Self::Versions, Self::Bytes];
}

/// `from..until` of a scan.
pub(crate) type Range = (Vec<u8>, Vec<u8>);

fn joined<const N: usize>(pieces: [&[u8]; N]) -> Vec<u8> {
    pieces.concat()
}

fn stamped(mut bytes: Vec<u8>, newest_first: bool) -> Stamped {
    let hole = bytes.len();
    bytes.extend_from_slice(&[0; SEQUENCE_BYTES]);
    Stamped { bytes, hole: Some(hole), newest_first }
}

/// The first bytes after everything that begins with `prefix`; `None` where nothing can follow.
pub(crate) fn successor(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut after = prefix.get(..=last)?.to_vec();
    *after.last_mut()? += 1;
    Some(after)
}

/// Everything that begins with `prefix`, which does not consist of 0xFF alone.
fn all_of(prefix: Vec<u8>) -> Range {
    let until = successor(&prefix).unwrap_or_else(|| vec![u8::MAX; prefix.len() + 1]);
    (prefix, until)
}

/// `documents`
pub(crate) fn document(kind: u8, name: &str) -> Vec<u8> {
    joined([&[kind][..], name.as_bytes()])
}

/// `documents`: all of a kind.
pub(crate) fn documents(kind: u8) -> Range {
    all_of(vec![kind])
}

/// `buckets`
pub(crate) fn bucket(name: &BucketName) -> Vec<u8> {
    name.as_str().as_bytes().to_vec()
}

/// `buckets` whose names begin with `prefix` and come after `after`.
pub(crate) fn buckets(prefix: &str, after: Option<&str>) -> Range {
    let until = successor(prefix.as_bytes()).unwrap_or_else(|| vec![u8::MAX]);
    let after = after.map_or_else(Vec::new, |after| joined([after.as_bytes(), b"\0"]));
    (after.max(prefix.as_bytes().to_vec()), until)
}

/// `current` and `null`
pub(crate) fn object(bucket: BucketId, key: &ObjectKey) -> Vec<u8> {
    joined([&bucket.0.to_be_bytes(), key.as_str().as_bytes()])
}

/// `versions`: the row of the change that commits it.
pub(crate) fn version_stamped(bucket: BucketId, key: &ObjectKey) -> Stamped {
    stamped(newest_marker(bucket, key), true)
}

/// `versions`: the row of the version that came with `sequence`.
pub(crate) fn version(bucket: BucketId, key: &ObjectKey, sequence: Sequence) -> Vec<u8> {
    version_stamped(bucket, key).fill(sequence)
}

/// `versions`: all rows of a key, newest first.
pub(crate) fn versions_of(bucket: BucketId, key: &ObjectKey) -> Range {
    all_of(newest_marker(bucket, key))
}

/// `by_id`
pub(crate) fn by_id(bucket: BucketId, key: &ObjectKey, id: VersionId) -> Vec<u8> {
    joined([&newest_marker(bucket, key), id.as_bytes()])
}

/// `by_id`, without an id: the marker that is a key's newest version.
pub(crate) fn newest_marker(bucket: BucketId, key: &ObjectKey) -> Vec<u8> {
    joined([&object(bucket, key), b"\0"])
}

/// `uploads`
pub(crate) fn upload(bucket: BucketId, key: &ObjectKey, id: UploadId) -> Vec<u8> {
    joined([&newest_marker(bucket, key), id.as_bytes()])
}

/// Every row of a bucket, in a family whose keys begin with the bucket id.
pub(crate) fn all_of_bucket(bucket: BucketId) -> Range {
    all_of(bucket.0.to_be_bytes().to_vec())
}

/// Rows of keys that begin with `prefix`, in a family whose keys begin with bucket id and key. `prefix` holds no NUL.
pub(crate) fn keys_with_prefix(bucket: BucketId, prefix: &str) -> Range {
    all_of(joined([&bucket.0.to_be_bytes(), prefix.as_bytes()]))
}

/// The first place after all rows of `key`, in a family whose keys begin with bucket id and key. A `key` with a NUL,
/// which no object has, stands where it would sort.
pub(crate) fn after_key(bucket: BucketId, key: &str) -> Vec<u8> {
    let key = key.split('\0').next().unwrap_or_default();
    joined([&bucket.0.to_be_bytes(), key.as_bytes(), &[1]])
}

/// `graves`: that of the version that came with `from`. The rows of a key stand as in `versions`.
pub(crate) fn grave(bucket: BucketId, key: &ObjectKey, from: Sequence) -> Vec<u8> {
    version(bucket, key, from)
}

/// `graves`: the row of the change that dug the grave that stands at `grave`.
pub(crate) fn removal_stamped(grave: &[u8]) -> Stamped {
    let mut bytes = joined([&NO_BUCKET, &[REMOVALS][..], &[0; SEQUENCE_BYTES]]);
    let hole = Some(bytes.len() - SEQUENCE_BYTES);
    bytes.extend_from_slice(grave);
    Stamped { bytes, hole, newest_first: false }
}

/// `graves`: all removals, the oldest first.
pub(crate) fn removals() -> Range {
    all_of(joined([&NO_BUCKET, &[REMOVALS][..]]))
}

/// Takes a removal's key apart: the change, and where the grave stands.
pub(crate) fn split_removal(row: &[u8]) -> Option<(Sequence, &[u8])> {
    let (at, grave) = row.get(BUCKET_BYTES + 1..)?.split_at_checked(SEQUENCE_BYTES)?;
    Some((Sequence::from_bits(u64::from_be_bytes(at.try_into().ok()?)), grave))
}

/// The bucket of a row in a family whose keys begin with the bucket id.
pub(crate) fn bucket_of(row: &[u8]) -> Option<BucketId> {
    let (bucket, _) = row.split_at_checked(BUCKET_BYTES)?;
    Some(BucketId(u64::from_be_bytes(bucket.try_into().ok()?)))
}

/// `graves`: the horizon of a bucket.
pub(crate) fn horizon(bucket: BucketId) -> Vec<u8> {
    joined([&NO_BUCKET, &[HORIZONS][..], &bucket.0.to_be_bytes()])
}

/// Times before 1970 count as its beginning.
fn instant(at: Timestamp) -> u64 {
    at.as_millis().max(0).unsigned_abs()
}

/// `marks`: the mark at a time. Later ones stand first.
pub(crate) fn mark(at: Timestamp) -> Vec<u8> {
    joined([&[MARKS][..], &(!instant(at)).to_be_bytes()])
}

/// `marks`: the marks at or before a time, the latest first.
pub(crate) fn marks_until(at: Timestamp) -> Range {
    let (_, until) = all_of(vec![MARKS]);
    (mark(at), until)
}

/// Takes a mark's key apart.
pub(crate) fn split_mark(row: &[u8]) -> Option<Timestamp> {
    let at = !u64::from_be_bytes(row.get(1..)?.try_into().ok()?);
    Some(Timestamp::from_millis(i64::try_from(at).ok()?))
}

/// `marks`: the pin at a time.
pub(crate) fn pin(at: Timestamp) -> Vec<u8> {
    joined([&[PINS][..], &instant(at).to_be_bytes()])
}

/// `marks`: the pins at or behind a time, the earliest first.
pub(crate) fn pins_from(at: Timestamp) -> Range {
    let (_, until) = all_of(vec![PINS]);
    (pin(at), until)
}

/// `calendar`: the row of what happens to the version that comes with the change which commits it. Behind the instant
/// and what happens at it stands the place of the version in `versions`.
pub(crate) fn calendar_stamped(at: Timestamp, what: u8, bucket: BucketId, key: &ObjectKey) -> Stamped {
    let place = newest_marker(bucket, key);
    stamped(joined([&instant(at).to_be_bytes(), &[what], &place]), true)
}

/// `calendar`: everything from an instant on and before another.
pub(crate) fn calendar(from: Timestamp, until: Timestamp) -> Range {
    (instant(from).to_be_bytes().to_vec(), instant(until).to_be_bytes().to_vec())
}

/// A row of `calendar`, taken apart.
pub(crate) struct CalendarPlace<'a> {
    pub(crate) at: Timestamp,
    pub(crate) what: u8,
    pub(crate) bucket: BucketId,
    pub(crate) key: &'a str,
    pub(crate) sequence: Sequence,
}

/// Takes a key of `calendar` apart.
pub(crate) fn split_calendar(row: &[u8]) -> Option<CalendarPlace<'_>> {
    let (at, rest) = row.split_at_checked(8)?;
    let (what, place) = rest.split_first()?;
    let (key, sequence) = split_version(place)?;
    let at = i64::try_from(u64::from_be_bytes(at.try_into().ok()?)).ok()?;
    Some(CalendarPlace { at: Timestamp::from_millis(at), what: *what, bucket: bucket_of(place)?, key, sequence })
}

/// The first place of the key that a row of a family by bucket and key belongs to: in front of all its rows.
pub(crate) fn start_of(bucket: BucketId, key: &str) -> Vec<u8> {
    joined([&bucket.0.to_be_bytes(), key.as_bytes()])
}

/// The place right after a row.
pub(crate) fn after_row(row: &[u8]) -> Vec<u8> {
    joined([row, &[0]])
}

/// Takes a key of `current` or `null` apart.
pub(crate) fn split_object(row: &[u8]) -> Option<&str> {
    std::str::from_utf8(row.get(BUCKET_BYTES..)?).ok()
}

fn split_at_nul(row: &[u8], tail_bytes: usize) -> Option<(&str, &[u8])> {
    let (head, tail) = row.split_at_checked(row.len().checked_sub(tail_bytes)?)?;
    Some((split_object(head.strip_suffix(b"\0")?)?, tail))
}

/// Takes a key of `versions` apart.
pub(crate) fn split_version(row: &[u8]) -> Option<(&str, Sequence)> {
    let (key, tail) = split_at_nul(row, SEQUENCE_BYTES)?;
    Some((key, Sequence::from_bits(!u64::from_be_bytes(tail.try_into().ok()?))))
}

/// Takes a key of `uploads` apart.
pub(crate) fn split_upload(row: &[u8]) -> Option<(&str, UploadId)> {
    let (key, tail) = split_at_nul(row, ID_BYTES)?;
    Some((key, UploadId::try_from(tail).ok()?))
}

/// `parts`
pub(crate) fn part(upload: UploadId, number: u16) -> Vec<u8> {
    joined([upload.as_bytes(), &number.to_be_bytes()])
}

/// `parts`, without a number: how often a part of the upload was written.
pub(crate) fn parts_written(upload: UploadId) -> Vec<u8> {
    upload.as_bytes().to_vec()
}

/// `parts` of an upload with higher numbers than `after`; without it all rows, the count of writes first.
pub(crate) fn parts(upload: UploadId, after: Option<u16>) -> Range {
    let (all, until) = all_of(upload.as_bytes().to_vec());
    (after.map_or(all, |after| after_row(&part(upload, after))), until)
}

/// Whether a key of `parts` is that of a part, not of the count of writes.
pub(crate) fn is_part(row: &[u8]) -> bool {
    row.len() > ID_BYTES
}

/// `lists`: a part that ends before byte `end` of the whole.
pub(crate) fn listed_part(list: UploadId, end: u64, number: u16) -> Vec<u8> {
    joined([list.as_bytes(), &end.to_be_bytes(), &number.to_be_bytes()])
}

/// `lists`: the parts that end behind byte `from` of the whole; without it all.
pub(crate) fn listed_parts(list: UploadId, from: Option<u64>) -> Range {
    let (all, until) = all_of(list.as_bytes().to_vec());
    let behind = |from: u64| match from.checked_add(1) {
        Some(end) => joined([list.as_bytes(), &end.to_be_bytes()]),
        None => until.clone(),
    };
    (from.map_or(all, behind), until)
}

/// Takes a key of `lists` apart: the end of the part, and its number.
pub(crate) fn split_listed_part(row: &[u8]) -> Option<(u64, u16)> {
    let (end, number) = row.get(ID_BYTES..)?.split_at_checked(8)?;
    Some((u64::from_be_bytes(end.try_into().ok()?), u16::from_be_bytes(number.try_into().ok()?)))
}

/// `annotations`
pub(crate) fn annotation(version: VersionId, name: &AnnotationName) -> Vec<u8> {
    joined([version.as_bytes(), name.as_str().as_bytes()])
}

/// `annotations` of a version whose names begin with `prefix` and come after `after`.
pub(crate) fn annotations(version: VersionId, prefix: &str, after: Option<&str>) -> Range {
    let (all, until) = all_of(joined([version.as_bytes(), prefix.as_bytes()]));
    let behind = |after: &str| after_row(&joined([version.as_bytes(), after.as_bytes()]));
    (after.map_or_else(Vec::new, behind).max(all), until)
}

/// Takes a key of `annotations` apart.
pub(crate) fn split_annotation(row: &[u8]) -> Option<&str> {
    std::str::from_utf8(row.get(ID_BYTES..)?).ok()
}

/// `inline` and `blobs`
pub(crate) fn blob(id: BlobId) -> Vec<u8> {
    id.as_bytes().to_vec()
}

/// `changes` and `unlinked`: the row of the change that commits it.
pub(crate) fn sequence_stamped() -> Stamped {
    stamped(Vec::new(), false)
}

/// `changes` and `unlinked`
pub(crate) fn sequence(sequence: Sequence) -> Vec<u8> {
    sequence.to_bits().to_be_bytes().to_vec()
}

/// Takes a key of `changes` or `unlinked` apart.
pub(crate) fn split_sequence(row: &[u8]) -> Option<Sequence> {
    Some(Sequence::from_bits(u64::from_be_bytes(row.try_into().ok()?)))
}

/// `counters`
pub(crate) fn counter(bucket: BucketId, count: Count) -> Vec<u8> {
    joined([&bucket.0.to_be_bytes(), &[count as u8]])
}

/// `settings`
pub(crate) fn setting(bucket: BucketId, setting: u8) -> Vec<u8> {
    joined([&bucket.0.to_be_bytes(), &[setting]])
}

/// `cursors`
pub(crate) fn cursor(consumer: &str) -> Vec<u8> {
    consumer.as_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key() -> impl Strategy<Value = ObjectKey> {
        proptest::string::string_regex("[a/\u{1}\u{7f}é🌬\u{10FFFF}]{1,6}")
            .expect("a valid pattern")
            .prop_map(|text| ObjectKey::new(&text).expect("a valid key"))
    }

    proptest! {
        #[test]
        fn versions_sort_by_key_then_newest_first(a in key(), b in key(), x: u64, y: u64) {
            let (x, y) = (Sequence::from_bits(x), Sequence::from_bits(y));
            let bucket = BucketId(7);
            let by_bytes = version(bucket, &a, x).cmp(&version(bucket, &b, y));
            prop_assert_eq!(by_bytes, a.as_str().as_bytes().cmp(b.as_str().as_bytes()).then(y.cmp(&x)));
            let row = version(bucket, &a, x);
            prop_assert_eq!(split_version(&row), Some((a.as_str(), x)));
        }

        #[test]
        fn rows_of_a_key_lie_in_its_range_and_no_others_do(a in key(), b in key(), bits: u64) {
            let (from, until) = versions_of(BucketId(7), &a);
            let row = version(BucketId(7), &b, Sequence::from_bits(bits));
            prop_assert_eq!(from <= row && row < until, a == b);
            prop_assert_eq!(row >= after_key(BucketId(7), a.as_str()), b > a);
        }

        #[test]
        fn a_prefix_covers_what_begins_with_it(prefix in "[a/\u{10FFFF}]{0,3}", key in key(), bits: u64) {
            let (from, until) = keys_with_prefix(BucketId(7), &prefix);
            let begins = key.as_str().starts_with(&prefix);
            for row in [object(BucketId(7), &key), version(BucketId(7), &key, Sequence::from_bits(bits))] {
                prop_assert_eq!(from <= row && row < until, begins);
            }
            prop_assert!(object(BucketId(8), &key) >= until);
        }

        #[test]
        fn removals_stand_by_sequence_apart_from_all_graves(a in key(), b in key(), x: u64, y: u64, from: u64) {
            let (x, y) = (Sequence::from_bits(x), Sequence::from_bits(y));
            let graves = [&a, &b].map(|key| grave(BucketId(1), key, Sequence::from_bits(from)));
            let [one, other] = [(&graves[0], x), (&graves[1], y)].map(|(grave, to)| removal_stamped(grave).fill(to));
            prop_assert!(x == y || one.cmp(&other) == x.cmp(&y));
            prop_assert_eq!(split_removal(&one), Some((x, &graves[0][..])));
            prop_assert_eq!(bucket_of(&graves[0]), Some(BucketId(1)));
            let (first, end) = removals();
            prop_assert!(first < one && one < end && end <= horizon(BucketId(1)));
            prop_assert!(horizon(BucketId(u64::MAX)) < all_of_bucket(BucketId(1)).0);
        }

        #[test]
        fn marks_stand_latest_first_and_pins_earliest_first(a in 0..i64::MAX, b in 0..i64::MAX) {
            let (earlier, later) = (Timestamp::from_millis(a.min(b)), Timestamp::from_millis(a.max(b)));
            let within = |(from, until): Range, row: Vec<u8>| from <= row && row < until;
            prop_assert!(within(marks_until(later), mark(earlier)));
            prop_assert!(within(pins_from(earlier), pin(later)));
            prop_assert_eq!(within(marks_until(earlier), mark(later)), earlier == later);
            prop_assert_eq!(within(pins_from(later), pin(earlier)), earlier == later);
            prop_assert!(mark(later) <= mark(earlier) && pin(earlier) <= pin(later));
            prop_assert!(mark(earlier) < pin(earlier) && pin(later) < NEWEST_PIN.to_vec());
            prop_assert_eq!(split_mark(&mark(later)), Some(later));
        }

        #[test]
        fn the_calendar_stands_by_instant(a in key(), b in key(), x in 0..i64::MAX, y in 0..i64::MAX, bits: u64) {
            let [earlier, later] = [x.min(y), x.max(y)].map(Timestamp::from_millis);
            let sequence = Sequence::from_bits(bits);
            let row = |at, key| calendar_stamped(at, 2, BucketId(7), key).fill(sequence);
            prop_assert!(earlier == later || row(earlier, &a) < row(later, &b));
            let (from, until) = calendar(earlier, later);
            prop_assert_eq!(from <= row(earlier, &a) && row(earlier, &a) < until, earlier < later);
            prop_assert!(row(later, &b) >= until);
            let row = row(later, &b);
            let place = split_calendar(&row).expect("a row of the calendar");
            prop_assert_eq!((place.at, place.what, place.bucket), (later, 2, BucketId(7)));
            prop_assert_eq!((place.key, place.sequence), (b.as_str(), sequence));
        }

        #[test]
        fn bytes_from_outside_are_taken_apart_or_refused(row: Vec<u8>) {
            let _ = (split_annotation(&row), split_calendar(&row).map(|place| place.at));
            let _ = (split_removal(&row), split_mark(&row), bucket_of(&row));
            let _ = (split_object(&row), split_version(&row), split_upload(&row), split_sequence(&row), split_listed_part(&row));
        }
    }

    #[test]
    fn annotations_of_a_version_lie_between_those_of_others() {
        let name = |text: &str| AnnotationName::new(text).expect("a valid name");
        let (one, next) = (VersionId::from_bytes([7; 16]), VersionId::from_bytes([0xff; 16]));
        let row = annotation(one, &name("é"));
        assert_eq!(split_annotation(&row), Some("é"));
        let lies = |(from, until): Range| from <= row && row < until;
        assert!(lies(annotations(one, "", None)) && lies(annotations(one, "é", None)));
        assert!(lies(annotations(one, "", Some("z"))) && !lies(annotations(one, "", Some("é"))));
        assert!(!lies(annotations(one, "e", None)) && !lies(annotations(next, "", None)));
        assert!(lies(annotations(one, "é", Some("a"))), "what comes before the prefix leaves nothing out");
        let (from, until) = annotations(one, "a", Some("é"));
        assert!(from >= until, "behind all that begin so there is nothing");
    }

    #[test]
    fn nothing_comes_between_a_prefix_and_its_successor() {
        assert_eq!(successor(b"a/"), Some(b"a0".to_vec()));
        assert_eq!(successor(b"a\xff\xff"), Some(b"b".to_vec()));
        assert_eq!(successor(b"\xff"), None);
        assert_eq!(successor(b""), None);
    }

    #[test]
    fn the_first_listed_part_behind_a_byte_holds_it() {
        let list = UploadId::from_bytes([9; 16]);
        let rows =
            [listed_part(list, 0, 1), listed_part(list, 10, 2), listed_part(list, 30, 5), listed_part(list, 30, 6)];
        let first = |from| {
            let (from, until) = listed_parts(list, from);
            rows.iter().position(|row| *row >= from && *row < until)
        };
        assert_eq!(first(None), Some(0));
        assert_eq!(first(Some(0)), Some(1));
        assert_eq!(first(Some(9)), Some(1));
        assert_eq!(first(Some(10)), Some(2));
        assert_eq!(first(Some(30)), None);
        assert_eq!(first(Some(u64::MAX)), None);
        assert_eq!(split_listed_part(&rows[3]), Some((30, 6)));
    }
}
