//! Objects uploaded by a form.
//!
//! What other requests say in headers, a form says in fields. The fields that stand for headers become such here and go
//! the way of headers, so that a form can ask for nothing that a PUT could not.

use std::sync::Arc;

use bytes::Bytes;
use engine::{Attributes, Body, PutObject, WantedEmbargo, Written};
use http::header::{CONTENT_TYPE, ETAG, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use kernel::{Caller, Clock, Headers, ObjectKey, Who, WriteCondition};
use quick_xml::escape::escape;
use s3s::xml::{Deserialize, Deserializer};
use s3s::{S3Request, S3Response, S3Result, dto};

use super::{S3Face, answer, parties, receipt, trace_of, version_written};
use crate::credentials::Head;
use crate::form::policy::Policy;
use crate::form::signature::Signers;
use crate::form::{Fields, Form, FormFault, FormHead};
use crate::front::markup::Markup;
use crate::front::trace::{RequestTrace, Resolved};
use crate::origin;
use crate::s3_error::{Failure, Mistake};
use crate::translate::listing::url_encoded;
use crate::translate::{as_of, attributes, checksums, embargo, names, object_lock, unhonoured};

/// Where forms are received.
pub(crate) struct Forms {
    pub(crate) face: S3Face,
    pub(crate) signers: Signers,
    pub(crate) clock: Arc<dyn Clock>,
}

/// What the fields of a form ask for.
struct Asked {
    caller: Caller,
    policy: Option<Policy>,
    key: ObjectKey,
    attributes: Attributes,
    md5: Option<[u8; 16]>,
    checksums: checksums::Announced,
    then: Then,
}

/// What the browser shall do when the object is there.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Then {
    /// Show nothing.
    Empty(StatusCode),
    /// Show a document that says where the object is.
    Document,
    /// Go to this address.
    Redirect(String),
}

impl Forms {
    /// Takes a form in.
    pub(crate) async fn post_object(
        &self,
        request: S3Request<s3s::Body>,
        head: FormHead,
    ) -> S3Result<S3Response<s3s::Body>> {
        let trace = trace_of(&request);
        let posted = self.post(request, &head, trace.as_deref()).await;
        posted.map_err(|failure| answer(failure, trace.as_deref()))
    }

    async fn post(
        &self,
        request: S3Request<s3s::Body>,
        head: &FormHead,
        trace: Option<&RequestTrace>,
    ) -> Result<S3Response<s3s::Body>, Failure> {
        as_of::refuse(&request.headers)?;
        embargo::refuse(&request.headers)?;
        unhonoured::refuse(&request.headers)?;
        let bucket = names::bucket(&head.bucket)?;
        parties::expect_owners(&self.face.engine, &request.headers, Some(&head.bucket)).await?;
        let S3Request { input, extensions, .. } = request;
        let form = Form::new(input, head)?;
        let judge = async |fields: Fields| {
            let asked = self.judge(&fields, head, &extensions, trace)?;
            // Refused before the file is read, or held.
            self.face.engine.may_put_object(&asked.caller, &bucket, &asked.key).await?;
            Ok::<_, Failure>(asked)
        };
        let (asked, file) = form.read(judge).await?;
        if let Some(policy) = &asked.policy {
            policy.judge_length(file.bytes)?;
        }
        let put = PutObject {
            bucket: bucket.clone(),
            key: asked.key.clone(),
            attributes: asked.attributes,
            algorithm: asked.checksums.named,
            body: Body {
                stream: file.stream,
                bytes: file.bytes,
                md5: asked.md5,
                checksums: asked.checksums.value.into_iter().collect(),
                trailer: None,
            },
            condition: WriteCondition::default(),
        };
        let written = self.face.engine.put_object(&asked.caller, put).await?;
        reply(&asked.then, head, &asked.key, &written)
    }

