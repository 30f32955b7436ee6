//! A `vaultd server` in a process of its own: this program under that name.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use vault_proto::v1::seal_config::Kind;
use vault_proto::v1::{
    ConfirmInitRequest, ConfirmInitResponse, InitRequest, InitResponse, KeyFileSeal, SealConfig,
};

use super::Failure;
use super::client::Caller;
use super::node::place;

/// How long a start may take before it counts as failed.
const LIMIT: Duration = Duration::from_secs(120);

/// The daemon, and the place it lives in. Killed when dropped.
#[derive(Debug)]
pub(super) struct Daemon {
    dir: TempDir,
    address: SocketAddr,
    child: Option<Child>,
}

impl Daemon {
    /// On empty data, with a key-file seal, so that it opens by itself.
    pub(super) fn new() -> Result<Self, Failure> {
        let dir = place()?;
        // Nothing else on this machine is told the port between here and the daemon's start.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let config = format!(
            "node.data_dir = \"{0}/data\"\nnode.name = \"localhost\"\nprocess.allow_root = true\n\
             listen.address = \"{address}\"\nlisten.unix_socket = \"off\"\nhealth.address = \"off\"\n\
             seal.key_file = \"{0}/data/seal.key\"\n",
            dir.path().display(),
        );
        fs::write(dir.path().join("vaultd.toml"), config)?;
        Ok(Self {
            dir,
            address,
            child: None,
        })
    }

    /// Starts it, and returns with the first connection that it accepts.
    pub(super) async fn start(&mut self) -> Result<Caller, Failure> {
        let log = fs::File::create(self.file("vaultd.log"))?;
        let child = Command::new(std::env::current_exe()?)
            .arg0("vaultd")
            .arg("server")
            .arg("--config")
            .arg(self.file("vaultd.toml"))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        let child = self.child.insert(child);
        let ca = self.dir.path().join("data/tls/ca.pem");
        let begun = Instant::now();
        let mut looks = tokio::time::interval(Duration::from_millis(1));
        while begun.elapsed() < LIMIT {
            looks.tick().await;
            if let Some(status) = child.try_wait()? {
                let log = fs::read_to_string(self.dir.path().join("vaultd.log"))?;
                return Err(format!("vaultd ended with {status}:\n{log}").into());
            }
            if let Ok(pem) = fs::read_to_string(&ca)
                && let Ok(caller) = Caller::connect(self.address, &pem).await
            {
                return Ok(caller);
            }
        }
        Err("vaultd was not ready in time".into())
    }

    /// Makes the cluster; returns a session's token, also kept in the file [`Self::token`].
    pub(super) async fn init(&self, caller: &Caller) -> Result<String, Failure> {
        let setup_code = fs::read_to_string(self.file("data/setup-code"))?;
        let request = InitRequest {
            seal: Some(SealConfig {
                kind: Some(Kind::KeyFile(KeyFileSeal::default())),
                recovery: None,
            }),
            setup_code: setup_code.clone(),
        };
        let made: InitResponse = caller.call("/vault.v1.System/Init", request).await?;
        let request = ConfirmInitRequest {
            ceremony: made.ceremony,
            setup_code,
        };
        let _: ConfirmInitResponse = caller.call("/vault.v1.System/ConfirmInit", request).await?;
        let (_, token) = caller.with_token(&made.initial_token)?.login().await?;
        let mut options = fs::OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(self.file("token"))?;
        std::io::Write::write_all(&mut file, token.as_bytes())?;
        Ok(token)
    }

    /// Resident memory in MiB: all of it, and what is not file pages.
    pub(super) fn memory(&self) -> Result<(f64, f64), Failure> {
        let child = self.child.as_ref().ok_or("it is not running")?;
        let status = fs::read_to_string(format!("/proc/{}/status", child.id()))?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let number = line.and_then(|line| line.split_whitespace().next());
            number
                .and_then(|number| number.parse::<f64>().ok())
                .map(|kib| kib / 1024.0)
                .ok_or_else(|| format!("no {name} in its status"))
        };
        Ok((field("VmRSS:")?, field("RssAnon:")?))
    }

    /// Runs `vaultctl get` as a whole process, and returns how long that took.
    pub(super) fn vaultctl_get(&self, path: &str) -> Result<Duration, Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        let ca = self.file("data/tls/ca.pem");
        command
            .arg0("vaultctl")
            .args(["--addr", &format!("https://{}", self.address)])
            .args(["--tls-server-name", "localhost"])
            .arg("--ca-cert")
            .arg(ca)
            .arg("--token-file")
            .arg(self.file("token"))
            .args(["get", path])
            .env("HOME", self.dir.path())
            .env("XDG_CONFIG_HOME", self.dir.path());
        let begun = Instant::now();
        let output = command.output()?;
        let took = begun.elapsed();
        if !output.status.success() || output.stdout.len() < 1024 {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(format!("vaultctl get ended with {}: {said}", output.status).into());
        }
        Ok(took)
    }

    /// Asks it to end, and waits until it has.
    pub(super) fn stop(&mut self) -> Result<(), Failure> {
        let Some(mut child) = self.child.take() else {
            return Ok(());
        };
        let pid = Pid::from_raw(i32::try_from(child.id())?).ok_or("no process id")?;
        kill_process(pid, Signal::TERM)?;
        let status = child.wait()?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("vaultd ended with {status}").into())
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ended = child.kill();
            let _status = child.wait();
        }
    }
}
