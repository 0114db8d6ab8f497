//! Many objects in one request: `POST /{bucket}?batch`, a document of keys in, a stream of objects out.
//!
//! Not of S3: a loader of training data reads objects so small that asking for each costs more than reading it. A member is
//! read by the rules of `GetObject`, and one that cannot be had says so in its place, in S3's words. The answer begins
//! before the last member is looked up, so it is always `200`; it is complete only with its end (two empty blocks, or the
//! closing boundary), and breaks off where a member that was begun cannot be finished.

mod answer;
mod document;
mod form;
mod member;
mod parts;
mod tar;

use std::sync::Arc;

use engine::{BatchRead, Engine};
use futures::TryStreamExt;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, Method};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use kernel::{Caller, Entropy};
use s3s::{Body, S3Request, S3Response};

use crate::front::query;
use crate::front::trace::RequestTrace;
use crate::s3::parties;
use crate::s3_error::{Failure, Mistake};
use crate::translate::{as_of, names, unhonoured};
use crate::virtual_host::Place;
use form::Form;

/// What meters and logs call it.
pub(crate) const OPERATION: &str = "BatchRead";

/// The bucket that a request wants to read many objects of, as it names it; none where it wants something else.
pub(crate) fn claimed(parts: &Parts, place: &Place) -> Option<String> {
    if parts.method != Method::POST || !query::has(parts.uri.query(), "batch") {
        return None;
    }
    let path = parts.uri.path().trim_start_matches('/');
    match place {
        Place::Bucket(bucket) => path.is_empty().then(|| bucket.clone()),
        Place::Path => {
            let bucket = path.strip_suffix('/').unwrap_or(path);
            (!bucket.is_empty() && !bucket.contains('/')).then(|| bucket.to_owned())
        }
        Place::Website(_) => None,
    }
}

/// Answers batch reads.
pub(crate) struct Batches {
    pub(crate) engine: Arc<Engine>,
    pub(crate) entropy: Arc<dyn Entropy>,
}

impl Batches {
    /// Answers a batch read of `bucket`. The answer goes on after this returns.
    pub(super) async fn read(
        &self,
        bucket: &str,
        caller: &Caller,
        request: S3Request<Body>,
        trace: &RequestTrace,
    ) -> Result<S3Response<Body>, Failure> {
        unhonoured::refuse(&request.headers)?;
        parties::expect_owners(&self.engine, &request.headers, Some(bucket)).await?;
        let as_of = as_of::asked(&request.headers)?;
        let form = Form::wanted(&request.headers, hex::encode(self.entropy.array::<16>()))?;
        let bucket = names::bucket(bucket)?;
        // The doorman bounds documents and holds their bytes against the request.
        let text = request.input.collect().await.map_err(|_| Mistake::Request("the document broke off".to_owned()))?;
        let members = document::read(&text.to_bytes())?;
        let keys = members.iter().map(|member| member.key.clone()).collect();
        let reads = self.engine.read_batch(caller, BatchRead { bucket, members, as_of }).await?;
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, form.content_type())]);
        let frames = answer::framed(form, keys, reads, trace.id().to_owned()).map_ok(Frame::data);
        Ok(S3Response::with_headers(Body::http_body_unsync(StreamBody::new(frames)), headers))
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[test]
    fn a_batch_is_posted_to_a_bucket() {
        let claim = |method: &str, uri: &str, place: Place| {
            let request = Request::builder().method(method).uri(uri).body(());
            claimed(&request.expect("a request").into_parts().0, &place)
        };
        let hosted = || Place::Bucket("hosted".to_owned());
        for (uri, place, expected) in [
            ("/b?batch", Place::Path, Some("b")),
            ("/b/?batch=", Place::Path, Some("b")),
            ("/b?X-Amz-Date=d&batch=", Place::Path, Some("b")),
            ("/?batch", hosted(), Some("hosted")),
            ("/?batch", Place::Path, None),
            ("/b/k?batch", Place::Path, None),
            ("/b?batch", hosted(), None),
            ("/b?Batch", Place::Path, None),
            ("/b?delete", Place::Path, None),
        ] {
            assert_eq!(claim("POST", uri, place).as_deref(), expected, "{uri}");
        }
        assert_eq!(claim("GET", "/b?batch", Place::Path), None);
        assert_eq!(claim("POST", "/?batch", Place::Website("b".to_owned())), None);
    }
}
