//! Passwords of users: argon2id records, tried slowly and few at a time.
//!
//! A password opens a session and nothing else. Trying one costs 19 MiB and some 20 ms on a blocking thread; two are tried
//! at once, so that guessing takes neither the memory nor the cores of the lake. A name that is not there is tried as long
//! as one that is.
//!
//! Source: RFC 9106; OWASP Password Storage Cheat Sheet (19 MiB, two passes, one lane); NIST SP 800-63B, 5.1.1.

use argon2::{Algorithm, Argon2, Params, Version};
use kernel::{AccountId, Caller, PrincipalKind};
use policy::Action;
use tokio::sync::Semaphore;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use super::accounts::hex;
use super::credentials::user_principal;
use super::keys::unhex;
use super::records::{Password, User};
use super::{Assumed, IdentityFault, SessionBounds};
use crate::{Engine, Error, Result};

const CHARS_MIN: usize = 12;
const CHARS_MAX: usize = 128;
/// Characters that one composed character can be typed as. Source: UAX #15, 9.1: at most 4 for NFD; and marks behind it.
const DECOMPOSED_MAX: usize = 4;
const MEMORY_KIB: u32 = 19 << 10;
const PASSES: u32 = 2;
const HASH_BYTES: usize = 32;
/// Trials at once.
const TRIALS: usize = 2;
/// What somebody may do whose password must be changed.
const CHANGE_ONLY: &str =
    r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:ChangePassword","Resource":"*"}}"#;

pub(super) fn places() -> Semaphore {
    Semaphore::new(TRIALS)
}

/// What a password becomes.
fn hash(password: &str, salt: &[u8], memory_kib: u32, passes: u32) -> Result<[u8; HASH_BYTES]> {
    let damaged = |_| Error::Bug("a password that cannot be hashed");
    let params = Params::new(memory_kib, passes, 1, Some(HASH_BYTES)).map_err(damaged)?;
    let mut hash = [0; HASH_BYTES];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(password.as_bytes(), salt, &mut hash)
        .map_err(damaged)?;
    Ok(hash)
}

/// Whether two hashes are the same, in a time that does not tell where they differ.
fn are_equal(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |differ, (one, other)| differ | (one ^ other)) == 0
}

fn none(name: &str) -> IdentityFault {
    IdentityFault::missing("password of the user", name)
}

/// Whom a name means that is typed at a login: a user of the first account, or `ACCOUNT/NAME`.
pub fn named_at_login(name: &str) -> (AccountId, &str) {
    let elsewhere = name.split_once('/').and_then(|(account, name)| Some((account.parse().ok()?, name)));
    elsewhere.unwrap_or((AccountId::HOME, name))
}

/// A password as it is hashed: composed, with plain blanks, whatever keyboard it was typed on. Of what is longer than a
/// password can be, only so much that it stays too long.
///
/// Source: RFC 8265, 4.2, *OpaqueString*.
fn prepared(password: &str) -> Zeroizing<String> {
    let is_blank = |char: char| char.is_whitespace() && !char.is_control();
    let blanks = password.chars().take(CHARS_MAX * DECOMPOSED_MAX).map(|char| if is_blank(char) { ' ' } else { char });
    Zeroizing::new(blanks.nfc().take(CHARS_MAX + 1).collect())
}

fn check(password: &str) -> std::result::Result<(), IdentityFault> {
    let chars = password.chars().count();
    if password.chars().any(char::is_control) {
        return Err(IdentityFault::Value("a password has no control characters".to_owned()));
    }
    match (CHARS_MIN..=CHARS_MAX).contains(&chars) {
        true => Ok(()),
        false => Err(IdentityFault::Value(format!("a password has {CHARS_MIN} to {CHARS_MAX} characters"))),
    }
}

impl Engine {
    /// Hashes on a blocking thread, a few at a time.
    async fn hash_password(&self, password: &str, salt: Vec<u8>, cost: (u32, u32)) -> Result<[u8; HASH_BYTES]> {
        let place = self.identities.trials.acquire().await.map_err(|_| Error::Bug("no place to try a password"))?;
        let password = Zeroizing::new(password.to_owned());
        #[expect(clippy::disallowed_methods, reason = "20 ms of one core, two at once")]
        let job = tokio::task::spawn_blocking(move || hash(&password, &salt, cost.0, cost.1));
        let hashed = job.await.map_err(|_| Error::Bug("hashing a password ended early"))?;
        drop(place);
        hashed
    }

