//! `vaultctl get`

use std::path::PathBuf;

use serde_json::{Value as Json, json};
use vault_sdk::{Kind, Reference, Secret, Selector, Value};

use super::Outcome;
use crate::assign::parse_field;
use crate::ctl::Ctl;
use crate::decode::Encoding;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::formats::dotenv;
use crate::output::Format;
use crate::table::Lister;
use crate::view;

/// Read secrets
///
/// One field goes to a pipe as exact bytes, and to a terminal with a newline. Several fields make a
/// table on a terminal, masked unless --reveal; for a pipe say which field, or -o json.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// dir/name[#field][@version|@label]; several are read in one call, at one revision
    #[arg(required = true, value_name = "PATH")]
    references: Vec<Reference>,

    /// The field, where PATH names none
    #[arg(long, value_name = "F", value_parser = parse_field)]
    field: Option<String>,

    /// The version, where PATH names none
    #[arg(long = "version", value_name = "N")]
    number: Option<u64>,

    /// Show values in tables
    #[arg(long)]
    reveal: bool,

    /// What to print if there is no such secret, field or version
    #[arg(long, value_name = "V")]
    default: Option<String>,

    /// Print the bytes that the value stands for
    #[arg(long, value_enum, value_name = "ENCODING")]
    decode: Option<Encoding>,

    /// Write the value to a file of mode 0600
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// End the value with a newline
    #[arg(long, conflicts_with = "no_newline")]
    newline: bool,

    /// Do not end the value with a newline
    #[arg(long)]
    no_newline: bool,
}

impl Args {
    pub(crate) async fn run(mut self, ctl: &Ctl) -> Outcome {
        for reference in &mut self.references {
            if reference.field.is_none() {
                reference.field.clone_from(&self.field);
            }
            if reference.selector.is_none() {
                reference.selector = self.number.map(Selector::Version);
            }
        }
        match self.references.as_slice() {
            [reference] => self.one(ctl, reference).await,
            _ => self.many(ctl).await,
        }
    }

    async fn one(&self, ctl: &Ctl, reference: &Reference) -> Outcome {
        let vault = ctl.vault()?;
        let secret = match vault.secrets().get(reference).await {
            Ok(secret) => secret,
            Err(error) => match &self.default {
                Some(default) if error.kind() == Kind::NotFound => {
                    let value = Value::new(default.as_bytes());
                    let found = (reference.path.as_str(), "default", &value);
                    self.value_out(ctl, ctl.output.field_format(), found)?;
                    return Ok(Exit::Ok);
                }
                _ => return Err(ctl.about(&vault, &reference.path, error).await),
            },
        };
        self.show(ctl, reference, &secret)?;
        Ok(Exit::Ok)
    }

    fn show(&self, ctl: &Ctl, reference: &Reference, secret: &Secret) -> Result<(), Failure> {
        if let Some(field) = &reference.field {
            return self.field_out(ctl, ctl.output.field_format(), secret, field);
        }
        if self.decode.is_some() {
            // What is decoded is one value, whatever form it is to have.
            let given = Some(ctl.output.field_format()).filter(|format| *format != Format::Auto);
            return self.whole(ctl, given.unwrap_or(Format::Raw), secret);
        }
        match ctl.output.format() {
            Format::Json | Format::Ndjson if self.out.is_none() => {
                ctl.output.json(&view::to_json(secret))?;
            }
            Format::Env if self.out.is_none() => ctl.output.line(&dotenv::of_secret(secret)?)?,
            Format::Table | Format::Tsv if self.out.is_none() => self.table(ctl, &[secret])?,
            Format::None if self.out.is_none() => {}
            Format::None | Format::Json | Format::Ndjson | Format::Env | Format::Table => {
                self.whole(ctl, Format::Raw, secret)?;
            }
            format @ (Format::Auto | Format::Raw | Format::Tsv) => {
                self.whole(ctl, format, secret)?;
            }
        }
        Ok(())
    }

    /// A secret without a field named: its value if it has one only, else a table for people.
    fn whole(&self, ctl: &Ctl, format: Format, secret: &Secret) -> Result<(), Failure> {
        let mut names = secret.fields.keys();
        match (names.next(), names.next()) {
            (Some(only), None) => self.field_out(ctl, format, secret, only),
            _ if format == Format::Auto && self.out.is_none() && ctl.output.is_terminal() => {
                self.table(ctl, &[secret])
            }
            _ => {
                let names: Vec<_> = secret.fields.keys().map(String::as_str).collect();
                let what = format!("{} fields; add #field or -o json", names.len());
                Err(Failure::usage(what).hint(format!("its fields: {}", names.join(", "))))
            }
        }
    }

    fn field_out(
        &self,
        ctl: &Ctl,
        format: Format,
        secret: &Secret,
        field: &str,
    ) -> Result<(), Failure> {
        let value = secret.field(field)?;
        let Some(encoding) = self.decode else {
            return self.value_out(ctl, format, (&secret.path, field, value));
        };
        let refused = || Failure::invalid(format!("`{field}` is not {}", encoding.name()));
        let value = encoding.decode(value).ok_or_else(refused)?;
        self.value_out(ctl, format, (&secret.path, field, &value))
    }

