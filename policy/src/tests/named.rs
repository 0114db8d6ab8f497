//! Callers with names, accounts, and what holds in every lake.

use std::collections::{BTreeMap, BTreeSet};

use kernel::{AuthMethod, Embargo, EmbargoLift, EmbargoReader, Principal, PrincipalKind};

use super::*;

const OTHER: &str = "111111111111";

/// Somebody of an account, in groups.
pub(super) fn somebody(account: AccountId, kind: PrincipalKind, name: &str, groups: &[&str]) -> Caller {
    let arn = match kind {
        PrincipalKind::AccountRoot => format!("arn:aws:iam::{account}:root"),
        PrincipalKind::User => format!("arn:aws:iam::{account}:user/{name}"),
        PrincipalKind::Role => format!("arn:aws:sts::{account}:assumed-role/{name}/session"),
    };
    let policy_arn =
        if kind == PrincipalKind::Role { format!("arn:aws:iam::{account}:role/{name}") } else { arn.clone() };
    let principal = Principal {
        account,
        kind,
        name: name.to_owned(),
        arn,
        policy_arn,
        unique_id: format!("AIDA{name}"),
        groups: groups.iter().map(|group| (*group).to_owned()).collect::<BTreeSet<_>>(),
        tags: BTreeMap::new(),
        transitive_tags: BTreeSet::new(),
        method: AuthMethod::AccessKey,
        narrowed: Vec::new(),
        keys: BTreeMap::new(),
    };
    Caller::new(Who::Principal(Arc::new(principal)), Arc::default())
}

fn other() -> AccountId {
    OTHER.parse().expect("an account")
}

fn cedar(name: &str, text: &str) -> Arc<Source> {
    Arc::new(Source::cedar(name, text).expect(text))
}

fn reads(name: &str, whom: &str) -> Arc<Source> {
    cedar(name, &format!("@id(\"a\") permit ({whom}, action in Lake::Action::\"read\", resource);"))
}

#[test]
fn the_base_is_valid() {
    let base = Source::cedar("lake", include_str!("../base.cedar"));
    assert!(base.expect("the base").to_cedar().contains("embargo.closed"));
}

