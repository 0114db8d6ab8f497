//! A form taken apart as it comes: fields, the file, and what stands behind it.

use std::future::ready;
use std::pin::Pin;

use bytes::{Bytes, BytesMut};
use engine::BodyError;
use futures::stream::{self, BoxStream, Stream, StreamExt};
use s3s::Body;
use s3s_multipart::{Boundary, Error, Multipart, Part, parse_content_disposition};

use super::{FormFault, FormHead};

/// Names and values of all fields in front of the file together. S3 allows 20 KB.
const FIELDS_BYTES_MAX: usize = 64 << 10;
/// Parts of a form.
const PARTS_MAX: usize = 200;
/// The head of one part.
const HEAD_BYTES_MAX: usize = 8 << 10;
/// No key is longer.
const FILE_NAME_BYTES_MAX: usize = 1024;
/// What stands for the file's name in values. Source: Amazon S3 API, *POST Object*.
const FILE_NAME: &str = "${filename}";
const FIELDS_TOO_LONG: FormFault = FormFault::FieldsTooLong { max: FIELDS_BYTES_MAX };
const TOO_EARLY: &str = "it ends too early";

type Source = Pin<Box<dyn Stream<Item = Result<Bytes, Error>> + Send>>;

/// The fields in front of the file, in their order. Names are in lower case, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Fields(Vec<(String, String)>);

impl Fields {
    /// The value of the field of that name, in lower case.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// Names and values.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    fn add(&mut self, name: &str, value: String) -> Result<(), FormFault> {
        let name = name.to_ascii_lowercase();
        if self.get(&name).is_some() {
            return Err(FormFault::FieldTwice(name));
        }
        self.0.push((name, value));
        Ok(())
    }

    /// Puts the file's name where it is asked for. Browsers may send a path, of which the last step counts.
    fn name_file(&mut self, name: &str) -> Result<(), FormFault> {
        let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
        if name.len() > FILE_NAME_BYTES_MAX {
            return Err(FIELDS_TOO_LONG);
        }
        let uses: usize = self.iter().map(|(_, value)| value.matches(FILE_NAME).count()).sum();
        if uses * name.len() > FIELDS_BYTES_MAX {
            return Err(FIELDS_TOO_LONG);
        }
        for (_, value) in self.0.iter_mut().filter(|(_, value)| value.contains(FILE_NAME)) {
            *value = value.replace(FILE_NAME, name);
        }
        Ok(())
    }
}

#[cfg(test)]
impl<const N: usize> From<[(&str, &str); N]> for Fields {
    fn from(pairs: [(&str, &str); N]) -> Self {
        Self(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }
}

/// A form's file.
pub(crate) struct File {
    /// Its length.
    pub(crate) bytes: u64,
    /// Its bytes.
    pub(crate) stream: BoxStream<'static, Result<Bytes, BodyError>>,
}

/// A form that is about to be read.
pub(crate) struct Form {
    parser: Multipart<Source>,
    /// Of the whole form.
    bytes: u64,
    is_held: bool,
    /// Of what stands behind a file that comes last.
    end_bytes: u64,
    /// How many parts were begun.
    parts: usize,
}

impl Form {
    /// A form as its head announced it.
    ///
    /// # Errors
    /// [`FormFault::Malformed`] when RFC 2046 does not allow the boundary.
    pub(crate) fn new(body: Body, head: &FormHead) -> Result<Self, FormFault> {
        let boundary =
            Boundary::new(head.boundary.as_bytes()).map_err(|_| FormFault::Malformed("the boundary is not allowed"))?;
        let source = body.map(|piece| piece.map_err(Error::stream_read_failed));
        // RFC 2046 does not ask for a line end behind the last delimiter, but the parser does.
        let line_end = stream::once(ready(Ok(Bytes::from_static(b"\r\n"))));
        let source: Source = if head.is_held() { Box::pin(source.chain(line_end)) } else { Box::pin(source) };
        let end_bytes = "\r\n--".len() + boundary.len() + "--\r\n".len();
        let parser = Multipart::new(source, &boundary, HEAD_BYTES_MAX);
        Ok(Self { parser, bytes: head.bytes, is_held: head.is_held(), end_bytes: end_bytes as u64, parts: 0 })
    }

