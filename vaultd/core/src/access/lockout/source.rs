//! Where a login comes from, as coarse as those who share a connection: an IPv4 address, an IPv6 /64, a uid.

use std::net::IpAddr;

use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};

/// A source network.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Source(Kind);

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    /// Exact: behind one address there may be many people, behind its neighbours there are others.
    V4([u8; 4]),
    /// What one subscriber has at least (RFC 6177); anybody may take any address of it.
    V6([u8; 8]),
    /// The Unix socket's peer.
    Uid([u8; 4]),
}

impl Source {
    /// Of an address. An IPv4 address in IPv6 form is the IPv4 address.
    pub fn of_address(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(address) => Kind::V4(address.octets()),
            IpAddr::V6(address) => {
                let network = address.octets().first_chunk().copied();
                Kind::V6(network.unwrap_or_default())
            }
        })
    }

    /// Of a local caller.
    pub fn of_uid(uid: u32) -> Self {
        Self(Kind::Uid(uid.to_be_bytes()))
    }

    /// A byte for the kind, and its bytes.
    pub(super) fn to_bytes(self) -> Vec<u8> {
        let (kind, bytes): (u8, &[u8]) = match &self.0 {
            Kind::V4(bytes) => (4, bytes),
            Kind::V6(bytes) => (6, bytes),
            Kind::Uid(bytes) => (1, bytes),
        };
        [&[kind], bytes].concat()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (kind, bytes) = bytes.split_first()?;
        Some(Self(match kind {
            4 => Kind::V4(bytes.try_into().ok()?),
            6 => Kind::V6(bytes.try_into().ok()?),
            1 => Kind::Uid(bytes.try_into().ok()?),
            _ => return None,
        }))
    }
}

/// Who logs in from where stays out of logs.
impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Source(..)")
    }
}

impl<C> Encode<C> for Source {
    fn encode<W: encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        e.bytes(&self.to_bytes())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Source {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        Self::from_bytes(d.bytes()?).ok_or_else(|| decode::Error::message("no source network"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(address: &str) -> Source {
        Source::of_address(address.parse().unwrap())
    }

    #[test]
    fn ipv4_counts_whole_and_ipv6_by_its_first_half() {
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_eq!(
            of("2001:db8:1:2::1"),
            of("2001:db8:1:2:ffff:ffff:ffff:ffff")
        );
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_ne!(of("::1"), of("127.0.0.1"));
    }

    #[test]
    fn a_uid_is_no_address() {
        let sources = [
            Source::of_uid(0),
            Source::of_uid(1),
            of("0.0.0.0"),
            of("0.0.0.1"),
            of("::"),
        ];
        for (at, source) in sources.iter().enumerate() {
            assert!(!sources[..at].contains(source));
            let bytes = minicbor::to_vec(source).unwrap();
            assert_eq!(decode::<Source>(&bytes).unwrap(), *source);
        }
    }

    #[test]
    fn bytes_that_are_no_source_are_refused() {
        for bytes in [
            &[][..],
            &[4],
            &[4, 1, 2, 3],
            &[4, 1, 2, 3, 4, 5],
            &[6, 1, 2, 3, 4],
            &[0, 1, 2, 3, 4],
            &[7],
        ] {
            let stored = minicbor::to_vec(minicbor::bytes::ByteVec::from(bytes.to_vec())).unwrap();
            assert!(decode::<Source>(&stored).is_err(), "{bytes:?}");
        }
        assert_eq!(format!("{:?}", of("192.0.2.1")), "Source(..)");
    }
}