    async fn new_password(&self, password: &str, must_change: bool) -> Result<Password> {
        let password = &*prepared(password);
        check(password)?;
        let salt: [u8; 16] = self.entropy.array();
        let hashed = self.hash_password(password, salt.to_vec(), (MEMORY_KIB, PASSES)).await?;
        Ok(Password {
            salt: hex(&salt),
            hash: hex(&hashed),
            memory_kib: MEMORY_KIB,
            passes: PASSES,
            set_ms: self.clock.now().as_millis(),
            must_change,
        })
    }

    /// Gives a user a password of 12 to 128 characters, in the place of the one it has. With `must_change` it is good for
    /// setting another and nothing else.
    ///
    /// # Errors
    /// `Identity` where there is no such user or the password is too short or too long; `Denied`, `Unavailable`.
    pub async fn set_password(
        &self,
        caller: &Caller,
        account: AccountId,
        name: &str,
        password: &str,
        must_change: bool,
    ) -> Result<User> {
        let has_one = self.identities.roster().of::<User>(account, name).is_ok_and(|user| user.password.is_some());
        match has_one {
            true => self.update_password(caller, account, name, password, must_change).await,
            false => self.create_password(caller, account, name, password, must_change).await,
        }
    }

    /// Gives a user its first password.
    ///
    /// # Errors
    /// As [`Engine::set_password`], and `Identity` where it has one.
    pub async fn create_password(
        &self,
        caller: &Caller,
        account: AccountId,
        name: &str,
        password: &str,
        must_change: bool,
    ) -> Result<User> {
        self.permit_user(caller, Action::CreateLoginProfile, &self.identities.roster(), account, name)?;
        let new = self.new_password(password, must_change).await?;
        self.put_password(account, name, |was| match was {
            Some(_) => Err(IdentityFault::exists("password of the user", name)),
            None => Ok(Some(new)),
        })
        .await
    }

    /// Gives a user that has a password another.
    ///
    /// # Errors
    /// As [`Engine::set_password`], and `Identity` where it has none.
    pub async fn update_password(
        &self,
        caller: &Caller,
        account: AccountId,
        name: &str,
        password: &str,
        must_change: bool,
    ) -> Result<User> {
        self.permit_user(caller, Action::UpdateLoginProfile, &self.identities.roster(), account, name)?;
        let new = self.new_password(password, must_change).await?;
        self.put_password(account, name, |was| was.map(|_| Some(new)).ok_or_else(|| none(name))).await
    }

    /// A user that has a password.
    ///
    /// # Errors
    /// `Identity` where there is no such user or it has none; `Denied`.
    pub fn password_of(&self, caller: &Caller, account: AccountId, name: &str) -> Result<User> {
        let roster = self.identities.roster();
        let user = self.permit_user(caller, Action::GetLoginProfile, &roster, account, name)?;
        user.password.as_ref().map(|_| user.clone()).ok_or_else(|| none(name).into())
    }

    /// Takes a user's password away. Sessions that were begun with it go on until they end.
    ///
    /// # Errors
    /// `Identity` where there is no such user or it has none; `Denied`, `Unavailable`.
    pub async fn delete_password(&self, caller: &Caller, account: AccountId, name: &str) -> Result<()> {
        self.permit_user(caller, Action::DeleteLoginProfile, &self.identities.roster(), account, name)?;
        self.put_password(account, name, |was| was.map(|_| None).ok_or_else(|| none(name))).await.map(drop)
    }

    /// Sets the caller's own password. Who changes it shows the old one.
    ///
    /// # Errors
    /// `Identity` where the old one is wrong, the new one cannot be or the caller is no user; `Denied`, `Unavailable`.
    pub async fn change_password(&self, caller: &Caller, old: &str, new: &str) -> Result<()> {
        let own = caller.principal().filter(|own| own.kind == PrincipalKind::User);
        let Some(own) = own else {
            return Err(IdentityFault::Value("only users have a password to change".to_owned()).into());
        };
        self.permit_user(caller, Action::ChangePassword, &self.identities.roster(), own.account, &own.name)?;
        let user = self.try_password(own.account, &own.name, old).await?;
        if user.password.is_some_and(|known| known.must_change) && prepared(old) == prepared(new) {
            let fault = "a password that must be changed is changed into another";
            return Err(IdentityFault::Value(fault.to_owned()).into());
        }
        let new = self.new_password(new, false).await?;
        self.put_password(own.account, &own.name, |_| Ok(Some(new))).await.map(drop)
    }