    fn value_out(
        &self,
        ctl: &Ctl,
        format: Format,
        (path, field, value): (&str, &str, &Value),
    ) -> Result<(), Failure> {
        if let Some(file) = &self.out {
            // EXPOSE: the file that was named, mode 0600
            ctl.write_output(file, value.expose())?;
            let words = format!("{} bytes are in {}", value.len(), file.display());
            return ctl
                .output
                .done(&words, || json!({ "path": path, "bytes": value.len() }));
        }
        match format {
            Format::None => Ok(()),
            Format::Json | Format::Ndjson => match value.expose_str() {
                Ok(text) => ctl.output.json(&Json::String(text.to_owned())),
                Err(_) => Err(Failure::invalid(format!("`{field}` is not UTF-8"))
                    .hint("leave #field out for base64, or use --out FILE")),
            },
            Format::Env => ctl.output.line(&dotenv::line(field, value)?),
            Format::Auto | Format::Table | Format::Tsv | Format::Raw => self.bytes(ctl, value),
        }
    }

    /// The value itself.
    fn bytes(&self, ctl: &Ctl, value: &Value) -> Result<(), Failure> {
        let terminal = ctl.output.is_terminal();
        if terminal && view::text_for_terminal(value).is_none() {
            let what = format!("the value is binary, {} bytes", value.len());
            return Err(Failure::usage(what).hint("write it to a file: --out FILE"));
        }
        // EXPOSE: stdout, because that is what the command is for
        ctl.output.bytes(value.expose())?;
        if self.newline || (terminal && !self.no_newline) {
            ctl.output.bytes(b"\n")?;
        }
        Ok(())
    }

    async fn many(&self, ctl: &Ctl) -> Outcome {
        if self.out.is_some() || self.default.is_some() || self.decode.is_some() {
            return Err(Failure::usage(
                "--out, --default and --decode are for one value",
            ));
        }
        let format = ctl.output.format();
        let wordless = format == Format::Auto && !ctl.output.is_terminal();
        if wordless || format == Format::Raw {
            return Err(Failure::usage(
                "several secrets: add -o json, or read them one by one",
            ));
        }
        let vault = ctl.vault()?;
        let results = vault
            .secrets()
            .get_many(self.references.iter().cloned())
            .await?;
        let mut read = Vec::new();
        let mut failed = Vec::new();
        let mut objects = Vec::new();
        for (reference, result) in self.references.iter().zip(results) {
            match result {
                Ok(secret) => {
                    objects.push(view::to_json(&secret));
                    read.push(secret);
                }
                Err(error) => {
                    let failure = ctl.about(&vault, &reference.path, error).await;
                    let mut object = failure.to_json();
                    if let Some(map) = object.as_object_mut() {
                        map.insert("path".to_owned(), json!(reference.path));
                    }
                    objects.push(object);
                    failed.push(failure);
                }
            }
        }
        self.show_many(ctl, format, &read, objects)?;
        Ok(end(ctl, !read.is_empty(), failed))
    }

    fn show_many(
        &self,
        ctl: &Ctl,
        format: Format,
        read: &[Secret],
        objects: Vec<Json>,
    ) -> Result<(), Failure> {
        match format {
            Format::Json => ctl.output.json(&Json::Array(objects)),
            Format::Ndjson => objects
                .iter()
                .try_for_each(|object| ctl.output.line(&object.to_string())),
            Format::Env => read
                .iter()
                .try_for_each(|secret| ctl.output.line(&dotenv::of_secret(secret)?)),
            Format::None => Ok(()),
            Format::Auto | Format::Table | Format::Tsv | Format::Raw => {
                self.table(ctl, &read.iter().collect::<Vec<_>>())
            }
        }
    }

    fn table(&self, ctl: &Ctl, secrets: &[&Secret]) -> Result<(), Failure> {
        let reveal = self.reveal || ctl.output.format() == Format::Tsv;
        let mut lister = Lister::new(&ctl.output, &["path", "field", "value", "version"]);
        for secret in secrets {
            for (name, value) in &secret.fields {
                let path = vault_sdk::encode_path(&secret.path).into_owned();
                let shown = view::cell(value, reveal);
                let cells = vec![path, name.clone(), shown, secret.version.to_string()];
                lister.push(cells, || Json::Null)?;
            }
        }
        lister.finish("it has no fields")
    }
}

/// All well, some well, or none.
fn end(ctl: &Ctl, some: bool, failed: Vec<Failure>) -> Exit {
    if failed.is_empty() {
        return Exit::Ok;
    }
    let mut first = None;
    for failure in failed {
        if !ctl.output.is_json() {
            ctl.output.fail(&failure);
        }
        first = Some(first.unwrap_or_else(|| failure.exit()));
    }
    if some {
        Exit::Partial
    } else {
        first.unwrap_or(Exit::Internal)
    }
}

#[cfg(test)]
mod tests;
