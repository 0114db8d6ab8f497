//! What every site promises, run on each of them.

use std::sync::Arc;

use bytes::Bytes;
use kernel::{BlobId, KeyId, WrappedKey};
use object_store::memory::InMemory;
use object_store::path::Path;
use storage::{LocalSettings, LocalSite, MemorySite, NewBlob, ObjectStoreSite, Site, SiteError};

use crate::world::{Stopped, body, read, store_over, write};

fn blob(bytes: [u8; 2]) -> BlobId {
    let mut id = [0x5a; 16];
    id[..2].copy_from_slice(&bytes);
    BlobId::from_bytes(id)
}

fn key(byte: u8) -> WrappedKey {
    WrappedKey { master: KeyId::from_bytes([byte; 16]), wrapped: vec![byte; 61] }
}

async fn put(site: &dyn Site, id: BlobId, bytes: &[u8], chunk: usize) -> Result<(), SiteError> {
    let new = NewBlob { id, key: key(id.as_bytes()[1]), sealed_bytes: bytes.len() as u64 };
    let mut writer = site.create(new).await?;
    for part in bytes.chunks(chunk) {
        writer.write(Bytes::copy_from_slice(part)).await?;
    }
    writer.finish().await
}

async fn listed(site: &dyn Site, after: Option<BlobId>, limit: usize) -> Vec<BlobId> {
    site.list(after, limit).await.expect("lists").into_iter().map(|blob| blob.id).collect()
}

