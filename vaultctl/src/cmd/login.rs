//! `vaultctl login`

mod service;

use std::time::Duration;

use vault_sdk::{
    Credentials, Error, Kind, LoggedIn, PasswordLogin, SessionLimits, SessionTerms, Token, Vault,
};

use super::Outcome;
use super::paths::parse_folder;
use super::whoami::session_json;
use crate::client_files::ClientFiles;
use crate::contexts::{Contexts, save_token};
use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::prompt::{Answers, read_line};
use crate::time::{self, parse_span};

/// Log in with a password, or exchange a token for a session; kept in the context
///
/// With USER it asks for the password, and for a code or a new password where the vault wants them;
/// piped in, each answer is a line. With --service or --cert a program logs in. Without either it takes a
/// token, from stdin where something is piped in. With --action and --under the session can do less: for a script, say.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Who you are
    #[arg(value_name = "USER")]
    user: Option<String>,

    #[command(flatten)]
    program: service::Program,

    /// How long the session lasts, 1m to 24h [default: 12h]; a signed one 1m to 15m [default: 15m]
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    ttl: Option<Duration>,

    /// Let the session do only this, as secret:GetValue or 'secret:*'; may be given again
    #[arg(long = "action", value_name = "ACTION")]
    actions: Vec<String>,

    /// Let the session see only this folder and what lies under it
    #[arg(long, value_name = "DIR", value_parser = parse_folder)]
    under: Option<String>,

    #[command(flatten)]
    limits: Limits,

    /// Print the session's token instead of keeping it
    #[arg(long)]
    print_token: bool,
}

/// How a session is held in beside what it may do.
#[derive(Debug, clap::Args)]
pub(super) struct Limits {
    /// End the session so long after it was last renewed, 1m to its ttl
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    idle: Option<Duration>,

    /// Let the session be good for so many requests only
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    uses: Option<u32>,

    /// Let the session be used from there only: addresses as 10.0.0.0/8, or `unix` for the Unix
    /// socket; may be given again
    #[arg(long = "bind", value_name = "CIDR")]
    places: Vec<String>,
}

impl Limits {
    pub(super) fn into_sdk(self) -> SessionLimits {
        SessionLimits {
            idle: self.idle,
            uses: self.uses,
            places: self.places,
            signed: false,
        }
    }
}

impl Args {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        let mut target = ctl.target()?;
        let context = match (&target.context, self.print_token) {
            (Some(context), _) => context.clone(),
            (None, true) => String::new(),
            (None, false) => {
                return Err(Failure::usage("there is no context to keep the session in")
                    .hint("make one with `vaultctl context add`, or use --print-token"));
            }
        };
        let mut terms = SessionTerms {
            ttl: self.ttl,
            actions: self.actions,
            under: self.under.unwrap_or_default(),
            limits: self.limits.into_sdk(),
        };
        terms.limits.signed = self.program.signed;
        let anew = self.program.is_meant() || self.user.is_some();
        if anew {
            // Of whoever was logged in before.
            target.token = None;
            target.client = match self.program.certificate() {
                Some(files) => Some(files),
                None => ClientFiles::find(ctl, None)?,
            };
        }
        let client = target.client.clone();
        let made = if self.program.is_meant() {
            self.program.log_in(ctl, target, terms).await?
        } else if let Some(user) = self.user {
            with_password(ctl, &target.vault(ctl)?, user, terms).await?
        } else {
            let vault = target.vault(ctl)?.with_token(&given(ctl)?)?;
            vault.auth().login(terms).await.map_err(refused)?
        };
        if self.print_token {
            // EXPOSE: stdout, because it was asked for
            ctl.output.line(made.token.expose())?;
            return Ok(Exit::Ok);
        }
        save_token(&ctl.paths, &context, &made.token)?;
        let takes = !made.session.key_hash.is_empty();
        let files = client.filter(|_| takes);
        Contexts::change(&ctl.paths, &context, |there| there.hold(files.as_ref()))?;
        let until = time::local(made.session.expires_at.as_ref());
        let words = format!(
            "logged in to {context} as {} until {until}",
            made.session.principal
        );
        ctl.output.done(&words, || session_json(&made.session))?;
        Ok(Exit::Ok)
    }
}

