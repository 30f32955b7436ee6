//! Numbers that are never given again, names that are never shared, and a copy that nobody has to believe.

use super::super::model::World;
use super::*;

fn name(text: &str) -> RegionName {
    text.try_into().unwrap()
}

fn with(names: &[&str]) -> World {
    let mut world = World::new();
    assert!(world.write(|tx| name_home(tx, &name("home"))).unwrap());
    for text in names {
        world.write(|tx| add(tx, &name(text))).unwrap();
    }
    world
}

fn all(world: &mut World) -> Vec<(u16, String, bool)> {
    let (regions, _) = world.evaluate(|tx| Regions::of(tx).unwrap());
    assert_eq!(Regions::in_clear(&world.state).unwrap(), regions);
    let regions = regions.iter();
    regions
        .map(|it| {
            (
                it.number(),
                it.name().to_string(),
                it.revoked_at().is_some(),
            )
        })
        .collect()
}

/// Puts bytes in place of the copy, as one does who writes to the disk.
fn forge(world: &mut World, regions: &Regions) {
    let copy = minicbor::to_vec(regions).unwrap();
    let ((), forged) = world.evaluate(|tx| tx.put_stored(copy_key(), copy.into()));
    assert!(world.apply(&forged));
}

#[test]
fn home_is_the_first_and_is_named_once() {
    let mut world = World::new();
    let (none, _) = world.evaluate(|tx| Regions::of(tx).unwrap());
    assert_eq!(none.iter().count(), 0);
    assert_eq!(Regions::in_clear(&world.state).unwrap(), none);
    let early = world.write(|tx| add(tx, &name("eu")));
    assert!(matches!(early, Err(RegionRefusal::Unnamed)));
    assert!(world.write(|tx| name_home(tx, &name("home"))).unwrap());
    assert!(!world.write(|tx| name_home(tx, &name("other"))).unwrap());
    assert_eq!(all(&mut world), [(1, "home".to_owned(), false)]);
}

#[test]
fn a_number_is_never_given_again_and_neither_is_a_name() {
    let mut world = with(&["eu", "us"]);
    let revoked = world.write(|tx| revoke(tx, &name("us"))).unwrap();
    assert_eq!(
        (revoked.number(), revoked.revoked_at()),
        (3, Some(world.now))
    );
    let again = world.write(|tx| add(tx, &name("us")));
    assert!(matches!(again, Err(RegionRefusal::Exists(_))));
    assert_eq!(world.write(|tx| add(tx, &name("ap"))).unwrap().number(), 4);
    let renamed = world.write(|tx| rename(tx, &name("us"), &name("us-old")));
    assert_eq!(renamed.unwrap().number(), 3);
    assert_eq!(world.write(|tx| add(tx, &name("us"))).unwrap().number(), 5);
    let expected = [
        (1, "home", false),
        (2, "eu", false),
        (3, "us-old", true),
        (4, "ap", false),
        (5, "us", false),
    ];
    let expected = expected.map(|(number, name, revoked)| (number, name.to_owned(), revoked));
    assert_eq!(all(&mut world), expected);
}

#[test]
fn what_is_not_there_or_revoked_or_home_is_named() {
    let mut world = with(&["eu"]);
    let nowhere = world.write(|tx| rename(tx, &name("us"), &name("ap")));
    assert!(matches!(nowhere, Err(RegionRefusal::Unknown(_))));
    let taken = world.write(|tx| rename(tx, &name("eu"), &name("home")));
    assert!(matches!(taken, Err(RegionRefusal::Exists(_))));
    let home = world.write(|tx| revoke(tx, &name("home")));
    assert!(matches!(home, Err(RegionRefusal::Home(_))));
    world.write(|tx| revoke(tx, &name("eu"))).unwrap();
    let twice = world.write(|tx| revoke(tx, &name("eu")));
    assert!(matches!(twice, Err(RegionRefusal::Revoked(_))));
    let (regions, _) = world.evaluate(|tx| Regions::of(tx).unwrap());
    let live = |text| regions.live(&name(text)).map(Region::number);
    assert_eq!(live("home").unwrap(), 1);
    assert!(matches!(live("eu"), Err(RegionRefusal::Revoked(_))));
    assert!(matches!(live("us"), Err(RegionRefusal::Unknown(_))));
    assert_eq!(regions.by_number(2).unwrap().name(), &name("eu"));
    assert!(regions.by_number(3).is_none());
}

#[test]
fn there_is_an_end_to_regions() {
    let mut world = with(&[]);
    for n in 1..MAX_REGIONS {
        world.write(|tx| add(tx, &name(&format!("r{n}")))).unwrap();
    }
    let more = world.write(|tx| add(tx, &name("more")));
    assert!(matches!(more, Err(RegionRefusal::TooMany)));
}

#[test]
fn two_who_add_at_once_do_not_both_succeed() {
    let mut world = with(&[]);
    let (_, one) = world.evaluate(|tx| add(tx, &name("eu")).unwrap());
    let (_, other) = world.evaluate(|tx| add(tx, &name("us")).unwrap());
    assert!(world.apply(&one));
    assert!(!world.apply(&other));
}

#[test]
fn a_copy_that_was_altered_changes_nothing_that_is_decided_by_regions() {
    let mut world = with(&["eu", "us"]);
    let (mut regions, _) = world.evaluate(|tx| Regions::of(tx).unwrap());
    let sound = regions.clone();
    regions.known[1].name = name("us");
    regions.known[2].name = name("eu");
    forge(&mut world, &regions);
    assert_eq!(Regions::in_clear(&world.state).unwrap(), regions);
    let (decided, _) = world.evaluate(|tx| Regions::of(tx).unwrap());
    assert_eq!(decided, sound);
    // and the next look at it mends it, once
    assert!(world.write(|tx| name_home(tx, &name("other"))).unwrap());
    assert_eq!(Regions::in_clear(&world.state).unwrap(), sound);
    assert!(!world.write(|tx| name_home(tx, &name("other"))).unwrap());
}

#[test]
fn a_copy_that_makes_no_sense_is_damage() {
    let mut world = with(&["eu"]);
    let (sound, _) = world.evaluate(|tx| Regions::of(tx).unwrap());
    let changed = |change: &dyn Fn(&mut Vec<Region>)| {
        let mut regions = sound.clone();
        change(&mut regions.known);
        regions
    };
    let bad: [Regions; 6] = [
        changed(&|all| all.clear()),
        changed(&|all| drop(all.remove(0))),
        changed(&|all| all.reverse()),
        changed(&|all| all[1].number = 1),
        changed(&|all| all[1].name = all[0].name.clone()),
        changed(&|all| all[1].name = minicbor::decode(b"\x62E\x1b").unwrap()),
    ];
    for regions in &bad {
        forge(&mut world, regions);
        let read = Regions::in_clear(&world.state);
        assert!(matches!(read, Err(RecordError::Damaged(_))), "{regions:?}");
    }
}
