//! `edit.sh`: several lines at once, what it keeps of the file, and when it keeps its hands off.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Output;

use evenkeel_drivers::openvz_host::EDIT;

use crate::shell::{SHELLS, script};

const BEFORE: &str = "## Disk quota\nDISK_QUOTA=yes\nDISKSPACE=\"1G:1.1G\"\t# \\ `x` $y\n\n  spaces  kept  \n%s %d \\n\nTEMPLATE=/vz";

fn edit(shell: &[&str], file: &Path, lines: &[&str]) -> Output {
    script(shell, &EDIT.text, &[&[file.to_str().unwrap()][..], lines].concat())
}

fn names(folder: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    fs::read_dir(folder).unwrap().map(name).collect()
}

#[test]
fn lines_are_changed_and_added_at_once() {
    for shell in SHELLS {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("vz.conf");
        fs::write(&file, BEFORE).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        // Somebody was killed while writing it.
        fs::write(folder.path().join("vz.conf.evenkeel-new"), "half").unwrap();
        let (old, new) = ("DISKSPACE=\"1G:1.1G\"\t# \\ `x` $y", "DISKSPACE=\"20G:22G\"\t# \\ `x` $y");
        let lines = ["3", old, new, "0", "DISKINODES", "DISKINODES=\"4:5\"", "0", "IPV6", "IPV6=\"no\""];
        let output = edit(shell, &file, &lines);
        assert!(output.status.success(), "{shell:?}: {}", String::from_utf8_lossy(&output.stderr));
        let expected = format!("{}\nDISKINODES=\"4:5\"\nIPV6=\"no\"\n", BEFORE.replace("1G:1.1G", "20G:22G"));
        assert_eq!(fs::read_to_string(&file).unwrap(), expected, "{shell:?}");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(names(folder.path()), ["vz.conf"]);
    }
}

#[test]
fn a_file_behind_a_link_is_changed_where_it_lies() {
    for shell in SHELLS {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real.conf"), folder.path().join("vz.conf"));
        fs::write(&real, "A=1\n").unwrap();
        symlink("real.conf", &link).unwrap();
        assert!(edit(shell, &link, &["1", "A=1", "A=2"]).status.success());
        assert_eq!(fs::read_to_string(&real).unwrap(), "A=2\n");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    }
}

#[test]
fn a_file_that_was_changed_meanwhile_is_left_alone() {
    let told: [(&[&str], &str); 5] = [
        (&["1", "A=1", "A=2"], "line 1"),
        (&["3", "C=1", "C=2"], "it has 2 lines"),
        (&["2", "B=1", "B=2", "0", "A", "A=\"1\""], "line 1 sets A"),
        (&["2", "B=1", "B=2", "9", "", "x"], "it has 2 lines"),
        (&["0", "B", "B=\"1\""], "line 2 sets B"),
    ];
    for shell in SHELLS {
        for (lines, why) in told {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("vz.conf");
            fs::write(&file, " A=9\nB=1\n").unwrap();
            let output = edit(shell, &file, lines);
            let said = String::from_utf8(output.stderr).unwrap();
            let expected = format!(
                "{} was changed meanwhile ({why}): nothing was written, plan again\n",
                file.display()
            );
            assert_eq!((output.status.code(), said), (Some(1), expected), "{shell:?}");
            assert_eq!(fs::read_to_string(&file).unwrap(), " A=9\nB=1\n");
            assert_eq!(names(folder.path()), ["vz.conf"]);
        }
        let gone = Path::new("/nonexistent/vz.conf");
        let said = String::from_utf8(edit(shell, gone, &["1", "", "x"]).stderr).unwrap();
        assert!(said.contains("(it is not there any more): nothing was written"), "{said}");
    }
}

#[test]
fn bytes_that_are_no_text_stay() {
    for shell in SHELLS {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("vz.conf");
        fs::write(&file, b"# \xc6\xfc\xcb\xdc\xff\nA=1\n\xe3\x81").unwrap();
        let output = edit(shell, &file, &["2", "A=1", "A=2"]);
        assert!(output.status.success(), "{shell:?}: {}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(fs::read(&file).unwrap(), b"# \xc6\xfc\xcb\xdc\xff\nA=2\n\xe3\x81", "{shell:?}");
    }
}
