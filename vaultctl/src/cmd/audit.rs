//! `vaultctl audit tail|search|verify`

mod filter;
mod line;
mod verify;

use std::pin::pin;

use clap::Subcommand;
use vault_sdk::AuditStream;
use vault_sdk::wire::{AuditPage, SearchAuditRequest, TailAuditRequest};

use self::filter::Filter;
use self::line::Printer;
use super::Outcome;
use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::failure::Failure;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the last lines, then each new one until ^C
    Tail(Tail),
    /// Show the lines that match, oldest first
    ///
    /// Names are HMACs in the trail: what is found is equal to the name that was asked for, and shown as it.
    Search(Search),
    /// Check that the trail is whole: no line missing, repeated, torn or out of form
    Verify,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Tail {
    /// Begin with so many lines
    #[arg(short = 'n', long, value_name = "N", default_value_t = 10)]
    lines: u32,

    /// End after them
    #[arg(long)]
    no_follow: bool,

    #[command(flatten)]
    filter: Filter,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Search {
    #[command(flatten)]
    filter: Filter,

    /// End after so many lines
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
}

impl Command {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        match self {
            Self::Tail(args) => args.run(ctl).await,
            Self::Search(args) => args.run(ctl).await,
            Self::Verify => verify::run(ctl).await,
        }
    }
}

impl Tail {
    async fn run(self, ctl: &Ctl) -> Outcome {
        let request = TailAuditRequest {
            filter: Some(self.filter.to_wire()?),
            last: self.lines,
            once: self.no_follow,
        };
        let mut printer = Printer::lines(&ctl.output)?;
        let vault = ctl.vault()?;
        let mut interrupted = pin!(tokio::signal::ctrl_c());
        let mut stream = tokio::select! {
            stream = vault.audit().tail(request) => stream?,
            _ = &mut interrupted => return Ok(Exit::Ok),
        };
        loop {
            let page = tokio::select! {
                page = stream.next() => page?,
                // What was shown is whole: every line is written at once.
                _ = &mut interrupted => return Ok(Exit::Ok),
            };
            let Some(page) = page else {
                break;
            };
            show(&mut printer, &page)?;
        }
        if !self.no_follow {
            ctl.output
                .note("the vault has ended the tail: it is stopping");
        }
        Ok(Exit::Ok)
    }
}

impl Search {
    async fn run(self, ctl: &Ctl) -> Outcome {
        let request = SearchAuditRequest {
            filter: Some(self.filter.to_wire()?),
            limit: self.limit.unwrap_or_default(),
        };
        let mut printer = Printer::array(&ctl.output)?;
        let vault = ctl.vault()?;
        let stream = vault.audit().search(request).await?;
        let end = all(stream, &mut printer).await?;
        let shown = printer.finish()?;
        if shown == 0 {
            ctl.output.note("no line matches");
        }
        if end.limited {
            ctl.output.note(&format!(
                "there are more than these {shown}: --limit, or a later --since"
            ));
        }
        if end.unreadable > 0 {
            ctl.output.warn(&format!(
                "lines that cannot be read were passed over ({}); see which: vaultctl audit verify",
                end.unreadable
            ));
        }
        Ok(Exit::Ok)
    }
}

/// Prints a stream to its end; the last page.
async fn all(
    mut stream: AuditStream<AuditPage>,
    printer: &mut Printer<'_>,
) -> Result<AuditPage, Failure> {
    let mut last = AuditPage::default();
    while let Some(page) = stream.next().await? {
        show(printer, &page)?;
        last = page;
    }
    Ok(last)
}

fn show(printer: &mut Printer<'_>, page: &AuditPage) -> Result<(), Failure> {
    page.lines.iter().try_for_each(|line| printer.print(line))
}
