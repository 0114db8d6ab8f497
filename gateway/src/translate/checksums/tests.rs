use http::{HeaderName, HeaderValue};
use proptest::prelude::*;

use super::*;

const CRC32: &str = "AAAAAA==";
const SHA1: &str = "2jmj7l5rSw0yVb/vlWAYkK/YBwk=";

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let pair = |(name, value): &(&'static str, &str)| {
        (HeaderName::from_static(name), HeaderValue::from_str(value).expect("a header's value"))
    };
    let mut map = HeaderMap::new();
    for (name, value) in pairs.iter().map(pair) {
        map.append(name, value);
    }
    map
}

#[test]
fn a_body_has_one_checksum_before_it_or_behind_it() {
    let zero = Some((ChecksumAlgorithm::Crc32, vec![0; 4]));
    let table = [
        (headers(&[]), Announced::default()),
        (
            headers(&[("x-amz-checksum-crc32", CRC32)]),
            Announced { value: zero.clone(), trailer: None, named: Some(ChecksumAlgorithm::Crc32) },
        ),
        (
            headers(&[("x-amz-checksum-crc32", CRC32), ("x-amz-sdk-checksum-algorithm", "CRC32")]),
            Announced { value: zero, trailer: None, named: Some(ChecksumAlgorithm::Crc32) },
        ),
        (
            headers(&[("x-amz-trailer", "X-Amz-Checksum-Sha256"), ("x-amz-sdk-checksum-algorithm", "SHA256")]),
            Announced { value: None, trailer: Some(ChecksumAlgorithm::Sha256), named: Some(ChecksumAlgorithm::Sha256) },
        ),
        (
            headers(&[("x-amz-checksum-algorithm", "SHA1")]),
            Announced { value: None, trailer: None, named: Some(ChecksumAlgorithm::Sha1) },
        ),
    ];
    for (headers, expected) in table {
        assert_eq!(announced(&headers), Ok(expected), "{headers:?}");
    }
}

