//! The plain commands that a host is sent: `tar`, `rm`, `mv`, `ln`, `sha256sum`, `df`, `readlink`, `pveversion`.

use super::ContainerHost;
use super::archive::pack;
use super::said::{Ended, Said};
use super::tree::{File, Node, Problem};
use super::vzctl_set::not_found;

impl ContainerHost {
    pub(super) fn plain(&mut self, words: &[&str], said: &mut Said) -> Ended {
        match words {
            ["tar", "--numeric-owner", how, archive, "-C", folder, "."] => {
                let by = match *how {
                    "-czf" => "gz",
                    "-cJf" => "xz",
                    "-cf" => "",
                    how => return said.fail(2, format!("tar: the lab does not know {how}")),
                };
                self.tar(by, archive, folder, said)
            }
            ["rm", "-f", "--", paths @ ..] => paths.iter().try_for_each(|path| {
                let done = self.tree.resolve("", path, false);
                let done = done.and_then(|at| self.tree.remove(&at));
                match done {
                    Err(Problem::Missing) => Ok(()),
                    done => said.expect(done, 1, &format!("rm: cannot remove '{path}'")),
                }
            }),
            ["rm", "-rf", "--", paths @ ..] => paths.iter().try_for_each(|path| {
                let done = self.tree.remove_all(path);
                said.expect(done, 1, &format!("rm: cannot remove '{path}'"))
            }),
            ["mv", "-f", "--", from, to] => {
                let done = self.tree.rename(from, to);
                said.expect(done, 1, &format!("mv: cannot move '{from}' to '{to}'"))
            }
            ["ln", "-s", rest @ ..] => {
                let [leads, path] = operands(rest) else { return said.fail(1, "ln: wants two operands") };
                let done = self.tree.link(path, leads);
                said.expect(done, 1, &format!("ln: failed to create symbolic link '{path}'"))
            }
            ["ln", "-sfn", rest @ ..] => {
                let [leads, path] = operands(rest) else { return said.fail(1, "ln: wants two operands") };
                let done = self.tree.remove(path).and_then(|()| self.tree.link(path, leads));
                said.expect(done, 1, &format!("ln: failed to create symbolic link '{path}'"))
            }
            ["sha256sum", rest @ ..] => operands(rest).iter().try_for_each(|path| self.sha256sum(path, said)),
            ["df", "-P", "-k", rest @ ..] => match operands(rest) {
                [folder] => self.df(folder, said),
                _ => said.fail(1, "df: wants one folder"),
            },
            ["readlink", "-f", rest @ ..] => match operands(rest) {
                [path] => {
                    let at = self.tree.resolve("", path, true);
                    let at = said.expect(at, 1, path)?;
                    said.out(at);
                    Ok(())
                }
                _ => said.fail(1, "readlink: missing operand"),
            },
            ["cat", rest @ ..] => operands(rest).iter().try_for_each(|path| match self.tree.file(path) {
                Some(file) => {
                    said.out(file.text().trim_end_matches('\n'));
                    Ok(())
                }
                None => said.fail(1, format!("cat: {path}: No such file or directory")),
            }),
            ["pveversion"] => match &self.release {
                Some(release) => {
                    said.out(format!("pve-manager/{release}/14a22df314a22df3"));
                    Ok(())
                }
                None => not_found("pveversion", said),
            },
            ["true" | "sync"] => Ok(()),
            [program, ..] => not_found(program, said),
            [] => said.fail(127, "sh: nothing to run"),
        }
    }

    /// Packs a folder; what fitted stays where not all does.
    pub(super) fn tar(&mut self, by: &str, archive: &str, folder: &str, said: &mut Said) -> Ended {
        if !self.tree.is_folder(folder) {
            said.err(format!("tar: {folder}: Cannot open: No such file or directory"));
            return said.fail(2, "tar: Error is not recoverable: exiting now");
        }
        let at = said.expect(self.tree.resolve("", folder, true), 2, folder)?;
        let packed = pack(by, self.tree.below(&at));
        let capacity = self.tree.capacity;
        if let Some(free) = self.fills_up {
            self.tree.capacity = Some(self.tree.used() + free);
        }
        let done = self.tree.write(archive, packed);
        self.tree.capacity = capacity;
        match done {
            Ok(()) => Ok(()),
            Err(Problem::Killed) => Err(Problem::Killed.into()),
            Err(problem) => {
                said.err(format!("gzip: stdout: {problem}"));
                said.err("tar: Child returned status 1");
                said.fail(2, "tar: Error is not recoverable: exiting now")
            }
        }
    }

    fn sha256sum(&self, path: &str, said: &mut Said) -> Ended {
        match self.tree.file(path) {
            Some(file) => {
                said.out(format!("{}  {path}", file.sha256()));
                Ok(())
            }
            None => said.fail(1, format!("sha256sum: {path}: No such file or directory")),
        }
    }

    fn df(&self, folder: &str, said: &mut Said) -> Ended {
        if !self.tree.is_folder(folder) {
            return said.fail(1, format!("df: {folder}: No such file or directory"));
        }
        let all = self.tree.capacity.unwrap_or(1 << 40) / 1024;
        let (used, free) = (self.tree.used() / 1024, self.tree.free() / 1024);
        said.out("Filesystem     1024-blocks      Used Available Capacity Mounted on");
        said.out(format!("/dev/sda1 {all} {used} {free} {}% /", used * 100 / all.max(1)));
        Ok(())
    }

    /// The file at a path of the whole tree; what it is not is told.
    pub(super) fn file_or_fail(&self, path: &str, said: &mut Said) -> Ended<File> {
        let Some(Node::File(file)) = self.tree.node(path) else {
            return said.fail(1, format!("{path}: No such file or directory"));
        };
        Ok(file.clone())
    }
}

/// What stands behind `--`, or all.
fn operands<'a, 'b>(words: &'a [&'b str]) -> &'a [&'b str] {
    match words {
        ["--", rest @ ..] => rest,
        words => words,
    }
}