    async fn put_password(
        &self,
        account: AccountId,
        name: &str,
        change: impl FnOnce(Option<Password>) -> std::result::Result<Option<Password>, IdentityFault>,
    ) -> Result<User> {
        self.change_identities(|next| {
            let mut user = next.now().of::<User>(account, name)?.clone();
            user.password = change(user.password)?;
            next.put(user.clone())?;
            Ok(user)
        })
        .await
    }

    /// The user that a name and a password belong to.
    async fn try_password(&self, account: AccountId, name: &str, password: &str) -> Result<User> {
        let user = self.identities.roster().of::<User>(account, name).ok().cloned();
        let known = user.as_ref().and_then(|user| user.password.as_ref());
        let wanted = known.and_then(|known| Some((unhex(&known.salt)?, unhex(&known.hash)?)));
        // Who is not there is tried as well, and as long.
        let salt = wanted.as_ref().map_or_else(|| vec![0; 16], |(salt, _)| salt.clone());
        let cost = known.map_or((MEMORY_KIB, PASSES), |known| (known.memory_kib, known.passes));
        let prepared = prepared(password);
        let hashed = self.hash_password(&prepared, salt.clone(), cost).await?;
        let is_wanted = |hashed: &[u8]| wanted.as_ref().is_some_and(|(_, wanted)| are_equal(wanted, hashed));
        let mut is_it = is_wanted(&hashed);
        // Passwords were hashed as they were typed once, and such are still known.
        let typed: Zeroizing<String> = Zeroizing::new(password.chars().take(CHARS_MAX + 1).collect());
        if typed != prepared {
            is_it |= is_wanted(&self.hash_password(&typed, salt, cost).await?);
        }
        user.filter(|_| is_it).ok_or_else(|| IdentityFault::Password.into())
    }

    /// Temporary keys of a user, for its name and password. `name` is that of a user of the first account, or
    /// `ACCOUNT/NAME`.
    ///
    /// # Errors
    /// `Identity` where name or password are wrong, or a bound cannot be.
    pub async fn login(&self, name: &str, password: &str, bounds: &SessionBounds<'_>) -> Result<Assumed> {
        let (account, name) = named_at_login(name);
        let user = self.try_password(account, name, password).await?;
        let principal = user_principal(&user);
        let must_change = user.password.as_ref().is_some_and(|password| password.must_change);
        let bound = must_change.then_some(CHANGE_ONLY);
        let session = self.session_of_user(&principal, bound, bounds)?;
        Ok(Assumed { session, arn: principal.arn, id: principal.unique_id, source_identity: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_the_reference() {
        // Source: argon2-cffi, which binds the reference implementation: argon2id, 19,456 KiB, two passes, one lane.
        let hashed = hash("password", b"somesaltsomesalt", MEMORY_KIB, PASSES).expect("a hash");
        assert_eq!(hex(&hashed), "2b5dc4054886ec957ef59c73b661c54dd6fb274590b278f657c6d96aac8fa6d1");
        assert!(are_equal(&hashed, &hashed) && !are_equal(&hashed, &hashed[1..]));
        let other = hash("passwore", b"somesaltsomesalt", MEMORY_KIB, PASSES).expect("a hash");
        assert!(!are_equal(&hashed, &other));
    }

    #[test]
    fn passwords_are_neither_short_nor_endless() {
        for (password, is_one) in [
            ("", false),
            ("eleven char", false),
            ("twelve chars", true),
            ("å".repeat(128).as_str(), true),
            ("x".repeat(129).as_str(), false),
            ("tab\tin a password", false),
        ] {
            assert_eq!(check(password).is_ok(), is_one, "{password}");
        }
    }

    #[test]
    fn a_password_is_the_same_on_every_keyboard() {
        for (typed, expected) in [
            ("gr\u{fc}ne Fl\u{fc}gel", "gr\u{fc}ne Fl\u{fc}gel"),
            ("gru\u{308}ne Flu\u{308}gel", "gr\u{fc}ne Fl\u{fc}gel"),
            ("a\u{a0}b\u{3000}c", "a b c"),
            // What looks alike is not the same.
            ("\u{ff21}b", "\u{ff21}b"),
            ("\u{fb01}n", "\u{fb01}n"),
        ] {
            assert_eq!(*prepared(typed), expected, "{typed}");
        }
        assert_eq!(prepared(&"x".repeat(1 << 20)).len(), CHARS_MAX + 1);
        assert_eq!(prepared(&"u\u{308}".repeat(CHARS_MAX)).chars().count(), CHARS_MAX);
    }
}
