//! What the system says of a process that runs.

use std::fs;
use std::path::Path;

/// A line of what the system says of the memory of a process (`self` or its number), in bytes.
pub(crate) fn memory(id: &str, line: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).expect("a process that runs");
    let found = status.lines().find_map(|text| text.strip_prefix(line));
    let kilobytes = found.and_then(|text| text.split_whitespace().next()).and_then(|text| text.parse().ok());
    kilobytes.map_or(0, |kilobytes: u64| kilobytes * 1024)
}

/// The user and system time of a process so far, in seconds, to the hundredth.
pub(crate) fn cpu(id: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).expect("a process that runs");
    // The name before the bracket may hold anything.
    let (_, fields) = stat.rsplit_once(')').expect("the name of a process");
    fields.split_whitespace().skip(11).take(2).filter_map(|f| f.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// How often all threads of a process went to sleep so far.
pub(crate) fn sleeps(id: u32) -> u64 {
    let threads = fs::read_dir(format!("/proc/{id}/task")).expect("a process that runs");
    let of_thread = |status: String| {
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
        line.trim().parse::<u64>().ok()
    };
    let statuses =
        threads.flatten().filter_map(|thread| fs::read_to_string(thread.path().join("status")).ok());
    statuses.filter_map(of_thread).sum()
}

/// The size of all files of a folder that are named like this, in bytes.
pub(crate) fn size(folder: &Path, prefix: &str) -> u64 {
    let files = fs::read_dir(folder).expect("a folder").flatten();
    let wanted = files.filter(|file| file.file_name().to_string_lossy().starts_with(prefix));
    wanted.filter_map(|file| file.metadata().ok()).map(|about| about.len()).sum()
}

/// How many bytes a process had written to disks so far.
pub(crate) fn written(id: u32) -> u64 {
    let io = fs::read_to_string(format!("/proc/{id}/io")).expect("a process that runs");
    let line = io.lines().find_map(|line| line.strip_prefix("write_bytes: "));
    line.and_then(|bytes| bytes.parse().ok()).unwrap_or_default()
}
