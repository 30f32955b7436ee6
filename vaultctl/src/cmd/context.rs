//! `vaultctl context add|ls|use|show|rm`

use clap::Subcommand;
use serde_json::{Value, json};
use vault_sdk::{Endpoint, fetch_ca};

use super::Outcome;
use crate::connect::{read_ca, timeout};
use crate::contexts::{Context, Contexts, load_token, parse_name, remove_token};
use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::table::{Lister, record};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Store a vault's address and CA under a name
    ///
    /// With --ca-fingerprint, connects, checks that the server proves itself under that CA, and keeps
    /// the CA. The daemon prints the fingerprint when it starts.
    Add(Add),
    /// List contexts
    Ls,
    /// Make a context the current one
    Use {
        /// Its name
        #[arg(value_parser = parse_name)]
        name: String,
    },
    /// Show a context
    Show {
        /// Its name; without it, the current one
        #[arg(value_parser = parse_name)]
        name: Option<String>,
    },
    /// Forget a context and its token
    Rm {
        /// Its name
        #[arg(value_parser = parse_name)]
        name: String,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct Add {
    /// Its name
    #[arg(value_parser = parse_name)]
    name: String,

    /// Make it the current one, even if there is one
    #[arg(long = "use")]
    make_current: bool,

    /// Replace a context of that name
    #[arg(long)]
    force: bool,
}

impl Command {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        match self {
            Self::Add(args) => args.run(ctl).await?,
            Self::Ls => list(ctl)?,
            Self::Use { name } => choose(ctl, &name)?,
            Self::Show { name } => show(ctl, name)?,
            Self::Rm { name } => forget(ctl, &name)?,
        }
        Ok(Exit::Ok)
    }
}

impl Add {
    async fn run(self, ctl: &Ctl) -> Result<(), Failure> {
        let mut contexts = Contexts::load(&ctl.paths)?;
        if contexts.contexts.contains_key(&self.name) && !self.force {
            let exists = format!("there is a context `{}` already", self.name);
            return Err(Failure::new("exists", Exit::Conflict, exists).hint("replace it: --force"));
        }
        let context = probe(ctl).await?;
        let pin = context.ca_fingerprint.clone();
        // A token belongs to the vault it was made by, and to no other that takes its name.
        if contexts
            .contexts
            .get(&self.name)
            .is_some_and(|before| before.ca_pem != context.ca_pem)
        {
            remove_token(&ctl.paths, &self.name)?;
        }
        contexts.contexts.insert(self.name.clone(), context);
        if self.make_current || contexts.current.is_none() {
            contexts.current = Some(self.name.clone());
        }
        let current = contexts.current.as_ref() == Some(&self.name);
        contexts.save(&ctl.paths)?;
        let words = match (&pin, current) {
            (Some(pin), true) => format!("context {} is stored and current; CA {pin}", self.name),
            (Some(pin), false) => format!("context {} is stored; CA {pin}", self.name),
            (None, true) => format!("context {} is stored and current", self.name),
            (None, false) => format!("context {} is stored", self.name),
        };
        let value = || json!({ "name": self.name, "current": current, "ca_fingerprint": pin });
        ctl.output.done(&words, value)
    }
}

