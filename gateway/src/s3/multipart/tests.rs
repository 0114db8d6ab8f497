use super::*;

const ID: &str = "0190a1b2c3d4e5f60718293a4b5c6d7e";
const TAG: &str = "00112233445566778899aabbccddeeff";

fn part(number: Option<i32>, etag: Option<&str>) -> CompletedPart {
    CompletedPart {
        part_number: number,
        e_tag: etag.map(|etag| ETag::Strong(etag.to_owned())),
        ..CompletedPart::default()
    }
}

fn input(id: &str, parts: Vec<CompletedPart>) -> CompleteMultipartUploadInput {
    let mut builder = CompleteMultipartUploadInput::builder();
    builder.set_bucket("bucket".to_owned());
    builder.set_key("key".to_owned());
    builder.set_upload_id(id.to_owned());
    builder.set_multipart_upload(Some(CompletedMultipartUpload { parts: Some(parts) }));
    builder.build().expect("an input")
}

fn completed(parts: Vec<CompletedPart>) -> Result<CompleteUpload, Mistake> {
    completion(&input(ID, parts), &HeaderMap::new())
}

#[test]
fn a_completion_names_parts_by_number_and_tag() {
    let complete = completed(vec![part(Some(1), Some(TAG)), part(Some(2), Some("x"))]).expect("a completion");
    assert_eq!(complete.upload.id.to_string(), ID);
    let named: Vec<_> = complete.parts.iter().map(|part| (part.number, part.etag.is_some())).collect();
    assert_eq!(named, [(1, true), (2, false)]);
}

#[test]
fn a_completion_without_parts_or_with_too_many_is_refused() {
    assert!(matches!(completed(vec![]), Err(Mistake::Xml(_))));
    let absent = CompleteMultipartUploadInput { multipart_upload: None, ..input(ID, vec![]) };
    assert!(matches!(completion(&absent, &HeaderMap::new()), Err(Mistake::Xml(_))));
    assert!(matches!(completed(vec![part(None, Some(TAG))]), Err(Mistake::Xml(_))));
    assert!(matches!(completed(vec![part(Some(1), None)]), Err(Mistake::Xml(_))));
    for number in [0, -1, 10_001, i32::MAX] {
        assert!(matches!(completed(vec![part(Some(number), Some(TAG))]), Err(Mistake::Argument { .. })), "{number}");
    }
    let many = vec![part(Some(1), Some(TAG)); PARTS_MAX + 1];
    assert!(matches!(completed(many), Err(Mistake::Argument { .. })));
}

#[test]
fn an_upload_that_cannot_be_is_not_there() {
    for id in ["", "x", "no-such-upload", &ID.to_uppercase()] {
        let complete = completion(&input(id, vec![part(Some(1), Some(TAG))]), &HeaderMap::new());
        assert_eq!(complete.map(|_| ()), Err(Mistake::NoSuchUpload), "{id}");
    }
}

#[test]
fn the_whole_may_be_said_to_have_a_checksum_and_a_size() {
    let mut headers = HeaderMap::new();
    headers.insert("x-amz-checksum-crc32", http::HeaderValue::from_static("AAAAAA==-2"));
    let two = vec![part(Some(1), Some(TAG)), part(Some(2), Some(TAG))];
    let sized = CompleteMultipartUploadInput { mpu_object_size: Some(7), ..input(ID, two.clone()) };
    let complete = completion(&sized, &headers).expect("a completion");
    assert_eq!((complete.bytes, complete.checksum.map(|(_, value)| value)), (Some(7), Some(vec![0; 4])));

    let one = completion(&input(ID, two[..1].to_vec()), &headers);
    assert_eq!(one.map(|_| ()), Err(Mistake::ChecksumImpossible));
    let negative = CompleteMultipartUploadInput { mpu_object_size: Some(-1), ..input(ID, two) };
    assert!(matches!(completion(&negative, &HeaderMap::new()), Err(Mistake::Request(_))));
}

#[test]
fn a_wrong_size_of_the_whole_is_no_broken_body() {
    let failure = size_differs(EngineError::Invalid(Fault::BodyLength { announced: 1, came: 2 }));
    assert!(matches!(failure, Failure::Mistake(Mistake::Request(_))));
    assert!(matches!(size_differs(EngineError::Busy), Failure::Engine(EngineError::Busy)));
}

#[test]
fn markers_beyond_the_last_part_are_beyond_all() {
    for (marker, expected) in [(None, Some(0)), (Some(3), Some(3)), (Some(70_000), Some(u16::MAX)), (Some(-1), None)] {
        assert_eq!(part_marker(marker, "part-number-marker").ok(), expected, "{marker:?}");
    }
}
