//! Who counts as known before a session was shown.

use super::*;

fn over_the_socket(uid: u32) -> Peer {
    let transport = Transport::Unix {
        uid,
        gid: 0,
        pid: None,
    };
    Peer::new(transport, None, Arc::default())
}

#[test]
fn of_local_users_only_root_and_the_daemons_own_are_no_strangers() {
    let own = vault_sys::effective_uid();
    for uid in [0, own] {
        let peer = over_the_socket(uid);
        assert!(peer.is_own() && peer.activity.is_known(), "{uid}");
    }
    for uid in [own + 1, 65_534, u32::MAX] {
        let peer = over_the_socket(uid);
        assert!(!peer.is_own() && !peer.activity.is_known(), "{uid}");
        // A session makes him known, and not more.
        peer.known();
        assert!(!peer.is_own() && peer.activity.is_known(), "{uid}");
    }
    let tcp = Peer::new(
        Transport::Tcp(([127, 0, 0, 1], 1).into()),
        None,
        Arc::default(),
    );
    assert!(!tcp.is_own() && !tcp.activity.is_known());
}
