//! A real `vaultd server` with its own data directory, reached over its Unix socket or TLS.

use std::fs::{self, File};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::{Binaries, Output, Place};

/// How long anything may take before the test gives up on it.
const LIMIT: Duration = Duration::from_secs(60);

/// A daemon and the place it lives in. Killed when dropped.
#[derive(Debug)]
pub struct Daemon {
    pub place: Place,
    child: Option<Child>,
    starts: u32,
    args: Vec<String>,
    dress: Dress,
}

/// What surrounds the daemon's process.
#[derive(Debug, Default)]
pub struct Dress {
    /// A program and its arguments, which are to become the daemon.
    pub wrapper: Vec<String>,
    /// Further lines of its configuration.
    pub config: String,
    /// Further variables.
    pub environment: Vec<(&'static str, PathBuf)>,
}

/// What `init` returned, and only that once.
#[derive(Clone, Debug)]
pub struct Opened {
    pub shares: Vec<String>,
    pub token: String,
}

impl Daemon {
    /// Starts one with an empty data directory.
    pub fn start(binaries: Binaries) -> Self {
        Self::start_with(binaries, "")
    }

    /// Starts one with further lines of configuration.
    pub fn start_with(binaries: Binaries, more: &str) -> Self {
        Self::start_dressed(binaries, more, |_| Dress::default())
    }

    /// The same, with something around its process.
    pub fn start_dressed(
        binaries: Binaries,
        more: &str,
        dress: impl FnOnce(&Place) -> Dress,
    ) -> Self {
        let place = Place::new(binaries);
        let dress = dress(&place);
        let more = format!("{more}\n{}", dress.config);
        let config = format!(
            "node.data_dir = \"{}\"\nnode.name = \"localhost\"\nprocess.allow_root = true\n\
             process.lock_memory = false\nlisten.address = \"127.0.0.1:0\"\n\
             listen.unix_socket = \"{}\"\nhealth.address = \"off\"\naudit.reserve = \"1MiB\"\n{more}\n",
            place.path("vault").display(),
            place.path("run/vaultd.sock").display(),
        );
        let file = place.path("vaultd.toml");
        fs::write(&file, config).expect("a configuration");
        let args = ["server", "--config", &file.to_string_lossy()].map(str::to_owned);
        Self::run(place, args.to_vec(), dress)
    }

    /// Starts one for trying things out: open at once, its context current.
    pub fn dev(binaries: Binaries) -> Self {
        Self::run(
            Place::new(binaries),
            vec!["dev".to_owned()],
            Dress::default(),
        )
    }

    fn run(place: Place, args: Vec<String>, dress: Dress) -> Self {
        let mut daemon = Self {
            place,
            child: None,
            starts: 0,
            args,
            dress,
        };
        daemon.restart();
        daemon
    }

    /// Starts it again, ended well before, with further lines of configuration.
    pub fn restart_with(&mut self, more: &str) {
        self.stop();
        self.configure(more);
        self.restart();
    }

    /// Adds lines to its configuration, for its next start.
    pub fn configure(&self, more: &str) {
        let file = self.place.path("vaultd.toml");
        let before = fs::read_to_string(&file).expect("a configuration");
        fs::write(&file, format!("{before}{more}\n")).expect("a configuration");
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.expect("a process id"), signal).expect("sent");
    }

    /// Starts the daemon again on the same data; it must not be running.
    pub fn restart(&mut self) {
        assert!(self.child.is_none(), "it is running");
        self.starts += 1;
        let notify = self.place.path(format!("run/notify-{}", self.starts));
        let socket = UnixDatagram::bind(&notify).expect("a notify socket");
        socket
            .set_read_timeout(Some(Duration::from_millis(200)))
            .expect("a timeout");
        let log = File::create(self.log()).expect("a log file");
        let vaultd = self.place.binaries.vaultd.to_owned();
        let mut words = self.dress.wrapper.iter().chain([&vaultd]);
        let mut command = self.place.command(words.next().expect("a program"));
        let child = command
            .args(words)
            .args(&self.args)
            .envs(
                self.dress
                    .environment
                    .iter()
                    .map(|(name, value)| (name, value)),
            )
            .env("NOTIFY_SOCKET", &notify)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .expect("vaultd starts");
        let heard = self.log();
        // From here on it is killed whatever happens.
        let child = self.child.insert(child);
        let begun = Instant::now();
        let mut message = [0; 4096];
        while begun.elapsed() < LIMIT {
            if let Some(status) = child.try_wait().expect("its state") {
                panic!("vaultd ended with {status}");
            }
            let length = socket.recv(&mut message).unwrap_or(0);
            let told = String::from_utf8_lossy(&message[..length]).contains("READY=1");
            // A development vault tells people instead of a service manager.
            let said = fs::read_to_string(&heard).is_ok_and(|text| text.contains(" is ready."));
            if told || said {
                return;
            }
        }
        panic!("vaultd was not ready in {LIMIT:?}");
    }

