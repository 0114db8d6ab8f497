//! Who signed a form's policy.
//!
//! Forms are signed by version 4, or by version 2: HMAC-SHA1 of the policy under the secret key. Version 2 is taken for
//! forms and nowhere else, because the document that it signs says itself what it allows and how long, so that nothing
//! depends on what the signature leaves open. See `docs/decisions/0005-forms-signed-by-version-2.md`.
//!
//! Source: Amazon S3 API, *Authenticating Requests in Browser-Based Uploads Using POST*; Amazon S3 Developer Guide,
//! *Browser-Based Uploads Using POST (AWS Signature Version 2)*.

use std::sync::Arc;

use kernel::{Region, Timestamp};
use s3s::auth::SecretKey;
use s3s::dto;
use s3s_sigv4::AmzDate;
use subtle::ConstantTimeEq;

use super::{Fields, FormFault};
use crate::credentials::KeyRing;
use crate::front::mechanism::{self, Scope};
use crate::translate::time;

/// By how much the signer's clock may be ahead.
const AHEAD_SECS_MAX: i64 = 15 * 60;
/// How long a signing key of version 4 is good for.
const AGE_SECS_MAX: i64 = 7 * 24 * 60 * 60;

/// The keys that forms may be signed with, and where.
pub(crate) struct Signers {
    pub(crate) keys: Arc<KeyRing>,
    pub(crate) region: Region,
}

impl Signers {
    /// The access key that rightly signed the policy; none if the form is not signed.
    ///
    /// # Errors
    /// When half of what a signature needs is missing, the key is not known, or the signature is another one.
    pub(crate) fn find<'a>(&self, fields: &'a Fields, now: Timestamp) -> Result<Option<&'a str>, FormFault> {
        let brings = |names: &[&str]| names.iter().any(|name| fields.get(name).is_some());
        if brings(&["x-amz-signature", "x-amz-algorithm", "x-amz-credential"]) {
            return self.version_4(fields, now).map(Some);
        }
        if brings(&["signature", "awsaccesskeyid", "policy"]) {
            return self.version_2(fields).map(Some);
        }
        Ok(None)
    }

    fn version_4<'a>(&self, fields: &'a Fields, now: Timestamp) -> Result<&'a str, FormFault> {
        let signature = needed(fields, "x-amz-signature", "X-Amz-Signature")?;
        let policy = needed(fields, "policy", "policy")?;
        if needed(fields, "x-amz-algorithm", "X-Amz-Algorithm")? != mechanism::ALGORITHM {
            return Err(credential_fault("X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\""));
        }
        let credential = needed(fields, "x-amz-credential", "X-Amz-Credential")?;
        let (access_key, day) = mechanism::scope(credential, &Scope::s3(&self.region)).map_err(|fault| {
            credential_fault(format!("Error parsing the X-Amz-Credential parameter; {}", fault.said()))
        })?;
        let date = signing_date(needed(fields, "x-amz-date", "X-Amz-Date")?, day, now)?;
        let (secret, region) = (self.secret(access_key)?, self.region.as_str());
        let expected = s3s_sigv4::calculate_signature(policy, secret.expose(), &date, region, mechanism::SERVICE);
        same(&expected, signature).map(|()| access_key)
    }

    fn version_2<'a>(&self, fields: &'a Fields) -> Result<&'a str, FormFault> {
        let access_key = needed(fields, "awsaccesskeyid", "AWSAccessKeyId")?;
        let signature = needed(fields, "signature", "signature")?;
        let policy = needed(fields, "policy", "policy")?;
        let expected = s3s_sigv2::calculate_signature(self.secret(access_key)?.expose(), policy);
        same(&expected, signature).map(|()| access_key)
    }

    fn secret(&self, access_key: &str) -> Result<SecretKey, FormFault> {
        self.keys.secret_key(access_key).map_err(|_| FormFault::AccessKeyUnknown)
    }
}

/// The field `name`, which people know by another spelling.
fn needed<'a>(fields: &'a Fields, name: &str, spelled: &'static str) -> Result<&'a str, FormFault> {
    fields.get(name).ok_or(FormFault::FieldMissing(spelled))
}

fn credential_fault(text: impl Into<String>) -> FormFault {
    FormFault::Credential(text.into())
}

