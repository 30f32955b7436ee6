//! How many plain bytes may wait in replies, all together: a client that takes nothing must not cost memory
//! without bound.
//!
//! Small replies are not counted: `limits.concurrency` bounds their number. The price of a large one is taken
//! before its audit line is written and given back when its body was sent or dropped. Counted is what is
//! disclosed; a message that is being encoded takes that twice for a moment.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use vault_proto::v1::Reason;

use super::error::{Error, Result};

/// The room that is left, in KiB.
#[derive(Debug)]
pub(super) struct Replies(Arc<Semaphore>);

/// Room for one reply: given back when its last copy is dropped.
#[derive(Clone, Debug)]
pub struct Held(#[expect(dead_code, reason = "held, not read")] Arc<OwnedSemaphorePermit>);

impl Replies {
    pub(super) fn new(bytes: u64) -> Self {
        let kib = usize::try_from(bytes / 1024).unwrap_or(usize::MAX);
        Self(Arc::new(Semaphore::new(kib.min(Semaphore::MAX_PERMITS))))
    }

    /// Room for a reply that discloses so many bytes; none is needed for a small one.
    ///
    /// # Errors
    /// `OVERLOADED`: others hold it.
    pub(super) fn hold(&self, bytes: usize) -> Result<Option<Held>> {
        if bytes <= SMALL {
            return Ok(None);
        }
        let kib = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX);
        match Arc::clone(&self.0).try_acquire_many_owned(kib) {
            Ok(permit) => Ok(Some(Held(Arc::new(permit)))),
            Err(_) => Err(Error::new(
                Reason::Overloaded,
                "replies that wait to be taken fill `limits.reply_bytes`; ask for less, or again in a moment",
            )),
        }
    }
}

/// A reply that is not counted.
const SMALL: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_replies_share_the_room_and_small_ones_need_none() {
        let replies = Replies::new(1 << 20);
        let first = replies.hold(1 << 20).unwrap();
        assert_eq!(
            replies.hold(SMALL + 1).unwrap_err().reason(),
            Reason::Overloaded
        );
        assert!(replies.hold(SMALL).unwrap().is_none());
        let copy = first.clone();
        drop(first);
        assert!(replies.hold(SMALL + 1).is_err(), "one copy is left");
        drop(copy);
        assert!(replies.hold(1 << 20).unwrap().is_some());
    }

    #[test]
    fn a_reply_that_is_larger_than_all_room_is_refused() {
        assert!(Replies::new(1 << 20).hold((1 << 20) + 1).is_err());
        assert!(Replies::new(1 << 20).hold(usize::MAX).is_err());
    }
}
