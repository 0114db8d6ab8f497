//! What every [`KeyValue`] promises, as code.
//!
//! Whoever implements the port calls [`run_all`] in a test of its own, with a way to make empty maps and to open one
//! again. Each clause gets a map of its own and panics where the promise is broken. Nothing in here relies on the order
//! in which batches that are under way at once take effect: the port does not promise one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use futures::future::{BoxFuture, join, join_all};
use kernel::Sequence;

use crate::chain::{self, ChainEntry, ChainPlace};
use crate::key_value::{Batch, Edit, Expectation, Family, KeyValue, KeyValueError, Stamped, Step, gather};

/// One map to be tried, and the way to open it again.
pub trait Subject: Send {
    /// The map as it is open now.
    fn map(&self) -> Arc<dyn KeyValue>;
    /// Closes the map and opens it again. All that was acknowledged must be there afterwards.
    fn reopen(&mut self) -> BoxFuture<'_, ()>;
}

/// Tries every clause, each on an empty map from `make`.
///
/// # Panics
/// Where the map breaks a clause.
pub async fn run_all(make: &dyn Fn() -> Box<dyn Subject>) {
    reads_come_in_the_order_asked_for(&*make().map()).await;
    reads_are_of_one_sequence(&*make().map()).await;
    scans_keep_their_bounds(&*make().map()).await;
    scans_go_where_they_are_steered(&*make().map()).await;
    families_are_apart(&*make().map()).await;
    edits_take_effect_in_order(&*make().map()).await;
    ranges_are_deleted(&*make().map()).await;
    a_batch_takes_effect_whole_or_not_at_all(&*make().map()).await;
    only_the_batch_whose_expectation_fails_is_dropped(&*make().map()).await;
    expectations_see_every_earlier_batch(&*make().map()).await;
    adds_are_never_in_conflict(&*make().map()).await;
    a_bound_on_a_sum_is_exact(&*make().map()).await;
    a_row_that_is_no_number_fails_its_batch_alone(&*make().map()).await;
    stamps_are_the_sequence(&*make().map()).await;
    entries_form_one_chain(&*make().map()).await;
    readers_never_see_a_gap(&*make().map()).await;
    a_dropped_future_does_not_take_its_batch_back(&*make().map()).await;
    what_was_acknowledged_is_there_after_opening_again(&mut *make()).await;
}

type Row = (Vec<u8>, Bytes);

async fn rows(map: &dyn KeyValue, family: Family, from: &[u8], until: &[u8]) -> Vec<Row> {
    let gathered = gather(map, family, from.into(), until.into(), Vec::new(), |rows: &mut Vec<Row>, key, value| {
        rows.push((key.to_vec(), Bytes::copy_from_slice(value)));
        Step::Next
    });
    gathered.await.expect("a scan of an open map succeeds")
}

async fn row(map: &dyn KeyValue, family: Family, key: &[u8]) -> Option<Bytes> {
    let values = map.get(vec![(family, key.into())]).await.expect("a read of an open map succeeds");
    let [value] = <[_; 1]>::try_from(values).expect("one key, one answer");
    value
}

async fn number(map: &dyn KeyValue, key: &[u8]) -> i64 {
    let value = row(map, Family::Counters, key).await;
    value.map_or(0, |value| i64::from_be_bytes(value[..].try_into().expect("a counter has eight bytes")))
}

fn batch(edits: impl Into<Vec<Edit>>) -> Batch {
    Batch { expectations: Vec::new(), edits: edits.into() }
}

