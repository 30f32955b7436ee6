//! A document as JSON again: one form for each, which reads back as the same document.

use std::fmt::{self, Write};

use super::{
    condition::Condition,
    document::{
        Document, Effect, Listed, Principal, PrincipalKind, PrincipalName, Sense, Statement,
    },
};

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anyone => f.write_str("*"),
            Self::One(PrincipalKind::User, name) => write!(f, "user:{name}"),
            Self::One(PrincipalKind::Service, name) => write!(f, "service:{name}"),
            Self::One(PrincipalKind::Role, name) => write!(f, "role:{name}"),
            Self::One(PrincipalKind::Root, name) => write!(f, "root:{name}"),
            Self::Session(role, name) => write!(f, "session:{role}/{name}"),
        }
    }
}

impl fmt::Display for PrincipalName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Called(name) => f.write_str(name),
            Self::Id(id) => write!(f, "#{id}"),
        }
    }
}

/// As JSON, indented.
impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{\n")?;
        if let Some(version) = self.version() {
            writeln!(f, "  \"Version\": \"{version}\",")?;
        }
        if let Some(id) = &self.id {
            writeln!(f, "  \"Id\": {},", Quoted(id))?;
        }
        f.write_str("  \"Statement\": [\n")?;
        for (n, statement) in self.statements.iter().enumerate() {
            f.write_str(if n == 0 { "" } else { ",\n" })?;
            write!(f, "{statement}")?;
        }
        f.write_str("\n  ]\n}\n")
    }
}

/// As it stands in a document.
impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("    {\n")?;
        if let Some(sid) = &self.sid {
            writeln!(f, "      \"Sid\": {},", Quoted(sid))?;
        }
        let effect = match self.effect {
            Effect::Allow => "Allow",
            Effect::Deny => "Deny",
        };
        write!(f, "      \"Effect\": \"{effect}\"")?;
        if let Some(listed) = &self.principals {
            let anyone = listed.entries.as_slice() == [Principal::Anyone];
            member(f, listed.sense, "Principal")?;
            if anyone {
                f.write_str("\"*\"")?;
            } else {
                f.write_str("{ \"Vault\": ")?;
                list(f, listed, Principal::to_string)?;
                f.write_str(" }")?;
            }
        }
        member(f, self.actions.sense, "Action")?;
        list(f, &self.actions, |action| action.text.to_string())?;
        if let Some(listed) = &self.resources {
            member(f, listed.sense, "Resource")?;
            list(f, listed, |resource| resource.template.as_str().to_owned())?;
        }
        if !self.conditions.is_empty() {
            f.write_str(",\n      \"Condition\": {\n")?;
            block(f, &self.conditions)?;
            f.write_str("\n      }")?;
        }
        f.write_str("\n    }")
    }
}

fn member(f: &mut fmt::Formatter<'_>, sense: Sense, name: &str) -> fmt::Result {
    let not = match sense {
        Sense::These => "",
        Sense::Others => "Not",
    };
    write!(f, ",\n      \"{not}{name}\": ")
}

/// Conditions of one operator stand beside each other, as they do in what was read.
fn block(f: &mut fmt::Formatter<'_>, conditions: &[Condition]) -> fmt::Result {
    let groups = conditions.chunk_by(|one, next| one.operator == next.operator);
    for (n, group) in groups.enumerate() {
        f.write_str(if n == 0 { "" } else { ",\n" })?;
        for (n, condition) in group.iter().enumerate() {
            match n {
                0 => write!(f, "        \"{}\": {{ ", condition.operator)?,
                _ => f.write_str(", ")?,
            }
            let key = condition.key.to_string();
            write!(f, "{}: ", Quoted(&key))?;
            texts(
                f,
                condition
                    .values
                    .iter()
                    .map(|wanted| wanted.text.to_string()),
            )?;
        }
        f.write_str(" }")?;
    }
    Ok(())
}

fn list<T>(
    f: &mut fmt::Formatter<'_>,
    listed: &Listed<T>,
    text: impl Fn(&T) -> String,
) -> fmt::Result {
    texts(f, listed.entries.iter().map(text))
}

/// One as a text, several as a list.
fn texts(
    f: &mut fmt::Formatter<'_>,
    mut texts: impl ExactSizeIterator<Item = String>,
) -> fmt::Result {
    let single = if texts.len() == 1 { texts.next() } else { None };
    if let Some(text) = single {
        return write!(f, "{}", Quoted(&text));
    }
    f.write_char('[')?;
    for (n, text) in texts.enumerate() {
        f.write_str(if n == 0 { "" } else { ", " })?;
        write!(f, "{}", Quoted(&text))?;
    }
    f.write_char(']')
}

/// A text as JSON writes it.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for c in self.0.chars() {
            match c {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                c if c.is_control() => write!(f, "\\u{:04x}", u32::from(c))?,
                c => f.write_char(c)?,
            }
        }
        f.write_char('"')
    }
}
