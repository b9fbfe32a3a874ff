//! A disk as the host has it: its paths, its policy, and which paths that policy uses.

use super::Release;
use super::array::{Array, OtherController};

/// The state of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PathState {
    /// Active, and optimized where the array tells them apart.
    Active,
    /// Active, but through the controller that does not own the disk.
    Unoptimized,
    /// To the passive controller.
    Standby,
    /// Nothing answers.
    Dead,
}

impl PathState {
    /// As `nmp path list` says it.
    pub(super) fn text(self) -> &'static str {
        match self {
            PathState::Active => "active",
            PathState::Unoptimized => "active unoptimized",
            PathState::Standby => "standby",
            PathState::Dead => "dead",
        }
    }
}

/// A path to a disk.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DevicePath {
    /// Its runtime name: `vmhba2:C0:T1:L11`
    pub name: String,
    /// Whether something answers on it.
    pub alive: bool,
    /// Whether it leads to the controller that the first path leads to.
    pub(super) is_first_controller: bool,
}

impl DevicePath {
    /// Whether it is `of` or lies below it, by whole parts: all paths of `vmhba2`, but none of `vmhba22`.
    pub(super) fn is_of(&self, of: &str) -> bool {
        self.name.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
    }
}

/// After what Round Robin changes the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LimitType {
    /// After the number of I/Os that the host finds right.
    Default,
    /// After this number of I/Os.
    Iops,
    /// After this number of bytes.
    Bytes,
    /// As the latencies of the paths say.
    Latency,
}

/// The limits of Round Robin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Limits {
    /// Which of them counts.
    pub by: LimitType,
    /// I/Os.
    pub iops: u64,
    /// Bytes.
    pub bytes: u64,
    /// I/Os per path that are measured.
    pub sampling_ios: u64,
    /// Milliseconds between two measurements.
    pub interval: u64,
    /// Whether unoptimized paths are used as well.
    pub use_unoptimized: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            by: LimitType::Default,
            iops: 1000,
            bytes: 10_485_760,
            sampling_ios: 0,
            interval: 0,
            use_unoptimized: false,
        }
    }
}

/// Where a setting of a device comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Origin {
    /// From the rule that claimed it, or from nowhere.
    Claim,
    /// It was set for this device by itself.
    Own,
}

/// A disk.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Device {
    /// Its name: `naa.600a0980383148693724545244395855`
    pub id: String,
    /// What it is a disk of.
    pub array: Array,
    /// Its paths, dead ones as well.
    pub paths: Vec<DevicePath>,
    /// The array type that claimed it.
    pub satp: String,
    /// Its path selection policy.
    pub psp: String,
    /// The policy was set for this device by itself, so that it is shielded from defaults and rules.
    pub overridden: bool,
    /// The limits, which count where the policy is `VMW_PSP_RR`.
    pub limits: Limits,
    /// Where the limits come from.
    pub(super) limits_from: Origin,
    /// The preferred path of `VMW_PSP_FIXED`, where one was set.
    pub preferred_path: Option<String>,
    /// The path that `VMW_PSP_MRU` stays on.
    pub(super) recent: Option<String>,
    /// The host boots from it.
    pub is_boot: bool,
    /// It cannot be claimed anew, because it is in use.
    pub is_busy: bool,
    /// What every write to it fails with.
    pub(super) refuses: Option<String>,
}

impl Device {
    pub(super) fn new(id: &str, array: Array, paths: &[&str]) -> Self {
        let target = |path: &str| path.split(':').nth(2).map(str::to_owned);
        let first = paths.first().and_then(|path| target(path));
        let path = |name: &&str| DevicePath {
            name: (*name).to_owned(),
            alive: true,
            is_first_controller: target(name) == first,
        };
        Device {
            id: id.to_owned(),
            array,
            paths: paths.iter().map(path).collect(),
            satp: String::new(),
            psp: String::new(),
            overridden: false,
            limits: Limits::default(),
            limits_from: Origin::Claim,
            preferred_path: None,
            recent: None,
            is_boot: false,
            is_busy: false,
            refuses: None,
        }
    }

    /// `IBM Fibre Channel Disk (naa.…)`
    pub fn display_name(&self) -> String {
        format!("{} ({})", self.array.display(), self.id)
    }

