//! A QR code in half blocks, two modules in a character.
//!
//! Dark on light whatever the terminal's colours are, because few apps read the reverse.

use qrcode::{Color, EcLevel, QrCode};
use zeroize::Zeroizing;

use crate::paths::variable;

/// Light modules around it that readers want.
const QUIET: usize = 4;
/// Black on white, and back.
const COLOURS: &str = "\x1b[30;107m";
const BACK: &str = "\x1b[0m\n";

/// The picture, if it can be shown in so many columns of a terminal that shows half blocks.
pub(super) fn draw(text: &str, columns: Option<u16>) -> Option<Zeroizing<String>> {
    let columns = usize::from(columns?);
    if !shows_blocks() {
        return None;
    }
    let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
    let (modules, width) = (code.to_colors(), code.width());
    (width + 2 * QUIET <= columns).then(|| picture(&modules, width))
}

/// Whether half blocks come out as such.
fn shows_blocks() -> bool {
    let names = ["LC_ALL", "LC_CTYPE", "LANG"];
    let locale = names.iter().find_map(|name| variable(name));
    locale.is_none_or(|locale| {
        let locale = locale.to_string_lossy().to_ascii_uppercase();
        locale.ends_with("UTF-8") || locale.ends_with("UTF8")
    })
}

fn picture(modules: &[Color], width: usize) -> Zeroizing<String> {
    let dark = |x: usize, y: usize| {
        let (x, y) = (x.checked_sub(QUIET), y.checked_sub(QUIET));
        let at = x
            .zip(y)
            .filter(|(x, y)| *x < width && *y < width)
            .map(|(x, y)| y * width + x);
        at.and_then(|at| modules.get(at)) == Some(&Color::Dark)
    };
    let all = width + 2 * QUIET;
    let lines = all.div_ceil(2);
    // The capacity suffices, so that growth leaves no copy behind.
    let length = lines * (all * '█'.len_utf8() + COLOURS.len() + BACK.len());
    let mut out = Zeroizing::new(String::with_capacity(length));
    for y in (0..all).step_by(2) {
        out.push_str(COLOURS);
        for x in 0..all {
            out.push(match (dark(x, y), dark(x, y + 1)) {
                (true, true) => '█',
                (true, false) => '▀',
                (false, true) => '▄',
                (false, false) => ' ',
            });
        }
        out.push_str(BACK);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The modules that a picture shows, without what surrounds them.
    fn read(picture: &str, width: usize) -> Vec<Vec<bool>> {
        let mut rows = Vec::new();
        for line in picture.lines() {
            let line = line.strip_prefix(COLOURS).unwrap();
            let line = line.strip_suffix(BACK.trim_end()).unwrap();
            let half = |upper: char| line.chars().map(move |c| c == '█' || c == upper);
            rows.push(half('▀').collect::<Vec<_>>());
            rows.push(half('▄').collect());
        }
        let inside = |row: Vec<bool>| row[QUIET..QUIET + width].to_vec();
        let rows = rows.into_iter().skip(QUIET).take(width);
        rows.map(inside).collect()
    }

    #[test]
    fn a_picture_has_every_module_where_it_was() {
        for text in ["a", "otpauth://totp/vault:alice?secret=MY"] {
            let code = QrCode::with_error_correction_level(text, EcLevel::L).unwrap();
            let width = code.width();
            let modules = code.to_colors();
            let shown = read(&picture(&modules, width), width);
            let wanted: Vec<Vec<bool>> = modules
                .chunks(width)
                .map(|row| row.iter().map(|module| *module == Color::Dark).collect())
                .collect();
            assert_eq!(shown, wanted);
        }
    }

    #[test]
    fn what_does_not_fit_or_is_no_terminal_is_not_drawn() {
        assert!(draw("otpauth://totp/vault:alice", None).is_none());
        assert!(draw("otpauth://totp/vault:alice", Some(20)).is_none());
        assert!(draw(&"x".repeat(10_000), Some(u16::MAX)).is_none());
    }
}