/// Connects to what `--addr` names, and returns what to store about it.
async fn probe(ctl: &Ctl) -> Result<Context, Failure> {
    let globals = &ctl.globals;
    if globals.addr.is_empty() {
        return Err(Failure::usage("--addr is missing")
            .hint("as in --addr https://host:8200 --ca-fingerprint sha256:…"));
    }
    let mut context = Context {
        endpoints: globals.addr.iter().map(ToString::to_string).collect(),
        server_name: globals.tls_server_name.clone(),
        ..Default::default()
    };
    let over_tcp = |endpoint: &&Endpoint| matches!(endpoint, Endpoint::Https { .. });
    let Some(first) = globals.addr.iter().find(over_tcp) else {
        return Ok(context);
    };
    if let Some(path) = &globals.ca_cert {
        let (pem, ca) = read_ca(path)?;
        if globals
            .ca_fingerprint
            .is_some_and(|pin| pin != ca.fingerprint())
        {
            return Err(Failure::invalid("--ca-cert and --ca-fingerprint disagree"));
        }
        context.ca_fingerprint = Some(ca.fingerprint().to_string());
        context.ca_pem = Some(pem);
    } else if let Some(pin) = globals.ca_fingerprint {
        let name = globals.tls_server_name.as_deref();
        let ca = fetch_ca(first, pin, name, timeout(ctl)).await?;
        context.ca_fingerprint = Some(pin.to_string());
        context.ca_pem = Some(ca.to_pem());
    }
    // Proves that name, address and CA fit together, before they are kept.
    let globals_only = ctl.direct_target()?;
    globals_only.vault(ctl)?.system().status().await?;
    Ok(context)
}

fn list(ctl: &Ctl) -> Result<(), Failure> {
    let contexts = Contexts::load(&ctl.paths)?;
    let mut lister = Lister::new(&ctl.output, &["current", "name", "endpoints", "session"]);
    for (name, context) in &contexts.contexts {
        let current = contexts.current.as_ref() == Some(name);
        let token = load_token(&ctl.paths, name)?.is_some();
        let mark = if current { "*" } else { "" };
        let session = if token { "kept" } else { "" };
        let cells = vec![
            mark.into(),
            name.clone(),
            context.endpoints.join(","),
            session.into(),
        ];
        lister.push(cells, || to_json(name, context, current, token))?;
    }
    lister.finish("no context yet: vaultctl context add NAME --addr A")
}

fn choose(ctl: &Ctl, name: &str) -> Result<(), Failure> {
    let mut contexts = Contexts::load(&ctl.paths)?;
    contexts.named(name)?;
    contexts.current = Some(name.to_owned());
    contexts.save(&ctl.paths)?;
    ctl.output.done(
        &format!("context {name} is current"),
        || json!({ "name": name, "current": true }),
    )
}

fn show(ctl: &Ctl, name: Option<String>) -> Result<(), Failure> {
    let contexts = Contexts::load(&ctl.paths)?;
    let name = name
        .or_else(|| ctl.globals.context.clone())
        .or_else(|| contexts.current.clone());
    let name = name.ok_or_else(|| Failure::usage("no context is current"))?;
    let context = contexts.named(&name)?;
    let current = contexts.current.as_ref() == Some(&name);
    let token = load_token(&ctl.paths, &name)?.is_some();
    record(
        &ctl.output,
        &[
            ("name", name.clone()),
            ("current", if current { "yes" } else { "no" }.to_owned()),
            ("endpoints", context.endpoints.join(", ")),
            (
                "server name",
                context.server_name.clone().unwrap_or_default(),
            ),
            ("ca", context.ca_fingerprint.clone().unwrap_or_default()),
            ("session", if token { "kept" } else { "none" }.to_owned()),
        ],
        || to_json(&name, context, current, token),
    )
}

fn forget(ctl: &Ctl, name: &str) -> Result<(), Failure> {
    let mut contexts = Contexts::load(&ctl.paths)?;
    contexts.named(name)?;
    contexts.contexts.remove(name);
    if contexts.current.as_deref() == Some(name) {
        contexts.current = None;
    }
    // The token first: without its context nothing would ever remove it.
    remove_token(&ctl.paths, name)?;
    contexts.save(&ctl.paths)?;
    ctl.output.done(
        &format!("context {name} is forgotten"),
        || json!({ "name": name }),
    )
}

fn to_json(name: &str, context: &Context, current: bool, token: bool) -> Value {
    json!({
        "name": name,
        "current": current,
        "endpoints": context.endpoints,
        "server_name": context.server_name,
        "ca_fingerprint": context.ca_fingerprint,
        "session": token,
    })
}
