//! Access keys, and service accounts, which are keys that may do less than their owner.

use std::sync::Arc;

use engine::{AccessKey, NewAccessKey, NewKey};
use kernel::AccountId;
use serde::{Deserialize, Serialize};

use super::{Asked, Told};
use crate::s3_error::Failure;

/// A key that was made just now, with its secret.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MadeKeyDocument {
    access_key: String,
    secret_key: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct KeyDocument<'a> {
    access_key: &'a str,
    account: &'a str,
    /// `null` for a key of the account's root.
    user: Option<&'a str>,
    active: bool,
    created: String,
    description: &'a str,
    /// What a service account is narrowed to; `null` for a key that may do what its owner may.
    policy: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct KeysDocument<'a> {
    keys: Vec<KeyDocument<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewKeyDocument {
    #[serde(default)]
    description: String,
    /// An IAM policy, as text: it is kept as it is written.
    #[serde(default)]
    policy: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyStateDocument {
    active: bool,
}

/// Whose keys are meant.
struct Owner {
    account: AccountId,
    user: Option<String>,
}

impl Asked<'_> {
    fn owner(&self) -> Result<Owner, Failure> {
        let account = self.account()?;
        Ok(Owner { account, user: self.parameter("user").map(str::to_owned) })
    }
}

pub(super) fn made(key: &NewKey) -> MadeKeyDocument {
    MadeKeyDocument { access_key: key.record.id.clone(), secret_key: key.secret.as_str().to_owned() }
}

fn told(key: &AccessKey) -> KeyDocument<'_> {
    KeyDocument {
        access_key: &key.id,
        account: &key.account,
        user: key.user.as_deref(),
        active: key.active,
        created: super::instant(key.created_ms),
        description: &key.description,
        policy: key.narrowed.as_deref(),
    }
}

/// `GET keys`
pub(super) async fn list(asked: Asked<'_>) -> Result<Told, Failure> {
    let Owner { account, user } = asked.owner()?;
    let keys = asked.engine.access_keys(asked.caller, account, user.as_deref())?;
    Told::json(&KeysDocument { keys: keys.iter().map(told).collect() })
}

/// `POST keys`
pub(super) async fn create(asked: Asked<'_>) -> Result<Told, Failure> {
    let Owner { account, user } = asked.owner()?;
    let NewKeyDocument { description, policy } = asked.document()?;
    let new = NewAccessKey { narrowed: policy.map(Arc::from), description };
    Told::json(&made(&asked.engine.create_access_key(asked.caller, account, user.as_deref(), new).await?))
}

/// `PUT keys/{accessKey}`
pub(super) async fn set(asked: Asked<'_>) -> Result<Told, Failure> {
    let Owner { account, user } = asked.owner()?;
    let KeyStateDocument { active } = asked.document()?;
    asked.engine.set_access_key(asked.caller, account, user.as_deref(), asked.segment(0), active).await?;
    Ok(Told::Done)
}

/// `DELETE keys/{accessKey}`
pub(super) async fn delete(asked: Asked<'_>) -> Result<Told, Failure> {
    let Owner { account, user } = asked.owner()?;
    asked.engine.delete_access_key(asked.caller, account, user.as_deref(), asked.segment(0)).await?;
    Ok(Told::Done)
}
