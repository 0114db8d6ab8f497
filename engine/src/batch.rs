//! Many objects in one request, for readers of many small ones. Each member is a read like any other, with a permit of its
//! own; what is gained is that nobody waits for one answer before asking for the next.
//!
//! Members come in the order in which they were asked for. While one is given out, some of those behind it are looked up,
//! and the short ones read: how much is held that way is bounded for all such requests together, and a member for which
//! there is no room is read when its turn comes.

use std::pin::Pin;
use std::sync::Arc;

use futures::stream::{self, BoxStream, Peekable, StreamExt};
use kernel::Caller;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{BatchRead, Bytestream, Engine, Error, GetObject, ObjectInfo, ObjectRead, Result};

/// Members that are looked up at once.
const AT_ONCE: usize = 16;
/// Longest member that is read before its turn: 1 MiB, what a site is asked for at once.
const AHEAD_BYTES_MAX: u64 = 1 << 20;
/// Bytes that wait for their turn, of all requests together, in KiB: 64 MiB.
const AHEAD_KIB_MAX: usize = 64 << 10;

/// Room for bytes that wait for their turn.
pub(crate) fn room() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(AHEAD_KIB_MAX))
}

impl Engine {
    /// Reads several objects of a bucket, in the order asked. A member that cannot be had is an error in its place, as
    /// [`Engine::get_object`] gives it, and the rest goes on; an error within a member's body means that the rest of
    /// this body cannot be had. The first bytes of a body are read before its member is given out, so that most of what can
    /// go wrong with it is known by then.
    ///
    /// # Errors
    /// `NotFound` where there is no such bucket: that concerns all members alike, and is no secret.
    pub async fn read_batch(
        self: &Arc<Self>,
        caller: &Caller,
        batch: BatchRead,
    ) -> Result<BoxStream<'static, Result<ObjectRead>>> {
        let BatchRead { bucket, members, as_of } = batch;
        self.bucket_facts(&bucket).await?;
        let (engine, caller) = (Arc::clone(self), caller.clone());
        let opened = stream::iter(members).map(move |member| {
            let (engine, caller) = (Arc::clone(&engine), caller.clone());
            let get = GetObject {
                bucket: bucket.clone(),
                key: member.key,
                version: member.version,
                as_of: as_of.filter(|_| member.version.is_none()),
                selection: member.selection,
                condition: Default::default(),
            };
            let attempt = engine.attempt();
            async move { engine.attend_one(&attempt, &caller, engine.open_member(&caller, get)).await }
        });
        Ok(opened.buffered(AT_ONCE).then(|opened| async move { opened?.take_turn().await }).boxed())
    }

    /// Finds a member, and reads it where it is short and there is room.
    async fn open_member(&self, caller: &Caller, get: GetObject) -> Result<Opened> {
        let ObjectRead { info, body } = self.get_object(caller, get).await?;
        let bytes = info.selected_bytes();
        let kib = u32::try_from(bytes.div_ceil(1024)).ok().filter(|_| bytes <= AHEAD_BYTES_MAX);
        let room = kib.and_then(|kib| Arc::clone(&self.batch_room).try_acquire_many_owned(kib).ok());
        let mut opened = Opened { info, body: Box::pin(body.peekable()), room };
        if opened.room.is_some() {
            opened.begin().await?;
        }
        Ok(opened)
    }
}

/// A member before its turn.
struct Opened {
    info: ObjectInfo,
    body: Pin<Box<Peekable<Bytestream>>>,
    /// What its bytes take up, if they were read.
    room: Option<OwnedSemaphorePermit>,
}

impl Opened {
    /// Reads the first bytes, unless that was done.
    async fn begin(&mut self) -> Result<()> {
        if let Some(Err(_)) = self.body.as_mut().peek().await {
            let failed = self.body.next().await.and_then(Result::err);
            return Err(failed.unwrap_or(Error::Bug("an error that was seen is gone")));
        }
        Ok(())
    }

    async fn take_turn(mut self) -> Result<ObjectRead> {
        self.begin().await?;
        let Self { info, body, room } = self;
        let body = body.map(move |bytes| {
            // The room is taken until the body is dropped.
            let _taken = &room;
            bytes
        });
        Ok(ObjectRead { info, body: body.boxed() })
    }
}
