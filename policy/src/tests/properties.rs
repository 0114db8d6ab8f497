//! Decisions against a second reading of IAM's rules, on generated documents and requests.
//!
//! The reading below knows nothing of Cedar: it looks at every statement of every document and follows the text of the IAM
//! User Guide, *Policy evaluation logic*.

use std::collections::BTreeSet;

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
/// What a condition means.
type Meaning = fn(&Asked) -> bool;

/// Conditions, and how they are read here.
const CONDITIONS: [(&str, Meaning); 17] = [
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
    (r#"{"ForAllValues:StringEquals":{"s3:RequestObjectTagKeys":"a"}}"#, |asked| {
        asked.sets.iter().all(|tag| *tag == "a")
    }),
    (r#"{"ForAnyValue:StringEquals":{"s3:RequestObjectTagKeys":["b","c"]}}"#, |asked| asked.sets.contains(&"b")),
    (r#"{"ForAnyValue:StringNotEquals":{"aws:TagKeys":"a"}}"#, |asked| asked.sets.iter().any(|tag| *tag != "a")),
    (r#"{"ForAllValues:StringNotLikeIfExists":{"aws:TagKeys":"b*"}}"#, |asked| !asked.sets.contains(&"b")),
    (r#"{"Null":{"aws:username":"false"}}"#, |asked| asked.user().is_some()),
    (r#"{"StringEquals":{"aws:username":"${aws:PrincipalTag/none}"}}"#, |_| false),
    (r#"{"StringNotEquals":{"aws:userid":"AIDA${aws:username}"}}"#, |asked| asked.user().is_none()),
    (
        r#"{"NumericLessThanEqualsIfExists":{"s3:max-keys":"10"},"DateGreaterThanEquals":{"aws:CurrentTime":"2026-11-21T00:00:00Z"}}"#,
        |_| true,
    ),
];

#[derive(Debug, Clone)]
struct Said {
    allows: bool,
    named: usize,
    /// Callers can be excepted from denials alone.
    is_not_principal: bool,
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
    /// Names of the tags that the request sets.
    sets: &'static [&'static str],
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
        let kind = if self.is_not_principal { "NotPrincipal" } else { "Principal" };
        let principal = principal.map_or(String::new(), |(json, _)| format!(r#""{kind}":{json},"#));
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
        let itself = named == "*" || asked.arn().as_deref() == Some(named);
        match self.is_not_principal {
            // A role asks for nothing by itself, and its sessions are not it.
            true => (!(itself && !named.contains(":role/") || of_account && asked.is_account_root()), false),
            false => (itself, of_account),
        }
    }
}

/// Whether it is allowed, and which denials apply.
fn read(asked: &Asked, identity: &[Said], bucket: &[Said], bounds: &[Vec<Said>]) -> (bool, Vec<String>) {
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
    let narrowed = bounds.iter().all(|bound| {
        let of_bound = applying(bound, false);
        allows(&of_bound) && denials("n", &of_bound).is_empty()
    });
    (denied.is_empty() && allowed && narrowed, denied)
}

fn said() -> impl Strategy<Value = Said> {
    (
        prop::bool::weighted(0.7),
        (0..NAMED.len(), prop::bool::weighted(0.3)),
        subsequence(ACTIONS.to_vec(), 1..3),
        prop::bool::weighted(0.15),
        subsequence(RESOURCES.to_vec(), 1..3),
        prop::bool::weighted(0.1),
        prop_oneof![Just(0_usize), 0..CONDITIONS.len()],
    )
        .prop_map(|(allows, (named, is_not), actions, is_not_action, resources, is_not_resource, condition)| {
            Said {
                allows,
                named,
                is_not_principal: is_not && !allows,
                actions,
                is_not_action,
                resources,
                is_not_resource,
                condition,
            }
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
        select(vec![&[][..], &["a"], &["b"], &["a", "b"]]),
    )
        .prop_map(|(who, action, key, class, ip, tls, owner, sets)| {
            // A request about a bucket is about no object, and so about none's tags.
            let class = class.filter(|_| action.resource() == Resource::Object);
            let sets = if action == Action::PutObject { sets } else { &[] };
            Asked { who, action, key, class, ip, tls, owner, sets }
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

fn put<T>(asked: &Asked, answer: impl FnOnce(&Question<'_>) -> T) -> T {
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
    let set = asked.sets.iter().map(|name| ((*name).to_owned(), "x".to_owned()));
    case.sets = (!asked.sets.is_empty()).then(|| Tags::new(set, 10).expect("tags"));
    case.put(&caller, asked.action, answer)
}

fn decide(asked: &Asked, policies: &Policies<'_>) -> Result<Permit, Refusal> {
    put(asked, |question| Judge::default().decide(question, policies))
}

fn sources(name: &str, statements: &[Said], attachment: &Attachment) -> Vec<Arc<Source>> {
    document(name, statements, attachment).into_iter().collect()
}

/// What is left of a document without the statements of these names.
fn without(name: &str, statements: &[Said], gone: &BTreeSet<String>, attachment: &Attachment) -> Vec<Arc<Source>> {
    let left = statements.iter().enumerate().filter(|(n, _)| !gone.contains(&format!("{name}{n}")));
    sources(name, &left.map(|(_, said)| said.clone()).collect::<Vec<_>>(), attachment)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// Also: a refusal names what forbids, slices change nothing, what forbids more allows no more, and what an
    /// explanation names decides: without it, the decision is another.
    #[test]
    fn translations_decide_as_the_rules_say(
        identity in prop::collection::vec(said(), 0..4),
        bucket in prop::collection::vec(said(), 0..4),
        bounds in prop_oneof![3 => Just(Vec::new()), 2 => prop::collection::vec(prop::collection::vec(said(), 1..3), 1..3)],
        denial in said(),
        requests in prop::collection::vec(asked(), 12),
    ) {
        let of_bucket = Attachment::Bucket("turbines".to_owned());
        // A bucket takes no statement that can never apply to it.
        let bucket: Vec<Said> =
            bucket.into_iter().filter(|said| document("b", std::slice::from_ref(said), &of_bucket).is_some()).collect();
        let (i, b) = (sources("i", &identity, &Attachment::Managed), sources("b", &bucket, &of_bucket));
        let n: Vec<_> = bounds.iter().flat_map(|bound| sources("n", bound, &Attachment::Session)).collect();
        let denial = sources("d", &[Said { allows: false, ..denial }], &Attachment::Managed);
        for asked in requests {
            // Nothing is attached to nobody.
            let is_somebody = asked.who.is_some();
            let (i, n) = if is_somebody { (&i[..], &n[..]) } else { (&[][..], &[][..]) };
            let (heard, bound) = if is_somebody { (&identity[..], &bounds[..]) } else { (&[][..], &[][..]) };
            let policies = Policies { identity: i, resource: &b, narrowing: n, ..Policies::default() };
            let (expected, denied) = read(&asked, heard, &bucket, bound);
            let found = decide(&asked, &policies);
            prop_assert_eq!(found.is_ok(), expected, "{:?}: {:?}", &asked, &found);
            let unsliced = put(&asked, |question| Judge::is_allowed_unsliced(question, &policies));
            prop_assert_eq!(unsliced, expected, "unsliced: {:?}", &asked);
            if let (Err(refusal), false) = (&found, denied.is_empty()) {
                prop_assert_eq!(sids(&refusal.policies), denied.into_iter().collect::<BTreeSet<_>>(), "{:?}", refusal);
            }
            let closed = Policies { lake: &denial, ..policies };
            prop_assert!(found.is_ok() || decide(&asked, &closed).is_err());
            let explained = put(&asked, |question| Judge::default().explain(question, &policies));
            prop_assert_eq!(&explained.outcome, &found);
            if explained.deciding.is_empty() || explained.deciding.iter().any(|policy| policy.side == "lake") {
                continue;
            }
            let gone = sids(explained.deciding.iter().map(|policy| &policy.policy));
            let i = if is_somebody { without("i", &identity, &gone, &Attachment::Managed) } else { Vec::new() };
            let b = without("b", &bucket, &gone, &of_bucket);
            let left = decide(&asked, &Policies { identity: &i, resource: &b, ..policies });
            match (&found, &left) {
                (Ok(_), left) => prop_assert!(left.is_err(), "{:?}: {:?}", &asked, &explained),
                (Err(_), Ok(_)) => {}
                // Nothing forbids it any more, but for what narrows.
                (Err(_), Err(refusal)) => prop_assert!(sids(&refusal.policies).iter().all(|sid| sid.starts_with('n'))),
            }
        }
    }
}

/// The names of the statements that policies came from.
fn sids<'p>(policies: impl IntoIterator<Item = &'p String>) -> BTreeSet<String> {
    policies.into_iter().filter_map(|id| id.split(':').nth(1)).map(str::to_owned).collect()
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
