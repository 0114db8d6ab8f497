//! Websites between XML and the kernel. Source: Amazon S3 API, *PutBucketWebsite*.

use http::uri::Authority;
use kernel::ObjectKey;
use kernel::settings::{RedirectAll, ReplaceKey, RoutingRule, Website};
use s3s::dto;

use super::legible::is_legible;
use crate::s3_error::Mistake;

/// Rules of a website. Source: Amazon S3 User Guide, *(Optional) Configuring a webpage redirect*.
const RULES_MAX: usize = 50;
/// A name of a host with its port: DNS's bound on names, and the port.
const HOST_BYTES_MAX: usize = 253 + ":65535".len();

/// Checks a configuration.
pub(crate) fn from_wire(configuration: dto::WebsiteConfiguration) -> Result<Website, Mistake> {
    let dto::WebsiteConfiguration { error_document, index_document, redirect_all_requests_to, routing_rules } =
        configuration;
    if let Some(all) = redirect_all_requests_to {
        if error_document.is_some() || index_document.is_some() || routing_rules.is_some() {
            return Err(argument(
                "RedirectAllRequestsTo",
                "RedirectAllRequestsTo cannot be provided in conjunction with other Routing Rules.",
            ));
        }
        let redirect_all = RedirectAll { host: host(all.host_name)?, protocol: protocol(all.protocol)? };
        return Ok(Website { redirect_all: Some(redirect_all), ..Website::default() });
    }
    let Some(index) = index_document else {
        return Err(argument(
            "IndexDocument",
            "A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is empty",
        ));
    };
    if index.suffix.contains('/') || ObjectKey::new(&index.suffix).is_err() || !is_legible(&index.suffix) {
        return Err(argument("IndexDocument", "The IndexDocument Suffix is not well formed"));
    }
    let error = error_document.map(|document| error_key(document.key)).transpose()?;
    let rules = routing_rules.map(rules).transpose()?.unwrap_or_default();
    Ok(Website { index: Some(index.suffix), error, redirect_all: None, rules })
}

fn error_key(key: String) -> Result<String, Mistake> {
    if key.len() > ObjectKey::BYTES_MAX {
        return Err(Mistake::KeyTooLong);
    }
    if ObjectKey::new(&key).is_err() || !is_legible(&key) {
        return Err(Mistake::Xml("the Key of the ErrorDocument is not the key of an object"));
    }
    Ok(key)
}

fn rules(rules: dto::RoutingRules) -> Result<Vec<RoutingRule>, Mistake> {
    if rules.is_empty() {
        return Err(Mistake::Xml("RoutingRules must hold a RoutingRule"));
    }
    if rules.len() > RULES_MAX {
        let text = format!("{} routing rules provided, the number of routing rules is limited to 50.", rules.len());
        return Err(Mistake::Request(text));
    }
    rules.into_iter().map(rule).collect()
}

fn rule(rule: dto::RoutingRule) -> Result<RoutingRule, Mistake> {
    let (key_prefix, error_status) = rule.condition.map(condition).transpose()?.unwrap_or_default();
    let dto::Redirect { host_name, http_redirect_code, protocol: named, replace_key_prefix_with, replace_key_with } =
        rule.redirect;
    let replace = match (replace_key_prefix_with, replace_key_with) {
        (Some(_), Some(_)) => {
            let text = "You can only define ReplaceKeyPrefix or ReplaceKey but not both.";
            return Err(Mistake::Request(text.to_owned()));
        }
        (Some(prefix), None) => Some(ReplaceKey::Prefix(key_text(prefix)?)),
        (None, Some(key)) => Some(ReplaceKey::Key(key_text(key)?)),
        (None, None) => None,
    };
    let redirect = RoutingRule {
        key_prefix,
        error_status,
        host: host_name.map(host).transpose()?,
        protocol: protocol(named)?,
        status: http_redirect_code.as_deref().map(redirect_status).transpose()?,
        replace,
    };
    if redirect.host.is_none() && redirect.protocol.is_none() && redirect.replace.is_none() {
        return Err(Mistake::Xml("a Redirect must lead elsewhere"));
    }
    Ok(redirect)
}

