//! The look after a restart, at the bucket with versions.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use fixtures::s3_client::{Answer, Client, ClientError, ListedVersion, Method, Request};
use fixtures::seeded::Seeded;

use super::ledger::Ledger;
use super::shared::Value;
use super::worker_shared::current;
use super::{KillError, SHARED};

/// Versions of each key that are read by name.
const SAMPLES: u64 = 8;

/// Compares every version with the ledger, checks each key's history, and gives the number of versions.
pub(super) async fn verify(
    client: &mut Client,
    ledger: &Rc<RefCell<Ledger>>,
    seeded: &mut Seeded,
) -> Result<usize, KillError> {
    let failed = |error| KillError::Client("reading all versions after a restart", error);
    let mut by_key: BTreeMap<String, Vec<ListedVersion>> = BTreeMap::new();
    for version in versions(client).await.map_err(failed)? {
        by_key.entry(version.key.clone()).or_default().push(version);
    }
    let known: BTreeSet<String> = ledger.borrow().shared.keys().cloned().collect();
    for key in by_key.keys().filter(|key| !known.contains(*key)) {
        ledger.borrow_mut().violate(format!("`{key}` has versions, and nobody wrote it"));
    }
    let mut count = 0;
    for key in &known {
        let listed = by_key.remove(key).unwrap_or_default();
        count += listed.len();
        accounts(client, ledger, key, &listed).await.map_err(failed)?;
        latest(client, ledger, key, &listed).await.map_err(failed)?;
        for _ in 0..SAMPLES {
            sample(client, ledger, key, seeded.next_u64()).await.map_err(failed)?;
        }
    }
    Ok(count)
}

async fn versions(client: &mut Client) -> Result<Vec<ListedVersion>, ClientError> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = client.list_versions(SHARED, after.as_ref()).await?;
        all.extend(page.versions);
        after = page.next;
        if after.is_none() {
            return Ok(all);
        }
    }
}

async fn version(client: &mut Client, key: &str, version: &str) -> Result<Answer, ClientError> {
    let query = [("versionId", version)];
    client.send(Request { query: &query, ..Request::new(Method::GET, SHARED, key) }).await
}

/// Every version listed was written once, and every version written is listed.
async fn accounts(
    client: &mut Client,
    ledger: &Rc<RefCell<Ledger>>,
    key: &str,
    listed: &[ListedVersion],
) -> Result<(), ClientError> {
    let mut missing: BTreeSet<String> = ledger.borrow_mut().shared_key(key).versions.keys().cloned().collect();
    for entry in listed {
        if missing.remove(&entry.version) {
            let mut ledger = ledger.borrow_mut();
            let Some(known) = ledger.shared_key(key).versions.get_mut(&entry.version) else {
                continue;
            };
            known.may_be_removed = false;
            if matches!(known.value, Value::Marker(_)) != entry.is_marker {
                ledger.violate(format!("version {} of `{key}` is a marker in one place only", entry.version));
            }
            continue;
        }
        let write = match entry.is_marker {
            true => None,
            false => {
                let answer = version(client, key, &entry.version).await?;
                match ledger.borrow_mut().judge(&answer) {
                    Ok(write) => write,
                    Err(what) => {
                        ledger.borrow_mut().violate(format!("version {} of `{key}`: {what}", entry.version));
                        continue;
                    }
                }
            }
        };
        let mut ledger = ledger.borrow_mut();
        if ledger.shared_key(key).attribute(write, entry.version.clone()) {
            ledger.counts.unknown_happened += 1;
        } else {
            ledger.violate(format!("version {} of `{key}` comes from nowhere ({write:x?})", entry.version));
        }
    }
    let mut ledger = ledger.borrow_mut();
    for version in missing {
        let removed = ledger.shared_key(key).versions.remove(&version);
        if removed.is_none_or(|known| !known.may_be_removed) {
            ledger.violate(format!("version {version} of `{key}` was acknowledged and is lost"));
        }
    }
    Ok(())
}

/// What is current agrees with the listing and with the history.
async fn latest(
    client: &mut Client,
    ledger: &Rc<RefCell<Ledger>>,
    key: &str,
    listed: &[ListedVersion],
) -> Result<(), ClientError> {
    let start = ledger.borrow().time();
    let answer = client.get(SHARED, key).await?;
    let mut ledger = ledger.borrow_mut();
    let end = ledger.time();
    let value = match current(ledger.judge(&answer), &answer) {
        Ok(value) => value,
        Err(what) => {
            ledger.violate(format!("`{key}`: {what}"));
            return Ok(());
        }
    };
    let newest: Vec<&str> = listed.iter().filter(|entry| entry.is_latest).map(|entry| entry.version.as_str()).collect();
    let named = answer.header("x-amz-version-id");
    if newest.len() > 1 || newest.first().copied() != named {
        ledger.violate(format!("`{key}` is listed with {newest:?} as its newest and reads as {named:?}"));
    }
    if let Err(what) = ledger.shared_key(key).conclude(value, start, end) {
        ledger.violate(format!("`{key}`: {what}"));
    }
    Ok(())
}

/// A version read by name is what was written.
async fn sample(client: &mut Client, ledger: &Rc<RefCell<Ledger>>, key: &str, place: u64) -> Result<(), ClientError> {
    let chosen = ledger.borrow_mut().shared_key(key).any_version(place);
    let Some((name, Value::Object(write))) = chosen else {
        return Ok(());
    };
    let answer = version(client, key, &name).await?;
    let mut ledger = ledger.borrow_mut();
    match ledger.judge(&answer) {
        Ok(Some(came)) if came == write => {}
        Ok(came) => ledger.violate(format!("version {name} of `{key}` is {came:x?} and not {write:x}")),
        Err(what) => ledger.violate(format!("version {name} of `{key}`: {what}")),
    }
    Ok(())
}
