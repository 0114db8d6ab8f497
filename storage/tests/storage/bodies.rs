//! Bodies in and ranges out.

use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use kernel::{BlobId, ByteRange, Placement, SiteName};
use proptest::prelude::*;
use storage::header::{HEADER_BYTES, Header};
use storage::{KeyVault, Removal, Site, SiteError, StorageError};

use crate::world::{World, at, away, blobs, body, hint, home, read, world, write};

const SEGMENT: u64 = 65_536;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// Sizes at and around borders of segments, runs and pieces, and some between.
fn sizes(piece: u64) -> impl Strategy<Value = u64> {
    let border = prop_oneof![Just(SEGMENT), Just(16 * SEGMENT), Just(piece), Just(2 * piece)];
    let near = (border, -2_i64..=2).prop_map(|(border, by)| border.saturating_add_signed(by));
    prop_oneof![4 => near, 1 => 0..400_000_u64, 1 => 0..5_u64]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_range_is_the_slice(
        (piece, size) in prop_oneof![Just(150_000_u64), Just(3 * SEGMENT), Just(64 << 20)]
            .prop_flat_map(|piece| (Just(piece), sizes(piece.min(400_000)))),
        chunk in prop_oneof![1_000..200_000_usize, Just(65_536), Just(usize::MAX)],
        ranges in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 6),
    ) {
        let World { store, home, .. } = world(size, piece);
        let body = body(size as usize, 1);
        runtime().block_on(async {
            let extent = write(&store, &body, chunk.min(size as usize)).await.expect("writes");
            assert_eq!(extent.bytes(), size);
            assert_eq!(extent.pieces.len() as u64, size.div_ceil(piece));
            let inline = store.seal_inline(&body).expect("seals");
            let whole = (0, size);
            let cuts = ranges.iter().map(|(one, two)| {
                let (one, two) = (one.index(size as usize + 1) as u64, two.index(size as usize + 1) as u64);
                (one.min(two), one.max(two))
            });
            for (start, end) in cuts.chain([whole, (0, 0), (size, size), (size.saturating_sub(1), size)]) {
                let slice = &body[start as usize..end as usize];
                assert!(read(&store, &extent, start, end).await.expect("reads") == slice, "{start}..{end}");
                let opened = store.open_inline(&inline.0, &inline.1, ByteRange { start, end }).expect("opens");
                assert!(opened == slice, "{start}..{end} inline");
            }
            for piece in &extent.pieces {
                let sealed = home.sealed(piece.blob).expect("it is there");
                assert_eq!(sealed.len() as u64, piece.sealed_bytes);
                assert_eq!(crc_fast::crc64_nvme(&sealed), piece.sealed_crc64);
            }
        });
    }
}

#[tokio::test]
async fn nothing_of_a_body_can_be_read_where_it_lies() {
    let World { store, home, .. } = world(1, 100_000);
    let body = b"a canary that sings ".repeat(20_000);
    let extent = write(&store, &body, 65_536).await.expect("writes");
    let (_, inline) = store.seal_inline(&body[..100_000]).expect("seals");
    let sealed = blobs(&extent).into_iter().map(|blob| home.sealed(blob).expect("there")).chain([inline.to_vec()]);
    for sealed in sealed {
        assert!(!sealed.windows(8).any(|window| window == b"a canary" || window == b"turbines"));
    }
}

#[tokio::test]
async fn two_bodies_never_share_a_key_or_a_blob() {
    let World { store, .. } = world(1, 1 << 20);
    let (one, two) =
        (write(&store, b"same", 4).await.expect("writes"), write(&store, b"same", 4).await.expect("writes"));
    let (three, _) = store.seal_inline(b"same").expect("seals");
    let wraps = [&one.key.wrapped, &two.key.wrapped, &three.key.wrapped];
    assert!(wraps[0] != wraps[1] && wraps[1] != wraps[2] && wraps[0] != wraps[2]);
    assert!(one.pieces[0].blob != two.pieces[0].blob && two.pieces[0].blob != three.pieces[0].blob);
    assert!(one.pieces[0].sealed_crc64 != two.pieces[0].sealed_crc64);
}

