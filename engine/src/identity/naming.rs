//! Names, paths, ids and ARNs, by IAM's rules.
//!
//! Source: IAM User Guide, *IAM identifiers* and *IAM and AWS STS quotas*.

use kernel::Entropy;

use super::IdentityFault;

/// Longest name of a user, a role, an inline policy's holder.
pub(crate) const NAME_CHARS_MAX: usize = 64;
/// Longest name of a group or a policy.
pub(crate) const LONG_NAME_CHARS_MAX: usize = 128;
const PATH_CHARS_MAX: usize = 512;
const SESSION_CHARS_MIN: usize = 2;
/// What the root of an account is called.
const ROOT: &str = "root";
const ID_CHARS: usize = 16;

/// Checks a name: letters, digits and `+=,.@-_`.
pub(crate) fn name(what: &'static str, name: &str, max: usize) -> Result<(), IdentityFault> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@-_".contains(&byte);
    if name.is_empty() || name.len() > max || !name.bytes().all(good) {
        return Err(IdentityFault::Value(format!(
            "the name of a {what} has 1 to {max} letters, digits and characters of `+=,.@-_`: `{name}`"
        )));
    }
    Ok(())
}

/// Checks the name of a user, as [`name`] does. None is called as an account's root is, in whatever case.
pub(crate) fn user_name(user: &str) -> Result<(), IdentityFault> {
    if user.eq_ignore_ascii_case(ROOT) {
        return Err(IdentityFault::exists("user", user));
    }
    name("user", user, NAME_CHARS_MAX)
}

/// Checks the name of a session, which is one of a user with two characters at least.
///
/// Source: AWS STS API, *AssumeRole*, `RoleSessionName`.
pub(crate) fn session_name(session: &str) -> Result<(), IdentityFault> {
    if session.len() < SESSION_CHARS_MIN {
        let fault = format!("the name of a session has {SESSION_CHARS_MIN} characters at least: `{session}`");
        return Err(IdentityFault::Value(fault));
    }
    name("session", session, NAME_CHARS_MAX)
}

/// Checks a path: `/`, or text that begins and ends with a slash. None stands for `/`.
pub(crate) fn path(path: Option<&str>) -> Result<String, IdentityFault> {
    let path = path.unwrap_or("/");
    let is_one = path.starts_with('/') && path.ends_with('/') && path.len() <= PATH_CHARS_MAX;
    if !is_one || path.contains("//") || !path.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(IdentityFault::Value(format!("a path begins and ends with a slash: `{path}`")));
    }
    Ok(path.to_owned())
}

/// `arn:aws:iam::ACCOUNT:KIND/PATH/NAME`
pub(crate) fn arn(account: &str, kind: &str, path: &str, name: &str) -> String {
    format!("arn:aws:iam::{account}:{kind}{path}{name}")
}

/// The account and the name of what an ARN of this kind names.
pub(crate) fn parse_arn<'a>(arn: &'a str, kind: &str) -> Option<(&'a str, &'a str)> {
    let (account, rest) = arn.strip_prefix("arn:aws:iam::")?.split_once(':')?;
    let name = rest.strip_prefix(kind)?.strip_prefix('/')?;
    Some((account, name.rsplit('/').next()?))
}

/// A unique id: four letters that tell the kind, and sixteen of base32.
pub(crate) fn unique_id(entropy: &dyn Entropy, kind: &str) -> String {
    const DIGITS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let random: [u8; ID_CHARS] = entropy.array();
    let digit = |byte: &u8| char::from(DIGITS[usize::from(*byte) % DIGITS.len()]);
    format!("{kind}{}", random.iter().map(digit).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_paths_keep_the_rules() {
        for good in ["a", "alice@lab.example", "x+y=z,_-.", &"n".repeat(64)] {
            assert_eq!(name("user", good, NAME_CHARS_MAX), Ok(()), "{good}");
        }
        for bad in ["", "a/b", "a b", "ä", "a*", &"n".repeat(65)] {
            assert!(name("user", bad, NAME_CHARS_MAX).is_err(), "{bad}");
        }
        for bad in ["root", "Root", "ROOT"] {
            assert_eq!(user_name(bad), Err(IdentityFault::exists("user", bad)));
        }
        assert_eq!(user_name("roots"), Ok(()));
        assert_eq!(session_name("s1"), Ok(()));
        assert!(session_name("s").is_err() && session_name("").is_err() && session_name("a b").is_err());
        assert_eq!(path(None).as_deref(), Ok("/"));
        assert_eq!(path(Some("/a/b/")).as_deref(), Ok("/a/b/"));
        for bad in ["", "a/", "/a", "//", "/a b/", "/ä/"] {
            assert!(path(Some(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn arns_are_taken_apart() {
        let named = arn("000000000000", "policy", "/a/b/", "p");
        assert_eq!(named, "arn:aws:iam::000000000000:policy/a/b/p");
        assert_eq!(parse_arn(&named, "policy"), Some(("000000000000", "p")));
        assert_eq!(parse_arn(&named, "role"), None);
        assert_eq!(parse_arn("arn:aws:iam::1:policy", "policy"), None);
    }
}