    /// The state of one of its paths.
    pub fn state(&self, path: &DevicePath) -> PathState {
        match (path.alive, path.is_first_controller, self.array.other_controller()) {
            (false, ..) => PathState::Dead,
            (true, true, _) | (true, false, OtherController::Optimized) => PathState::Active,
            (true, false, OtherController::Unoptimized) => PathState::Unoptimized,
            // Where the first controller is lost, the array has moved the disk to the other.
            (true, false, OtherController::Standby) if self.has_lost_first() => PathState::Active,
            (true, false, OtherController::Standby) => PathState::Standby,
        }
    }

    fn has_lost_first(&self) -> bool {
        !self.paths.iter().any(|path| path.alive && path.is_first_controller)
    }

    /// The paths that are not dead, whether the policy uses them or not.
    pub fn living_paths(&self) -> Vec<&str> {
        self.paths.iter().filter(|path| path.alive).map(|path| path.name.as_str()).collect()
    }

    /// What `device list` prints as working paths: those that the policy uses now. `VMW_PSP_FIXED` and `VMW_PSP_MRU`
    /// use one, however many would work; Round Robin uses the optimized ones.
    pub fn working_paths(&self) -> Vec<&str> {
        if self.psp != "VMW_PSP_RR" {
            return self.current_path().into_iter().collect();
        }
        let unoptimized = self.limits.use_unoptimized;
        let fits = |state| state == PathState::Active || (unoptimized && state == PathState::Unoptimized);
        let used = |fits: &dyn Fn(PathState) -> bool| {
            let used = self.paths.iter().filter(|path| fits(self.state(path)));
            used.map(|path| path.name.as_str()).collect::<Vec<_>>()
        };
        let best = used(&fits);
        if best.is_empty() { used(&|state| state == PathState::Unoptimized) } else { best }
    }

    /// The path that a policy with one path uses; `None` where all are dead.
    pub fn current_path(&self) -> Option<&str> {
        let wanted = match self.psp.as_str() {
            "VMW_PSP_MRU" => self.recent.as_deref(),
            _ => self.preferred(),
        };
        let living = self.living_paths();
        wanted.and_then(|wanted| living.iter().find(|path| **path == wanted).copied()).or_else(|| self.best())
    }

    fn best(&self) -> Option<&str> {
        let mut living: Vec<(u8, &str)> = Vec::new();
        for path in &self.paths {
            let rank = match self.state(path) {
                PathState::Active => 0,
                PathState::Unoptimized => 1,
                PathState::Standby => 2,
                PathState::Dead => continue,
            };
            living.push((rank, &path.name));
        }
        living.into_iter().min_by_key(|(rank, _)| *rank).map(|(_, path)| path)
    }

    /// The preferred path: the one that was set, or else the first that there was.
    pub(super) fn preferred(&self) -> Option<&str> {
        self.preferred_path.as_deref().or_else(|| self.paths.first().map(|path| path.name.as_str()))
    }

    /// Stays on the path that it uses now.
    pub(super) fn settle(&mut self) {
        self.recent = self.current_path().map(str::to_owned);
    }

    /// The device's part of the policy, as `device list` prints it. `tick` is what makes counters move.
    pub(super) fn policy_config(&self, release: Release, tick: u64) -> String {
        match self.psp.as_str() {
            "VMW_PSP_RR" => self.round_robin_config(release, tick),
            "VMW_PSP_MRU" => format!("Current Path={}", self.current_path().unwrap_or("none")),
            "VMW_PSP_FIXED" | "VMW_PSP_FIXED_AP" => {
                let preferred = self.preferred().unwrap_or("none");
                format!("{{preferred={preferred};current={}}}", self.current_path().unwrap_or("none"))
            }
            other => format!("PSP {other} does not support device configuration."),
        }
    }

