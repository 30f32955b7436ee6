//! A folder of more secrets than are sorted at once.

use super::*;

#[test]
fn a_huge_folder_is_listed_whole_though_not_in_order() {
    let mut world = World::new();
    let request = Put {
        fields: fields(&[("value", "x")]),
        ..Put::default()
    };
    let total = 10_050;
    for chunk in 0..total / 50 {
        let grants: Vec<_> = (0..50)
            .map(|n| world.on(Action::PUT_VALUE, &format!("huge/{}", chunk * 50 + n)))
            .collect();
        world
            .run(|tx| {
                grants
                    .iter()
                    .try_for_each(|grant| put(tx, grant, None, &request).map(|_| ()))
            })
            .unwrap();
    }
    let grant = world.below(Action::LIST, "");
    let page = PageRequest {
        size: 1000,
        after: None,
    };
    let listing = world
        .run(|tx| {
            list(
                tx,
                &grant,
                &|_| true,
                &List {
                    recursive: true,
                    depth: 0,
                    page,
                },
            )
        })
        .unwrap();
    assert!(listing.unsorted && listing.entries.len() == 1000 && listing.next.is_some());
    let mut all = paths(world.list_with("huge", true, 0, 1000).unwrap());
    assert_eq!(all.len(), total);
    all.sort();
    all.dedup();
    assert_eq!(all.len(), total);
    assert_eq!(
        listing::found(&mut world, "", Some("huge/777"), &[], 10),
        ["huge/777"]
    );
}