    /// Finds out who signed, and holds the fields against the policy.
    fn judge(
        &self,
        fields: &Fields,
        head: &FormHead,
        extensions: &http::Extensions,
        trace: Option<&RequestTrace>,
    ) -> Result<Asked, Failure> {
        let key = fields.get("key").ok_or(FormFault::FieldMissing("key"))?;
        let now = self.clock.now();
        let signer = self.signers.find(fields, now)?;
        let headers = headers_of(fields)?;
        let who = match signer {
            Some(access_key) => {
                let who = self.signers.keys.who(access_key, fields.get("x-amz-security-token"));
                who.map_err(|_| FormFault::Token)?
            }
            None => Who::Anonymous,
        };
        let is_signed = who != Who::Anonymous;
        let mut caller = Head::of(&headers, None, extensions).caller(who);
        if is_signed {
            let origin = origin::of_form(caller.origin(), fields.get("x-amz-date"));
            caller = Caller::new(caller.who().clone(), Arc::new(origin));
        }
        if let Some(trace) = trace {
            trace.resolve(Resolved {
                operation: trace.meters.operation("PostObject"),
                bucket: Some(head.bucket.clone()),
                key: Some(key.to_owned()),
                caller: Some(caller.clone()),
            });
        }
        // Half a signature was refused, so a policy without a signature is none.
        let policy = fields.get("policy").map(Policy::read).transpose()?;
        if let Some(policy) = &policy {
            policy.judge(fields, &head.bucket, now)?;
        }
        if fields.get("bucket").is_some_and(|bucket| bucket != head.bucket) {
            return Err(FormFault::Policy("the field 'bucket' names another bucket".to_owned()).into());
        }
        unhonoured::refuse(&headers)?;
        Ok(Asked {
            caller,
            policy,
            key: names::key(key)?,
            attributes: Attributes {
                acl: self.face.asked_acl(&headers)?,
                embargo: embargo_of(fields)?,
                ..attributes_of(fields)?
            },
            md5: checksums::content_md5(&headers)?,
            checksums: checksums::announced(&headers)?,
            then: Then::of(fields)?,
        })
    }
}

/// Fields that begin with `x-amz-` and mean something, beside those that begin with one of [`FAMILIES`]. What only a header
/// can say, like the source of a copy, a form cannot.
const KNOWN: [&str; 8] = [
    "x-amz-algorithm",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-sdk-checksum-algorithm",
    "x-amz-security-token",
    "x-amz-signature",
    "x-amz-storage-class",
    "x-amz-website-redirect-location",
];
const FAMILIES: [&str; 4] = ["x-amz-checksum-", "x-amz-meta-", "x-amz-object-lock-", "x-amz-server-side-encryption"];
/// Headers that S3 does not take as fields, and that nobody would want to see ignored.
const ONLY_HEADERS: [&str; 2] = ["if-match", "if-none-match"];

/// The fields that stand for headers, as these.
fn headers_of(fields: &Fields) -> Result<HeaderMap, Mistake> {
    let mut headers = HeaderMap::new();
    for (name, value) in fields.iter() {
        let is_amz = name.starts_with("x-amz-");
        let is_known = KNOWN.contains(&name) || FAMILIES.iter().any(|family| name.starts_with(family));
        if (is_amz && !is_known) || ONLY_HEADERS.contains(&name) {
            return Err(Mistake::NotOffered(format!("the form field `{name}`")));
        }
        if !is_amz && !STORED.contains(&name) && !matches!(name, "acl" | "content-md5") {
            continue;
        }
        let header = if name == "acl" { "x-amz-acl" } else { name };
        let field = |reason| FormFault::Field { name: name.to_owned(), reason };
        let header = HeaderName::from_bytes(header.as_bytes()).map_err(|_| field("it cannot be a header's name"))?;
        let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| field("it cannot be a header's value"))?;
        headers.insert(header, value);
    }
    Ok(headers)
}

/// Fields whose values are given back as headers.
const STORED: [&str; 6] =
    ["cache-control", "content-disposition", "content-encoding", "content-language", "content-type", "expires"];

fn attributes_of(fields: &Fields) -> Result<Attributes, Mistake> {
    let field = |name: &str| fields.get(name).map(str::to_owned);
    let headers = Headers {
        cache_control: field("cache-control"),
        content_disposition: field("content-disposition"),
        content_encoding: field("content-encoding"),
        content_language: field("content-language"),
        content_type: field("content-type"),
        expires: field("expires"),
        website_redirect: field("x-amz-website-redirect-location"),
    };
    let metadata = fields.iter().filter_map(|(name, value)| {
        let name = name.strip_prefix("x-amz-meta-")?;
        Some((name.to_owned(), value.to_owned()))
    });
    Ok(Attributes {
        headers: attributes::headers(headers)?,
        metadata: attributes::metadata(Some(metadata.collect()))?,
        tags: fields.get("tagging").map(tags_of).transpose()?.unwrap_or_default(),
        protection: object_lock::of_fields(|name| fields.get(name))?,
        ..Attributes::default()
    })
}