fn put(family: Family, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Edit {
    Edit::Put(family, key.as_ref().into(), Bytes::copy_from_slice(value.as_ref()))
}

async fn apply(map: &dyn KeyValue, edits: impl Into<Vec<Edit>>) -> Sequence {
    map.apply(batch(edits)).await.expect("a batch that expects nothing succeeds")
}

async fn reads_come_in_the_order_asked_for(map: &dyn KeyValue) {
    apply(map, [put(Family::Lake, "a", "1"), put(Family::Inline, "b", vec![7; 300_000]), put(Family::Lake, "", "3")])
        .await;
    let asked =
        [(Family::Inline, "b"), (Family::Lake, "none"), (Family::Lake, "a"), (Family::Lake, ""), (Family::Lake, "a")];
    let values = map.get(asked.map(|(family, key)| (family, key.into())).into()).await.expect("the map is open");
    let expected = [Some(vec![7; 300_000]), None, Some(b"1".to_vec()), Some(b"3".to_vec()), Some(b"1".to_vec())];
    assert!(values.iter().map(|value| value.as_deref()).eq(expected.iter().map(Option::as_deref)));
    assert!(map.get(Vec::new()).await.expect("the map is open").is_empty());
}

/// Runs `write` forty times while `read` runs again and again.
async fn beside<W: Future, R: Future>(write: impl Fn(u64) -> W, read: impl Fn() -> R) {
    let is_over = AtomicBool::new(false);
    let writing = async {
        for round in 1..=40 {
            write(round).await;
        }
        is_over.store(true, Ordering::Relaxed);
    };
    let reading = async {
        while !is_over.load(Ordering::Relaxed) {
            read().await;
            tokio::task::yield_now().await;
        }
        read().await;
    };
    join(writing, reading).await;
}

async fn reads_are_of_one_sequence(map: &dyn KeyValue) {
    let key_of = |index: u8| [0, 0, 0, 0, 0, 0, 0, 1, index];
    let write = async |round: u64| {
        let rows = (0..50).map(|index| put(Family::Current, key_of(index), round.to_be_bytes()));
        let mut edits: Vec<_> = rows.collect();
        edits.push(put(Family::Buckets, "round", round.to_be_bytes()));
        apply(map, edits).await;
    };
    let read = async || {
        let asked = vec![
            (Family::Current, key_of(0).into()),
            (Family::Buckets, b"round".into()),
            (Family::Current, key_of(49).into()),
        ];
        let values = map.get(asked).await.expect("the map is open");
        assert!(values.iter().all(|value| *value == values[0]), "a read saw half a batch: {values:?}");
        let seen = rows(map, Family::Current, b"", &[0xff]).await;
        assert!(seen.is_empty() || seen.len() == 50, "a scan saw {} of 50 rows", seen.len());
        assert!(seen.iter().all(|(_, value)| *value == seen[0].1), "a scan saw half a batch");
    };
    beside(write, read).await;
}

async fn scans_keep_their_bounds(map: &dyn KeyValue) {
    // Two buckets' worth of keys in a family whose keys begin with eight bytes of bucket, and shorter keys too.
    let keys: [&[u8]; 7] = [
        b"",
        b"\0\0",
        b"\0\0\0\0\0\0\0\x01",
        b"\0\0\0\0\0\0\0\x01a",
        b"\0\0\0\0\0\0\0\x01b",
        b"\0\0\0\0\0\0\0\x02a",
        b"\xff",
    ];
    for family in [Family::Current, Family::Changes] {
        apply(map, keys.map(|key| put(family, key, "x"))).await;
        for (first, from) in keys.iter().enumerate() {
            for (end, until) in keys.iter().enumerate() {
                let seen: Vec<_> = rows(map, family, from, until).await.into_iter().map(|(key, _)| key).collect();
                let expected = keys.get(first..end.max(first)).unwrap_or_default();
                assert_eq!(seen, expected, "from {from:?} until {until:?} in {family:?}");
            }
        }
        let between = rows(map, family, b"\0\0\0\0\0\0\0\x01aa", b"\0\0\0\0\0\0\0\x02").await;
        assert_eq!(between.len(), 1, "bounds need not be rows");
    }
}

async fn scans_go_where_they_are_steered(map: &dyn KeyValue) {
    let edits: Vec<_> = (0..100).map(|index| put(Family::Current, format!("bucket00{index:02}"), "x")).collect();
    apply(map, edits).await;
    let steered = async |steps: Vec<Step>| -> Vec<String> {
        let mut steps = steps.into_iter();
        let scan = gather(
            map,
            Family::Current,
            b"bucket0010".into(),
            b"bucket0050".into(),
            Vec::new(),
            move |keys, key, _| {
                keys.push(String::from_utf8_lossy(&key[8..]).into_owned());
                steps.next().unwrap_or(Step::Stop)
            },
        );
        scan.await.expect("the map is open")
    };
    let seek = |to: &str| Step::Seek(format!("bucket00{to}").into_bytes());
    assert_eq!(steered(vec![]).await, ["10"], "stop at the first row");
    assert_eq!(steered(vec![Step::Next, Step::Next]).await, ["10", "11", "12"]);
    assert_eq!(steered(vec![seek("20"), Step::Next, seek("305"), Step::Next]).await, ["10", "20", "21", "31", "32"]);
    assert_eq!(
        steered(vec![seek("10"), seek("00")]).await,
        ["10", "11", "12"],
        "a seek never goes back or stands still"
    );
    assert_eq!(steered(vec![seek("49"), Step::Next]).await, ["10", "49"], "the bound ends it");
    assert_eq!(steered(vec![seek("60")]).await, ["10"], "beyond the bound lies nothing");
    assert_eq!(steered(vec![Step::Seek(b"zzz".to_vec())]).await, ["10"]);
}

async fn families_are_apart(map: &dyn KeyValue) {
    apply(map, Family::ALL.map(|family| put(family, "one key", family.name()))).await;
    apply(map, [Edit::DeleteRange(Family::Parts, b"o".into(), b"p".into())]).await;
    for family in Family::ALL {
        let expected = (family != Family::Parts).then(|| Bytes::from_static(family.name().as_bytes()));
        assert_eq!(row(map, family, b"one key").await, expected, "{family:?}");
    }
}

async fn edits_take_effect_in_order(map: &dyn KeyValue) {
    let (family, counter) = (Family::Lake, || b"n".to_vec());
    let edits = [
        put(family, "put twice", "1"),
        put(family, "put twice", "2"),
        put(family, "put and deleted", "1"),
        Edit::Delete(family, b"put and deleted".into()),
        Edit::Delete(family, b"deleted and put".into()),
        put(family, "deleted and put", "1"),
        Edit::Delete(family, b"never there".into()),
        put(family, "range 1", "1"),
        Edit::DeleteRange(family, b"range".into(), b"range 9".into()),
        put(family, "range 2", "1"),
        Edit::Add(Family::Counters, counter(), 5),
        put(Family::Counters, counter(), 100_i64.to_be_bytes()),
        Edit::Add(Family::Counters, counter(), -1),
        Edit::Add(Family::Counters, counter(), -2),
    ];
    apply(map, edits).await;
    let seen: Vec<_> = rows(map, family, b"a", b"z").await.into_iter().map(|(key, _)| key).collect();
    assert_eq!(seen, [&b"deleted and put"[..], b"put twice", b"range 2"]);
    assert_eq!(row(map, family, b"put twice").await.as_deref(), Some(&b"2"[..]));
    assert_eq!(number(map, b"n").await, 97);
    apply(map, [Edit::Delete(Family::Counters, counter()), Edit::Add(Family::Counters, counter(), 3)]).await;
    assert_eq!(number(map, b"n").await, 3, "no row counts as 0");
}

async fn ranges_are_deleted(map: &dyn KeyValue) {
    let key_of = |index: u8| vec![0, 0, 0, 0, 0, 0, 0, 5, index];
    apply(map, (0..10).map(|index| put(Family::Versions, key_of(index), "x")).collect::<Vec<_>>()).await;
    let left =
        async || rows(map, Family::Versions, b"", &[0xff]).await.into_iter().map(|(key, _)| key[8]).collect::<Vec<_>>();
    let range = |from: u8, until: u8| Edit::DeleteRange(Family::Versions, key_of(from), key_of(until));
    apply(map, [range(3, 3), range(8, 2)]).await;
    assert_eq!(left().await, (0..10).collect::<Vec<_>>(), "an empty range, and one the wrong way round");
    apply(map, [range(2, 8)]).await;
    assert_eq!(left().await, [0, 1, 8, 9]);
    let expecting = |key: u8| Batch {
        expectations: vec![Expectation::Absent(Family::Versions, key_of(key))],
        edits: vec![put(Family::Versions, key_of(key), "y"), range(0, 1)],
    };
    let outcomes = join(map.apply(expecting(5)), map.apply(expecting(8))).await;
    assert!(outcomes.0.is_ok() && matches!(outcomes.1, Err(KeyValueError::Conflict { index: 0 })), "{outcomes:?}");
    assert_eq!(left().await, [1, 5, 8, 9]);
}

async fn a_batch_takes_effect_whole_or_not_at_all(map: &dyn KeyValue) {
    apply(map, [put(Family::Lake, "row", "1")]).await;
    let before = map.durable();
    let expectations = vec![
        Expectation::Equals(Family::Lake, b"row".into(), Bytes::from_static(b"1")),
        Expectation::Absent(Family::Lake, b"other".into()),
        Expectation::Equals(Family::Lake, b"row".into(), Bytes::from_static(b"")),
        Expectation::Absent(Family::Lake, b"row".into()),
    ];
    let edits = vec![
        put(Family::Lake, "other", "1"),
        Edit::Delete(Family::Lake, b"row".into()),
        Edit::Add(Family::Counters, b"n".into(), 1),
    ];
    let outcome = map.apply(Batch { expectations, edits }).await;
    assert!(matches!(outcome, Err(KeyValueError::Conflict { index: 2 })), "the first that fails is named: {outcome:?}");
    assert_eq!(rows(map, Family::Lake, b"a", b"z").await.len(), 1);
    assert_eq!(number(map, b"n").await, 0);
    assert_eq!(map.durable(), before, "a batch that fails takes no sequence");
    assert_eq!(apply(map, []).await, before.plus(1), "one that changes nothing does");
}

async fn only_the_batch_whose_expectation_fails_is_dropped(map: &dyn KeyValue) {
    let batches = (0..60).map(|index: u64| {
        let expectation = match index % 3 {
            0 => Expectation::Absent(Family::Lake, b"nothing".into()),
            1 => Expectation::Equals(Family::Lake, b"nothing".into(), Bytes::from_static(b"1")),
            _ => Expectation::SumAtMost { family: Family::Counters, key: b"nothing".into(), plus: 0, max: 0 },
        };
        let edits = vec![put(Family::Current, index.to_be_bytes(), "x"), Edit::Add(Family::Counters, b"n".into(), 1)];
        map.apply(Batch { expectations: vec![expectation], edits })
    });
    for (index, outcome) in join_all(batches).await.into_iter().enumerate() {
        assert_eq!(outcome.is_ok(), index % 3 != 1, "{index}: {outcome:?}");
        let is_there = row(map, Family::Current, &(index as u64).to_be_bytes()).await.is_some();
        assert_eq!(is_there, outcome.is_ok(), "{index}");
    }
    assert_eq!(number(map, b"n").await, 40);
}

async fn expectations_see_every_earlier_batch(map: &dyn KeyValue) {
    let first_only = (0..50).map(|index: u64| {
        let edits = vec![put(Family::Lake, "winner", index.to_be_bytes())];
        map.apply(Batch { expectations: vec![Expectation::Absent(Family::Lake, b"winner".into())], edits })
    });
    let outcomes = join_all(first_only).await;
    let winners: Vec<_> =
        (0_u64..).zip(&outcomes).filter(|(_, outcome)| outcome.is_ok()).map(|(index, _)| index).collect();
    let [winner] = winners[..] else { panic!("{} batches found the row absent", winners.len()) };
    assert_eq!(row(map, Family::Lake, b"winner").await.as_deref(), Some(&winner.to_be_bytes()[..]));

    // Counting up by comparing: every number is passed from one winner to the next, none is counted twice.
    apply(map, [put(Family::Lake, "count", 0_u64.to_be_bytes())]).await;
    let count_up = (0..8).map(async |_| {
        let mut wins = 0_u64;
        for _ in 0..20 {
            let found = row(map, Family::Lake, b"count").await.expect("it was put");
            let next = u64::from_be_bytes(found[..].try_into().expect("eight bytes")) + 1;
            let expectations = vec![Expectation::Equals(Family::Lake, b"count".into(), found)];
            match map.apply(Batch { expectations, edits: vec![put(Family::Lake, "count", next.to_be_bytes())] }).await {
                Ok(_) => wins += 1,
                Err(KeyValueError::Conflict { index: 0 }) => {}
                Err(error) => panic!("{error}"),
            }
        }
        wins
    });
    let wins: u64 = join_all(count_up).await.into_iter().sum();
    assert_eq!(row(map, Family::Lake, b"count").await.as_deref(), Some(&wins.to_be_bytes()[..]));
    assert!(wins >= 20, "somebody always wins");
}

async fn adds_are_never_in_conflict(map: &dyn KeyValue) {
    let adds = (1..=100).map(|plus| {
        map.apply(batch([
            Edit::Add(Family::Counters, b"n".into(), plus),
            Edit::Add(Family::Counters, b"m".into(), -plus),
        ]))
    });
    assert!(join_all(adds).await.iter().all(Result::is_ok));
    assert_eq!((number(map, b"n").await, number(map, b"m").await), (5050, -5050));
}

async fn a_bound_on_a_sum_is_exact(map: &dyn KeyValue) {
    let adds = (0..64).map(|_| {
        let (family, key) = (Family::Counters, b"quota".to_vec());
        let expectations = vec![Expectation::SumAtMost { family, key: key.clone(), plus: 3, max: 100 }];
        map.apply(Batch { expectations, edits: vec![Edit::Add(family, key, 3)] })
    });
    let done = join_all(adds).await.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!((done, number(map, b"quota").await), (33, 99));
    let beyond =
        Expectation::SumAtMost { family: Family::Counters, key: b"quota".into(), plus: i64::MAX, max: i64::MAX };
    let outcome = map.apply(Batch { expectations: vec![beyond], edits: Vec::new() }).await;
    assert!(matches!(outcome, Err(KeyValueError::Conflict { index: 0 })), "sums do not wrap: {outcome:?}");
}

async fn a_row_that_is_no_number_fails_its_batch_alone(map: &dyn KeyValue) {
    apply(map, [put(Family::Counters, "text", "seven b"), put(Family::Counters, "most", i64::MAX.to_be_bytes())]).await;
    let with = |expectations: Vec<Expectation>, key: &str| {
        let edits = vec![
            put(Family::Lake, "before", "1"),
            Edit::DeleteRange(Family::Counters, b"a".into(), b"b".into()),
            Edit::Add(Family::Counters, key.into(), 1),
        ];
        map.apply(Batch { expectations, edits })
    };
    let sum = Expectation::SumAtMost { family: Family::Counters, key: b"text".into(), plus: 0, max: 9 };
    let good = map.apply(batch([Edit::Add(Family::Counters, b"an".into(), 1)]));
    let (outcomes, good) =
        join(join_all([with(vec![], "text"), with(vec![], "most"), with(vec![sum], "other")]), good).await;
    assert!(
        good.is_ok() && outcomes.iter().all(|outcome| matches!(outcome, Err(KeyValueError::Damaged(_)))),
        "{outcomes:?}"
    );
    assert_eq!(row(map, Family::Lake, b"before").await, None, "nothing of a failed batch takes effect");
    assert_eq!((number(map, b"an").await, number(map, b"most").await, number(map, b"other").await), (1, i64::MAX, 0));
}

async fn entries_form_one_chain(map: &dyn KeyValue) {
    let said = |text: &'static str| Edit::chain(Bytes::from_static(text.as_bytes()));
    let many = (0..20).map(|_| apply(map, [said("one of many"), said("and its second")]));
    let sequences = join_all(many).await;
    let refused = Batch {
        expectations: vec![Expectation::Equals(Family::Null, b"none".into(), Bytes::new())],
        edits: vec![said("never")],
    };
    assert!(matches!(map.apply(refused).await, Err(KeyValueError::Conflict { .. })));
    apply(map, [said("last")]).await;
    let rows = rows(map, Family::Audit, b"", &[0xff]).await;
    assert_eq!(rows.len(), 41, "an entry whose batch failed takes no number");
    let mut before = ChainPlace::default();
    for (key, row) in &rows {
        let entry = ChainEntry::read(key, row).expect("an entry");
        entry.check(&before, None).expect("linked");
        assert_ne!(entry.entry, "never");
        assert!(entry.entry == "last" || sequences.contains(&entry.sequence));
        before = entry.place(&before);
    }
    let head = row(map, Family::Audit, chain::HEAD).await;
    assert_eq!(ChainPlace::read(head.as_deref()), Some(before));
}

async fn stamps_are_the_sequence(map: &dyn KeyValue) {
    let stamped = |bytes: &[u8], newest_first| Stamped {
        bytes: [bytes, &[0; 8], b"end"].concat(),
        hole: Some(bytes.len()),
        newest_first,
    };
    let mut sequences = Vec::new();
    for _ in 0..3 {
        let edits = [
            Edit::PutStamped { family: Family::Changes, key: stamped(b"", false), value: Stamped::plain("plain") },
            Edit::PutStamped {
                family: Family::Versions,
                key: stamped(b"12345678", true),
                value: stamped(b"value", false),
            },
            Edit::PutStamped { family: Family::Null, key: Stamped::plain("plain"), value: stamped(b"", true) },
        ];
        sequences.push(apply(map, edits).await);
    }
    let in_key = |sequence: &Sequence| [&sequence.to_bits().to_be_bytes()[..], b"end"].concat();
    let changes = rows(map, Family::Changes, b"", &[0xff; 9]).await;
    assert!(changes.iter().map(|(key, _)| key).eq(&sequences.iter().map(in_key).collect::<Vec<_>>()));
    let versions = rows(map, Family::Versions, b"12345678", b"12345679").await;
    for ((key, value), sequence) in versions.iter().zip(sequences.iter().rev()) {
        assert_eq!(key[8..16], (!sequence.to_bits()).to_be_bytes(), "newest first");
        assert_eq!(value[5..13], sequence.to_bits().to_be_bytes());
    }
    assert_eq!(versions.len(), 3);
    let last = sequences[2];
    let expected = [&(!last.to_bits()).to_be_bytes()[..], b"end"].concat();
    assert_eq!(row(map, Family::Null, b"plain").await.as_deref(), Some(&expected[..]));
    assert_eq!(sequences[0], Sequence::ZERO.next_epoch().plus(1), "the first change of all");
}

async fn readers_never_see_a_gap(map: &dyn KeyValue) {
    let start = map.durable();
    let log = |index: u64| Edit::PutStamped {
        family: Family::Changes,
        key: Stamped { bytes: vec![0; 8], hole: Some(0), newest_first: false },
        value: Stamped::plain(index.to_be_bytes()),
    };
    let write = async |round: u64| {
        let batches = (0..10).map(|index| {
            let is_doomed = index % 4 == 3;
            let doom = Expectation::Equals(Family::Lake, b"nothing".into(), Bytes::new());
            map.apply(Batch { expectations: is_doomed.then_some(doom).into_iter().collect(), edits: vec![log(round)] })
        });
        let mut given: Vec<_> = join_all(batches).await.into_iter().flatten().collect();
        given.sort();
        assert!(given.len() == 8 && given.windows(2).all(|pair| pair[0] < pair[1]), "each has its own: {given:?}");
        assert!(map.durable() >= given[7]);
    };
    let read = async || {
        let durable = map.durable();
        let seen = rows(map, Family::Changes, b"", &[0xff; 9]).await;
        let numbers = seen.iter().map(|(key, _)| u64::from_be_bytes(key[..].try_into().expect("eight bytes")));
        assert!(numbers.eq((1..=seen.len() as u64).map(|count| start.plus(count).to_bits())), "a gap");
        assert!(start.plus(seen.len() as u64) >= durable, "what is durable is seen");
    };
    beside(write, read).await;
}

async fn a_dropped_future_does_not_take_its_batch_back(map: &dyn KeyValue) {
    let before = map.durable();
    let mut future = map.apply(batch([put(Family::Lake, "orphan", "1")]));
    assert!(futures::poll!(&mut future).is_pending(), "no batch is durable without waiting");
    drop(future);
    for _ in 0..1000 {
        apply(map, []).await;
        if row(map, Family::Lake, b"orphan").await.is_some() {
            assert!(map.durable() >= before.plus(2), "it took a sequence of its own");
            return;
        }
    }
    panic!("the batch of a dropped future never took effect");
}

async fn what_was_acknowledged_is_there_after_opening_again(subject: &mut dyn Subject) {
    let mut last = subject.map().durable();
    for round in 0..3_u64 {
        let map = subject.map();
        let family_rows = Family::ALL
            .map(|family| put(family, [&b"bucket"[..], &round.to_be_bytes()].concat(), vec![round as u8; 5000]));
        apply(&*map, family_rows).await;
        let adds = (0..20).map(|_| map.apply(batch([Edit::Add(Family::Counters, b"n".into(), 1)])));
        assert!(join_all(adds).await.iter().all(Result::is_ok));
        assert_eq!(map.durable(), last.plus(21));
        last = map.durable();
        subject.reopen().await;
        assert!(matches!(map.apply(Batch::default()).await, Err(KeyValueError::Closed)), "the old map is closed");
        let map = subject.map();
        assert_eq!(map.durable(), last, "the sequence goes on where it stood");
        for family in Family::ALL {
            let seen = rows(&*map, family, b"bucket", b"buckeu").await;
            let expected = (0..=round).map(|round| Bytes::from(vec![round as u8; 5000]));
            assert!(seen.into_iter().map(|(_, value)| value).eq(expected), "{family:?} in round {round}");
        }
        assert_eq!(number(&*map, b"n").await, 20 * (round as i64 + 1));
    }
}
