//! Listings: objects in two dialects, versions, uploads under way.

use engine::{
    Entry, ListObjects, ListUploads, ListVersions, ListedObject, ListedVersion, ObjectPage, Page, UploadInfo,
};
use http::HeaderMap;
use kernel::{Checksum, ObjectKey, Sequence};
use s3s::dto::*;
use s3s::{S3Request, S3Response};

use super::{Answer, S3Face};
use crate::s3_error::Mistake;
use crate::translate::listing::{self, Encoding};
use crate::translate::{as_of, checksums, conditions, legible, names, time};

pub(super) async fn list_objects(face: &S3Face, request: S3Request<ListObjectsInput>) -> Answer<ListObjectsOutput> {
    let (caller, as_of) = face.admit_to_past(&request)?;
    let input = request.input;
    listing::optional_attributes(input.optional_object_attributes.as_ref())?;
    let encoding = Encoding::asked(input.encoding_type.as_ref())?;
    let asked = ListObjects {
        bucket: names::bucket(&input.bucket)?,
        prefix: listing::text(input.prefix, "prefix")?.unwrap_or_default(),
        delimiter: listing::text(input.delimiter, "delimiter")?,
        after: listing::text(input.marker, "marker")?,
        limit: listing::page_size(input.max_keys, "max-keys", listing::PAGE_MAX)?,
        as_of,
    };
    let ObjectPage { page, next, as_of } = face.engine.list_objects(&caller, asked.clone()).await?;
    check(
        encoding,
        &page,
        |listed| &listed.version.key,
        [Some(&asked.prefix), asked.delimiter.as_ref(), asked.after.as_ref()],
    )?;
    let truncated = goes_on(&page, asked.limit);
    // Without a delimiter the last key is the marker of the next page, and is not said twice, unless the page of the past
    // goes on elsewhere.
    let is_last_key = asked.delimiter.is_none() && next.as_deref() == last_key(&page);
    let next = next.filter(|_| truncated && !is_last_key);
    encoding.check(next.as_deref())?;
    let next_marker = next.map(|next| encoding.write(&next));
    let (contents, prefixes) =
        split(page, |listed| object(&listed, Some(face.owner(listed.owner)), encoding), encoding);
    let output = ListObjectsOutput {
        name: Some(input.bucket),
        // botocore decodes everything here but the prefix.
        prefix: Some(if legible::is_legible(&asked.prefix) { asked.prefix } else { encoding.write(&asked.prefix) }),
        marker: Some(encoding.write(asked.after.as_deref().unwrap_or_default())),
        max_keys: i32::try_from(asked.limit).ok(),
        is_truncated: Some(truncated),
        contents: Some(contents),
        common_prefixes: Some(prefixes),
        delimiter: asked.delimiter.map(|delimiter| encoding.write(&delimiter)),
        next_marker,
        encoding_type: encoding.to_wire(),
        ..ListObjectsOutput::default()
    };
    Ok(S3Response::with_headers(output, moment(as_of)))
}

