//! From the text of a bootstrap file to what is to be made. Goes on after each fault, so that all are told at once.

mod reader;

use std::path::Path;

use vault_core::access::password::Policy;
use vault_core::access::policy::Tags;
use vault_core::access::{Resource, Sort};
use vault_core::engine::identity::New;
use vault_core::name::{Description, GroupName, PolicyName, TagKey, TagValue};

use super::read::Files;
use super::{Act, Document, Fault, Faults, Place, Plan, Step};
use reader::{Entry, Reader, Table, Value};

/// A role's longest session, in milliseconds.
const SESSION: std::ops::RangeInclusive<u64> = 15 * MINUTE..=12 * 60 * MINUTE;
const MINUTE: u64 = 60_000;

/// What a file says, and what is wrong with it.
///
/// # Errors
/// When it cannot be read at all, or is no TOML.
pub(super) fn plan(path: &Path) -> Result<(Plan, Vec<Fault>), Faults> {
    let mut files = Files::new();
    let place = Place::start(path);
    let text = files.read(path).map_err(|why| place.fault(why))?;
    let (root, mut reader) = Reader::open(path, &text, files)?;
    let mut plan = Plan::default();
    let root = reader.table(&root, "the file", &SECTIONS);
    // What is named is there before what names it.
    for section in SECTIONS {
        let Some(value) = root.get(section) else {
            continue;
        };
        if section == "password_policy" {
            passwords(&mut reader, &mut plan, Resource::System, value);
            continue;
        }
        for (name, value) in reader.entries(value, section) {
            match section {
                "policies" => policy(&mut reader, &mut plan, name, value),
                _ => holder(&mut reader, &mut plan, section, name, value),
            }
        }
    }
    let (faults, digest) = reader.close();
    plan.digest = digest;
    Ok((plan, faults))
}

const SECTIONS: [&str; 6] = [
    "password_policy",
    "policies",
    "groups",
    "users",
    "services",
    "roles",
];

fn policy(reader: &mut Reader, plan: &mut Plan, name: &Entry<'_>, value: &Value<'_>) {
    let table = reader.table(value, "a policy", &["description", "document", "file"]);
    let description = description(reader, &table);
    let document = document(reader, &table, ("document", "file"));
    let Some(called) = reader.name::<PolicyName>(name) else {
        return;
    };
    let start = name.span().start;
    if let Some(document) = document {
        let (place, act) = (
            reader.place(start),
            Act::Policy(called, document, description),
        );
        plan.new.push(Step { place, act });
        return;
    }
    if !table.contains_key("document") && !table.contains_key("file") {
        let what = "a policy has a `document`, or a `file` that it stands in";
        reader.wrong(start, what);
    }
    plan.broken.push(Resource::Policy(called));
}

/// Users, groups, services and roles.
fn holder(
    reader: &mut Reader,
    plan: &mut Plan,
    section: &str,
    name: &Entry<'_>,
    value: &Value<'_>,
) {
    let (sort, known): (Sort, &[&str]) = match section {
        "groups" => (Sort::Group, &["description", "policies", "password_policy"]),
        "users" => (
            Sort::User,
            &["description", "policies", "tags", "boundary", "groups"],
        ),
        "services" => (
            Sort::Service,
            &["description", "policies", "tags", "boundary", "uids"],
        ),
        _ => (
            Sort::Role,
            &[
                "description",
                "policies",
                "tags",
                "boundary",
                "trust",
                "trust_file",
                "longest_session",
            ],
        ),
    };
    let what = format!("a {sort}");
    let table = reader.table(value, &what, known);
    let trust = document(reader, &table, ("trust", "trust_file"));
    let new = New {
        description: description(reader, &table),
        tags: tags(reader, &table),
        trust: trust.as_ref().map(|trust| trust.text.clone()),
        longest_session: longest_session(reader, &table),
    };
    let Some(who) = reader.who(sort, name) else {
        return;
    };
    let start = name.span().start;
    if sort == Sort::Role && trust.is_none() {
        if !table.contains_key("trust") && !table.contains_key("trust_file") {
            let what = "a role has a `trust` policy, or a `trust_file` that it stands in";
            reader.wrong(start, what);
        }
        plan.broken.push(who);
    } else {
        let (place, act) = (reader.place(start), Act::Create(who.clone(), new, trust));
        plan.new.push(Step { place, act });
        ties(reader, plan, &who, &table);
    }
}

