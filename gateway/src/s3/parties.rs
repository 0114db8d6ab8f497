//! Whom a request expects to own the buckets it names, and who pays for it.
//!
//! The first is found out before the operation begins: a request that takes a bucket for somebody's whose it is not does
//! nothing. Whether it pays is told in the answer; that it must say so is asked by the engine.
//!
//! Sources: Amazon S3 User Guide, *Verifying bucket ownership with bucket owner condition* and *Using Requester Pays
//! general purpose buckets*.

use engine::Engine;
use http::{HeaderMap, HeaderName, HeaderValue};
use kernel::{BucketName, Caller};
use percent_encoding::percent_decode_str;

use crate::s3_error::{Failure, Mistake};

const EXPECTED: &str = "x-amz-expected-bucket-owner";
const EXPECTED_SOURCE: &str = "x-amz-source-expected-bucket-owner";
const COPY_SOURCE: &str = "x-amz-copy-source";
const PAYER: &str = "x-amz-request-payer";
const CHARGED: HeaderName = HeaderName::from_static("x-amz-request-charged");

/// Refuses a request that takes a bucket for somebody's whose it is not. `bucket` is the one that the request is for. What
/// there is not, the operation itself will miss. Costs nothing where nothing is expected.
pub(crate) async fn expect_owners(engine: &Engine, headers: &HeaderMap, bucket: Option<&str>) -> Result<(), Failure> {
    if let Some(owner) = headers.get(EXPECTED) {
        expect_owner(engine, bucket, owner).await?;
    }
    if let Some(owner) = headers.get(EXPECTED_SOURCE) {
        let source = headers.get(COPY_SOURCE).and_then(|source| source.to_str().ok()).map(source_bucket);
        expect_owner(engine, source.as_deref(), owner).await?;
    }
    Ok(())
}

async fn expect_owner(engine: &Engine, bucket: Option<&str>, owner: &HeaderValue) -> Result<(), Failure> {
    let named = owner.to_str().map_err(|_| Mistake::Owner)?;
    let Some(bucket) = bucket.and_then(|bucket| BucketName::new(bucket).ok()) else { return Ok(()) };
    if !named.is_empty() && engine.bucket_belongs_to(&bucket, named).await? == Some(false) {
        return Err(Mistake::Owner.into());
    }
    Ok(())
}

/// The bucket in the source of a copy.
fn source_bucket(source: &str) -> String {
    let path = percent_decode_str(source).decode_utf8_lossy();
    let path = path.strip_prefix('/').unwrap_or(&path);
    path.split('/').next().unwrap_or_default().to_owned()
}

/// The header that tells a caller that it pays for a request, where it does.
pub(crate) async fn charge(
    engine: &Engine,
    headers: &HeaderMap,
    caller: &Caller,
    bucket: Option<&str>,
) -> Result<Option<(HeaderName, HeaderValue)>, Failure> {
    if !headers.contains_key(PAYER) {
        return Ok(None);
    }
    let Some(bucket) = bucket.and_then(|bucket| BucketName::new(bucket).ok()) else { return Ok(None) };
    let pays = engine.pays(caller, &bucket).await?;
    Ok(pays.then(|| (CHARGED, HeaderValue::from_static("requester"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_of_a_copy_names_its_bucket_first() {
        for (source, bucket) in
            [("b/k", "b"), ("/b/k/l?versionId=1", "b"), ("b%2Fk", "b"), ("%2Fb%2Fk", "b"), ("", ""), ("b", "b")]
        {
            assert_eq!(source_bucket(source), bucket, "{source}");
        }
    }
}