#[test]
fn what_cannot_be_verified_is_refused() {
    let table: &[&[(&'static str, &str)]] = &[
        &[("x-amz-checksum-crc32", "bad")],
        &[("x-amz-checksum-crc32", "")],
        &[("x-amz-checksum-crc32", "AAAAAA")],
        &[("x-amz-checksum-crc32", SHA1)],
        &[("x-amz-checksum-crc32", CRC32), ("x-amz-checksum-sha1", SHA1)],
        &[("x-amz-checksum-crc32", CRC32), ("x-amz-checksum-crc32", CRC32)],
        &[("x-amz-checksum-crc32", CRC32), ("x-amz-trailer", "x-amz-checksum-crc32")],
        &[("x-amz-checksum-sha512", SHA1)],
        &[("x-amz-checksum-md5", "AAAAAAAAAAAAAAAAAAAAAA==")],
        &[("x-amz-checksum-xxhash64", "AAAAAAAAAAA=")],
        &[("x-amz-checksum-whatever", CRC32)],
        &[("x-amz-trailer", "x-amz-checksum-crc32,x-amz-checksum-sha1")],
        &[("x-amz-trailer", "x-amz-meta-a")],
        &[("x-amz-trailer", "authorization")],
        &[("x-amz-trailer", "x-amz-checksum-sha512")],
        &[("x-amz-sdk-checksum-algorithm", "CRC32")],
        &[("x-amz-sdk-checksum-algorithm", "SHA1"), ("x-amz-checksum-crc32", CRC32)],
        &[("x-amz-sdk-checksum-algorithm", "MD5"), ("x-amz-checksum-crc32", CRC32)],
        &[("x-amz-checksum-algorithm", "SHA1"), ("x-amz-checksum-crc32", CRC32)],
        &[("x-amz-checksum-algorithm", "")],
    ];
    for pairs in table {
        assert!(matches!(announced(&headers(pairs)), Err(Mistake::Request(_))), "{pairs:?}");
    }
}

#[test]
fn md5_is_16_bytes_of_base64() {
    let md5 = |value: &str| content_md5(&headers(&[("content-md5", value)]));
    assert_eq!(md5("1B2M2Y8AsgTpgAmY7PhCfg==").map(|md5| md5.map(|md5| md5[0])), Ok(Some(0xd4)));
    for bad in ["", "YWJyYWNhZGFicmE=", "garbage", "1B2M2Y8AsgTpgAmY7PhCfg"] {
        assert_eq!(md5(bad), Err(Mistake::Md5Malformed), "{bad}");
    }
    assert_eq!(content_md5(&headers(&[])), Ok(None));
}

#[test]
fn a_whole_may_say_of_how_many_parts_it_is() {
    let whole = |value: &str| of_whole(&headers(&[("x-amz-checksum-sha1", value)]));
    let sha1 = decode(ChecksumAlgorithm::Sha1, SHA1).expect("a SHA-1");
    assert_eq!(whole(SHA1), Ok(Some(((ChecksumAlgorithm::Sha1, sha1.clone()), None))));
    assert_eq!(whole(&format!("{SHA1}-3")), Ok(Some(((ChecksumAlgorithm::Sha1, sha1), Some(3)))));
    for bad in ["bad", "", &format!("{SHA1}-"), &format!("{SHA1}-x"), "-1", CRC32] {
        assert_eq!(whole(bad), Err(Mistake::ChecksumImpossible), "{bad}");
    }
}

#[test]
fn a_part_names_one_checksum_at_most() {
    let crc32 = dto::CompletedPart { checksum_crc32: Some(CRC32.to_owned()), ..dto::CompletedPart::default() };
    assert_eq!(of_part(&crc32), Ok(Some((ChecksumAlgorithm::Crc32, vec![0; 4]))));
    assert_eq!(of_part(&dto::CompletedPart::default()), Ok(None));
    let two = dto::CompletedPart { checksum_sha1: Some(SHA1.to_owned()), ..crc32.clone() };
    let malformed = dto::CompletedPart { checksum_crc32: Some("x".to_owned()), ..crc32 };
    let unknown = dto::CompletedPart { checksum_sha512: Some(SHA1.to_owned()), ..dto::CompletedPart::default() };
    for part in [two, malformed, unknown] {
        assert!(matches!(of_part(&part), Err(Mistake::Request(_))), "{part:?}");
    }
}

#[test]
fn uploads_name_algorithm_and_type() {
    let algorithm = |name: &'static str| Some(dto::ChecksumAlgorithm::from_static(name));
    let scope = |name: &'static str| Some(dto::ChecksumType::from_static(name));
    let table = [
        (None, None, Some(None)),
        (algorithm("SHA256"), None, Some(Some((ChecksumAlgorithm::Sha256, None)))),
        (algorithm("CRC32"), scope("FULL_OBJECT"), Some(Some((ChecksumAlgorithm::Crc32, Some(true))))),
        (algorithm("CRC32"), scope("COMPOSITE"), Some(Some((ChecksumAlgorithm::Crc32, Some(false))))),
        (None, scope("COMPOSITE"), None),
        (algorithm("CRC32"), scope("HALF"), None),
        (algorithm("SHA512"), None, None),
    ];
    for (algorithm, scope, expected) in table {
        assert_eq!(of_upload(algorithm.as_ref(), scope.as_ref()).ok(), expected, "{algorithm:?} {scope:?}");
    }
}

proptest! {
    #[test]
    fn values_come_back(which in 0..ChecksumAlgorithm::ALL.len(), seed in any::<[u8; 32]>()) {
        let algorithm = ChecksumAlgorithm::ALL[which];
        let value = seed[..algorithm.value_bytes()].to_vec();
        let checksum = Checksum { algorithm, scope: ChecksumScope::FullObject, value: value.clone() };
        prop_assert_eq!(decode(algorithm, &text(&checksum)), Some(value.clone()));
        let name = header_of(algorithm);
        let mut map = HeaderMap::new();
        map.insert(HeaderName::try_from(name).expect("a name"), text(&checksum).parse().expect("a value"));
        prop_assert_eq!(announced(&map).expect("announced").value, Some((algorithm, value.clone())));
        let composite = Checksum { scope: ChecksumScope::Composite { parts: 12 }, ..checksum };
        let mut map = HeaderMap::new();
        map.insert(
            HeaderName::try_from(header_of(algorithm)).expect("a name"),
            text(&composite).parse().expect("a value"),
        );
        prop_assert_eq!(of_whole(&map).expect("of a whole"), Some(((algorithm, value), Some(12))));
    }
}