#[tokio::test]
async fn an_empty_body_has_a_key_and_no_piece() {
    let World { store, home, .. } = world(1, 1 << 20);
    let (inline, sealed) = store.seal_inline(b"").expect("seals");
    assert!(inline.pieces.is_empty() && sealed.is_empty());
    assert!(store.open_inline(&inline, &sealed, ByteRange { start: 0, end: 0 }).expect("opens").is_empty());
    let extent = write(&store, b"", 1).await.expect("writes");
    assert!(extent.pieces.is_empty() && !extent.key.wrapped.is_empty());
    assert!(read(&store, &extent, 0, 0).await.expect("reads").is_empty());
    assert!(home.list(None, 10).await.expect("lists").is_empty());
}

#[tokio::test]
async fn ranges_beyond_the_body_are_refused() {
    let World { store, .. } = world(1, 1 << 20);
    let extent = write(&store, b"0123456789", 4).await.expect("writes");
    let (inline, sealed) = store.seal_inline(b"0123456789").expect("seals");
    for (start, end) in [(0, 11), (10, 11), (u64::MAX, u64::MAX), (5, 4)] {
        let refused = read(&store, &extent, start, end).await;
        assert!(matches!(refused, Err(StorageError::Range { bytes: 10, .. })), "{refused:?}");
        let refused = store.open_inline(&inline, &sealed, ByteRange { start, end });
        assert!(matches!(refused, Err(StorageError::Range { bytes: 10, .. })), "{refused:?}");
    }
}

#[tokio::test]
async fn a_body_of_another_length_than_announced_is_refused_and_leaves_nothing() {
    let World { store, home: site, .. } = world(1, 10);
    let mut writer = store.writer(&home(), hint(), 25).await.expect("begins");
    writer.write(Bytes::from_static(b"0123456789012345")).await.expect("writes");
    let refused = writer.finish().await;
    assert!(matches!(refused, Err(StorageError::Length { expected: 25, came: 16 })), "{refused:?}");
    assert!(site.list(None, 10).await.expect("lists").is_empty());

    let mut writer = store.writer(&home(), hint(), 25).await.expect("begins");
    writer.write(Bytes::from_static(b"0123456789012345")).await.expect("writes");
    let refused = writer.write(Bytes::from_static(b"0123456789")).await;
    assert!(matches!(refused, Err(StorageError::Length { expected: 25, came: 26 })), "{refused:?}");
    let refused = writer.write(Bytes::from_static(b"0")).await;
    assert!(matches!(refused, Err(StorageError::GivenUp)), "{refused:?}");
    let refused = writer.finish().await;
    assert!(matches!(refused, Err(StorageError::GivenUp)), "{refused:?}");
    assert!(site.list(None, 10).await.expect("lists").is_empty());
}

#[tokio::test]
async fn a_full_site_says_so_and_keeps_nothing_of_the_body() {
    let World { store, home: site, .. } = world(1, 100_000);
    site.limit(Some(250_000));
    let refused = write(&store, &body(400_000, 1), 50_000).await;
    assert!(matches!(&refused, Err(StorageError::Full { site }) if *site == home()), "{refused:?}");
    assert!(site.list(None, 10).await.expect("lists").is_empty());
    site.limit(None);
    assert!(write(&store, &body(400_000, 1), 50_000).await.is_ok());
}

