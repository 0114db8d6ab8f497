//! The look after a restart, at the bucket without versions and its uploads.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use fixtures::s3_client::{Client, ClientError};

use super::ledger::{Ledger, Upload, UploadState};
use super::{KillError, PLAIN, SHARED};

/// Makes both buckets where they are missing: the first life of a server may have been too short for it.
pub(super) async fn buckets(client: &mut Client) -> Result<(), KillError> {
    let made = async {
        client.create_bucket(PLAIN).await?;
        client.create_bucket(SHARED).await?;
        client.enable_versioning(SHARED).await
    };
    made.await.map_err(|error| KillError::Client("making the buckets", error))
}

/// Reads every plain key and compares key, listing and uploads with the ledger. Gives the number of keys.
pub(super) async fn plain(client: &mut Client, ledger: &Rc<RefCell<Ledger>>) -> Result<usize, KillError> {
    let failed = |error| KillError::Client("reading everything after a restart", error);
    let mut listed = objects(client, PLAIN).await.map_err(failed)?;
    let keys: Vec<String> = ledger.borrow().plain.keys().cloned().collect();
    for key in &keys {
        let answer = client.get(PLAIN, key).await.map_err(failed)?;
        let mut ledger = ledger.borrow_mut();
        let value = match ledger.judge(&answer) {
            Ok(value) => value,
            Err(what) => {
                ledger.violate(format!("`{key}`: {what}"));
                continue;
            }
        };
        let before = ledger.register(key).clone();
        if !ledger.register(key).observe(value) {
            ledger.violate(format!("`{key}` reads as {value:x?}; it can only be {before:x?}"));
        }
        if before.certain().is_none() && !before.was(value) {
            ledger.counts.unknown_happened += 1;
        }
        let etag = answer.header("etag").unwrap_or_default().replace('"', "");
        let expected = value.map(|_| (etag, answer.body.len() as u64));
        let in_list = listed.remove(key);
        if in_list != expected {
            ledger.violate(format!("`{key}` is listed as {in_list:?} and reads as {expected:?}"));
        }
    }
    for key in listed.keys() {
        ledger.borrow_mut().violate(format!("`{key}` is listed, and nobody wrote it"));
    }
    uploads(client, ledger).await.map_err(failed)?;
    Ok(keys.len())
}

async fn objects(client: &mut Client, bucket: &str) -> Result<BTreeMap<String, (String, u64)>, ClientError> {
    let (mut all, mut next) = (BTreeMap::new(), None);
    loop {
        let page = client.list(bucket, "", next.as_deref()).await?;
        all.extend(page.objects.into_iter().map(|(key, etag, bytes)| (key, (etag, bytes))));
        next = page.next;
        if next.is_none() {
            return Ok(all);
        }
    }
}

async fn uploads(client: &mut Client, ledger: &Rc<RefCell<Ledger>>) -> Result<(), ClientError> {
    let listed = client.list_uploads(PLAIN).await?;
    // An armed server may die while it is looked at, so the ledger forgets only what the whole look has shown.
    let mut known = ledger.borrow().uploads.clone();
    for (key, id) in listed {
        match known.remove(&id) {
            Some(upload) => still_open(client, ledger, &id, upload).await?,
            None => stray(client, ledger, &key, &id).await?,
        }
    }
    let mut ledger = ledger.borrow_mut();
    // Requests under way have shown themselves or never will.
    ledger.unknown_uploads = 0;
    for (id, upload) in known {
        ledger.uploads.remove(&id);
        let Upload { key, write, state, .. } = upload;
        let is_there = ledger.register(&key).certain() == Some(Some(write));
        match state {
            UploadState::Open => ledger.violate(format!("the open upload {id} of `{key}` is gone")),
            UploadState::MayBeComplete if !is_there => {
                ledger.violate(format!("the upload {id} of `{key}` is gone, and its object is not there"));
            }
            UploadState::MayBeComplete | UploadState::MayBeAborted => {}
        }
    }
    Ok(())
}

/// An upload that is listed and should or may be.
async fn still_open(
    client: &mut Client,
    ledger: &Rc<RefCell<Ledger>>,
    id: &str,
    mut upload: Upload,
) -> Result<(), ClientError> {
    let parts = client.list_parts(PLAIN, &upload.key, id).await?;
    let mut ledger = ledger.borrow_mut();
    if ledger.register(&upload.key).certain() == Some(Some(upload.write)) {
        ledger.violate(format!("the upload {id} of `{}` is both open and an object", upload.key));
    }
    let lacks = upload.parts.iter().any(|part| !parts.contains(part));
    if lacks || (parts.len() > upload.parts.len() && !upload.has_unknown_part) {
        ledger.violate(format!("the upload {id} of `{}` has parts {parts:?} and not {:?}", upload.key, upload.parts));
    }
    upload.state = UploadState::Open;
    ledger.uploads.insert(id.to_owned(), upload);
    Ok(())
}

/// An upload that the ledger has no name for: the answer that named it was lost.
async fn stray(client: &mut Client, ledger: &Rc<RefCell<Ledger>>, key: &str, id: &str) -> Result<(), ClientError> {
    if ledger.borrow().unknown_uploads == 0 {
        ledger.borrow_mut().violate(format!("an upload {id} of `{key}` is open that should not be"));
        return Ok(());
    }
    client.abort_upload(PLAIN, key, id).await?.successful()?;
    // Not before it is gone: a server that dies over it leaves it for the next look.
    ledger.borrow_mut().unknown_uploads -= 1;
    Ok(())
}
