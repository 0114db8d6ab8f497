//! Accounts, for whoever runs the lake.

use engine::Account;
use serde::{Deserialize, Serialize};

use super::keys::{MadeKeyDocument, made};
use super::{Asked, Told};
use crate::s3_error::Failure;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewAccountDocument {
    name: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AccountDocument {
    account: String,
    name: String,
    canonical_id: String,
    created: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct MadeAccountDocument {
    #[serde(flatten)]
    account: AccountDocument,
    root_key: MadeKeyDocument,
}

#[derive(Debug, Serialize)]
struct AccountsDocument {
    accounts: Vec<AccountDocument>,
}

fn told(account: Account) -> AccountDocument {
    let Account { id, name, canonical_id, created_ms } = account;
    AccountDocument { account: id, name, canonical_id, created: super::instant(created_ms) }
}

/// `GET accounts`
pub(super) async fn list(asked: Asked<'_>) -> Result<Told, Failure> {
    let accounts = asked.engine.accounts(asked.caller)?.into_iter().map(told).collect();
    Told::json(&AccountsDocument { accounts })
}

/// `POST accounts`
pub(super) async fn create(asked: Asked<'_>) -> Result<Told, Failure> {
    let NewAccountDocument { name } = asked.document()?;
    let (account, key) = asked.engine.create_account(asked.caller, &name).await?;
    Told::json(&MadeAccountDocument { account: told(account), root_key: made(&key) })
}

/// `DELETE accounts/{account}`
pub(super) async fn delete(asked: Asked<'_>) -> Result<Told, Failure> {
    let account = super::account(asked.segment(0))?;
    asked.engine.delete_account(asked.caller, account).await?;
    Ok(Told::Done)
}
