//! How a bucket is set up, beside its versioning and tags: read and replaced one setting at a time.

use kernel::settings::{Setting, SettingName};
use kernel::{BucketName, Caller};
use metadata::CatalogError;
use policy::Action;

use crate::bucket_policy::expect_own_policy;
use crate::facts::BucketFacts;
use crate::{Engine, Error, Result};

/// Times a setting is decided anew because its bucket changed under it: many may set up a bucket at once.
const ATTEMPTS_MAX: u32 = 64;

impl Engine {
    /// A setting of the bucket; one without a value was never set, or was taken away.
    ///
    /// # Errors
    /// `NotFound` (bucket), `Denied`; `Invalid` for the policy of a bucket of another account.
    pub async fn bucket_setting(&self, caller: &Caller, name: &BucketName, setting: SettingName) -> Result<Setting> {
        let facts = self.bucket_facts(name).await?;
        self.permit(caller, read_action(setting), &facts, None)?;
        expect_own_policy(caller, read_action(setting), &facts)?;
        Ok(facts.settings.get(setting))
    }

    /// Says whether the caller may ask for what is so of every bucket, or set it.
    ///
    /// # Errors
    /// `NotFound` (bucket), `Denied`.
    pub async fn may_ask(&self, caller: &Caller, name: &BucketName, truth: BucketTruth) -> Result<()> {
        let action = match truth {
            BucketTruth::Encryption => Action::GetEncryptionConfiguration,
            BucketTruth::SetEncryption => Action::PutEncryptionConfiguration,
            BucketTruth::Logging => Action::GetBucketLogging,
            BucketTruth::SetLogging => Action::PutBucketLogging,
        };
        let facts = self.bucket_facts(name).await?;
        self.permit(caller, action, &facts, None).map(drop)
    }

    /// Replaces a setting of the bucket, or takes it away.
    ///
    /// # Errors
    /// `Precondition` where a lock of objects would go, or come to a bucket that does not keep their versions; `Invalid`
    /// for readers that there are none of; `NotFound` (bucket), `Denied`.
    pub async fn set_bucket_setting(&self, caller: &Caller, name: &BucketName, setting: Setting) -> Result<()> {
        let decide = |facts: &BucketFacts| {
            facts.expect_fit(&setting)?;
            let mut setting = setting.clone();
            if let Setting::Embargo(Some(rule)) = &mut setting {
                rule.readers = self.readers_meant(&rule.readers, facts.owner)?;
            }
            Ok(setting)
        };
        self.set_up(caller, name, write_action(&setting), decide).await
    }

    /// Sets a bucket up in a way that depends on how it is set up otherwise: where that changes meanwhile, everything is
    /// decided anew.
    ///
    /// # Errors
    /// As [`Engine::set_bucket_setting`], and what `decide` says.
    pub(crate) async fn set_up(
        &self,
        caller: &Caller,
        name: &BucketName,
        action: Action,
        decide: impl Fn(&BucketFacts) -> Result<Setting>,
    ) -> Result<()> {
        let by = &caller.to_string();
        for _ in 0..ATTEMPTS_MAX {
            let facts = self.bucket_facts(name).await?;
            self.permit(caller, action, &facts, None)?;
            expect_own_policy(caller, action, &facts)?;
            match self.catalog.set_bucket(&facts, decide(&facts)?, self.clock.now(), by).await {
                Err(CatalogError::BucketGone) => {}
                set => return Ok(set.map(drop)?),
            }
        }
        Err(Error::Busy)
    }
}

/// What is so of every bucket: asked for and set by rights of their own all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BucketTruth {
    /// Everything is sealed: to be asked.
    Encryption,
    /// To be set.
    SetEncryption,
    /// Nothing is logged to a bucket: to be asked.
    Logging,
    /// To be set.
    SetLogging,
}

fn read_action(setting: SettingName) -> Action {
    match setting {
        SettingName::Cors => Action::GetBucketCors,
        SettingName::Website => Action::GetBucketWebsite,
        SettingName::Ownership => Action::GetBucketOwnershipControls,
        SettingName::Payer => Action::GetBucketRequestPayment,
        SettingName::Quota => Action::GetBucketQuota,
        SettingName::Policy => Action::GetBucketPolicy,
        SettingName::Acl => Action::GetBucketAcl,
        SettingName::PublicAccessBlock => Action::GetBucketPublicAccessBlock,
        SettingName::ObjectLock => Action::GetBucketObjectLockConfiguration,
        SettingName::Embargo => Action::GetBucketEmbargo,
    }
}

/// Source: Service Authorization Reference, *Actions, resources, and condition keys for Amazon S3*: only a website is
/// taken away by a right of its own.
fn write_action(setting: &Setting) -> Action {
    match setting {
        Setting::Cors(_) => Action::PutBucketCors,
        Setting::Website(None) => Action::DeleteBucketWebsite,
        Setting::Website(Some(_)) => Action::PutBucketWebsite,
        Setting::Ownership(_) => Action::PutBucketOwnershipControls,
        Setting::Payer(_) => Action::PutBucketRequestPayment,
        Setting::Quota(_) => Action::PutBucketQuota,
        Setting::Policy(None) => Action::DeleteBucketPolicy,
        Setting::Policy(Some(_)) => Action::PutBucketPolicy,
        Setting::Acl(_) => Action::PutBucketAcl,
        Setting::PublicAccessBlock(_) => Action::PutBucketPublicAccessBlock,
        Setting::ObjectLock(_) => Action::PutBucketObjectLockConfiguration,
        Setting::Embargo(_) => Action::PutBucketEmbargo,
    }
}
