//! Which writes take something away that a state without them would still give.

use vault_core::record::{Key, Kind, Transaction, Write};

/// Whether a transaction changes who is who and may what, or ends a session. Such a write is acknowledged once no node
/// answers by a state without it. Whether it takes rights away or adds some is not looked at.
pub(super) fn narrows(transaction: &Transaction) -> bool {
    transaction.writes.iter().any(|write| match write {
        Write::Put(key, _) => of_rights(key),
        Write::Delete(key) => of_rights(key) || is(key, Kind::Session),
    })
}

/// Principals, groups, policies, issuers, what programs show; and with whose keys sessions are signed.
fn of_rights(key: &Key) -> bool {
    key.collection().is_some() || is(key, Kind::Signers)
}

fn is(key: &Key, kind: Kind) -> bool {
    key.kind_byte() == kind as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(writes: Vec<Write>) -> bool {
        let checks = Vec::new();
        narrows(&Transaction { checks, writes })
    }

    #[test]
    fn rights_and_the_end_of_sessions_narrow_and_nothing_else_does() {
        let key = |kind| Key::new(kind, &[&[7; 8]]);
        for kind in Kind::ALL.iter().copied() {
            let guarded = kind as u8 & 0x80 != 0;
            let put = of(vec![Write::Put(key(kind), "x".into())]);
            let deleted = of(vec![Write::Delete(key(kind))]);
            let rights = guarded || kind == Kind::Signers;
            assert_eq!(put, rights, "{kind:?}");
            assert_eq!(deleted, rights || kind == Kind::Session, "{kind:?}");
        }
        assert!(!of(Vec::new()));
        let secret = Write::Put(key(Kind::Secret), "x".into());
        assert!(of(vec![secret, Write::Delete(key(Kind::Session))]));
    }
}