#[tokio::test]
async fn what_a_vault_or_site_refuses_is_an_error() {
    let World { store, home: site, vault, .. } = world(1, 100_000);
    let extent = write(&store, b"bytes", 5).await.expect("writes");
    site.refuse(true);
    assert!(matches!(write(&store, b"x", 1).await, Err(StorageError::Site { source: SiteError::Unreachable, .. })));
    let refused = read(&store, &extent, 0, 5).await;
    assert!(matches!(refused, Err(StorageError::Site { source: SiteError::Unreachable, .. })), "{refused:?}");
    site.refuse(false);
    vault.refuse(true);
    assert!(matches!(write(&store, b"x", 1).await, Err(StorageError::Vault(_))));
    assert!(matches!(read(&store, &extent, 0, 5).await, Err(StorageError::Vault(_))));
    assert!(matches!(store.seal_inline(b"x"), Err(StorageError::Vault(_))));
    vault.refuse(false);
    assert_eq!(read(&store, &extent, 0, 5).await.expect("reads"), b"bytes");
    let nowhere = SiteName::new("nowhere").expect("a good name");
    assert!(matches!(store.writer(&nowhere, hint(), 1).await, Err(StorageError::UnknownSite(name)) if name == nowhere));
}

#[tokio::test]
async fn the_next_replica_is_asked_when_one_cannot_give_what_it_should() {
    let World { store, home: near, away: far, .. } = world(1, 200_000);
    let body = body(500_000, 1);
    let extent = write(&store, &body, 65_536).await.expect("writes");
    for piece in &extent.pieces {
        let bytes = near.sealed(piece.blob).expect("there");
        let key = extent.key.clone();
        let new = storage::NewBlob { id: piece.blob, key, sealed_bytes: piece.sealed_bytes };
        let mut copy = far.create(new).await.expect("begins");
        copy.write(bytes.into()).await.expect("writes");
        copy.finish().await.expect("finishes");
    }
    let range = ByteRange { start: 0, end: 500_000 };
    let read = async |sites: &[SiteName]| {
        let stream = store.read(&extent, at(&extent, sites), range);
        stream.try_collect::<Vec<Bytes>>().await.map(|parts| parts.concat())
    };
    near.flip_bit(extent.pieces[0].blob, 8 * (HEADER_BYTES as u64 + 70_000));
    near.remove(extent.pieces[1].blob).await.expect("removes");
    near.replace(extent.pieces[2].blob, vec![0; 5]);
    assert!(read(&[home(), away()]).await.expect("the other has it all") == body);
    assert_eq!(store.meters().replicas_bad.get(), 3);
    assert!(matches!(read(&[home()]).await, Err(StorageError::Corrupt { .. })));
    // That one may answer later outweighs that the other is damaged.
    far.refuse(true);
    assert!(matches!(read(&[home(), away()]).await, Err(StorageError::Site { .. })));
    assert!(matches!(read(&[away(), home()]).await, Err(StorageError::Site { .. })));
    assert!(matches!(read(&[]).await, Err(StorageError::NoReplica { .. })));
    let shard = Placement::Shard { site: home(), index: 0, data: 2, parity: 1 };
    let mut stream = store.read(&extent, vec![vec![shard]; 3], range);
    assert!(matches!(stream.next().await, Some(Err(StorageError::NoReplica { .. }))));
    assert!(stream.next().await.is_none(), "after an error nothing more comes");
}

