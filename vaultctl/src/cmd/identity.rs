//! `vaultctl user|service|role|group`: one set of commands, with what each sort has of its own.

mod flags;
mod pins;
mod programs;
mod show;

use clap::{Args, Subcommand};
use serde_json::json;
use vault_sdk::wire::{CreateIdentityRequest, ListIdentitiesRequest, UpdateIdentityRequest};

use flags::{Change, New, Own};
pub(crate) use flags::{
    Members, NewRole, Nothing, RoleChange, ServiceChange, Switch, TagChange, Tags,
};
pub(crate) use programs::Programs;

use super::Outcome;
use crate::confirm::type_word;
use crate::ctl::Ctl;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::table::Lister;

/// Users: with tags, and to be switched off.
pub(crate) type Users = Command<Tags, TagChange, Switch>;
/// Services: which programs log in as.
pub(crate) type Services = Command<Tags, ServiceChange, Programs>;
/// Roles: assumed by whom they trust.
pub(crate) type Roles = Command<NewRole, RoleChange, Switch>;
/// Groups: of users, who have their policies.
pub(crate) type Groups = Command<Nothing, Nothing, Members>;

/// What a name is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    User,
    Service,
    Role,
    Group,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command<N: Args, C: Args, O: Subcommand> {
    /// Make one, which may do nothing yet
    Create(Create<N>),
    /// Show one, with its policies
    Show(Name),
    /// Show who there is
    Ls,
    /// Change one
    Update(Update<C>),
    /// Delete one and end its sessions; its rights are gone for good
    Rm(Name),
    #[command(flatten)]
    Own(O),
}

#[derive(Debug, Args)]
pub(crate) struct Name {
    /// Its name
    #[arg(value_name = "NAME")]
    name: String,
}

#[derive(Debug, Args)]
pub(crate) struct Create<N: Args> {
    /// Its name: lower case
    #[arg(value_name = "NAME")]
    name: String,

    /// For people to read
    #[arg(long, value_name = "TEXT", default_value = "")]
    description: String,

    #[command(flatten)]
    new: N,
}

#[derive(Debug, Args)]
pub(crate) struct Update<C: Args> {
    /// Its name
    #[arg(value_name = "NAME")]
    name: String,

    /// For people to read
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,

    #[command(flatten)]
    change: C,
}

impl<N: Args + New, C: Args + Change, O: Subcommand + Own> Command<N, C, O> {
    pub(crate) async fn run(self, sort: Sort, ctl: &Ctl) -> Outcome {
        match self {
            Self::Create(args) => args.run(sort, ctl).await,
            Self::Show(one) => show::run(&sort.who(&one.name), ctl).await,
            Self::Ls => list(sort, ctl).await,
            Self::Update(args) => args.run(sort, ctl).await,
            Self::Rm(one) => remove(&sort.who(&one.name), ctl).await,
            Self::Own(command) => command.run(sort, ctl).await,
        }
    }
}

impl<N: Args + New> Create<N> {
    async fn run(self, sort: Sort, ctl: &Ctl) -> Outcome {
        let mut request = CreateIdentityRequest {
            who: sort.who(&self.name),
            description: self.description,
            ..CreateIdentityRequest::default()
        };
        self.new.add(&mut request)?;
        let who = ctl.vault()?.identity().create(request).await?;
        let text = format!("{who} is there, and may do nothing yet");
        ctl.output.done(&text, || json!({ "who": who }))?;
        Ok(Exit::Ok)
    }
}

impl<C: Args + Change> Update<C> {
    async fn run(self, sort: Sort, ctl: &Ctl) -> Outcome {
        let mut request = UpdateIdentityRequest {
            who: sort.who(&self.name),
            description: self.description,
            ..UpdateIdentityRequest::default()
        };
        let nothing = UpdateIdentityRequest {
            who: request.who.clone(),
            ..UpdateIdentityRequest::default()
        };
        self.change.add(&mut request)?;
        if request == nothing {
            return Err(Failure::usage(
                "nothing to change: say what, as --description TEXT",
            ));
        }
        update(request, "is changed", ctl).await
    }
}

/// Sends a change, and says what it came to.
async fn update(request: UpdateIdentityRequest, done: &str, ctl: &Ctl) -> Outcome {
    let who = request.who.clone();
    ctl.vault()?.identity().update(request).await?;
    let text = format!("{who} {done}");
    ctl.output.done(&text, || json!({ "who": who }))?;
    Ok(Exit::Ok)
}

async fn remove(who: &str, ctl: &Ctl) -> Outcome {
    let vault = ctl.vault()?;
    if !ctl.yes {
        // that it is there at all is worth knowing before it is asked about
        vault.identity().describe(who).await?;
    }
    type_word(ctl, &format!("delete {who} for good"), "", who)?;
    vault.identity().delete(who).await?;
    let text = format!("{who} is deleted");
    ctl.output.done(&text, || json!({ "who": who }))?;
    Ok(Exit::Ok)
}

async fn list(sort: Sort, ctl: &Ctl) -> Outcome {
    let vault = ctl.vault()?;
    let mut lister = Lister::new(&ctl.output, &["name"]);
    let mut after = String::new();
    loop {
        let page = ListIdentitiesRequest {
            sort: sort.word().to_owned(),
            page_size: PAGE,
            after,
        };
        let page = vault.identity().list(page).await?;
        let last = page.names.last().cloned();
        for name in page.names {
            let who = sort.who(&name);
            lister.push(vec![name], || json!({ "who": who }))?;
        }
        match last {
            Some(last) if page.more => after = last,
            Some(_) | None => break,
        }
    }
    lister.finish(&format!("there is no {} yet", sort.word()))?;
    Ok(Exit::Ok)
}

impl Sort {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Service => "service",
            Self::Role => "role",
            Self::Group => "group",
        }
    }

    /// As policies name him; `user:alice` may be written where `alice` is asked for.
    pub(crate) fn who(self, name: &str) -> String {
        let word = self.word();
        let bare = name.strip_prefix(word);
        let bare = bare.and_then(|rest| rest.strip_prefix(':'));
        format!("{word}:{}", bare.unwrap_or(name))
    }
}

/// Names asked for at a time.
pub(crate) const PAGE: u32 = 1000;

#[cfg(test)]
mod tests {
    use super::Sort;

    #[test]
    fn a_name_is_of_its_sort_whether_or_not_that_is_said() {
        assert_eq!(Sort::User.who("alice"), "user:alice");
        assert_eq!(Sort::User.who("user:alice"), "user:alice");
        assert_eq!(Sort::Group.who("user"), "group:user");
        assert_eq!(Sort::Group.who("user:alice"), "group:user:alice");
    }
}