/// Asks for what the vault wants, one thing after the other.
async fn with_password(
    ctl: &Ctl,
    vault: &Vault,
    user: String,
    terms: SessionTerms,
) -> Result<LoggedIn, Failure> {
    let answers = Answers::new(ctl.prompt);
    let mut given = Credentials {
        user,
        password: answers.one("Password")?,
        code: None,
        new_password: None,
    };
    let mut asked = 0;
    loop {
        let error = match vault.auth().login_password(&given, terms.clone()).await {
            Ok(login) => {
                tell(ctl, &login);
                return Ok(login.made);
            }
            Err(error) => error,
        };
        asked += 1;
        let again = answers.may_ask_again() && asked < MOST_ANSWERS;
        match error.reason() {
            "PASSWORD_CHANGE_REQUIRED" if given.new_password.is_none() => {
                ctl.output
                    .note("this password must be changed before anything else");
                given.new_password = Some(answers.new_one("New password")?);
            }
            "PASSWORD_REFUSED" if again => {
                ctl.output.warn(error.message());
                given.new_password = Some(answers.new_one("New password")?);
            }
            "MFA_REQUIRED" if given.code.is_none() => given.code = Some(answers.one("Code")?),
            "CODE_WRONG" | "CODE_USED" if again => {
                ctl.output.warn(error.message());
                given.code = Some(answers.one("Code")?);
            }
            _ => return Err(error.into()),
        }
    }
}

/// What whoever is logged in should know.
fn tell(ctl: &Ctl, login: &PasswordLogin) {
    if let Some(left) = login.recovery_codes_left {
        let text = format!("a recovery code was used up; {left} are left");
        ctl.output.warn(&text);
    }
    if let Some(by) = &login.change_password_by {
        let text = format!("the password must be changed by {}", time::local(Some(by)));
        ctl.output.note(&text);
    }
    if let Some(by) = &login.enrol_by {
        let text = format!(
            "a second factor must be enrolled by {}, when this session ends at the latest: ask an administrator for a \
             code, then `vaultctl mfa enrol`",
            time::local(Some(by))
        );
        ctl.output.warn(&text);
    }
    if login.made.session.only_enrols {
        ctl.output.warn(ENROL_FIRST);
    }
}

/// To log in is no advice for whoever is at it.
fn refused(error: Error) -> Failure {
    if error.kind() == Kind::Unauthenticated {
        return Failure::from(error)
            .saying("the vault does not know this token: it is another vault's, or ended")
            .instead("is it the whole token, and the right context? vaultctl context show");
    }
    error.into()
}

/// The token to exchange.
fn given(ctl: &Ctl) -> Result<Token, Failure> {
    if ctl.globals.token_file.is_some() {
        let token = ctl.target()?.token;
        return token.ok_or_else(|| Failure::invalid("the token file holds no token"));
    }
    let text = if ctl.prompt.is_piped() {
        read_line().map_err(|failure| failure.hint("pipe the token in: vaultctl login <FILE"))?
    } else {
        ctl.prompt
            .hidden("Token", "pipe it in, or use --token-file FILE")?
    };
    if text.is_empty() {
        return Err(Failure::usage("no token was given"));
    }
    Ok(Token::new(text.expose()))
}

/// Of a session that is good for nothing else.
const ENROL_FIRST: &str = "a second factor is demanded and there is none: until `vaultctl mfa enrol`, with a code that an \
                           administrator issues, this session can do nothing else";

/// Of what the vault wants beside a password: refusals of it included.
const MOST_ANSWERS: usize = 5;
