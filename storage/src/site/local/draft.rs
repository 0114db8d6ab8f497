//! A blob's file from its creation to its acknowledgement.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use kernel::{BlobId, fail_point};

use super::{Core, Step};
use crate::SiteError;
use crate::blocking::{Outcome, detach, outcome};
use crate::key_record::KeyRecord;
use crate::site::{BlobWriter, NewBlob};

/// The file of a blob that is not acknowledged yet. Dropping it removes the file.
///
/// It travels into each job on a blocking thread and back, so a file never outlives a body that was given up, whatever
/// was under way at that moment.
pub(super) struct Draft {
    core: Arc<Core>,
    blob: BlobId,
    file: File,
    acknowledged: bool,
}

impl Draft {
    /// Creates the file and notes the key. Blocks.
    pub(super) fn create(core: Arc<Core>, blob: NewBlob) -> Result<Self, SiteError> {
        core.health.check()?;
        let record = KeyRecord::Key(blob.id, blob.key).encode()?;
        core.health.before(Step::Create).map_err(full_or_failed)?;
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(core.path(blob.id));
        let draft = Self { blob: blob.id, file: file.map_err(full_or_failed)?, acknowledged: false, core };
        draft.core.keys.append_encoded(&record).map_err(full_or_failed)?;
        fail_point::pass("blob-created");
        Ok(draft)
    }

    fn write(mut self, bytes: &[u8]) -> Result<Self, SiteError> {
        self.core.health.before(Step::Write).and_then(|()| self.file.write_all(bytes)).map_err(full_or_failed)?;
        Ok(self)
    }

    fn sync(self) -> Result<Self, SiteError> {
        let health = &self.core.health;
        health.meters.file_syncs.add(1);
        let sync = || health.before(Step::Sync).and_then(|()| self.file.sync_data());
        health.sync(&self.core.path(self.blob), sync)?;
        fail_point::pass("blob-synced");
        Ok(self)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.acknowledged {
            let (core, blob) = (Arc::clone(&self.core), self.blob);
            detach(move || core.discard(blob));
        }
    }
}

fn full_or_failed(error: io::Error) -> SiteError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => SiteError::Full,
        _ => SiteError::File(error),
    }
}

/// Writes a blob's file, one job behind its caller: while bytes are being written, the next are sealed.
pub(super) struct LocalWriter {
    state: State,
    sealed_bytes: u64,
    written: u64,
}

enum State {
    Idle(Draft),
    Writing(Outcome<Result<Draft, SiteError>>),
    Failed,
}

impl LocalWriter {
    pub(super) fn new(draft: Draft, sealed_bytes: u64) -> Self {
        Self { state: State::Idle(draft), sealed_bytes, written: 0 }
    }

    /// The draft, once nothing is being written.
    async fn idle(&mut self) -> Result<Draft, SiteError> {
        // Awaited in place: if this future is dropped, the job under way is still known.
        if let State::Writing(job) = &mut self.state {
            let written = outcome(job).await;
            self.state = State::Failed;
            self.state = State::Idle(written??);
        }
        match std::mem::replace(&mut self.state, State::Failed) {
            State::Idle(draft) => Ok(draft),
            State::Writing(_) | State::Failed => Err(io::Error::other("an earlier write of the blob failed").into()),
        }
    }

    async fn finish(mut self) -> Result<(), SiteError> {
        let draft = self.idle().await?;
        fail_point::pass("blob-written");
        if self.written != self.sealed_bytes {
            return Err(SiteError::Length { expected: self.sealed_bytes, found: self.written });
        }
        let core = Arc::clone(&draft.core);
        let keys_synced = core.key_log_sync.cover(&core.writes);
        let mut draft = core.writes.run(move || draft.sync()).await??;
        core.sync_directory_of(draft.blob).await?;
        fail_point::pass("blob-directory-synced");
        keys_synced.await?;
        draft.acknowledged = true;
        Ok(())
    }
}

impl BlobWriter for LocalWriter {
    fn write(&mut self, bytes: Bytes) -> BoxFuture<'_, Result<(), SiteError>> {
        Box::pin(async move {
            let draft = self.idle().await?;
            self.written += bytes.len() as u64;
            let core = Arc::clone(&draft.core);
            self.state = State::Writing(core.writes.start(move || draft.write(&bytes)));
            Ok(())
        })
    }

    fn finish(self: Box<Self>) -> BoxFuture<'static, Result<(), SiteError>> {
        Box::pin((*self).finish())
    }
}
