//! `vaultctl unwrap`

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value as Json, json};
use vault_sdk::{Error, Kind, Text, Unwrapped, Value};

use super::Outcome;
use crate::assign::Argument;
use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files::may_write;
use crate::formats::dotenv;
use crate::output::Format;
use crate::prompt::read_line;
use crate::table::Lister;
use crate::time;
use crate::view;

/// Take a value that someone left for you
///
/// A code opens its value once. It is asked for where it is not given, or read from stdin where something is piped
/// in; no session is needed. Whatever the form that was asked for, what was taken is printed: it is nowhere else.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The code, `vls_…`, or `-` for stdin; as an argument it shows in `ps` and in the shell's history
    #[arg(value_name = "CODE")]
    code: Option<Argument>,

    /// Write the value to a file of mode 0600
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Args {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        let mut target = ctl.target()?;
        // Whoever has the code needs no session, and is not asked for one.
        target.token = None;
        let vault = target.vault(ctl)?;
        // ORDER: what cannot be kept is not taken
        if let Some(file) = &self.out {
            may_write(file)?;
        }
        let code = self.code(ctl)?;
        let taken = vault.sharing().unwrap(&code).await.map_err(refused)?;
        self.show(ctl, &taken)?;
        let when = time::local(taken.created_at.as_ref());
        ctl.output
            .note(&format!("{} left it at {when}", taken.created_by));
        Ok(Exit::Ok)
    }

    fn code(&self, ctl: &Ctl) -> Result<Text, Failure> {
        let text = match &self.code {
            // EXPOSE: into the code that is sent
            Some(given) if given.expose() != "-" => Text::new(given.expose().trim()),
            None if !ctl.prompt.is_piped() => {
                ctl.prompt.hidden("Code", "pipe it in: vaultctl unwrap -")?
            }
            Some(_) | None => read_line()?,
        };
        if text.is_empty() {
            return Err(Failure::usage("no code was given"));
        }
        Ok(Text::new(text.expose().trim()))
    }

    fn show(&self, ctl: &Ctl, taken: &Unwrapped) -> Result<(), Failure> {
        let mut fields = taken.fields.iter();
        let only = match (fields.next(), fields.next()) {
            (Some((_, value)), None) => Some(value),
            _ => None,
        };
        if let Some(file) = &self.out {
            return to_file(ctl, file, taken, only);
        }
        match (ctl.output.format(), only) {
            (Format::Json | Format::Ndjson, _) => ctl.output.json(&to_json(taken)),
            (Format::None, _) => Ok(()),
            (Format::Env, _) => match dotenv::of_fields(named(taken)) {
                Ok(lines) => ctl.output.line(&lines),
                Err(failure) => as_json(ctl, taken, failure.what()),
            },
            (Format::Auto | Format::Table | Format::Tsv | Format::Raw, Some(value)) => {
                bytes(ctl, value)
            }
            (Format::Auto, None) if !ctl.output.is_terminal() => {
                as_json(ctl, taken, "it has several fields")
            }
            (Format::Raw, None) => as_json(ctl, taken, "it has several fields"),
            (Format::Auto | Format::Table | Format::Tsv, None) => table(ctl, taken),
        }
    }
}

/// Another run is another taker.
fn refused(error: Error) -> Failure {
    let unknown = error.kind() == Kind::Unknown;
    let failure = Failure::from(error);
    if unknown {
        return failure.instead("try again; if nothing is waiting, it was lost: ask for it again");
    }
    failure
}

/// What was taken is not lost for a form that does not fit it.
fn as_json(ctl: &Ctl, taken: &Unwrapped, why: &str) -> Result<(), Failure> {
    ctl.output.warn(&format!("{why}: here it is as JSON"));
    ctl.output.json(&to_json(taken))
}

fn named(taken: &Unwrapped) -> impl Iterator<Item = (&str, &Value)> {
    taken
        .fields
        .iter()
        .map(|(name, value)| (name.as_str(), value))
}

fn to_file(
    ctl: &Ctl,
    file: &std::path::Path,
    taken: &Unwrapped,
    only: Option<&Value>,
) -> Result<(), Failure> {
    let written = match only {
        // EXPOSE: the file that was named, mode 0600
        Some(value) => ctl.write_output(file, value.expose()),
        None => ctl.write_output(file, to_json(taken).to_string().as_bytes()),
    };
    if let Err(failure) = written {
        as_json(ctl, taken, failure.what())?;
        return Err(failure);
    }
    let words = match only {
        Some(value) => format!("{} bytes are in {}", value.len(), file.display()),
        None => format!(
            "{} fields are in {}, as JSON",
            taken.fields.len(),
            file.display()
        ),
    };
    let bytes: usize = taken.fields.values().map(Value::len).sum();
    ctl.output.done(
        &words,
        || json!({ "file": file.display().to_string(), "bytes": bytes }),
    )
}

/// The value itself; on a terminal as text, whatever it is.
fn bytes(ctl: &Ctl, value: &Value) -> Result<(), Failure> {
    if !ctl.output.is_terminal() {
        // EXPOSE: stdout, because that is what the command is for
        return ctl.output.bytes(value.expose());
    }
    if let Some(text) = view::text_for_terminal(value) {
        return ctl.output.line(text);
    }
    ctl.output.warn("the value is binary: here it is in base64");
    // EXPOSE: stdout, because that is what the command is for
    ctl.output.line(&STANDARD.encode(value.expose()))
}

fn table(ctl: &Ctl, taken: &Unwrapped) -> Result<(), Failure> {
    let shown = |(_, value): (&str, &Value)| view::text_for_terminal(value).is_some();
    if !named(taken).all(shown) {
        return as_json(ctl, taken, "it is binary in part");
    }
    let mut lister = Lister::new(&ctl.output, &["field", "value"]);
    for (name, value) in named(taken) {
        let cells = vec![name.to_owned(), view::cell(value, true)];
        lister.push(cells, || Json::Null)?;
    }
    lister.finish("it has no fields")
}

fn to_json(taken: &Unwrapped) -> Json {
    let mut object = view::fields_to_json(&taken.fields);
    if let Some(map) = object.as_object_mut() {
        map.insert("created_by".to_owned(), json!(taken.created_by));
        let at = time::rfc3339(taken.created_at.as_ref());
        map.insert("created_at".to_owned(), json!(at));
    }
    object
}
