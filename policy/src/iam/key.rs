//! Conditions of statements: which keys they may compare, and which of them Cedar can compare itself.

use std::sync::Arc;

use super::Attachment;
use super::condition::{Comparison, Condition, Operator, Order, Quantifier, Value, is_of_tag};
use super::document::{Effect, Statement};
use super::pattern::escape;
use super::translate::{Result, ask, meaning};
use crate::atom::{Atom, Test};
use crate::bounds::joined;
use crate::source::PolicyFault;

/// Keys of requests. What a request does not have, such as that of a network of AWS, is missing and compares as such.
///
/// Source: Service Authorization Reference, *Condition keys for Amazon S3*, *… for AWS Identity and Access Management*,
/// *… for AWS Security Token Service*; IAM User Guide, *AWS global condition context keys*.
const KEYS: [&str; 106] = [
    "aws:assumedroot",
    "aws:calledvia",
    "aws:calledviafirst",
    "aws:calledvialast",
    "aws:chatbotsourcearn",
    "aws:currenttime",
    "aws:ec2instancesourceprivateipv4",
    "aws:ec2instancesourcevpc",
    "aws:epochtime",
    "aws:federatedprovider",
    "aws:multifactorauthage",
    "aws:multifactorauthpresent",
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalisawsservice",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:principalservicename",
    "aws:principalservicenameslist",
    "aws:principaltype",
    "aws:referer",
    "aws:requestedregion",
    "aws:resourceaccount",
    "aws:resourceorgid",
    "aws:resourceorgpaths",
    "aws:securetransport",
    "aws:signinsessionarn",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceidentity",
    "aws:sourceip",
    "aws:sourceorgid",
    "aws:sourceorgpaths",
    "aws:sourceowner",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:tagkeys",
    "aws:tokenissuetime",
    "aws:useragent",
    "aws:userid",
    "aws:username",
    "aws:viaawsservice",
    "aws:vpceaccount",
    "aws:vpceorgid",
    "aws:vpceorgpaths",
    "aws:vpcsourceip",
    "iam:awsservicename",
    "iam:organizationspolicyid",
    "iam:passedtoservice",
    "iam:permissionsboundary",
    "iam:policyarn",
    "lake:purpose",
    "s3:accessgrantsinstancearn",
    "s3:accesspointnetworkorigin",
    "s3:authtype",
    "s3:dataaccesspointaccount",
    "s3:dataaccesspointarn",
    "s3:delimiter",
    "s3:destinationregion",
    "s3:existingjoboperation",
    "s3:existingjobpriority",
    "s3:if-match",
    "s3:if-none-match",
    "s3:inventoryaccessibleoptionalfields",
    "s3:jobsuspendedcause",
    "s3:locationconstraint",
    "s3:max-keys",
    "s3:object-lock-legal-hold",
    "s3:object-lock-mode",
    "s3:object-lock-remaining-retention-days",
    "s3:object-lock-retain-until-date",
    "s3:objectcreationoperation",
    "s3:prefix",
    "s3:requestjoboperation",
    "s3:requestjobpriority",
    "s3:requestobjecttagkeys",
    "s3:resourceaccount",
    "s3:signatureage",
    "s3:signatureversion",
    "s3:tlsversion",
    "s3:versionid",
    "s3:x-amz-acl",
    "s3:x-amz-content-sha256",
    "s3:x-amz-copy-source",
    "s3:x-amz-grant-full-control",
    "s3:x-amz-grant-read",
    "s3:x-amz-grant-read-acp",
    "s3:x-amz-grant-write",
    "s3:x-amz-grant-write-acp",
    "s3:x-amz-metadata-directive",
    "s3:x-amz-object-ownership",
    "s3:x-amz-server-side-encryption",
    "s3:x-amz-server-side-encryption-aws-kms-key-id",
    "s3:x-amz-server-side-encryption-customer-algorithm",
    "s3:x-amz-storage-class",
    "s3:x-amz-website-redirect-location",
    "sts:authorizedcontextkeys",
    "sts:awsservicename",
    "sts:durationseconds",
    "sts:externalid",
    "sts:identitybearertoken",
    "sts:rolesessionname",
    "sts:sourceidentity",
    "sts:tasksession",
    "sts:transitivetagkeys",
    "sts:webidentitytoken",
];

