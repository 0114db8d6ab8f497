//! Bytes on their way in and out.

use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use engine::{Body, BodyError, Bytestream, Trailer};
use futures::stream::{self, Stream, StreamExt};
use http::{HeaderMap, HeaderName};
use kernel::ChecksumAlgorithm;
use s3s::dto::StreamingBlob;
use s3s::stream::{ByteStream, RemainingLength};
use s3s::{StdError, TrailingHeaders};

use super::checksums;
use crate::s3_error::{Mistake, TrailerUnexpected};

/// A client's body, and the checksum algorithm that its headers name for storing.
pub(crate) fn incoming(
    blob: Option<StreamingBlob>,
    content_length: Option<i64>,
    headers: &HeaderMap,
    trailing: Option<TrailingHeaders>,
) -> Result<(Body, Option<ChecksumAlgorithm>), Mistake> {
    let blob = blob.unwrap_or_else(|| StreamingBlob::from_bytes(Bytes::new()));
    // s3s has put the decoded length in the place of the encoded one.
    let bytes = content_length
        .and_then(|bytes| u64::try_from(bytes).ok())
        .or_else(|| blob.remaining_length().exact().map(|bytes| bytes as u64))
        .ok_or(Mistake::LengthMissing)?;
    let announced = checksums::announced(headers)?;
    let trailer_name = announced.trailer.map(checksums::header_of);
    let watched = trailing.clone().map(|trailing| (trailing, trailer_name));
    let body = Body {
        stream: blob.map(|chunk| chunk.map_err(BodyError)).chain(unexpected(watched)).boxed(),
        bytes,
        md5: checksums::content_md5(headers)?,
        checksums: announced.value.into_iter().collect(),
        trailer: announced.trailer.map(|algorithm| (algorithm, trailer(algorithm, trailing))),
    };
    Ok((body, announced.named))
}

/// Reads the announced trailer. It is there once the body has ended.
fn trailer(algorithm: ChecksumAlgorithm, trailing: Option<TrailingHeaders>) -> Trailer {
    Box::new(move || {
        let trailers = trailing?.take()?;
        checksums::decode(algorithm, trailers.get(checksums::header_of(algorithm))?.to_str().ok()?)
    })
}

/// Behind the last byte: nothing, or an error when another trailer came than the one that was announced.
fn unexpected(
    watched: Option<(TrailingHeaders, Option<String>)>,
) -> impl Stream<Item = Result<Bytes, BodyError>> + Send + 'static {
    let judged = stream::once(async move {
        let (trailing, announced) = watched?;
        let name = trailing.read(|trailers| first_unexpected(trailers, announced.as_deref()))??;
        Some(Err(BodyError(Box::new(TrailerUnexpected { name }))))
    });
    judged.filter_map(std::future::ready)
}

fn first_unexpected(trailers: &HeaderMap, announced: Option<&str>) -> Option<String> {
    let is_expected =
        |name: &HeaderName| Some(name.as_str()) == announced && trailers.get_all(name).iter().nth(1).is_none();
    trailers.keys().find(|name| !is_expected(name)).map(|name| name.as_str().to_owned())
}

/// An object's bytes for an answer of exactly `bytes` bytes.
pub(crate) fn outgoing(stream: Bytestream, bytes: u64) -> StreamingBlob {
    StreamingBlob::new(Outgoing { stream: Mutex::new(stream), bytes_left: bytes })
}

/// s3s wants its streams `Sync`. The mutex makes this one so and is never locked: polling holds it alone.
struct Outgoing {
    stream: Mutex<Bytestream>,
    bytes_left: u64,
}

impl Stream for Outgoing {
    type Item = Result<Bytes, StdError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let stream = this.stream.get_mut().unwrap_or_else(PoisonError::into_inner);
        let item = std::task::ready!(stream.as_mut().poll_next(cx));
        Poll::Ready(item.map(|chunk| {
            let chunk = chunk?;
            this.bytes_left = this.bytes_left.saturating_sub(chunk.len() as u64);
            Ok(chunk)
        }))
    }
}

