//! Keys of an issuer come from its address, by a process that has nothing of the daemon's, and from nowhere else.

mod helper;
mod several;
mod site;

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vault_tests::{Daemon, Dress};

use self::site::{Page, Site};
use super::{Issuer, claims, ctl, login, said};
use crate::BINARIES;

const LIMIT: Duration = Duration::from_secs(60);
const LOOPBACK: &str = "outbound.allow_private = [\"127.0.0.0/8\", \"::1/128\"]\n";

/// A daemon that may connect to the site and believes the authority of its certificate.
fn start(site: &Site, more: &str) -> Daemon {
    start_with(&[site], more)
}

/// The same of several.
fn start_with(sites: &[&Site], more: &str) -> Daemon {
    Daemon::start_dressed(BINARIES, more, |place| {
        let ca = place.path("ca.pem");
        let authorities: String = sites.iter().map(|site| site.authority.as_str()).collect();
        fs::write(&ca, authorities).expect("a file");
        let origins: Vec<_> = sites.iter().map(|site| site.origin()).collect();
        Dress {
            config: format!(
                "outbound.allow = {origins:?}\noutbound.ca_file = \"{}\"\n",
                ca.display()
            ),
            ..Dress::default()
        }
    })
}

/// `till` is whoever has a token of the issuer, whose keys are at the site.
fn open(daemon: &Daemon, site: &Site) {
    daemon.open();
    for line in [
        "service create till",
        &format!("trust create cluster {}", rules(site)),
        "trust bind cluster --service till --subject system:serviceaccount:shop:till",
    ] {
        ctl(daemon, line).ok();
    }
}

fn rules(site: &Site) -> String {
    let url = site.url();
    format!("--issuer https://cluster.test --audience vault --jwks-url {url}")
}

/// Forgets what is known of the keys: as with any other rules.
fn forget(daemon: &Daemon, site: &Site) {
    ctl(daemon, &format!("trust update cluster {}", rules(site))).ok();
}

fn keys(daemon: &Daemon) -> Value {
    ctl(daemon, "trust show cluster").ok().json()["keys"].clone()
}

/// What was recorded of logins that failed last.
fn denied(daemon: &Daemon) -> String {
    let lines = daemon.audit().into_iter().rev();
    let mut lines = lines.filter(|line| line["method"] == "/vault.v1.Trust/LoginToken");
    lines.next().expect("a line").to_string()
}

fn taken(daemon: &Daemon) -> Vec<String> {
    let lines = daemon.audit().into_iter();
    let lines = lines.filter(|line| line["method"] == "inside/TakeIssuerKeys");
    lines.map(|line| line.to_string()).collect()
}

#[test]
fn a_program_gets_in_by_a_key_that_was_fetched_and_a_new_one_is_fetched_once() {
    let (issuer, next) = (Issuer::make(), Issuer::make());
    let site = Site::start(Page::json(&issuer.jwks()));
    let daemon = start(&site, LOOPBACK);
    open(&daemon, &site);
    assert_eq!(
        (site.asked(), keys(&daemon)["count"].clone()),
        (0, json!(0))
    );
    for _ in 0..3 {
        login(&daemon, "till", &issuer.token(&claims("till"))).ok();
    }
    assert_eq!(site.asked(), 1);

    let both = json!({"keys": [issuer.key("one"), next.key("two")]});
    site.say(Page::json(&both));
    login(&daemon, "till", &next.token_by("two", &claims("till"))).ok();
    login(&daemon, "till", &issuer.token(&claims("till"))).ok();
    assert_eq!(site.asked(), 2);
    // a name alone opens nothing
    let forged = issuer.token_by("two", &claims("till"));
    login(&daemon, "till", &forged).refused(5, "LOGIN_FAILED");

    let shown = ctl(&daemon, "trust show cluster").ok().json();
    assert_eq!(
        (&shown["jwks_url"], &shown["jwks"]),
        (&json!(site.url()), &json!(""))
    );
    assert_eq!(
        (&shown["keys"]["count"], &shown["keys"]["failure"]),
        (&json!(2), &json!(""))
    );
    assert_ne!(shown["keys"]["fetched_at"], json!(""));
    let listed = ctl(&daemon, "trust ls").ok().json();
    assert_eq!(
        (&listed[0]["jwks_url"], &listed[0]["keys"]),
        (&shown["jwks_url"], &shown["keys"])
    );
    let text = daemon.ctl(&["trust", "ls"]).ok().stdout;
    assert!(text.contains("2 keys, "), "{text}");
    let lines = taken(&daemon);
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(
        lines[0].contains("1 keys") && lines[0].contains("first"),
        "{lines:?}"
    );
    assert!(
        lines[1].contains("2 keys") && lines[1].contains("others"),
        "{lines:?}"
    );
    let search = [
        "-o",
        "json",
        "audit",
        "search",
        "--action",
        "trust:TakeKeys",
    ];
    let found = daemon.ctl(&search).ok().stdout;
    assert!(found.contains("TakeIssuerKeys"), "{found}");
}

