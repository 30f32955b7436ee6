//! A user's first day, as a terminal shows it: `tests/golden/first-login.txt` is the transcript, without what is drawn
//! anew each time.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;
use totp_rs::{Builder, Secret};
use vault_tests::{Daemon, Terminal};

use crate::{BINARIES, golden};

const CHOSEN: &str = "vermilion teapot gargles";
pub(crate) const STEP: u64 = 30;

/// What was shown, with names in place of what differs between two runs.
#[derive(Default)]
struct Transcript {
    text: String,
    drawn: Vec<(String, &'static str)>,
}

impl Transcript {
    fn is_drawn(&mut self, text: &str, name: &'static str) {
        self.drawn.push((text.to_owned(), name));
    }

    fn add(&mut self, by: &str, command: &str, shown: &str) {
        let mut shown = format!("{by}$ vaultctl {command}\n{}\n\n", shown.trim_end());
        for (text, name) in &self.drawn {
            shown = shown.replace(text, name);
        }
        self.text.push_str(&shown);
    }

    /// Blocks and blanks of a picture are one line, times and sizes of the day another.
    fn plain(self) -> String {
        let mut plain = String::new();
        let mut pictured = false;
        for line in self.text.lines() {
            let picture = line.contains(['█', '▀', '▄']);
            if picture && !pictured {
                plain.push_str("<the code to scan>\n");
            }
            pictured = picture;
            if !picture {
                plain.push_str(without_times(line).trim_end());
                plain.push('\n');
            }
        }
        plain.trim_end().to_owned() + "\n"
    }
}

/// `2026-11-24 22:37:06` and `in 23h 59m` become `<time>`.
fn without_times(line: &str) -> String {
    let timed = |word: &str| {
        let bare = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        let digits = bare.bytes().filter(u8::is_ascii_digit).count();
        digits >= 4 && bare.bytes().all(|b| b"0123456789-:TZ.".contains(&b))
    };
    let words = line
        .split(' ')
        .map(|word| if timed(word) { "<time>" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

/// The code that an authenticator with this seed shows, so many steps from now.
pub(crate) fn code(seed: &str, steps: u64) -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a time");
    let secret = Secret::try_from_base32(seed).expect("a seed");
    let totp = Builder::new().with_secret(secret).build_noncompliant();
    totp.generate(now.as_secs() + steps * STEP).to_string()
}

fn text(value: &Value) -> String {
    value.as_str().expect("text").to_owned()
}

#[test]
fn a_first_login_from_the_one_time_password_to_a_second_factor() {
    let daemon = Daemon::start(BINARIES);
    daemon.open();
    let mut transcript = Transcript::default();
    let address = daemon.address();
    transcript.is_drawn(&address, "<address>");
    daemon
        .place
        .ctl(&["context", "add", "home", "--addr", &address])
        .ok();
    daemon.ctl(&["user", "create", "alice"]).ok();
    let reset = daemon
        .ctl(&["-o", "json", "password", "reset", "alice"])
        .ok();
    let once = text(&reset.json()["one_time_password"]);
    let issued = daemon
        .ctl(&["-o", "json", "mfa", "issue-code", "alice"])
        .ok();
    let issued = text(&issued.json()["code"]);
    for (drawn, name) in [
        (&once, "<one-time password>"),
        (&issued, "<enrolment code>"),
    ] {
        transcript.is_drawn(drawn, name);
    }
    let words =
        |line: &'static str| [&["-c", "home"], &line.split(' ').collect::<Vec<_>>()[..]].concat();
    let run = |line: &'static str| Terminal::run(&daemon.place, &words(line), &[]);

    let mut login = run("login alice");
    login.expect("Password: ").type_hidden(&once);
    login.expect("New password: ").type_hidden(CHOSEN);
    login.expect("Once more: ").type_hidden(CHOSEN);
    transcript.add("alice", "login alice", &login.end().ok().stdout);

    // The command that people run asks for both codes; the seed that its picture holds is also printed with `--uri`.
    let mut enrol = run("mfa enrol --uri");
    enrol.expect("one-time code: ").type_hidden(&issued);
    enrol.expect("to be typed in: ");
    let seed = enrol.line();
    transcript.is_drawn(&seed, "<seed>");
    enrol.expect("shows: ").type_hidden(&code(&seed, 0));
    let enrolled = enrol.end().ok().stdout;
    for recovery in enrolled.lines().filter(|line| is_recovery(line)) {
        transcript.is_drawn(recovery.trim(), "<recovery code>");
    }
    transcript.add("alice", "mfa enrol --uri", &enrolled);

    let mut login = run("login alice");
    login.expect("Password: ").type_hidden(CHOSEN);
    login.expect("ode: ").type_hidden(&code(&seed, 1));
    transcript.add("alice", "login alice", &login.end().ok().stdout);
    let who = daemon.place.ctl(&words("-o json whoami")).ok().json();
    transcript.is_drawn(&text(&who["accessor"]), "<accessor>");
    transcript.add("alice", "whoami", &run("whoami").end().ok().stdout);

    let told = transcript.plain();
    for secret in [CHOSEN, &once, &issued, &seed] {
        assert!(!told.contains(secret), "{told}");
    }
    golden::check("first-login.txt", &told);
}

/// Groups of letters and digits with dashes between.
fn is_recovery(line: &str) -> bool {
    let line = line.trim();
    line.contains('-')
        && line.len() > 8
        && line
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-')
}
