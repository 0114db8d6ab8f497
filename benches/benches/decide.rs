//! What a decision costs in a lake of 1,000 users with 10 policies each, half of which concern the bucket that is asked
//! for: 20 are looked at, what holds in every lake included.
//!
//! A request of a caller like one before finds its slice made; the first makes it. The users take turns, so that what
//! one decision leaves in the processor's caches is of no use to the next.

use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use kernel::{
    AccountId, AnnotationSum, AuthMethod, BucketName, Caller, Checksum, ChecksumAlgorithm, ChecksumScope, Content,
    ETag, Headers, ObjectFacts, ObjectKey, Origin, Principal, PrincipalKind, Protection, PublicAccessBlock, Sequence,
    Tags, Timestamp, UploadId, UserMetadata, Who,
};
use policy::{Action, Attachment, BucketView, Judge, ObjectView, Policies, Question, Source, VersionView};

const USERS: usize = 1_000;

/// Somebody, with what is attached to them.
struct User {
    caller: Caller,
    sources: Vec<Arc<Source>>,
}

/// The facts that a question about an object rests on.
struct Facts {
    bucket: BucketName,
    key: ObjectKey,
    tags: Tags,
    object: ObjectFacts,
}

impl Facts {
    fn new() -> Self {
        let tags = Tags::new([("class".to_owned(), "open".to_owned())], 10).expect("tags");
        let checksum =
            Checksum { algorithm: ChecksumAlgorithm::Crc64Nvme, scope: ChecksumScope::FullObject, value: vec![0; 8] };
        let object = ObjectFacts {
            bytes: 4096,
            etag: ETag { md5: [0; 16], parts: None },
            checksum,
            headers: Headers::default(),
            metadata: UserMetadata::default(),
            tags: tags.clone(),
            content: Content::Parts { list: UploadId::from_bytes([1; 16]), count: 1 },
            annotations: AnnotationSum::default(),
            owner: AccountId::HOME,
            acl: None,
            protection: Protection::default(),
        };
        let (bucket, key) = (BucketName::new("turbines"), ObjectKey::new("2026/11/21/wind-7.csv"));
        Self { bucket: bucket.expect("a name"), key: key.expect("a key"), tags, object }
    }

    fn decide(&self, judge: &Judge, user: &User, lake: &[Arc<Source>], action: Action) -> bool {
        let now = Timestamp::from_secs(1_795_219_200);
        let bucket = BucketView {
            name: &self.bucket,
            owner: AccountId::HOME,
            owns_objects: true,
            created: now,
            tags: &self.tags,
            versioning: "Enabled",
            locks: false,
            block: PublicAccessBlock::default(),
            revision: Sequence::ZERO,
        };
        let facts = Some(VersionView { facts: &self.object, created: now });
        let object = Some(ObjectView { key: &self.key, version: None, facts, owner: None });
        let question = Question {
            caller: &user.caller,
            action,
            bucket: Some(bucket),
            object,
            identity: None,
            tags: None,
            protection: None,
            keys: None,
            region: "us-east-1",
            now,
        };
        let policies = Policies { lake, identity: &user.sources, ..Policies::default() };
        judge.decide(&question, &policies).is_ok()
    }
}

fn caller(name: &str) -> Caller {
    let arn = format!("arn:aws:iam::{}:user/{name}", AccountId::HOME);
    let principal = Principal {
        account: AccountId::HOME,
        kind: PrincipalKind::User,
        name: name.to_owned(),
        arn: arn.clone(),
        policy_arn: arn,
        unique_id: format!("AIDA{name}"),
        groups: BTreeSet::from(["engineers".to_owned(), "readers".to_owned()]),
        tags: BTreeMap::from([("team".to_owned(), "wind".to_owned())]),
        transitive_tags: BTreeSet::new(),
        method: AuthMethod::AccessKey,
        narrowed: Vec::new(),
        keys: BTreeMap::new(),
    };
    let origin = Origin {
        source_ip: "10.1.2.3".parse().ok(),
        keys: BTreeMap::from([
            ("aws:useragent", "aws-cli/2.31.0 md/awscrt#0.27.6".to_owned()),
            ("s3:authtype", "REST-HEADER".to_owned()),
            ("s3:signatureversion", "AWS4-HMAC-SHA256".to_owned()),
        ]),
        ..Origin::default()
    };
    Caller::new(Who::Principal(Arc::new(principal)), Arc::new(origin))
}

