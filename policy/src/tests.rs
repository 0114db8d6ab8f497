use std::sync::Arc;

use kernel::{
    AccountId, AnnotationSum, Checksum, ChecksumAlgorithm, ChecksumScope, Content, ETag, Headers, ObjectFacts, Origin,
    Protection, PublicAccessBlock, Role, Tags, Timestamp, UploadId, UserMetadata, Who,
};

use super::*;

mod attachments;
mod explained;
mod named;
mod properties;

struct Case {
    bucket: BucketName,
    key: ObjectKey,
    tags: Tags,
    origin: Arc<Origin>,
    now: Timestamp,
    owner: AccountId,
    object_owner: AccountId,
    owns_objects: bool,
    block: PublicAccessBlock,
    protection: Protection,
    identity: Option<&'static str>,
    /// The tags that the request sets.
    sets: Option<Tags>,
}

impl Case {
    fn new() -> Self {
        Self {
            bucket: BucketName::new("turbines").expect("a name"),
            key: ObjectKey::new("public/a.csv").expect("a key"),
            tags: Tags::default(),
            origin: Arc::default(),
            now: Timestamp::from_millis(1_795_219_200_000),
            owner: AccountId::HOME,
            object_owner: AccountId::HOME,
            owns_objects: true,
            block: PublicAccessBlock::default(),
            protection: Protection::default(),
            identity: None,
            sets: None,
        }
    }

    fn ask(&self, caller: &Caller, action: Action, sources: &[Arc<Source>]) -> Result<Permit, Refusal> {
        self.decide(caller, action, &Policies { resource: sources, ..Policies::default() })
    }

    fn decide(&self, caller: &Caller, action: Action, policies: &Policies<'_>) -> Result<Permit, Refusal> {
        self.put(caller, action, |question| Judge::default().decide(question, policies))
    }

    /// Puts a question to whoever answers it.
    fn put<T>(&self, caller: &Caller, action: Action, answer: impl FnOnce(&Question<'_>) -> T) -> T {
        let bucket = BucketView {
            name: &self.bucket,
            owner: self.owner,
            owns_objects: self.owns_objects,
            created: Timestamp::default(),
            tags: &self.tags,
            versioning: "Enabled",
            locks: false,
            block: self.block,
            revision: Sequence::ZERO,
        };
        let facts = ObjectFacts {
            bytes: 7,
            etag: ETag { md5: [0; 16], parts: None },
            checksum: Checksum {
                algorithm: ChecksumAlgorithm::Crc64Nvme,
                scope: ChecksumScope::FullObject,
                value: vec![0; 8],
            },
            headers: Headers::default(),
            metadata: UserMetadata::default(),
            tags: self.tags.clone(),
            content: Content::Parts { list: UploadId::from_bytes([1; 16]), count: 1 },
            annotations: AnnotationSum::default(),
            owner: self.object_owner,
            acl: None,
            protection: self.protection.clone(),
        };
        let facts = VersionView { facts: &facts, created: self.now };
        let object = ObjectView { key: &self.key, version: None, facts: Some(facts), owner: None };
        let object = (action.resource() == Resource::Object).then_some(object);
        let bucket = matches!(action.resource(), Resource::Bucket | Resource::Object).then_some(bucket);
        let question = Question {
            caller,
            action,
            bucket,
            object,
            identity: self.identity,
            tags: self.sets.as_ref(),
            protection: None,
            keys: None,
            region: "us-east-1",
            now: self.now,
        };
        answer(&question)
    }

    fn anonymous(&self, action: Action, sources: &[Arc<Source>]) -> bool {
        self.ask(&Caller::new(Who::Anonymous, Arc::clone(&self.origin)), action, sources).is_ok()
    }
}

fn iam(json: &str) -> Result<Arc<Source>, PolicyFault> {
    Source::iam("bucket turbines", json, &Attachment::Bucket("turbines".to_owned())).map(Arc::new)
}

fn statement(effect: &str, action: &str, resource: &str, rest: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Sid":"s","Effect":"{effect}","Principal":"*","Action":{action},
        "Resource":{resource}{rest}}}]}}"#
    )
}

#[test]
fn root_may_do_everything_and_nobody_else_anything() {
    let case = Case::new();
    for action in Action::ALL {
        assert_eq!(case.ask(&Caller::root(), action, &[]).expect("root").action(), action);
        assert!(!case.anonymous(action, &[]), "{action:?}");
        assert_eq!(case.ask(&Caller::lake(Role::Sweep), action, &[]).is_ok(), action == Action::Sweep);
    }
}

