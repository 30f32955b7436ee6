//! Requests about many resources, and what a kill leaves of their lines.

use super::*;

#[tokio::test]
async fn a_batch_of_a_thousand_takes_short_lines_and_a_node_starts_wherever_they_are_torn() {
    for (paths, path) in [
        (Paths::Hmac, "x".to_owned()),
        (Paths::Plain, "ж/".repeat(341) + "z"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let config = AuditConfig {
            directory: dir.path().join("audit"),
            reserve_bytes: 4096,
            paths,
            ..patient()
        };
        let file = config.directory.join("audit.jsonl");
        let clock = Arc::new(Hands::default());
        let audit = Audit::open(&config, 1, clock, &abort()).unwrap();
        let mut entry = audit.begin(event());
        entry.actor(ALICE, &blind);
        for n in 0..1000 {
            entry.resource(&format!("secret:{path}{n}"), &blind);
        }
        entry.parts((0..1000).map(Part::Disclosed).collect());
        entry.finish(Outcome::ok()).await.unwrap();
        audit.flush().await.unwrap();
        let whole = std::fs::read(&file).unwrap();
        drop(audit);

        let lines: Vec<&[u8]> = whole.split_inclusive(|&b| b == b'\n').collect();
        assert!(lines.iter().all(|line| line.len() <= line::LONGEST));
        let read = |line: &&[u8]| serde_json::from_slice::<Value>(line).unwrap();
        let lines: Vec<Value> = lines.iter().map(read).collect();
        let (mut named, mut results) = (0, 0);
        for (line, seq) in lines.iter().zip(1u64..) {
            assert_eq!(line["seq"], seq);
            if line["type"] == "started" {
                continue;
            }
            assert_eq!(line["request"], lines[1]["request"]);
            assert!(line["type"] == "request" || line["from"] == named);
            assert!(line::KINDS.iter().any(|kind| line["type"] == *kind));
            for member in ["principal", "accessor", "status"] {
                assert_eq!(line[member], lines[1][member], "who searches finds it");
            }
            named += line["resources"].as_array().unwrap().len();
            for result in line["results"].as_array().unwrap() {
                assert_eq!(*result, results);
                results += 1;
            }
        }
        assert_eq!((named, results), (1000, 1000));
        assert_eq!(lines[1]["of"], 1000);

        let last = lines.len() as u64;
        for cut in (whole.len() - 2 * line::LONGEST..=whole.len()).step_by(997) {
            let found = reopened(&config, &file, &whole[..cut]).await;
            assert!(found <= last && found + 4 >= last, "cut at {cut}: {found}");
        }
    }
}

/// Leaves `text` in the file, and says the last sequence that a start finds there.
async fn reopened(config: &AuditConfig, file: &std::path::Path, text: &[u8]) -> u64 {
    loop {
        match AuditFile::open(config) {
            // The thread of the handle may still be letting go of the directory.
            Err(AuditError::Refused { problem, .. }) if problem.contains("in use") => {
                tokio::task::yield_now().await;
            }
            opened => {
                drop(opened.unwrap());
                std::fs::write(file, text).unwrap();
                break AuditFile::open(config).unwrap().1;
            }
        }
    }
}
