//! Every metric that the daemon exports: names, meaning, and the one registry that renders them.
//!
//! Labels are methods, codes and fixed words, never anything a client chose: the number of series is
//! bounded by this file.

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Label, Level, Metadata, Recorder as _};
use metrics_exporter_prometheus::{
    BuildError, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};

/// A count that only grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Total(&'static str, &'static str);

/// A value that goes up and down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measure(&'static str, &'static str);

/// Requests answered, by method and gRPC code.
pub const REQUESTS: Total = Total(
    "vault_requests_total",
    "requests answered, by method and code",
);
/// Connections refused at a cap.
pub const CONNECTIONS_REFUSED: Total = Total(
    "vault_connections_refused_total",
    "client connections refused at a limit",
);
/// Handshakes that failed or took too long.
pub const HANDSHAKES_FAILED: Total = Total(
    "vault_handshakes_failed_total",
    "TLS handshakes that failed or timed out",
);
/// Failures to accept a connection.
pub const ACCEPT_ERRORS: Total = Total(
    "vault_accept_errors_total",
    "errors of accept, such as no descriptors left",
);

/// Open client connections.
pub const CONNECTIONS: Measure = Measure("vault_connections", "open client connections");
/// Requests in flight.
pub const IN_FLIGHT: Measure = Measure("vault_requests_in_flight", "requests in flight");
/// 1 when requests for secrets can be served.
pub const READY: Measure = Measure("vault_ready", "1 when requests for secrets can be served");
/// 1 when sealed.
pub const SEALED: Measure = Measure("vault_sealed", "1 while the node is sealed");
/// 1 on the leader.
pub const LEADER: Measure = Measure("vault_raft_leader", "1 while this node leads");
/// Applied index.
pub const APPLIED_INDEX: Measure =
    Measure("vault_applied_index", "index of the last applied log entry");
/// Syncs of the log since start.
pub const LOG_SYNCS: Measure = Measure("vault_log_syncs", "fdatasync calls of the log since start");
/// Entries of the log since start.
pub const LOG_ENTRIES: Measure = Measure(
    "vault_log_entries",
    "entries appended to the log since start",
);
/// Bytes of the log since start.
pub const LOG_BYTES: Measure = Measure("vault_log_bytes", "bytes appended to the log since start");
/// Records in the state.
pub const ROWS: Measure = Measure("vault_records", "sealed records in the state");
/// Anything above 0 is an alarm.
pub const FAILED_OPENS: Measure = Measure(
    "vault_failed_opens",
    "records that did not open since the node was unsealed: damage or tampering",
);
/// Above 300 it is an alarm.
pub const CLOCK_OFF: Measure = Measure(
    "vault_clock_offset",
    "seconds by which this node's clock differs from the time that the vault goes by",
);
/// 0 where no destination is configured, too.
pub const OUTBOUND_UP: Measure = Measure(
    "vault_outbound_up",
    "1 while the process for outbound connections runs",
);
/// Anything above 0 is worth a look at the log.
pub const OUTBOUND_RESTARTS: Measure = Measure(
    "vault_outbound_restarts",
    "times that the process for outbound connections was started again",
);
/// Above outbound.keys_max_age programs of an issuer cannot log in.
pub const ISSUER_KEYS_AGE: Measure = Measure(
    "vault_issuer_age",
    "seconds since keys of an issuer in use were fetched, of the one whose are oldest",
);
/// Fetches that brought no keys.
pub const ISSUER_KEYS_FAILURES: Measure = Measure(
    "vault_issuer_failures",
    "fetches of keys of issuers that failed since start",
);
const TOTALS: [Total; 4] = [
    REQUESTS,
    CONNECTIONS_REFUSED,
    HANDSHAKES_FAILED,
    ACCEPT_ERRORS,
];
const LEVELS: [Measure; 16] = [
    CONNECTIONS,
    IN_FLIGHT,
    READY,
    SEALED,
    LEADER,
    APPLIED_INDEX,
    LOG_SYNCS,
    LOG_ENTRIES,
    LOG_BYTES,
    ROWS,
    FAILED_OPENS,
    CLOCK_OFF,
    OUTBOUND_UP,
    OUTBOUND_RESTARTS,
    ISSUER_KEYS_AGE,
    ISSUER_KEYS_FAILURES,
];

