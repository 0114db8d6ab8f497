use std::io;

use bytes::Bytes;
use futures::TryStreamExt;
use futures::stream;
use proptest::prelude::*;
use s3s::dto::StreamingBlob;

use super::*;

const FILE: (&str, &str) = ("file\"; filename=\"photo.jpg", "content");

/// A form of parts: what stands behind `name="`, and the content.
fn form(parts: &[(&str, &str)]) -> String {
    let parts: String = parts
        .iter()
        .map(|(name, content)| {
            format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\nX-Other: 1\r\n\r\n{content}\r\n")
        })
        .collect();
    format!("{parts}--b--\r\n")
}

fn body_of(form: &str, step: usize) -> Body {
    let pieces: Vec<_> =
        form.as_bytes().chunks(step.max(1)).map(|piece| Ok::<_, io::Error>(Bytes::copy_from_slice(piece))).collect();
    Body::from(StreamingBlob::wrap(stream::iter(pieces)))
}

/// What is read of a form whose head says it has `bytes` bytes, and which comes `step` bytes at a time.
async fn read_as(form: &str, bytes: u64, step: usize) -> Result<(Vec<(String, String)>, String), FormFault> {
    let head = FormHead { boundary: "b".into(), bucket: "b".into(), bytes, address: String::new() };
    let judge = async |fields: Fields| Ok(fields);
    let (fields, file): (_, File) = Form::new(body_of(form, step), &head)?.read::<_, FormFault, _>(judge).await?;
    let content: Vec<Bytes> = file.stream.try_collect().await.map_err(|_| FormFault::Malformed("the stream broke"))?;
    let content = String::from_utf8(content.concat()).expect("text");
    assert_eq!(content.len() as u64, file.bytes);
    Ok((fields.0, content))
}

