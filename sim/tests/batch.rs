//! Many objects in one request: in order, each judged by itself, and never a body that only looks whole.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use engine::{BatchMember, BatchRead, Error, Missing, ObjectRead, Result, Selection};
use fixtures::seeded::Seeded;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use kernel::{BucketName, Caller, ObjectKey, Sequence};
use metadata::{Batch, Family, KeyValue, KeyValueError, Visit};
use sim::driver::perform;
use sim::operation::{Answer, Operation, Put, Upload};
use sim::script::buckets;
use sim::world::{World, Wrap, settle};

/// Members that the engine looks up at once.
const AT_ONCE: usize = 16;

struct Lake {
    world: World,
    bucket: BucketName,
    seeded: Seeded,
}

impl Lake {
    fn new() -> Self {
        Self::over(|map| map)
    }

    fn over(wrap: Wrap) -> Self {
        let (world, bucket) = (World::new(1, wrap), buckets().swap_remove(0));
        settle(perform(Arc::clone(&world.engine), Operation::CreateBucket(bucket.clone())));
        Self { world, bucket, seeded: Seeded::new(1) }
    }

    fn put(&mut self, name: &str, bytes: usize) -> Bytes {
        let mut body = vec![0; bytes];
        self.seeded.fill(&mut body);
        let body = Bytes::from(body);
        let put = Operation::Put(Put {
            bucket: self.bucket.clone(),
            key: key(name),
            body: Upload { bytes: body.clone(), damage: None },
            attributes: Default::default(),
            condition: Default::default(),
        });
        let answer = settle(perform(Arc::clone(&self.world.engine), put));
        assert!(matches!(answer, Answer::Written { .. }), "{answer:?}");
        body
    }

    fn batch(&self, caller: &Caller, members: Vec<BatchMember>) -> Result<BoxStream<'static, Result<ObjectRead>>> {
        settle(self.world.engine.read_batch(caller, BatchRead { bucket: self.bucket.clone(), members, as_of: None }))
    }

    /// The blobs of an object that was just put: those that were not there before.
    fn put_blobs(&mut self, name: &str, bytes: usize) -> Vec<kernel::BlobId> {
        let before = settle(self.world.stored_blobs());
        self.put(name, bytes);
        let version = settle(async {
            let bucket = self.world.catalog.bucket(&self.bucket).await.expect("read").expect("a bucket");
            self.world.catalog.version(bucket.id, &key(name), None).await.expect("read").expect("a version")
        });
        let kernel::Content::Whole(extent) = &version.object().expect("an object").content else { panic!("put whole") };
        let blobs: Vec<_> = extent.pieces.iter().map(|piece| piece.blob).collect();
        assert!(blobs.iter().all(|blob| !before.contains(blob)));
        blobs
    }
}

fn key(name: &str) -> ObjectKey {
    ObjectKey::new(name).expect("a key")
}

fn member(name: &str, selection: Selection) -> BatchMember {
    BatchMember { key: key(name), version: None, selection }
}

fn body(read: ObjectRead) -> Result<Bytes> {
    settle(read.body.try_collect::<Vec<_>>()).map(|runs| runs.concat().into())
}

#[test]
fn members_come_in_order_and_each_is_judged_by_itself() {
    let mut lake = Lake::new();
    let (short, long) = (lake.put("short", 100), lake.put("long", 2_500));
    lake.put("empty", 0);
    let asked = [
        ("long", Selection::All),
        ("gone", Selection::All),
        ("short", Selection::Between(10, 19)),
        ("empty", Selection::All),
        ("empty", Selection::From(0)),
        ("long", Selection::Suffix(7)),
        ("short", Selection::From(100)),
        ("short", Selection::All),
        ("short", Selection::All),
    ];
    let members = asked.iter().map(|(name, selection)| member(name, *selection)).collect();
    let reads: Vec<_> = settle(lake.batch(&Caller::root(), members).expect("a bucket").collect());
    let got = reads.into_iter().map(|read| read.and_then(|read| Ok((read.info.selected_bytes(), body(read)?))));
    let expected = [
        Some(long.clone()),
        None,
        Some(short.slice(10..20)),
        Some(Bytes::new()),
        None,
        Some(long.slice(2_493..)),
        None,
        Some(short.clone()),
        Some(short),
    ];
    for (place, (got, expected)) in got.zip(expected).enumerate() {
        match (got, expected) {
            (Ok((bytes, body)), Some(expected)) => {
                assert!(bytes == expected.len() as u64 && body == expected, "member {place}")
            }
            (Err(Error::NotFound(Missing::Key { marker: None })), None) if place == 1 => {}
            (Err(Error::Invalid(_)), None) if place != 1 => {}
            (got, _) => panic!("member {place}: {got:?}"),
        }
    }
}

#[test]
fn each_member_needs_a_permit() {
    let mut lake = Lake::new();
    lake.put("k", 10);
    let members = || vec![member("k", Selection::All), member("gone", Selection::All)];
    let reads: Vec<_> = settle(lake.batch(&Caller::anonymous(), members()).expect("a bucket").collect());
    assert!(reads.len() == 2 && reads.iter().all(|read| matches!(read, Err(Error::Denied(_)))));
    let gone = BatchRead { bucket: buckets().swap_remove(1), members: members(), as_of: None };
    let answer = settle(lake.world.engine.read_batch(&Caller::root(), gone)).map(|_| ());
    assert!(matches!(answer, Err(Error::NotFound(Missing::Bucket))), "{answer:?}");
}

