//! Who pays for requests, and whose a bucket is: both are told to whoever guesses right, and to nobody else.

use kernel::settings::Payer;
use kernel::{BucketName, Caller};
use policy::Action;

use crate::bucket_policy::ruled_out;
use crate::facts::BucketFacts;
use crate::{Engine, Error, Missing, Result};

/// How a request says that who sent it pays: `x-amz-request-payer`, as a gateway takes it down.
const PAYER: &str = "x-amz-request-payer";
const WILLING: &str = "requester";

impl BucketFacts {
    /// Whether a caller pays for its requests to the bucket.
    fn charges(&self, caller: &Caller) -> bool {
        self.settings.payer == Some(Payer::Requester) && caller.account() != Some(self.owner)
    }

    /// Refuses a caller who would pay and does not say so, or of whom nobody knows who it is.
    ///
    /// Source: Amazon S3 User Guide, *Using Requester Pays general purpose buckets*.
    pub(crate) fn expect_payer(&self, caller: &Caller, action: Action) -> Result<()> {
        let says_so = caller.origin().keys.get(PAYER).is_some_and(|payer| payer == WILLING);
        if !self.charges(caller) || (says_so && !caller.is_anonymous()) {
            return Ok(());
        }
        Err(ruled_out(caller, action, "who asks pays, and does not say that it will"))
    }
}

impl Engine {
    /// Whether a caller pays for its requests to a bucket; false where there is none.
    ///
    /// # Errors
    /// `Unavailable`, `Corrupt`.
    pub async fn pays(&self, caller: &Caller, name: &BucketName) -> Result<bool> {
        match self.bucket_facts(name).await {
            Ok(facts) => Ok(facts.charges(caller)),
            Err(Error::NotFound(Missing::Bucket)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether a bucket belongs to an account, named by its number or its canonical user id; none where there is no bucket.
    ///
    /// # Errors
    /// `Unavailable`, `Corrupt`.
    pub async fn bucket_belongs_to(&self, name: &BucketName, account: &str) -> Result<Option<bool>> {
        let facts = match self.bucket_facts(name).await {
            Ok(facts) => facts,
            Err(Error::NotFound(Missing::Bucket)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let named = account.parse().ok().or_else(|| self.account_of_canonical_id(account));
        Ok(Some(named == Some(facts.owner)))
    }
}
