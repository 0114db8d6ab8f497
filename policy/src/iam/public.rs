//! What is public: which statements let in everybody, or nearly so.
//!
//! A statement for everybody is one for some where a condition compares what a caller cannot choose with fixed values. For
//! addresses, what all such statements of a document let in is looked at together: many small networks are the internet too.
//!
//! Source: Amazon S3 User Guide, *Blocking public access to your Amazon S3 storage*, "The meaning of public".

use std::net::IpAddr;

use kernel::AccountId;

use super::condition::{Comparison, Operator, Quantifier, network};
use super::document::{Statement, Texts};

/// Keys of which a fixed value stands for somebody in particular. That of a KMS key is not among them as it is on AWS: here
/// it is a header, which anybody may send.
const CONFINING: [&str; 14] = [
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceip",
    "aws:sourceorgid",
    "aws:sourceowner",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:userid",
    "s3:dataaccesspointaccount",
    "s3:dataaccesspointarn",
];

/// The user id of those whom nobody knows.
const ANONYMOUS: &str = "anonymous";
/// The broadest network of addresses of version 4 that is not public: `/8`.
const V4_ADDRESSES_MAX: u128 = 1 << 24;
/// The same of version 6: `/32`.
const V6_ADDRESSES_MAX: u128 = 1 << 96;
/// Networks that lead nowhere outside, and count for nothing: first and last address. Source: RFC 1918.
const PRIVATE: [(u128, u128); 3] = [(0x0a00_0000, 0x0aff_ffff), (0xac10_0000, 0xac1f_ffff), (0xc0a8_0000, 0xc0a8_ffff)];

/// What keeps a statement from letting in everybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Confinement {
    /// Nothing.
    None,
    /// Where the caller must come from, and nothing else.
    Networks(Vec<(IpAddr, u8)>),
    /// Who the caller must be, or what it must come through.
    Fixed,
}

/// What confines a statement for everybody.
pub(super) fn confinement(statement: &Statement) -> Confinement {
    let mut found = Confinement::None;
    for (_, keys) in statement.condition.0.iter().filter(|(operator, _)| is_bounding(operator)) {
        for (key, texts) in &keys.0 {
            match of_key(&key.to_ascii_lowercase(), texts) {
                Confinement::Fixed => return Confinement::Fixed,
                Confinement::Networks(networks) => found = Confinement::Networks(networks),
                Confinement::None => {}
            }
        }
    }
    found
}

/// Whether an operator lets in nobody without a value that fits.
fn is_bounding(operator: &str) -> bool {
    use Comparison::{ArnLike, IpAddress, StringEquals, StringEqualsIgnoreCase, StringLike};
    let Some(Operator::Compare { comparison, negated: false, if_exists: false, quantifier }) =
        Operator::parse(operator)
    else {
        return false;
    };
    quantifier != Quantifier::All
        && matches!(comparison, StringEquals | StringEqualsIgnoreCase | StringLike | ArnLike | IpAddress)
}

fn of_key(key: &str, texts: &Texts) -> Confinement {
    if !CONFINING.contains(&key) {
        return Confinement::None;
    }
    if key == "aws:sourceip" {
        let networks: Option<Vec<_>> = texts.iter().map(|text| network(&text)).collect();
        return networks.map_or(Confinement::None, Confinement::Networks);
    }
    let is_fixed = |text: String| match key {
        "aws:userid" => !has_wildcards(&text) && !text.eq_ignore_ascii_case(ANONYMOUS),
        "s3:dataaccesspointarn" => is_access_point_of_account(&text),
        _ => !has_wildcards(&text),
    };
    if texts.iter().all(is_fixed) { Confinement::Fixed } else { Confinement::None }
}

fn has_wildcards(text: &str) -> bool {
    text.contains(['*', '?', '$'])
}

/// Access points may be named by wildcards, as long as it is fixed whose they are.
fn is_access_point_of_account(arn: &str) -> bool {
    let mut parts = arn.splitn(6, ':');
    let is_s3 = (parts.next(), parts.next(), parts.next()) == (Some("arn"), Some("aws"), Some("s3"));
    let (region, account) = (parts.next(), parts.next());
    is_s3 && region.is_some_and(|region| !has_wildcards(region)) && account.is_some_and(is_account)
}

fn is_account(text: &str) -> bool {
    text.parse::<AccountId>().is_ok()
}

