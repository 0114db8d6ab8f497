//! A read that has begun ends with the bytes it began with, whatever becomes of the key meanwhile.

use std::sync::Arc;

use bytes::Bytes;
use engine::{CompleteUpload, CreateUpload, DeleteObject, GetObject, NamedPart, Selection, UploadName};
use fixtures::seeded::Seeded;
use futures::TryStreamExt;
use kernel::{BucketName, Caller, ObjectKey};
use sim::driver::perform;
use sim::operation::{Answer, Operation, Put, Upload};
use sim::script::buckets;
use sim::world::{World, settle};

fn ask(world: &World, operation: Operation) -> Answer {
    settle(perform(Arc::clone(&world.engine), operation))
}

fn put(bucket: &BucketName, key: &ObjectKey, bytes: Bytes) -> Operation {
    Operation::Put(Put {
        bucket: bucket.clone(),
        key: key.clone(),
        body: Upload { bytes, damage: None },
        attributes: Default::default(),
        condition: Default::default(),
    })
}

/// An object of parts, the last of which is short enough to lie in the catalogue.
fn put_in_parts(world: &World, bucket: &BucketName, key: &ObjectKey, parts: &[Bytes]) {
    let create =
        CreateUpload { bucket: bucket.clone(), key: key.clone(), attributes: Default::default(), checksum: None };
    let Answer::Started(id) = ask(world, Operation::Start(create)) else { panic!("an upload") };
    let upload = UploadName { bucket: bucket.clone(), key: key.clone(), id };
    let named = parts.iter().zip(1..).map(|(bytes, number)| {
        let body = Upload { bytes: bytes.clone(), damage: None };
        let Answer::Part { etag, .. } = ask(world, Operation::PutPart(upload.clone(), number, body)) else {
            panic!("a part")
        };
        NamedPart { number, etag: Some(etag), checksum: None }
    });
    let parts = named.collect();
    let (condition, checksum, full_object, bytes) = Default::default();
    let complete = CompleteUpload { upload: upload.clone(), parts, condition, checksum, full_object, bytes };
    assert!(matches!(ask(world, Operation::Complete(complete)), Answer::Written { .. }));
}

#[test]
fn a_read_that_has_begun_survives_an_overwrite_and_a_deletion() {
    let (mut seeded, bucket) = (Seeded::new(1), buckets().swap_remove(0));
    let mut random = |bytes: usize| {
        let mut run = vec![0; bytes];
        seeded.fill(&mut run);
        Bytes::from(run)
    };
    // More parts than are looked up at once, and the last one short enough to lie in the catalogue.
    let parts: Vec<Bytes> = (0..151).map(|part| random(if part < 150 { 300 } else { 100 })).collect();
    let key = ObjectKey::new("long").expect("a key");
    let overwrite = put(&bucket, &key, random(50));
    let delete = DeleteObject {
        bucket: bucket.clone(),
        key: key.clone(),
        version: None,
        bypass_governance: false,
        condition: Default::default(),
    };
    for change in [overwrite, Operation::Delete(delete)] {
        let world = World::new(1, |map| map);
        ask(&world, Operation::CreateBucket(bucket.clone()));
        put_in_parts(&world, &bucket, &key, &parts);
        let get = GetObject {
            bucket: bucket.clone(),
            key: key.clone(),
            version: None,
            as_of: None,
            selection: Selection::All,
            condition: Default::default(),
        };
        let read = settle(world.engine.get_object(&Caller::root(), get)).expect("the object is there");
        ask(&world, change.clone());
        let runs: Result<Vec<Bytes>, _> = settle(read.body.try_collect());
        let body = runs.unwrap_or_else(|error| panic!("the read broke off after {change:?}: {error}")).concat();
        assert!(body == parts.concat(), "other bytes came");
    }
}
