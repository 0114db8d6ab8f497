//! Who has a name keeps its bounds: whatever keys it makes, sessions it begins and times the power fails, nobody comes out
//! with more than they went in with.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use engine::{
    AssumeRole, Attributes, Body, CreateBucket, CredentialFault, Error, GetObject, Holder, NewAccessKey, NewKey,
    NewRole, NewUser, Outside, PolicyPlace, PutObject, Selection, Session, SessionBounds,
};
use kernel::{AccountId, AuthMethod, BucketName, Caller, ObjectKey, Origin, Principal, Who};
use sim::world::{World, settle};

const HOME: AccountId = AccountId::HOME;
const EVERYTHING: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
const READING: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["s3:GetObject","iam:*","sts:*"],"Resource":"*"}}"#;

fn bucket() -> BucketName {
    BucketName::new("turbines").expect("a name")
}

/// A lake with one object, and the users alice and bob, who may do nothing.
fn called(name: &str) -> NewUser<'_> {
    NewUser { name, ..NewUser::default() }
}

fn world() -> World {
    let world = World::new(23, |map| map);
    let (engine, root) = (&world.engine, Caller::root());
    settle(engine.open_identities(&"ab".repeat(32))).expect("identities");
    settle(engine.create_bucket(&root, CreateBucket::named(bucket()))).expect("a bucket");
    put(&world, &root).expect("an object");
    for name in ["alice", "bob"] {
        settle(engine.create_user(&root, HOME, called(name))).expect("a user");
    }
    world
}

fn may(world: &World, holder: Holder<'_>, document: &str) {
    let place = PolicyPlace { account: HOME, holder };
    settle(world.engine.put_inline_policy(&Caller::root(), place, "given", document)).expect("a policy");
}

fn put(world: &World, caller: &Caller) -> engine::Result<()> {
    let bytes = Bytes::from_static(b"12.5 m/s");
    let put = PutObject {
        bucket: bucket(),
        key: ObjectKey::new("wind").expect("a key"),
        attributes: Attributes::default(),
        algorithm: None,
        body: Body {
            bytes: bytes.len() as u64,
            stream: Box::pin(futures::stream::iter([Ok(bytes)])),
            md5: None,
            checksums: Vec::new(),
            trailer: None,
        },
        condition: Default::default(),
    };
    settle(world.engine.put_object(caller, put)).map(drop)
}

fn read(world: &World, caller: &Caller) -> engine::Result<()> {
    let get = GetObject {
        bucket: bucket(),
        key: ObjectKey::new("wind").expect("a key"),
        version: None,
        as_of: None,
        selection: Selection::All,
        condition: Default::default(),
    };
    settle(world.engine.get_object(caller, get)).map(drop)
}

fn key(world: &World, maker: &Caller, user: Option<&str>, narrowed: Option<&str>) -> engine::Result<NewKey> {
    let new = NewAccessKey { narrowed: narrowed.map(Arc::from), description: String::new() };
    settle(world.engine.create_access_key(maker, HOME, user, new))
}

/// Whoever shows these keys.
fn shown(world: &World, access_key: &str, token: Option<&str>) -> Result<Caller, CredentialFault> {
    Ok(caller(world.engine.principal(access_key, token)?))
}

fn caller(principal: Arc<Principal>) -> Caller {
    Caller::new(Who::Principal(principal), Arc::new(Origin::default()))
}

fn in_session(world: &World, session: &Session) -> Result<Caller, CredentialFault> {
    shown(world, &session.access_key, Some(&session.token))
}

/// A user's permanent key, and who shows it.
fn signed_in(world: &World, user: &str) -> (NewKey, Caller) {
    let key = key(world, &Caller::root(), Some(user), None).expect("a key");
    let caller = shown(world, &key.record.id, None).expect("somebody");
    (key, caller)
}

fn is_denied<T>(answer: engine::Result<T>) -> bool {
    matches!(answer, Err(Error::Denied(_)))
}

fn outside(provider: &str, subject: &str, groups: &[&str]) -> Outside {
    Outside {
        provider: provider.to_owned(),
        subject: subject.to_owned(),
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        tags: BTreeMap::new(),
        keys: BTreeMap::new(),
        method: AuthMethod::Token,
    }
}

