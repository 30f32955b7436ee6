//! The net with this process as one node and a child of its own as another.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::{Link, Net};

const CUT: Link = Link {
    cut: true,
    delay: Duration::ZERO,
    jitter: Duration::ZERO,
};

/// Long enough that what does arrive has arrived.
const SILENCE: Duration = Duration::from_millis(150);
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection from node 0, which is this process, to node 1.
async fn connected(net: &Net) -> (TcpStream, TcpStream) {
    net.process(0, std::process::id());
    let behind = TcpListener::bind("127.0.0.1:0").await.unwrap();
    net.target(1, behind.local_addr().unwrap());
    let address = net.listen(1).await.unwrap();
    let near = TcpStream::connect(address).await.unwrap();
    let far = timeout(PATIENCE, behind.accept()).await.unwrap().unwrap().0;
    (near, far)
}

async fn arrives(stream: &mut TcpStream, what: &[u8]) {
    let mut got = vec![0; what.len()];
    let read = timeout(PATIENCE, stream.read_exact(&mut got)).await;
    read.expect("it arrives").unwrap();
    assert_eq!(got, what);
}

async fn is_silent(stream: &mut TcpStream) -> bool {
    timeout(SILENCE, stream.read_u8()).await.is_err()
}

#[tokio::test]
async fn both_ways_carry_what_they_are_given() {
    let net = Net::default();
    let (mut near, mut far) = connected(&net).await;
    near.write_all(b"there").await.unwrap();
    arrives(&mut far, b"there").await;
    far.write_all(b"back").await.unwrap();
    arrives(&mut near, b"back").await;
    drop(near);
    assert_eq!(far.read(&mut [0; 8]).await.unwrap(), 0);
    assert_eq!(net.noticed(), (0, 0));
}

#[tokio::test]
async fn one_way_is_cut_and_what_was_held_arrives_when_it_heals() {
    let net = Net::default();
    let (mut near, mut far) = connected(&net).await;
    net.set(0, 1, CUT);
    near.write_all(b"held").await.unwrap();
    far.write_all(b"free").await.unwrap();
    arrives(&mut near, b"free").await;
    assert!(is_silent(&mut far).await);
    net.heal();
    arrives(&mut far, b"held").await;
    assert_eq!(net.noticed(), (1, 0));
}

#[tokio::test]
async fn a_new_connection_meets_the_cut_too_and_so_does_the_end_of_an_old_one() {
    let net = Net::default();
    net.isolate(1, 3);
    let (mut near, mut far) = connected(&net).await;
    near.write_all(b"x").await.unwrap();
    far.write_all(b"y").await.unwrap();
    assert!(is_silent(&mut far).await && is_silent(&mut near).await);
    drop(near);
    assert!(is_silent(&mut far).await);
    net.heal();
    arrives(&mut far, b"x").await;
}

#[tokio::test]
async fn what_is_late_arrives_in_order_and_not_before() {
    let net = Net::default();
    let (mut near, mut far) = connected(&net).await;
    let delay = Duration::from_millis(80);
    let late = Link {
        cut: false,
        delay,
        jitter: Duration::from_millis(30),
    };
    net.set(0, 1, late);
    let begun = Instant::now();
    for n in 0..20_u8 {
        near.write_all(&[n]).await.unwrap();
        tokio::task::yield_now().await;
    }
    let all: Vec<u8> = (0..20).collect();
    arrives(&mut far, &all).await;
    assert!(begun.elapsed() >= delay);
    assert!(net.noticed().1 > 0);
}

/// A child that connects and says something.
fn stranger(port: u16) -> Child {
    let line = format!("exec 3<>/dev/tcp/127.0.0.1/{port}; echo said >&3; cat <&3");
    let mut command = Command::new("bash");
    command.args(["-c", &line]).stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}

#[tokio::test]
async fn links_are_told_apart_by_who_connects_and_strangers_are_sent_away() {
    let net = Net::default();
    net.process(0, std::process::id());
    let behind = TcpListener::bind("127.0.0.1:0").await.unwrap();
    net.target(1, behind.local_addr().unwrap());
    let address = net.listen(1).await.unwrap();
    let mut unknown = stranger(address.port());
    let ended = tokio::task::spawn_blocking(move || unknown.wait().unwrap());
    timeout(PATIENCE, ended)
        .await
        .expect("it is sent away")
        .unwrap();
    assert_eq!(net.strangers(), 1);
    // One that waits until it is known.
    let gate = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let line = format!(
        "exec 4<>/dev/tcp/127.0.0.1/{}; read <&4; exec 3<>/dev/tcp/127.0.0.1/{}; echo said >&3; read <&4",
        gate.local_addr().unwrap().port(),
        address.port(),
    );
    let mut known = Command::new("bash").args(["-c", &line]).spawn().unwrap();
    net.process(2, known.id());
    net.set(0, 1, CUT);
    let mut gate = timeout(PATIENCE, gate.accept()).await.unwrap().unwrap().0;
    gate.write_all(b"go\n").await.unwrap();
    let mut far = timeout(PATIENCE, behind.accept()).await.unwrap().unwrap().0;
    arrives(&mut far, b"said\n").await;
    gate.write_all(b"end\n").await.unwrap();
    tokio::task::spawn_blocking(move || known.wait().unwrap())
        .await
        .unwrap();
    assert_eq!(net.noticed().0, 0);
}
