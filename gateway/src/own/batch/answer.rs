//! The answer on its way out: members framed one after the other, joined to runs where they are short.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use engine::{Bytestream, Error, ObjectRead};
use futures::stream::{self, BoxStream, Stream, StreamExt};
use kernel::ObjectKey;

use super::form::Form;
use super::member::{Object, Refused};
use crate::s3_error::{self, Failure};

/// Bytes that are sent at once, where they are there.
const RUN_BYTES: usize = 64 << 10;

/// The bytes of the answer: the members of `keys` as `reads` gives them, in its order. Ends at the first error: what stands
/// in the way of the rest of a body stands in the way of the rest of the answer, since a member once begun cannot be
/// taken back.
pub(super) fn framed(
    form: Form,
    keys: Vec<ObjectKey>,
    reads: BoxStream<'static, Result<ObjectRead, Error>>,
    request_id: String,
) -> impl Stream<Item = Result<Bytes, Error>> + Send + 'static {
    let end = form.end();
    let members = reads.zip(stream::iter(keys)).map(move |(read, key)| match read {
        Ok(ObjectRead { info, body }) => {
            let object = Object::new(&info);
            let (head, tail) = (form.head(&key, &object), form.tail(object.bytes));
            let body = exactly(body, object.bytes);
            stream::iter([Ok(head)]).chain(body).chain(stream::iter([Ok(tail)])).boxed()
        }
        Err(error) => {
            let failure = Failure::from(error);
            s3_error::report(&failure, &request_id);
            stream::iter([Ok(form.refusal(&key, &Refused::new(failure)))]).boxed()
        }
    });
    Joined::new(members.flatten().chain(stream::iter([Ok(end)])))
}

/// A body of exactly so many bytes, or an error: fewer would make what follows look like its rest.
fn exactly(body: Bytestream, bytes: u64) -> impl Stream<Item = Result<Bytes, Error>> + Send + 'static {
    let differs = || Error::Bug("a body has another length than its facts say");
    let counted = body.map(Some).chain(stream::iter([None])).scan(Some(bytes), move |state, item| {
        let Some(left) = *state else { return std::future::ready(None) };
        let (after, item) = match item {
            Some(Ok(run)) => match left.checked_sub(run.len() as u64) {
                Some(rest) => (Some(rest), Some(Ok(run))),
                None => (None, Some(Err(differs()))),
            },
            Some(Err(error)) => (None, Some(Err(error))),
            None => (None, (left > 0).then(|| Err(differs()))),
        };
        *state = after;
        std::future::ready(Some(item))
    });
    counted.filter_map(std::future::ready)
}

/// Joins short runs that are there already: ten thousand short members are not worth thirty thousand writes. What is there
/// is never held back for what is not, and long runs pass as they are.
struct Joined<S> {
    runs: S,
    held: BytesMut,
    /// What comes behind what is held.
    next: Option<Result<Bytes, Error>>,
    ended: bool,
}

impl<S> Joined<S> {
    fn new(runs: S) -> Self {
        Self { runs, held: BytesMut::new(), next: None, ended: false }
    }
}

impl<S: Stream<Item = Result<Bytes, Error>> + Unpin> Stream for Joined<S> {
    type Item = Result<Bytes, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        while this.next.is_none() && !this.ended && this.held.len() < RUN_BYTES {
            match this.runs.poll_next_unpin(cx) {
                Poll::Pending if this.held.is_empty() => return Poll::Pending,
                Poll::Pending => break,
                Poll::Ready(None) => this.ended = true,
                Poll::Ready(Some(Ok(run))) if run.len() < RUN_BYTES => this.held.extend_from_slice(&run),
                Poll::Ready(Some(run)) => {
                    this.ended = run.is_err();
                    this.next = Some(run);
                }
            }
        }
        if this.held.is_empty() {
            return Poll::Ready(this.next.take());
        }
        Poll::Ready(Some(Ok(this.held.split().freeze())))
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use futures::channel::mpsc;

    use super::*;

    fn run(bytes: usize) -> Result<Bytes, Error> {
        Ok(vec![7; bytes].into())
    }

    fn lengths(items: Vec<Result<Bytes, Error>>) -> Vec<Option<usize>> {
        items.into_iter().map(|item| item.ok().map(|run| run.len())).collect()
    }

    fn all(runs: Vec<Result<Bytes, Error>>) -> Vec<Option<usize>> {
        lengths(Joined::new(stream::iter(runs)).collect::<Vec<_>>().now_or_never().expect("all is there"))
    }

    #[test]
    fn short_runs_are_joined_and_long_ones_pass() {
        assert_eq!(all(vec![]), []);
        assert_eq!(all(vec![run(0)]), []);
        assert_eq!(all(vec![run(1), run(2), run(0), run(3)]), [Some(6)]);
        assert_eq!(all(vec![run(1), run(RUN_BYTES), run(2)]), [Some(1), Some(RUN_BYTES), Some(2)]);
        let many: Vec<_> = all((0..100).map(|_| run(5_000)).collect());
        assert_eq!(many.iter().flatten().sum::<usize>(), 500_000);
        assert!(many.len() == 8 && many.iter().flatten().all(|bytes| *bytes < RUN_BYTES + 5_000));
    }

    #[test]
    fn nothing_follows_an_error_but_all_that_came_before_it_goes_out() {
        assert_eq!(all(vec![run(1), run(2), Err(Error::Busy), run(4)]), [Some(3), None]);
        assert_eq!(all(vec![Err(Error::Busy), run(4)]), [None]);
    }

    #[test]
    fn what_is_there_does_not_wait_for_what_is_not() {
        let (sender, receiver) = mpsc::unbounded();
        let mut joined = Joined::new(receiver);
        assert!(joined.next().now_or_never().is_none());
        for _ in 0..2 {
            sender.unbounded_send(run(10)).expect("open");
            sender.unbounded_send(run(10)).expect("open");
            let item = joined.next().now_or_never().expect("bytes are there").expect("bytes");
            assert_eq!(item.map(|run| run.len()).ok(), Some(20));
            assert!(joined.next().now_or_never().is_none());
        }
        drop(sender);
        assert!(joined.next().now_or_never().expect("the end").is_none());
    }

    #[test]
    fn a_body_of_another_length_than_announced_is_an_error() {
        for (runs, bytes, expected) in [
            (vec![run(3), run(4)], 7, vec![Some(3), Some(4)]),
            (vec![], 0, vec![]),
            (vec![run(3)], 7, vec![Some(3), None]),
            (vec![run(3), run(5)], 7, vec![Some(3), None]),
            (vec![], 1, vec![None]),
        ] {
            let counted = exactly(stream::iter(runs).boxed(), bytes);
            assert_eq!(lengths(counted.collect::<Vec<_>>().now_or_never().expect("all is there")), expected);
        }
        let broken = exactly(stream::iter([run(3), Err(Error::Busy)]).boxed(), 7);
        let broken: Vec<_> = broken.collect::<Vec<_>>().now_or_never().expect("all is there");
        assert!(matches!(broken[..], [Ok(_), Err(Error::Busy)]));
    }
}
