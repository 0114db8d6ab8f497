//! Waiting for a moment that may move, without arming a timer each time it does.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use kernel::Clock;

type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Wakes a task at a moment on the monotonic clock. A moment that moves later costs nothing: the timer that is already
/// armed fires early and is armed anew.
pub(crate) struct Alarm {
    clock: Arc<dyn Clock>,
    armed: Option<(Duration, Sleep)>,
}

impl Alarm {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, armed: None }
    }

    /// The monotonic clock.
    pub(crate) fn now(&self) -> Duration {
        self.clock.monotonic()
    }

    /// Ready once `at` has come; until then the task is woken in time to ask again.
    pub(crate) fn poll(&mut self, at: Duration, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let now = self.clock.monotonic();
            if now >= at {
                self.armed = None;
                return Poll::Ready(());
            }
            let (_, sleep) = match &mut self.armed {
                Some(armed) if armed.0 <= at => armed,
                armed => armed.insert((at, self.clock.sleep(at - now))),
            };
            ready!(sleep.as_mut().poll(cx));
            self.armed = None;
        }
    }
}