#[test]
fn fifty_logins_with_keys_that_nobody_has_cause_one_fetch() {
    let issuer = Issuer::make();
    let site = Site::start(Page::json(&issuer.jwks()));
    let daemon = start(&site, LOOPBACK);
    open(&daemon, &site);
    login(&daemon, "till", &issuer.token(&claims("till"))).ok();
    assert_eq!(site.asked(), 1);
    thread::scope(|scope| {
        for part in 0..10 {
            let (daemon, issuer) = (&daemon, &issuer);
            scope.spawn(move || {
                for number in 0..5 {
                    let id = format!("{part}-{number}");
                    let jwt = issuer.token_by(&id, &claims("till"));
                    login(daemon, "till", &jwt).refused(5, "LOGIN_FAILED");
                }
            });
        }
    });
    assert_eq!(site.asked(), 2);
    assert!(
        denied(&daemon).contains("no such key"),
        "{}",
        denied(&daemon)
    );
    login(&daemon, "till", &issuer.token(&claims("till"))).ok();
    assert_eq!(site.asked(), 2);
}

#[test]
fn whatever_else_is_at_the_address_lets_nobody_in_and_is_told_by_its_class() {
    let issuer = Issuer::make();
    let site = Site::start(Page::json(&issuer.jwks()));
    let daemon = start(&site, LOOPBACK);
    open(&daemon, &site);
    let jwt = issuer.token(&claims("till"));
    let mut private = issuer.jwks();
    private["keys"][0]["d"] = "AAAA".into();
    let shared = json!({"keys": [{"kty": "oct", "k": "AAAA"}]});
    let many: Vec<_> = (0..65).map(|n| issuer.key(&n.to_string())).collect();
    let padded = format!("{}{}", issuer.jwks(), " ".repeat(64 << 10));
    let cases = [
        (Page::moved(&site.url()), "redirection"),
        (
            Page::of("404 Not Found", "application/json", "{}"),
            "status 404",
        ),
        (
            Page::of("200 OK", "text/html", &issuer.jwks().to_string()),
            "no JSON",
        ),
        (Page::of("200 OK", "application/json", &padded), "too large"),
        (Page::of("200 OK", "application/json", "[]"), "no JWK set"),
        (
            Page::of("200 OK", "application/json", "{\"keys\": 7}"),
            "no JWK set",
        ),
        (Page::json(&private), "a key is private"),
        (Page::json(&shared), "a shared secret"),
        (Page::json(&json!({"keys": many})), "64 keys"),
        (Page::json(&json!({"keys": []})), "no RSA"),
        (Page::raw("nonsense\r\n\r\n"), "no HTTP"),
    ];
    let mut answers = Vec::new();
    for (page, why) in cases {
        forget(&daemon, &site);
        let before = site.asked();
        site.say(page);
        let answer = login(&daemon, "till", &jwt);
        answers.push(said(&answer.refused(5, "LOGIN_FAILED")));
        // it rests: a second login asks nobody
        login(&daemon, "till", &jwt).refused(5, "LOGIN_FAILED");
        assert_eq!(site.asked(), before + 1, "{why}");
        assert!(denied(&daemon).contains(why), "{why}: {}", denied(&daemon));
        let failure = keys(&daemon)["failure"].to_string();
        assert!(failure.contains(why), "{why}: {failure}");
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert!(taken(&daemon).is_empty());
    // what failed later does not take away what was there before
    forget(&daemon, &site);
    site.say(Page::json(&issuer.jwks()));
    login(&daemon, "till", &jwt).ok();
    site.say(Page::of("500 Internal Server Error", "text/html", ""));
    let unknown = issuer.token_by("two", &claims("till"));
    login(&daemon, "till", &unknown).refused(5, "LOGIN_FAILED");
    login(&daemon, "till", &jwt).ok();
    assert!(keys(&daemon)["failure"].to_string().contains("status 500"));
}

#[test]
fn a_site_that_says_nothing_holds_up_nobody_but_who_waits_for_it() {
    let issuer = Issuer::make();
    let site = Site::start(Page::silent());
    let daemon = start(&site, LOOPBACK);
    open(&daemon, &site);
    let jwt = issuer.token(&claims("till"));
    let begun = Instant::now();
    thread::scope(|scope| {
        let waiting: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| login(&daemon, "till", &jwt).refused(5, "LOGIN_FAILED")))
            .collect();
        while site.asked() == 0 {
            assert!(begun.elapsed() < LIMIT);
        }
        ctl(&daemon, "service ls").ok();
        assert!(waiting.iter().all(|one| !one.is_finished()), "they wait");
    });
    let all = begun.elapsed();
    assert!(
        all > Duration::from_secs(5) && all < Duration::from_secs(30),
        "{all:?}"
    );
    assert_eq!(site.asked(), 1);
    assert!(
        denied(&daemon).contains("took too long"),
        "{}",
        denied(&daemon)
    );
}

