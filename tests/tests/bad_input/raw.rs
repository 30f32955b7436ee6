//! What only a client of one's own can send: garbage, half a request, nothing, and too much.

use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use prost_reflect::Value;
use tonic::Code;
use vault_tests::Daemon;

use super::bad_paths;
use crate::BINARIES;
use crate::wire::{Refused, Wire, message};

/// Longer than the daemon waits for anybody.
const LIMIT: Duration = Duration::from_secs(20);

fn refused(code: Code, reason: &str) -> Refused {
    let reason = reason.to_owned();
    Refused { code, reason }
}

#[tokio::test]
async fn the_daemon_itself_refuses_bad_paths_with_their_reason() {
    let daemon = Daemon::start(BINARIES);
    let opened = daemon.open();
    let wire = Wire::connect(&daemon, &opened.token).await;
    let mut bad = bad_paths();
    bad.extend(["", "a\0b"].map(str::to_owned));
    for path in bad {
        let body = message("GetSecretRequest", &[("path", Value::String(path.clone()))]);
        let answer = wire.call("/vault.v1.Secrets/GetSecret", body).await;
        let expected = refused(Code::InvalidArgument, "PATH_INVALID");
        assert_eq!(answer.expect_err("refused"), expected, "{path:?}");
    }
}

/// The most memory that the daemon ever had, in MiB.
fn peak(daemon: &Daemon) -> u64 {
    let status = format!("/proc/{}/status", daemon.id());
    let status = std::fs::read_to_string(status).expect("its status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next());
    kib.and_then(|kib| kib.parse::<u64>().ok())
        .expect("a number")
        >> 10
}

#[tokio::test]
async fn what_is_over_the_limit_is_refused_before_it_is_buffered() {
    let daemon = Daemon::start(BINARIES);
    let opened = daemon.open();
    daemon.ctl_with(&["set", "a/b"], b"v").ok();
    let body = vec![0x0a; 64 << 20];
    let before = peak(&daemon);
    for token in [opened.token.as_str(), "", "vlt_nonsense"] {
        let wire = Wire::connect(&daemon, token).await;
        let answer = wire.call("/vault.v1.Secrets/PutSecret", body.clone()).await;
        let refused = answer.expect_err("refused");
        let known = refused.reason == "REQUEST_INVALID" || refused.code == Code::OutOfRange;
        assert!(known, "{refused:?}");
    }
    let grown = peak(&daemon) - before;
    assert!(grown < 24, "{grown} MiB for bodies that were refused");
    assert_eq!(daemon.ctl(&["get", "a/b"]).ok().stdout, "v");
}

/// Says it, and waits until the daemon hangs up.
fn hangs_up(mut stream: impl std::io::Read + std::io::Write, said: &[u8]) {
    // It may hang up before all is said.
    let _cut = stream.write_all(said);
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {}
        Err(error) => panic!("it does not hang up on {said:?}: {error}"),
    }
}

#[test]
fn garbage_half_a_request_and_silence_are_hung_up_on_and_others_served() {
    let daemon = Daemon::start_with(BINARIES, "limits.handshake = \"1s\"\nlimits.idle = \"2s\"");
    daemon.open();
    daemon.ctl_with(&["set", "a/b"], b"v").ok();
    let port = daemon.https().0.rsplit(':').next().map(str::to_owned);
    let port: u16 = port.and_then(|port| port.parse().ok()).expect("a port");
    // A TLS record that promises more than comes; HTTP/2 that stops in its first frame.
    let half_hello = [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let half_frame = [&preface[..], &[0, 0, 200, 1, 4, 0, 0, 0, 1, 0x82]].concat();
    let said: [&[u8]; 6] = [
        b"",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        &[0xff; 4096],
        &half_hello,
        preface,
        &half_frame,
    ];
    std::thread::scope(|scope| {
        for said in said {
            scope.spawn(move || {
                let stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
                stream.set_read_timeout(Some(LIMIT)).expect("a limit");
                hangs_up(stream, said);
            });
            let socket = daemon.place.path("run/vaultd.sock");
            scope.spawn(move || {
                let stream = UnixStream::connect(socket).expect("a connection");
                stream.set_read_timeout(Some(LIMIT)).expect("a limit");
                hangs_up(stream, said);
            });
        }
        for _ in 0..5 {
            assert_eq!(daemon.ctl(&["get", "a/b"]).ok().stdout, "v");
        }
    });
    assert_eq!(daemon.ctl(&["get", "a/b"]).ok().stdout, "v");
}
