//! The answer as a tar archive of the POSIX form: every member is an extended header, an entry of its own, its bytes, and
//! zeroes up to a whole block.
//!
//! Source: IEEE Std 1003.1-2017, *pax*, sections *ustar Interchange Format* and *pax Extended Header*.

use bytes::{BufMut, Bytes, BytesMut};
use kernel::{ObjectKey, Timestamp};

use super::member::{Object, Refused};

const BLOCK_BYTES: usize = 512;
/// Bytes of a name in an entry itself; longer ones and those that are not ASCII stand in the extended header only.
const NAME_BYTES: usize = 100;
/// Largest size that an entry itself can tell: eleven octal digits.
const SIZE_MAX: u64 = 0o777_7777_7777;
/// What an extended header is called where it is not understood.
const EXTENDED_NAME: &[u8] = b"././@PaxHeader";

/// What stands before an object's bytes.
pub(super) fn head(key: &ObjectKey, object: &Object) -> Bytes {
    let mut records = Records::default();
    records.add("mtime", &seconds(object.modified));
    if object.bytes > SIZE_MAX {
        records.add("size", &object.bytes.to_string());
    }
    records.name(key);
    if let Some(version) = &object.version {
        records.add("TWINLAKE.version_id", version);
    }
    records.add("TWINLAKE.etag", &object.etag);
    records.add("TWINLAKE.content_type", &object.content_type);
    if let Some(encoding) = &object.content_encoding {
        records.add("TWINLAKE.content_encoding", encoding);
    }
    if let Some(range) = &object.content_range {
        records.add("TWINLAKE.range", range);
    }
    let size = if object.bytes > SIZE_MAX { 0 } else { object.bytes };
    entry(key, &records, size, object.modified.as_secs())
}

/// An entry without bytes that says why an object is not here.
pub(super) fn refusal(key: &ObjectKey, refused: &Refused) -> Bytes {
    let mut records = Records::default();
    records.name(key);
    records.add("TWINLAKE.error", &refused.code);
    records.add("TWINLAKE.status", refused.status.as_str());
    records.add("TWINLAKE.message", &refused.message);
    entry(key, &records, 0, 0)
}

/// What stands behind so many bytes.
pub(super) fn tail(bytes: u64) -> Bytes {
    let over = usize::try_from(bytes % BLOCK_BYTES as u64).unwrap_or(0);
    zeroes((BLOCK_BYTES - over) % BLOCK_BYTES)
}

/// The end of the archive: two empty blocks.
pub(super) fn end() -> Bytes {
    zeroes(2 * BLOCK_BYTES)
}

fn zeroes(count: usize) -> Bytes {
    Bytes::from_static(&[0; 2 * BLOCK_BYTES]).slice(..count)
}

fn seconds(at: Timestamp) -> String {
    format!("{}.{:03}", at.as_secs(), at.as_millis().rem_euclid(1000))
}

/// The records of an extended header, each `length keyword=value` and a line end; the length counts itself.
#[derive(Default)]
struct Records(Vec<u8>);

impl Records {
    fn add(&mut self, keyword: &str, value: &str) {
        let rest = keyword.len() + value.len() + 3;
        let mut length = rest;
        // The digits of the length are part of it; at most one more comes of adding them.
        while length != rest + digits(length) {
            length = rest + digits(length);
        }
        self.0.extend_from_slice(format!("{length} {keyword}={value}\n").as_bytes());
    }

    /// The key: as the entry's name, where the entry itself cannot hold it, and as it is, because readers take liberties
    /// with names, such as to drop a slash at the end.
    fn name(&mut self, key: &ObjectKey) {
        if !fits(key) {
            self.add("path", key.as_str());
        }
        self.add("TWINLAKE.key", key.as_str());
    }
}

fn digits(number: usize) -> usize {
    number.checked_ilog10().map_or(1, |log| log as usize + 1)
}

fn fits(key: &ObjectKey) -> bool {
    key.as_str().is_ascii() && key.as_str().len() <= NAME_BYTES
}

fn entry(key: &ObjectKey, records: &Records, size: u64, modified_secs: i64) -> Bytes {
    let extended = records.0.len();
    let mut blocks = BytesMut::with_capacity(2 * BLOCK_BYTES + extended.next_multiple_of(BLOCK_BYTES));
    blocks.put_slice(&header(EXTENDED_NAME, b'x', extended as u64, 0));
    blocks.put_slice(&records.0);
    blocks.put_slice(&tail(extended as u64));
    blocks.put_slice(&header(key.as_str().as_bytes(), b'0', size, modified_secs));
    blocks.freeze()
}

