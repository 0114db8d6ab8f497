//! Bytes that must be text: they pass as long as they are UTF-8, and end in an error where they are not.

use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};

use crate::{Error, Fault, Result};

/// The longest character that may be cut by a chunk's end, less its last byte.
const CUT_BYTES_MAX: usize = 3;

/// What is known of a text after some of its bytes.
#[derive(Debug, Default)]
struct Watch {
    /// The first bytes of a character whose others have not come yet.
    cut: Vec<u8>,
}

impl Watch {
    /// Whether the text can still be UTF-8 with these bytes behind it.
    fn take(&mut self, mut bytes: &[u8]) -> bool {
        while !self.cut.is_empty() {
            let Some((next, rest)) = bytes.split_first() else {
                return true;
            };
            self.cut.push(*next);
            bytes = rest;
            match std::str::from_utf8(&self.cut) {
                Ok(_) => self.cut.clear(),
                Err(error) if error.error_len().is_some() || self.cut.len() > CUT_BYTES_MAX => return false,
                Err(_) => {}
            }
        }
        match std::str::from_utf8(bytes) {
            Ok(_) => true,
            Err(error) if error.error_len().is_some() => false,
            Err(error) => {
                self.cut.extend_from_slice(bytes.get(error.valid_up_to()..).unwrap_or_default());
                true
            }
        }
    }
}

/// Passes a body on. Where it is no UTF-8, or ends within a character, an error ends it.
pub(super) fn verified(body: BoxStream<'static, Result<Bytes>>) -> BoxStream<'static, Result<Bytes>> {
    let not_text = || Some(Err(Error::Invalid(Fault::NotText)));
    let mut watch = Watch::default();
    let judged = body.map(Some).chain(stream::iter([None])).map(move |chunk| match chunk {
        Some(Ok(bytes)) if !watch.take(&bytes) => not_text(),
        None if !watch.cut.is_empty() => not_text(),
        chunk => chunk,
    });
    judged.filter_map(std::future::ready).boxed()
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt, TryStreamExt};

    use super::*;

    fn pass(chunks: impl IntoIterator<Item = Result<Bytes>>) -> Result<Vec<Bytes>> {
        let chunks: Vec<_> = chunks.into_iter().collect();
        let passed = verified(stream::iter(chunks).boxed()).try_collect().now_or_never();
        passed.expect("nothing to wait for")
    }

    fn passes(body: &[u8], chunk_bytes: usize) -> bool {
        match pass(body.chunks(chunk_bytes).map(|chunk| Ok(Bytes::copy_from_slice(chunk)))) {
            Ok(passed) => {
                assert_eq!(passed.concat(), body);
                true
            }
            Err(Error::Invalid(Fault::NotText)) => false,
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn bytes_are_judged_in_chunks_as_they_would_be_whole() {
        // One byte of each kind that UTF-8 tells apart: every sequence of five, cut in every way.
        const KINDS: [u8; 9] = [0x41, 0x80, 0x9f, 0xa0, 0xc3, 0xe0, 0xed, 0xf0, 0xf5];
        let mut texts = 0;
        for number in 0..KINDS.len().pow(5) {
            let body: Vec<u8> = (0..5).map(|place| KINDS[number / KINDS.len().pow(place) % KINDS.len()]).collect();
            let is_text = std::str::from_utf8(&body).is_ok();
            texts += usize::from(is_text);
            for chunk_bytes in 1..=5 {
                assert_eq!(passes(&body, chunk_bytes), is_text, "{body:x?} in chunks of {chunk_bytes}");
            }
        }
        assert!(texts > 50, "among them are texts");
        assert!(passes("θ und 温度, 🌬️".as_bytes(), 1) && passes(b"", 1));
    }

    #[test]
    fn what_goes_wrong_on_the_way_stays_what_it_is() {
        let passed = pass([Ok(Bytes::from_static(b"a")), Err(Error::Busy)]);
        assert!(matches!(passed, Err(Error::Busy)));
    }
}