#[test]
fn damage_at_the_start_is_an_error_in_place_and_further_on_it_breaks_the_body() {
    let mut lake = Lake::new();
    let first = lake.put_blobs("first", 2_500);
    let last = lake.put_blobs("last", 2_500);
    let whole = lake.put("whole", 2_500);
    assert_eq!((first.len(), last.len()), (3, 3));
    // Behind the header, which a read does not touch.
    assert!(lake.world.flip_bit(first[0], 8 * (1_280 + 10)) && lake.world.flip_bit(last[2], 8 * (1_280 + 10)));
    let members = ["first", "last", "whole"].map(|name| member(name, Selection::All)).to_vec();
    let mut batch = lake.batch(&Caller::root(), members).expect("a bucket");
    assert!(matches!(settle(batch.next()), Some(Err(Error::Corrupt { .. }))));
    let mut broken = settle(batch.next()).expect("a member").expect("its start is sound").body;
    let mut came = 0;
    let end = loop {
        match settle(broken.next()) {
            Some(Ok(bytes)) => came += bytes.len(),
            end => break end,
        }
    };
    assert!(matches!(end, Some(Err(Error::Corrupt { .. }))) && came == 2_000, "{came} bytes, then {end:?}");
    let sound = settle(batch.next()).expect("a member").expect("sound");
    assert!(body(sound).expect("sound") == whole);
    assert!(settle(batch.next()).is_none());
}

/// A map that answers a question about the key `0` late, so that those behind it have time.
struct Late(Arc<dyn KeyValue>);

impl KeyValue for Late {
    fn get(
        &self,
        keys: Vec<(Family, Vec<u8>)>,
    ) -> BoxFuture<'_, std::result::Result<Vec<Option<Bytes>>, KeyValueError>> {
        let is_late = keys.iter().any(|(family, place)| *family == Family::Current && place.ends_with(b"0"));
        Box::pin(async move {
            let mut turns = if is_late { 1_000 } else { 0 };
            poll_fn(|context| {
                turns -= i32::from(turns > 0);
                context.waker().wake_by_ref();
                if turns > 0 { Poll::Pending } else { Poll::Ready(()) }
            })
            .await;
            self.0.get(keys).await
        })
    }

    fn scan(
        &self,
        family: Family,
        from: Vec<u8>,
        until: Vec<u8>,
        visit: Visit,
    ) -> BoxFuture<'_, std::result::Result<(), KeyValueError>> {
        self.0.scan(family, from, until, visit)
    }

    fn apply(&self, batch: Batch) -> BoxFuture<'_, std::result::Result<Sequence, KeyValueError>> {
        self.0.apply(batch)
    }

    fn durable(&self) -> Sequence {
        self.0.durable()
    }
}

#[test]
fn members_are_read_while_one_before_them_is_late_but_only_so_many() {
    let mut lake = Lake::over(|map| Arc::new(Late(map)));
    let names: Vec<_> = (100..140).map(|number| format!("{number}x")).collect();
    let late = lake.put("0", 700);
    let bodies: Vec<_> = names.iter().map(|name| lake.put(name, 700)).collect();
    let members = ["0"].into_iter().chain(names.iter().map(String::as_str));
    let mut batch =
        lake.batch(&Caller::root(), members.map(|name| member(name, Selection::All)).collect()).expect("a bucket");
    let first = settle(batch.next()).expect("a member").expect("readable");
    assert!(body(first).expect("readable") == late);
    lake.world.refuse_site(true);
    let rest: Vec<_> = settle(batch.map(|read| read.and_then(body)).collect());
    let readable = rest.iter().take_while(|read| read.is_ok()).count();
    assert_eq!(readable, AT_ONCE - 1, "members that were read before the site went away");
    assert!(rest.iter().zip(&bodies).take(readable).all(|(read, body)| read.as_ref().is_ok_and(|got| got == body)));
    assert!(rest[readable..].iter().all(|read| matches!(read, Err(Error::Unavailable { .. }))));
}

#[test]
fn readers_who_do_not_read_leave_no_room_and_hinder_nobody() {
    let mut lake = Lake::new();
    let expected = lake.put("k", 700);
    // Each batch holds 16 KiB of the 64 MiB.
    let members = || vec![member("k", Selection::All); AT_ONCE];
    let idle: Vec<_> = (0..4_200)
        .map(|_| {
            let mut batch = lake.batch(&Caller::root(), members()).expect("a bucket");
            let first = settle(batch.next()).expect("a member").expect("readable");
            (batch, first)
        })
        .collect();
    let reads: Vec<_> =
        settle(lake.batch(&Caller::root(), members()).expect("a bucket").map(|read| read.and_then(body)).collect());
    assert!(reads.len() == AT_ONCE && reads.iter().all(|read| read.as_ref().is_ok_and(|got| *got == expected)));
    drop(idle);
}