/// What somebody is tied to.
fn ties(reader: &mut Reader, plan: &mut Plan, who: &Resource, table: &Table<'_, '_>) {
    let tie = |plan: &mut Plan, place, act| plan.ties.push(Step { place, act });
    for (text, at) in reader.texts(table, "policies") {
        if let Some(policy) = reader.called::<PolicyName>(&text, at) {
            tie(plan, reader.place(at), Act::Attach(who.clone(), policy));
        }
    }
    if let Some((text, at)) = reader.text(table, "boundary")
        && let Some(policy) = reader.called::<PolicyName>(&text, at)
    {
        tie(plan, reader.place(at), Act::Boundary(who.clone(), policy));
    }
    if let Resource::User(user) = who {
        for (text, at) in reader.texts(table, "groups") {
            if let Some(group) = reader.called::<GroupName>(&text, at) {
                tie(plan, reader.place(at), Act::Member(group, user.clone()));
            }
        }
    }
    if let Resource::Service(service) = who {
        for (uid, at) in reader.uids(table, "uids") {
            tie(plan, reader.place(at), Act::Uid(service.clone(), uid));
        }
    }
    if let Some(value) = table.get("password_policy") {
        passwords(reader, plan, who.clone(), value);
    }
}

fn passwords(reader: &mut Reader, plan: &mut Plan, of: Resource, value: &Value<'_>) {
    let start = value.span().start;
    let of_all = of == Resource::System;
    let parse = |text: &str| {
        if of_all {
            Policy::from_json(text)
        } else {
            Policy::from_group_json(text)
        }
    };
    let mut whole = serde_json::Map::new();
    let mut wrong = false;
    for (field, value) in reader.entries(value, "password_policy") {
        let at = field.span().start;
        let Some(json) = reader.json(value) else {
            wrong = true;
            continue;
        };
        // One by one, to tell the place of each that is wrong.
        let one = serde_json::Map::from_iter([(field.get_ref().to_string(), json.clone())]);
        if let Err(error) = parse(&serde_json::Value::Object(one).to_string()) {
            let what = error.to_string();
            // The place that it tells is none of the file's.
            let what = what.split(" at line ").next().unwrap_or_default();
            // Some are wrong by themselves and right beside others: the whole says which.
            if !matches!(
                error,
                vault_core::access::password::PolicyError::Range { .. }
            ) {
                reader.wrong(at, what);
                wrong = true;
            }
        }
        whole.insert(field.get_ref().to_string(), json);
    }
    if wrong {
        return;
    }
    match parse(&serde_json::Value::Object(whole).to_string()) {
        Ok(policy) => plan.ties.push(Step {
            place: reader.place(start),
            act: Act::Passwords(of, Box::new(policy)),
        }),
        Err(error) => reader.wrong(start, error.to_string()),
    }
}

fn description(reader: &mut Reader, table: &Table<'_, '_>) -> String {
    let Some((text, at)) = reader.text(table, "description") else {
        return String::new();
    };
    if let Err(error) = Description::try_from(text.as_str()) {
        reader.wrong(at, format!("the description is refused: {error}"));
    }
    text
}

fn tags(reader: &mut Reader, table: &Table<'_, '_>) -> Tags {
    let mut tags = Tags::new();
    let Some(value) = table.get("tags") else {
        return tags;
    };
    for (key, value) in reader.entries(value, "tags") {
        let Some(text) = value.get_ref().as_str() else {
            reader.wrong(value.span().start, "a tag's value is a text");
            continue;
        };
        let (at, beside) = (key.span().start, value.span().start);
        let key = TagKey::try_from(key.get_ref().as_ref()).map_err(|error| (at, error));
        let value = TagValue::try_from(text).map_err(|error| (beside, error));
        match key.and_then(|key| Ok((key, value?))) {
            Ok((key, value)) => drop(tags.insert(key, value)),
            Err((at, error)) => reader.wrong(at, format!("the tag is refused: {error}")),
        }
    }
    tags
}

/// `90m`, `8h`; 0: the default.
fn longest_session(reader: &mut Reader, table: &Table<'_, '_>) -> u64 {
    let Some((text, at)) = reader.text(table, "longest_session") else {
        return 0;
    };
    let unit = [("m", MINUTE), ("h", 60 * MINUTE)];
    let read = unit.iter().find_map(|(unit, scale)| {
        let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
        number.checked_mul(*scale)
    });
    let fits = read.filter(|longest| SESSION.contains(longest));
    if fits.is_none() {
        let what = "a longest session is 15 minutes to 12 hours, as `90m` or `8h`";
        reader.wrong(at, what);
    }
    fits.unwrap_or_default()
}

/// A text that stands in the file under one key, or in a file that another key names.
fn document(
    reader: &mut Reader,
    table: &Table<'_, '_>,
    (here, elsewhere): (&'static str, &'static str),
) -> Option<Document> {
    let (text, file) = (reader.document(table, here), reader.file(table, elsewhere));
    if let (Some(value), true) = (table.get(here), table.contains_key(elsewhere)) {
        let what = format!("either `{here}` or `{elsewhere}`");
        reader.wrong(value.span().start, what);
    }
    text.or(file)
}
