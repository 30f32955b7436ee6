//! Progress on stderr, for people at a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output::Output;

/// A bar for a known number of steps.
pub(crate) fn steps(output: &Output, count: usize, what: &'static str) -> ProgressBar {
    let bar = ProgressBar::new(u64::try_from(count).unwrap_or(u64::MAX));
    finish(output, bar, "{msg} {bar:30} {pos}/{len}", what)
}

/// A counter of bytes.
pub(crate) fn bytes(output: &Output, what: &'static str) -> ProgressBar {
    finish(
        output,
        ProgressBar::no_length(),
        "{msg} {spinner} {bytes} ({bytes_per_sec})",
        what,
    )
}

fn finish(output: &Output, bar: ProgressBar, template: &str, what: &'static str) -> ProgressBar {
    if !output.shows_progress() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    let style = ProgressStyle::with_template(template);
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        .with_message(what)
}
