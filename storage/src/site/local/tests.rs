//! What only a local site does: faults of the disk, shared syncs, and files that go when their body is given up.

use std::time::Duration;

use super::*;
use kernel::KeyId;

fn new_blob(byte: u8, sealed_bytes: u64) -> NewBlob {
    let key = WrappedKey { master: KeyId::from_bytes([1; 16]), wrapped: vec![2; 61] };
    NewBlob { id: BlobId::from_bytes([byte; 16]), key, sealed_bytes }
}

fn site() -> (tempfile::TempDir, Arc<LocalSite>) {
    let directory = tempfile::tempdir().expect("a directory");
    let site = LocalSite::open(LocalSettings::new(directory.path())).expect("opens");
    (directory, site)
}

impl LocalSite {
    fn fail(&self, fault: Option<(Step, io::ErrorKind)>) {
        *self.core.health.fault.lock().expect("no test panics with it") = fault;
    }

    async fn put(&self, byte: u8, bytes: &'static [u8]) -> Result<(), SiteError> {
        let mut writer = self.create(new_blob(byte, bytes.len() as u64)).await?;
        writer.write(Bytes::from_static(bytes)).await?;
        writer.finish().await
    }

    /// Waits until a blob's file is gone, for at most two seconds.
    async fn gone(&self, byte: u8) -> bool {
        let path = self.core.path(BlobId::from_bytes([byte; 16]));
        for _ in 0..400 {
            if !path.exists() {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        false
    }
}

#[tokio::test]
async fn a_full_disk_is_called_full_and_leaves_nothing() {
    let (_directory, site) = site();
    for step in [Step::Create, Step::Write] {
        site.fail(Some((step, io::ErrorKind::StorageFull)));
        assert!(matches!(site.put(7, b"bytes").await, Err(SiteError::Full)), "{step:?}");
        assert!(site.gone(7).await, "{step:?}");
    }
    site.fail(None);
    site.put(7, b"bytes").await.expect("there is room again");
    let read = site.read(BlobId::from_bytes([7; 16]), 5, 0..5).await.expect("it is there");
    assert_eq!(read, b"bytes".as_slice());
}

#[tokio::test]
async fn after_a_failed_sync_the_site_takes_no_writes_until_reopened() {
    for step in [Step::Sync, Step::DirectorySync] {
        let (directory, site) = site();
        site.put(1, b"before").await.expect("the disk is well");
        let mut under_way = site.create(new_blob(2, 1)).await.expect("the disk is well");
        site.fail(Some((step, io::ErrorKind::Other)));
        assert!(matches!(site.put(3, b"x").await, Err(SiteError::SyncFailed)), "{step:?}");
        site.fail(None);
        assert!(matches!(site.put(4, b"x").await, Err(SiteError::SyncFailed)), "{step:?}");
        under_way.write(Bytes::from_static(b"x")).await.expect("nothing is synced yet");
        assert!(matches!(under_way.finish().await, Err(SiteError::SyncFailed)), "{step:?}");
        assert!(site.gone(2).await && site.gone(3).await && site.gone(4).await);
        assert!(site.read(BlobId::from_bytes([1; 16]), 6, 0..6).await.is_ok(), "reads go on");
        drop(site);
        let again = LocalSite::open(LocalSettings::new(directory.path())).expect("opens");
        again.put(5, b"after").await.expect("the disk is well");
    }
}

#[tokio::test]
async fn writers_of_one_directory_share_its_syncs() {
    let (_directory, site) = site();
    let puts = (0..64_u8).map(|number| {
        let site = Arc::clone(&site);
        async move {
            let mut id = [9; 16];
            id[15] = number;
            let blob = NewBlob { id: BlobId::from_bytes(id), ..new_blob(9, 3) };
            let mut writer = site.create(blob).await.expect("creates");
            writer.write(Bytes::from_static(b"abc")).await.expect("writes");
            writer.finish().await.expect("finishes");
        }
    });
    futures::future::join_all(puts).await;
    assert_eq!(site.list(None, 100).await.expect("lists").len(), 64);
    assert_eq!(site.meters().file_syncs.get(), 64);
    assert!((1..64).contains(&site.meters().directory_syncs.get()), "{:?}", site.meters());
    assert!((1..64).contains(&site.meters().key_log_syncs.get()), "{:?}", site.meters());
    // Whoever is covered by a sync may go on before the thread that synced is back in its pool.
    for _ in 0..400 {
        if (site.meters().reads.get(), site.meters().writes.get()) == (0, 0) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("the pools do not come to rest: {:?}", site.meters());
}

#[tokio::test]
async fn a_writer_dropped_at_any_moment_leaves_no_file() {
    let (_directory, site) = site();
    drop(site.create(new_blob(1, 6)).await.expect("creates"));
    assert!(site.gone(1).await);

    let mut writer = site.create(new_blob(2, 6)).await.expect("creates");
    writer.write(Bytes::from_static(b"abc")).await.expect("writes");
    drop(writer);
    assert!(site.gone(2).await);

    let mut writer = site.create(new_blob(3, 3)).await.expect("creates");
    writer.write(Bytes::from_static(b"abc")).await.expect("writes");
    let mut finishing = writer.finish();
    assert!(futures::poll!(&mut finishing).is_pending());
    drop(finishing);
    assert!(site.gone(3).await);
}

#[tokio::test]
async fn names_that_are_no_blobs_are_left_alone() {
    let (directory, site) = site();
    site.put(0xab, b"x").await.expect("writes");
    for name in ["notes.txt", "ABABABABABABABABABABABABABABABAB", "abab"] {
        fs::write(directory.path().join("blobs/ab").join(name), "y").expect("writes");
    }
    let listed = site.list(None, 10).await.expect("lists");
    assert_eq!(listed.iter().map(|blob| blob.id).collect::<Vec<_>>(), [BlobId::from_bytes([0xab; 16])]);
    assert!(listed[0].written > Timestamp::from_secs(1_700_000_000));
}

#[tokio::test]
async fn an_id_is_never_written_twice() {
    let (_directory, site) = site();
    site.put(1, b"first").await.expect("writes");
    assert!(site.put(1, b"other").await.is_err());
    let read = site.read(BlobId::from_bytes([1; 16]), 5, 0..5).await.expect("it is there");
    assert_eq!(read, b"first".as_slice());
}
