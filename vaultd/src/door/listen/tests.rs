//! The accept loop with errors planted in it.

use std::collections::VecDeque;

use super::*;

/// Fails as told before it accepts.
struct Failing {
    errors: VecDeque<i32>,
    inner: Local,
}

impl Door for Failing {
    type Raw = UnixStream;

    async fn accept(&mut self) -> io::Result<(UnixStream, Transport)> {
        match self.errors.pop_front() {
            Some(error) => Err(io::Error::from_raw_os_error(error)),
            None => self.inner.accept().await,
        }
    }

    fn open(&self, raw: UnixStream) -> impl Future<Output = io::Result<Stream>> + Send + 'static {
        self.inner.open(raw)
    }
}

#[tokio::test]
async fn errors_of_accept_never_end_the_loop() {
    use futures::StreamExt as _;
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("s");
    let (listener, _file) = bind_unix(&path).await.expect("bind");
    let (_keep, cut) = watch::channel(false);
    let metrics = Arc::new(Metrics::new().expect("metrics"));
    let rules = Rules {
        admissions: Admissions::new(9, 9),
        patience: Patience {
            opening: Duration::from_secs(5),
            idle: Duration::from_secs(5),
            short: Duration::from_secs(5),
        },
        cut,
        metrics: Arc::clone(&metrics),
    };
    // Descriptors of the process, of the system, a client that left, memory.
    let errors = VecDeque::from([24, 23, 103, 12, 105]);
    let mut incoming = start(
        Failing {
            errors,
            inner: Local(listener),
        },
        rules.clone(),
    );
    let _client = UnixStream::connect(&path).await.expect("connect");
    let conn = incoming.next().await.expect("open").expect("accepted");
    assert_eq!(rules.admissions.open(), 1);
    assert!(metrics.render().contains("vault_accept_errors_total 5"));
    drop(conn);
    assert_eq!(rules.admissions.open(), 0);
}

#[tokio::test]
async fn a_listener_that_nobody_serves_any_more_is_closed() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("s");
    let (listener, file) = bind_unix(&path).await.expect("bind");
    let (_keep, cut) = watch::channel(false);
    let rules = Rules {
        admissions: Admissions::new(9, 9),
        patience: Patience {
            opening: Duration::from_secs(5),
            idle: Duration::from_secs(5),
            short: Duration::from_secs(5),
        },
        cut,
        metrics: Arc::new(Metrics::new().expect("metrics")),
    };
    drop(unix(listener, rules));
    while UnixStream::connect(&path).await.is_ok() {
        tokio::task::yield_now().await;
    }
    drop(file);
    assert!(!path.exists());
}
