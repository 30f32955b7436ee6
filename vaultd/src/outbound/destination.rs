//! Where connections may go, and addresses of pages there: `https`, a host, perhaps a port; nothing that two readers
//! could read in two ways.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Longest address of a page.
const MAX_URL: usize = 1_024;
/// The port of `https`.
const PORT: u16 = 443;

/// `https://HOST[:PORT]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    host: Host,
    port: u16,
}

/// A name or an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Host {
    /// In lower case, without a dot at its end.
    Name(String),
    /// As it stands in the address; judged like any other.
    Ip(IpAddr),
}

/// The address of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    origin: Origin,
    path: String,
}

/// Why a text is no destination, or no address of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Another scheme, or none.
    #[error("it begins with `https://`")]
    Scheme,
    /// Over 1024 bytes.
    #[error("it has at most {MAX_URL} bytes")]
    Long,
    /// No host, or one that could be read in two ways.
    #[error(
        "its host is a name in lower case (`xn--` where it is not ASCII) or an address; without user or `*`"
    )]
    Host,
    /// Not 1 to 65535.
    #[error("its port is a number from 1 to 65535, without zeros before it")]
    Port,
    /// Of a destination: there is one.
    #[error("it ends with the host or the port: the path is not for it to say")]
    Path,
    /// Of a page: a character that has no place in one.
    #[error("its path has letters, digits, `%` and the marks of RFC 3986, and no fragment")]
    Characters,
}

impl Origin {
    /// Reads a destination: no path, no wildcard.
    ///
    /// # Errors
    /// [`UrlError`].
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let (origin, rest) = split(text)?;
        if rest.is_empty() {
            Ok(origin)
        } else {
            Err(UrlError::Path)
        }
    }

    pub(super) fn host(&self) -> &Host {
        &self.host
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// As `Host` has it: without the usual port.
    pub(super) fn authority(&self) -> String {
        let host = match &self.host {
            Host::Name(name) => name.clone(),
            Host::Ip(IpAddr::V4(address)) => address.to_string(),
            Host::Ip(IpAddr::V6(address)) => format!("[{address}]"),
        };
        if self.port == PORT {
            host
        } else {
            format!("{host}:{}", self.port)
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "https://{}", self.authority())
    }
}

impl Url {
    /// Reads the address of a page.
    ///
    /// # Errors
    /// [`UrlError`].
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let (origin, rest) = split(text)?;
        let fits =
            |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:@/?".contains(&byte);
        if !rest.bytes().all(fits) {
            return Err(UrlError::Characters);
        }
        let path = if rest.starts_with('/') {
            rest.to_owned()
        } else {
            format!("/{rest}")
        };
        Ok(Self { origin, path })
    }

    /// Where it is.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Its path and query.
    pub(super) fn path(&self) -> &str {
        &self.path
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin, self.path)
    }
}

/// The origin of an address, and what stands behind it.
fn split(text: &str) -> Result<(Origin, &str), UrlError> {
    if text.len() > MAX_URL {
        return Err(UrlError::Long);
    }
    let rest = text.strip_prefix("https://").ok_or(UrlError::Scheme)?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at_checked(end).ok_or(UrlError::Host)?;
    let (host, port) = if let Some(inside) = authority.strip_prefix('[') {
        let (address, port) = inside.split_once(']').ok_or(UrlError::Host)?;
        let address: Ipv6Addr = address.parse().map_err(|_| UrlError::Host)?;
        (Host::Ip(address.into()), port)
    } else {
        let end = authority.find(':').unwrap_or(authority.len());
        let (name, port) = authority.split_at_checked(end).ok_or(UrlError::Host)?;
        (host(name)?, port)
    };
    let port = match port.strip_prefix(':') {
        Some(port) => number(port)?,
        None if port.is_empty() => PORT,
        None => return Err(UrlError::Host),
    };
    Ok((Origin { host, port }, rest))
}

fn number(text: &str) -> Result<u16, UrlError> {
    if text.starts_with('0') || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(UrlError::Port);
    }
    text.parse().map_err(|_| UrlError::Port)
}