#[test]
fn an_address_is_refused_where_the_node_makes_no_connection() {
    let site = Site::start(Page::silent());
    let daemon = start(&site, LOOPBACK);
    daemon.open();
    let create = |url: &str| {
        let line = "trust create cluster --issuer https://cluster.test --audience vault";
        ctl(&daemon, &format!("{line} --jwks-url {url}"))
    };
    for url in [
        "https://elsewhere.test/keys",
        "https://localhost/keys",
        "https://127.0.0.1/keys",
    ] {
        let refused = create(url).refused(7, "DESTINATION_NOT_ALLOWED");
        let message = said(&refused).2;
        assert!(
            message.contains("[outbound] allow = [\"https://"),
            "{message}"
        );
    }
    for url in [
        "http://localhost/keys",
        "https://user@localhost/keys",
        "https://LOCALHOST/keys",
        "https://2130706433/keys",
        "https://localhost/keys#x",
        "file:///etc/passwd",
        "localhost",
    ] {
        create(url).refused(2, "REQUEST_INVALID");
    }
    fs::write(
        daemon.place.path("jwks.json"),
        Issuer::make().jwks().to_string(),
    )
    .expect("a file");
    create(&format!("{} --jwks-file jwks.json", site.url())).fails(2, "cannot be used with");
    let neither = "trust create cluster --issuer https://cluster.test --audience vault";
    ctl(&daemon, neither).fails(2, "--jwks-file");
    assert_eq!(ctl(&daemon, "trust ls").ok().json(), json!([]));
    assert_eq!(site.asked(), 0);

    let closed = Daemon::start(BINARIES);
    closed.open();
    let line = format!("trust create cluster {}", rules(&site));
    ctl(&closed, &line).refused(7, "DESTINATION_NOT_ALLOWED");
}

#[test]
fn a_private_address_and_another_authority_let_nobody_in() {
    let issuer = Issuer::make();
    let jwt = issuer.token(&claims("till"));
    let site = Site::start(Page::json(&issuer.jwks()));
    let daemon = start(&site, "");
    open(&daemon, &site);
    login(&daemon, "till", &jwt).refused(5, "LOGIN_FAILED");
    assert!(
        denied(&daemon).contains("outbound.allow_private"),
        "{}",
        denied(&daemon)
    );
    assert_eq!(site.connected(), 0, "nobody connected");

    let mut other = Site::start(Page::json(&issuer.jwks()));
    other.authority.clone_from(&site.authority);
    let daemon = start(&other, LOOPBACK);
    open(&daemon, &other);
    login(&daemon, "till", &jwt).refused(5, "LOGIN_FAILED");
    assert!(
        denied(&daemon).contains("no authority that is believed"),
        "{}",
        denied(&daemon)
    );
    assert_eq!(other.asked(), 0, "nobody asked");
}