pub(super) async fn list_objects_v2(
    face: &S3Face,
    request: S3Request<ListObjectsV2Input>,
) -> Answer<ListObjectsV2Output> {
    let (caller, as_of) = face.admit_to_past(&request)?;
    let input = request.input;
    listing::optional_attributes(input.optional_object_attributes.as_ref())?;
    let encoding = Encoding::asked(input.encoding_type.as_ref())?;
    let start_after = listing::text(input.start_after.clone(), "start-after")?;
    // A token outweighs `start-after`: it comes from a page behind it.
    let after = listing::token_place(input.continuation_token.as_deref())?.or(start_after);
    let asked = ListObjects {
        bucket: names::bucket(&input.bucket)?,
        prefix: listing::text(input.prefix, "prefix")?.unwrap_or_default(),
        delimiter: listing::text(input.delimiter, "delimiter")?,
        after,
        limit: listing::page_size(input.max_keys, "max-keys", listing::PAGE_MAX)?,
        as_of,
    };
    let ObjectPage { page, next, as_of } = face.engine.list_objects(&caller, asked.clone()).await?;
    let echoed = [Some(&asked.prefix), asked.delimiter.as_ref(), input.start_after.as_ref()];
    check(encoding, &page, |listed| &listed.version.key, echoed)?;
    let truncated = goes_on(&page, asked.limit);
    let next_continuation_token = next.filter(|_| truncated).map(|next| listing::token(&next));
    let owner = |listed: &ListedObject| (input.fetch_owner == Some(true)).then(|| face.owner(listed.owner));
    let (contents, prefixes) = split(page, |listed| object(&listed, owner(&listed), encoding), encoding);
    let output = ListObjectsV2Output {
        name: Some(input.bucket),
        prefix: Some(encoding.write(&asked.prefix)),
        max_keys: i32::try_from(asked.limit).ok(),
        key_count: i32::try_from(contents.len() + prefixes.len()).ok(),
        continuation_token: input.continuation_token,
        is_truncated: Some(truncated),
        next_continuation_token,
        contents: Some(contents),
        common_prefixes: Some(prefixes),
        delimiter: asked.delimiter.map(|delimiter| encoding.write(&delimiter)),
        encoding_type: encoding.to_wire(),
        start_after: input.start_after.map(|start| encoding.write(&start)),
        ..ListObjectsV2Output::default()
    };
    Ok(S3Response::with_headers(output, moment(as_of)))
}

pub(super) async fn list_object_versions(
    face: &S3Face,
    request: S3Request<ListObjectVersionsInput>,
) -> Answer<ListObjectVersionsOutput> {
    let caller = face.admit(&request)?;
    let input = request.input;
    listing::optional_attributes(input.optional_object_attributes.as_ref())?;
    let encoding = Encoding::asked(input.encoding_type.as_ref())?;
    let key_marker = listing::text(input.key_marker, "key-marker")?;
    let version_marker = input.version_id_marker.filter(|marker| !marker.is_empty());
    if version_marker.is_some() && key_marker.is_none() {
        let reason = "a version-id marker cannot be specified without a key marker".to_owned();
        return Err(Mistake::Argument { name: "version-id-marker", reason }.into());
    }
    let version = names::version(version_marker.as_deref())?;
    let asked = ListVersions {
        bucket: names::bucket(&input.bucket)?,
        prefix: listing::text(input.prefix, "prefix")?.unwrap_or_default(),
        delimiter: listing::text(input.delimiter, "delimiter")?,
        after: key_marker.clone().map(|key| (key, version)),
        limit: listing::page_size(input.max_keys, "max-keys", listing::PAGE_MAX)?,
    };
    let page = face.engine.list_versions(&caller, asked.clone()).await?;
    let echoed = [Some(&asked.prefix), asked.delimiter.as_ref(), key_marker.as_ref()];
    check(encoding, &page, |listed| &listed.version.key, echoed)?;
    let truncated = goes_on(&page, asked.limit);
    let last = page.entries.last().map(version_place);
    let next = page.place.as_deref().map(|place| (place, None)).or(last).filter(|_| truncated);
    let (next_key, next_version) = next.map_or((None, None), |(key, version)| (Some(encoding.write(key)), version));
    let (listed, prefixes) = split(page, |listed| listed, encoding);
    let (mut versions, mut markers) = (Vec::new(), Vec::new());
    for listed in listed {
        let owner = face.owner(listed.owner);
        match listed.version.object() {
            Some(_) => versions.push(object_version(listed, owner, encoding)),
            None => markers.push(delete_marker(listed, owner, encoding)),
        }
    }
    Ok(S3Response::new(ListObjectVersionsOutput {
        common_prefixes: Some(prefixes),
        delete_markers: Some(markers),
        delimiter: asked.delimiter.map(|delimiter| encoding.write(&delimiter)),
        encoding_type: encoding.to_wire(),
        is_truncated: Some(truncated),
        key_marker: Some(encoding.write(key_marker.as_deref().unwrap_or_default())),
        max_keys: i32::try_from(asked.limit).ok(),
        name: Some(input.bucket),
        next_key_marker: next_key,
        next_version_id_marker: next_version,
        prefix: Some(encoding.write(&asked.prefix)),
        version_id_marker: Some(version_marker.unwrap_or_default()),
        versions: Some(versions),
        ..ListObjectVersionsOutput::default()
    }))
}