/// RFC 1123 names, and IPv4 addresses in their one usual form: where the last part is a number, others would read an
/// address out of it.
fn host(text: &str) -> Result<Host, UrlError> {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    if text.len() > 253 || !text.split('.').all(label) {
        return Err(UrlError::Host);
    }
    let last = text.rsplit('.').next().unwrap_or_default();
    if last.starts_with(|first: char| first.is_ascii_digit()) {
        let address: Result<Ipv4Addr, _> = text.parse();
        return address
            .map(|four| Host::Ip(four.into()))
            .map_err(|_| UrlError::Host);
    }
    Ok(Host::Name(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_are_a_scheme_a_host_and_perhaps_a_port() {
        for (text, shown) in [
            ("https://issuer.example.com", "https://issuer.example.com"),
            (
                "https://issuer.example.com:443",
                "https://issuer.example.com",
            ),
            (
                "https://issuer.example.com:8443",
                "https://issuer.example.com:8443",
            ),
            ("https://localhost:1", "https://localhost:1"),
            (
                "https://xn--bcher-kva.example",
                "https://xn--bcher-kva.example",
            ),
            ("https://10.0.0.1", "https://10.0.0.1"),
            ("https://[::1]:65535", "https://[::1]:65535"),
            ("https://1a.b2", "https://1a.b2"),
        ] {
            assert_eq!(Origin::parse(text).unwrap().to_string(), shown);
        }
    }

    #[test]
    fn what_two_readers_could_read_in_two_ways_is_no_destination() {
        for (text, error) in [
            ("", UrlError::Scheme),
            ("issuer.example.com", UrlError::Scheme),
            ("http://issuer.example.com", UrlError::Scheme),
            ("HTTPS://issuer.example.com", UrlError::Scheme),
            (" https://issuer.example.com", UrlError::Scheme),
            ("https:/issuer.example.com", UrlError::Scheme),
            ("file:///etc/passwd", UrlError::Scheme),
            ("https://", UrlError::Host),
            ("https:///x", UrlError::Host),
            ("https://:443", UrlError::Host),
            ("https://*.example.com", UrlError::Host),
            ("https://*", UrlError::Host),
            ("https://Issuer.example.com", UrlError::Host),
            ("https://issuer.example.com.", UrlError::Host),
            ("https://.example.com", UrlError::Host),
            ("https://a..b", UrlError::Host),
            ("https://-a.b", UrlError::Host),
            ("https://a_b.c", UrlError::Host),
            ("https://user@issuer.example.com", UrlError::Host),
            ("https://issuer.example.com@evil.test", UrlError::Host),
            ("https://issuer.example.com\\@evil.test", UrlError::Host),
            ("https://issuer.example.com%2f", UrlError::Host),
            ("https://bücher.example", UrlError::Host),
            ("https://a b", UrlError::Host),
            ("https://a\n", UrlError::Host),
            ("https://2130706433", UrlError::Host),
            ("https://0x7f.1", UrlError::Host),
            ("https://0x7f000001", UrlError::Host),
            ("https://127.1", UrlError::Host),
            ("https://127.0.0.01", UrlError::Host),
            ("https://0177.0.0.1", UrlError::Host),
            ("https://127.0.0.1.", UrlError::Host),
            ("https://::1", UrlError::Host),
            ("https://[::1", UrlError::Host),
            ("https://[::1]x", UrlError::Host),
            ("https://[::1%25lo]", UrlError::Host),
            ("https://[127.0.0.1]", UrlError::Host),
            ("https://issuer.example.com:", UrlError::Port),
            ("https://issuer.example.com:0", UrlError::Port),
            ("https://issuer.example.com:0443", UrlError::Port),
            ("https://issuer.example.com:65536", UrlError::Port),
            ("https://issuer.example.com:+1", UrlError::Port),
            ("https://issuer.example.com:1:2", UrlError::Port),
            ("https://issuer.example.com/", UrlError::Path),
            ("https://issuer.example.com/keys", UrlError::Path),
            ("https://issuer.example.com?x", UrlError::Path),
            ("https://issuer.example.com#x", UrlError::Path),
        ] {
            assert_eq!(Origin::parse(text), Err(error), "{text:?}");
        }
        let long = format!("https://{}", "a.".repeat(600));
        assert_eq!(Origin::parse(&long), Err(UrlError::Long));
        let label = format!("https://{}.test", "a".repeat(64));
        assert_eq!(Origin::parse(&label), Err(UrlError::Host));
    }

    #[test]
    fn an_address_of_a_page_belongs_to_its_origin_and_to_no_other() {
        let allowed = Origin::parse("https://issuer.example.com").unwrap();
        for (text, path) in [
            ("https://issuer.example.com", "/"),
            ("https://issuer.example.com:443/keys", "/keys"),
            ("https://issuer.example.com/a/b?c=d&e=%20", "/a/b?c=d&e=%20"),
            ("https://issuer.example.com?x=@y", "/?x=@y"),
        ] {
            let url = Url::parse(text).unwrap();
            assert_eq!((url.origin(), url.path()), (&allowed, path), "{text}");
        }
        for text in [
            "https://issuer.example.com:8443/keys",
            "https://issuer.example.com.evil.test/keys",
            "https://evil.test/https://issuer.example.com",
            "https://sub.issuer.example.com/keys",
            "https://example.com/keys",
        ] {
            assert_ne!(Url::parse(text).unwrap().origin(), &allowed, "{text}");
        }
        for text in [
            "https://issuer.example.com/a b",
            "https://issuer.example.com/a#b",
            "https://issuer.example.com/a\r\nx: y",
            "https://issuer.example.com/\u{e9}",
            "https://issuer.example.com/\"",
            "https://issuer.example.com/\\",
            "https://issuer.example.com/{x}",
        ] {
            assert_eq!(Url::parse(text), Err(UrlError::Characters), "{text:?}");
        }
    }
}