async fn read(parts: &[(&str, &str)]) -> Result<(Vec<(String, String)>, String), FormFault> {
    let form = form(parts);
    read_as(&form, form.len() as u64, 4096).await
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[tokio::test]
async fn names_are_lower_case() {
    let parts = [("Key", "k"), ("aCl\"; filename=\"aCl", "private"), FILE];
    assert_eq!(read(&parts).await, Ok((vec![pair("key", "k"), pair("acl", "private")], "content".into())));
}

#[tokio::test]
async fn what_stands_behind_the_file_is_ignored() {
    let parts = [("key", "k"), FILE, ("submit", "Upload"), ("key", "another")];
    assert_eq!(read(&parts).await, Ok((vec![pair("key", "k")], "content".into())));
}

#[tokio::test]
async fn there_is_one_file() {
    for parts in [&[("key", "k")][..], &[], &[FILE, FILE], &[FILE, ("submit", ""), ("FILE", "")]] {
        assert_eq!(read(parts).await, Err(FormFault::Files), "{parts:?}");
    }
    assert_eq!(read(&[("file", "")]).await, Ok((vec![], String::new())));
}

#[tokio::test]
async fn fields_stand_once_and_are_text() {
    assert_eq!(read(&[("key", "a"), ("KEY", "b"), FILE]).await, Err(FormFault::FieldTwice("key".into())));
    assert!(matches!(read(&[("", "a"), FILE]).await, Err(FormFault::Malformed(_))));
    let nameless = "--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b--\r\n";
    assert!(matches!(read_as(nameless, nameless.len() as u64, 9).await, Err(FormFault::Malformed(_))));
    let bytes = [form(&[("key", "k")]).trim_end_matches("k\r\n--b--\r\n").as_bytes(), b"\xff\r\n--b--\r\n"].concat();
    let head = FormHead { boundary: "b".into(), bucket: "b".into(), bytes: bytes.len() as u64, address: String::new() };
    let judge = async |fields: Fields| Ok::<_, FormFault>(fields);
    let told = Form::new(Body::from(Bytes::from(bytes)), &head).expect("a form").read(judge).await;
    assert_eq!(told.map(|(fields, _)| fields), Err(FormFault::Malformed("a field is not UTF-8")));
}

#[tokio::test]
async fn the_files_name_is_its_last_step() {
    for (given, expected) in [
        ("photo.jpg", "up/photo.jpg"),
        ("a/b/photo.jpg", "up/photo.jpg"),
        ("C:\\Program Files\\photo.jpg", "up/photo.jpg"),
        ("../../etc/passwd", "up/passwd"),
        ("..", "up/.."),
        ("a/", "up/"),
        ("", "up/"),
        ("ü b", "up/ü b"),
    ] {
        let file = format!("file\"; filename=\"{given}");
        let told = read(&[("key", "up/${filename}"), ("x-amz-meta-n", "${filename}|${filename}"), (&file, "")]).await;
        let name = expected.trim_start_matches("up/");
        assert_eq!(
            told.map(|(fields, _)| fields),
            Ok(vec![pair("key", expected), pair("x-amz-meta-n", &format!("{name}|{name}"))]),
            "{given}"
        );
    }
}

#[tokio::test]
async fn fields_are_bounded() {
    let long = "v".repeat(FIELDS_BYTES_MAX);
    assert!(read(&[("a", &long), FILE]).await.is_ok());
    assert_eq!(read(&[("a", &long), ("b", "1"), FILE]).await, Err(FIELDS_TOO_LONG));
    let names: Vec<String> = (0..PARTS_MAX).map(|number| format!("x-{number}")).collect();
    let many: Vec<_> = names.iter().map(|name| (name.as_str(), "")).chain([FILE]).collect();
    assert_eq!(read(&many).await, Err(FIELDS_TOO_LONG));
    let behind: Vec<_> = [FILE].into_iter().chain(std::iter::repeat_n(("a", ""), PARTS_MAX)).collect();
    assert_eq!(read(&behind).await, Err(FIELDS_TOO_LONG));
    let name = format!("file\"; filename=\"{}", "n".repeat(1000));
    let greedy = FILE_NAME.repeat(100);
    assert_eq!(read(&[("a", &greedy), (&name, "")]).await, Err(FIELDS_TOO_LONG));
    let endless = format!("file\"; filename=\"{}", "n".repeat(9000));
    assert_eq!(read(&[(&endless, "")]).await, Err(FIELDS_TOO_LONG));
}

#[tokio::test]
async fn a_form_that_ends_too_early_is_none() {
    let whole = form(&[("key", "k"), FILE]);
    for end in 0..whole.len() - "\r\n".len() {
        let told = read_as(&whole[..end], whole.len() as u64, 7).await;
        assert!(matches!(told, Err(FormFault::Malformed(_) | FormFault::Files)), "{end}: {told:?}");
    }
    for end in ["--b--", "--b--\r\n", "--b--  \r\n", "--b--\r\n\r\nan epilogue"] {
        let form = whole.replace("--b--\r\n", end);
        assert!(read_as(&form, form.len() as u64, 7).await.is_ok(), "{end:?}");
    }
}

/// What is read of a form that is too long to be held: the file's length, its content, and the error it ends in.
async fn streamed_form(parts: &[(&str, &str)]) -> Result<(u64, Vec<u8>, Option<String>), FormFault> {
    let form = form(parts);
    let mut reading = Form::new(
        body_of(&form, 5),
        // So long that it is not held.
        &FormHead { boundary: "b".into(), bucket: "b".into(), bytes: 1 << 40, address: String::new() },
    )?;
    reading.bytes = form.len() as u64;
    let judge = async |fields: Fields| Ok::<_, FormFault>(fields);
    let (_, mut file) = reading.read(judge).await?;
    let (mut content, mut error) = (Vec::new(), None);
    while let Some(piece) = file.stream.next().await {
        match piece {
            Ok(piece) => content.extend_from_slice(&piece),
            Err(fault) => error = Some(fault.to_string()),
        }
    }
    Ok((file.bytes, content, error))
}

#[tokio::test]
async fn a_long_form_ends_with_its_file() {
    assert_eq!(streamed_form(&[("key", "k"), FILE]).await, Ok((7, b"content".to_vec(), None)));
    assert_eq!(streamed_form(&[("file", "")]).await, Ok((0, vec![], None)));
    let (bytes, content, error) = streamed_form(&[FILE, ("submit", "x")]).await.expect("read");
    assert!(bytes > content.len() as u64 && error.is_some());
}

proptest! {
    /// However a form is cut on its way, and whatever looks like its end in its content.
    #[test]
    fn the_cut_of_the_pieces_does_not_matter(
        value in "[a-z\r\n-]{0,40}", content in "[b\r\n-]{0,200}", step in 1usize..50,
    ) {
        let (value, content) = (value.replace("\r\n--b", ""), content.replace("\r\n--b", ""));
        let form = form(&[("x-amz-meta-a", &value), ("file", &content)]);
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let told = runtime.block_on(read_as(&form, form.len() as u64, step));
        prop_assert_eq!(told, Ok((vec![pair("x-amz-meta-a", &value)], content)));
    }
}
