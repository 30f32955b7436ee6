//! The bootstrap file: whom a new vault has, and what they may do, from its first moment on.
//!
//! It is read when a vault is created and never again. [`Bootstrap::read`] says everything that is wrong in it before
//! anything is written; what it makes is made by the root identity, through the functions that requests go through,
//! in the one log entry that makes the vault. So there is no vault that has half of it, a creation that broke off is
//! simply begun again, and a vault that is there cannot be bootstrapped. Each thing that is made has an audit line of
//! its own. It holds no secrets: users get one-time passwords, and services their secret ids, from an administrator.
//!
//! | module | what lives there |
//! |---|---|
//! | [`read`] | whose file it is, and how large |
//! | [`parse`] | from its text to what is to be made |
//! | [`apply`] | making it, in a transaction |
//! | [`mark`] | what a vault was bootstrapped from, and who is told when that changes |

mod apply;
mod mark;
mod parse;
mod read;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use vault_core::access::Resource;
use vault_core::access::password::Policy;
use vault_core::engine::identity::New;
use vault_core::name::{GroupName, PolicyName, ServiceName, UserName};
use vault_core::record::RecordError;

use apply::Unfit;
pub(super) use apply::{Done, apply, unfit};

/// Things that are told of in one message, at most.
const TOLD: usize = 20;

/// A bootstrap file that was read, and would make on a new vault what it says.
#[derive(Debug)]
pub struct Bootstrap {
    plan: Plan,
}

/// Where something stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    file: Arc<Path>,
    /// From one.
    line: usize,
    /// In characters, from one.
    column: usize,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Fault {
    place: Place,
    what: String,
}

/// Everything that is wrong with a bootstrap file.
#[derive(Debug)]
pub struct Faults(Vec<Fault>);

/// What is to be made.
#[derive(Debug, Default)]
struct Plan {
    /// Policies, groups, users, services, roles.
    new: Vec<Step>,
    /// What ties them together, once all are there.
    ties: Vec<Step>,
    /// Named in the file and not understood: what names them is no further fault.
    broken: Vec<Resource>,
    digest: [u8; 32],
}

#[derive(Debug)]
struct Step {
    place: Place,
    act: Act,
}

/// A text in the file, or a file of its own.
#[derive(Clone, Debug)]
struct Document {
    text: String,
    /// Where it begins.
    place: Place,
    /// Whether it stands there as it is, so that places in it can be told.
    verbatim: bool,
}

#[derive(Debug)]
enum Act {
    Policy(PolicyName, Document, String),
    Create(Resource, New, Option<Document>),
    Passwords(Resource, Box<Policy>),
    Attach(Resource, PolicyName),
    Boundary(Resource, PolicyName),
    Member(GroupName, UserName),
    Uid(ServiceName, u32),
}

impl Bootstrap {
    /// Reads a bootstrap file and the policies that it names, and tries it on a vault that is in memory only. `now`
    /// is in milliseconds since the epoch.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn read(path: &Path, now: u64) -> Result<Self, Faults> {
        let (plan, mut faults) = parse::plan(path)?;
        let place = || Place::start(path);
        match apply::rehearse(&plan, now) {
            Ok(()) => {}
            Err(Unfit::Faults(more)) => faults.extend(more),
            Err(Unfit::Record(RecordError::TooLarge | RecordError::OutOfIds)) => {
                faults.push(place().fault("it makes more than one entry of the log holds (512 records, 2 MiB): leave the rest for afterwards"));
            }
            Err(Unfit::Record(error)) => faults.push(place().fault(error.to_string())),
        }
        if faults.is_empty() {
            return Ok(Self { plan });
        }
        faults.sort();
        faults.dedup();
        Err(Faults(faults))
    }

    /// What it makes, a line each, in order.
    pub fn summary(&self) -> Vec<String> {
        let all = self.plan.new.iter().chain(&self.plan.ties);
        all.map(|step| step.act.to_string()).collect()
    }
}

impl Place {
    fn start(path: &Path) -> Self {
        Self {
            file: path.into(),
            line: 1,
            column: 1,
        }
    }

    fn fault(self, what: impl Into<String>) -> Fault {
        Fault {
            place: self,
            what: what.into(),
        }
    }
}

impl Document {
    /// The place of a line and a column of it, as far as that can be told.
    fn at(&self, line: usize, column: usize) -> Option<Place> {
        let column = if line == 1 {
            self.place.column + column - 1
        } else {
            column
        };
        let place = Place {
            file: Arc::clone(&self.place.file),
            line: self.place.line + line - 1,
            column,
        };
        self.verbatim.then_some(place)
    }
}

impl Act {
    /// What it is about, as the audit names it.
    fn about(&self) -> Vec<Resource> {
        match self {
            Self::Policy(name, ..) => vec![Resource::Policy(name.clone())],
            Self::Create(who, ..) | Self::Passwords(who, _) => vec![who.clone()],
            Self::Attach(who, policy) | Self::Boundary(who, policy) => {
                vec![who.clone(), Resource::Policy(policy.clone())]
            }
            Self::Member(group, user) => {
                vec![Resource::Group(group.clone()), Resource::User(user.clone())]
            }
            Self::Uid(service, _) => vec![Resource::Service(service.clone())],
        }
    }
}

/// As people read it.
impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Policy(name, ..) => write!(f, "create policy:{name}"),
            Self::Create(who, ..) => write!(f, "create {}", bare(who)),
            Self::Passwords(Resource::System, _) => f.write_str("set the password policy"),
            Self::Passwords(of, _) => write!(f, "set the password policy of {}", bare(of)),
            Self::Attach(to, policy) => write!(f, "attach policy:{policy} to {}", bare(to)),
            Self::Boundary(of, policy) => {
                write!(f, "set the boundary of {} to policy:{policy}", bare(of))
            }
            Self::Member(group, user) => write!(f, "add user:{user} to group:{group}"),
            Self::Uid(service, uid) => write!(f, "let processes of uid {uid} be service:{service}"),
        }
    }
}

/// Without the ticks that resources have in sentences.
fn bare(resource: &Resource) -> String {
    resource.to_string().replace('`', "")
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { file, line, column } = &self.place;
        write!(f, "{}:{line}:{column}: {}", file.display(), self.what)
    }
}

/// A line each.
impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for Faults {}

impl Faults {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// For a reply: the first of them.
    pub(super) fn told(&self) -> String {
        let first = self.0.iter().take(TOLD).map(ToString::to_string);
        let more = self.0.len().saturating_sub(TOLD);
        let rest = (more > 0).then(|| format!("and {more} more: vaultd check-bootstrap FILE"));
        first.chain(rest).collect::<Vec<_>>().join("\n")
    }
}

impl From<Fault> for Faults {
    fn from(fault: Fault) -> Self {
        Self(vec![fault])
    }
}
