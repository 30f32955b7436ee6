//! Keys and certificates that are refused, and what whoever brought them is told.

use std::fs;

use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyUsagePurpose, date_time_ymd};
use vault_sdk::Vault;
use vault_tests::{Daemon, Output};

use super::{Shown, ctl, like, log_in_by, pin, start, vault};

/// A certificate of RSA with 1024 bits, whose key is lost.
const WEAK: &str = "\
-----BEGIN CERTIFICATE-----
MIIB/DCCAWWgAwIBAgIUXb8B+y70vcxaWM5FbD/qK/LJ/bcwDQYJKoZIhvcNAQEL
BQAwDzENMAsGA1UEAwwEd2VhazAgFw0yNjExMzAyMTMxNDJaGA8yMTI2MTEwNjIx
MzE0MlowDzENMAsGA1UEAwwEd2VhazCBnzANBgkqhkiG9w0BAQEFAAOBjQAwgYkC
gYEA0u7vgg5a9V1X+nMBXCOL9Tr7n54vfjrOPitOpdt+CPj7zJzpHFNcHaFmX4Yu
nijl0QN3W9AC1GKWzwhRbZ98tYJ3IWb7YGv2Oac2EJbDO7sugGY1DYOVSMYLwo3n
b04KttUwIhu5nXTq7zXLDAjHToJVujC644hfBWAedJoKqK0CAwEAAaNTMFEwHQYD
VR0OBBYEFGcqDH7LhSSbG0PbP/cqm80gOgmeMB8GA1UdIwQYMBaAFGcqDH7LhSSb
G0PbP/cqm80gOgmeMA8GA1UdEwEB/wQFMAMBAf8wDQYJKoZIhvcNAQELBQADgYEA
OwKFGojuzMImu+LYYqe/3WAPd9C4TEwgKdsYymMGaIa6kkurwwOjKb4pdNS8C2gp
iKq9tAdiVRhuvy2pYnwL7y/F2VW6VLFv5THA6z/xrIX+NRBgUstcZXuN9Li+4CkG
N34EP9R91/p00qNkqN+57yPf1YYUZQIBxkki3T7uS2Y=
-----END CERTIFICATE-----
";

/// All that an error says but the request's own id.
fn said(output: &Output) -> String {
    let error: serde_json::Value = serde_json::from_str(&output.stderr).expect("an error");
    let error = &error["error"];
    let mut details = error["details"].clone();
    if let Some(details) = details.as_object_mut() {
        details.remove("request_id");
    }
    format!("{} {} {details}", error["message"], error["hints"])
}

#[test]
fn whatever_is_wrong_with_a_key_or_its_service_is_one_answer() {
    let daemon = start();
    let (own, unknown) = (Shown::new(&daemon, "own"), Shown::new(&daemon, "unknown"));
    own.pin(&daemon, "ci").ok();
    own.pin(&daemon, "other").refused(8, "KEY_TAKEN");
    let mut heard = vec![said(&unknown.log_in(&daemon).refused(5, "LOGIN_FAILED"))];
    for (shown, name) in [
        (&own, "other"),
        (&own, "nobody"),
        (&own, "administrator"),
        (&unknown, "ci"),
        (&unknown, "nobody"),
    ] {
        let refused = shown.log_in_with(&daemon, &["--service", name]);
        heard.push(said(&refused.refused(5, "LOGIN_FAILED")));
    }
    daemon.ctl(&["service", "disable", "ci"]).ok();
    heard.push(said(&own.log_in(&daemon).refused(5, "LOGIN_FAILED")));
    daemon.ctl(&["service", "enable", "ci"]).ok();
    own.log_in_with(&daemon, &["--service", "ci"]).ok();
    daemon.ctl(&["service", "rm", "ci", "--yes"]).ok();
    daemon.ctl(&["service", "create", "ci"]).ok();
    heard.push(said(&own.log_in(&daemon).refused(5, "LOGIN_FAILED")));
    assert!(heard.iter().all(|text| *text == heard[0]), "{heard:?}");
    assert!(
        own.pin(&daemon, "other").ok().json()["changed"] == true,
        "nobody's any more"
    );
}

