//! Rows of `settings`: one message per setting that a bucket has.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use kernel::settings::{
    BucketPolicy, Cors, CorsRule, Ownership, Payer, Quota, RedirectAll, ReplaceKey, RoutingRule, Setting, SettingName,
    Website,
};

use super::access::{
    AclRow, EmbargoRuleRow, ObjectLockRow, PublicAccessBlockRow, acl, acl_row, embargo_rule, embargo_rule_row,
    object_lock, object_lock_row, public_access_block, public_access_block_row,
};
use super::{Malformed, Result, decode, encode};

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct CorsRow {
    #[prost(message, repeated, tag = "1")]
    rules: Vec<CorsRuleRow>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct CorsRuleRow {
    #[prost(string, optional, tag = "1")]
    id: Option<String>,
    #[prost(string, repeated, tag = "2")]
    origins: Vec<String>,
    #[prost(string, repeated, tag = "3")]
    methods: Vec<String>,
    #[prost(string, repeated, tag = "4")]
    headers: Vec<String>,
    #[prost(string, repeated, tag = "5")]
    expose: Vec<String>,
    #[prost(uint32, optional, tag = "6")]
    max_age_seconds: Option<u32>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct WebsiteRow {
    #[prost(string, optional, tag = "1")]
    index: Option<String>,
    #[prost(string, optional, tag = "2")]
    error: Option<String>,
    #[prost(message, optional, tag = "3")]
    redirect_all: Option<RedirectAllRow>,
    #[prost(message, repeated, tag = "4")]
    rules: Vec<RoutingRuleRow>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct RedirectAllRow {
    #[prost(string, tag = "1")]
    host: String,
    #[prost(string, optional, tag = "2")]
    protocol: Option<String>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct RoutingRuleRow {
    #[prost(string, optional, tag = "1")]
    key_prefix: Option<String>,
    #[prost(uint32, optional, tag = "2")]
    error_status: Option<u32>,
    #[prost(string, optional, tag = "3")]
    host: Option<String>,
    #[prost(string, optional, tag = "4")]
    protocol: Option<String>,
    #[prost(uint32, optional, tag = "5")]
    status: Option<u32>,
    #[prost(oneof = "ReplaceRow", tags = "6, 7")]
    replace: Option<ReplaceRow>,
}

#[derive(Clone, PartialEq, Eq, prost::Oneof)]
enum ReplaceRow {
    #[prost(string, tag = "6")]
    Prefix(String),
    #[prost(string, tag = "7")]
    Key(String),
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct ChoiceRow {
    #[prost(uint32, tag = "1")]
    choice: u32,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct QuotaRow {
    #[prost(uint64, optional, tag = "1")]
    bytes: Option<u64>,
    #[prost(uint64, optional, tag = "2")]
    objects: Option<u64>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
struct PolicyRow {
    #[prost(string, tag = "1")]
    document: String,
    #[prost(btree_map = "string, string", tag = "2")]
    named: BTreeMap<String, String>,
}

/// How a setting is named in keys, in the rows of buckets, and in the log of changes.
pub(crate) const fn setting_code(name: SettingName) -> u8 {
    match name {
        SettingName::Cors => 1,
        SettingName::Website => 2,
        SettingName::Ownership => 3,
        SettingName::Payer => 4,
        SettingName::Quota => 5,
        SettingName::Policy => 6,
        SettingName::Acl => 7,
        SettingName::PublicAccessBlock => 8,
        SettingName::ObjectLock => 9,
        SettingName::Embargo => 10,
    }
}

pub(super) fn setting_name(code: u32) -> Result<SettingName> {
    let named = SettingName::ALL.into_iter().find(|name| u32::from(setting_code(*name)) == code);
    named.ok_or(Malformed("unknown setting of a bucket"))
}

const OWNERSHIPS: [(Ownership, u32); 3] =
    [(Ownership::BucketOwnerEnforced, 1), (Ownership::BucketOwnerPreferred, 2), (Ownership::ObjectWriter, 3)];
const PAYERS: [(Payer, u32); 2] = [(Payer::BucketOwner, 1), (Payer::Requester, 2)];

fn choice_row<T: Copy + PartialEq>(of: T, codes: &[(T, u32)]) -> Bytes {
    let choice = codes.iter().find(|(value, _)| *value == of).map_or(0, |(_, code)| *code);
    encode(&ChoiceRow { choice })
}

fn choice<T: Copy>(row: &[u8], codes: &[(T, u32)]) -> Result<T> {
    let row: ChoiceRow = decode(row, "not a setting")?;
    let chosen = codes.iter().find(|(_, code)| *code == row.choice);
    chosen.map(|(value, _)| *value).ok_or(Malformed("unknown value of a setting"))
}

/// A setting as it is stored; none where it is taken away.
pub(crate) fn setting_row(setting: &Setting) -> Option<Bytes> {
    match setting {
        Setting::Cors(cors) => cors.as_ref().map(|cors| encode(&cors_row(cors))),
        Setting::Website(website) => website.as_ref().map(|website| encode(&website_row(website))),
        Setting::Ownership(ownership) => ownership.map(|ownership| choice_row(ownership, &OWNERSHIPS)),
        Setting::Payer(payer) => payer.map(|payer| choice_row(payer, &PAYERS)),
        Setting::Quota(quota) => quota.map(|quota| encode(&QuotaRow { bytes: quota.bytes, objects: quota.objects })),
        Setting::Policy(policy) => policy.as_ref().map(|policy| {
            let document = policy.document.as_ref().to_owned();
            encode(&PolicyRow { document, named: policy.named.clone() })
        }),
        Setting::Acl(acl) => acl.as_ref().map(|acl| encode(&acl_row(acl))),
        Setting::PublicAccessBlock(block) => block.as_ref().map(|block| encode(&public_access_block_row(block))),
        Setting::ObjectLock(lock) => lock.as_ref().map(|lock| encode(&object_lock_row(lock))),
        Setting::Embargo(rule) => rule.as_ref().map(|rule| encode(&embargo_rule_row(rule))),
    }
}

/// A setting as it was stored.
pub(crate) fn setting(name: SettingName, row: &[u8]) -> Result<Setting> {
    Ok(match name {
        SettingName::Cors => Setting::Cors(Some(cors(decode(row, "not a setting")?))),
        SettingName::Website => Setting::Website(Some(website(decode(row, "not a setting")?)?)),
        SettingName::Ownership => Setting::Ownership(Some(choice(row, &OWNERSHIPS)?)),
        SettingName::Payer => Setting::Payer(Some(choice(row, &PAYERS)?)),
        SettingName::Quota => {
            let QuotaRow { bytes, objects } = decode(row, "not a setting")?;
            Setting::Quota(Some(Quota { bytes, objects }))
        }
        SettingName::Policy => {
            let PolicyRow { document, named } = decode(row, "not a setting")?;
            Setting::Policy(Some(Arc::new(BucketPolicy { document: document.into(), named })))
        }
        SettingName::Acl => {
            let row: AclRow = decode(row, "not a setting")?;
            Setting::Acl(Some(acl(row)?))
        }
        SettingName::PublicAccessBlock => {
            let row: PublicAccessBlockRow = decode(row, "not a setting")?;
            Setting::PublicAccessBlock(Some(public_access_block(row)))
        }
        SettingName::ObjectLock => {
            let row: ObjectLockRow = decode(row, "not a setting")?;
            Setting::ObjectLock(Some(object_lock(row)?))
        }
        SettingName::Embargo => {
            let row: EmbargoRuleRow = decode(row, "not a setting")?;
            Setting::Embargo(Some(embargo_rule(row)?))
        }
    })
}

fn cors_row(cors: &Cors) -> CorsRow {
    let rule = |rule: &CorsRule| CorsRuleRow {
        id: rule.id.clone(),
        origins: rule.origins.clone(),
        methods: rule.methods.clone(),
        headers: rule.headers.clone(),
        expose: rule.expose.clone(),
        max_age_seconds: rule.max_age_seconds,
    };
    CorsRow { rules: cors.rules.iter().map(rule).collect() }
}

fn cors(row: CorsRow) -> Cors {
    let rule = |row: CorsRuleRow| CorsRule {
        id: row.id,
        origins: row.origins,
        methods: row.methods,
        headers: row.headers,
        expose: row.expose,
        max_age_seconds: row.max_age_seconds,
    };
    Cors { rules: row.rules.into_iter().map(rule).collect() }
}

fn website_row(website: &Website) -> WebsiteRow {
    let redirect_all = |all: &RedirectAll| RedirectAllRow { host: all.host.clone(), protocol: all.protocol.clone() };
    let rule = |rule: &RoutingRule| RoutingRuleRow {
        key_prefix: rule.key_prefix.clone(),
        error_status: rule.error_status.map(u32::from),
        host: rule.host.clone(),
        protocol: rule.protocol.clone(),
        status: rule.status.map(u32::from),
        replace: rule.replace.as_ref().map(|replace| match replace {
            ReplaceKey::Prefix(text) => ReplaceRow::Prefix(text.clone()),
            ReplaceKey::Key(text) => ReplaceRow::Key(text.clone()),
        }),
    };
    WebsiteRow {
        index: website.index.clone(),
        error: website.error.clone(),
        redirect_all: website.redirect_all.as_ref().map(redirect_all),
        rules: website.rules.iter().map(rule).collect(),
    }
}

fn website(row: WebsiteRow) -> Result<Website> {
    let status = |status: u32| u16::try_from(status).map_err(|_| Malformed("a status of more than 16 bits"));
    let rule = |row: RoutingRuleRow| {
        Ok(RoutingRule {
            key_prefix: row.key_prefix,
            error_status: row.error_status.map(status).transpose()?,
            host: row.host,
            protocol: row.protocol,
            status: row.status.map(status).transpose()?,
            replace: row.replace.map(|replace| match replace {
                ReplaceRow::Prefix(text) => ReplaceKey::Prefix(text),
                ReplaceRow::Key(text) => ReplaceKey::Key(text),
            }),
        })
    };
    Ok(Website {
        index: row.index,
        error: row.error,
        redirect_all: row.redirect_all.map(|row| RedirectAll { host: row.host, protocol: row.protocol }),
        rules: row.rules.into_iter().map(rule).collect::<Result<_>>()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_come_back_as_they_were_stored() {
        let rule = CorsRule {
            id: Some("r".to_owned()),
            origins: vec!["https://*.example".to_owned()],
            methods: vec!["GET".to_owned()],
            headers: vec!["*".to_owned()],
            expose: vec!["ETag".to_owned()],
            max_age_seconds: Some(0),
        };
        let routing = RoutingRule {
            key_prefix: Some(String::new()),
            error_status: Some(404),
            host: Some("a.example".to_owned()),
            protocol: None,
            status: Some(302),
            replace: Some(ReplaceKey::Prefix(String::new())),
        };
        let website = Website {
            index: Some("index.html".to_owned()),
            error: None,
            redirect_all: Some(RedirectAll { host: "b.example".to_owned(), protocol: Some("https".to_owned()) }),
            rules: vec![
                routing,
                RoutingRule { replace: Some(ReplaceKey::Key("k".to_owned())), ..RoutingRule::default() },
            ],
        };
        let mut settings = vec![
            Setting::Cors(Some(Cors { rules: vec![rule, CorsRule::default()] })),
            Setting::Website(Some(website)),
            Setting::Quota(Some(Quota { bytes: Some(u64::MAX), objects: None })),
        ];
        settings.extend(OWNERSHIPS.map(|(ownership, _)| Setting::Ownership(Some(ownership))));
        settings.extend(PAYERS.map(|(payer, _)| Setting::Payer(Some(payer))));
        for stored in settings {
            let row = setting_row(&stored).expect("it has a value");
            assert_eq!(setting(stored.name(), &row), Ok(stored));
        }
        assert_eq!(setting_row(&Setting::Payer(None)), None);
        for name in SettingName::ALL {
            assert_eq!(setting_name(setting_code(name).into()), Ok(name));
        }
    }

    #[test]
    fn unknown_choices_are_damage() {
        assert!(setting(SettingName::Payer, &encode(&ChoiceRow { choice: 9 })).is_err());
        assert!(setting(SettingName::Ownership, &[]).is_err());
        assert!(setting_name(0).is_err());
    }
}