/// Ten statements: of other buckets, of this one by paths and by conditions, and one that denies.
fn user(number: usize) -> User {
    let name = format!("user-{number}");
    let mut statements: Vec<String> = (0..5)
        .map(|other| {
            format!(r#"{{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::bucket-{number}-{other}/*"}}"#)
        })
        .collect();
    let here = |effect: &str, path: &str, condition: &str| {
        format!(
            r#"{{"Effect":"{effect}","Action":["s3:GetObject","s3:PutObject"],"Resource":"arn:aws:s3:::turbines/{path}"{condition}}}"#
        )
    };
    statements.extend([
        here("Allow", "2025/*", ""),
        here("Allow", "${aws:username}/*", ""),
        here("Allow", "*", r#","Condition":{"StringEquals":{"s3:ExistingObjectTag/class":["shut","none"]}}"#),
        here("Deny", "*/secret/*", r#","Condition":{"NotIpAddress":{"aws:SourceIp":"10.0.0.0/8"}}"#),
        here("Allow", "2026/*", r#","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}"#),
    ]);
    let json = format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","));
    let source = Source::iam(&format!("policy own of user {name}"), &json, &Attachment::Managed).expect("a policy");
    User { caller: caller(&name), sources: vec![Arc::new(source)] }
}

/// The same number of policies as one operator's sets, each about one user.
fn sets() -> Vec<Arc<Source>> {
    let set = |number: usize| {
        let policies = (0..USERS).map(|policy| {
            let user = number * 100 + policy / 10;
            format!(
                r#"permit (principal == Lake::User::"user-{user}", action in Lake::Action::"read", resource is Lake::Object)
                   when {{ resource.path like "bucket-{policy}/*" }};"#
            )
        });
        Arc::new(Source::cedar(&format!("set-{number}"), &policies.collect::<String>()).expect("a set"))
    };
    (0..10).map(set).collect()
}

fn decide(criterion: &mut Criterion) {
    let facts = Facts::new();
    let users: Vec<User> = (0..USERS).map(user).collect();
    let mut group = criterion.benchmark_group("decide");
    for (name, action, expected) in [("allowed", Action::GetObject, true), ("refused", Action::DeleteObject, false)] {
        let (judge, mut turns) = (Judge::default(), users.iter().cycle());
        assert!(users.iter().all(|user| facts.decide(&judge, user, &[], action) == expected));
        group.bench_function(name, |bencher| {
            bencher.iter(|| black_box(facts.decide(&judge, turns.next().expect("there are some"), &[], action)));
        });
    }
    group.bench_function("the first of a caller", |bencher| {
        let mut turns = users.iter().cycle();
        let first = |judge: Judge| facts.decide(&judge, turns.next().expect("there are some"), &[], Action::GetObject);
        bencher.iter_batched(Judge::default, first, BatchSize::SmallInput);
    });
    let sets = sets();
    group.bench_function("the first of a caller, 10,000 policies in sets besides", |bencher| {
        let mut turns = users.iter().cycle();
        let first =
            |judge: Judge| facts.decide(&judge, turns.next().expect("there are some"), &sets, Action::GetObject);
        bencher.iter_batched(Judge::default, first, BatchSize::SmallInput);
    });
    let (judge, mut turns) = (Judge::default(), users.iter().cycle());
    assert!(users.iter().all(|user| facts.decide(&judge, user, &sets, Action::GetObject)));
    group.bench_function("allowed, 10,000 policies in sets besides", |bencher| {
        let mut decide = || facts.decide(&judge, turns.next().expect("there are some"), &sets, Action::GetObject);
        bencher.iter(|| black_box(decide()));
    });
    group.finish();
}

criterion_group!(decisions, decide);
criterion_main!(decisions);
