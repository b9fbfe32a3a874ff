//! A server, a folder of manifests for it, and what is looked at on it.

use std::time::{Duration, Instant};

use evenkeel_tests::evenkeel::{Ran, Workdir};
use evenkeel_tests::incushost::IncusHost;
use serde_json::Value;

pub(crate) const APPLY: [&str; 2] = ["apply", "--auto-approve"];

/// A server and manifests for it.
pub(crate) struct Rig {
    pub(crate) incus: IncusHost,
    pub(crate) work: Workdir,
}

/// An image that Evenkeel made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Image {
    pub(crate) fingerprint: String,
    pub(crate) aliases: Vec<String>,
    pub(crate) properties: Value,
}

impl Rig {
    /// A server that is reached by its socket as the target `server`.
    pub(crate) fn new() -> Self {
        let rig = Rig { incus: IncusHost::start(), work: Workdir::new() };
        rig.work.write("target.yaml", &target(&format!("socket: {}", rig.incus.socket().display())));
        rig
    }

    /// Writes the template `web`, made of `busybox`: `more` is added to its `incus`, each line by itself.
    pub(crate) fn small(&self, more: &str) {
        self.template("busybox", more);
    }

    /// Writes the template `web` with a base.
    pub(crate) fn template(&self, base: &str, more: &str) {
        self.work.write("template.yaml", &template(base, more));
    }

    pub(crate) fn apply(&self) -> Ran {
        self.work.expect(0, &APPLY)
    }

    /// The images that Evenkeel made, the newest first.
    pub(crate) fn images(&self) -> Vec<Image> {
        let all = self.incus.get("/1.0/images?recursion=1").unwrap();
        let all = all.as_array().unwrap().iter();
        let mut ours: Vec<_> =
            all.filter(|image| image["properties"].get("user.evenkeel.record").is_some()).collect();
        ours.sort_by_key(|image| std::cmp::Reverse(image["created_at"].to_string()));
        ours.into_iter().map(image).collect()
    }

    /// The fingerprint that an alias leads to.
    pub(crate) fn alias(&self, name: &str) -> Option<String> {
        let alias = self.incus.get(&format!("/1.0/images/aliases/{name}"))?;
        Some(alias["target"].as_str().unwrap().to_owned())
    }

    /// The names of all instances.
    pub(crate) fn instances(&self) -> Vec<String> {
        let all = self.incus.get("/1.0/instances").unwrap();
        let names = all.as_array().unwrap().iter().map(|path| path.as_str().unwrap());
        names.map(|path| path.rsplit('/').next().unwrap().to_owned()).collect()
    }

    /// An instance made from what `web` leads to says what is in a file.
    pub(crate) fn launched(&self, name: &str, path: &str) -> Option<String> {
        self.incus.launch("web", name);
        let text = self.incus.file(name, path);
        self.incus.incus(&["delete", "--force", name]);
        text
    }
}

/// The target `server`, with what stands in its `incus`.
pub(crate) fn target(how: &str) -> String {
    format!(
        "apiVersion: evenkeel.dev/v1alpha1\nkind: Target\nmetadata: {{ name: server }}\nspec:\n  incus: {{ {how} }}\n"
    )
}

/// The template `web` on the target `server`.
pub(crate) fn template(base: &str, more: &str) -> String {
    let more = format!("    {}\n", more.trim_end().replace('\n', "\n    "));
    format!(
        "apiVersion: evenkeel.dev/v1alpha1\nkind: ContainerTemplate\nmetadata: {{ name: web }}\nspec:\n  target: server\n  \
         incus:\n    base: {base}\n{more}"
    )
}

/// A recipe of one file, `/etc/motd`, and a name that tells versions apart.
pub(crate) fn of_motd(text: &str) -> String {
    format!(
        "output: {{ alias: web, version: \"{{digest}}\", compression: none }}\nprovision:\n  files: [{{ path: /etc/motd, \
         content: {text:?} }}]\n"
    )
}

fn image(image: &Value) -> Image {
    let aliases = image["aliases"].as_array().unwrap().iter();
    Image {
        fingerprint: image["fingerprint"].as_str().unwrap().to_owned(),
        aliases: aliases.map(|alias| alias["name"].as_str().unwrap().to_owned()).collect(),
        properties: image["properties"].clone(),
    }
}

/// Waits for a condition.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !is_so() {
        assert!(Instant::now() < deadline, "no {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
