//! Writes of the Secrets service that take away, bring back or move.

use vault_core::access::{Action, Grant, Proofs, Resource};
use vault_core::engine::secrets::{self as engine, Moved, Refusal};
use vault_core::name::{FolderPath, SecretPath};
use vault_core::record::Tx;

use super::Repeat;
use crate::app::call::{Answer, Call};
use crate::app::error::Result;
use crate::app::pipeline::Visit;
use crate::app::transact::{Terms, Verdict};
use crate::app::{App, refusal};

/// A secret, or a folder with all below it.
#[derive(Clone, Debug)]
pub enum Target {
    /// One secret.
    Secret(SecretPath),
    /// A folder and all below it.
    Folder(FolderPath),
}

/// What to destroy beyond recovery.
#[derive(Clone, Copy, Debug)]
pub enum Destruction {
    /// One version of a living secret.
    Version(u64),
    /// A deleted secret, by its id.
    Deleted(u64),
}

impl App {
    /// Deletes a secret or a folder, with a window in which it can be restored.
    ///
    /// # Errors
    /// As the engine refuses, or as of any write.
    pub async fn delete_secret(
        &self,
        call: &Call,
        target: Target,
        delete: engine::Delete,
        dry_run: bool,
        digest: [u8; 32],
    ) -> Result<Answer<engine::DeleteReply>> {
        let repeat = Repeat::of(call, digest);
        let verdict = if dry_run {
            Verdict::Discard
        } else {
            Verdict::Commit
        };
        self.write(call, Terms::default(), move |visit, tx| {
            let once = repeat.map(|repeat| repeat.once(tx)).transpose();
            let once = once.map_err(refusal::record)?;
            let grant = visit.grant(tx, Action::DELETE, target.resource())?;
            if delete.hastens() {
                visit.grant_beside(tx, Action::DESTROY, target.resource())?;
            }
            let deleted = match &target {
                Target::Secret(path) => engine::delete(tx, &grant, once.as_ref(), &delete)
                    .map_err(|refusal| visit.refuse(refusal, Action::DELETE, path))?,
                Target::Folder(folder) => engine::delete_folder(tx, &grant, once.as_ref(), &delete)
                    .map_err(|refusal| visit.refuse_folder(refusal, Action::DELETE, folder))?,
            };
            Ok((verdict, deleted))
        })
        .await
    }

    /// Brings a deleted secret back, to where it was or elsewhere.
    ///
    /// # Errors
    /// As the engine refuses, or as of any write.
    pub async fn restore_secret(
        &self,
        call: &Call,
        path: SecretPath,
        id: Option<u64>,
        new_path: Option<SecretPath>,
        digest: [u8; 32],
    ) -> Result<Answer<engine::RestoreReply>> {
        let repeat = Repeat::of(call, digest);
        let elsewhere = new_path.as_ref().filter(|new| **new != path);
        let pairs =
            elsewhere.map(|new| (Target::Secret(path.clone()), Target::Secret(new.clone())));
        let pairs: Vec<_> = pairs.into_iter().collect();
        let granted = |visit: &mut Visit<'_>, tx: &mut Tx<'_>, _: &Target| {
            visit.grant_of_deleted(tx, Action::RESTORE, &path, id)
        };
        let mut proofs = self
            .proofs_of_move(call, (Action::RESTORE, &granted), Moved::Deleted, &pairs)
            .await?;
        self.write(call, Terms::default(), move |visit, tx| {
            let grant = visit.grant_of_deleted(tx, Action::RESTORE, &path, id)?;
            // Under another name a value may come within other rights: so it takes the right to read it.
            let to = match &new_path {
                None => None,
                Some(new_path) => Some(engine::RestoreTo {
                    read: visit.grant_of_deleted(tx, Action::GET_VALUE, &path, id)?,
                    write: visit.grant(
                        tx,
                        Action::PUT_VALUE,
                        Resource::Secret(new_path.clone()),
                    )?,
                }),
            };
            for (from, to) in &pairs {
                visit.carry(tx, &mut proofs, Moved::Deleted, (from, to))?;
            }
            let once = repeat.map(|repeat| repeat.once(tx)).transpose();
            let once = once.map_err(refusal::record)?;
            engine::restore(tx, &grant, once.as_ref(), &engine::Restore { id, to })
                .map(|reply| (Verdict::Commit, reply))
                .map_err(|refusal| visit.refuse(refusal, Action::RESTORE, &path))
        })
        .await
    }

