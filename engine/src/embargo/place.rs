//! Places where listings go on that ended for what they passed over.
//!
//! Such a place is the row of something that is hidden from whoever lists. So it goes out sealed, and all sealed places are
//! as long as each other: that of the longest key. It opens for the kind of listing and the bucket that it was given for,
//! and nobody else can make one. Where a text does not open it is a name that somebody chose.

use metadata::{Bucket, Resume};

use crate::{Engine, Error, Result};

/// How sealed places begin, so that other names are not tried.
const BEGINNING: &str = "lake-place.";
/// Bytes of a place, with those that fill it up: more than any row's name has.
const BYTES: usize = 1_088;

/// What is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listed {
    Objects,
    Past,
    Versions,
    Uploads,
}

fn purpose(listed: Listed, bucket: &Bucket) -> String {
    format!("place of {listed:?} in bucket {}", bucket.id.0)
}

/// The bytes of a row's name, filled up: length, name, zeros.
fn filled(Resume(row): &Resume) -> Option<Vec<u8>> {
    let length = u16::try_from(row.len()).ok()?;
    let mut bytes = [&length.to_be_bytes()[..], row].concat();
    let is_short = bytes.len() <= BYTES;
    bytes.resize(BYTES, 0);
    is_short.then_some(bytes)
}

fn emptied(bytes: &[u8]) -> Option<Resume> {
    let (length, row) = bytes.split_first_chunk()?;
    Some(Resume(row.get(..usize::from(u16::from_be_bytes(*length)))?.to_vec()))
}

impl Engine {
    /// A place, if there is one, as it may be shown to anybody.
    pub(crate) fn place_of(&self, listed: Listed, bucket: &Bucket, place: Option<&Resume>) -> Result<Option<String>> {
        let Some(place) = place else { return Ok(None) };
        let key = self.identities.session_key.get().ok_or(Error::Bug("a listing before the lake was open"))?;
        let bytes = filled(place).ok_or(Error::Bug("a row whose name is too long"))?;
        Ok(Some(format!("{BEGINNING}{}", key.seal(&*self.entropy, &purpose(listed, bucket), &bytes))))
    }

    /// The place in a text that was sealed here for such a listing; none for any other text.
    pub(crate) fn opened_place(&self, listed: Listed, bucket: &Bucket, text: Option<&str>) -> Option<Resume> {
        let sealed = text?.strip_prefix(BEGINNING)?;
        emptied(&self.identities.session_key.get()?.open(&purpose(listed, bucket), sealed)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_and_are_as_long_as_each_other() {
        for length in [0, 1, 9, 8 + 1024 + 1 + 16] {
            let place = Resume((0..length).map(|byte| byte as u8).collect());
            let bytes = filled(&place).expect("no row's name is longer");
            assert_eq!((bytes.len(), emptied(&bytes)), (BYTES, Some(place)));
        }
        assert_eq!(filled(&Resume(vec![1; BYTES])), None);
        for bad in [&[][..], &[0], &[0, 2, 1], &[255, 255, 1]] {
            assert_eq!(emptied(bad), None, "{bad:?}");
        }
    }
}
