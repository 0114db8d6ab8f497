//! Documents by what they are attached to.

use std::collections::BTreeMap;

use kernel::{Principal, PrincipalKind};

use super::named::somebody;
use super::*;

const ROLE: &str = "arn:aws:iam::000000000000:role/trainer";
const A: &str = "111111111111";

fn attached(json: &str, attachment: &Attachment) -> Result<Arc<Source>, PolicyFault> {
    let canonical = |id: &str| (id == "c0ffee").then_some(AccountId::HOME);
    Source::iam_naming("a document", json, attachment, Names { canonical: &canonical, ids: &BTreeMap::new() })
        .map(Arc::new)
}

fn of_bucket(json: &str) -> Arc<Source> {
    attached(json, &Attachment::Bucket("turbines".to_owned())).expect(json)
}

fn says(rest: &str) -> String {
    format!(r#"{{"Version":"2012-10-17","Statement":[{{{rest}}}]}}"#)
}

fn lets_in(principal: &str) -> String {
    says(&format!(
        r#""Effect":"Allow","Principal":{principal},"Action":"s3:GetObject","Resource":"arn:aws:s3:::turbines/*""#
    ))
}

fn with(caller: &Caller, change: impl FnOnce(&mut Principal)) -> Caller {
    let mut principal = caller.principal().expect("a name").clone();
    change(&mut principal);
    Caller::new(Who::Principal(Arc::new(principal)), Arc::default())
}

#[test]
fn buckets_name_their_callers() {
    let case = Case::new();
    let alice = somebody(AccountId::HOME, PrincipalKind::User, "alice", &[]);
    let owner = somebody(A.parse().expect("A"), PrincipalKind::AccountRoot, "root", &[]);
    let user = somebody(A.parse().expect("A"), PrincipalKind::User, "bob", &[]);
    let role = somebody(AccountId::HOME, PrincipalKind::Role, "trainer", &[]);
    let callers = [&Caller::anonymous(), &alice, &owner, &user, &role];
    for (principal, expected) in [
        (r#""*""#, [true, true, true, false, true]),
        (r#"{"AWS":"*"}"#, [true, true, true, false, true]),
        (r#"{"AWS":"arn:aws:iam::000000000000:user/alice"}"#, [false, true, false, false, false]),
        (r#"{"AWS":"arn:aws:iam::000000000000:user/team/alice"}"#, [false; 5]),
        (r#"{"AWS":["111111111111"]}"#, [false, false, true, false, false]),
        (r#"{"AWS":["arn:aws:iam::111111111111:root"]}"#, [false, false, true, false, false]),
        (r#"{"AWS":"arn:aws:iam::000000000000:root"}"#, [false; 5]),
        (r#"{"CanonicalUser":"c0ffee"}"#, [false; 5]),
        (r#"{"AWS":"arn:aws:iam::000000000000:role/trainer"}"#, [false, false, false, false, true]),
        (r#"{"AWS":"arn:aws:sts::000000000000:assumed-role/trainer/session"}"#, [false, false, false, false, true]),
        (r#"{"AWS":"arn:aws:sts::000000000000:assumed-role/trainer/another"}"#, [false; 5]),
        (r#"{"Service":"logging.s3.amazonaws.com"}"#, [false; 5]),
    ] {
        let sources = [of_bucket(&lets_in(principal))];
        let found = callers.map(|caller| case.ask(caller, Action::GetObject, &sources).is_ok());
        assert_eq!(found, expected, "{principal}");
    }
    // A whole account that is named decides for itself.
    let identity = [attached(
        &says(r#""Effect":"Allow","Action":"s3:Get*","Resource":"arn:aws:s3:::turbines/*""#),
        &Attachment::User,
    )
    .expect("an identity's")];
    let resource = [of_bucket(&lets_in(r#"{"AWS":"111111111111"}"#))];
    let both = Policies { identity: &identity, resource: &resource, ..Policies::default() };
    assert!(case.decide(&user, Action::GetObject, &both).is_ok());
    assert!(case.decide(&user, Action::GetObjectAcl, &both).is_err());
}

#[test]
fn denials_may_except_callers() {
    let case = Case::new();
    let alice = somebody(AccountId::HOME, PrincipalKind::User, "alice", &[]);
    let bob = somebody(AccountId::HOME, PrincipalKind::User, "bob", &[]);
    let json = r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"},
        {"Sid":"x","Effect":"Deny","NotPrincipal":{"AWS":["arn:aws:iam::000000000000:user/alice",
        "arn:aws:iam::000000000000:root"]},"Action":"s3:*","Resource":"*"}]}"#;
    let sources = [of_bucket(json)];
    assert!(case.ask(&alice, Action::GetObject, &sources).is_ok());
    assert!(case.ask(&bob, Action::GetObject, &sources).is_err());
    assert!(case.ask(&Caller::anonymous(), Action::GetObject, &sources).is_err());
    // A role is excepted session by session.
    let trainer = somebody(AccountId::HOME, PrincipalKind::Role, "trainer", &[]);
    let session = trainer.principal().expect("a principal").arn.clone();
    for (excepted, expected) in [
        ("arn:aws:iam::000000000000:role/trainer".to_owned(), false),
        (format!("arn:aws:iam::000000000000:role/trainer\",\"{session}"), true),
        (format!("arn:aws:iam::000000000000:role/trainer\",\"{session}s"), false),
    ] {
        let sources = [of_bucket(&json.replace("arn:aws:iam::000000000000:user/alice", &excepted))];
        assert_eq!(case.ask(&trainer, Action::GetObject, &sources).is_ok(), expected, "{excepted}");
    }
    // The account's own root always mends the policy.
    let root = somebody(AccountId::HOME, PrincipalKind::AccountRoot, "root", &[]);
    let all = [of_bucket(&json.replace(
        r#""NotPrincipal":{"AWS":["arn:aws:iam::000000000000:user/alice",
        "arn:aws:iam::000000000000:root"]}"#,
        r#""Principal":"*""#,
    ))];
    assert!(case.ask(&root, Action::GetObject, &all).is_err());
    assert!(case.ask(&root, Action::PutBucketPolicy, &all).is_ok());
    assert!(case.ask(&alice, Action::PutBucketPolicy, &all).is_err());
}

#[test]
fn identities_have_policies_without_callers() {
    let mut case = Case::new();
    let alice = somebody(AccountId::HOME, PrincipalKind::User, "alice", &[]);
    let alice = with(&alice, |principal| principal.tags = BTreeMap::from([("team".to_owned(), "public".to_owned())]));
    case.identity = Some("arn:aws:iam::000000000000:user/alice");
    for (rest, action, expected) in [
        (r#""Action":"*","Resource":"*""#, Action::GetObject, true),
        (r#""Action":"*","Resource":"*""#, Action::CreateAccount, true),
        (r#""Action":"*","Resource":"*""#, Action::ReadRaw, true),
        (r#""Action":"s3:*","Resource":"*""#, Action::ReadRaw, false),
        (r#""Action":"lake:Read*","Resource":"*""#, Action::ReadRaw, true),
        (r#""NotAction":"iam:*","Resource":"*""#, Action::GetObject, true),
        (r#""NotAction":"iam:*","Resource":"*""#, Action::CreateUser, false),
        (r#""NotAction":"iam:*","Resource":"*""#, Action::CreateAccount, false),
        (r#""Action":"s3:ListAllMyBuckets","Resource":"arn:aws:s3:::*""#, Action::ListAllMyBuckets, true),
        (r#""Action":"s3:*","Resource":"arn:aws:s3:::turbines/${aws:PrincipalTag/team}/*""#, Action::GetObject, true),
        (r#""Action":"s3:*","Resource":"arn:aws:s3:::turbines/${aws:username}/*""#, Action::GetObject, false),
        (r#""Action":"s3:*","Resource":"arn:aws:s3:::other/*""#, Action::GetObject, false),
        (r#""Action":"s3:*","NotResource":"arn:aws:s3:::other/*""#, Action::GetObject, true),
        (r#""Action":"s3:*","NotResource":"arn:aws:s3:::turbines/*""#, Action::GetObject, false),
        (r#""Action":"s3:*","Resource":"arn:aws:*:::turbines/*""#, Action::GetObject, true),
        (
            r#""Action":["ec2:RunInstances","s3:GetObject"],"Resource":["arn:aws:ec2:eu:1:instance/*","arn:aws:s3:::turbines*"]"#,
            Action::GetObject,
            true,
        ),
        (
            r#""Action":"iam:*AccessKey*","Resource":"arn:aws:iam::*:user/${aws:username}""#,
            Action::CreateAccessKey,
            true,
        ),
        (r#""Action":"iam:*","Resource":"arn:aws:iam::*:user/bob""#, Action::CreateAccessKey, false),
        (r#""Action":"iam:*","Resource":"arn:aws:iam::000000000000:user/*""#, Action::DeleteUser, true),
        (r#""Action":"iam:*","Resource":"arn:aws:s3:::*""#, Action::DeleteUser, false),
    ] {
        let identity = [attached(&says(&format!(r#""Effect":"Allow",{rest}"#)), &Attachment::Managed).expect(rest)];
        let policies = Policies { identity: &identity, ..Policies::default() };
        let found = case.decide(&alice, action, &policies);
        assert_eq!(found.is_ok(), expected, "{rest} {action:?}: {found:?}");
    }
}

#[test]
fn roles_are_taken_on_by_whom_they_trust() {
    let mut case = Case::new();
    case.identity = Some(ROLE);
    let trust = |principal: &str, action: &str| {
        let json = says(&format!(r#""Effect":"Allow","Principal":{principal},"Action":"{action}""#));
        [attached(&json, &Attachment::Trust(ROLE.to_owned())).expect(principal)]
    };
    let alice = somebody(AccountId::HOME, PrincipalKind::User, "alice", &[]);
    let bob = somebody(A.parse().expect("A"), PrincipalKind::User, "bob", &[]);
    let may = [attached(&says(r#""Effect":"Allow","Action":"sts:AssumeRole","Resource":"*""#), &Attachment::User)
        .expect("may")];
    let nothing = Vec::new();
    for (caller, principal, identity, expected) in [
        (&alice, r#"{"AWS":"arn:aws:iam::000000000000:user/alice"}"#, &nothing[..], true),
        (&alice, r#"{"AWS":"000000000000"}"#, &nothing[..], false),
        (&alice, r#"{"AWS":"000000000000"}"#, &may[..], true),
        (&alice, r#"{"AWS":"111111111111"}"#, &may[..], false),
        (&bob, r#"{"AWS":"arn:aws:iam::111111111111:user/bob"}"#, &nothing[..], false),
        (&bob, r#"{"AWS":"arn:aws:iam::111111111111:user/bob"}"#, &may[..], true),
        (&bob, r#"{"AWS":"111111111111"}"#, &may[..], true),
    ] {
        let resource = trust(principal, "sts:AssumeRole");
        let policies = Policies { identity, resource: &resource, ..Policies::default() };
        let found = case.decide(caller, Action::AssumeRole, &policies);
        assert_eq!(found.is_ok(), expected, "{caller} {principal}: {found:?}");
    }
    assert!(case.decide(&alice, Action::AssumeRole, &Policies { identity: &may, ..Policies::default() }).is_err());
    let outside = with(&bob, |principal| {
        principal.keys = BTreeMap::from([
            ("aws:federatedprovider".to_owned(), "https://issuer.example/x".to_owned()),
            ("issuer.example/x:aud".to_owned(), "lake".to_owned()),
        ]);
    });
    for (provider, audience, expected) in [
        ("arn:aws:iam::000000000000:oidc-provider/issuer.example/x", "lake", true),
        ("issuer.example/x", "lake", true),
        ("issuer.example/x", "sea", false),
        ("issuer.example", "lake", false),
    ] {
        let json = says(&format!(
            r#""Effect":"Allow","Principal":{{"Federated":"{provider}"}},"Action":"sts:AssumeRoleWithWebIdentity",
            "Condition":{{"StringEquals":{{"issuer.example/x:aud":"{audience}"}}}}"#
        ));
        let resource = [attached(&json, &Attachment::Trust(ROLE.to_owned())).expect("trust")];
        let policies = Policies { resource: &resource, ..Policies::default() };
        let found = case.decide(&outside, Action::AssumeRoleWithWebIdentity, &policies);
        assert_eq!(found.is_ok(), expected, "{provider} {audience}: {found:?}");
    }
}

/// Whoever comes with a token, a certificate or a directory's password is let in by who trusts the provider alone: not by
/// who trusts the account, or everybody, and not by the operator's permits for all users.
#[test]
fn a_role_is_taken_on_from_outside_where_it_names_the_provider() {
    let mut case = Case::new();
    case.identity = Some(ROLE);
    let outside = with(&somebody(AccountId::HOME, PrincipalKind::User, "x509:ada", &[]), |principal| {
        principal.keys = BTreeMap::from([("aws:federatedprovider".to_owned(), "x509".to_owned())]);
    });
    let all = [Arc::new(Source::cedar("all", "permit (principal, action, resource);").expect("a set"))];
    let actions =
        [Action::AssumeRoleWithWebIdentity, Action::AssumeRoleWithCertificate, Action::AssumeRoleWithLdapIdentity];
    for (principal, expected) in [
        (r#"{"Federated":"arn:aws:iam::000000000000:x509-provider/x509"}"#, true),
        (r#"{"Federated":"arn:aws:iam::000000000000:x509-provider/other"}"#, false),
        (r#"{"AWS":"000000000000"}"#, false),
        (r#"{"AWS":"arn:aws:iam::000000000000:root"}"#, false),
        (r#"{"AWS":"arn:aws:iam::000000000000:user/x509:ada"}"#, false),
        (r#"{"AWS":"*"}"#, false),
        (r#""*""#, false),
    ] {
        let json = says(&format!(r#""Effect":"Allow","Principal":{principal},"Action":"sts:*""#));
        let resource = [attached(&json, &Attachment::Trust(ROLE.to_owned())).expect(principal)];
        for (action, lake) in actions.into_iter().flat_map(|action| [(action, &[][..]), (action, &all[..])]) {
            let policies = Policies { resource: &resource, lake, ..Policies::default() };
            let found = case.decide(&outside, action, &policies);
            assert_eq!(found.is_ok(), expected, "{principal} {action:?}: {found:?}");
        }
    }
}

/// Whatever policies say: the keys of an account's root are that root's, and who is narrowed stays so.
#[test]
fn some_things_no_policy_allows() {
    let mut case = Case::new();
    let all = [Arc::new(Source::cedar("all", "permit (principal, action, resource);").expect("a set"))];
    let policies = Policies { lake: &all, ..Policies::default() };
    let alice = somebody(AccountId::HOME, PrincipalKind::User, "alice", &[]);
    let narrowed = with(&alice, |principal| {
        let document = says(r#""Effect":"Allow","Action":"*","Resource":"*""#).into();
        principal.narrowed = vec![kernel::Narrowing { name: kernel::Narrowing::SERVICE_ACCOUNT, document }];
    });
    let home = somebody(AccountId::HOME, PrincipalKind::AccountRoot, "root", &[]);
    let other = somebody(A.parse().expect("A"), PrincipalKind::AccountRoot, "root", &[]);
    let callers = [&Caller::anonymous(), &alice, &narrowed, &home, &other, &Caller::root()];
    let (root, bob) = ("arn:aws:iam::000000000000:root", "arn:aws:iam::000000000000:user/bob");
    for (identity, action, expected) in [
        (root, Action::CreateAccessKey, [false, false, false, true, false, true]),
        (root, Action::ListAccessKeys, [false, false, false, true, false, true]),
        (root, Action::UpdateAccessKey, [false, false, false, true, false, true]),
        (root, Action::DeleteAccessKey, [false, false, false, true, false, true]),
        (bob, Action::CreateAccessKey, [true, true, false, true, true, true]),
        (bob, Action::ListAccessKeys, [true; 6]),
        (bob, Action::PutUserPolicy, [true, true, false, true, true, true]),
        (bob, Action::DeleteUser, [true; 6]),
    ] {
        case.identity = Some(identity);
        let found = callers.map(|caller| case.decide(caller, action, &policies).is_ok());
        assert_eq!(found, expected, "{identity} {action:?}");
    }
}

#[test]
fn what_does_not_belong_into_a_document_is_refused() {
    let long = says(&format!(r#""Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::{}""#, "x".repeat(2_100)));
    let trust = Attachment::Trust(ROLE.to_owned());
    let bucket = Attachment::Bucket("turbines".to_owned());
    for (attachment, rest) in [
        (&Attachment::User, r#""Principal":"*","Action":"s3:*","Resource":"*""#),
        (&Attachment::User, r#""Action":"s3:*""#),
        (&Attachment::User, r#""Action":"s3","Resource":"*""#),
        (&Attachment::User, r#""Action":[],"Resource":"*""#),
        (&Attachment::User, r#""Action":"s3:*","Resource":"turbines""#),
        (&Attachment::User, r#""Action":"s3:*","Resource":"arn:aws:s3""#),
        (&Attachment::User, r#""Action":"s3:*","Resource":"*","Condition":{"StringEquals":{"nothing":"x"}}"#),
        (&trust, r#""Action":"sts:AssumeRole""#),
        (&trust, r#""Principal":"*","Action":"sts:AssumeRole","Resource":"*""#),
        (&trust, r#""Principal":"*","Action":"s3:GetObject""#),
        (&trust, r#""Principal":"*","Action":"sts:AssumeRoleWithSAML""#),
        (&trust, r#""Principal":"*","Action":"*""#),
        (&bucket, r#""Principal":{"AWS":"arn:aws:iam::000000000000:user/*"},"Action":"s3:*","Resource":"*""#),
        (&bucket, r#""Principal":{"AWS":"arn:aws:iam::000000000000:group/x"},"Action":"s3:*","Resource":"*""#),
        (&bucket, r#""Principal":{"AWS":"12"},"Action":"s3:*","Resource":"*""#),
        (&bucket, r#""Principal":{"CanonicalUser":"unknown"},"Action":"s3:*","Resource":"*""#),
        (&bucket, r#""Principal":{"Somebody":"x"},"Action":"s3:*","Resource":"*""#),
        (&bucket, r#""Principal":{},"Action":"s3:*","Resource":"*""#),
        (&bucket, r#""NotPrincipal":{"AWS":"000000000000"},"Action":"s3:*","Resource":"*""#),
        (&bucket, r#""Principal":"*","Action":"iam:CreateUser","Resource":"*""#),
    ] {
        let json = says(&format!(r#""Effect":"Allow",{rest}"#));
        assert!(matches!(attached(&json, attachment), Err(PolicyFault::Meaning(_))), "{attachment:?} {rest}");
    }
    assert!(matches!(attached(&long, &Attachment::User), Err(PolicyFault::TooLong { max: 2_048, .. })));
    assert!(attached(&long, &Attachment::Group).is_ok());
}

#[test]
fn a_public_policy_lets_in_the_own_account_alone_where_the_bucket_says_so() {
    let mut case = Case::new();
    let alice = somebody(AccountId::HOME, PrincipalKind::User, "alice", &[]);
    let other = somebody(A.parse().expect("A"), PrincipalKind::AccountRoot, "root", &[]);
    let public = [of_bucket(&lets_in(r#""*""#))];
    let named = [of_bucket(&lets_in(r#"{"AWS":["000000000000","111111111111"]}"#))];
    for (restrict, expected) in [(false, [true, true, true, true]), (true, [false, true, false, true])] {
        case.block.restrict_public_buckets = restrict;
        let found = [
            case.ask(&Caller::anonymous(), Action::GetObject, &public).is_ok(),
            case.ask(&alice, Action::GetObject, &public).is_ok(),
            case.ask(&other, Action::GetObject, &public).is_ok(),
            case.ask(&other, Action::GetObject, &named).is_ok(),
        ];
        assert_eq!(found, expected, "{restrict}");
    }
}

#[test]
fn public_is_what_lets_in_everybody() {
    for (rest, expected) in [
        ("", true),
        (r#","Condition":{"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}}"#, false),
        (r#","Condition":{"IpAddress":{"aws:SourceIp":["192.0.2.0/24","0.0.0.0/1"]}}"#, true),
        (r#","Condition":{"NotIpAddress":{"aws:SourceIp":"192.0.2.0/24"}}"#, true),
        (r#","Condition":{"StringEquals":{"aws:PrincipalAccount":"111111111111"}}"#, false),
        (r#","Condition":{"StringEqualsIfExists":{"aws:SourceAccount":"111111111111"}}"#, true),
        (r#","Condition":{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::111111111111:user/*"}}"#, true),
        (r#","Condition":{"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::111111111111:user/x"}}"#, false),
        (r#","Condition":{"StringLike":{"aws:Referer":"https://lake.example/x"}}"#, true),
        // Those that the User Guide gives.
        (r#","Condition":{"StringEquals":{"aws:SourceVpc":"vpc-91237329"}}"#, false),
        (r#","Condition":{"StringLike":{"aws:SourceVpc":"vpc-*"}}"#, true),
        (r#","Condition":{"StringEquals":{"aws:SourceOwner":"111111111111"}}"#, false),
        (r#","Condition":{"StringEquals":{"aws:userid":"AIDAEXAMPLE"}}"#, false),
        (r#","Condition":{"StringEquals":{"s3:DataAccessPointAccount":"111111111111"}}"#, false),
        // AWS counts the key of a KMS; here there is none, and anybody may send the header.
        (r#","Condition":{"StringEquals":{"s3:x-amz-server-side-encryption-aws-kms-key-id":"k"}}"#, true),
        (r#","Condition":{"IpAddress":{"aws:SourceIp":"0.0.0.0/0"}}"#, true),
        (r#","Condition":{"IpAddress":{"aws:SourceIp":"2001:db8::/24"}}"#, true),
    ] {
        for (effect, principal, is_public) in
            [("Allow", r#""*""#, expected), ("Allow", r#"{"AWS":"111111111111"}"#, false), ("Deny", r#""*""#, false)]
        {
            let json = says(&format!(
                r#""Effect":"{effect}","Principal":{principal},"Action":"s3:GetObject","Resource":"*"{rest}"#
            ));
            assert_eq!(of_bucket(&json).is_public(), is_public, "{effect} {principal} {rest}");
        }
    }
}

/// IAM takes any key; S3 takes those that it knows.
#[test]
fn a_key_that_is_not_known_is_missing_or_refused() {
    let alice = somebody(AccountId::HOME, PrincipalKind::User, "alice", &[]);
    for (operator, expected) in [
        ("StringEquals", false),
        ("StringNotEquals", true),
        ("StringEqualsIfExists", true),
        ("ForAnyValue:StringLike", false),
    ] {
        let rest = format!(r#""Action":"s3:*","Resource":"*","Condition":{{"{operator}":{{"aws:Nothing":"x"}}}}"#);
        let source = attached(&says(&format!(r#""Effect":"Allow",{rest}"#)), &Attachment::User).expect(operator);
        let policies = Policies { identity: &[source], ..Policies::default() };
        assert_eq!(Case::new().decide(&alice, Action::GetObject, &policies).is_ok(), expected, "{operator}");
        let of_bucket = says(&format!(r#""Effect":"Allow","Principal":"*",{rest}"#));
        let fault = attached(&of_bucket, &Attachment::Bucket("turbines".to_owned())).expect_err("S3 does not know it");
        assert_eq!(fault.to_string(), "policy has an invalid condition key `aws:Nothing`");
    }
}

/// What a request says of another operation lets nobody into this one.
#[test]
fn keys_belong_to_the_operations_that_they_are_about() {
    let alice = somebody(AccountId::HOME, PrincipalKind::User, "alice", &[]);
    let keys = [
        ("s3:prefix", "home/"),
        ("s3:x-amz-acl", "private"),
        ("s3:if-none-match", "*"),
        ("x-amz-date", "20261120T235959Z"),
    ];
    let origin = Origin { keys: keys.map(|(key, value)| (key, value.to_owned())).into(), ..Origin::default() };
    let caller = Caller::new(alice.who().clone(), Arc::new(origin));
    for (condition, action, expected) in [
        (r#"{"StringEquals":{"s3:prefix":"home/"}}"#, Action::ListBucket, true),
        (r#"{"StringEquals":{"s3:prefix":"home/"}}"#, Action::GetObject, false),
        (r#"{"StringEquals":{"s3:x-amz-acl":"private"}}"#, Action::PutObject, true),
        (r#"{"StringEquals":{"s3:x-amz-acl":"private"}}"#, Action::GetObject, false),
        (r#"{"Null":{"s3:if-none-match":"false"}}"#, Action::PutObject, true),
        (r#"{"Null":{"s3:if-none-match":"false"}}"#, Action::GetObject, false),
        (r#"{"Bool":{"s3:ObjectCreationOperation":"true"}}"#, Action::PutObject, true),
        (r#"{"Bool":{"s3:ObjectCreationOperation":"true"}}"#, Action::GetObject, false),
        (r#"{"NumericEquals":{"s3:signatureAge":"1000"}}"#, Action::GetObject, true),
        (r#"{"NumericLessThan":{"s3:signatureAge":"1000"}}"#, Action::GetObject, false),
        (r#"{"Bool":{"aws:MultiFactorAuthPresent":"false"}}"#, Action::GetObject, false),
        (r#"{"BoolIfExists":{"aws:MultiFactorAuthPresent":"true"}}"#, Action::GetObject, true),
    ] {
        let json = says(&format!(r#""Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{condition}"#));
        let source = attached(&json, &Attachment::User).expect(condition);
        let policies = Policies { identity: &[source], ..Policies::default() };
        assert_eq!(Case::new().decide(&caller, action, &policies).is_ok(), expected, "{condition} {action:?}");
    }
}
