//! Which of our processes holds the other end of a connection, as the kernel tells their own user: proc_pid_net(5).

use std::collections::HashMap;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

/// The node whose process connects from `local` to `remote`.
pub(super) fn find(
    processes: &HashMap<u32, usize>,
    local: SocketAddr,
    remote: SocketAddr,
) -> Option<usize> {
    let inode = inode(local, remote)?;
    let held = |id: &u32| holds(*id, &inode);
    processes
        .iter()
        .find(|(id, _)| held(id))
        .map(|(_, node)| *node)
}

fn inode(local: SocketAddr, remote: SocketAddr) -> Option<String> {
    let (local, remote) = (shown(local)?, shown(remote)?);
    let table = fs::read_to_string("/proc/net/tcp").ok()?;
    table.lines().find_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let is_it = fields.next()? == local && fields.next()? == remote;
        is_it.then(|| fields.nth(6).map(str::to_owned)).flatten()
    })
}

/// An address as the table has it: the bytes of the address as a number of this machine.
fn shown(address: SocketAddr) -> Option<String> {
    let IpAddr::V4(ip) = address.ip() else {
        return None;
    };
    let number = u32::from_ne_bytes(ip.octets());
    Some(format!("{number:08X}:{:04X}", address.port()))
}

fn holds(process: u32, inode: &str) -> bool {
    let link = format!("socket:[{inode}]");
    let Ok(entries) = fs::read_dir(format!("/proc/{process}/fd")) else {
        return false;
    };
    let points = |path: &Path| fs::read_link(path).is_ok_and(|to| to.as_os_str() == link.as_str());
    entries.flatten().any(|entry| points(&entry.path()))
}