#[test]
fn nobody_may_anything_before_somebody_says_so_and_not_after_it_was_taken_back() {
    let world = world();
    let (_, alice) = signed_in(&world, "alice");
    assert!(is_denied(read(&world, &alice)) && is_denied(put(&world, &alice)));
    may(&world, Holder::User("alice"), READING);
    assert!(read(&world, &alice).is_ok() && is_denied(put(&world, &alice)));
    let place = PolicyPlace { account: HOME, holder: Holder::User("alice") };
    settle(world.engine.delete_inline_policy(&Caller::root(), place, "given")).expect("taken back");
    assert!(is_denied(read(&world, &alice)), "the next request knows");
}

#[test]
fn temporary_keys_are_those_of_their_maker_and_never_beget_others() {
    let world = world();
    may(&world, Holder::User("alice"), READING);
    let (_, alice) = signed_in(&world, "alice");
    let session = world.engine.session_token(&alice, Some(900)).expect("a session");
    let lent = in_session(&world, &session).expect("somebody");
    assert!(read(&world, &lent).is_ok() && is_denied(put(&world, &lent)));
    assert!(is_denied(world.engine.session_token(&lent, Some(900))), "it could go on for ever");
    // Neither half of it is worth anything alone, nor with the half of another.
    let other = world.engine.session_token(&alice, None).expect("a session");
    assert_eq!(shown(&world, &session.access_key, None), Err(CredentialFault::Key));
    assert_eq!(shown(&world, &session.access_key, Some(&other.token)), Err(CredentialFault::Token));
    world.advance(Duration::from_secs(901));
    assert_eq!(in_session(&world, &session), Err(CredentialFault::Expired));
    assert!(in_session(&world, &other).is_ok());
}

#[test]
fn a_session_ends_with_whoever_it_was_made_for() {
    let world = world();
    may(&world, Holder::User("alice"), READING);
    let (key, alice) = signed_in(&world, "alice");
    let session = world.engine.session_token(&alice, None).expect("a session");
    let (engine, root) = (&world.engine, Caller::root());
    let place = PolicyPlace { account: HOME, holder: Holder::User("alice") };
    settle(engine.delete_inline_policy(&root, place, "given")).expect("taken back");
    settle(engine.delete_access_key(&root, HOME, Some("alice"), &key.record.id)).expect("removed");
    settle(engine.delete_user(&root, HOME, "alice")).expect("removed");
    assert_eq!(in_session(&world, &session), Err(CredentialFault::Token));
    // Whoever is called so now is somebody else.
    settle(engine.create_user(&root, HOME, called("alice"))).expect("another");
    assert_eq!(in_session(&world, &session), Err(CredentialFault::Token));
}

#[test]
fn the_session_of_an_accounts_root_ends_with_the_account() {
    let world = world();
    let (account, key) = settle(world.engine.create_account(&Caller::root(), "tenant")).expect("an account");
    let tenant = shown(&world, &key.record.id, None).expect("somebody");
    let session = world.engine.session_token(&tenant, None).expect("a session");
    assert!(in_session(&world, &session).is_ok());
    let id = account.id.parse().expect("a number");
    settle(world.engine.delete_account(&Caller::root(), id)).expect("removed");
    assert_eq!(in_session(&world, &session), Err(CredentialFault::Token));
    assert_eq!(shown(&world, &key.record.id, None), Err(CredentialFault::Key));
}

#[test]
fn who_is_narrowed_stays_so_whatever_it_makes() {
    let world = world();
    may(&world, Holder::User("alice"), EVERYTHING);
    let made = key(&world, &Caller::root(), Some("alice"), Some(READING)).expect("a service account");
    let service = shown(&world, &made.record.id, None).expect("somebody");
    assert!(read(&world, &service).is_ok() && is_denied(put(&world, &service)));
    for narrowed in [None, Some(EVERYTHING)] {
        assert!(is_denied(key(&world, &service, Some("alice"), narrowed)), "{narrowed:?}");
    }
    let lent = world.engine.session_token(&service, None).expect("a session");
    let lent = in_session(&world, &lent).expect("somebody");
    assert!(read(&world, &lent).is_ok() && is_denied(put(&world, &lent)));
    // And never beyond its owner.
    may(&world, Holder::User("bob"), READING);
    let made = key(&world, &Caller::root(), Some("bob"), Some(EVERYTHING)).expect("a service account");
    let service = shown(&world, &made.record.id, None).expect("somebody");
    assert!(read(&world, &service).is_ok() && is_denied(put(&world, &service)));
}