pub(super) async fn list_multipart_uploads(
    face: &S3Face,
    request: S3Request<ListMultipartUploadsInput>,
) -> Answer<ListMultipartUploadsOutput> {
    let caller = face.admit(&request)?;
    let input = request.input;
    let encoding = Encoding::asked(input.encoding_type.as_ref())?;
    let key_marker = listing::text(input.key_marker, "key-marker")?;
    let upload_marker = input.upload_id_marker.filter(|marker| !marker.is_empty());
    let place = upload_place(key_marker.as_deref(), upload_marker.as_deref())?;
    let asked = ListUploads {
        bucket: names::bucket(&input.bucket)?,
        prefix: listing::text(input.prefix, "prefix")?.unwrap_or_default(),
        delimiter: listing::text(input.delimiter, "delimiter")?,
        after: place,
        limit: listing::page_size(input.max_uploads, "max-uploads", listing::PAGE_MAX)?,
    };
    let page = face.engine.list_uploads(&caller, asked.clone()).await?;
    check(encoding, &page, |info| &info.key, [Some(&asked.prefix), asked.delimiter.as_ref(), key_marker.as_ref()])?;
    let truncated = goes_on(&page, asked.limit);
    let last = page.entries.last().map(|last| match last {
        Entry::Item(info) => (encoding.write(info.key.as_str()), info.id.to_string()),
        Entry::Prefix(prefix) => (encoding.write(prefix), String::new()),
    });
    let place = page.place.as_deref().map(|place| (encoding.write(place), String::new()));
    let (next_key, next_upload) = place.or(last).filter(|_| truncated).unzip();
    let (uploads, prefixes) = split(page, |info| upload(&info, face, encoding), encoding);
    Ok(S3Response::new(ListMultipartUploadsOutput {
        bucket: Some(input.bucket),
        common_prefixes: Some(prefixes),
        delimiter: asked.delimiter.map(|delimiter| encoding.write(&delimiter)),
        encoding_type: encoding.to_wire(),
        is_truncated: Some(truncated),
        key_marker: Some(encoding.write(key_marker.as_deref().unwrap_or_default())),
        max_uploads: i32::try_from(asked.limit).ok(),
        next_key_marker: next_key,
        next_upload_id_marker: next_upload,
        prefix: Some(encoding.write(&asked.prefix)),
        upload_id_marker: upload_marker.map_or_else(|| Some(String::new()), legible::echo),
        uploads: Some(uploads),
        ..ListMultipartUploadsOutput::default()
    }))
}

/// Where a listing of uploads goes on. Without a key the upload does not count. Source: Amazon S3 API,
/// *ListMultipartUploads*.
fn upload_place(
    key: Option<&str>,
    upload: Option<&str>,
) -> Result<Option<(String, Option<kernel::UploadId>)>, Mistake> {
    let Some(key) = key else { return Ok(None) };
    let upload = upload
        .map(str::parse)
        .transpose()
        .map_err(|_| Mistake::Argument { name: "upload-id-marker", reason: "invalid uploadId marker".to_owned() })?;
    Ok(Some((key.to_owned(), upload)))
}

/// Refuses an answer with a name on the page, or an echoed one, that cannot be written.
fn check<T>(
    encoding: Encoding,
    page: &Page<T>,
    key: impl Fn(&T) -> &ObjectKey,
    echoed: [Option<&String>; 3],
) -> Result<(), Mistake> {
    let listed = page.entries.iter().map(|entry| match entry {
        Entry::Item(item) => key(item).as_str(),
        Entry::Prefix(prefix) => prefix,
    });
    encoding.check(listed.chain(echoed.into_iter().flatten().map(String::as_str)))
}

/// Whether another page follows. A page of no entries leads nowhere, so S3 says that it is the last.
fn goes_on<T>(page: &Page<T>, limit: usize) -> bool {
    page.truncated && limit > 0
}

/// The header that says as of which change was listed.
fn moment(at: Option<Sequence>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    as_of::say(&mut headers, at);
    headers
}

fn last_key(page: &Page<ListedObject>) -> Option<&str> {
    page.entries.last().map(|last| match last {
        Entry::Item(listed) => listed.version.key.as_str(),
        Entry::Prefix(prefix) => prefix.as_str(),
    })
}

