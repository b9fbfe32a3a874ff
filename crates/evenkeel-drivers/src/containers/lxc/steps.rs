//! The writes, in the order in which a person would do it by hand: what was left, the build, what had its time, what is sent
//! elsewhere.

use evenkeel_core::driver::Step;
use evenkeel_core::request::Exec;

use super::LxcTemplateState;
use super::observe::Known;
use super::scripts::{BEGIN, DISCARD, PACK};
use super::spec::LxcSettings;
use crate::containers::decide::Build;
use crate::containers::host::{SHORT, START, Scratch, hostname, least_bytes, place, verify};
use crate::containers::inside::{Inside, inside, ready};
use crate::containers::name::Release;
use crate::containers::record::Mine;

/// How long a template may take to be unpacked or packed.
const PACK_SECONDS: u64 = 4 * 3_600;
/// How long a container may take to shut down by itself, in seconds.
const SHUTDOWN: &str = "180";
/// Where this option of a container is not known yet, `pct` refuses it.
const FEATURES: &str = "6";

/// A build in the container of one spec.
struct Site<'a> {
    spec: &'a LxcSettings,
    known: &'a Known,
    mine: &'a Mine,
    /// The file that is built.
    name: &'a str,
}

/// All steps.
pub(super) fn steps(spec: &LxcSettings, before: &LxcTemplateState, after: &LxcTemplateState) -> Vec<Step> {
    let parts = (&after.known, &after.decision, &after.shared.mine);
    let (Some(known), Some(decision), Some(mine)) = parts else { return Vec::new() };
    let site = Site { spec, known, mine, name: &decision.newest };
    known.folders.steps(&site, (mine, decision), &before.shared, Vec::new())
}

/// Takes away what is left of a build.
pub(super) fn discarding(folder: &str, id: u32, name: &str, mark: &str) -> Exec {
    Exec::new(["sh", "-s", &id.to_string(), folder, name, mark]).reading(DISCARD).within(START)
}

impl Scratch for Site<'_> {
    fn discard(&self, id: u32, name: &str, mark: &str) -> Exec {
        discarding(&self.known.folders.look.folder, id, name, mark)
    }

    fn begin(&self, kib: u64, log: &str, mark: &str) -> Exec {
        let (id, storage) = (self.spec.build.vmid.to_string(), self.spec.build.storage.as_str());
        Exec::new(["sh", "-s", &id, storage, &self.known.folders.look.folder, &kib.to_string(), log, mark])
            .reading(BEGIN)
            .within(SHORT)
    }

    fn work(&self, build: &Build) -> Vec<Exec> {
        let id = self.spec.build.vmid.to_string();
        let pct = |words: &[&str]| Exec::new(["pct"].iter().chain(words).copied());
        let mut work = vec![self.create(&id), pct(&["start", &id]).within(START)];
        let inside = inside(&self.spec.provision, self.spec.cleanup);
        let all = std::iter::once(ready(self.spec.build.bridge.is_some())).chain(inside);
        work.extend(all.map(|one| within(&id, one)));
        work.push(pct(&["shutdown", &id, "--timeout", SHUTDOWN, "--forceStop", "1"]).within(START));
        work.push(pct(&["mount", &id]).within(START));
        let (folder, name, record) = (self.known.folders.look.folder.as_str(), self.name, &build.record);
        work.push(Exec::new(["sh", "-s", &id, folder, name]).reading(PACK).within(PACK_SECONDS));
        let least = least_bytes(record.base.bytes);
        work.push(verify(folder, name, least, &format!("/var/lib/lxc/{id}/rootfs")));
        work.push(pct(&["unmount", &id]).within(START));
        work.push(place(&self.known.folders.look, name, record));
        work
    }
}

impl Site<'_> {
    fn create(&self, id: &str) -> Exec {
        let build = &self.spec.build;
        let base = format!("{}:vztmpl/{}", self.spec.storage, self.spec.base);
        let unprivileged = if build.unprivileged { "1" } else { "0" };
        // By this its settings tell whose it is.
        let description =
            format!("Evenkeel builds {} here for {}: leave it alone", self.name, self.mine.resource);
        let mut create = Exec::new(["pct", "create", id, &base])
            .arg("--hostname")
            .arg(hostname(&self.mine.resource))
            .arg("--description")
            .arg(description)
            .arg("--rootfs")
            .arg(format!("{}:{}", build.storage, build.size))
            .arg("--unprivileged")
            .arg(unprivileged);
        // As in the web interface: without it the systemd of many a distribution does not start all that it has.
        let installed = self.known.folders.look.proxmox.as_deref().and_then(Release::parse);
        if build.unprivileged && installed >= Release::parse(FEATURES) {
            create = create.arg("--features").arg("nesting=1");
        }
        for (option, number) in [("--memory", build.memory), ("--cores", build.cores)] {
            if let Some(number) = number {
                create = create.arg(option).arg(number.to_string());
            }
        }
        if let Some(network) = network(self.spec) {
            create = create.arg("--net0").arg(network);
        }
        if let Some(server) = &build.nameserver {
            create = create.arg("--nameserver").arg(server.as_str());
        }
        create.within(PACK_SECONDS)
    }
}

fn network(spec: &LxcSettings) -> Option<String> {
    let build = &spec.build;
    let bridge = build.bridge.as_ref()?;
    let mut words = vec![format!("name=eth0,bridge={bridge}")];
    words.push(format!("ip={}", build.address.as_deref().unwrap_or("dhcp")));
    words.extend(build.gateway.iter().map(|gateway| format!("gw={gateway}")));
    words.extend(build.vlan.iter().map(|vlan| format!("tag={vlan}")));
    Some(words.join(","))
}

/// Runs a script in the container.
fn within(id: &str, inside: Inside) -> Exec {
    let words = ["pct", "exec", id, "--", "sh", "-s"].map(str::to_owned).into_iter().chain(inside.arguments);
    Exec::new(words).reading(inside.script).within(inside.seconds)
}
