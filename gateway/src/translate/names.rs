//! Names in requests and answers: buckets, keys, versions, uploads, part numbers.

use kernel::{AnnotationName, BucketName, NameError, ObjectKey, UploadId, VersionName};

use crate::s3_error::Mistake;

/// Highest part number. Source: Amazon S3 User Guide, *Multipart upload limits*.
const PARTS_MAX: i32 = 10_000;

/// The bucket that a request is for. s3s has refused what is malformed; a reserved name is one that nobody has.
pub(crate) fn bucket(name: &str) -> Result<BucketName, Mistake> {
    BucketName::new(name).map_err(|_| Mistake::NoSuchBucket)
}

/// The annotation that a request is for.
pub(crate) fn annotation(name: &str) -> Result<AnnotationName, Mistake> {
    if name.len() > AnnotationName::BYTES_MAX {
        return Err(Mistake::AnnotationNameTooLong);
    }
    AnnotationName::new(name).map_err(Mistake::AnnotationName)
}

/// What the names of annotations shall begin with; any where nothing is said.
pub(crate) fn annotation_prefix(prefix: Option<&str>) -> Result<String, Mistake> {
    let prefix = prefix.unwrap_or_default();
    AnnotationName::check_prefix(prefix).map_err(Mistake::AnnotationPrefix)?;
    Ok(prefix.to_owned())
}

/// The name of a bucket to be made.
pub(crate) fn new_bucket(name: &str) -> Result<BucketName, Mistake> {
    BucketName::new(name).map_err(Mistake::BucketName)
}

/// The key that a request is for.
pub(crate) fn key(key: &str) -> Result<ObjectKey, Mistake> {
    ObjectKey::new(key).map_err(|error| match error {
        NameError::Length { .. } if !key.is_empty() => Mistake::KeyTooLong,
        error => Mistake::Argument { name: "Key", reason: error.to_string() },
    })
}

/// The version that a request names, if it does.
pub(crate) fn version(text: Option<&str>) -> Result<Option<VersionName>, Mistake> {
    let mistake = |reason: &str| Mistake::Argument { name: "versionId", reason: reason.to_owned() };
    match text {
        None => Ok(None),
        Some("") => Err(mistake("version id cannot be the empty string")),
        Some("null") => Ok(Some(VersionName::Null)),
        Some(id) => id.parse().map(|id| Some(VersionName::Id(id))).map_err(|_| mistake("invalid version id specified")),
    }
}

/// How a version is written.
pub(crate) fn version_text(version: VersionName) -> String {
    match version {
        VersionName::Null => "null".to_owned(),
        VersionName::Id(id) => id.to_string(),
    }
}

/// The upload that a request is for. A text that no upload can have names none.
pub(crate) fn upload(text: &str) -> Result<UploadId, Mistake> {
    text.parse().map_err(|_| Mistake::NoSuchUpload)
}

/// A part's number, 1–10,000.
pub(crate) fn part_number(number: i32) -> Result<u16, Mistake> {
    u16::try_from(number).ok().filter(|_| (1..=PARTS_MAX).contains(&number)).ok_or_else(|| Mistake::Argument {
        name: "partNumber",
        reason: "part number must be an integer between 1 and 10000, inclusive".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use kernel::VersionId;

    use super::*;

    #[test]
    fn versions_round_trip_and_anything_else_is_an_invalid_argument() {
        let id = VersionName::Id(VersionId::from_bytes([7; 16]));
        for name in [VersionName::Null, id] {
            assert_eq!(version(Some(&version_text(name))), Ok(Some(name)));
        }
        assert_eq!(version(None), Ok(None));
        for bad in ["", "Null", "x", "0707", &"G".repeat(32), "../x"] {
            assert!(matches!(version(Some(bad)), Err(Mistake::Argument { name: "versionId", .. })), "{bad}");
        }
    }

    #[test]
    fn part_numbers_are_1_to_10000() {
        for (number, expected) in [(1, Some(1)), (10_000, Some(10_000)), (0, None), (-1, None), (10_001, None)] {
            assert_eq!(part_number(number).ok(), expected, "{number}");
        }
        assert!(part_number(i32::MAX).is_err() && part_number(65_537).is_err());
    }

    #[test]
    fn keys_fail_by_length_or_by_character() {
        assert_eq!(key(&"k".repeat(1025)), Err(Mistake::KeyTooLong));
        assert!(matches!(key("a\0b"), Err(Mistake::Argument { .. })));
        assert!(matches!(key(""), Err(Mistake::Argument { .. })));
        assert!(key("a//../b 🌬️").is_ok());
    }

    #[test]
    fn reserved_bucket_names_cannot_be_made_and_do_not_exist() {
        assert!(matches!(new_bucket("x-s3alias-s3alias"), Err(Mistake::BucketName(_))));
        assert_eq!(bucket("x-s3alias-s3alias"), Err(Mistake::NoSuchBucket));
        assert!(bucket("a-bucket").is_ok());
    }
}