#[test]
fn nobody_makes_keys_or_powers_for_another_without_a_right_to() {
    let world = world();
    let own = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:*",
                  "Resource":"arn:aws:iam::000000000000:user/${aws:username}"}}"#;
    may(&world, Holder::User("alice"), own);
    let (_, alice) = signed_in(&world, "alice");
    for (user, allowed) in [(Some("alice"), true), (Some("bob"), false), (Some("nobody"), false), (None, false)] {
        assert_eq!(key(&world, &alice, user, None).is_ok(), allowed, "{user:?}");
        if !allowed {
            assert!(is_denied(key(&world, &alice, user, None)), "who may not is not told who there is: {user:?}");
        }
    }
    for holder in [Holder::User("bob"), Holder::Group("stewards"), Holder::Role("trainer")] {
        let place = PolicyPlace { account: HOME, holder };
        assert!(is_denied(settle(world.engine.put_inline_policy(&alice, place, "given", EVERYTHING))), "{holder:?}");
    }
    assert!(is_denied(settle(world.engine.create_account(&alice, "mine"))));
}

#[test]
fn accounts_do_not_reach_into_one_another() {
    let world = world();
    let (account, key) = settle(world.engine.create_account(&Caller::root(), "tenant")).expect("an account");
    let (id, tenant) = (account.id.parse().expect("a number"), shown(&world, &key.record.id, None).expect("somebody"));
    assert!(is_denied(read(&world, &tenant)) && is_denied(put(&world, &tenant)));
    assert!(settle(world.engine.create_user(&tenant, id, called("alice"))).is_ok());
    assert!(is_denied(settle(world.engine.create_user(&tenant, HOME, called("mallory")))));
    assert!(is_denied(settle(world.engine.create_access_key(&tenant, HOME, Some("bob"), NewAccessKey::default()))));
    assert!(is_denied(settle(world.engine.delete_account(&tenant, HOME))));
    // Two of one name in two accounts are two.
    may(&world, Holder::User("alice"), EVERYTHING);
    let theirs = settle(world.engine.create_access_key(&tenant, id, Some("alice"), NewAccessKey::default()));
    let theirs = shown(&world, &theirs.expect("a key").record.id, None).expect("somebody");
    assert!(is_denied(read(&world, &theirs)));
}

#[test]
fn a_provider_speaks_for_nobody_but_its_own() {
    let world = world();
    let engine = &world.engine;
    settle(engine.create_group(&Caller::root(), HOME, "readers", None)).expect("a group");
    may(&world, Holder::Group("readers"), READING);
    may(&world, Holder::User("alice"), EVERYTHING);
    let someone = |provider: &str, subject: &str, groups: &[&str]| {
        caller(engine.principal_from_outside(outside(provider, subject, groups)))
    };
    assert!(read(&world, &someone("indigo", "1", &["readers"])).is_ok());
    for subject in ["alice", "1", "root", "000000000000/root", "../alice", "Alice "] {
        let foreign = someone("indigo", subject, &[]);
        assert!(is_denied(read(&world, &foreign)), "{subject}");
    }
    let claimed = someone("indigo", "1", &["123456789012/admins", "000000000000/readers", "/readers"]);
    let groups: BTreeSet<String> = claimed.principal().expect("somebody").groups.clone();
    assert_eq!(groups, BTreeSet::from(["/readers".to_owned()]), "accounts have groups of their own");
    assert!(is_denied(read(&world, &claimed)));
    let (one, two) = (someone("indigo", "1", &[]), someone("egi", "1", &[]));
    assert_ne!(one.principal().map(|one| &one.arn), two.principal().map(|two| &two.arn));
}