fn condition(condition: dto::Condition) -> Result<(Option<String>, Option<u16>), Mistake> {
    let dto::Condition { http_error_code_returned_equals: code, key_prefix_equals: prefix } = condition;
    if code.is_none() && prefix.is_none() {
        let text = "Condition cannot be empty. To redirect all requests without a condition, the condition element \
                    shouldn't be present.";
        return Err(Mistake::Request(text.to_owned()));
    }
    let status = code.as_deref().map(|text| {
        number(text).filter(|code| (400..600).contains(code)).ok_or_else(|| {
            Mistake::Request(format!("The provided HTTP error code ({text}) is not valid. Valid codes are 4XX or 5XX."))
        })
    });
    Ok((prefix.map(key_text).transpose()?, status.transpose()?))
}

fn redirect_status(text: &str) -> Result<u16, Mistake> {
    number(text).filter(|code| (301..400).contains(code)).ok_or_else(|| {
        Mistake::Request(format!(
            "The provided HTTP redirect code ({text}) is not valid. Valid codes are 3XX except 300."
        ))
    })
}

/// A number of three digits.
fn number(text: &str) -> Option<u16> {
    let is_number = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

/// A key or the beginning of one, which may be empty.
fn key_text(text: String) -> Result<String, Mistake> {
    if text.len() > ObjectKey::BYTES_MAX {
        return Err(Mistake::KeyTooLong);
    }
    Some(text).filter(|text| is_legible(text)).ok_or(Mistake::Xml("a key holds characters that are not allowed"))
}

/// A host, with a port or without: it goes into headers.
fn host(host: String) -> Result<String, Mistake> {
    Some(host).filter(|host| is_host(host)).ok_or_else(|| argument("HostName", "must be the name of a host"))
}

fn is_host(text: &str) -> bool {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b':' | b'[' | b']');
    if text.len() > HOST_BYTES_MAX || !text.bytes().all(is_name) {
        return false;
    }
    let Ok(authority) = text.parse::<Authority>() else { return false };
    let port = text.strip_prefix(authority.host()).unwrap_or(text);
    !authority.host().is_empty() && (port.is_empty() || authority.port_u16().is_some())
}

fn protocol(protocol: Option<dto::Protocol>) -> Result<Option<String>, Mistake> {
    match protocol.as_ref().map(dto::Protocol::as_str) {
        None => Ok(None),
        Some(name @ ("http" | "https")) => Ok(Some(name.to_owned())),
        Some(_) => {
            let text = "Invalid protocol, protocol can be http or https. If not defined the protocol will be selected \
                        automatically.";
            Err(Mistake::Request(text.to_owned()))
        }
    }
}

fn argument(name: &'static str, reason: &str) -> Mistake {
    Mistake::Argument { name, reason: reason.to_owned() }
}

/// A website for an answer.
pub(crate) fn to_wire(website: Website) -> dto::GetBucketWebsiteOutput {
    let redirect_all = |all: RedirectAll| dto::RedirectAllRequestsTo {
        host_name: all.host,
        protocol: all.protocol.map(dto::Protocol::from),
    };
    let rules: dto::RoutingRules = website.rules.into_iter().map(rule_to_wire).collect();
    dto::GetBucketWebsiteOutput {
        error_document: website.error.map(|key| dto::ErrorDocument { key }),
        index_document: website.index.map(|suffix| dto::IndexDocument { suffix }),
        redirect_all_requests_to: website.redirect_all.map(redirect_all),
        routing_rules: Some(rules).filter(|rules| !rules.is_empty()),
    }
}

fn rule_to_wire(rule: RoutingRule) -> dto::RoutingRule {
    let (prefix, key) = match rule.replace {
        Some(ReplaceKey::Prefix(text)) => (Some(text), None),
        Some(ReplaceKey::Key(text)) => (None, Some(text)),
        None => (None, None),
    };
    let condition = dto::Condition {
        http_error_code_returned_equals: rule.error_status.map(|code| code.to_string()),
        key_prefix_equals: rule.key_prefix,
    };
    let is_condition = condition.http_error_code_returned_equals.is_some() || condition.key_prefix_equals.is_some();
    dto::RoutingRule {
        condition: is_condition.then_some(condition),
        redirect: dto::Redirect {
            host_name: rule.host,
            http_redirect_code: rule.status.map(|code| code.to_string()),
            protocol: rule.protocol.map(dto::Protocol::from),
            replace_key_prefix_with: prefix,
            replace_key_with: key,
        },
    }
}

#[cfg(test)]
mod tests;
