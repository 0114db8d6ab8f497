//! Copying an object on the server.

use engine::CopyObject;
use s3s::dto::*;
use s3s::{S3Request, S3Response};

use super::{Answer, S3Face, receipt, sealed, version_written};
use crate::front::query;
use crate::s3_error::Mistake;
use crate::translate::attributes::{self, stored_headers};
use crate::translate::checksums::{self, show_checksum};
use crate::translate::object_lock::lock_of_headers;
use crate::translate::{conditions, copy_source, names, time};

const ANNOTATION_DIRECTIVE: &str = "x-amz-object-annotation-directive";

/// Whether something is taken from the source or from the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Directive {
    Copy,
    Replace,
}

pub(super) async fn copy_object(face: &S3Face, request: S3Request<CopyObjectInput>) -> Answer<CopyObjectOutput> {
    let (caller, embargo) = face.admit_to_close(&request)?;
    let with_annotations = carries_annotations(request.input.annotation_directive.as_ref(), request.uri.query())?;
    let acl = face.asked_acl(&request.headers)?;
    let copy = CopyObject { with_annotations, acl, embargo, ..asked(request.input)? };
    let copied = face.engine.copy_object(&caller, copy).await.map_err(copy_source::failure)?;
    let written = &copied.written;
    let mut result = CopyObjectResult {
        last_modified: Some(time::to_wire(written.version.modified)),
        ..CopyObjectResult::default()
    };
    if let Some(object) = written.version.object() {
        result.e_tag = Some(conditions::etag_to_wire(&object.etag));
        result.checksum_type = Some(checksums::scope_to_wire(object.checksum.scope));
        show_checksum!(result, &object.checksum);
    }
    let output = CopyObjectOutput {
        copy_object_result: Some(result),
        copy_source_version_id: copied.source_version.map(names::version_text),
        server_side_encryption: sealed(),
        version_id: version_written(written),
        ..CopyObjectOutput::default()
    };
    Ok(S3Response::with_headers(output, receipt(written)))
}

fn asked(mut input: CopyObjectInput) -> Result<CopyObject, Mistake> {
    let of_metadata =
        directive(input.metadata_directive.as_ref().map(MetadataDirective::as_str), "x-amz-metadata-directive")?;
    let of_tags = directive(input.tagging_directive.as_ref().map(TaggingDirective::as_str), "x-amz-tagging-directive")?;
    let website_redirect = attributes::redirect(input.website_redirect_location.clone())?;
    let headers = stored_headers!(input);
    let replace_metadata = match of_metadata {
        // What the request says beside it does not count. Source: Amazon S3 API, *CopyObject*.
        Directive::Copy => None,
        Directive::Replace => Some((attributes::headers(headers)?, attributes::metadata(input.metadata)?)),
    };
    let replace_tags = match of_tags {
        Directive::Copy => None,
        Directive::Replace => Some(attributes::tags_of_header(input.tagging.as_deref())?),
    };
    let condition = conditions::read(
        input.copy_source_if_match.as_ref(),
        input.copy_source_if_none_match.as_ref(),
        input.copy_source_if_modified_since.as_ref(),
        input.copy_source_if_unmodified_since.as_ref(),
    );
    Ok(CopyObject {
        source: copy_source::read(&input.copy_source, condition)?,
        bucket: names::bucket(&input.bucket)?,
        key: names::key(&input.key)?,
        replace_metadata,
        replace_tags,
        acl: None,
        protection: lock_of_headers!(input)?,
        embargo: None,
        website_redirect,
        says_how_to_store: input.storage_class.is_some() || input.server_side_encryption.is_some(),
        algorithm: checksums::of_copy(input.checksum_algorithm.as_ref())?,
        with_annotations: true,
        condition: conditions::write(input.if_match.as_ref(), input.if_none_match.as_ref()),
    })
}

/// Whether the source's annotations come along: said in a header, or for a presigned copy in the query.
///
/// Source: Amazon S3 API, *CopyObject*.
fn carries_annotations(header: Option<&AnnotationDirective>, query: Option<&str>) -> Result<bool, Mistake> {
    let in_query = query::pairs(query).find(|(name, _)| name == ANNOTATION_DIRECTIVE).map(|(_, value)| value);
    match header.map(AnnotationDirective::as_str).or(in_query.as_deref()) {
        None | Some(AnnotationDirective::COPY) => Ok(true),
        Some(AnnotationDirective::EXCLUDE) => Ok(false),
        Some(_) => Err(Mistake::Argument { name: ANNOTATION_DIRECTIVE, reason: "must be COPY or EXCLUDE".to_owned() }),
    }
}

