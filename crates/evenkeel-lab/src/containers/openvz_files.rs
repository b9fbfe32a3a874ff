//! The fixed scripts of `OpenvzHost`, acted out: reading files and changing lines of them.

use evenkeel_drivers::openvz_host::cksum;

use super::said::{Ended, Said};
use super::tree::{File, Node};
use super::{ContainerHost, Kernel};

const VZ: &str = "/etc/vz";

impl ContainerHost {
    /// `read.sh FILE…`
    pub(super) fn read_settings(&self, files: &[&str], said: &mut Said) -> Ended {
        if !self.tree.is_folder(VZ) {
            return said.fail(127, format!("there is no {VZ}: this is no OpenVZ host"));
        }
        said.out(if self.kernel == Kernel::OpenVz { "vswap no" } else { "vswap yes" });
        for path in files {
            match self.tree.file(path) {
                Some(file) => {
                    said.out(format!("file {} {path}", summed(&file.bytes)));
                    said.out(file.text());
                }
                None if self.tree.resolve("", path, true).is_ok_and(|at| self.tree.node(&at).is_some()) => {
                    return said.fail(1, format!("{path} is no file"));
                }
                None => said.out(format!("none {path}")),
            }
        }
        let list = self.dists();
        said.out(format!("dists {}", summed(list.as_bytes())));
        said.out(list.trim_end_matches('\n'));
        said.out("end");
        Ok(())
    }

    fn dists(&self) -> String {
        let folder = format!("{VZ}/dists");
        let names = self.tree.names(&folder).into_iter().filter(|name| name.ends_with(".conf"));
        let line = |(at, name): (usize, String)| match self.tree.node(&format!("{folder}/{name}"))? {
            Node::Link(to) => Some(format!("link\t{to}\t{name}")),
            // A file has one name here, so that any number tells it from the others.
            Node::File(_) => Some(format!("file\t{}\t{name}", 1000 + at)),
            Node::Folder => Some(format!("other\t-\t{name}")),
        };
        let lines: Vec<String> = names.enumerate().filter_map(line).collect();
        format!("{}\n", lines.join("\n"))
    }

    /// `edit.sh FILE (NUMBER OLD NEW)…`
    pub(super) fn edit_settings(&mut self, path: &str, edits: &[&str], said: &mut Said) -> Ended {
        let stale = |said: &mut Said, why: &str| {
            said.fail(1, format!("{path} was changed meanwhile ({why}): nothing was written, plan again"))
        };
        let Some(file) = self.tree.file(path).cloned() else {
            return stale(said, "it is not there any more");
        };
        let text = file.text();
        let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
        let count = lines.len();
        let (mut added, mut met, mut asked) = (Vec::new(), 0, 0);
        for edit in edits.chunks_exact(3) {
            let [number, old, new] = edit else { continue };
            let number: usize = number.parse().unwrap_or(usize::MAX);
            if number == 0 {
                let sets = |line: &String| line.trim_start().starts_with(&format!("{old}="));
                if let Some(at) = lines.iter().take(count).position(sets) {
                    return stale(said, &format!("line {} sets {old}", at + 1));
                }
                added.push(*new);
                continue;
            }
            asked += 1;
            if let Some(line) = lines.get_mut(number - 1) {
                let (told, end) = line.strip_suffix('\n').map_or((line.as_str(), ""), |told| (told, "\n"));
                if told != *old {
                    return stale(said, &format!("line {number}"));
                }
                *line = format!("{new}{end}");
                met += 1;
            }
        }
        if met != asked {
            return stale(said, &format!("it has {count} lines"));
        }
        let mut text = lines.concat();
        for line in added {
            if !text.is_empty() && !text.ends_with('\n') {
                text.push('\n');
            }
            text = text + line + "\n";
        }
        let at = said.expect(self.tree.resolve("", path, true), 1, path)?;
        let new = format!("{at}.evenkeel-new");
        let written = File { mode: file.mode, ..File::new(text.as_bytes(), self.tree.now) };
        let done = self.tree.write(&new, written).and_then(|()| self.tree.rename(&new, &at));
        said.expect(done, 1, &new)
    }
}

/// As `cksum` tells it of its standard input.
fn summed(bytes: &[u8]) -> String {
    format!("{} {}", cksum(bytes), bytes.len())
}
