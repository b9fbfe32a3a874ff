//! Templates on an Incus server, from the example's manifests to the images: the simulated server of the lab on its socket.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in its helpers"
)]

use std::fs;
use std::path::Path;

use evenkeel_lab::containers::System;
use evenkeel_lab::containers::incus::{IncusHost, IncusServer};
use evenkeel_tests::evenkeel::Workdir;
use serde_json::json;

const ALIAS: &str = "debian-12-web";
const APPLY: [&str; 3] = ["apply", "--auto-approve", "."];

/// A server, and a folder of manifests for it.
struct Site {
    server: IncusServer,
    work: Workdir,
    _folder: tempfile::TempDir,
}

impl Site {
    fn new() -> Self {
        let mut host = IncusHost::new(jiff::Timestamp::now());
        host.add_image("debian/12", "Debian", "12", System::Debian12);
        host.networks.insert("incusbr0".to_owned(), true);
        host.repository.extend([("php".to_owned(), 8), ("curl".to_owned(), 7)]);
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("unix.socket");
        let server = IncusServer::start(host, &socket).unwrap();
        let work = Workdir::new();
        let spec = json!({ "incus": { "socket": socket } });
        let target = format!(
            "apiVersion: evenkeel.dev/v1alpha1\nkind: Target\nmetadata: {{ name: incus1 }}\nspec: {spec}\n"
        );
        work.write("targets.yaml", &target);
        let site = Site { server, work, _folder: folder };
        site.recipe(|text| text);
        site
    }

    /// Writes the example's template, with this done to it.
    fn recipe(&self, change: impl FnOnce(String) -> String) {
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/incus-template/templates.yaml");
        self.work.write("templates.yaml", &change(fs::read_to_string(example).unwrap()));
    }

    /// What is in a file of the image that the alias leads to.
    fn file(&self, path: &str) -> Option<String> {
        self.server.with_host(|host| Some(host.image(ALIAS)?.root.file(path)?.text()))
    }

    fn names(&self) -> Vec<String> {
        self.server.with_host(|host| host.aliases.keys().cloned().collect())
    }

    fn leads(&self, alias: &str) -> Option<String> {
        self.server.with_host(|host| Some(host.aliases.get(alias)?.target.clone()))
    }

    /// No container of a build is left, and no name that is there for its time only.
    fn is_clean(&self) {
        assert!(self.server.with_host(|host| host.instances.is_empty()));
        assert!(self.names().iter().all(|name| !name.contains("/evenkeel-")), "{:?}", self.names());
    }
}

#[test]
fn the_example_is_built_and_built_anew_only_where_its_recipe_is_another_one() {
    let site = Site::new();
    site.work.expect(2, &["plan", "--show-commands", "."]).says(&[
        "it was not built yet",
        "incus exec evenkeel-build-debian-12-web -- sh -s install curl php < containers/packages.sh",
        "incus delete --force evenkeel-build-debian-12-web (always)",
    ]);
    assert_eq!(site.names(), ["debian/12"], "a plan writes nothing");
    site.work.expect(0, &APPLY).says(&["applied", "ContainerTemplate/debian-12-web"]);
    site.is_clean();
    assert_eq!(site.names().len(), 3, "{:?}", site.names());
    assert_eq!(
        site.file("/etc/motd").as_deref(),
        Some("Made of a template: changes are for the template.\n")
    );
    assert!(site.file("/etc/php.ini").unwrap().contains("\ndate.timezone = Asia/Tokyo\n"));
    site.work.expect(0, &APPLY).says(&["nothing was sent"]);
    let first = site.leads(ALIAS);
    site.recipe(|text| text.replace("changes are for", "changes go into"));
    site.work.expect(2, &["plan", "."]).says(&[
        "-Made of a template: changes are for the template.",
        "+Made of a template: changes go into the template.",
        "the recipe is another one",
    ]);
    site.work.expect(0, &APPLY).says(&["applied"]);
    site.is_clean();
    assert_ne!(site.leads(ALIAS), first);
    site.work.expect(0, &APPLY).says(&["nothing was sent"]);
}

/// What goes wrong, and what is said of it.
type Fault = (fn(&mut IncusHost), &'static str);

#[test]
fn a_build_that_fails_leaves_what_is_there_and_nothing_else() {
    let site = Site::new();
    site.work.expect(0, &APPLY);
    let before = (site.leads(ALIAS), site.names());
    site.recipe(|text| text.replace("keep: 3", "keep: 3\n    cleanup: false"));
    let faults: [Fault; 3] = [
        (|host| host.fail_start = Some("Failed to run: forkstart".to_owned()), "forkstart"),
        (|host| host.fail_packages = Some("E: Unable to fetch some archives".to_owned()), "Unable to fetch"),
        (|host| host.room = Some(1), "no space left on device"),
    ];
    for (fault, said) in faults {
        site.server.with_host(fault);
        let ran = site.work.expect(1, &APPLY);
        assert!(format!("{}{}", ran.stdout, ran.stderr).contains(said), "{}", ran.stdout);
        site.is_clean();
        assert_eq!((site.leads(ALIAS), site.names()), before);
        site.server.with_host(|host| {
            (host.fail_start, host.fail_packages, host.room) = (None, None, None);
        });
    }
    site.recipe(|text| text.replace("      run:\n", "      run:\n        - { name: bare, script: rm -f /etc/os-release; rm -f /etc/debian_version }\n"));
    site.work.expect(1, &APPLY).says(&["no file in the container tells which system it is"]);
    site.is_clean();
    assert_eq!((site.leads(ALIAS), site.names()), before);
    site.recipe(|text| text.replace("keep: 3", "keep: 3\n    cleanup: false"));
    site.work.expect(0, &APPLY).says(&["applied"]);
}

#[test]
fn a_container_that_does_not_end_by_itself_is_stopped_by_force() {
    let site = Site::new();
    site.server.with_host(|host| host.ignore_stop = true);
    site.work.expect(0, &APPLY).says(&["applied"]);
    site.is_clean();
}
