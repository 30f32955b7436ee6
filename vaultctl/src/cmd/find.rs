//! `vaultctl find`

use vault_sdk::wire::FindSecretsRequest;

use super::Outcome;
use super::ls::{LARGEST_PAGE, cells, to_json};
use super::paths::parse_folder;
use super::set::parse_tag;
use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::table::Lister;

/// Find secrets by the pattern of their path, and by tag
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Matched against the whole path: `*` within a segment, `**` across; as in 'prod/**/password'
    #[arg(value_name = "PATTERN")]
    pattern: Option<String>,

    /// With this tag; K alone for any value
    #[arg(long, value_name = "K=V", value_parser = parse_tag)]
    tag: Vec<(String, String)>,

    /// Only below this folder
    #[arg(long = "in", value_name = "DIR", value_parser = parse_folder)]
    folder: Option<String>,

    /// Version and time of change, too
    #[arg(short, long)]
    long: bool,

    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

impl Args {
    pub(crate) async fn run(self, ctl: &Ctl) -> Outcome {
        if self.pattern.is_none() && self.tag.is_empty() {
            return Err(Failure::usage("give a PATTERN, or --tag"));
        }
        let vault = ctl.vault()?;
        let mut page = FindSecretsRequest {
            glob: self.pattern.clone().unwrap_or_default(),
            tags: self.tag.into_iter().collect(),
            folder: self.folder.unwrap_or_default(),
            ..Default::default()
        };
        let columns: &[&str] = if self.long {
            &["path", "version", "updated"]
        } else {
            &["path"]
        };
        let mut lister = Lister::new(&ctl.output, columns);
        let mut left = self.limit.unwrap_or(usize::MAX);
        while left > 0 {
            page.page_size = u32::try_from(left).unwrap_or(u32::MAX).min(LARGEST_PAGE);
            let reply = vault.secrets().find(page.clone()).await?;
            for entry in reply.entries.iter().take(left) {
                lister.push(cells(ctl, entry, self.long), || to_json(entry))?;
            }
            left = left.saturating_sub(reply.entries.len());
            if reply.next_cursor.is_empty() {
                break;
            }
            page.cursor = reply.next_cursor;
        }
        let plain = self.pattern.is_some_and(|pattern| !pattern.contains('*'));
        let empty = if plain {
            "nothing matches; a pattern is matched against the whole path, as in '**/name*'"
        } else {
            "nothing matches"
        };
        lister.finish(empty)?;
        Ok(Exit::Ok)
    }
}
