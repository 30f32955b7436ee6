//! Which vault is meant, whom to trust that it is, and as whom to speak.
//!
//! Flags and their environment come first, then the context. `--addr` alone uses nothing of the
//! current context: neither its CA nor its token goes to an address that was not stored with them.

use std::fs;
use std::time::Duration;

use vault_sdk::{CaCertificate, Endpoint, Fingerprint, Token, Vault};

use crate::client_files::ClientFiles;
use crate::contexts::{Context, Contexts, load_token, token};
use crate::ctl::Ctl;
use crate::failure::Failure;
use crate::files::read_private;
use crate::paths::variable;

/// Whom to trust.
#[derive(Clone, Debug)]
pub(crate) enum Trust {
    Machine,
    Ca(CaCertificate),
    Pin(Fingerprint),
}

/// A vault to talk to.
#[derive(Debug)]
pub(crate) struct Target {
    /// The context it comes from.
    pub(crate) context: Option<String>,
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) trust: Trust,
    pub(crate) server_name: Option<String>,
    pub(crate) token: Option<Token>,
    /// What its connections show.
    pub(crate) client: Option<ClientFiles>,
}

impl Target {
    pub(crate) fn find(ctl: &Ctl) -> Result<Self, Failure> {
        let globals = &ctl.globals;
        let direct = !globals.addr.is_empty();
        let chosen = if direct && globals.context.is_none() {
            None
        } else {
            chosen(ctl)?
        };
        let context = chosen.as_ref().map(|(_, context)| context);
        if context.is_none() && !direct {
            return Err(Failure::usage("no vault is chosen")
                .hint("try one: vaultd dev")
                .hint("or name yours: vaultctl context add NAME --addr https://host:8200 --ca-fingerprint F"));
        }
        let endpoints = match context {
            Some(context) if !direct => endpoints(context)?,
            _ => globals.addr.clone(),
        };
        let name = globals.tls_server_name.clone();
        let token = match flag_token(ctl)? {
            Some(token) => Some(token),
            None => match &chosen {
                Some((name, _)) => load_token(&ctl.paths, name)?,
                None => None,
            },
        };
        Ok(Self {
            endpoints,
            trust: trust(ctl, context)?,
            server_name: name.or_else(|| context.and_then(|context| context.server_name.clone())),
            token,
            client: ClientFiles::find(ctl, context)?,
            context: chosen.map(|(name, _)| name),
        })
    }

    /// What the flags name, without a token.
    pub(crate) fn direct(ctl: &Ctl) -> Result<Self, Failure> {
        Ok(Self {
            context: None,
            endpoints: ctl.globals.addr.clone(),
            trust: trust(ctl, None)?,
            server_name: ctl.globals.tls_server_name.clone(),
            token: None,
            client: ClientFiles::find(ctl, None)?,
        })
    }

    /// For people.
    pub(crate) fn describe(&self) -> String {
        let list: Vec<_> = self.endpoints.iter().map(ToString::to_string).collect();
        match &self.context {
            Some(context) => format!("{context} ({})", list.join(", ")),
            None => list.join(", "),
        }
    }

    /// Every address is a socket of this machine.
    pub(crate) fn is_local(&self) -> bool {
        self.endpoints
            .iter()
            .all(|endpoint| matches!(endpoint, Endpoint::Unix(_)))
    }

    pub(crate) fn vault(self, ctl: &Ctl) -> Result<Vault, Failure> {
        let mut builder = Vault::builder().endpoints(self.endpoints);
        builder = match self.trust {
            Trust::Machine => builder,
            Trust::Ca(ca) => builder.ca(ca),
            Trust::Pin(pin) => builder.ca_fingerprint(pin),
        };
        if let Some(name) = self.server_name {
            builder = builder.server_name(name);
        }
        if let Some(client) = &self.client {
            builder = builder.client_identity(client.read()?);
        }
        if let Some(token) = self.token {
            builder = builder.token(token);
        }
        let vault = builder.timeout(timeout(ctl)).build()?;
        Ok(match &ctl.needs {
            Some(needs) => vault.asking(needs),
            None => vault,
        })
    }
}

/// The limit for one call.
pub(crate) fn timeout(ctl: &Ctl) -> Duration {
    ctl.globals.timeout.unwrap_or(DEFAULT_TIMEOUT)
}

/// The endpoints of a context.
pub(crate) fn endpoints(context: &Context) -> Result<Vec<Endpoint>, Failure> {
    let parse = |text: &String| text.parse::<Endpoint>();
    let list: Result<Vec<_>, _> = context.endpoints.iter().map(parse).collect();
    list.map_err(|error| Failure::invalid(format!("contexts.toml: {error}")))
}

/// The CA certificate in a file.
pub(crate) fn read_ca(path: &std::path::Path) -> Result<(String, CaCertificate), Failure> {
    let doing = format!("reading {}", path.display());
    let pem = fs::read_to_string(path).map_err(|error| Failure::io(&doing, &error))?;
    let ca = CaCertificate::from_pem(pem.as_bytes())?;
    Ok((pem, ca))
}

/// The named context, or the current one.
fn chosen(ctl: &Ctl) -> Result<Option<(String, Context)>, Failure> {
    let contexts = Contexts::load(&ctl.paths)?;
    match ctl.globals.context.as_ref().or(contexts.current.as_ref()) {
        Some(name) => Ok(Some((name.clone(), contexts.named(name)?.clone()))),
        None => Ok(None),
    }
}

fn trust(ctl: &Ctl, context: Option<&Context>) -> Result<Trust, Failure> {
    if let Some(path) = &ctl.globals.ca_cert {
        return Ok(Trust::Ca(read_ca(path)?.1));
    }
    if let Some(pin) = ctl.globals.ca_fingerprint {
        return Ok(Trust::Pin(pin));
    }
    let Some(context) = context else {
        return Ok(Trust::Machine);
    };
    let pin = context
        .ca_fingerprint
        .as_deref()
        .map(str::parse::<Fingerprint>)
        .transpose();
    let pin = pin.map_err(|error| Failure::invalid(format!("contexts.toml: {error}")))?;
    let Some(pem) = &context.ca_pem else {
        return Ok(pin.map_or(Trust::Machine, Trust::Pin));
    };
    let ca = CaCertificate::from_pem(pem.as_bytes())?;
    if pin.is_some_and(|pin| pin != ca.fingerprint()) {
        return Err(Failure::invalid(
            "contexts.toml: CA and fingerprint of the context disagree",
        ));
    }
    Ok(Trust::Ca(ca))
}

/// The token of `--token-file` or of the environment.
fn flag_token(ctl: &Ctl) -> Result<Option<Token>, Failure> {
    if let Some(path) = &ctl.globals.token_file {
        let missing = || Failure::invalid(format!("{} holds no token", path.display()));
        let text = read_private(path)?.ok_or_else(missing)?;
        return token(&text).ok_or_else(missing).map(Some);
    }
    Ok(variable("VAULTCTL_TOKEN").and_then(|text| token(&text.to_string_lossy())))
}

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests;
