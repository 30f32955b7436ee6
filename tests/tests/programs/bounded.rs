//! How what programs log in by is held in: groups of processes, and numbers of secret ids.

use super::{issue, log_in, start};

#[test]
fn a_uid_that_is_bound_with_a_group_is_good_in_that_group_only() {
    let daemon = start();
    let uid = rustix::process::getuid().as_raw().to_string();
    let gid = rustix::process::getgid().as_raw();
    let allow = |gid: &str| {
        let allow = [
            "-o",
            "json",
            "service",
            "allow-uid",
            "ci",
            &uid,
            "--gid",
            gid,
        ];
        daemon.ctl(&allow)
    };
    let local = || {
        let login = [
            "-o",
            "json",
            "-c",
            "local",
            "login",
            "--service",
            "ci",
            "--peer",
        ];
        daemon.place.ctl(&login)
    };
    allow(&(gid + 1).to_string()).ok();
    local().refused(5, "LOGIN_FAILED");
    for bad in ["65534", "4294967295", "4294967296", "-1", "wheel"] {
        assert_eq!(allow(bad).code, 2, "{bad}");
    }
    local().refused(5, "LOGIN_FAILED");
    let own = allow(&gid.to_string()).ok().json();
    assert_eq!((&own["changed"], &own["gid"]), (&true.into(), &gid.into()));
    assert_eq!(allow(&gid.to_string()).ok().json()["changed"], false);
    local().ok();
    let lines = daemon.audit();
    let made = lines
        .iter()
        .find(|line| line["method"] == "/vault.v1.Programs/LoginPeer" && line["status"] == "ok");
    let by = format!("uid {uid}, gid {gid}");
    assert_eq!(made.expect("its line")["by"], by);
    let bound = daemon
        .ctl(&["-o", "json", "service", "uids", "ci"])
        .ok()
        .json();
    assert_eq!(
        bound,
        serde_json::json!([{ "uid": own["uid"], "gid": gid }])
    );
    let any = ["-o", "json", "service", "allow-uid", "ci", &uid];
    assert_eq!(daemon.ctl(&any).ok().json()["gid"], serde_json::Value::Null);
    local().ok();
}

#[test]
fn a_service_with_too_many_secret_ids_is_told_what_to_do_about_it() {
    let daemon = start();
    let update = |most: &str| {
        let update = [
            "-o",
            "json",
            "service",
            "update",
            "ci",
            "--most-secret-ids",
            most,
        ];
        daemon.ctl(&update)
    };
    update("2").ok();
    let (id, accessor) = issue(&daemon, "ci", &[]);
    issue(&daemon, "ci", &["--uses", "1"]);
    let third = ["-o", "json", "service", "secret-id", "issue", "ci"];
    let refused = daemon.ctl(&third).refused(7, "LIMIT_REACHED");
    assert!(refused.stderr.contains("secret-id ls"), "{refused}");
    issue(&daemon, "other", &[]);
    let revoke = ["service", "secret-id", "revoke", "ci", &accessor];
    daemon.ctl(&revoke).ok();
    log_in(&daemon, "ci", &id).refused(5, "LOGIN_FAILED");
    issue(&daemon, "ci", &[]);
    daemon.ctl(&third).refused(7, "LIMIT_REACHED");
    for bad in ["0", "1001", "-1", "many"] {
        assert_eq!(update(bad).code, 2, "{bad}");
    }
    update("3").ok();
    daemon.ctl(&third).ok();
    let shown = daemon
        .ctl(&["-o", "json", "service", "show", "ci"])
        .ok()
        .json();
    assert_eq!(shown["most_secret_ids"], 3);
    let user = ["user", "update", "administrator", "--most-secret-ids", "3"];
    assert_eq!(daemon.ctl(&user).code, 2, "of services only");
}