/// `X-Amz-Date`, if it is of the credential's day and recent enough.
fn signing_date(text: &str, day: &str, now: Timestamp) -> Result<AmzDate, FormFault> {
    let malformed = || credential_fault("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"");
    let date = AmzDate::parse(text).map_err(|_| malformed())?;
    let signed_at = instant(text).ok_or_else(malformed)?;
    if day != date.fmt_date().as_str() {
        return Err(credential_fault("The day of X-Amz-Credential is not that of X-Amz-Date"));
    }
    let age_secs = now.as_secs().saturating_sub(signed_at.as_secs());
    if age_secs < -AHEAD_SECS_MAX {
        return Err(FormFault::SignedInTheFuture);
    }
    if age_secs > AGE_SECS_MAX {
        return Err(FormFault::Policy("Policy expired.".to_owned()));
    }
    Ok(date)
}

/// Takes the same time wherever the two differ.
fn same(expected: &str, given: &str) -> Result<(), FormFault> {
    let same: bool = expected.as_bytes().ct_eq(given.as_bytes()).into();
    if same { Ok(()) } else { Err(FormFault::SignatureDiffers) }
}

/// `20261120T120000Z`
fn instant(text: &str) -> Option<Timestamp> {
    let (day, clock) = text.split_once('T')?;
    let (year, month, day) = (day.get(..4)?, day.get(4..6)?, day.get(6..8)?);
    let (hour, minute, second) = (clock.get(..2)?, clock.get(2..4)?, clock.get(4..6)?);
    let text = format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z");
    let parsed = dto::Timestamp::parse(dto::TimestampFormat::DateTime, &text).ok()?;
    Some(time::from_wire(&parsed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::{RootCredentials, Secret};

    const NOW: Timestamp = Timestamp::from_secs(1_795_003_200);
    const POLICY: &str = "eyJleHBpcmF0aW9uIjogIjIwMjYtMTEtMThUMTM6MDA6MDBaIn0=";

    fn judged<const N: usize>(fields: [(&str, &str); N]) -> Result<Option<String>, FormFault> {
        let root =
            RootCredentials { access_key: "KEY".into(), secret_key: Secret::new("a secret for tests only".into()) };
        let signers =
            Signers { keys: Arc::new(KeyRing::new(&root, None)), region: Region::new("here").expect("region") };
        signers.find(&Fields::from(fields), NOW).map(|key| key.map(str::to_owned))
    }

    fn version_4_of(date: &str, region: &str, secret: &str) -> String {
        s3s_sigv4::calculate_signature(POLICY, secret, &AmzDate::parse(date).expect("date"), region, "s3")
    }

    /// Version 4 with every part given.
    fn by_4(algorithm: &str, credential: &str, date: &str, signature: &str) -> Result<Option<String>, FormFault> {
        judged([
            ("policy", POLICY),
            ("x-amz-algorithm", algorithm),
            ("x-amz-credential", credential),
            ("x-amz-date", date),
            ("x-amz-signature", signature),
        ])
    }

    #[test]
    fn version_4_is_good_for_a_week() {
        for (date, expected) in [
            ("20261118T120000Z", Ok(Some("KEY".to_owned()))),
            ("20261118T121459Z", Ok(Some("KEY".to_owned()))),
            ("20261118T121501Z", Err(FormFault::SignedInTheFuture)),
            ("20261111T120000Z", Ok(Some("KEY".to_owned()))),
            ("20261111T115959Z", Err(FormFault::Policy("Policy expired.".to_owned()))),
        ] {
            let day = date.split('T').next().expect("a day");
            let signature = version_4_of(date, "here", "a secret for tests only");
            let told = by_4("AWS4-HMAC-SHA256", &format!("KEY/{day}/here/s3/aws4_request"), date, &signature);
            assert_eq!(told, expected, "{date}");
        }
    }

    #[test]
    fn version_4_that_is_not_ours() {
        let date = "20261118T120000Z";
        let good = version_4_of(date, "here", "a secret for tests only");
        let ours = "KEY/20261118/here/s3/aws4_request";
        let credential = |told: Result<Option<String>, FormFault>| matches!(told, Err(FormFault::Credential(_)));
        assert!(credential(by_4("AWS4-HMAC-SHA1", ours, date, &good)));
        for other in [
            "KEY/20261118/there/s3/aws4_request",
            "KEY/20261118/here/sts/aws4_request",
            "KEY/20261117/here/s3/aws4_request",
            "KEY/20261118/here/s3",
            "",
        ] {
            assert!(credential(by_4("AWS4-HMAC-SHA256", other, date, &good)), "{other}");
        }
        for other in ["", "20261118", "20261318T120000Z", "2026-11-18T12:00:00Z", "20261118T126000Z"] {
            assert!(credential(by_4("AWS4-HMAC-SHA256", ours, other, &good)), "{other}");
        }
        let unknown = ours.replace("KEY", "YEK");
        assert_eq!(by_4("AWS4-HMAC-SHA256", &unknown, date, &good), Err(FormFault::AccessKeyUnknown));
        let wrong = version_4_of(date, "here", "another secret");
        for signature in [wrong.as_str(), "", &good[..63]] {
            assert_eq!(by_4("AWS4-HMAC-SHA256", ours, date, signature), Err(FormFault::SignatureDiffers));
        }
    }

    #[test]
    fn version_2_signs_the_policy_as_it_stands() {
        let by_2 = |key: &str, policy: &str, signature: &str| {
            judged([("awsaccesskeyid", key), ("policy", policy), ("signature", signature)])
        };
        let good = s3s_sigv2::calculate_signature("a secret for tests only", POLICY);
        assert_eq!(by_2("KEY", POLICY, &good), Ok(Some("KEY".to_owned())));
        assert_eq!(by_2("YEK", POLICY, &good), Err(FormFault::AccessKeyUnknown));
        assert_eq!(by_2("KEY", &POLICY.replace("eyJ", "eyK"), &good), Err(FormFault::SignatureDiffers));
        assert_eq!(by_2("KEY", POLICY, &good[1..]), Err(FormFault::SignatureDiffers));
    }

    #[test]
    fn half_a_signature_is_not_none() {
        for (fields, missing) in [
            ([("policy", POLICY), ("awsaccesskeyid", "KEY")], "signature"),
            ([("signature", "x"), ("awsaccesskeyid", "KEY")], "policy"),
            ([("policy", POLICY), ("signature", "x")], "AWSAccessKeyId"),
            ([("policy", POLICY), ("x-amz-algorithm", "AWS4-HMAC-SHA256")], "X-Amz-Signature"),
            ([("x-amz-algorithm", "AWS4-HMAC-SHA256"), ("x-amz-signature", "x")], "policy"),
        ] {
            assert_eq!(judged(fields), Err(FormFault::FieldMissing(missing)), "{fields:?}");
        }
        assert_eq!(judged([("policy", POLICY)]), Err(FormFault::FieldMissing("AWSAccessKeyId")));
        assert_eq!(judged([("key", "k"), ("acl", "private")]), Ok(None));
    }
}
