//! Where to look whether a command took effect whose outcome is not known.

use super::{Command, backup, identity, password};

/// Where deleted secrets are.
pub(super) const TRASH: &str = "look before you repeat it: vaultctl trash ls";

impl Command {
    /// Advice for people. `PATH` stands for the path that the command names.
    #[expect(clippy::too_many_lines, reason = "one table")]
    pub(crate) fn look(&self) -> &'static str {
        match self {
            Self::Set(_)
            | Self::Edit(_)
            | Self::Import(_)
            | Self::Rollback(_)
            | Self::Label(_)
            | Self::Restore(_) => "look before you repeat it: vaultctl log PATH",
            Self::Rm(_) | Self::Destroy(_) | Self::Trash(_) => TRASH,
            Self::Cp(_) => "look whether the copy is there before you repeat it: vaultctl ls -r",
            Self::Mv(_) => "look where it is before you repeat it: vaultctl ls -r",
            Self::Share(_) => {
                "share it again: a value that nobody has the code of opens for nobody"
            }
            Self::Unwrap(_) => {
                "try again with the same code: within a minute it may still be handed out to you"
            }
            Self::Login(_) | Self::Assume(_) => {
                "do it again: a session that nobody has the token of ends by itself"
            }
            Self::Session(_) => "look whether it is still there: vaultctl session ls",
            Self::Passwd(_) => "log in with the new password, and if that fails with the old one",
            Self::Password(password::Command::Reset(_)) => {
                "reset it again: what was given out before is void then"
            }
            Self::Password(password::Command::Unlock(_)) => "do it again: it does no harm",
            Self::Password(password::Command::Policy(_)) => {
                "look what is in force: vaultctl password policy show"
            }
            Self::Logout(_) | Self::Whoami => "look whether it still opens: vaultctl whoami",
            Self::Mfa(_) => "look before you repeat it: vaultctl mfa ls",
            Self::Trust(_) => "look before you repeat it: vaultctl trust show",
            Self::Init(_) | Self::Unseal(_) | Self::Seal => {
                "look before you repeat it: vaultctl status"
            }
            Self::Rekey(_) => {
                "keep the old shares and any new ones: either may be in force; one that is under way \
                 is named when you begin another: vaultctl rekey"
            }
            Self::Root(_) => "look before you repeat it: vaultctl root status",
            Self::Cluster(_) => "look before you repeat it: vaultctl cluster ls",
            Self::Region(_) => "look before you repeat it: vaultctl region ls",
            Self::Keyring(_) => {
                "look at the generation before you repeat it: vaultctl keyring status"
            }
            Self::Service(identity::Services::Own(identity::Programs::SecretId(_))) => {
                "look before you repeat it, and take back what nobody has: vaultctl service secret-id ls"
            }
            Self::User(_) | Self::Group(_) | Self::Role(_) | Self::Service(_) => {
                "look before you repeat it: `ls` and `show` of the same command"
            }
            Self::Policy(command) if command.changes() => {
                "look before you repeat it: vaultctl policy show, or `show` of who has it"
            }
            Self::Backup(backup::Command::Restore(_)) => {
                "look at the incarnation before you repeat it: vaultctl status"
            }
            Self::Backup(backup::Command::Create { .. } | backup::Command::Verify { .. })
            | Self::Audit(_)
            | Self::Can(_)
            | Self::WhoCan(_)
            | Self::Needs(_)
            | Self::Get(_)
            | Self::Ls(_)
            | Self::Tree(_)
            | Self::Find(_)
            | Self::Log(_)
            | Self::Diff(_)
            | Self::Export(_)
            | Self::Generate(_)
            | Self::Context(_)
            | Self::Status
            | Self::Doctor(_)
            | Self::Policy(_)
            | Self::Completion(_)
            | Self::Man(_)
            | Self::Version(_) => "it changes nothing in the vault: try again",
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use crate::cli::Cli;
    use crate::exit::Exit;
    use crate::failure::Failure;

    fn look(line: &str) -> &'static str {
        let words = std::iter::once("vaultctl").chain(line.split(' '));
        Cli::try_parse_from(words).expect(line).command.look()
    }

    fn unknown() -> Failure {
        Failure::new("outcome_unknown", Exit::Unavailable, "lost")
    }

    #[test]
    fn a_command_of_unknown_outcome_says_where_its_own_effect_would_show() {
        for (line, shown) in [
            ("set a/b x=-", "vaultctl log"),
            ("rm a/b", "vaultctl trash ls"),
            ("seal", "vaultctl status"),
            ("unseal", "vaultctl status"),
            ("init", "vaultctl status"),
            ("rekey", "vaultctl rekey"),
            ("root disable", "vaultctl root status"),
            ("region rename eu eu-west", "vaultctl region ls"),
            ("keyring rotate", "vaultctl keyring status"),
            ("backup restore f", "vaultctl status"),
            ("backup create f", "try again"),
            ("login", "ends by itself"),
            ("login --service ci --peer", "ends by itself"),
            ("service secret-id issue ci", "secret-id ls"),
            ("service disable ci", "`show`"),
            ("passwd", "with the new password"),
            ("password reset alice", "again"),
            ("password policy set -", "policy show"),
        ] {
            let look = look(line);
            assert!(look.contains(shown), "{line}: {look}");
            assert_eq!(look.contains("vaultctl log"), line.starts_with("set"));
        }
    }

    #[test]
    fn only_an_unknown_outcome_is_looked_for_and_at_the_path_that_was_named() {
        let looked = unknown().for_path("a/b").look(look("set a/b x=-"));
        assert!(
            looked.tail().contains("vaultctl log a/b"),
            "{}",
            looked.tail()
        );
        assert!(!looked.tail().contains("PATH"));
        let refused = Failure::invalid("no").look(look("seal"));
        assert!(!refused.tail().contains("look"), "{}", refused.tail());
    }
}