/// How long requests took, by method.
const SECONDS: (&str, &str) = (
    "vault_request_duration_seconds",
    "time from request to reply, by method",
);

/// The daemon's registry.
pub struct Metrics {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics(..)")
    }
}

impl Metrics {
    /// An empty registry of its own; several daemons in one process do not mix.
    ///
    /// # Errors
    /// If the library refuses the buckets.
    pub fn new() -> Result<Self, BuildError> {
        let recorder = PrometheusBuilder::new()
            .set_buckets(&BUCKETS)?
            .build_recorder();
        for Total(name, about) in TOTALS {
            recorder.describe_counter(KeyName::from_const_str(name), None, about.into());
        }
        for Measure(name, about) in LEVELS {
            recorder.describe_gauge(KeyName::from_const_str(name), None, about.into());
        }
        recorder.describe_histogram(KeyName::from_const_str(SECONDS.0), None, SECONDS.1.into());
        Ok(Self {
            handle: recorder.handle(),
            recorder,
        })
    }

    /// A counter; keep it where it is used often.
    pub fn counter(&self, total: Total, labels: &[(&'static str, &'static str)]) -> Counter {
        self.recorder
            .register_counter(&key(total.0, labels), &WHERE)
    }

    /// Sets a gauge.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a gauge is a float, exact to 2^53"
    )]
    pub fn set(&self, level: Measure, value: u64) {
        self.gauge(level).set(value as f64);
    }

    /// A gauge; keep it where it is used often.
    pub fn gauge(&self, level: Measure) -> Gauge {
        self.recorder.register_gauge(&key(level.0, &[]), &WHERE)
    }

    /// The histogram of one method's durations.
    pub fn durations(&self, method: &'static str) -> Histogram {
        self.recorder
            .register_histogram(&key(SECONDS.0, &[("method", method)]), &WHERE)
    }

    /// Moves what was measured into its buckets, so that memory stays bounded without a reader.
    pub fn upkeep(&self) {
        self.handle.run_upkeep();
    }

    /// All metrics in Prometheus text format.
    pub fn render(&self) -> String {
        self.handle.render()
    }
}

fn key(name: &'static str, labels: &[(&'static str, &'static str)]) -> Key {
    let labels = labels
        .iter()
        .map(|(name, value)| Label::from_static_parts(name, value));
    Key::from_parts(name, labels.collect::<Vec<_>>())
}

const WHERE: Metadata<'static> = Metadata::new("vaultd", Level::INFO, None);

/// In seconds.
const BUCKETS: [f64; 14] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.25, 1.0, 5.0,
    30.0,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_rendered_with_its_labels_and_meaning() {
        let metrics = Metrics::new().expect("registry");
        metrics
            .counter(REQUESTS, &[("method", "/a"), ("code", "ok")])
            .increment(3);
        metrics.set(SEALED, 1);
        metrics.durations("/a").record(0.0002);
        let text = metrics.render();
        assert!(
            text.contains("# HELP vault_requests_total requests answered"),
            "{text}"
        );
        assert!(
            text.contains("vault_requests_total{method=\"/a\",code=\"ok\"} 3"),
            "{text}"
        );
        assert!(text.contains("vault_sealed 1"), "{text}");
        assert!(
            text.contains("vault_request_duration_seconds_bucket{method=\"/a\",le=\"0.00025\"} 1"),
            "{text}"
        );
    }

    #[test]
    fn two_registries_do_not_mix() {
        let (a, b) = (Metrics::new().expect("a"), Metrics::new().expect("b"));
        a.set(ROWS, 7);
        assert!(!b.render().contains("vault_records 7"));
    }
}
