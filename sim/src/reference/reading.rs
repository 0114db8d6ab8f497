//! Reading: conditions, ranges, parts.

use bytes::Bytes;
use engine::{CopySource, GetObject, Selection};
use kernel::{EtagCondition, ReadCondition};

use super::{Object, Reference, Result};
use crate::operation::{Answer, Refusal};

impl Reference {
    pub(super) fn get(&self, get: &GetObject, with_body: bool) -> Result<Answer> {
        let version = self.found(get)?;
        let object = version.object.as_ref().ok_or(Refusal::NoVersion)?;
        judge(object, &get.condition)?;
        let range = select(object, get.selection)?;
        let (start, end) = range.unwrap_or((0, object.bytes.len() as u64));
        let body = with_body.then(|| object.bytes.slice(start as usize..end as usize));
        Ok(Answer::Read { known: object.known(version.name), range, body })
    }

    /// The object and the selected bytes of a copy's source. Where a plain read says that nothing changed, a copy fails;
    /// to name a marker as a source makes no sense.
    pub(super) fn source(&self, source: &CopySource, selection: Selection) -> Result<(Object, Bytes)> {
        let found = self.bucket_to_read(&source.bucket)?.find(&source.key, source.version);
        let version = found.map_err(|refusal| match refusal {
            Refusal::Marker(_) => Refusal::Senseless,
            other => other,
        })?;
        let object = version.object.as_ref().ok_or(Refusal::NoVersion)?;
        judge(object, &source.condition).map_err(|_| Refusal::Condition)?;
        let (start, end) = select(object, selection)?.unwrap_or((0, object.bytes.len() as u64));
        Ok((object.clone(), object.bytes.slice(start as usize..end as usize)))
    }
}

fn is_one_of(object: &Object, tags: &EtagCondition) -> bool {
    match tags {
        EtagCondition::Any => true,
        EtagCondition::OneOf(tags) => tags.contains(&object.etag),
    }
}

fn judge(object: &Object, condition: &ReadCondition) -> Result<()> {
    if condition.if_match.as_ref().is_some_and(|tags| !is_one_of(object, tags)) {
        return Err(Refusal::Condition);
    }
    if condition.if_none_match.as_ref().is_some_and(|tags| is_one_of(object, tags)) {
        return Err(Refusal::NotModified);
    }
    Ok(())
}

/// RFC 9110 §14 and the rules of `partNumber`: start and end, where not all was asked for.
fn select(object: &Object, selection: Selection) -> Result<Option<(u64, u64)>> {
    let bytes = object.bytes.len() as u64;
    match selection {
        Selection::All => Ok(None),
        Selection::From(start) if start < bytes => Ok(Some((start, bytes))),
        Selection::Between(start, last) if start < bytes && last < start => Ok(None),
        Selection::Between(start, last) if start < bytes => Ok(Some((start, bytes.min(last + 1)))),
        Selection::Suffix(count) if count > 0 && bytes > 0 => Ok(Some((bytes - count.min(bytes), bytes))),
        Selection::From(_) | Selection::Between(..) | Selection::Suffix(_) => Err(Refusal::Range),
        Selection::Part(number) => match &object.parts {
            None if number == 1 => Ok((bytes > 0).then_some((0, bytes))),
            None => Err(Refusal::NoPart),
            Some(parts) => {
                let place = parts.iter().position(|(part, _)| *part == number).ok_or(Refusal::NoPart)?;
                let start = parts[..place].iter().map(|(_, bytes)| bytes).sum::<u64>();
                Ok(Some((start, start + parts[place].1)))
            }
        },
    }
}
