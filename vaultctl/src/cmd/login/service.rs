//! `vaultctl login --service NAME`, `--cert FILE`: programs, which are asked nothing.

use std::path::PathBuf;

use vault_sdk::{Error, LoggedIn, SessionTerms, Text};

use crate::client_files::ClientFiles;
use crate::cmd::policy::read_text;
use crate::connect::Target;
use crate::ctl::Ctl;
use crate::failure::Failure;
use crate::files::read_private;
use crate::paths::variable;
use crate::prompt::read_line;

/// As which service, and by what.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("program").args(["service", "jwt_file"]).multiple(true)))]
pub(super) struct Program {
    /// Log in as a service: with a secret id, from --secret-id-file, VAULTCTL_SECRET_ID or stdin
    #[arg(long, value_name = "NAME", conflicts_with = "user")]
    service: Option<String>,

    /// File that holds the service's secret id
    #[arg(long, value_name = "FILE", requires = "service")]
    secret_id_file: Option<PathBuf>,

    /// Log in as the service that this process is by its uid: over the vault's Unix socket
    #[arg(long, requires = "service", conflicts_with = "secret_id_file")]
    peer: bool,

    /// Log in by the key of this client certificate, which was pinned to a service; the session is good with that key
    /// only, and the context remembers where both files lie
    #[arg(long, value_name = "FILE", conflicts_with_all = ["user", "secret_id_file", "peer", "jwt_file"])]
    cert: Option<PathBuf>,

    /// File that holds the certificate's key, which nobody else can read [default: the certificate's]
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,

    /// Log in with the token of a trusted issuer; `-` for stdin. Kubernetes puts one into the pod
    #[arg(long, value_name = "FILE", requires = "service", conflicts_with_all = ["user", "secret_id_file", "peer"])]
    jwt_file: Option<String>,

    /// Have a session of 15 minutes at most that the vault signs and keeps no record of: for very many logins. It is
    /// ended only with all sessions of the service
    #[arg(long, conflicts_with_all = ["user", "idle", "uses"], requires = "program")]
    pub(super) signed: bool,
}

/// Largest token of an issuer.
const LARGEST_JWT: u64 = 16 << 10;

impl Program {
    /// Whether it is a program that logs in.
    pub(super) fn is_meant(&self) -> bool {
        self.service.is_some() || self.cert.is_some()
    }

    /// The client certificate to log in by.
    pub(super) fn certificate(&self) -> Option<ClientFiles> {
        let cert = self.cert.as_deref()?;
        Some(ClientFiles::new(cert, self.key.as_deref()))
    }

    /// Logs in as it.
    pub(super) async fn log_in(
        &self,
        ctl: &Ctl,
        target: Target,
        terms: SessionTerms,
    ) -> Result<LoggedIn, Failure> {
        let service = self.service.as_deref().unwrap_or_default();
        if let Some(file) = &self.jwt_file {
            let jwt = read_text(file, LARGEST_JWT, "a token")?;
            let jwt = Text::new(jwt.trim_end().to_owned());
            let vault = target.vault(ctl)?;
            let login = vault.trusts().login(service, &jwt, terms);
            return login.await.map_err(refused_token);
        }
        if self.cert.is_some() {
            if target.is_local() {
                return Err(Failure::usage("a Unix socket shows no certificate")
                    .hint("use the vault's TLS address: --addr https://host:8200"));
            }
            let vault = target.vault(ctl)?;
            let programs = vault.programs();
            let login = programs.login_certificate(self.service.as_deref(), terms);
            return login.await.map_err(refused_key);
        }
        if self.peer && !target.is_local() {
            return Err(
                Failure::usage("whose process this is is known over the Unix socket only")
                    .hint("use it: --addr unix:/path/to/socket"),
            );
        }
        let vault = target.vault(ctl)?;
        let made = if self.peer {
            vault.programs().login_peer(service, terms).await
        } else {
            let id = self.secret_id(ctl)?;
            let login = vault.programs().login_secret_id(service, &id, terms);
            login.await
        };
        made.map_err(|error| refused(error, service, self.peer))
    }

    fn secret_id(&self, ctl: &Ctl) -> Result<Text, Failure> {
        let text = if let Some(path) = &self.secret_id_file {
            let missing = || Failure::invalid(format!("there is no {}", path.display()));
            let text = read_private(path)?.ok_or_else(missing)?;
            Text::new(text.trim())
        } else if let Some(text) = variable("VAULTCTL_SECRET_ID") {
            Text::new(text.to_string_lossy().trim())
        } else if ctl.prompt.is_piped() {
            read_line()?
        } else {
            ctl.prompt
                .hidden("Secret id", "pipe it in, or use --secret-id-file FILE")?
        };
        if text.is_empty() {
            return Err(Failure::usage("no secret id was given"));
        }
        Ok(text)
    }
}

/// One answer for whatever is wrong: all that it may be.
fn refused(error: Error, service: &str, peer: bool) -> Failure {
    let failed = error.reason() == "LOGIN_FAILED";
    let failure = Failure::from(error);
    match (failed, peer) {
        (false, _) => failure,
        (true, false) => failure.instead(&format!(
            "it may be used up, ended, or not good from here; an administrator issues another: \
             vaultctl service secret-id issue {service}"
        )),
        (true, true) => failure.instead(&format!(
            "an administrator says whose processes are it: vaultctl service allow-uid {service} UID"
        )),
    }
}

/// Which service's it would be is not for whoever has no right to know.
fn refused_key(error: Error) -> Failure {
    if error.reason() == "LOGIN_FAILED" {
        let advice =
            "an administrator says whose key it is: vaultctl service pin add NAME --cert FILE";
        return Failure::from(error).instead(advice);
    }
    error.into()
}

/// Which of the bindings failed is for the audit.
fn refused_token(error: Error) -> Failure {
    if error.reason() == "LOGIN_FAILED" {
        let advice =
            "the audit says why: vaultctl audit search; what is bound: vaultctl trust show NAME";
        return Failure::from(error).instead(advice);
    }
    error.into()
}
