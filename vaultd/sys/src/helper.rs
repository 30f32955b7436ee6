//! A process that works for another one, and must neither outlive it nor have more of the machine than it needs.

use std::io;

use rustix::process::{Resource, Rlimit, Signal, set_parent_process_death_signal, setrlimit};

/// Ends this process at once when the thread that started it does, and lets it open few files.
///
/// ORDER: after a change of user or capabilities, which takes the wish back.
///
/// # Errors
/// What the kernel said.
pub fn serve_parent(descriptors: u64) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let limit = Rlimit {
        current: Some(descriptors),
        maximum: Some(descriptors),
    };
    Ok(setrlimit(Resource::Nofile, limit)?)
}

#[cfg(test)]
mod tests {
    use rustix::process::{getrlimit, parent_process_death_signal};

    use super::*;

    #[test]
    fn it_ends_with_whoever_started_it_and_opens_no_more_than_it_may() {
        let before = getrlimit(Resource::Nofile);
        let most = before.maximum.unwrap_or(1 << 20);
        serve_parent(most).expect("served");
        let signal = parent_process_death_signal().expect("a signal");
        assert_eq!(signal, Some(Signal::KILL));
        assert_eq!(getrlimit(Resource::Nofile).current, Some(most));
        set_parent_process_death_signal(None).expect("taken back");
    }
}