    fn round_robin_config(&self, release: Release, tick: u64) -> String {
        let Limits { by, iops, bytes, sampling_ios, interval, use_unoptimized } = self.limits;
        let ano = u8::from(use_unoptimized);
        let working = self.working_paths();
        let count = u64::try_from(working.len()).unwrap_or(1).max(1);
        let index = tick.checked_rem(count).unwrap_or(0);
        let by = match by {
            LimitType::Default => "rr",
            LimitType::Iops => "iops",
            LimitType::Bytes => "bytes",
            LimitType::Latency => {
                let at = usize::try_from(index).unwrap_or(0);
                let current = working.get(at).copied().unwrap_or("none");
                return format!(
                    "{{policy=latency,latencyEvalTime={interval},samplingCycles={sampling_ios},\
                     curSamplingCycle={sampling_ios},useANO={ano}; CurrentPath={current}: NumIOsPending=0,latency=0}}"
                );
            }
        };
        let gap = if release >= Release::Esxi67 { " " } else { "" };
        format!(
            "{{policy={by},iops={iops},bytes={bytes},useANO={ano};{gap}lastPathIndex={index}: \
             NumIOsPending=0,numBytesPending=0}}"
        )
    }

    /// The device's part of the array type, as `device list` prints it.
    pub(super) fn array_config(&self, release: Release) -> String {
        let groups = self.port_groups();
        match (self.satp.as_str(), release) {
            ("VMW_SATP_ALUA_CX", Release::Esx41) => {
                format!("{{navireg=on, ipfilter=on}}{{implicit_support=on;explicit_support=on;{groups}}}")
            }
            ("VMW_SATP_ALUA_CX", _) => format!(
                "{{navireg=on, ipfilter=on}} {{implicit_support=on; explicit_support=on; explicit_allow=on; \
                 alua_followover=on; action_OnRetryErrors=on; {groups}}}"
            ),
            ("VMW_SATP_ALUA", Release::Esx41) => format!(
                "{{implicit_support=on;explicit_support=off; explicit_allow=on;alua_followover=on;{groups}}}"
            ),
            ("VMW_SATP_ALUA", Release::Esxi55) => format!(
                "{{implicit_support=on;explicit_support=off; explicit_allow=on;alua_followover=on; \
                 action_OnRetryErrors=off; {groups}}}"
            ),
            ("VMW_SATP_ALUA", _) => format!(
                "{{implicit_support=on; explicit_support=off; explicit_allow=on; alua_followover=on; \
                 action_OnRetryErrors=off; {groups}}}"
            ),
            ("VMW_SATP_DEFAULT_AA", Release::Esxi67 | Release::Esxi80) => {
                "{action_OnRetryErrors=off}".to_owned()
            }
            (satp, _) => format!("SATP {satp} does not support device configuration."),
        }
    }

    fn port_groups(&self) -> String {
        let (other, own) = self.array.port_groups();
        if self.array.other_controller() == OtherController::Unoptimized
            && self.paths.iter().any(|path| !path.is_first_controller)
        {
            return format!("{{TPG_id={other},TPG_state=ANO}}{{TPG_id={own},TPG_state=AO}}");
        }
        format!("{{TPG_id={own},TPG_state=AO}}")
    }

    /// A path's part of the array type, as `path list` prints it.
    pub(super) fn array_path_config(&self, path: &DevicePath, port: usize) -> String {
        if !self.satp.starts_with("VMW_SATP_ALUA") {
            return format!("SATP {} does not support path configuration.", self.satp);
        }
        let (other, own) = self.array.port_groups();
        let unoptimized = self.array.other_controller() == OtherController::Unoptimized;
        let (group, state) =
            if path.is_first_controller || !unoptimized { (own, "AO") } else { (other, "ANO") };
        let health = if path.alive { "UP" } else { "DOWN" };
        format!("{{TPG_id={group},TPG_state={state},RTP_id={port},RTP_health={health}}}")
    }

    /// A path's part of the policy, as `path list` prints it.
    pub(super) fn policy_path_config(&self, path: &DevicePath) -> String {
        let is_current = self.current_path() == Some(path.name.as_str());
        let yes = |is: bool| if is { "yes" } else { "no" };
        match self.psp.as_str() {
            "VMW_PSP_FIXED" | "VMW_PSP_FIXED_AP" => {
                let is_preferred = self.preferred() == Some(path.name.as_str());
                format!("{{current: {}; preferred: {}}}", yes(is_current), yes(is_preferred))
            }
            // Believed: no record of it was found.
            "VMW_PSP_MRU" if is_current => "{current path; rank: 0}".to_owned(),
            "VMW_PSP_MRU" => "{non-current path; rank: 0}".to_owned(),
            other => format!("PSP {other} does not support path configuration."),
        }
    }
}
