//! As many principals as the vault is made for.

use super::*;
use crate::access::Absent;

const PRINCIPALS: usize = 10_000;
const AT_ONCE: usize = 100;
const PAGE: usize = 1_000;

fn populate(world: &mut World) {
    let root = world.root;
    let names: Vec<String> = (0..PRINCIPALS).map(|n| format!("user-{n:05}")).collect();
    for some in names.chunks(AT_ONCE) {
        let made = world.store.write(|tx| {
            let caller = access::authenticate(tx, &root, &Origin::local()).unwrap();
            for name in some {
                let grant = access::authorise(&caller, Action::USER_CREATE, user(name)).unwrap();
                create(tx, &caller, &grant, &mut Proofs::default(), &New::default())?;
            }
            Ok::<_, Refusal>(())
        });
        made.unwrap();
    }
}

#[test]
fn of_ten_thousand_everybody_is_asked_about_once_in_pages_that_are_bounded() {
    let mut world = World::new();
    populate(&mut world);
    let text = allow("secret:GetValue", "secret:db/*");
    world.user_with("anna", &text);
    world.user_with("zoe", &text);
    let (root, wanted) = (world.root, secret("db/password"));
    let (mut after, mut asked, mut able) = (None::<(Sort, String)>, 0, Vec::new());
    loop {
        let ((all, more), _) = world.store.evaluate(|tx| {
            let caller = access::authenticate(tx, &root, &Origin::local()).unwrap();
            let simulate = Action::POLICY_SIMULATE;
            let grant = access::authorise(&caller, simulate, wanted.clone()).unwrap();
            let past = after.as_ref().map(|(sort, name)| (*sort, name.as_str()));
            let page = everybody(tx, &grant, past, PAGE).unwrap();
            for (sort, name) in &page.0 {
                let absent = Absent::of(tx, (*sort, name), &Origin::local())
                    .unwrap()
                    .unwrap();
                let decided = absent.decide(Action::GET_VALUE, &wanted, &Facts::default());
                if decided.is_ok() {
                    able.push(name.clone());
                }
            }
            page
        });
        assert!(all.len() <= PAGE && all.is_sorted());
        assert!(
            after
                .as_ref()
                .is_none_or(|after| all.iter().all(|one| one > after))
        );
        asked += all.len();
        if !more {
            break;
        }
        after = all.last().cloned();
    }
    assert_eq!(
        (asked, able),
        (PRINCIPALS + 2, vec!["anna".to_owned(), "zoe".to_owned()])
    );
}
