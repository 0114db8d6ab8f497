//! No damage passes: what lies on a site is not what was written, and no byte of it comes out.

use kernel::{ByteRange, Extent};
use proptest::prelude::*;
use storage::header::HEADER_BYTES;
use storage::seal::{SEALED_SEGMENT_BYTES, SEGMENT_BYTES};
use storage::{Damage, StorageError, VaultError};

use crate::world::{World, body, home, read, world, write};

const BODY: usize = 3 * SEGMENT_BYTES + 1000;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// A body of one blob, and the blob's bytes.
async fn one_blob(seed: u64) -> (World, Vec<u8>, Extent, Vec<u8>) {
    let world = world(seed, 1 << 20);
    let body = body(BODY, seed);
    let extent = write(&world.store, &body, 65_536).await.expect("writes");
    let sealed = world.home.sealed(extent.pieces[0].blob).expect("there");
    (world, body, extent, sealed)
}

fn corrupt_at(outcome: &storage::Result<Vec<u8>>, extent: &Extent) -> Option<Damage> {
    match outcome {
        Err(StorageError::Corrupt { blob, what }) if *blob == extent.pieces[0].blob => Some(*what),
        _ => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_flipped_bit_is_noticed_by_whoever_reads_its_segment(bit in any::<prop::sample::Index>()) {
        runtime().block_on(async {
            let (world, body, extent, sealed) = one_blob(1).await;
            let bit = bit.index((sealed.len() - HEADER_BYTES) * 8) + HEADER_BYTES * 8;
            assert!(world.home.flip_bit(extent.pieces[0].blob, bit as u64));
            let segment = (bit / 8 - HEADER_BYTES) / SEALED_SEGMENT_BYTES;
            for number in 0..4 {
                let (start, end) = (number * SEGMENT_BYTES, BODY.min((number + 1) * SEGMENT_BYTES));
                let outcome = read(&world.store, &extent, start as u64, end as u64).await;
                if number == segment {
                    assert_eq!(corrupt_at(&outcome, &extent), Some(Damage::Segment(segment as u64)));
                } else {
                    assert!(outcome.expect("the others are whole") == body[start..end]);
                }
            }
            let whole = read(&world.store, &extent, 0, BODY as u64).await;
            assert_eq!(corrupt_at(&whole, &extent), Some(Damage::Segment(segment as u64)));
        });
    }

    #[test]
    fn a_flipped_bit_of_the_header_changes_nothing_that_is_read(bit in 0..HEADER_BYTES as u64 * 8) {
        runtime().block_on(async {
            let (world, body, extent, _) = one_blob(1).await;
            assert!(world.home.flip_bit(extent.pieces[0].blob, bit));
            assert!(read(&world.store, &extent, 0, BODY as u64).await.expect("a header is only a hint") == body);
        });
    }

    #[test]
    fn any_flipped_bit_of_an_inline_body_is_noticed(size in 1..200_000_usize, bit in any::<prop::sample::Index>()) {
        let World { store, .. } = world(1, 1 << 20);
        let (extent, sealed) = store.seal_inline(&body(size, 1)).expect("seals");
        let mut changed = sealed.to_vec();
        let bit = bit.index(changed.len() * 8);
        changed[bit / 8] ^= 1 << (bit % 8);
        let outcome = store.open_inline(&extent, &changed.into(), ByteRange { start: 0, end: size as u64 });
        let noticed = matches!(outcome, Err(StorageError::Corrupt { what: Damage::Segment(_), .. }));
        prop_assert!(noticed);
    }
}

#[tokio::test]
async fn a_blob_cut_or_grown_anywhere_is_noticed_by_every_read() {
    let (world, _, extent, sealed) = one_blob(1).await;
    let lengths = [0, 1, HEADER_BYTES, HEADER_BYTES + SEALED_SEGMENT_BYTES, HEADER_BYTES + 3 * SEALED_SEGMENT_BYTES];
    let cuts = lengths.into_iter().chain([sealed.len() - 1]).map(|length| sealed[..length].to_vec());
    let one_more = [sealed.as_slice(), &[0]].concat();
    let last_twice = [sealed.as_slice(), &sealed[HEADER_BYTES + 3 * SEALED_SEGMENT_BYTES..]].concat();
    for changed in cuts.chain([one_more, last_twice]) {
        let found = changed.len() as u64;
        assert!(world.home.replace(extent.pieces[0].blob, changed));
        for (start, end) in [(0, BODY as u64), (0, 1), (BODY as u64 - 1, BODY as u64)] {
            let damage = corrupt_at(&read(&world.store, &extent, start, end).await, &extent);
            assert!(
                matches!(damage, Some(Damage::Length { found: is, .. }) if is == found),
                "{found} bytes: {damage:?}"
            );
        }
    }
}

#[tokio::test]
async fn swapped_segments_are_noticed() {
    let (world, _, extent, sealed) = one_blob(1).await;
    let segment = |number: usize| {
        HEADER_BYTES + number * SEALED_SEGMENT_BYTES..HEADER_BYTES + (number + 1) * SEALED_SEGMENT_BYTES
    };
    let mut swapped = sealed.clone();
    swapped[segment(1)].copy_from_slice(&sealed[segment(2)]);
    swapped[segment(2)].copy_from_slice(&sealed[segment(1)]);
    assert!(world.home.replace(extent.pieces[0].blob, swapped));
    let damage = corrupt_at(&read(&world.store, &extent, 0, BODY as u64).await, &extent);
    assert_eq!(damage, Some(Damage::Segment(1)));
}

#[tokio::test]
async fn swapped_blobs_are_noticed_even_within_one_body() {
    let World { store, home, .. } = world(1, 100_000);
    let extent = write(&store, &body(200_000, 1), 65_536).await.expect("writes");
    let [one, two] = [extent.pieces[0].blob, extent.pieces[1].blob];
    let (first, second) = (home.sealed(one).expect("there"), home.sealed(two).expect("there"));
    assert_eq!(first.len(), second.len());
    home.replace(one, second);
    home.replace(two, first);
    assert_eq!(corrupt_at(&read(&store, &extent, 0, 200_000).await, &extent), Some(Damage::Segment(0)));
    assert!(
        matches!(read(&store, &extent, 150_000, 150_001).await, Err(StorageError::Corrupt { blob, .. }) if blob == two)
    );
}

#[tokio::test]
async fn an_older_body_of_the_same_key_does_not_pass_for_the_newer() {
    let World { store, home, .. } = world(1, 1 << 20);
    let older = write(&store, &body(100_000, 1), 65_536).await.expect("writes");
    let newer = write(&store, &body(100_000, 2), 65_536).await.expect("writes");
    home.replace(newer.pieces[0].blob, home.sealed(older.pieces[0].blob).expect("there"));
    assert!(corrupt_at(&read(&store, &newer, 0, 1).await, &newer).is_some());
    // Nor do a body's blobs open under another body's key.
    let mixed = Extent { key: older.key.clone(), ..newer };
    let refused = read(&store, &mixed, 0, 1).await;
    assert!(matches!(refused, Err(StorageError::Vault(VaultError::NotAuthentic))), "{refused:?}");
}

#[tokio::test]
async fn another_vault_opens_nothing() {
    let (mine, _, extent, sealed) = one_blob(1).await;
    let other = world(2, 1 << 20);
    let written = write(&other.store, &body(BODY, 1), 65_536).await.expect("writes");
    assert!(other.home.replace(written.pieces[0].blob, sealed));
    let refused = read(&other.store, &extent, 0, 1).await;
    assert!(matches!(refused, Err(StorageError::Vault(VaultError::UnknownMaster(id))) if id == extent.key.master));
    assert!(read(&mine.store, &extent, 0, 1).await.is_ok());
}

#[tokio::test]
async fn lengths_that_contradict_each_other_are_noticed() {
    let (world, _, extent, _) = one_blob(1).await;
    for change in [1_i64, -1, 65_536, -65_536, i64::MIN] {
        let mut changed = extent.clone();
        changed.pieces[0].bytes = changed.pieces[0].bytes.saturating_add_signed(change);
        let range_end = changed.pieces[0].bytes.min(10);
        if range_end > 0 {
            let damage = corrupt_at(&read(&world.store, &changed, 0, range_end).await, &extent);
            assert_eq!(damage, Some(Damage::Record), "{change}");
        }
        let (mut inline, sealed) = world.store.seal_inline(&body(BODY, 1)).expect("seals");
        inline.pieces[0].bytes = inline.pieces[0].bytes.saturating_add_signed(change);
        let end = inline.pieces[0].bytes.min(10);
        if end > 0 {
            let outcome = world.store.open_inline(&inline, &sealed, ByteRange { start: 0, end });
            assert!(matches!(outcome, Err(StorageError::Corrupt { what: Damage::Record, .. })), "{change}");
        }
    }
    let (inline, sealed) = world.store.seal_inline(&body(BODY, 1)).expect("seals");
    for cut in [0, 1, sealed.len() - 1] {
        let outcome = world.store.open_inline(&inline, &sealed.slice(..cut), ByteRange { start: 0, end: 1 });
        assert!(matches!(outcome, Err(StorageError::Corrupt { what: Damage::Length { .. }, .. })), "{cut} bytes");
    }
}

#[tokio::test]
async fn a_blob_that_is_gone_is_called_missing() {
    let (world, _, extent, _) = one_blob(1).await;
    world.store.remove(&home(), extent.pieces[0].blob).await.expect("removes");
    let refused = read(&world.store, &extent, 0, 1).await;
    assert!(matches!(refused, Err(StorageError::Missing { blob }) if blob == extent.pieces[0].blob), "{refused:?}");
}