    /// What surrounds its process from the next start on.
    pub fn dress(&mut self, dress: impl FnOnce(&Place) -> Dress) {
        self.dress = dress(&self.place);
    }

    /// Whether there is a process.
    pub fn runs(&self) -> bool {
        self.child.is_some()
    }

    /// Starts it on data that it must refuse.
    #[track_caller]
    pub fn fails_to_start(&self) -> Output {
        assert!(self.child.is_none(), "it is running");
        let args: Vec<&str> = self.args.iter().map(String::as_str).collect();
        let output = self.place.ends(&args);
        let started = output.code == 0 || output.code == 124;
        assert!(!started, "it started all the same: {output}");
        output
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    /// `init` over the Unix socket: five shares, three of which open.
    pub fn init(&self) -> Opened {
        let made = self.ctl(&["-o", "json", "init"]).ok().json();
        let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
        Opened {
            shares: made["shares"]
                .as_array()
                .expect("shares")
                .iter()
                .map(text)
                .collect(),
            token: text(&made["initial_token"]),
        }
    }

    /// Enters three shares, in a call of its own each.
    pub fn unseal(&self, opened: &Opened) {
        for share in opened.shares.iter().take(3) {
            self.ctl_with(&["unseal", "-"], share.as_bytes()).ok();
        }
    }

    /// `init`, `unseal`, and the token in the environment file that [`Self::ctl`] uses.
    pub fn open(&self) -> Opened {
        let opened = self.init();
        self.unseal(&opened);
        self.use_token(&opened.token);
        opened
    }

    /// Speaks with this token from now on.
    pub fn use_token(&self, token: &str) {
        let path = self.token_file();
        let mut options = fs::OpenOptions::new();
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options
            .write(true)
            .create(true)
            .truncate(true)
            .open(path)
            .expect("a file");
        std::io::Write::write_all(&mut file, token.as_bytes()).expect("written");
    }

    /// Runs `vaultctl` against this daemon.
    #[track_caller]
    pub fn ctl(&self, args: &[&str]) -> Output {
        self.ctl_with(args, b"")
    }

    /// Runs `vaultctl` against this daemon with this on its stdin.
    #[track_caller]
    pub fn ctl_with(&self, args: &[&str], stdin: &[u8]) -> Output {
        let (address, token) = (self.address(), self.token_file());
        let mut all = vec!["--addr", address.as_str()];
        let token = token.to_string_lossy().into_owned();
        if Path::new(&token).exists() {
            all.extend(["--token-file", token.as_str()]);
        }
        all.extend(args);
        self.place.ctl_with(&all, stdin)
    }

    /// Where it listens for TLS, and the fingerprint of its CA.
    pub fn https(&self) -> (String, String) {
        let log = self.log_text();
        let after = |what: &str| {
            let at = log.find(what).expect("the daemon says where it listens") + what.len();
            let end = |c: char| c.is_whitespace() || c == '"';
            let rest = log[at..].trim_start_matches('"');
            rest.split(end).next().unwrap_or_default().to_owned()
        };
        let port = after(" address=127.0.0.1:");
        (format!("https://localhost:{port}"), after(" fingerprint="))
    }

    /// The Unix socket as an address.
    pub fn address(&self) -> String {
        format!("unix:{}", self.place.path("run/vaultd.sock").display())
    }

    /// Ends it at once, as a power cut ends a process.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("killed");
            child.wait().expect("its end");
        }
    }

    /// Asks it to end, and insists that it ends well.
    pub fn stop(&mut self) {
        let Some(mut child) = self.child.take() else {
            return;
        };
        let pid = i32::try_from(child.id())
            .ok()
            .and_then(Pid::from_raw)
            .expect("a process id");
        kill_process(pid, Signal::TERM).expect("asked to end");
        let status = child.wait().expect("its end");
        assert!(
            status.success(),
            "vaultd ended with {status}:\n{}",
            self.log_text()
        );
    }

    /// The audit lines so far, oldest first.
    pub fn audit(&self) -> Vec<serde_json::Value> {
        let path = self.place.path("vault/audit/audit.jsonl");
        let text = fs::read_to_string(path).expect("the audit file");
        text.lines()
            .map(|line| serde_json::from_str(line).expect("a line of JSON"))
            .collect()
    }

    /// What it wrote to stderr since its last start.
    pub fn log_text(&self) -> String {
        fs::read_to_string(self.log()).unwrap_or_default()
    }

    fn log(&self) -> PathBuf {
        self.place.path("vaultd.log")
    }

    fn token_file(&self) -> PathBuf {
        self.place.path("token")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- vaultd said\n{}", self.log_text());
        }
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
