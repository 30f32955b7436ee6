//! Which addresses may be connected to, whatever form they come in.
//!
//! A name is looked up once, each address that it has is judged here, and only what was judged is connected to: what the
//! name means a moment later changes nothing. An IPv6 address that carries an IPv4 address is judged by what it
//! carries. What is not known to be public is not: RFC 6890 and its registries, and addresses where clouds hand out
//! credentials.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A network that the configuration allows although it is no public one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

/// Why a text is no network that may be allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// No address, no prefix, or bits beyond it.
    #[error(
        "expected a network such as 10.1.0.0/16 or fd00:1::/32, with nothing set behind its prefix"
    )]
    Malformed,
    /// Public, or never to be connected to.
    #[error(
        "only networks inside 10.0.0.0/8, 100.64.0.0/10, 127.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, ::1/128 and \
         fc00::/7 are allowed by it"
    )]
    NotPrivate,
}

/// What an address is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Anybody's.
    Public,
    /// Of this machine or network, and allowed by the configuration.
    Allowed,
    /// Of this machine or network.
    Private,
    /// Never connected to, whatever the configuration says.
    Never,
}

impl Network {
    /// Reads `ADDRESS/PREFIX`.
    ///
    /// # Errors
    /// [`NetworkError`] when it is none, or not wholly inside what is private.
    pub fn parse(text: &str) -> Result<Self, NetworkError> {
        let (address, prefix) = text.split_once('/').ok_or(NetworkError::Malformed)?;
        let digits = (1..=3).contains(&prefix.len()) && prefix.bytes().all(|b| b.is_ascii_digit());
        let address: IpAddr = address.parse().map_err(|_| NetworkError::Malformed)?;
        let prefix: u8 = prefix.parse().map_err(|_| NetworkError::Malformed)?;
        if !digits || prefix > width(address) {
            return Err(NetworkError::Malformed);
        }
        let network = Self { address, prefix };
        if network.first() != bits(address) {
            return Err(NetworkError::Malformed);
        }
        let outer = |outer: &Self| outer.prefix <= prefix && outer.holds(address);
        if PRIVATE.iter().any(outer) {
            Ok(network)
        } else {
            Err(NetworkError::NotPrivate)
        }
    }

    /// Whether an address, already without what wraps it, lies in it.
    fn holds(&self, address: IpAddr) -> bool {
        address.is_ipv4() == self.address.is_ipv4() && bits(address) & self.mask() == self.first()
    }

    fn mask(&self) -> u128 {
        let behind = u32::from(width(self.address) - self.prefix);
        u128::MAX.checked_shl(behind).unwrap_or(0)
    }

    fn first(&self) -> u128 {
        bits(self.address) & self.mask()
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// Judges an address, given what the configuration allows beside public ones.
pub(super) fn judge(address: IpAddr, allowed: &[Network]) -> Verdict {
    let address = inner(address);
    let within = |networks: &[Network]| networks.iter().any(|network| network.holds(address));
    if within(METADATA) {
        Verdict::Never
    } else if within(PRIVATE) {
        if within(allowed) {
            Verdict::Allowed
        } else {
            Verdict::Private
        }
    } else if match address {
        IpAddr::V4(_) => within(SPECIAL_V4),
        IpAddr::V6(_) => !within(GLOBAL_V6) || within(SPECIAL_V6),
    } {
        Verdict::Never
    } else {
        Verdict::Public
    }
}

/// The IPv4 address inside an IPv6 one, where a system or a gateway would send it there: RFC 4291 §2.5.5, RFC 6052.
fn inner(address: IpAddr) -> IpAddr {
    let IpAddr::V6(six) = address else {
        return address;
    };
    let whole = u128::from(six);
    let low = u32::try_from(whole & u128::from(u32::MAX)).unwrap_or_default();
    let four = IpAddr::V4(Ipv4Addr::from(low));
    match whole >> 32 {
        // ::ffff:a.b.c.d, and 64:ff9b::a.b.c.d
        MAPPED | NAT64 => four,
        // ::a.b.c.d, but for :: and ::1
        0 if low > 1 => four,
        _ => address,
    }
}

const MAPPED: u128 = 0xffff;
const NAT64: u128 = 0x0064_ff9b << 64;

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(four) => u128::from(u32::from(four)),
        IpAddr::V6(six) => u128::from(six),
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Network {
    Network {
        address: IpAddr::V4(Ipv4Addr::new(a, b, c, d)),
        prefix,
    }
}

const fn v6(a: u16, b: u16, c: u16, h: u16, prefix: u8) -> Network {
    Network {
        address: IpAddr::V6(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, h)),
        prefix,
    }
}

/// Where clouds tell machines their credentials; some of it lies in networks that could be allowed, or looks public.
const METADATA: &[Network] = &[
    v4(169, 254, 0, 0, 16),
    v4(100, 100, 100, 200, 32),
    v4(168, 63, 129, 16, 32),
    v4(192, 0, 0, 192, 32),
    v6(0xfd00, 0xec2, 0, 0x254, 128),
    v6(0xfd20, 0xce, 0, 0x254, 128),
];

/// What the configuration may allow.
const PRIVATE: &[Network] = &[
    v4(10, 0, 0, 0, 8),
    v4(100, 64, 0, 0, 10),
    v4(127, 0, 0, 0, 8),
    v4(172, 16, 0, 0, 12),
    v4(192, 168, 0, 0, 16),
    v6(0, 0, 0, 1, 128),
    v6(0xfc00, 0, 0, 0, 7),
];

/// Not public and not to be allowed: this network, protocol assignments, documentation, 6to4 relays, benchmarks,
/// multicast, reserved, broadcast.
const SPECIAL_V4: &[Network] = &[
    v4(0, 0, 0, 0, 8),
    v4(192, 0, 0, 0, 24),
    v4(192, 0, 2, 0, 24),
    v4(192, 88, 99, 0, 24),
    v4(198, 18, 0, 0, 15),
    v4(198, 51, 100, 0, 24),
    v4(203, 0, 113, 0, 24),
    v4(224, 0, 0, 0, 3),
];

/// All of IPv6 that is given out to anybody.
const GLOBAL_V6: &[Network] = &[v6(0x2000, 0, 0, 0, 3)];

/// But for protocol assignments and Teredo, documentation, and 6to4, which carries an IPv4 address.
const SPECIAL_V6: &[Network] = &[
    v6(0x2001, 0, 0, 0, 23),
    v6(0x2001, 0xdb8, 0, 0, 32),
    v6(0x2002, 0, 0, 0, 16),
    v6(0x3fff, 0, 0, 0, 20),
];

#[cfg(test)]
mod tests;
