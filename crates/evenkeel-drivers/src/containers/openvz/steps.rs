//! The writes, in the order in which a person would do it by hand: what was left, the distribution's file, the build, what had
//! its time, what is sent elsewhere.

use evenkeel_core::driver::Step;
use evenkeel_core::request::{Exec, Request, shell_quote};

use super::observe::Known;
use super::scripts::{BEGIN, DISCARD};
use super::spec::OpenvzSettings;
use super::{ENDING, OpenvzTemplateState};
use crate::containers::decide::Build;
use crate::containers::host::{SHORT, START, Scratch, hostname, least_bytes, new_name, place, verify};
use crate::containers::inside::{Inside, inside, ready};
use crate::containers::record::{Mine, Record};

/// How long a template may take to be unpacked or packed.
const PACK: u64 = 4 * 3_600;

/// A build in the container of one spec.
struct Site<'a> {
    spec: &'a OpenvzSettings,
    known: &'a Known,
    mine: &'a Mine,
    /// The file that is built.
    name: &'a str,
}

/// All steps.
pub(super) fn steps(
    spec: &OpenvzSettings,
    before: &OpenvzTemplateState,
    after: &OpenvzTemplateState,
) -> Vec<Step> {
    let parts = (&after.known, &after.decision, &after.shared.mine);
    let (Some(known), Some(decision), Some(mine)) = parts else { return Vec::new() };
    let site = Site { spec, known, mine, name: &decision.newest };
    known.folders.steps(&site, (mine, decision), &before.shared, links(known, before, after))
}

/// Takes away what is left of a build.
pub(super) fn discarding(area: &str, folder: &str, id: u32, name: &str, mark: &str) -> Exec {
    Exec::new(["sh", "-s", &id.to_string(), area, folder, name, mark]).reading(DISCARD).within(START)
}

/// Links of distributions' files. What is a file of its own there is left alone.
fn links(known: &Known, before: &OpenvzTemplateState, after: &OpenvzTemplateState) -> Vec<Step> {
    let wanted = after.shared.distribution_config.iter();
    let differs = wanted.filter(|(name, leads)| before.shared.distribution_config.get(*name) != Some(*leads));
    let link = |(name, leads): (&String, &Option<String>)| {
        let (to, at) = (format!("{}.conf", leads.as_ref()?), format!("/etc/vz/dists/{name}.conf"));
        let step = Step::new(Request::Exec(Exec::new(["ln", "-sfn", &to, &at]).within(SHORT)));
        let is_own = known.host.is_own_file(name);
        let why = || {
            format!(
                "{at} is a file of its own, and is not replaced: take it away, or leave out `distributionConfig`"
            )
        };
        Some(if is_own { step.may_wait().held(why()) } else { step })
    };
    differs.filter_map(link).collect()
}

impl Scratch for Site<'_> {
    fn discard(&self, id: u32, name: &str, mark: &str) -> Exec {
        discarding(&self.known.host.area(id), &self.known.folders.look.folder, id, name, mark)
    }

    fn begin(&self, kib: u64, log: &str, mark: &str) -> Exec {
        let id = self.spec.build.ctid;
        let (id, area, kib) = (id.to_string(), self.known.host.area(id), kib.to_string());
        Exec::new(["sh", "-s", &id, &area, &self.known.folders.look.folder, &kib, log, mark])
            .reading(BEGIN)
            .within(SHORT)
    }

    fn work(&self, build: &Build) -> Vec<Exec> {
        let id = self.spec.build.ctid.to_string();
        let vzctl = |words: &[&str]| Exec::new(std::iter::once("vzctl").chain(words.iter().copied()));
        let has_network = !self.spec.build.address.all().is_empty();
        let mut work = vec![self.create(&id)];
        work.extend(self.network(&id));
        work.extend(self.counters(&id));
        work.push(vzctl(&["start", &id]).within(START));
        work.push(within(&id, ready(has_network)));
        let inside = inside(&self.spec.provision, self.spec.cleanup);
        work.extend(inside.into_iter().map(|one| within(&id, one)));
        work.push(vzctl(&["stop", &id]).within(START));
        if has_network {
            work.push(vzctl(&["set", &id, "--ipdel", "all", "--save"]).within(SHORT));
        }
        work.extend(self.pack(&build.record));
        work
    }
}

impl Site<'_> {
    fn create(&self, id: &str) -> Exec {
        let limits = &self.spec.build.limits;
        let mut create = Exec::new(["vzctl", "create", id, "--ostemplate", &self.spec.base]);
        if self.known.host.is_ploop {
            create = create.arg("--layout").arg("simfs");
        }
        create = create.arg("--hostname").arg(hostname(&self.mine.resource));
        for (option, value) in [("--diskspace", &limits.diskspace), ("--diskinodes", &limits.diskinodes)] {
            if let Some(value) = value {
                create = create.arg(option).arg(value.as_str());
            }
        }
        create.within(PACK)
    }

    fn network(&self, id: &str) -> Option<Exec> {
        let build = &self.spec.build;
        let words = |option: &'static str, all: &[String]| -> Vec<String> {
            all.iter().flat_map(|word| [option.to_owned(), word.clone()]).collect()
        };
        let options =
            [words("--ipadd", build.address.all()), words("--nameserver", build.nameserver.all())].concat();
        (!options.is_empty()).then(|| set(id, options))
    }

    fn counters(&self, id: &str) -> Option<Exec> {
        let counters = &self.spec.build.limits.ubc;
        let options: Vec<String> =
            counters.iter().flat_map(|(name, value)| [format!("--{name}"), value.clone()]).collect();
        (!options.is_empty()).then(|| set(id, options))
    }

    fn pack(&self, record: &Record) -> [Exec; 3] {
        let (folder, name) = (self.known.folders.look.folder.as_str(), self.name);
        let area = self.known.host.area(self.spec.build.ctid);
        let new = format!("{folder}/{}", new_name(name));
        let tar = Exec::new(["tar", "--numeric-owner", "-czf", &new, "-C", &area, "."]).within(PACK);
        let least = least_bytes(record.base.bytes);
        [tar, verify(folder, name, least, &area), place(&self.known.folders.look, name, record)]
    }
}

fn set(id: &str, options: Vec<String>) -> Exec {
    let words = ["vzctl", "set", id].map(str::to_owned).into_iter().chain(options);
    Exec::new(words.chain(["--save".to_owned()])).within(SHORT)
}

/// Runs a script in the container. `exec` says 0 whatever came of it; `exec2` tells, and joins its words: so it gets one.
fn within(id: &str, inside: Inside) -> Exec {
    let words = ["sh", "-s"].map(str::to_owned).into_iter().chain(inside.arguments);
    let words: Vec<String> = words.map(|word| shell_quote(&word)).collect();
    Exec::new(["vzctl", "exec2", id, &words.join(" ")]).reading(inside.script).within(inside.seconds)
}

/// The names that containers of a template's versions are started with.
pub(super) fn names<'a>(spec: &'a OpenvzSettings, versions: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    versions.filter_map(|name| name.strip_suffix(ENDING)).chain([spec.base.as_str()]).collect()
}