/// What a form says of an embargo.
fn embargo_of(fields: &Fields) -> Result<Option<WantedEmbargo>, Failure> {
    Ok(WantedEmbargo::parse(fields.get(embargo::UNTIL), fields.get(embargo::READERS))?)
}

/// The tags of a form: the document that `PutObjectTagging` takes.
fn tags_of(xml: &str) -> Result<kernel::Tags, Mistake> {
    let malformed = Mistake::Xml("the field `tagging` must hold a Tagging document");
    if Markup::of("PutObjectTagging").advance(xml.as_bytes()).is_err() {
        return Err(malformed);
    }
    let mut document = Deserializer::new(xml.as_bytes());
    let tagging = dto::Tagging::deserialize(&mut document).and_then(|tagging| document.expect_eof().map(|()| tagging));
    attributes::tags_of_body(tagging.map_err(|_| malformed)?, kernel::Tags::OBJECT_MAX)
}

impl Then {
    fn of(fields: &Fields) -> Result<Self, FormFault> {
        if let Some(name) = ["success_action_redirect", "redirect"].into_iter().find(|name| fields.get(name).is_some())
        {
            let target = fields.get(name).unwrap_or_default();
            let fault = FormFault::Field {
                name: name.to_owned(),
                reason: "a redirect must be an address that begins with http:// or https://",
            };
            return if is_address(target) { Ok(Self::Redirect(target.to_owned())) } else { Err(fault) };
        }
        Ok(match fields.get("success_action_status") {
            Some("200") => Self::Empty(StatusCode::OK),
            Some("201") => Self::Document,
            _ => Self::Empty(StatusCode::NO_CONTENT),
        })
    }
}

fn is_address(target: &str) -> bool {
    let address = target.split('#').next().unwrap_or_default();
    let parsed = address.parse::<Uri>().ok().filter(|_| HeaderValue::from_str(target).is_ok());
    parsed.is_some_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.authority().is_some())
}

fn reply(then: &Then, head: &FormHead, key: &ObjectKey, written: &Written) -> Result<S3Response<s3s::Body>, Failure> {
    let etag = written.version.object().map(|object| format!("\"{}\"", object.etag)).unwrap_or_default();
    let key = key.as_str();
    let place = format!("{}/{}", head.address, url_encoded(key));
    let mut headers = receipt(written);
    let mut set = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    };
    set(ETAG, &etag);
    set(HeaderName::from_static("x-amz-server-side-encryption"), "AES256");
    if let Some(version) = version_written(written) {
        set(HeaderName::from_static("x-amz-version-id"), &version);
    }
    let (status, body) = match then {
        Then::Redirect(target) => {
            set(LOCATION, &redirected(target, &head.bucket, key, &etag));
            (StatusCode::SEE_OTHER, s3s::Body::empty())
        }
        Then::Empty(status) => {
            set(LOCATION, &place);
            (*status, s3s::Body::empty())
        }
        Then::Document => {
            set(LOCATION, &place);
            set(CONTENT_TYPE, "application/xml");
            let elements = [("Location", place.as_str()), ("Bucket", &head.bucket), ("Key", key), ("ETag", &etag)];
            (StatusCode::CREATED, s3s::Body::from(Bytes::from(document(&elements))))
        }
    };
    let mut response = S3Response::with_status(body, status);
    response.headers = headers;
    Ok(response)
}

fn document(elements: &[(&str, &str)]) -> String {
    let elements: String = elements.iter().map(|(name, text)| format!("<{name}>{}</{name}>", escape(*text))).collect();
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<PostResponse>{elements}</PostResponse>")
}

/// The address to go to, with what was stored in its query.
fn redirected(target: &str, bucket: &str, key: &str, etag: &str) -> String {
    let (address, fragment) = match target.split_once('#') {
        Some((address, fragment)) => (address, Some(fragment)),
        None => (target, None),
    };
    let mark = if address.contains('?') { '&' } else { '?' };
    let encoded = |text: &str| url_encoded(text).replace('/', "%2F");
    let query = format!("bucket={}&key={}&etag={}", encoded(bucket), encoded(key), encoded(etag));
    let fragment = fragment.map(|fragment| format!("#{fragment}")).unwrap_or_default();
    format!("{address}{mark}{query}{fragment}")
}

#[cfg(test)]
mod tests;
