//! Policies as documents: reading, comparing and trying them. Nothing of the vault is read for it but the
//! caller's session, and nothing is stored.

mod analyses;

use vault_core::access::policy::{
    Change, Document, Kind, NewAccess, PolicyError, Warning, check_no_new_access, diff,
    rehearsal::{Case, Outcome, Rehearsal, RehearsalError, Surroundings},
};
use vault_proto::v1::Reason;

pub(super) use analyses::{Analyses, Stop};

use super::App;
use super::call::{Answer, Call};
use super::error::{Error, Result};

/// Most documents of one test.
const MAX_ATTACHED: usize = 100;
/// Most requests that one test tries.
const MAX_CASES: usize = 1_000;

/// What was found in a document.
#[derive(Debug)]
pub struct Validated {
    /// Why it is no policy, or what its author may not mean.
    pub findings: std::result::Result<Vec<Warning>, PolicyError>,
    /// The document in its one form, if it is one and that was asked for.
    pub formatted: Option<String>,
}

/// Two documents of one kind.
#[derive(Debug)]
pub struct Pair {
    /// Of both.
    pub kind: Kind,
    /// The text as it was.
    pub old: String,
    /// The text as it is to be.
    pub new: String,
}

/// Something that is not the same in two documents: of what was added there is no `old`.
#[derive(Debug, PartialEq, Eq)]
pub struct Changed {
    /// `Version`, `Id` or `Statement`.
    pub member: &'static str,
    /// As it was.
    pub old: Option<String>,
    /// As it is to be.
    pub new: Option<String>,
}

/// A document of a test.
#[derive(Debug)]
pub struct Attachment {
    /// Where it has its say.
    pub kind: Kind,
    /// What decisions call it.
    pub name: String,
    /// Its text.
    pub document: String,
    /// Whom or what it is attached to; none for all.
    pub to: Vec<String>,
}

impl App {
    /// What is wrong with a document, and what its author may not mean.
    ///
    /// # Errors
    /// As of any method about oneself; `OVERLOADED` when others have too much read.
    pub async fn validate_policy(
        &self,
        call: &Call,
        kind: Kind,
        document: String,
        format: bool,
    ) -> Result<Answer<Validated>> {
        self.analyse(call, move |_| {
            let (findings, formatted) = match Document::parse(&document, kind) {
                Ok((document, warnings)) => (Ok(warnings), format.then(|| document.to_string())),
                Err(error) => (Err(error), None),
            };
            Ok(Validated {
                findings,
                formatted,
            })
        })
        .await
    }

    /// What changed from one document to another.
    ///
    /// # Errors
    /// `POLICY_INVALID` if either is none, or as [`App::validate_policy`].
    pub async fn diff_policies(&self, call: &Call, pair: Pair) -> Result<Answer<Vec<Changed>>> {
        self.analyse(call, move |_| {
            let (old, new) = pair.read()?;
            Ok(changes(&old, &new))
        })
        .await
    }

    /// Whether the new document allows anything that the old one does not.
    ///
    /// # Errors
    /// `POLICY_INVALID` if either is none, or as [`App::validate_policy`].
    pub async fn check_no_new_access(&self, call: &Call, pair: Pair) -> Result<Answer<NewAccess>> {
        self.analyse(call, move |stop| {
            let (old, new) = pair.read()?;
            Ok(check_no_new_access(&old, &new, &|| stop.is_set()))
        })
        .await
    }

    /// What documents would decide of requests.
    ///
    /// # Errors
    /// `POLICY_INVALID` for a document that is none, `REQUEST_INVALID` for a request that nobody can make or
    /// for too many of either, `LIMIT_REACHED` where it takes too long, or as [`App::validate_policy`].
    pub async fn test_policy(
        &self,
        call: &Call,
        attached: Vec<Attachment>,
        cases: Vec<Case>,
    ) -> Result<Answer<Vec<Outcome>>> {
        let (now, region) = (self.now(), std::sync::Arc::clone(&self.settings.region));
        self.analyse(call, move |stop| {
            let surroundings = Surroundings {
                now,
                region: &region,
            };
            rehearse(attached, &cases, surroundings, stop)
        })
        .await
    }

    /// Works something out for whoever has a session, once it is his turn.
    async fn analyse<R: Send + 'static>(
        &self,
        call: &Call,
        work: impl FnOnce(&Stop) -> Result<R> + Send + 'static,
    ) -> Result<Answer<R>> {
        self.for_oneself(call, self.analyses.run(work)).await
    }
}

impl Pair {
    fn read(&self) -> Result<(Document, Document)> {
        let old = document(&self.old, self.kind, "old")?;
        let new = document(&self.new, self.kind, "new")?;
        Ok((old, new))
    }
}

/// A document, or why it is none.
fn document(text: &str, kind: Kind, name: &str) -> Result<Document> {
    let (document, _) = Document::parse(text, kind).map_err(|error| {
        Error::new(Reason::PolicyInvalid, format!("{name}: {error}"))
            .fact("document", name)
            .fact("line", error.line())
            .fact("column", error.column())
    })?;
    Ok(document)
}

fn changes(old: &Document, new: &Document) -> Vec<Changed> {
    let changed = |member, old: Option<&str>, new: Option<&str>| Changed {
        member,
        old: old.map(str::to_owned),
        new: new.map(str::to_owned),
    };
    let head = [
        changed("Version", old.version(), new.version()),
        changed("Id", old.id(), new.id()),
    ];
    let statements = diff(old, new).into_iter().map(|change| {
        let (old, new) = match change {
            Change::Added(new) => (None, Some(new)),
            Change::Removed(old) => (Some(old), None),
            Change::Changed { from, to } => (Some(from), Some(to)),
        };
        Changed {
            member: "Statement",
            old: old.map(ToString::to_string),
            new: new.map(ToString::to_string),
        }
    });
    let head = head.into_iter().filter(|head| head.old != head.new);
    head.chain(statements).collect()
}

fn rehearse(
    attached: Vec<Attachment>,
    cases: &[Case],
    surroundings: Surroundings<'_>,
    stop: &Stop,
) -> Result<Vec<Outcome>> {
    if attached.len() > MAX_ATTACHED || cases.len() > MAX_CASES {
        return Err(Error::new(
            Reason::RequestInvalid,
            format!("a test has at most {MAX_ATTACHED} policies and {MAX_CASES} cases"),
        ));
    }
    let mut rehearsal = Rehearsal::default();
    for Attachment {
        kind,
        name,
        document: text,
        to,
    } in attached
    {
        unless_stopped(stop)?;
        let document = document(&text, kind, &name)?;
        rehearsal
            .attach(&name, document, to.iter().map(String::as_str))
            .map_err(|error| refused(&format!("policy `{name}`"), &error))?;
    }
    let decide = |(number, case): (usize, &Case)| {
        unless_stopped(stop)?;
        rehearsal.decide(case, surroundings).map_err(|error| {
            let number = number + 1;
            refused(&format!("case {number}"), &error).fact("case", number)
        })
    };
    cases.iter().enumerate().map(decide).collect()
}

fn refused(what: &str, error: &RehearsalError) -> Error {
    Error::new(Reason::RequestInvalid, format!("{what}: {error}"))
}

fn unless_stopped(stop: &Stop) -> Result<()> {
    if stop.is_set() {
        return Err(Error::new(
            Reason::LimitReached,
            "the test takes too long; try fewer cases at once",
        ));
    }
    Ok(())
}