#[tokio::test]
async fn blobs_in_use_are_not_removed() {
    let World { store, home: site, .. } = world(1, 100_000);
    let bytes = body(4_000_000, 1);
    let mut writer = store.writer(&home(), hint(), 4_000_000).await.expect("begins");
    writer.write(Bytes::from(bytes.clone()).slice(..250_000)).await.expect("writes");
    let begun: Vec<BlobId> = site.list(None, 100).await.expect("lists").iter().map(|blob| blob.id).collect();
    assert_eq!(begun.len(), 3);
    for blob in &begun {
        assert_eq!(store.remove(&home(), *blob).await.expect("answers"), Removal::Leased);
    }
    writer.write(Bytes::from(bytes).slice(250_000..)).await.expect("writes");
    let bridge = writer.lease();
    let extent = writer.finish().await.expect("finishes");
    let all = blobs(&extent);
    assert!(all.iter().all(|blob| store.is_leased(*blob)), "until the catalogue refers to it");
    drop(bridge);
    assert!(all.iter().all(|blob| !store.is_leased(*blob)), "what is finished is free");

    let mut stream = store.read(&extent, at(&extent, &[home()]), ByteRange { start: 0, end: 150_000 });
    assert!(stream.next().await.is_some_and(|bytes| bytes.is_ok()));
    assert_eq!(store.remove(&home(), all[0]).await.expect("answers"), Removal::Leased);
    assert_eq!(store.remove(&home(), all[39]).await.expect("answers"), Removal::Removed, "the range does not touch it");
    drop(stream);
    let lease = store.lease([all[0]]);
    assert_eq!(store.remove(&home(), all[0]).await.expect("answers"), Removal::Leased);
    drop(lease);
    assert_eq!(store.remove(&home(), all[0]).await.expect("answers"), Removal::Removed);
    assert_eq!(store.remove(&home(), all[0]).await.expect("that it is gone is fine"), Removal::Removed);
    assert!(matches!(read(&store, &extent, 0, 1).await, Err(StorageError::Missing { blob }) if blob == all[0]));
    assert_eq!(store.blobs(&home(), None, 100).await.expect("lists").len(), 38);
}

#[tokio::test]
async fn a_header_tells_repair_what_the_catalogue_knew() {
    let World { store, home: site, vault, .. } = world(1, 100_000);
    let extent = write(&store, &body(250_000, 1), 65_536).await.expect("writes");
    for (number, piece) in (0..).zip(&extent.pieces) {
        let sealed = site.sealed(piece.blob).expect("there");
        let header = Header::decode(piece.blob, &sealed).expect("it is one");
        assert_eq!((header.blob, header.bytes), (piece.blob, piece.bytes));
        assert_eq!((header.wrapped_for, header.master), (extent.pieces[0].blob, extent.key.master));
        let keys = store.keys(&home(), vec![piece.blob]).await.expect("reads");
        let wrapped = keys[0].as_ref().expect("it lies beside the blob");
        let data_key = vault.unwrap(wrapped, header.wrapped_for).expect("opens");
        let known = header.open_hint(&data_key, &sealed).expect("it is authentic");
        assert_eq!(known.body, hint());
        assert_eq!((known.offset, known.body_bytes), (number * 100_000, 250_000));
    }
}

#[tokio::test]
async fn a_power_cut_leaves_finished_bodies_whole_and_unfinished_ones_unseen() {
    let World { store, home: site, .. } = world(1, 100_000);
    let bytes = body(150_000, 1);
    let kept = write(&store, &bytes, 65_536).await.expect("writes");
    let gone = write(&store, &bytes, 65_536).await.expect("writes");
    store.remove(&home(), gone.pieces[0].blob).await.expect("removes");
    let mut writer = store.writer(&home(), hint(), 90_000).await.expect("begins");
    writer.write(Bytes::from(vec![0; 80_000])).await.expect("writes");
    site.cut_power();
    assert!(writer.write(Bytes::from(vec![0; 10_000])).await.is_err(), "its site lost it");
    drop(writer);
    assert!(read(&store, &kept, 0, 150_000).await.expect("reads") == bytes);
    assert!(read(&store, &gone, 0, 100_000).await.is_ok(), "a removal need not be durable");
    // What is left of the unfinished body is for the sweep.
    assert_eq!(site.list(None, 10).await.expect("lists").len(), 5);
}

#[tokio::test]
async fn a_slow_site_is_waited_for_on_the_clock() {
    let World { store, home: site, clock, .. } = world(1, 100_000);
    site.slow(Duration::from_secs(60));
    let extent = write(&store, b"bytes", 5).await.expect("writes");
    // To create, to write, to finish.
    assert_eq!(*clock.slept.lock().expect("no panic"), Duration::from_secs(180));
    assert_eq!(read(&store, &extent, 0, 5).await.expect("reads"), b"bytes");
    assert_eq!(*clock.slept.lock().expect("no panic"), Duration::from_secs(240));
}