/// One block: a name, cut where it is too long, and what kind of entry it is.
fn header(name: &[u8], kind: u8, size: u64, modified_secs: i64) -> [u8; BLOCK_BYTES] {
    let mut block = [0; BLOCK_BYTES];
    let mut put = |at: usize, bytes: &[u8]| {
        for (to, from) in block.iter_mut().skip(at).zip(bytes) {
            *to = *from;
        }
    };
    let modified = u64::try_from(modified_secs).unwrap_or(0).min(SIZE_MAX);
    put(0, name.get(..NAME_BYTES).unwrap_or(name));
    put(100, b"0000644\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{size:011o}\0").as_bytes());
    put(136, format!("{modified:011o}\0").as_bytes());
    put(148, b"        ");
    put(156, &[kind]);
    put(257, b"ustar\x0000");
    put(329, b"0000000\0");
    put(337, b"0000000\0");
    // The sum of all bytes, its own field taken for spaces.
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    for (to, from) in block.iter_mut().skip(148).zip(format!("{sum:06o}\0 ").bytes()) {
        *to = from;
    }
    block
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use proptest::prelude::*;

    use super::*;

    fn object(bytes: u64) -> Object {
        Object {
            version: None,
            etag: "\"0123\"".to_owned(),
            content_type: "text/plain".to_owned(),
            content_encoding: None,
            content_range: None,
            modified: Timestamp::from_millis(1_800_000_000_007),
            bytes,
        }
    }

    /// Records, name, size.
    type Entry = (Vec<(String, String)>, String, u64);

    /// An archive's entries as a reader of the standard finds them.
    fn read(mut archive: &[u8]) -> Vec<Entry> {
        let octal = |field: &[u8]| {
            let text = std::str::from_utf8(field).expect("digits").trim_end_matches(['\0', ' ']);
            u64::from_str_radix(text, 8).expect("octal")
        };
        let (mut entries, mut records) = (Vec::new(), Vec::new());
        while archive.len() > 2 * BLOCK_BYTES {
            let (block, rest) = archive.split_at(BLOCK_BYTES);
            let sum: u64 = block
                .iter()
                .enumerate()
                .map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u64::from(*byte) })
                .sum();
            assert_eq!(sum, octal(&block[148..154]));
            assert_eq!(&block[257..265], b"ustar\x0000");
            let size = octal(&block[124..136]);
            let (body, rest) = rest.split_at(size as usize);
            let padding = body.len().next_multiple_of(BLOCK_BYTES) - body.len();
            assert!(rest[..padding].iter().all(|byte| *byte == 0));
            archive = &rest[padding..];
            if block[156] == b'x' {
                records = records_of(body);
            } else {
                let name = block[..100].split(|byte| *byte == 0).next().expect("a name");
                entries.push((std::mem::take(&mut records), String::from_utf8_lossy(name).into_owned(), size));
            }
        }
        assert_eq!(archive, [0; 2 * BLOCK_BYTES]);
        entries
    }

    fn records_of(mut body: &[u8]) -> Vec<(String, String)> {
        let mut records = Vec::new();
        while !body.is_empty() {
            let space = body.iter().position(|byte| *byte == b' ').expect("a length");
            let length: usize = std::str::from_utf8(&body[..space]).expect("digits").parse().expect("a number");
            let record = std::str::from_utf8(&body[space + 1..length - 1]).expect("UTF-8");
            assert_eq!(body[length - 1], b'\n');
            let (keyword, value) = record.split_once('=').expect("a record");
            records.push((keyword.to_owned(), value.to_owned()));
            body = &body[length..];
        }
        records
    }

    fn value<'a>(records: &'a [(String, String)], keyword: &str) -> Option<&'a str> {
        records.iter().find(|(name, _)| name == keyword).map(|(_, value)| value.as_str())
    }

    proptest! {
        #[test]
        fn every_key_and_body_comes_back(members in proptest::collection::vec(("[^\0]{1,300}", 0..2_000_usize), 0..5)) {
            let mut archive = Vec::new();
            for (key, bytes) in &members {
                let key = ObjectKey::new(key).expect("a key");
                archive.extend_from_slice(&head(&key, &object(*bytes as u64)));
                archive.extend(std::iter::repeat_n(7, *bytes));
                archive.extend_from_slice(&tail(*bytes as u64));
            }
            archive.extend_from_slice(&end());
            let entries = read(&archive);
            prop_assert_eq!(entries.len(), members.len());
            for ((records, name, size), (key, bytes)) in entries.iter().zip(&members) {
                prop_assert_eq!(value(records, "path").unwrap_or(name), key.as_str());
                prop_assert_eq!(value(records, "TWINLAKE.key"), Some(key.as_str()));
                prop_assert_eq!(value(records, "mtime"), Some("1800000000.007"));
                prop_assert_eq!(*size, *bytes as u64);
            }
        }

        #[test]
        fn the_length_of_a_record_counts_itself(value in ".{0,1100}") {
            let mut records = Records::default();
            records.add("path", &value);
            prop_assert_eq!(records_of(&records.0), [("path".to_owned(), value)]);
        }
    }

    #[test]
    fn sizes_beyond_eight_gib_stand_in_the_extended_header() {
        let key = ObjectKey::new("k").expect("a key");
        for (bytes, extended) in
            [(SIZE_MAX, None), (SIZE_MAX + 1, Some("8589934592")), (5 << 40, Some("5497558138880"))]
        {
            let head = head(&key, &object(bytes));
            let records = records_of(
                head[BLOCK_BYTES..head.len() - BLOCK_BYTES].split(|byte| *byte == 0).next().expect("records"),
            );
            assert_eq!(value(&records, "size"), extended);
        }
    }

    #[test]
    fn a_refusal_is_an_entry_without_bytes() {
        let key = ObjectKey::new("../é").expect("a key");
        let refused = Refused {
            status: StatusCode::NOT_FOUND,
            code: "NoSuchKey".to_owned(),
            message: "gone".to_owned(),
            headers: Default::default(),
            xml: Bytes::new(),
        };
        let entries = read(&[refusal(&key, &refused), end()].concat());
        let [(records, _, 0)] = &entries[..] else { panic!("{entries:?}") };
        for (keyword, expected) in [("path", "../é"), ("TWINLAKE.error", "NoSuchKey"), ("TWINLAKE.status", "404")] {
            assert_eq!(value(records, keyword), Some(expected));
        }
    }
}
