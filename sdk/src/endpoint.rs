//! Where a vault listens: `https://host:port` or `unix:/path`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use http::Uri;

/// One address of a vault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// TLS over TCP.
    Https {
        /// Name or address.
        host: String,
        /// Port; 8200 unless given.
        port: u16,
    },
    /// A Unix socket of this machine.
    Unix(PathBuf),
}

/// Why an address is not one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// `http://`.
    #[error("`{0}`: the vault has no plaintext listener; write https://")]
    Plaintext(String),
    /// Anything else.
    #[error("`{0}` is not an address; write https://host:8200 or unix:/path/to/socket")]
    Malformed(String),
}

impl Endpoint {
    /// The URI that requests carry; for a Unix socket a fixed one, as the path goes to the connector.
    pub(crate) fn uri(&self) -> String {
        match self {
            Self::Https { host, port } if host.contains(':') => format!("https://[{host}]:{port}"),
            Self::Https { host, port } => format!("https://{host}:{port}"),
            Self::Unix(_) => "http://localhost".to_owned(),
        }
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let malformed = || EndpointError::Malformed(text.to_owned());
        if let Some(path) = text.strip_prefix("unix:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return if path.starts_with('/') {
                Ok(Self::Unix(path.into()))
            } else {
                Err(malformed())
            };
        }
        let uri: Uri = text.parse().map_err(|_| malformed())?;
        if uri.scheme_str() == Some("http") {
            return Err(EndpointError::Plaintext(text.to_owned()));
        }
        let authority = uri.authority().ok_or_else(malformed)?;
        let bare = matches!(uri.path(), "" | "/") && uri.query().is_none();
        if uri.scheme_str() != Some("https") || !bare || authority.as_str().contains('@') {
            return Err(malformed());
        }
        let host = authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let port = match authority.as_str().rsplit_once(':') {
            Some((_, port)) if !port.ends_with(']') => port.parse().map_err(|_| malformed())?,
            _ => DEFAULT_PORT,
        };
        if host.is_empty() || port == 0 {
            return Err(malformed());
        }
        Ok(Self::Https { host, port })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Https { .. } => f.write_str(&self.uri()),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

const DEFAULT_PORT: u16 = 8200;

#[cfg(test)]
mod tests {
    use super::Endpoint;

    #[test]
    fn addresses_are_read_and_written() {
        for (text, shown) in [
            ("https://fra:8200", "https://fra:8200"),
            ("https://fra", "https://fra:8200"),
            ("https://fra/", "https://fra:8200"),
            ("https://[::1]:9", "https://[::1]:9"),
            ("unix:/run/v.sock", "unix:/run/v.sock"),
            ("unix:///run/v.sock", "unix:/run/v.sock"),
        ] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn other_things_are_refused() {
        for text in [
            "",
            "fra",
            "fra:8200",
            "http://fra",
            "https://",
            "https://fra/x",
            "https://fra?x",
            "https://u:p@fra",
            "unix:",
            "unix:relative",
            "ftp://fra",
            "https://fra:99999",
        ] {
            assert!(text.parse::<Endpoint>().is_err(), "{text}");
        }
    }
}
