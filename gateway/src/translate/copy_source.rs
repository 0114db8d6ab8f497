//! `x-amz-copy-source` and the conditions that come with it.

use engine::{CopySource, Fault};
use kernel::ReadCondition;
use s3s::dto;

use super::names;
use crate::s3_error::{Failure, Mistake};

/// The object to be copied. Access points and outposts are not offered.
pub(crate) fn read(source: &dto::CopySource, condition: ReadCondition) -> Result<CopySource, Mistake> {
    match source {
        dto::CopySource::Bucket { bucket, key, version_id } => Ok(CopySource {
            bucket: names::bucket(bucket)?,
            key: names::key(key)?,
            version: names::version(version_id.as_deref())?,
            condition,
        }),
        dto::CopySource::AccessPoint { .. } | dto::CopySource::Outpost { .. } => {
            Err(Mistake::NotOffered("a copy source that is an access point".to_owned()))
        }
    }
}

/// What a copy that failed says of its source: a marker has nothing to copy.
pub(crate) fn failure(error: engine::Error) -> Failure {
    match error {
        engine::Error::Invalid(Fault::Marker { .. }) => {
            let text = "the source of a copy request may not specifically refer to a delete marker by version id";
            Mistake::Request(text.to_owned()).into()
        }
        error => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use kernel::{VersionId, VersionName};

    use super::*;

    fn parsed(header: &str) -> Result<CopySource, Mistake> {
        read(&dto::CopySource::parse(header).expect(header), ReadCondition::default())
    }

    #[test]
    fn sources_name_bucket_key_and_version() {
        let id = VersionId::from_bytes([9; 16]);
        let table = [
            ("bucket/key".to_owned(), "key", None),
            ("/bucket/a%2Fb%20c".to_owned(), "a/b c", None),
            ("bucket/../x".to_owned(), "../x", None),
            ("bucket/k%3FversionId=x".to_owned(), "k?versionId=x", None),
            ("bucket/k?versionId=null".to_owned(), "k", Some(VersionName::Null)),
            (format!("bucket/k?versionId={id}"), "k", Some(VersionName::Id(id))),
        ];
        for (header, key, version) in table {
            let source = parsed(&header).expect(&header);
            assert_eq!((source.bucket.as_str(), source.key.as_str(), source.version), ("bucket", key, version));
        }
    }

    #[test]
    fn markers_are_no_sources() {
        let marker = Fault::Marker { version: VersionName::Null, modified: kernel::Timestamp::from_secs(0) };
        assert!(matches!(failure(engine::Error::Invalid(marker)), Failure::Mistake(Mistake::Request(_))));
        assert!(matches!(failure(engine::Error::Busy), Failure::Engine(engine::Error::Busy)));
    }

    #[test]
    fn other_sources_are_refused() {
        assert!(matches!(parsed("bucket/k?versionId="), Err(Mistake::Argument { .. })));
        assert!(matches!(parsed("bucket/k?versionId=x"), Err(Mistake::Argument { .. })));
        assert!(matches!(parsed("bucket/a%00b"), Err(Mistake::Argument { .. })));
        assert!(matches!(parsed("bucket/"), Err(Mistake::Argument { .. })));
        let arn = "arn:aws:s3:eu-central-1:123456789012:accesspoint/point/object/k";
        assert!(matches!(parsed(arn), Err(Mistake::NotOffered(_))));
    }
}