#[test]
fn users_groups_and_roles_have_names() {
    let case = Case::new();
    let (home, other) = (AccountId::HOME, other());
    let alice = somebody(home, PrincipalKind::User, "alice", &["staff"]);
    let namesake = somebody(other, PrincipalKind::User, "alice", &["staff"]);
    let trainer = somebody(home, PrincipalKind::Role, "alice", &[]);
    for (whom, expected) in [
        (r#"principal == Lake::User::"alice""#, [true, false, false]),
        (r#"principal == Lake::User::"111111111111/alice""#, [false, true, false]),
        (r#"principal == Lake::Role::"alice""#, [false, false, true]),
        (r#"principal in Lake::Group::"staff""#, [true, false, false]),
        (r#"principal in Lake::Group::"111111111111/staff""#, [false, true, false]),
        (r#"principal in Lake::Account::"000000000000""#, [true, false, true]),
        (r#"principal is Lake::User"#, [true, true, false]),
        (r#"principal is Lake::User in Lake::Group::"staff""#, [true, false, false]),
    ] {
        let lake = [reads("set", whom)];
        let policies = Policies { lake: &lake, ..Policies::default() };
        let found =
            [&alice, &namesake, &trainer].map(|caller| case.decide(caller, Action::GetObject, &policies).is_ok());
        assert_eq!(found, expected, "{whom}");
    }
}

#[test]
fn the_root_of_an_account_may_do_everything_with_what_it_owns() {
    let mut case = Case::new();
    let root = somebody(other(), PrincipalKind::AccountRoot, "root", &[]);
    let user = somebody(other(), PrincipalKind::User, "root", &[]);
    for owner in [AccountId::HOME, other()] {
        (case.owner, case.object_owner) = (owner, owner);
        for action in
            Action::ALL.into_iter().filter(|action| matches!(action.resource(), Resource::Bucket | Resource::Object))
        {
            let allowed = case.decide(&root, action, &Policies::default()).is_ok();
            assert_eq!(allowed, owner == other(), "{action:?} {owner}");
            assert!(case.decide(&user, action, &Policies::default()).is_err(), "{action:?} {owner}");
        }
    }
    // What somebody else wrote into its bucket it may remove, not read.
    (case.owner, case.object_owner, case.owns_objects) = (other(), AccountId::HOME, false);
    assert!(case.decide(&root, Action::DeleteObject, &Policies::default()).is_ok());
    assert!(case.decide(&root, Action::GetObject, &Policies::default()).is_err());
    case.owns_objects = true;
    assert!(case.decide(&root, Action::GetObject, &Policies::default()).is_ok());
}

#[test]
fn within_an_account_one_side_is_enough_and_between_accounts_both_must_agree() {
    let mut case = Case::new();
    let alice = somebody(AccountId::HOME, PrincipalKind::User, "alice", &[]);
    let says = |name: &str, allows: bool| if allows { vec![reads(name, "principal")] } else { Vec::new() };
    for owner in [AccountId::HOME, other()] {
        (case.owner, case.object_owner) = (owner, owner);
        for (lake, identity, resource) in (0..8).map(|bits| (bits & 1 != 0, bits & 2 != 0, bits & 4 != 0)) {
            let (of_lake, of_caller, of_bucket) = (says("l", lake), says("i", identity), says("r", resource));
            let policies =
                Policies { lake: &of_lake, identity: &of_caller, resource: &of_bucket, ..Policies::default() };
            let expected = lake || if owner == AccountId::HOME { identity || resource } else { identity && resource };
            let found = case.decide(&alice, Action::GetObject, &policies);
            assert_eq!(found.is_ok(), expected, "{owner} {lake} {identity} {resource}: {found:?}");
        }
    }
}

#[test]
fn narrowings_must_each_allow() {
    let case = Case::new();
    let alice = somebody(AccountId::HOME, PrincipalKind::User, "alice", &[]);
    let identity = [reads("i", "principal")];
    let list = cedar("session policy", "@id(\"l\") permit (principal, action in Lake::Action::\"list\", resource);");
    for (narrowing, expected) in [
        (vec![], true),
        (vec![reads("boundary", "principal")], true),
        (vec![reads("boundary", "principal"), list.clone()], false),
        (vec![list], false),
    ] {
        let policies = Policies { identity: &identity, narrowing: &narrowing, ..Policies::default() };
        assert_eq!(case.decide(&alice, Action::GetObject, &policies).is_ok(), expected, "{narrowing:?}");
        assert!(case.decide(&alice, Action::ListBucket, &policies).is_err());
    }
}

fn readers(names: &[&str]) -> BTreeSet<EmbargoReader> {
    names.iter().map(|name| name.parse().expect(name)).collect()
}

/// Whoever may be meant by a reader's name, and more.
fn people() -> Vec<Caller> {
    let mut people = vec![Caller::anonymous()];
    for account in [AccountId::HOME, other()] {
        for kind in [PrincipalKind::User, PrincipalKind::Role, PrincipalKind::AccountRoot] {
            for (name, groups) in [("alice", &["early"][..]), ("early", &["alice", "root"]), ("root", &[])] {
                people.push(somebody(account, kind, name, groups));
            }
        }
    }
    people
}

#[test]
fn cedar_and_the_rule_beside_it_agree_on_who_reads_under_an_embargo() {
    let mut case = Case::new();
    let lake = [reads("set", "principal")];
    let policies = Policies { lake: &lake, ..Policies::default() };
    let mut open = 0;
    for owner in [AccountId::HOME, other()] {
        (case.owner, case.object_owner) = (owner, owner);
        for name in ["alice", "early", "root", "111111111111/alice", "000000000000/alice", "000000000000/root", "/x"] {
            for text in [name.to_owned(), format!("group/{name}"), format!("user/{name}"), format!("role/{name}")] {
                for after_ms in [-1, 0, 1] {
                    let until = Timestamp::from_millis(case.now.as_millis() + after_ms);
                    let embargo = Embargo { until, readers: readers(&[&text]), lift: None };
                    case.protection.embargo = Some(embargo.clone());
                    for caller in people() {
                        let is_open = case.decide(&caller, Action::GetObject, &policies).is_ok();
                        let is_closed = crate::is_closed(&caller, &embargo, owner, case.now);
                        assert_eq!(is_open, !is_closed, "{caller} {text} {owner} {after_ms}");
                        open += u32::from(is_open && after_ms > 0);
                    }
                }
            }
        }
    }
    assert!(open > 20, "{open}");
}

#[test]
fn an_embargo_closes_reading_to_all_but_its_readers() {
    let mut case = Case::new();
    let root = somebody(AccountId::HOME, PrincipalKind::AccountRoot, "root", &[]);
    let reader = somebody(AccountId::HOME, PrincipalKind::User, "bob", &["early"]);
    let lake = [reads("set", "principal")];
    let policies = Policies { lake: &lake, ..Policies::default() };
    let until = |ms: i64| Timestamp::from_millis(case.now.as_millis() + ms);
    let (before, at) = (until(1), until(0));
    let lift = EmbargoLift { by: "x".to_owned(), at, reason: "it is out".to_owned() };
    for (until, lift, open) in [(before, None, false), (at, None, true), (before, Some(lift), true)] {
        case.protection.embargo = Some(Embargo { until, readers: readers(&["early"]), lift });
        for (caller, may_read) in [(&root, open), (&Caller::anonymous(), open), (&reader, true)] {
            for action in
                [Action::GetObject, Action::GetObjectVersion, Action::GetObjectTagging, Action::GetObjectAttributes]
            {
                let found = case.decide(caller, action, &policies);
                assert_eq!(found.is_ok(), may_read, "{caller} {action:?}");
                if let Err(refusal) = found {
                    assert_eq!(
                        (&*refusal.reason, &*refusal.policies),
                        ("under embargo", &["lake#embargo.closed".to_owned()][..])
                    );
                }
            }
        }
        assert!(case.decide(&root, Action::DeleteObject, &policies).is_ok());
        assert!(case.decide(&root, Action::GetEmbargo, &policies).is_ok());
    }
}

#[test]
fn the_first_account_alone_administers_the_lake() {
    let case = Case::new();
    let all = cedar("set of alice", "@id(\"a\") permit (principal, action, resource is Lake::Lake);");
    for (account, may) in [(AccountId::HOME, true), (other(), false)] {
        let root = somebody(account, PrincipalKind::AccountRoot, "root", &[]);
        assert_eq!(case.decide(&root, Action::CreateAccount, &Policies::default()).is_ok(), may);
        assert!(case.decide(&root, Action::ListAllMyBuckets, &Policies::default()).is_ok());
        let alice = somebody(account, PrincipalKind::User, "alice", &[]);
        let identity = [all.clone()];
        let policies = Policies { identity: &identity, ..Policies::default() };
        assert_eq!(case.decide(&alice, Action::CreateAccount, &policies).is_ok(), may);
        assert!(case.decide(&alice, Action::ListAllMyBuckets, &policies).is_ok());
        assert!(case.decide(&alice, Action::GetCallerIdentity, &Policies::default()).is_ok());
        assert!(case.decide(&alice, Action::CreateUser, &policies).is_err());
        assert!(case.decide(&root, Action::CreateUser, &policies).is_ok());
    }
}

#[test]
fn a_decision_names_the_policies_it_was_made_on() {
    let case = Case::new();
    let root = somebody(AccountId::HOME, PrincipalKind::AccountRoot, "root", &[]);
    let one = [reads("one", "principal")];
    let hash = |policies: &Policies<'_>| case.decide(&root, Action::GetObject, policies).expect("root").policy_hash();
    let hashes = [
        hash(&Policies::default()),
        hash(&Policies { lake: &one, ..Policies::default() }),
        hash(&Policies { identity: &one, ..Policies::default() }),
        hash(&Policies { narrowing: &one, ..Policies::default() }),
        PolicyHash::NONE,
    ];
    assert_eq!(BTreeSet::from(hashes).len(), hashes.len());
    assert_eq!(hashes[1], hash(&Policies { lake: &one, ..Policies::default() }));
    assert_eq!(PolicyHash::NONE.to_string(), "0".repeat(64));
}