#[test]
fn certificates_that_are_not_valid_now_or_not_for_clients_are_told_so_whosever_key_it_is() {
    let daemon = start();
    let dated = |from, until| {
        like(|params| {
            params.not_before = date_time_ymd(from, 1, 1);
            params.not_after = date_time_ymd(until, 1, 1);
        })
    };
    let meant_for = |purpose| like(|params| params.extended_key_usages = vec![purpose]);
    let signing = like(|params| params.key_usages = vec![KeyUsagePurpose::KeyCertSign]);
    for (name, params, why) in [
        ("expired", dated(2020, 2021), "has expired"),
        ("early", dated(2090, 2099), "is not valid yet"),
        (
            "server",
            meant_for(ExtendedKeyUsagePurpose::ServerAuth),
            "clientAuth",
        ),
        ("any", meant_for(ExtendedKeyUsagePurpose::Any), "clientAuth"),
        ("signing", signing, "digitalSignature"),
    ] {
        let shown = Shown::of(&daemon, name, &params);
        for pinned in [false, true] {
            if pinned {
                shown.pin(&daemon, "ci").ok();
            }
            let refused = shown.log_in(&daemon).refused(5, "CERTIFICATE_UNFIT");
            assert!(said(&refused).contains(why), "{name}: {refused}");
        }
        // The key is good: with another certificate it logs in.
        let fit = meant_for(ExtendedKeyUsagePurpose::ClientAuth).self_signed(&shown.key);
        shown.again(&fit.expect("a certificate").pem());
        shown.log_in(&daemon).ok();
        shown.unpin(&daemon, "ci").ok();
    }
    let none = vault(&daemon, None);
    assert_eq!(log_in_by(none), "CERTIFICATE_MISSING");
    let local = Vault::builder()
        .endpoint(daemon.address().parse().expect("an address"))
        .client_identity(Shown::new(&daemon, "local").identity());
    assert_eq!(log_in_by(local), "CERTIFICATE_MISSING");
}

#[test]
fn what_is_no_key_to_pin_is_refused() {
    let daemon = start();
    let write = |name: &str, text: &str| {
        let file = daemon.place.path(name);
        fs::write(&file, text).expect("a file");
        file.to_string_lossy().into_owned()
    };
    let good = Shown::new(&daemon, "good");
    let key = write("key-only.pem", &good.key.serialize_pem());
    let weak = write("weak.pem", WEAK);
    let empty = write("empty.pem", "");
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let garbage = write("garbage.pem", garbage);
    let large = CertificateParams::new(vec!["x".repeat(60) + ".test"; 200]).expect("params");
    let large = Shown::of(&daemon, "large", &large).cert_file;
    let huge = write("huge.pem", &"x".repeat(1 << 20));
    for file in [
        &key,
        &weak,
        &empty,
        &garbage,
        &large,
        &huge,
        "/no/such/file",
    ] {
        let refused = pin(&daemon, &["add", "ci", "--cert", file]);
        assert!(refused.code != 0, "{file}: {refused}");
    }
    pin(&daemon, &["add", "ci", "--cert", &weak]).refused(2, "REQUEST_INVALID");
    pin(&daemon, &["add", "ci", "--cert", &large]).refused(2, "REQUEST_INVALID");
    let digits = "0123456789abcdef".repeat(4);
    let hash = format!("sha256:{digits}");
    for bad in [
        "",
        "sha256:",
        &digits,
        &hash[..hash.len() - 1],
        &format!("{hash}0"),
        &hash.to_uppercase(),
        &hash.replace("sha256", "sha1"),
        &hash.replace('f', "g"),
    ] {
        for verb in ["add", "rm"] {
            pin(&daemon, &[verb, "ci", "--key-hash", bad]).refused(2, "REQUEST_INVALID");
        }
    }
    let add = ["add", "ci", "--key-hash", &hash];
    for more in [
        &["--ttl", "1s"][..],
        &["--ttl", "4000d"],
        &["--label", "a\u{7}"],
        &["--cert", &good.cert_file],
    ] {
        assert_eq!(pin(&daemon, &[&add[..], more].concat()).code, 2, "{more:?}");
    }
    assert_eq!(pin(&daemon, &["add", "ci"]).code, 2, "no key at all");
    for args in [
        &["add", "nobody", "--key-hash", &hash][..],
        &["ls", "nobody"],
    ] {
        pin(&daemon, args).refused(3, "IDENTITY_NOT_FOUND");
    }
    let timed = [&add[..], &["--ttl", "1h", "--label", "next"]].concat();
    assert_eq!(pin(&daemon, &timed).ok().json()["changed"], true);
    let listed = pin(&daemon, &["ls", "ci"]).ok().json();
    assert!(listed[0]["expires_at"].is_string());
    assert_eq!(listed[0]["label"], "next");
    for args in [
        &["login", "--key", &good.key_file][..],
        &["login", "--cert", &good.cert_file, "alice"],
        &[
            "login",
            "--cert",
            &good.cert_file,
            "--peer",
            "--service",
            "ci",
        ],
        &["login", "--cert", &good.cert_file],
        &[
            "login",
            "--cert",
            &good.cert_file,
            "--key",
            &key_of(&daemon, "foreign"),
        ],
        &["whoami", "--client-key", &good.key_file],
    ] {
        assert_eq!(ctl(&daemon, args).code, 2, "{args:?}");
    }
    let local = ["login", "--cert", &good.cert_file, "--key", &good.key_file];
    assert_eq!(daemon.ctl(&local).code, 2, "a Unix socket");
}

/// The file of a key that is nobody's certificate's.
fn key_of(daemon: &Daemon, name: &str) -> String {
    Shown::new(daemon, name).key_file
}
