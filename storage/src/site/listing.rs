//! Walking blobs that lie in 256 directories named by the first byte of their ids.
//!
//! A directory is read once per walk and kept until the walk leaves it: pages of a thousand out of a directory of forty
//! thousand would else read it forty times.

use std::sync::{Arc, Mutex, PoisonError};

use kernel::BlobId;

use super::StoredBlob;
use crate::SiteError;

/// The directory that the last walk stopped in.
#[derive(Debug, Default)]
pub(super) struct Listing {
    kept: Mutex<Option<(u8, Arc<[StoredBlob]>)>>,
}

impl Listing {
    /// One page of a walk. `directory` gives the blobs of one directory, in any order.
    pub(super) async fn page<F>(
        &self,
        after: Option<BlobId>,
        limit: usize,
        directory: impl Fn(u8) -> F,
    ) -> Result<Vec<StoredBlob>, SiteError>
    where
        F: Future<Output = Result<Vec<StoredBlob>, SiteError>>,
    {
        let mut page = Vec::new();
        let first = after.map_or(0, |blob| blob.as_bytes()[0]);
        for prefix in first..=u8::MAX {
            let kept = self.take(prefix).filter(|_| prefix == first && after.is_some());
            let blobs = match kept {
                Some(blobs) => blobs,
                None => {
                    let mut blobs = directory(prefix).await?;
                    blobs.retain(|blob| blob.id.as_bytes()[0] == prefix);
                    blobs.sort_unstable_by_key(|blob| blob.id);
                    blobs.into()
                }
            };
            let start = after.map_or(0, |after| blobs.partition_point(|blob| blob.id <= after));
            page.extend(blobs.iter().skip(start).take(limit - page.len()));
            if page.len() == limit {
                *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some((prefix, blobs));
                break;
            }
        }
        Ok(page)
    }

    fn take(&self, prefix: u8) -> Option<Arc<[StoredBlob]>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.take().filter(|(of, _)| *of == prefix).map(|(_, blobs)| blobs)
    }
}