fn version_place(entry: &Entry<ListedVersion>) -> (&str, Option<String>) {
    match entry {
        Entry::Item(listed) => (listed.version.key.as_str(), Some(names::version_text(listed.version.name()))),
        Entry::Prefix(prefix) => (prefix.as_str(), None),
    }
}

/// Items and common prefixes apart, as answers have them.
fn split<T, U>(page: Page<T>, item: impl Fn(T) -> U, encoding: Encoding) -> (Vec<U>, CommonPrefixList) {
    let (mut items, mut prefixes) = (Vec::with_capacity(page.entries.len()), Vec::new());
    for entry in page.entries {
        match entry {
            Entry::Item(found) => items.push(item(found)),
            Entry::Prefix(prefix) => prefixes.push(CommonPrefix { prefix: Some(encoding.write(&prefix)) }),
        }
    }
    (items, prefixes)
}

fn algorithms(checksum: &Checksum) -> Option<ChecksumAlgorithmList> {
    Some(vec![checksums::algorithm_to_wire(checksum.algorithm)])
}

fn object(listed: &ListedObject, owner: Option<Owner>, encoding: Encoding) -> Object {
    let ListedObject { version, opens, .. } = listed;
    let mut output = Object {
        key: Some(encoding.write(version.key.as_str())),
        last_modified: Some(time::to_wire(version.modified)),
        owner,
        storage_class: Some(ObjectStorageClass::from_static(ObjectStorageClass::STANDARD)),
        ..Object::default()
    };
    // Of what is closed to the caller, no more than that it is there.
    if let Some(facts) = version.object().filter(|_| opens.is_none()) {
        output.checksum_algorithm = algorithms(&facts.checksum);
        output.checksum_type = Some(checksums::scope_to_wire(facts.checksum.scope));
        output.e_tag = Some(conditions::etag_to_wire(&facts.etag));
        output.size = i64::try_from(facts.bytes).ok();
    }
    output
}

fn object_version(listed: ListedVersion, owner: Owner, encoding: Encoding) -> ObjectVersion {
    let ListedVersion { version, is_latest, opens, .. } = listed;
    let mut output = ObjectVersion {
        is_latest: Some(is_latest),
        key: Some(encoding.write(version.key.as_str())),
        last_modified: Some(time::to_wire(version.modified)),
        owner: Some(owner),
        storage_class: Some(ObjectVersionStorageClass::from_static(ObjectVersionStorageClass::STANDARD)),
        version_id: Some(names::version_text(version.name())),
        ..ObjectVersion::default()
    };
    // Of what is closed to the caller, no more than that it is there.
    if let Some(facts) = version.object().filter(|_| opens.is_none()) {
        output.checksum_algorithm = algorithms(&facts.checksum);
        output.checksum_type = Some(checksums::scope_to_wire(facts.checksum.scope));
        output.e_tag = Some(conditions::etag_to_wire(&facts.etag));
        output.size = i64::try_from(facts.bytes).ok();
    }
    output
}

fn delete_marker(listed: ListedVersion, owner: Owner, encoding: Encoding) -> DeleteMarkerEntry {
    DeleteMarkerEntry {
        is_latest: Some(listed.is_latest),
        key: Some(encoding.write(listed.version.key.as_str())),
        last_modified: Some(time::to_wire(listed.version.modified)),
        owner: Some(owner),
        version_id: Some(names::version_text(listed.version.name())),
    }
}

fn upload(info: &UploadInfo, face: &S3Face, encoding: Encoding) -> MultipartUpload {
    let owner = face.owner(info.owner);
    MultipartUpload {
        checksum_algorithm: info.checksum.chosen.then(|| checksums::algorithm_to_wire(info.checksum.algorithm)),
        checksum_type: super::multipart::scope(&info.checksum),
        initiated: Some(time::to_wire(info.started)),
        initiator: Some(face.initiator(&info.initiator)),
        key: Some(encoding.write(info.key.as_str())),
        owner: Some(owner),
        storage_class: Some(StorageClass::from_static(StorageClass::STANDARD)),
        upload_id: Some(info.id.to_string()),
    }
}

#[cfg(test)]
mod tests;