fn directive(text: Option<&str>, name: &'static str) -> Result<Directive, Mistake> {
    match text {
        None | Some("COPY") => Ok(Directive::Copy),
        Some("REPLACE") => Ok(Directive::Replace),
        Some(_) => Err(Mistake::Argument { name, reason: "must be COPY or REPLACE".to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(source: &str) -> CopyObjectInput {
        let mut builder = CopyObjectInput::builder();
        builder.set_bucket("target".to_owned());
        builder.set_key("key".to_owned());
        builder.set_copy_source(CopySource::parse(source).expect(source));
        builder.build().expect("an input")
    }

    #[test]
    fn a_copy_keeps_what_it_is_not_told_to_replace() {
        let mut kept = input("source/key");
        kept.content_type = Some("text/plain".to_owned());
        kept.metadata = Some(Metadata::from([("a".to_owned(), "1".to_owned())]));
        kept.tagging = Some("a=1".to_owned());
        let copy = asked(kept.clone()).expect("a copy");
        assert_eq!((copy.replace_metadata, copy.replace_tags, copy.algorithm), (None, None, None));

        kept.metadata_directive = Some(MetadataDirective::from_static(MetadataDirective::REPLACE));
        kept.tagging_directive = Some(TaggingDirective::from_static(TaggingDirective::REPLACE));
        let copy = asked(kept).expect("a copy");
        let (headers, metadata) = copy.replace_metadata.expect("replaced");
        assert_eq!(headers.content_type.as_deref(), Some("text/plain"));
        assert_eq!(metadata.get("a").map(String::as_str), Some("1"));
        assert_eq!(copy.replace_tags.map(|tags| tags.len()), Some(1));
    }

    #[test]
    fn directives_are_two_words() {
        for (text, expected) in
            [(None, Directive::Copy), (Some("COPY"), Directive::Copy), (Some("REPLACE"), Directive::Replace)]
        {
            assert_eq!(directive(text, "x"), Ok(expected));
        }
        for bad in ["copy", "", "MERGE"] {
            assert!(matches!(directive(Some(bad), "x"), Err(Mistake::Argument { name: "x", .. })), "{bad}");
        }
        let exclude = AnnotationDirective::from_static(AnnotationDirective::EXCLUDE);
        for (header, query, carried) in [
            (None, None, Ok(true)),
            (None, Some("x-id=CopyObject"), Ok(true)),
            (None, Some("a=b&x-amz-object-annotation-directive=EXCLUDE"), Ok(false)),
            (Some(&exclude), None, Ok(false)),
            (Some(&exclude), Some("x-amz-object-annotation-directive=COPY"), Ok(false)),
        ] {
            assert_eq!(carries_annotations(header, query), carried, "{header:?} {query:?}");
        }
        let bad = carries_annotations(None, Some("x-amz-object-annotation-directive=REPLACE"));
        assert!(matches!(bad, Err(Mistake::Argument { name: ANNOTATION_DIRECTIVE, .. })));
    }

    #[test]
    fn a_redirect_is_the_requests_own() {
        let mut redirected = input("source/key");
        redirected.website_redirect_location = Some("/there".to_owned());
        let copy = asked(redirected.clone()).expect("a copy");
        assert_eq!((copy.website_redirect.as_deref(), copy.replace_metadata), (Some("/there"), None));
        redirected.website_redirect_location = Some("there".to_owned());
        assert!(matches!(asked(redirected), Err(Mistake::Redirect)));
    }

    #[test]
    fn a_request_that_names_class_or_encryption_says_how_to_store() {
        let mut plain = input("source/key");
        assert!(!asked(plain.clone()).expect("a copy").says_how_to_store);
        plain.storage_class = Some(StorageClass::from_static(StorageClass::STANDARD));
        assert!(asked(plain).expect("a copy").says_how_to_store);
    }
}