#[test]
fn a_statement_lets_in_whom_it_names_and_nobody_else() {
    let case = Case::new();
    for (action, resource, get, list) in [
        (r#""s3:GetObject""#, r#""arn:aws:s3:::turbines/*""#, true, false),
        (r#""s3:GetObject""#, r#""arn:aws:s3:::turbines/public/*""#, true, false),
        (r#""s3:GetObject""#, r#""arn:aws:s3:::turbines/public/?.csv""#, true, false),
        (r#""s3:GetObject""#, r#""arn:aws:s3:::turbines/private/*""#, false, false),
        (r#"["s3:GetObject","s3:ListBucket"]"#, r#"["arn:aws:s3:::turbines","arn:aws:s3:::turbines/*"]"#, true, true),
        (r#""s3:*""#, r#""arn:aws:s3:::turbines""#, false, true),
        (r#""s3:*""#, r#""*""#, true, true),
        (r#""S3:geto*""#, r#""arn:aws:s3:::*""#, true, false),
        (r#""s3:List*""#, r#""arn:aws:s3:::turbines""#, false, true),
    ] {
        let source = iam(&statement("Allow", action, resource, "")).expect(resource);
        assert_eq!(case.anonymous(Action::GetObject, &[Arc::clone(&source)]), get, "{action} {resource}");
        assert_eq!(case.anonymous(Action::ListBucket, &[source]), list, "{action} {resource}");
    }
}

#[test]
fn a_denial_wins_and_says_why() {
    let case = Case::new();
    let allow = iam(&statement("Allow", r#""s3:*""#, r#""*""#, "")).expect("allow");
    let deny = iam(&statement("Deny", r#""s3:GetObject""#, r#""arn:aws:s3:::turbines/public/*""#, "")).expect("deny");
    let refusal = case.ask(&Caller::anonymous(), Action::GetObject, &[allow.clone(), deny.clone()]);
    // Both texts have one name here, and their policies one id: each counts for itself.
    assert!(refusal.is_err());
    assert!(case.anonymous(Action::ListBucket, &[allow, deny]));
    let both = iam(r#"{"Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"s3:*","Resource":"*"},
        {"Sid":"no-\"x\"","Effect":"Deny","Principal":"*","NotAction":"s3:ListBucket","Resource":"*"}]}"#)
    .expect("both");
    let refusal =
        case.ask(&Caller::anonymous(), Action::GetObject, std::slice::from_ref(&both)).expect_err("it is denied");
    assert_eq!(refusal.reason, r#"the policy of bucket turbines, no-"x""#);
    assert!(case.anonymous(Action::ListBucket, &[both]));
}

#[test]
fn conditions_decide() {
    let mut case = Case::new();
    case.tags = Tags::new([("class".to_owned(), "open".to_owned())], 10).expect("tags");
    case.origin = Arc::new(Origin {
        source_ip: Some("10.1.2.3".parse().expect("an address")),
        keys: [("aws:referer", "https://lake.example/x".to_owned())].into(),
        ..Origin::default()
    });
    for (condition, holds) in [
        (r#"{"StringEquals":{"s3:ExistingObjectTag/class":"open"}}"#, true),
        (r#"{"StringEquals":{"s3:ExistingObjectTag/class":["shut","open"]}}"#, true),
        (r#"{"StringEquals":{"s3:ExistingObjectTag/class":"shut"}}"#, false),
        (r#"{"StringNotEquals":{"s3:ExistingObjectTag/class":"shut"}}"#, true),
        (r#"{"StringEquals":{"s3:ExistingObjectTag/none":"open"}}"#, false),
        (r#"{"StringEqualsIfExists":{"s3:ExistingObjectTag/none":"open"}}"#, true),
        (r#"{"StringNotEquals":{"s3:ExistingObjectTag/none":"open"}}"#, true),
        (r#"{"Null":{"s3:ExistingObjectTag/none":"true"}}"#, true),
        (r#"{"Null":{"s3:ExistingObjectTag/class":true}}"#, false),
        (r#"{"StringLike":{"aws:Referer":["http://*","https://lake.example/*"]}}"#, true),
        (r#"{"StringLike":{"aws:Referer":"https://?.example/*"}}"#, false),
        (r#"{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}"#, true),
        (r#"{"IpAddress":{"aws:SourceIp":["192.0.2.0/24","2001:db8::/32"]}}"#, false),
        (r#"{"NotIpAddress":{"aws:SourceIp":"10.0.0.0/8"}}"#, false),
        (r#"{"Bool":{"aws:SecureTransport":"false"}}"#, true),
        (r#"{"Bool":{"aws:SecureTransport":true}}"#, false),
        (r#"{"DateLessThan":{"aws:CurrentTime":"2026-11-22T00:00:00Z"}}"#, true),
        (r#"{"DateGreaterThan":{"aws:CurrentTime":"2026-11-22T00:00:00Z"}}"#, false),
        (r#"{"NumericGreaterThan":{"aws:EpochTime":"5"}}"#, true),
        (r#"{"StringLike":{"aws:Referer":"*"},"Bool":{"aws:SecureTransport":"true"}}"#, false),
        (r#"{"ForAllValues:StringEquals":{"s3:ExistingObjectTag/none":"x"}}"#, true),
        (r#"{"ForAnyValue:StringEquals":{"s3:ExistingObjectTag/none":"x"}}"#, false),
    ] {
        let json = statement("Allow", r#""s3:GetObject""#, r#""*""#, &format!(",\"Condition\":{condition}"));
        let source = iam(&json).expect(condition);
        assert_eq!(case.anonymous(Action::GetObject, &[source]), holds, "{condition}");
    }
}

#[test]
fn what_is_not_understood_is_not_taken() {
    for (json, place) in [
        ("", (1, 0)),
        ("{", (1, 1)),
        (r#"{"Statement":[{"Effect":"Maybe"}]}"#, (0, 0)),
        (r#"{"Statement":[{"Effect":"Allow","Effect":"Deny"}]}"#, (0, 0)),
    ] {
        let fault = iam(json).expect_err(json);
        let PolicyFault::Syntax { line, column, .. } = fault else { panic!("{fault}") };
        assert!(place == (0, 0) || place == (line, column), "{json}: {line} {column}");
    }
    let all = r#""*""#;
    for bad in [
        r#"{"Statement":[]}"#.to_owned(),
        r#"{"Version":"2020-01-01","Statement":[]}"#.to_owned(),
        statement("Allow", r#""s3:GetObjekt""#, all, ""),
        statement("Allow", r#""ec2:RunInstances""#, all, ""),
        statement("Allow", r#""s3:GetObject""#, r#""arn:aws:s3:::other/*""#, ""),
        statement("Allow", r#""s3:GetObject""#, r#""turbines/*""#, ""),
        statement("Allow", r#""s3:GetObject""#, r#""arn:aws:s3:::turbines""#, ""),
        statement("Allow", r#""s3:GetObject""#, all, r#","Condition":{"StringEqual":{"aws:Referer":"x"}}"#),
        statement("Allow", r#""s3:GetObject""#, all, r#","Condition":{"StringEquals":{"aws:Nothing":"x"}}"#),
        statement("Allow", r#""s3:GetObject""#, all, r#","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/40"}}"#),
        statement("Allow", r#""s3:GetObject""#, all, r#","Condition":{"StringLike":{"aws:Referer":"${"}}"#),
        statement("Allow", r#""s3:GetObject""#, all, r#","Condition":{"StringLike":{"aws:Referer":[]}}"#),
        statement("Allow", r#""s3:GetObject""#, all, r#","NotAction":"s3:*""#),
        statement("Allow", r#""s3:GetObject""#, all, "").replace(r#""Principal":"*","#, ""),
        statement("Allow", r#""s3:GetObject""#, all, "")
            .replace(r#""*","Action""#, r#"{"AWS":"arn:aws:iam::1:user/x"},"Action""#),
    ] {
        assert!(matches!(iam(&bad), Err(PolicyFault::Meaning(_))), "{bad}");
    }
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(iam(&deep[..20_000]).is_err());
    assert!(matches!(iam(&" ".repeat(BUCKET_POLICY_BYTES_MAX + 1)), Err(PolicyFault::TooLong { .. })));
}

#[test]
fn cedar_is_validated_and_named_by_its_place() {
    let good = Source::cedar("lake", r#"@id("a") permit (principal, action in Lake::Action::"read", resource);"#);
    assert!(Case::new().anonymous(Action::GetObject, &[Arc::new(good.expect("good"))]));
    let fault = Source::cedar("lake", "permit (principal,\n  acton, resource);").expect_err("no such word");
    assert!(matches!(fault, PolicyFault::Syntax { line: 2, column: 3, .. }), "{fault:?}");
    let twice = "@id(\"a\") permit (principal, action, resource);\n@id(\"a\") forbid (principal, action, resource);";
    let fault = Source::cedar("lake", twice).expect_err("two of one name");
    assert!(matches!(fault, PolicyFault::Syntax { line: 2, column: 1, .. }), "{fault:?}");
    for bad in [
        "permit (principal == ?principal, action, resource);",
        r#"forbid (principal, action == Lake::Action::"s3:GetObject", resource) when { resource.nothing };"#,
    ] {
        let fault = Source::cedar("lake", bad).expect_err(bad);
        assert!(matches!(fault, PolicyFault::Meaning(_) | PolicyFault::Syntax { line: 1, .. }), "{fault:?}");
    }
}

/// Cedar skips what it cannot evaluate; here that refuses.
#[test]
fn a_policy_that_fails_lets_nobody_in() {
    let text = r#"@id("a") permit (principal, action in Lake::Action::"read", resource);
        @id("b") forbid (principal, action in Lake::Action::"read", resource is Lake::Object)
        when { resource.size * 9223372036854775807 > 5 };"#;
    let source = Arc::new(Source::cedar("lake", text).expect("it validates"));
    let refusal = Case::new().ask(&Caller::anonymous(), Action::GetObject, &[source]).expect_err("it overflows");
    assert_eq!(refusal.reason, "a policy could not be evaluated");
}

/// The policies of the documentation, about who may read and where data may live.
#[test]
fn the_examples_are_taken() {
    let examples = Source::cedar("examples", include_str!("../examples.cedar")).expect("they validate");
    assert!(examples.to_cedar().contains("embargo.closed"));
}
