//! What is kept of decisions stays within its bound, whatever is asked. A program of its own, because it looks at the
//! memory of the whole process.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kernel::{
    AccountId, AuthMethod, BucketName, Caller, ObjectKey, Origin, Principal, PrincipalKind, PublicAccessBlock,
    Sequence, Tags, Timestamp, Who,
};
use policy::{Action, Attachment, BucketView, Judge, ObjectView, Policies, Question, Source};

/// Bytes that the process holds in memory.
fn resident_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").expect("Linux tells");
    pages.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).expect("a number") * 4096
}

fn caller(number: usize) -> Caller {
    let arn = format!("arn:aws:iam::000000000000:user/user-{number}");
    let principal = Principal {
        account: AccountId::HOME,
        kind: PrincipalKind::User,
        name: format!("user-{number}"),
        arn: arn.clone(),
        policy_arn: arn,
        unique_id: format!("AIDA{number}"),
        groups: BTreeSet::from(["engineers".to_owned(), "readers".to_owned()]),
        tags: BTreeMap::new(),
        transitive_tags: BTreeSet::new(),
        method: AuthMethod::AccessKey,
        narrowed: Vec::new(),
        keys: BTreeMap::new(),
    };
    Caller::new(Who::Principal(Arc::new(principal)), Arc::new(Origin::default()))
}

/// A document of so many statements that all concern the question, with conditions.
fn document(statements: usize) -> Arc<Source> {
    let statement = |number| {
        format!(
            r#"{{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::turbines/{number}/*",
                "Condition":{{"StringEquals":{{"s3:ExistingObjectTag/class":["shut","none"]}},"IpAddress":{{"aws:SourceIp":"10.0.0.0/8"}}}}}}"#
        )
    };
    let statements: Vec<_> = (0..statements).map(statement).collect();
    let json = format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","));
    Arc::new(Source::iam("policy own", &json, &Attachment::Managed).expect("a policy"))
}

fn decide(judge: &Judge, caller: &Caller, identity: &[Arc<Source>]) {
    let (bucket, key) = (BucketName::new("turbines").expect("a name"), ObjectKey::new("2026/wind.csv").expect("a key"));
    let (now, tags) = (Timestamp::from_secs(1_795_219_200), Tags::default());
    let bucket = BucketView {
        name: &bucket,
        owner: AccountId::HOME,
        owns_objects: true,
        created: now,
        tags: &tags,
        versioning: "Enabled",
        locks: false,
        block: PublicAccessBlock::default(),
        revision: Sequence::ZERO,
    };
    let question = Question {
        caller,
        action: Action::GetObject,
        bucket: Some(bucket),
        object: Some(ObjectView { key: &key, version: None, facts: None, owner: None }),
        identity: None,
        tags: None,
        protection: None,
        keys: None,
        region: "us-east-1",
        now,
    };
    let _ = judge.decide(&question, &Policies { identity, ..Policies::default() });
}

/// A set whose one policy has so many conditions.
fn set(conditions: usize) -> Arc<Source> {
    let conditions: Vec<_> = (0..conditions).map(|number| format!("resource.size != {number}")).collect();
    let head = "permit (principal, action == Lake::Action::\"s3:GetObject\", resource is Lake::Object)";
    Arc::new(Source::cedar("set", &format!("{head} when {{ {} }};", conditions.join(" && "))).expect("a policy"))
}

#[test]
fn what_is_kept_of_decisions_is_bounded() {
    for (what, sources, callers) in [
        ("policies that hold in every lake", vec![], 200),
        ("one statement", vec![document(1)], 200),
        ("20 statements", vec![document(20)], 100),
        ("a condition of 99 tests", vec![set(99)], 20),
    ] {
        let judge = Judge::default();
        decide(&judge, &caller(0), &sources);
        let before = resident_bytes();
        (1..=callers).for_each(|number| decide(&judge, &caller(number), &sources));
        eprintln!("{what}: {} bytes for each question", resident_bytes().saturating_sub(before) / callers as u64);
        // What one took is not what the next is measured with.
        std::mem::forget(judge);
    }

    // The most that is kept, were it asked about more people than there is room for.
    let (judge, before) = (Judge::default(), resident_bytes());
    let many = [document(20)];
    (0..1_300).for_each(|number| decide(&judge, &caller(number), &many));
    let kept = resident_bytes().saturating_sub(before);
    assert!((64 << 20..256 << 20).contains(&kept), "{kept} bytes are kept");
}

#[test]
fn what_was_replaced_is_let_go() {
    let (judge, old) = (Judge::default(), set(3));
    decide(&judge, &caller(1), std::slice::from_ref(&old));
    let claim = Arc::downgrade(&old);
    drop(old);
    assert!(claim.upgrade().is_none(), "a decision keeps no text alive");
    decide(&judge, &caller(1), &[set(3)]);
}