    /// Destroys beyond recovery; says how many versions.
    ///
    /// # Errors
    /// As the engine refuses, or as of any write.
    pub async fn destroy_secret(
        &self,
        call: &Call,
        path: SecretPath,
        what: Destruction,
        digest: [u8; 32],
    ) -> Result<Answer<u64>> {
        let repeat = Repeat::of(call, digest);
        self.write(call, Terms::default(), move |visit, tx| {
            let once = repeat.map(|repeat| repeat.once(tx)).transpose();
            let once = once.map_err(refusal::record)?;
            let destroyed = match what {
                Destruction::Version(version) => {
                    let resource = Resource::Secret(path.clone());
                    let grant = visit.grant(tx, Action::DESTROY, resource)?;
                    engine::destroy_version(tx, &grant, once.as_ref(), version).map(|_| 1)
                }
                Destruction::Deleted(id) => {
                    let grant = visit.grant_of_deleted(tx, Action::DESTROY, &path, Some(id))?;
                    engine::destroy(tx, &grant, once.as_ref(), id).map(|done| done.versions)
                }
            };
            let destroyed =
                destroyed.map_err(|refusal| visit.refuse(refusal, Action::DESTROY, &path))?;
            Ok((Verdict::Commit, destroyed))
        })
        .await
    }

    /// Moves a secret or a folder; says whether it was a folder. `None` in `source` of a kind: found out.
    ///
    /// # Errors
    /// As the engine refuses, or as of any write.
    pub async fn move_secret(
        &self,
        call: &Call,
        source: Target,
        destination: Target,
        digest: [u8; 32],
    ) -> Result<Answer<bool>> {
        let repeat = Repeat::of(call, digest);
        let folders = (
            Target::Folder(as_folder(&source)),
            Target::Folder(as_folder(&destination)),
        );
        let pairs = [(source.clone(), destination.clone()), folders];
        let granted = |visit: &mut Visit<'_>, tx: &mut Tx<'_>, from: &Target| {
            visit.grant(tx, Action::MOVE, from.resource())
        };
        let mut proofs = self
            .proofs_of_move(call, (Action::MOVE, &granted), Moved::Living, &pairs)
            .await?;
        self.write(call, Terms::default(), move |visit, tx| {
            let once = repeat.map(|repeat| repeat.once(tx)).transpose();
            let once = once.map_err(refusal::record)?;
            if let (Target::Secret(from), Target::Secret(to)) = (&source, &destination) {
                let moving = engine::Moving {
                    from: visit.grant(tx, Action::MOVE, Resource::Secret(from.clone()))?,
                    read: visit.grant(tx, Action::GET_VALUE, Resource::Secret(from.clone()))?,
                    to: visit.grant(tx, Action::PUT_VALUE, Resource::Secret(to.clone()))?,
                };
                visit.carry(tx, &mut proofs, Moved::Living, (&source, &destination))?;
                match engine::move_secret(tx, &moving, once.as_ref()) {
                    Ok(()) => return Ok((Verdict::Commit, false)),
                    Err(Refusal::SecretNotFound) => {}
                    Err(refusal) => return Err(visit.refuse(refusal, Action::MOVE, from)),
                }
            }
            let (folder, to) = (as_folder(&source), as_folder(&destination));
            let (from, into) = (Target::Folder(folder.clone()), Target::Folder(to.clone()));
            let moving = engine::Moving {
                from: visit.grant(tx, Action::MOVE, Resource::Folder(folder.clone()))?,
                read: visit.grant(tx, Action::GET_VALUE, Resource::Folder(folder.clone()))?,
                to: visit.grant(tx, Action::PUT_VALUE, Resource::Folder(to))?,
            };
            visit.carry(tx, &mut proofs, Moved::Living, (&from, &into))?;
            match (engine::move_folder(tx, &moving, once.as_ref()), &source) {
                (Ok(()), _) => Ok((Verdict::Commit, true)),
                (Err(Refusal::FolderNotFound), Target::Secret(path)) => {
                    Err(visit.refuse(Refusal::SecretNotFound, Action::MOVE, path))
                }
                (Err(refused), _) => Err(visit.refuse_folder(refused, Action::MOVE, &folder)),
            }
        })
        .await
    }
}

/// Asks for the grant to move something away.
type Granted<'a> = dyn Fn(&mut Visit<'_>, &mut Tx<'_>, &Target) -> Result<Grant> + Sync + 'a;

impl App {
    /// The proofs that it takes to hand out elsewhere what the policies allow that go along: none where none do.
    async fn proofs_of_move(
        &self,
        call: &Call,
        (action, granted): (Action, &Granted<'_>),
        moved: Moved,
        pairs: &[(Target, Target)],
    ) -> Result<Proofs> {
        let Some((from, _)) = pairs.first() else {
            return Ok(Proofs::default());
        };
        let resource = from.resource();
        let look = |visit: &mut Visit<'_>, tx: &mut Tx<'_>, proofs: &mut Proofs| {
            // Which of the pairs it is, is not known yet.
            visit.only_looks();
            for (from, to) in pairs {
                // What else stands in its way is for the move itself to say.
                if granted(visit, tx, from).is_ok() {
                    drop(visit.carry(tx, proofs, moved, (from, to)));
                }
            }
            Ok(())
        };
        self.proofs_of(call, (action, std::slice::from_ref(&resource)), look)
            .await
    }
}

fn as_folder(target: &Target) -> FolderPath {
    match target {
        Target::Secret(path) => FolderPath::from(path.clone()),
        Target::Folder(folder) => folder.clone(),
    }
}
