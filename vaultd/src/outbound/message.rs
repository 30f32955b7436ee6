//! What daemon and helper say to one another over their socket.
//!
//! ```text
//! daemon → helper     Setup, once; then Request, Request, …
//! helper → daemon     Answer, Answer, …                       in whatever order they are done
//!
//! frame               length, 4 bytes, big-endian ‖ CBOR
//! ```
//! Either side takes only what is whole, known and within its bound, and hangs up on anything else: the helper deals
//! with strangers, so what it says is read like a stranger's.

use std::io;

use minicbor::{Decode, Encode};
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Largest message to the helper: certificates of authorities are in the first.
pub(super) const MAX_TO_HELPER: usize = 512 << 10;
/// Largest message from it.
pub(super) const MAX_FROM_HELPER: usize = MAX_BODY + (4 << 10);
/// Largest page that may be asked for.
pub(super) const MAX_BODY: usize = 128 << 10;

/// By what the helper goes.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(super) struct Setup {
    /// Origins, one text each.
    #[n(0)]
    pub(super) allow: Vec<String>,
    /// Networks that are private and allowed.
    #[n(1)]
    pub(super) allow_private: Vec<String>,
    /// PEM of the only authorities that are believed; none: the system's.
    #[n(2)]
    pub(super) authorities: Option<String>,
}

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(super) struct Request {
    /// Comes back with the answer.
    #[n(0)]
    pub(super) id: u64,
    /// How long it may take in all.
    #[n(1)]
    pub(super) millis: u64,
    #[n(2)]
    pub(super) job: Job,
}

/// What the helper can do.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(super) enum Job {
    /// Get a page over HTTPS.
    #[n(0)]
    Get {
        #[n(0)]
        url: String,
        /// More of a body is refused.
        #[n(1)]
        most: u64,
    },
}

/// How it went.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(super) struct Answer {
    #[n(0)]
    pub(super) id: u64,
    #[n(1)]
    pub(super) outcome: Outcome,
}

/// How it went.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(super) enum Outcome {
    /// The page, of status 200 and JSON.
    #[n(0)]
    Got(
        #[n(0)]
        #[cbor(with = "minicbor::bytes")]
        Vec<u8>,
    ),
    #[n(1)]
    Failed(#[n(0)] Failure),
}

/// Why there is nothing. Words of our own only: nothing that a stranger said gets into a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, thiserror::Error)]
pub enum Failure {
    /// The destination is not among those that are allowed.
    #[n(0)]
    #[error("the destination is not in outbound.allow of this node's configuration")]
    NotAllowed,
    /// The name means nothing.
    #[n(1)]
    #[error("the name of the host was not found")]
    NoSuchHost,
    /// All its addresses are private.
    #[n(2)]
    #[error(
        "the host has private addresses only; outbound.allow_private of this node's configuration allows networks"
    )]
    PrivateAddress,
    /// All its addresses are such that nobody connects to them.
    #[n(3)]
    #[error("the host has no address that may be connected to")]
    ForbiddenAddress,
    /// Nobody is there.
    #[n(4)]
    #[error("no connection could be made")]
    Connect,
    /// Whoever is there is not believed to be who he should be.
    #[n(5)]
    #[error(
        "the certificate is of no authority that is believed (outbound.ca_file, or the system's)"
    )]
    Authority,
    /// Another's certificate.
    #[n(6)]
    #[error("the certificate is for another host")]
    Name,
    /// Over, or to come.
    #[n(7)]
    #[error("the certificate is not valid at this time")]
    Validity,
    /// Otherwise no TLS.
    #[n(8)]
    #[error("TLS failed")]
    Tls,
    /// No HTTP, or more of it than is read.
    #[n(9)]
    #[error("the answer is no HTTP that is taken")]
    Http,
    /// It sends elsewhere.
    #[n(10)]
    #[error("the answer is a redirection, which is not followed")]
    Redirect,
    /// Another status than 200.
    #[n(11)]
    #[error("the answer has status {0}")]
    Status(#[n(0)] u16),
    /// Another type.
    #[n(12)]
    #[error("the answer is no JSON")]
    NotJson,
    /// Too much.
    #[n(13)]
    #[error("the answer is too large")]
    TooLarge,
    /// Too slow.
    #[n(14)]
    #[error("it took too long")]
    TimedOut,
    /// No authorities to go by.
    #[n(15)]
    #[error("there are no authorities to check certificates by: set outbound.ca_file")]
    NoAuthorities,
    /// The request is none.
    #[n(16)]
    #[error("the helper did not take the request")]
    Request,
    /// It is not there, or does not answer.
    #[n(17)]
    #[error(
        "the process for outbound connections does not answer; it is started again if it ended"
    )]
    NoHelper,
    /// Too much at once.
    #[n(18)]
    #[error("too many outbound connections at once")]
    Busy,
}

