//! The plain commands and fixed scripts that a dump host is sent, acted out in memory. The real scripts run in a real
//! shell behind the lab's SSH server; a test holds the two against each other.

use evenkeel_core::request::Reply;
use jiff::Timestamp;

use super::{Dialect, DumpHost, complaint, told};

impl DumpHost {
    pub(super) fn plain_command(&mut self, words: &[&str], now: Timestamp) -> Reply {
        match words {
            ["readlink", "-f", "/etc/localtime"] => told(format!("/usr/share/zoneinfo/{}\n", self.zone)),
            ["df", "-P", "-k", folder] => self.df(folder),
            ["rm", "-rf", "--", paths @ ..] => {
                for path in paths {
                    self.files.remove_tree_here(path);
                }
                told("")
            }
            ["mountpoint", "-q", path] => Reply { exit: i32::from(!self.files.is_folder(path)), ..told("") },
            ["sh", "-c", script] if script.starts_with("for tool in vzdump vzlist pct qm") => {
                told(self.facts())
            }
            ["sh", "-c", _, "evenkeel-dump", folder, name, attempt, id, "vzdump", args @ ..] => {
                self.dump_script(&DumpScript { folder, name, attempt, id }, args, now)
            }
            [program, ..] => complaint(127, &format!("sh: 1: {program}: not found")),
            [] => complaint(127, "sh: nothing to run"),
        }
    }

    fn facts(&self) -> String {
        let (tools, version) = match self.dialect() {
            Dialect::OpenVz => ("has vzdump\nhas vzlist\n", "vzctl version 3.0.29"),
            Dialect::Today => ("has vzdump\nhas pct\nhas qm\n", "pve-manager/9.1.99/14a22df314a22df3"),
        };
        let stdout = if self.has_stdout { "has stdout\n" } else { "" };
        format!("{tools}{stdout}version {version}\nend\n")
    }

    fn df(&self, folder: &str) -> Reply {
        if !self.files.is_folder(folder) {
            return complaint(1, &format!("df: {folder}: No such file or directory"));
        }
        let all = self.files.capacity().unwrap_or(1 << 40) / 1024;
        let used = self.files.used() / 1024;
        let free = all.saturating_sub(used);
        told(format!(
            "Filesystem     1024-blocks      Used Available Capacity Mounted on\n/dev/sda1 {all} {used} {free} {}% /\n",
            used * 100 / all.max(1)
        ))
    }

    fn dump_script(&mut self, script: &DumpScript<'_>, args: &[&str], now: Timestamp) -> Reply {
        let DumpScript { folder, name, attempt, id } = script;
        let (new, kept) = (format!("{folder}/new"), format!("{folder}/{name}"));
        self.files.remove_tree_here(&new);
        self.files.remove_tree_here(&kept);
        if self.files.make_folder_here(&new).is_err() {
            return complaint(1, &format!("mkdir: cannot create directory '{new}'"));
        }
        let reply = self.vzdump(args, now);
        let said = reply.stderr_text();
        let _ = self.files.write_here(&format!("{folder}/out.log"), &reply.stderr);
        let good = reply.exit == 0
            && said.contains(&format!("Finished Backup of VM {id} ("))
            && !said.contains("ERROR: ");
        let is_archive = |path: &String| {
            ![".log", ".dat", ".tmp", ".notes", ".protected"].iter().any(|end| path.ends_with(end))
        };
        let archive = self.files.files(&new).into_iter().rfind(is_archive).filter(|_| good);
        let done = archive.is_some_and(|archive| self.files.rename_here(&archive, &kept));
        self.files.remove_tree_here(&new);
        if done {
            return told("");
        }
        let _ = self.files.write_here(&format!("{folder}/failed.{attempt}"), b"");
        let lines: Vec<&str> = said.lines().collect();
        complaint(1, &lines.get(lines.len().saturating_sub(5)..).unwrap_or_default().join("\n"))
    }
}

/// The arguments of the script that dumps into a folder.
struct DumpScript<'a> {
    folder: &'a str,
    name: &'a str,
    attempt: &'a str,
    id: &'a str,
}