/// The tests of a statement's conditions: all must hold.
pub(super) fn conditions(
    statement: &Statement,
    attachment: &Attachment,
    plain: impl Fn(String) -> String,
    atoms: &mut Vec<Arc<Atom>>,
) -> Result<Vec<String>> {
    let mut tests = Vec::new();
    for (operator_name, keys) in &statement.condition.0 {
        let Some(operator) = Operator::parse(operator_name) else {
            return meaning(format!("invalid condition operator `{operator_name}`"));
        };
        for (key, texts) in &keys.0 {
            check(key, attachment)?;
            let values: Vec<_> = texts.iter().map(&plain).collect();
            let mut condition = condition(operator, key, &values)?;
            condition.forbids = statement.effect == Effect::Deny;
            // What is asked of a tag depends on whether it forbids, and equal names are one question.
            let of_any = if condition.forbids && is_of_tag(&condition.key) { " of any spelling" } else { "" };
            let native = native(&condition, &values);
            tests.push(native.unwrap_or_else(|| {
                ask(atoms, format!("{operator_name} {key}{of_any} {values:?}"), Test::Condition(condition))
            }));
        }
    }
    Ok(tests)
}

/// S3 takes no key that it does not know. IAM takes any, and one that no request has is missing from all: documents speak
/// of other services and of providers' claims.
fn check(key: &str, attachment: &Attachment) -> Result<()> {
    let lower = key.to_ascii_lowercase();
    let is_known = KEYS.contains(&lower.as_str()) || is_of_tag(&lower);
    let names_something = lower.rsplit_once(':').is_some_and(|(service, name)| !service.is_empty() && !name.is_empty());
    if is_known || (names_something && !matches!(attachment, Attachment::Bucket(_))) {
        return Ok(());
    }
    meaning(format!("policy has an invalid condition key `{key}`"))
}

fn condition(operator: Operator, key: &str, texts: &[String]) -> Result<Condition> {
    let values: std::result::Result<Vec<_>, _> = texts.iter().map(|text| operator.value(text)).collect();
    let values = values.map_err(|reason| PolicyFault::Meaning(format!("condition on `{key}`: {reason}")))?;
    if values.is_empty() {
        return meaning(format!("condition on `{key}`: no value is given"));
    }
    Ok(Condition { operator, key: key.to_ascii_lowercase(), values, forbids: false })
}

/// A condition that Cedar knows how to ask itself, so that it can be reasoned about: time, address, transport, and who
/// asks.
fn native(condition: &Condition, texts: &[String]) -> Option<String> {
    let Operator::Compare { comparison, negated, if_exists: false, quantifier: Quantifier::Single } =
        condition.operator
    else {
        return None;
    };
    let any = |tests: Vec<String>| format!("({})", joined(&tests, "||"));
    let unless = |test: String| if negated { format!("!{test}") } else { test };
    match (comparison, condition.key.as_str()) {
        (Comparison::Date(order), "aws:currenttime") => {
            let tests = texts.iter().map(|text| {
                let at = chrono::DateTime::from_timestamp_millis(super::condition::instant(text)?)?;
                let at = at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
                Some(format!("context.now {} datetime(\"{at}\")", sign(order)))
            });
            Some(unless(any(tests.collect::<Option<_>>()?)))
        }
        (Comparison::IpAddress, "aws:sourceip") => {
            let tests = texts.iter().map(|text| format!("context.sourceIp.isInRange(ip(\"{}\"))", escape(text)));
            Some(unless(format!("(context has sourceIp && {})", any(tests.collect()))))
        }
        (Comparison::Bool, "aws:securetransport") => {
            let tests = texts.iter().map(|text| format!("context.secureTransport == {}", text.to_ascii_lowercase()));
            Some(any(tests.collect()))
        }
        (Comparison::StringEquals, "aws:principalaccount") => {
            let tests = condition.values.iter().map(|value| match value {
                Value::Exact(account) => Some(format!("principal in Lake::Account::\"{}\"", escape(account))),
                _ => None,
            });
            Some(unless(any(tests.collect::<Option<_>>()?)))
        }
        _ => None,
    }
}

fn sign(order: Order) -> &'static str {
    match order {
        Order::Equal => "==",
        Order::Less => "<",
        Order::LessOrEqual => "<=",
        Order::Greater => ">",
        Order::GreaterOrEqual => ">=",
    }
}
