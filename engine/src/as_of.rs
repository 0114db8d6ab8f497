//! The past: which moment is meant, and what was current then.
//!
//! Whether a caller may read is decided as of now, never as of then: leave that was taken away does not come back with the
//! object that it was once given for.

use kernel::{Caller, ObjectKey, Sequence, Version};
use metadata::{NoPast, Past};
use policy::Action;

use crate::facts::BucketFacts;
use crate::{AsOf, Engine, Error, Fault, Missing, Result};

/// Where callers say which moment they mean.
const ARGUMENT: &str = "x-lake-as-of";

impl Engine {
    /// The change that a moment means. It is the same whenever it is asked.
    ///
    /// How far a bucket's history reaches is told to who may list its versions; to others it is refused.
    pub(crate) async fn moment(&self, caller: &Caller, facts: &BucketFacts, as_of: AsOf) -> Result<Sequence> {
        let moment = match as_of {
            _ if !facts.versioned() => Err(NoPast::Unversioned.into()),
            AsOf::Sequence(at) => Ok(at),
            AsOf::Time(time) => self.catalog.sequence_at(time, self.clock.now()).await.map_err(Error::from),
        };
        if moment.is_err() {
            self.permit(caller, Action::ListBucketVersions, facts, None)?;
        }
        moment
    }

    /// The object that was current under a key right after change `at`.
    pub(crate) async fn find_as_of(&self, facts: &BucketFacts, key: &ObjectKey, at: Sequence) -> Result<Version> {
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