impl ByteStream for Outgoing {
    fn remaining_length(&self) -> RemainingLength {
        usize::try_from(self.bytes_left).map_or_else(|_| RemainingLength::unknown(), RemainingLength::new_exact)
    }
}

#[cfg(test)]
mod tests {
    use futures::TryStreamExt;
    use http::HeaderValue;

    use super::*;

    fn map(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        map
    }

    #[tokio::test]
    async fn a_body_needs_a_length() {
        let unsized_blob = || StreamingBlob::wrap(stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"abc"))]));
        let none = HeaderMap::new();
        assert!(matches!(incoming(Some(unsized_blob()), None, &none, None), Err(Mistake::LengthMissing)));
        assert!(matches!(incoming(Some(unsized_blob()), Some(-1), &none, None), Err(Mistake::LengthMissing)));
        let (body, named) = incoming(Some(unsized_blob()), Some(3), &none, None).expect("a body");
        assert_eq!((body.bytes, named), (3, None));
        let (body, _) = incoming(None, None, &none, None).expect("a body");
        assert_eq!(body.bytes, 0);
        let (body, _) =
            incoming(Some(StreamingBlob::from_bytes(Bytes::from_static(b"abcd"))), None, &none, None).expect("a body");
        assert_eq!(body.bytes, 4);
        let came: Vec<Bytes> = body.stream.try_collect().await.expect("bytes");
        assert_eq!(came.concat(), b"abcd");
    }

    #[test]
    fn a_trailer_that_cannot_come_is_missing() {
        let headers = map(&[("x-amz-trailer", "x-amz-checksum-crc32")]);
        let (body, named) = incoming(None, Some(0), &headers, None).expect("a body");
        assert_eq!(named, Some(ChecksumAlgorithm::Crc32));
        let (algorithm, read) = body.trailer.expect("announced");
        assert_eq!((algorithm, read()), (ChecksumAlgorithm::Crc32, None));
    }

    #[test]
    fn only_the_announced_trailer_may_come_and_once() {
        let crc32 = ("x-amz-checksum-crc32", "AAAAAA==");
        let table = [
            (map(&[crc32]), Some("x-amz-checksum-crc32"), None),
            (map(&[]), Some("x-amz-checksum-crc32"), None),
            (map(&[]), None, None),
            (map(&[crc32]), None, Some("x-amz-checksum-crc32")),
            (map(&[crc32, crc32]), Some("x-amz-checksum-crc32"), Some("x-amz-checksum-crc32")),
            (map(&[crc32]), Some("x-amz-checksum-sha1"), Some("x-amz-checksum-crc32")),
            (map(&[crc32, ("authorization", "x")]), Some("x-amz-checksum-crc32"), Some("authorization")),
        ];
        for (trailers, announced, expected) in table {
            assert_eq!(first_unexpected(&trailers, announced).as_deref(), expected, "{trailers:?}");
        }
    }

    #[tokio::test]
    async fn answers_know_how_much_is_left() {
        let chunks = [Ok(Bytes::from_static(b"abc")), Ok(Bytes::from_static(b"de"))];
        let mut blob = outgoing(stream::iter(chunks).boxed(), 5);
        assert_eq!(blob.remaining_length().exact(), Some(5));
        let first = blob.next().await.expect("a chunk").expect("bytes");
        assert_eq!((first.as_ref(), blob.remaining_length().exact()), (&b"abc"[..], Some(2)));
        blob.next().await.expect("a chunk").expect("bytes");
        assert!(blob.next().await.is_none());
    }

    #[tokio::test]
    async fn an_answer_breaks_off_where_its_bytes_do() {
        let chunks = [Ok(Bytes::from_static(b"abc")), Err(engine::Error::Busy)];
        let mut blob = outgoing(stream::iter(chunks).boxed(), 5);
        assert!(blob.next().await.is_some_and(|chunk| chunk.is_ok()));
        assert!(blob.next().await.is_some_and(|chunk| chunk.is_err()));
    }
}
