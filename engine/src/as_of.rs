//! The past: which moment is meant, and what was current then.
//!
//! Whether a caller may read is decided as of now, never as of then: leave that was taken away does not come back with the
//! object that it was once given for.

use kernel::{ObjectKey, Sequence, Version};
use metadata::{NoPast, Past};
use policy::Permit;

use crate::facts::BucketFacts;
use crate::{AsOf, Engine, Error, Fault, Missing, Result};

/// Where callers say which moment they mean.
const ARGUMENT: &str = "x-lake-as-of";

impl Engine {
    /// The change that a moment means. It is the same whenever it is asked.
    pub(crate) async fn moment(&self, _permit: &Permit, facts: &BucketFacts, as_of: AsOf) -> Result<Sequence> {
        if !facts.versioned() {
            return Err(NoPast::Unversioned.into());
        }
        match as_of {
            AsOf::Sequence(at) => Ok(at),
            AsOf::Time(time) => Ok(self.catalog.sequence_at(time, self.clock.now()).await?),
        }
    }

    /// The object that was current under a key right after change `at`.
    pub(crate) async fn find_as_of(
        &self,
        _permit: &Permit,
        facts: &BucketFacts,
        key: &ObjectKey,
        at: Sequence,
    ) -> Result<Version> {
        match self.catalog.version_as_of(facts, key, at).await? {
            Past::Version(version) if version.object().is_some() => Ok(*version),
            Past::Version(marker) => Err(Error::NotFound(Missing::Key { marker: Some(marker.name()) })),
            Past::Grave(grave) if grave.is_marker => Err(Error::NotFound(Missing::Key { marker: Some(grave.name()) })),
            Past::Grave(_) => Err(Error::Removed { key: key.clone() }),
            Past::Nothing => Err(Error::NotFound(Missing::Key { marker: None })),
        }
    }
}

impl From<NoPast> for Error {
    fn from(why: NoPast) -> Self {
        Self::Invalid(match why {
            NoPast::Unversioned | NoPast::TooManyGraves => Fault::Request(why.to_string()),
            NoPast::BeforeHistory { .. } | NoPast::BeforeHorizon { .. } | NoPast::Future { .. } | NoPast::TimeAhead => {
                Fault::Argument { name: ARGUMENT, reason: why.to_string() }
            }
        })
    }
}