    /// Reads the fields, has them judged before a byte of the file is read, and hands over the judgement and the file.
    ///
    /// # Errors
    /// When the form is malformed or too much, has no file or, as far as it is read here, several; or the judgement's.
    pub(crate) async fn read<T, E, J>(mut self, judge: impl FnOnce(Fields) -> J) -> Result<(T, File), E>
    where
        E: From<FormFault>,
        J: Future<Output = Result<T, E>>,
    {
        let mut fields = Fields::default();
        let mut room = FIELDS_BYTES_MAX;
        loop {
            self.count_part()?;
            let mut part = match self.parser.next_part().await {
                Ok(Some(part)) => part,
                Ok(None) | Err(Error::StreamPartNotLast) => return Err(FormFault::Files.into()),
                Err(error) => return Err(malformed(error).into()),
            };
            let head = Head::read(&mut part).await?;
            if !head.is_file() {
                let value = value_of(&mut part, &mut room).await?;
                fields.add(&head.name, value)?;
                continue;
            }
            fields.name_file(&head.file_name)?;
            let judged = judge(fields).await?;
            let file = if self.is_held {
                let content = gather(part).await?;
                self.finish().await?;
                File { bytes: content.len() as u64, stream: stream::once(ready(Ok(content))).boxed() }
            } else {
                streamed(part, self.bytes, self.end_bytes)?
            };
            return Ok((judged, file));
        }
    }

    /// Reads what stands behind the file, which is ignored unless it is another file.
    async fn finish(mut self) -> Result<(), FormFault> {
        loop {
            self.count_part()?;
            let mut part = match self.parser.next_part().await {
                Ok(Some(part)) => part,
                // What stands behind the last delimiter is no part.
                Ok(None) | Err(Error::StreamPartNotLast) => return Ok(()),
                Err(error) => return Err(malformed(error)),
            };
            if Head::read(&mut part).await?.is_file() {
                return Err(FormFault::Files);
            }
        }
    }

    fn count_part(&mut self) -> Result<(), FormFault> {
        self.parts += 1;
        if self.parts > PARTS_MAX { Err(FIELDS_TOO_LONG) } else { Ok(()) }
    }
}

/// All of a file.
async fn gather(mut part: Part<'_, Source>) -> Result<Bytes, FormFault> {
    let mut content = BytesMut::new();
    while let Some(piece) = part.next_data().await.map_err(malformed)? {
        content.extend_from_slice(&piece);
    }
    Ok(content.freeze())
}

/// A file as it comes. Its length is what the form leaves for it if it is the last part; where it is not, the stream ends
/// in an error.
fn streamed(part: Part<'_, Source>, form_bytes: u64, end_bytes: u64) -> Result<File, FormFault> {
    let data = part.take_data_stream().map_err(malformed)?.into_final();
    let bytes = form_bytes.checked_sub(data.multipart_consumed()).and_then(|bytes| bytes.checked_sub(end_bytes));
    let bytes = bytes.ok_or(FormFault::Malformed(TOO_EARLY))?;
    Ok(File { bytes, stream: data.map(|piece| piece.map_err(|error| BodyError(Box::new(error)))).boxed() })
}

/// A part's head.
struct Head {
    name: String,
    file_name: String,
}

impl Head {
    async fn read(part: &mut Part<'_, Source>) -> Result<Self, FormFault> {
        let mut head = None;
        while let Some(header) = part.next_header().await.map_err(malformed)? {
            if head.is_none() && header.name.eq_ignore_ascii_case("content-disposition") {
                let named = parse_content_disposition(header.value);
                head = named.and_then(|named| Some((text(named.name?)?, text(named.file_name.unwrap_or_default())?)));
            }
        }
        match head {
            Some((name, file_name)) if !name.is_empty() => Ok(Self { name, file_name }),
            _ => Err(FormFault::Malformed("a part has no name")),
        }
    }

    fn is_file(&self) -> bool {
        self.name.eq_ignore_ascii_case("file")
    }
}

async fn value_of(part: &mut Part<'_, Source>, room: &mut usize) -> Result<String, FormFault> {
    let mut value = Vec::new();
    while let Some(piece) = part.next_data().await.map_err(malformed)? {
        *room = room.checked_sub(piece.len()).ok_or(FIELDS_TOO_LONG)?;
        value.extend_from_slice(&piece);
    }
    String::from_utf8(value).map_err(|_| FormFault::Malformed("a field is not UTF-8"))
}

fn text(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).ok().map(str::to_owned)
}

/// A form of which the source failed is malformed here; the front, which watches the source, knows better.
fn malformed(error: Error) -> FormFault {
    match error {
        Error::HeaderSizeExceeded { .. } => FIELDS_TOO_LONG,
        error => FormFault::Malformed(said(&error)),
    }
}

/// What is wrong, for people.
pub(crate) fn said(error: &Error) -> &'static str {
    match error {
        Error::IncompleteStream | Error::IncompleteStreamPart => TOO_EARLY,
        Error::StreamPartNotLast => "in a form as long as this one, the file must be the last field",
        _ => "a part cannot be read",
    }
}

#[cfg(test)]
mod tests;