/// Whether networks together are too much of the internet to be called some of it.
pub(super) fn are_broad(networks: &[(IpAddr, u8)]) -> bool {
    let (mut v4, mut v6) = (PRIVATE.to_vec(), Vec::new());
    for (address, bits) in networks {
        match address {
            IpAddr::V4(address) => v4.push(range(u128::from(u32::from(*address)), 32, *bits)),
            IpAddr::V6(address) => v6.push(range(u128::from(*address), 128, *bits)),
        }
    }
    let private = PRIVATE.iter().map(|(first, last)| last - first + 1).sum::<u128>();
    count(v4) - private > V4_ADDRESSES_MAX || count(v6) > V6_ADDRESSES_MAX
}

/// The first and the last address of a network.
fn range(address: u128, all: u8, bits: u8) -> (u128, u128) {
    let hosts = 1_u128.checked_shl(u32::from(all.saturating_sub(bits))).map_or(u128::MAX, |size| size - 1);
    (address & !hosts, address | hosts)
}

/// How many addresses ranges hold, each counted once; one less than all of version 6 where they hold all.
fn count(mut ranges: Vec<(u128, u128)>) -> u128 {
    ranges.sort_unstable();
    let (mut total, mut next) = (0_u128, 0_u128);
    for (first, last) in ranges {
        let first = first.max(next);
        if first <= last {
            total = total.saturating_add((last - first).saturating_add(1));
            next = last.saturating_add(1);
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use crate::iam::Attachment;
    use crate::source::Source;

    fn is_public(statements: &[String]) -> bool {
        let json = format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","));
        Source::iam("the policy", &json, &Attachment::Bucket("b".to_owned())).expect("a policy").is_public()
    }

    fn allowing(condition: &str) -> String {
        format!(
            r#"{{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*","Condition":{{{condition}}}}}"#
        )
    }

    /// What AWS says of each, and what follows from it.
    #[test]
    fn fixed_values_of_keys_that_nobody_chooses_confine() {
        for (condition, expected) in [
            ("", true),
            (r#""StringEquals":{"aws:PrincipalAccount":"123456789012"}"#, false),
            (r#""StringEquals":{"aws:PrincipalAccount":["123456789012","000000000000"]}"#, false),
            (r#""StringEquals":{"aws:PrincipalAccount":["123456789012","*"]}"#, true),
            (r#""StringLike":{"aws:PrincipalAccount":"123456789012"}"#, false),
            (r#""StringLike":{"aws:PrincipalAccount":"12345678901?"}"#, true),
            (r#""StringNotEquals":{"aws:PrincipalAccount":"123456789012"}"#, true),
            (r#""StringEqualsIfExists":{"aws:PrincipalAccount":"123456789012"}"#, true),
            (r#""ForAllValues:StringEquals":{"aws:PrincipalAccount":"123456789012"}"#, true),
            (r#""ForAnyValue:StringEquals":{"aws:PrincipalAccount":"123456789012"}"#, false),
            (r#""NumericEquals":{"aws:PrincipalAccount":"123456789012"}"#, true),
            (r#""Null":{"aws:PrincipalAccount":"false"}"#, true),
            (r#""StringEquals":{"aws:PrincipalOrgID":"o-1"}"#, false),
            (r#""ForAnyValue:StringEquals":{"aws:PrincipalOrgPaths":"o-1/r-1/"}"#, false),
            (r#""ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":"o-1/*"}"#, true),
            (r#""ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::123456789012:user/a"}"#, false),
            (r#""ArnLike":{"aws:PrincipalArn":"arn:aws:iam::123456789012:*"}"#, true),
            (r#""StringEquals":{"aws:PrincipalArn":"${aws:PrincipalArn}"}"#, true),
            (r#""StringEquals":{"aws:userid":"AIDAEXAMPLE"}"#, false),
            (r#""StringLike":{"aws:userid":"AROAEXAMPLE:*"}"#, true),
            (r#""StringEquals":{"aws:userid":"anonymous"}"#, true),
            (r#""StringEqualsIgnoreCase":{"aws:userid":"ANONYMOUS"}"#, true),
            (r#""StringEquals":{"aws:userid":["AIDAEXAMPLE","anonymous"]}"#, true),
            (r#""StringEquals":{"aws:username":"alice"}"#, true),
            (r#""StringEquals":{"aws:PrincipalType":"User"}"#, true),
            (r#""StringEquals":{"aws:PrincipalTag/team":"wind"}"#, true),
            (r#""ArnEquals":{"aws:SourceArn":"arn:aws:s3:::b"}"#, false),
            (r#""ArnLike":{"aws:SourceArn":"arn:aws:s3:::*"}"#, true),
            (r#""StringEquals":{"aws:SourceAccount":"123456789012"}"#, false),
            (r#""StringEquals":{"aws:SourceOwner":"123456789012"}"#, false),
            (r#""StringEquals":{"aws:SourceVpc":"vpc-1"}"#, false),
            (r#""StringEquals":{"aws:SourceVpce":"vpce-1"}"#, false),
            (r#""StringLike":{"aws:SourceVpce":"vpce-*"}"#, true),
            (r#""StringEquals":{"s3:DataAccessPointAccount":"123456789012"}"#, false),
            (r#""ArnLike":{"s3:DataAccessPointArn":"arn:aws:s3:us-east-1:123456789012:accesspoint/*"}"#, false),
            (r#""ArnLike":{"s3:DataAccessPointArn":"arn:aws:s3:us-east-1:*:accesspoint/a"}"#, true),
            (r#""StringEquals":{"s3:x-amz-server-side-encryption-aws-kms-key-id":"k"}"#, true),
            (r#""StringEquals":{"aws:Referer":"https://example.org"}"#, true),
            (r#""StringEquals":{"aws:UserAgent":"curl"}"#, true),
            (r#""Bool":{"aws:SecureTransport":"true"}"#, true),
            (r#""DateLessThan":{"aws:CurrentTime":"2020-01-01T00:00:00Z"}"#, true),
            (r#""StringEquals":{"s3:ExistingObjectTag/public":"no"}"#, true),
            (r#""Bool":{"aws:SecureTransport":"true"},"StringEquals":{"aws:SourceVpc":"vpc-1"}"#, false),
        ] {
            assert_eq!(is_public(&[allowing(condition)]), expected, "{condition}");
        }
    }

    #[test]
    fn many_networks_are_the_internet_too() {
        let of = |networks: &[String]| allowing(&format!(r#""IpAddress":{{"aws:SourceIp":{networks:?}}}"#));
        let eights = |from: u8, to: u8, step: usize| -> Vec<String> {
            (from..=to).step_by(step).map(|first| format!("{first}.0.0.0/8")).collect()
        };
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        for (networks, expected) in [
            (texts(&["192.0.2.1"]), false),
            (texts(&["192.0.2.0/24", "198.51.100.0/24", "2001:db8::/32"]), false),
            (texts(&["9.0.0.0/8"]), false),
            (texts(&["9.0.0.0/8", "9.1.0.0/16", "9.0.0.0/8"]), false),
            (texts(&["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "9.0.0.0/8"]), false),
            (texts(&["8.0.0.0/7"]), true),
            (texts(&["8.0.0.0/8", "9.0.0.0/8"]), true),
            (texts(&["0.0.0.0/1"]), true),
            (texts(&["0.0.0.0/1", "128.0.0.0/1"]), true),
            (texts(&["0.0.0.0/0"]), true),
            (texts(&["192.0.2.1", "0.0.0.0/0"]), true),
            (eights(0, 255, 1), true),
            (eights(1, 255, 2), true),
            (texts(&["::/0"]), true),
            (texts(&["2001:db8::/31"]), true),
            (texts(&["2001:db8::/32", "2001:db9::/32"]), true),
        ] {
            assert_eq!(is_public(&[of(&networks)]), expected, "{networks:?}");
        }
        // One network in each statement makes them no fewer.
        let apart: Vec<String> = eights(1, 60, 1).iter().map(|network| of(std::slice::from_ref(network))).collect();
        assert!(is_public(&apart));
        let confined = allowing(r#""IpAddress":{"aws:SourceIp":"0.0.0.0/0"},"StringEquals":{"aws:SourceVpc":"vpc-1"}"#);
        assert!(!is_public(&[confined, of(&texts(&["192.0.2.0/24"]))]));
        let denied = of(&eights(1, 60, 1)).replace("Allow", "Deny");
        assert!(!is_public(&[denied, of(&texts(&["192.0.2.0/24"]))]));
        assert!(is_public(&[allowing(r#""NotIpAddress":{"aws:SourceIp":"192.0.2.0/24"}"#)]));
    }
}