#[test]
fn a_role_is_for_whom_it_trusts_and_its_sessions_may_what_it_may() {
    let world = world();
    let trust = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole",
                    "Principal":{"AWS":"arn:aws:iam::000000000000:user/alice"}}}"#;
    let tags = BTreeMap::new();
    let new = NewRole {
        name: "trainer",
        path: None,
        trust,
        description: "",
        session_max_seconds: 3_600,
        tags,
        boundary: None,
    };
    let role = settle(world.engine.create_role(&Caller::root(), HOME, new)).expect("a role");
    may(&world, Holder::Role("trainer"), READING);
    let ((_, alice), (_, bob)) = (signed_in(&world, "alice"), signed_in(&world, "bob"));
    let arn = role.arn();
    let assume = |bounds| AssumeRole { role_arn: &arn, session_name: "run-1", bounds, ..AssumeRole::default() };
    assert!(is_denied(world.engine.assume_role(&bob, &assume(SessionBounds::default()))));
    assert!(is_denied(world.engine.assume_role(&Caller::anonymous(), &assume(SessionBounds::default()))));
    let assumed = world.engine.assume_role(&alice, &assume(SessionBounds::default())).expect("a session");
    let trainer = in_session(&world, &assumed.session).expect("somebody");
    assert!(read(&world, &trainer).is_ok() && is_denied(put(&world, &trainer)));
    assert!(world.engine.session_token(&trainer, None).is_err());
    let nothing = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:PutObject","Resource":"*"}}"#;
    let bounds = SessionBounds { policy: Some(nothing), ..SessionBounds::default() };
    let assumed = world.engine.assume_role(&alice, &assume(bounds)).expect("a session");
    let trainer = in_session(&world, &assumed.session).expect("somebody");
    assert!(is_denied(read(&world, &trainer)) && is_denied(put(&world, &trainer)), "neither alone allows");
}

#[test]
fn keys_and_sessions_outlive_a_power_cut() {
    let world = world();
    may(&world, Holder::User("alice"), READING);
    let (key, alice) = signed_in(&world, "alice");
    let session = world.engine.session_token(&alice, None).expect("a session");
    let world = world.power_cut(());
    settle(world.engine.open_identities(&"ab".repeat(32))).expect("identities");
    let secret = world.engine.secret_of(&key.record.id).expect("the vault").expect("a secret");
    assert_eq!(*secret, *key.secret);
    let secret = world.engine.secret_of(&session.access_key).expect("the vault").expect("a secret");
    assert_eq!(*secret, *session.secret);
    assert!(read(&world, &in_session(&world, &session).expect("somebody")).is_ok());
    // A key that is switched off has no secret any more.
    settle(world.engine.set_access_key(&Caller::root(), HOME, Some("alice"), &key.record.id, false)).expect("off");
    assert!(world.engine.secret_of(&key.record.id).expect("the vault").is_none());
    assert_eq!(shown(&world, &key.record.id, None), Err(CredentialFault::Key));
}

/// Steps of one run, by its number: any order of five things that may happen to a user.
fn steps(run: u64) -> impl Iterator<Item = u64> {
    let next =
        |state: &u64| Some(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407));
    std::iter::successors(Some(run), next).skip(1).map(|state| (state >> 33) % 5).take(12)
}

/// What was answered stands, however often the power fails: rights that were taken back do not return, nor do keys that
/// were switched off.
#[test]
fn what_was_answered_stands_through_power_cuts() {
    for run in 0..24 {
        let mut world = world();
        let (key, _) = signed_in(&world, "alice");
        let (id, root) = (key.record.id.as_str(), Caller::root());
        let (mut may_read, mut is_on) = (false, true);
        for (number, step) in steps(run).enumerate() {
            match step {
                0 => {
                    may(&world, Holder::User("alice"), READING);
                    may_read = true;
                }
                1 => {
                    let place = PolicyPlace { account: HOME, holder: Holder::User("alice") };
                    let taken = settle(world.engine.delete_inline_policy(&root, place, "given"));
                    assert_eq!(taken.is_ok(), std::mem::take(&mut may_read), "run {run}, step {number}");
                }
                2 | 3 => {
                    is_on = step == 3;
                    settle(world.engine.set_access_key(&root, HOME, Some("alice"), id, is_on)).expect("switched");
                }
                _ => {
                    world = world.power_cut(());
                    settle(world.engine.open_identities(&"ab".repeat(32))).expect("identities");
                }
            }
            let found = shown(&world, id, None).map(|alice| read(&world, &alice).is_ok());
            let expected = if is_on { Ok(may_read) } else { Err(CredentialFault::Key) };
            assert_eq!(found, expected, "run {run}, step {number}");
        }
    }
}