/// Waits until the site shows these blobs and no others, for at most two seconds.
async fn shows(site: &dyn Site, blobs: &[BlobId]) {
    for _ in 0..400 {
        if listed(site, None, 1000).await == blobs {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert_eq!(listed(site, None, 1000).await, blobs);
}

async fn reads_are_exact(site: &dyn Site) {
    let bytes = body(300_000, 1);
    let id = blob([1, 1]);
    put(site, id, &bytes, 70_000).await.expect("writes");
    for (start, end) in [(0, 300_000), (0, 1), (299_999, 300_000), (65_536, 131_073), (1, 299_999)] {
        let read = site.read(id, 300_000, start..end).await.expect("reads");
        assert_eq!(read, bytes[start as usize..end as usize], "{start}..{end}");
    }
    for (length, found) in [(299_999, 300_000), (300_001, 300_000)] {
        let refused = site.read(id, length, 0..10).await;
        assert!(matches!(refused, Err(SiteError::Length { found: is, .. }) if is == found), "{refused:?}");
    }
    let beyond = site.read(id, 300_000, 299_999..300_001).await;
    assert!(matches!(beyond, Err(SiteError::Length { .. })), "{beyond:?}");
    let absent = site.read(blob([1, 2]), 10, 0..10).await;
    assert!(matches!(absent, Err(SiteError::Missing)), "{absent:?}");
    site.remove(id).await.expect("removes");
}

async fn unfinished_blobs_leave_nothing(site: &dyn Site) {
    let new = |sealed_bytes| NewBlob { id: blob([2, 1]), key: key(1), sealed_bytes };
    drop(site.create(new(10)).await.expect("begins"));
    shows(site, &[]).await;
    let mut writer = site.create(new(10)).await.expect("begins");
    writer.write(Bytes::from_static(b"12345")).await.expect("writes");
    drop(writer);
    shows(site, &[]).await;
    for bytes in [b"123456789".as_slice(), b"12345678901"] {
        let mut writer = site.create(new(10)).await.expect("begins");
        writer.write(Bytes::from_static(bytes)).await.expect("writes");
        let refused = writer.finish().await;
        assert!(matches!(refused, Err(SiteError::Length { .. })), "{refused:?}");
        shows(site, &[]).await;
    }
    put(site, blob([2, 2]), b"given up later", 100).await.expect("writes");
    site.abandon(vec![blob([2, 2]), blob([2, 3])]);
    shows(site, &[]).await;
}

async fn lists_walk_in_order(site: &dyn Site) {
    let ids: Vec<BlobId> = [[0, 0], [0, 9], [7, 1], [7, 2], [7, 3], [0xff, 0], [0xff, 0xff]].map(blob).to_vec();
    for id in ids.iter().rev() {
        put(site, *id, id.as_bytes(), 100).await.expect("writes");
    }
    assert_eq!(listed(site, None, 100).await, ids);
    for limit in 1..=ids.len() + 1 {
        let (mut walked, mut after): (Vec<BlobId>, _) = (Vec::new(), None);
        loop {
            let page = listed(site, after, limit).await;
            walked.extend(&page);
            after = page.last().copied();
            if page.len() < limit {
                break;
            }
        }
        assert_eq!(walked, ids, "pages of {limit}");
    }
    assert_eq!(listed(site, Some(blob([7, 2])), 2).await, ids[4..6]);
    assert_eq!(listed(site, Some(blob([0xff, 0xff])), 2).await, []);
    assert_eq!(listed(site, None, 0).await, []);
    let seen = site.list(None, 1).await.expect("lists");
    assert_eq!(seen[0].sealed_bytes, 16);
    for id in ids {
        site.remove(id).await.expect("removes");
        assert!(!listed(site, None, 100).await.contains(&id));
    }
}

async fn keys_lie_beside_blobs(site: &dyn Site) {
    let ids = [blob([3, 1]), blob([3, 2]), blob([3, 3])];
    for id in [ids[0], ids[2]] {
        put(site, id, b"bytes", 100).await.expect("writes");
    }
    assert_eq!(site.keys(ids.to_vec()).await.expect("reads"), [Some(key(1)), None, Some(key(3))]);
    site.remove(ids[0]).await.expect("removes");
    site.remove(ids[0]).await.expect("that it is gone is fine");
    assert_eq!(site.keys(ids.to_vec()).await.expect("reads"), [None, None, Some(key(3))]);
    site.remove(ids[2]).await.expect("removes");
}

/// All that a site promises.
async fn keeps_the_contract(site: Arc<dyn Site>) {
    reads_are_exact(&*site).await;
    unfinished_blobs_leave_nothing(&*site).await;
    lists_walk_in_order(&*site).await;
    keys_lie_beside_blobs(&*site).await;
    // And a body of several pieces, one of them longer than an object store takes in one request.
    let store = store_over(Arc::clone(&site), 5, 9 << 20);
    let long = body((9 << 20) + 100_000, 2);
    let extent = write(&store, &long, 300_000).await.expect("writes");
    assert_eq!(extent.pieces.len(), 2);
    assert!(read(&store, &extent, 0, long.len() as u64).await.expect("reads") == long);
    for piece in &extent.pieces {
        assert_eq!(site.keys(vec![piece.blob]).await.expect("reads"), [Some(extent.key.clone())]);
        let sealed = site.read(piece.blob, piece.sealed_bytes, 0..piece.sealed_bytes).await.expect("reads");
        assert_eq!(crc_fast::crc64_nvme(&sealed), piece.sealed_crc64);
    }
    let mut writer =
        store.writer(&crate::world::home(), crate::world::hint(), long.len() as u64).await.expect("begins");
    writer.write(Bytes::from(long).slice(..(9 << 20) + 1)).await.expect("writes");
    drop(writer);
    let mut kept: Vec<_> = extent.pieces.iter().map(|piece| piece.blob).collect();
    kept.sort();
    shows(&*site, &kept).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_keeps_the_contract() {
    let directory = tempfile::tempdir().expect("a directory");
    keeps_the_contract(LocalSite::open(LocalSettings::new(directory.path())).expect("opens")).await;
}

#[tokio::test]
async fn a_directory_read_and_written_by_one_thread_each_keeps_the_contract() {
    let directory = tempfile::tempdir().expect("a directory");
    let settings = LocalSettings { reads_at_once: 1, writes_at_once: 1, ..LocalSettings::new(directory.path()) };
    keeps_the_contract(LocalSite::open(settings).expect("opens")).await;
}

#[tokio::test]
async fn memory_keeps_the_contract() {
    keeps_the_contract(MemorySite::new(Arc::new(Stopped::default()))).await;
}

#[tokio::test]
async fn an_object_store_keeps_the_contract() {
    keeps_the_contract(ObjectStoreSite::new(Arc::new(InMemory::new()), Path::from("lake/one"))).await;
}

#[tokio::test]
async fn blobs_outlive_the_site_that_wrote_them() {
    let directory = tempfile::tempdir().expect("a directory");
    let id = blob([4, 4]);
    let site = LocalSite::open(LocalSettings::new(directory.path())).expect("opens");
    put(&*site, id, b"durable", 3).await.expect("writes");
    drop(site);
    let site = LocalSite::open(LocalSettings::new(directory.path())).expect("opens again");
    assert_eq!(site.read(id, 7, 0..7).await.expect("reads"), b"durable".as_slice());
    assert_eq!(site.keys(vec![id]).await.expect("reads"), [Some(key(4))]);
}

#[test]
fn urls_and_options_that_mean_nothing_are_refused() {
    // Installed by the server, for all of the process.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let option = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
    for (url, options, setting) in [
        ("no url", vec![], "url"),
        ("ftp://host/path", vec![], "url"),
        ("file:///var/lib", vec![], "url"),
        ("s3://bucket/prefix", option("regoin", "eu-central-1"), "regoin"),
        ("https://host/path", option("region", "eu-central-1"), "region"),
        ("memory:///", option("timeout", "1s"), "timeout"),
    ] {
        match ObjectStoreSite::from_url(url, &options) {
            Err(SiteError::Setting { name, .. }) => assert_eq!(name, setting, "{url}"),
            Err(error) => panic!("{url}: {error}"),
            Ok(_) => panic!("{url} is accepted"),
        }
    }
    for (url, options) in [
        ("memory:///", vec![]),
        ("s3://bucket/prefix", [option("region", "eu-central-1"), option("Endpoint", "https://ceph.example")].concat()),
        ("https://dav.example/lake", option("timeout", "1h")),
    ] {
        assert!(ObjectStoreSite::from_url(url, &options).is_ok(), "{url}");
    }
}
