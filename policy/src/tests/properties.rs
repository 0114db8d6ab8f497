//! Decisions against a second reading of IAM's rules, on generated documents and requests.
//!
//! The reading below knows nothing of Cedar: it looks at every statement of every document and follows the text of the IAM
//! User Guide, *Policy evaluation logic*.

use kernel::PrincipalKind;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::named::somebody;
use super::*;

const OTHER: &str = "111111111111";
const ACTIONS: [&str; 8] = [
    "s3:GetObject",
    "s3:Get*",
    "s3:*Object",
    "s3:ListBucket",
    "s3:*",
    "S3:PUTOBJECT",
    "s3:DeleteObject",
    "s3:?etObject",
];
const RESOURCES: [&str; 8] = [
    "*",
    "arn:aws:s3:::turbines",
    "arn:aws:s3:::turbines/*",
    "arn:aws:s3:::turbines/public/*",
    "arn:aws:s3:::turbines/public/?.csv",
    "arn:aws:s3:::turbines/${aws:username}/*",
    "arn:aws:s3:::turb*",
    "arn:aws:s3:::turbines/private/a.csv",
];
/// Callers whom documents of buckets name: (as JSON, as this reading knows them).
const NAMED: [(&str, &str); 6] = [
    (r#""*""#, "*"),
    (r#"{"AWS":"arn:aws:iam::000000000000:user/alice"}"#, "arn:aws:iam::000000000000:user/alice"),
    (r#"{"AWS":"arn:aws:iam::111111111111:user/bob"}"#, "arn:aws:iam::111111111111:user/bob"),
    (r#"{"AWS":"arn:aws:iam::000000000000:role/trainer"}"#, "arn:aws:iam::000000000000:role/trainer"),
    (r#"{"AWS":"000000000000"}"#, "000000000000"),
    (r#"{"AWS":"arn:aws:iam::111111111111:root"}"#, "111111111111"),
];
/// Conditions, and how they are read here.
const CONDITIONS: [(&str, fn(&Asked) -> bool); 9] = [
    ("", |_| true),
    (r#"{"StringEquals":{"s3:ExistingObjectTag/class":"open"}}"#, |asked| asked.class == Some("open")),
    (r#"{"StringNotEquals":{"s3:ExistingObjectTag/class":"open"}}"#, |asked| asked.class != Some("open")),
    (r#"{"StringEqualsIfExists":{"s3:ExistingObjectTag/class":["open","shut"]}}"#, |asked| {
        asked.class.is_none_or(|class| ["open", "shut"].contains(&class))
    }),
    (r#"{"Null":{"s3:ExistingObjectTag/class":"true"}}"#, |asked| asked.class.is_none()),
    (r#"{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}"#, |asked| asked.ip.starts_with("10.")),
    (r#"{"NotIpAddress":{"aws:SourceIp":["10.0.0.0/8","192.0.2.1/32"]}}"#, |asked| {
        !asked.ip.starts_with("10.") && asked.ip != "192.0.2.1"
    }),
    (r#"{"Bool":{"aws:SecureTransport":"true"},"StringLike":{"aws:username":"a*"}}"#, |asked| {
        asked.tls && asked.user().is_some_and(|name| name.starts_with('a'))
    }),
    (r#"{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:user/*"}}"#, |asked| {
        asked.who.is_some_and(|(_, kind, _)| kind == PrincipalKind::User)
    }),
];

#[derive(Debug, Clone)]
struct Said {
    allows: bool,
    named: usize,
    actions: Vec<&'static str>,
    is_not_action: bool,
    resources: Vec<&'static str>,
    is_not_resource: bool,
    condition: usize,
}

type Who3 = (&'static str, PrincipalKind, &'static str);

#[derive(Debug, Clone)]
struct Asked {
    who: Option<Who3>,
    action: Action,
    key: &'static str,
    class: Option<&'static str>,
    ip: &'static str,
    tls: bool,
    owner: &'static str,
}

const WHO: [Option<Who3>; 6] = [
    None,
    Some(("000000000000", PrincipalKind::User, "alice")),
    Some((OTHER, PrincipalKind::User, "bob")),
    Some(("000000000000", PrincipalKind::Role, "trainer")),
    Some(("000000000000", PrincipalKind::AccountRoot, "root")),
    Some((OTHER, PrincipalKind::AccountRoot, "root")),
];

impl Asked {
    fn user(&self) -> Option<&'static str> {
        self.who.filter(|(_, kind, _)| *kind == PrincipalKind::User).map(|(.., name)| name)
    }
    fn arn(&self) -> Option<String> {
        self.who.map(|(account, kind, name)| match kind {
            PrincipalKind::User => format!("arn:aws:iam::{account}:user/{name}"),
            PrincipalKind::Role => format!("arn:aws:iam::{account}:role/{name}"),
            PrincipalKind::AccountRoot => format!("arn:aws:iam::{account}:root"),
        })
    }
    fn is_account_root(&self) -> bool {
        self.who.is_some_and(|(_, kind, _)| kind == PrincipalKind::AccountRoot)
    }
    fn resource(&self) -> String {
        match self.action.resource() {
            Resource::Object => format!("arn:aws:s3:::turbines/{}", self.key),
            _ => "arn:aws:s3:::turbines".to_owned(),
        }
    }
}

/// The plain definition of wildcards.
fn like(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern, text) {
        ([], []) => true,
        ([b'*', rest @ ..], _) => like(rest, text) || text.split_first().is_some_and(|(_, text)| like(pattern, text)),
        ([b'?', rest @ ..], [_, text @ ..]) => like(rest, text),
        ([wanted, rest @ ..], [found, text @ ..]) => wanted == found && like(rest, text),
        _ => false,
    }
}

impl Said {
    fn json(&self, sid: &str, is_of_bucket: bool) -> String {
        let effect = if self.allows { "Allow" } else { "Deny" };
        let principal = NAMED.get(self.named).filter(|_| is_of_bucket);
        let principal = principal.map_or(String::new(), |(json, _)| format!(r#""Principal":{json},"#));
        let (action, resource) = (
            if self.is_not_action { "NotAction" } else { "Action" },
            if self.is_not_resource { "NotResource" } else { "Resource" },
        );
        let condition = match CONDITIONS[self.condition].0 {
            "" => String::new(),
            text => format!(r#","Condition":{text}"#),
        };
        format!(
            r#"{{"Sid":"{sid}","Effect":"{effect}",{principal}"{action}":{:?},"{resource}":{:?}{condition}}}"#,
            self.actions, self.resources
        )
    }

    fn applies(&self, asked: &Asked) -> bool {
        let action = asked.action.name().to_ascii_lowercase();
        let is_action = self.actions.iter().any(|named| like(named.to_ascii_lowercase().as_bytes(), action.as_bytes()));
        let is_resource = self.resources.iter().any(|named| {
            let named = match (named.contains("${"), asked.user()) {
                (false, _) => (*named).to_owned(),
                (true, Some(name)) => named.replace("${aws:username}", name),
                (true, None) => return false,
            };
            like(named.as_bytes(), asked.resource().as_bytes())
        });
        is_action != self.is_not_action && is_resource != self.is_not_resource && CONDITIONS[self.condition].1(asked)
    }

    /// Whether a bucket's statement names the caller: as itself or one of all, and as one of its account.
    fn names(&self, asked: &Asked) -> (bool, bool) {
        let named = NAMED[self.named].1;
        let of_account = asked.who.is_some_and(|(account, ..)| account == named);
        (named == "*" || asked.arn().as_deref() == Some(named), of_account)
    }
}

/// Whether it is allowed, and which denials apply.
fn read(asked: &Asked, identity: &[Said], bucket: &[Said], boundary: Option<&[Said]>) -> (bool, Vec<String>) {
    let beyond = |is_bucket: bool| {
        is_bucket
            && asked.action == Action::PutBucketPolicy
            && asked.is_account_root()
            && asked.who.is_some_and(|(account, ..)| account == asked.owner)
    };
    let applying = |statements: &[Said], is_bucket: bool| -> Vec<(usize, Said)> {
        let all = statements.iter().cloned().enumerate();
        all.filter(|(_, said)| {
            let (itself, of_account) = said.names(asked);
            !beyond(is_bucket) && said.applies(asked) && (!is_bucket || itself || of_account)
        })
        .collect()
    };
    let (of_identity, of_bucket) = (applying(identity, false), applying(bucket, true));
    let denials = |name: &str, statements: &[(usize, Said)]| -> Vec<String> {
        statements.iter().filter(|(_, said)| !said.allows).map(|(number, _)| format!("{name}{number}")).collect()
    };
    let denied = [denials("i", &of_identity), denials("b", &of_bucket)].concat();
    let allows = |statements: &[(usize, Said)]| statements.iter().any(|(_, said)| said.allows);
    let direct = of_bucket.iter().any(|(_, said)| said.allows && said.names(asked).0);
    let account = of_bucket.iter().any(|(_, said)| said.allows && said.names(asked).1);
    let own = allows(&of_identity) || asked.is_account_root();
    let allowed = match asked.who {
        None => direct,
        Some((of, ..)) if of == asked.owner => direct || own,
        Some(_) => own && (direct || account),
    };
    let narrowed = boundary.is_none_or(|boundary| {
        let of_boundary = applying(boundary, false);
        allows(&of_boundary) && denials("n", &of_boundary).is_empty()
    });
    (denied.is_empty() && allowed && narrowed, denied)
}

fn said() -> impl Strategy<Value = Said> {
    (
        prop::bool::weighted(0.7),
        0..NAMED.len(),
        subsequence(ACTIONS.to_vec(), 1..3),
        prop::bool::weighted(0.15),
        subsequence(RESOURCES.to_vec(), 1..3),
        prop::bool::weighted(0.1),
        prop_oneof![Just(0_usize), 0..CONDITIONS.len()],
    )
        .prop_map(|(allows, named, actions, is_not_action, resources, is_not_resource, condition)| Said {
            allows,
            named,
            actions,
            is_not_action,
            resources,
            is_not_resource,
            condition,
        })
}

fn asked() -> impl Strategy<Value = Asked> {
    let actions =
        [Action::GetObject, Action::PutObject, Action::DeleteObject, Action::ListBucket, Action::PutBucketPolicy];
    (
        select(WHO.to_vec()),
        select(actions.to_vec()),
        select(vec!["public/a.csv", "private/a.csv", "alice/x", "bob/x"]),
        select(vec![None, Some("open"), Some("shut")]),
        select(vec!["10.1.2.3", "192.0.2.1", "198.51.100.7"]),
        any::<bool>(),
        select(vec!["000000000000", OTHER]),
    )
        .prop_map(|(who, action, key, class, ip, tls, owner)| {
            // A request about a bucket is about no object, and so about none's tags.
            let class = class.filter(|_| action.resource() == Resource::Object);
            Asked { who, action, key, class, ip, tls, owner }
        })
}

fn document(name: &str, statements: &[Said], attachment: &Attachment) -> Option<Arc<Source>> {
    let is_of_bucket = matches!(attachment, Attachment::Bucket(_));
    let letter = &name[..1];
    let said: Vec<_> =
        statements.iter().enumerate().map(|(n, said)| said.json(&format!("{letter}{n}"), is_of_bucket)).collect();
    let json = format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, said.join(","));
    Source::iam(name, &json, attachment).ok().map(Arc::new)
}

fn put(asked: &Asked, policies: &Policies<'_>) -> (Result<Permit, Refusal>, bool) {
    let mut case = Case::new();
    case.key = ObjectKey::new(asked.key).expect("a key");
    case.tags = Tags::new(asked.class.map(|class| ("class".to_owned(), class.to_owned())), 10).expect("tags");
    case.owner = asked.owner.parse().expect("an account");
    case.object_owner = case.owner;
    let origin = Origin { source_ip: asked.ip.parse().ok(), secure_transport: asked.tls, ..Origin::default() };
    let who = asked.who.map_or(Who::Anonymous, |(account, kind, name)| {
        somebody(account.parse().expect("an account"), kind, name, &[]).who().clone()
    });
    let caller = Caller::new(who, Arc::new(origin));
    case.put(&caller, asked.action, |question| {
        (Judge::default().decide(question, policies), Judge::is_allowed_unsliced(question, policies))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// Also: nothing is allowed by nobody, a refusal names what forbids, slices change nothing, and what forbids more
    /// allows no more.
    #[test]
    fn translations_decide_as_the_rules_say(
        identity in prop::collection::vec(said(), 0..4),
        bucket in prop::collection::vec(said(), 0..4),
        boundary in prop::option::weighted(0.3, prop::collection::vec(said(), 1..3)),
        denial in said(),
        requests in prop::collection::vec(asked(), 12),
    ) {
        let of_bucket = Attachment::Bucket("turbines".to_owned());
        // A bucket takes no statement that can never apply to it.
        let bucket: Vec<Said> =
            bucket.into_iter().filter(|said| document("b", std::slice::from_ref(said), &of_bucket).is_some()).collect();
        let some = |source: Option<Arc<Source>>| source.into_iter().collect::<Vec<_>>();
        let (i, b) = (some(document("i", &identity, &Attachment::Managed)), some(document("b", &bucket, &of_bucket)));
        let n = some(boundary.as_ref().and_then(|said| document("n", said, &Attachment::Managed)));
        let denial = some(document("d", &[Said { allows: false, ..denial }], &Attachment::Managed));
        for asked in requests {
            let of_caller = if asked.who.is_some() { &i[..] } else { &[] };
            let narrowing = if asked.who.is_some() { &n[..] } else { &[] };
            let policies = Policies { identity: of_caller, resource: &b, narrowing, ..Policies::default() };
            let heard = if asked.who.is_some() { identity.as_slice() } else { &[] };
            let bound = boundary.as_deref().filter(|_| asked.who.is_some());
            let (expected, denied) = read(&asked, heard, &bucket, bound);
            let (found, unsliced) = put(&asked, &policies);
            prop_assert_eq!(found.is_ok(), expected, "{:?}: {:?}", &asked, &found);
            prop_assert_eq!(unsliced, expected, "unsliced: {:?}", &asked);
            if let (Err(refusal), false) = (&found, denied.is_empty()) {
                let named: std::collections::BTreeSet<_> = refusal.policies.iter().filter_map(|id| id.split(':').nth(1)).collect();
                prop_assert_eq!(named, denied.iter().map(String::as_str).collect(), "{:?}", refusal);
            }
            let closed = Policies { lake: &denial, ..policies };
            prop_assert!(found.is_ok() || put(&asked, &closed).0.is_err());
        }
    }
}

/// Whatever can be said in Cedar alone: joining policies and leaving untold what none asks for changes nothing.
#[test]
fn joined_policies_say_what_each_said() {
    let conditions = [
        "true",
        "resource has embargoUntil",
        "!(resource has retainUntil)",
        "resource.size * 9223372036854775807 > 5",
        "resource.createdAt.offset(duration(\"90d\")) > context.now",
        "Lake::Bucket::\"turbines\" has createdAt",
        "Lake::Bucket::\"turbines\".owner == principal.account",
        "Lake::Action::\"s3:GetObject\" in Lake::Action::\"read\"",
        "action in [Lake::Action::\"read\", Lake::Action::\"list\"]",
        "resource.bucket.hasTag(\"class\") && resource.bucket.getTag(\"class\") == \"open\"",
        "resource.hasTag(\"class\")",
        "principal.hasTag(\"team\")",
        "principal in Lake::Group::\"staff\"",
        "resource in Lake::Bucket::\"turbines\"",
        "context has sourceIp && context.sourceIp.isLoopback()",
        "context.authMethod like \"*key\"",
    ];
    let mut case = Case::new();
    case.tags = Tags::new([("class".to_owned(), "open".to_owned())], 10).expect("tags");
    let callers = [
        somebody(AccountId::HOME, PrincipalKind::User, "alice", &["staff"]),
        somebody(AccountId::HOME, PrincipalKind::User, "bob", &[]),
    ];
    let mut taken = 0;
    for (one, other) in conditions.iter().flat_map(|one| conditions.iter().map(move |other| (one, other))) {
        for effects in [["permit", "permit"], ["permit", "forbid"]] {
            let text = effects.iter().zip([one, other]).map(|(effect, condition)| {
                format!("{effect} (principal is Lake::User, action in Lake::Action::\"read\", resource is Lake::Object) when {{ {condition} }};")
            });
            let Ok(source) = Source::cedar("set", &text.collect::<String>()) else { continue };
            taken += 1;
            let lake = [Arc::new(source)];
            let policies = Policies { lake: &lake, ..Policies::default() };
            for caller in &callers {
                let (joined, each) = case.put(caller, Action::GetObject, |question| {
                    (
                        Judge::default().decide(question, &policies).is_ok(),
                        Judge::is_allowed_unsliced(question, &policies),
                    )
                });
                assert_eq!(joined, each, "{lake:?}");
            }
        }
    }
    assert!(taken > 300, "most of them can be said: {taken}");
}