/// A message with its length.
///
/// # Errors
/// When it is larger than may be sent.
pub(super) fn frame(message: &impl Encode<()>, most: usize) -> io::Result<Vec<u8>> {
    let mut frame = vec![0; 4];
    minicbor::encode(message, &mut frame).map_err(|_| wrong("it cannot be encoded"))?;
    let length = frame.len().saturating_sub(4);
    let announced = u32::try_from(length).ok().filter(|_| length <= most);
    let announced = announced.ok_or_else(|| wrong("it is too large"))?;
    for (byte, of) in frame.iter_mut().zip(announced.to_be_bytes()) {
        *byte = of;
    }
    Ok(frame)
}

/// The next message; `None` where the other side has hung up between two.
///
/// # Errors
/// When it is cut off, larger than may be, or not what is expected.
pub(super) async fn read<T>(
    from: &mut (impl AsyncRead + Unpin),
    most: usize,
) -> io::Result<Option<T>>
where
    T: for<'b> Decode<'b, ()>,
{
    let mut length = [0; 4];
    let first = from.read(&mut length).await?;
    if first == 0 {
        return Ok(None);
    }
    let rest = length.get_mut(first..).unwrap_or_default();
    from.read_exact(rest).await?;
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length > most {
        return Err(wrong("it is too large"));
    }
    let mut bytes = vec![0; length];
    from.read_exact(&mut bytes).await?;
    let mut decoder = minicbor::Decoder::new(&bytes);
    let message = decoder.decode().map_err(|_| wrong("it means nothing"))?;
    if decoder.position() == length {
        Ok(Some(message))
    } else {
        Err(wrong("something follows it"))
    }
}

fn wrong(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("a message: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(outcome: Outcome) -> Answer {
        Answer { id: 7, outcome }
    }

    async fn back<T: for<'b> Decode<'b, ()>>(
        mut bytes: &[u8],
        most: usize,
    ) -> io::Result<Option<T>> {
        read(&mut bytes, most).await
    }

    #[tokio::test]
    async fn what_is_said_is_what_is_heard() {
        for outcome in [
            Outcome::Got(b"{}".to_vec()),
            Outcome::Failed(Failure::Status(503)),
            Outcome::Failed(Failure::Busy),
        ] {
            let said = answer(outcome);
            let bytes = frame(&said, MAX_FROM_HELPER).unwrap();
            assert_eq!(back(&bytes, MAX_FROM_HELPER).await.unwrap(), Some(said));
        }
        let job = Job::Get {
            url: "https://a.test/".into(),
            most: 5,
        };
        let said = Request {
            id: u64::MAX,
            millis: 1,
            job,
        };
        let bytes = frame(&said, MAX_TO_HELPER).unwrap();
        assert_eq!(back(&bytes, MAX_TO_HELPER).await.unwrap(), Some(said));
        assert_eq!(back::<Request>(b"", 10).await.unwrap(), None);
    }

    #[tokio::test]
    async fn what_is_cut_off_too_large_or_of_another_kind_is_refused() {
        let whole = frame(&answer(Outcome::Got(vec![7; 100])), MAX_FROM_HELPER).unwrap();
        for end in 1..whole.len() {
            assert!(
                back::<Answer>(&whole[..end], MAX_FROM_HELPER)
                    .await
                    .is_err(),
                "{end}"
            );
        }
        assert!(back::<Answer>(&whole, whole.len() - 5).await.is_err());
        assert!(back::<Request>(&whole, MAX_FROM_HELPER).await.is_err());
        let mut longer = whole.clone();
        longer[3] += 1;
        longer.push(0);
        assert!(back::<Answer>(&longer, MAX_FROM_HELPER).await.is_err());
        // nothing is set aside for what is only announced
        let announced = [0xff, 0xff, 0xff, 0xff, 0x80];
        assert!(back::<Answer>(&announced, MAX_FROM_HELPER).await.is_err());
        let unknown = [0, 0, 0, 6, 0x82, 0x07, 0x82, 0x01, 0x82, 0x18];
        assert!(back::<Answer>(&unknown, MAX_FROM_HELPER).await.is_err());
        let much = answer(Outcome::Got(vec![0; MAX_FROM_HELPER]));
        assert!(frame(&much, MAX_FROM_HELPER).is_err());
    }

    #[tokio::test]
    async fn no_bytes_make_it_panic() {
        let whole = frame(&answer(Outcome::Failed(Failure::Status(404))), 100).unwrap();
        for at in 0..whole.len() {
            for byte in 0..=u8::MAX {
                let mut bytes = whole.clone();
                bytes[at] = byte;
                drop(back::<Answer>(&bytes, 100).await);
                drop(back::<Request>(&bytes, 100).await);
            }
        }
    }
}
