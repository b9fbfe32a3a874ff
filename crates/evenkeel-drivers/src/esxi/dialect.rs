//! The two dialects of `esxcli`, told apart by what a host answers.

use evenkeel_core::driver::ObserveError;
use evenkeel_core::request::{Exec, Query, Replies, Request};

use super::reply::failure::{failed, is_unknown_command};
use super::reply::{ClaimRule, Limits};

/// How a host wants to be asked. A host is asked in the dialect of 5.x first; what it says to that tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// ESX and ESXi 4.x: `esxcli nmp …`.
    Four,
    /// ESXi 5.x to 8.x: `esxcli storage nmp …`.
    Five,
}

impl Dialect {
    /// What the answer to `probe`, a question in the dialect of 5.x, tells of the host. `Ok(None)`: it was not asked
    /// yet. An error where the host failed for another reason than not knowing the command.
    pub(crate) fn told_by(probe: &Request, replies: &Replies) -> Result<Option<Self>, ObserveError> {
        let query = Query::reading(probe.clone());
        if !replies.has(&query) {
            return Ok(None);
        }
        let reply = replies.get(&query)?;
        match reply.exit {
            0 => Ok(Some(Dialect::Five)),
            _ if is_unknown_command(reply) => Ok(Some(Dialect::Four)),
            _ => Err(failed(probe, reply)),
        }
    }

    /// What the list of devices tells, see [`Dialect::told_by`].
    pub(crate) fn of(replies: &Replies) -> Result<Option<Self>, ObserveError> {
        Dialect::told_by(&Dialect::Five.device_list(), replies)
    }

    /// The dialect that a command is in.
    pub(crate) fn spoken_in(request: &Request) -> Self {
        let namespace = request.as_exec().and_then(|exec| exec.words().into_iter().nth(1));
        match namespace.as_deref() {
            Some("storage" | "vm") => Dialect::Five,
            _ => Dialect::Four,
        }
    }

    /// Every device of the native multipathing plugin.
    pub(crate) fn device_list(self) -> Request {
        self.nmp(["device", "list"])
    }

    /// Every path of the native multipathing plugin.
    pub(crate) fn path_list(self) -> Request {
        self.nmp(["path", "list"])
    }

    /// The paths to one device.
    pub(crate) fn paths(self, device: &str) -> Request {
        self.nmp(["path", "list", "--device", device])
    }

    /// The array types and their default policies.
    pub(crate) fn satp_list(self) -> Request {
        self.nmp(["satp", "list"])
    }

    /// The rules of all array types.
    pub(crate) fn rule_list(self) -> Request {
        match self {
            Dialect::Four => self.nmp(["satp", "listrules"]),
            Dialect::Five => self.nmp(["satp", "rule", "list"]),
        }
    }

    /// Every device as the SCSI layer knows it: vendor, model, whether it is local. 4.x tells of no boot device.
    pub(crate) fn scsi_list(self) -> Request {
        match self {
            Dialect::Four => command(["esxcli", "corestorage", "device", "list"]),
            Dialect::Five => command(["esxcli", "storage", "core", "device", "list"]),
        }
    }

    /// The devices that VMFS datastores lie on.
    pub(crate) fn extent_list(self) -> Request {
        match self {
            Dialect::Four => command(["esxcfg-scsidevs", "-m"]),
            Dialect::Five => command(["esxcli", "storage", "vmfs", "extent", "list"]),
        }
    }

    /// The virtual machines that run.
    pub(crate) fn vm_list(self) -> Request {
        match self {
            Dialect::Four => command(["esxcli", "vms", "vm", "list"]),
            Dialect::Five => command(["esxcli", "vm", "process", "list"]),
        }
    }

    /// Gives a device a policy of its own. It acts at once and outlives reboots.
    pub(crate) fn set_policy(self, device: &str, psp: &str) -> Request {
        match self {
            Dialect::Four => self.nmp(["device", "setpolicy", "--device", device, "--psp", psp]),
            Dialect::Five => self.nmp(["device", "set", "--device", device, "--psp", psp]),
        }
    }

    /// Takes a device's own policy away: that of its array type or rule counts again.
    pub(crate) fn give_back(self, device: &str) -> Request {
        match self {
            Dialect::Four => self.nmp(["device", "setpolicy", "--device", device, "--default"]),
            Dialect::Five => self.nmp(["device", "set", "--device", device, "--default"]),
        }
    }

    /// When round robin takes the next path of a device. 4.x does not know [`Limits::Latency`].
    pub(crate) fn set_limits(self, device: &str, limits: &Limits) -> Request {
        let set = match self {
            Dialect::Four => ["esxcli", "nmp", "roundrobin", "setconfig"].as_slice(),
            Dialect::Five => {
                ["esxcli", "storage", "nmp", "psp", "roundrobin", "deviceconfig", "set"].as_slice()
            }
        };
        let options = match limits {
            Limits::Iops(iops) => vec!["--type=iops".to_owned(), format!("--iops={iops}")],
            Limits::Bytes(bytes) => vec!["--type=bytes".to_owned(), format!("--bytes={bytes}")],
            Limits::Latency { sampling_ios, interval_milliseconds } => vec![
                "--type=latency".to_owned(),
                format!("--num-sampling-cycles={sampling_ios}"),
                format!("--latency-eval-time={interval_milliseconds}"),
            ],
        };
        let device = ["--device".to_owned(), device.to_owned()];
        let words = set.iter().map(|word| (*word).to_owned()).chain(options).chain(device);
        Request::Exec(Exec::new(words))
    }

    /// The path that `VMW_PSP_FIXED` takes while it works.
    pub(crate) fn set_preferred(self, device: &str, path: &str) -> Request {
        match self {
            Dialect::Four => self.nmp(["fixed", "setpreferred", "--device", device, "--path", path]),
            Dialect::Five => {
                self.nmp(["psp", "fixed", "deviceconfig", "set", "--device", device, "--path", path])
            }
        }
    }

    /// The policy of an array type's devices that have none of their own, from the next reboot or reclaim on.
    pub(crate) fn set_default_psp(self, satp: &str, psp: &str) -> Request {
        match self {
            Dialect::Four => self.nmp(["satp", "setdefaultpsp", "--satp", satp, "--psp", psp]),
            Dialect::Five => self.nmp(["satp", "set", "--satp", satp, "--default-psp", psp]),
        }
    }

    /// Adds a rule. Its group is left out: what is added by hand is of the group `user`.
    pub(crate) fn add_rule(self, rule: &ClaimRule) -> Request {
        match self {
            Dialect::Four => self.of_rule(&["satp", "addrule"], rule),
            Dialect::Five => self.of_rule(&["satp", "rule", "add"], rule),
        }
    }

    /// Removes a rule; it takes the very options that the rule was added with.
    pub(crate) fn remove_rule(self, rule: &ClaimRule) -> Request {
        match self {
            Dialect::Four => self.of_rule(&["satp", "deleterule"], rule),
            Dialect::Five => self.of_rule(&["satp", "rule", "remove"], rule),
        }
    }

    /// In the short options, which are the same in both dialects.
    fn of_rule(self, verb: &[&str], rule: &ClaimRule) -> Request {
        let options = [
            ("-s", &rule.satp),
            ("-d", &rule.device),
            ("-V", &rule.vendor),
            ("-M", &rule.model),
            ("-D", &rule.driver),
            ("-R", &rule.transport),
            ("-o", &rule.options),
            ("-c", &rule.claim_options),
            ("-P", &rule.psp),
            ("-O", &rule.psp_options),
            ("-e", &rule.description),
        ];
        let given = options.into_iter().filter(|(_, value)| !value.is_empty());
        let words = given.flat_map(|(option, value)| [option, value.as_str()]);
        self.nmp(verb.iter().copied().chain(words))
    }

    fn nmp<'a>(self, words: impl IntoIterator<Item = &'a str>) -> Request {
        let namespace = match self {
            Dialect::Four => ["esxcli", "nmp"].as_slice(),
            Dialect::Five => ["esxcli", "storage", "nmp"].as_slice(),
        };
        command(namespace.iter().copied().chain(words))
    }
}

/// A command of these words.
pub(super) fn command<'a>(words: impl IntoIterator<Item = &'a str>) -> Request {
    Request::Exec(Exec::new(words))
}

#[cfg(test)]
mod tests {
    use super::*;
    use evenkeel_core::request::Reply;

    fn told(exit: i32, stderr: &str) -> Result<Option<Dialect>, ObserveError> {
        let mut replies = Replies::default();
        let reply = Reply { exit, stdout: Vec::new(), stderr: stderr.as_bytes().to_vec() };
        replies.insert(Query::reading(Dialect::Five.device_list()), Ok(reply));
        Dialect::of(&replies)
    }

    #[test]
    fn a_host_that_does_not_know_the_command_is_a_4_and_no_other_failure_is() {
        assert_eq!(Dialect::of(&Replies::default()), Ok(None));
        assert_eq!(told(0, ""), Ok(Some(Dialect::Five)));
        for said in [
            "Error: Unknown command or namespace storage nmp device list",
            "Unknown namespace: storage\nUsage: esxcli [disp options] <namespace> <object> <command>",
            "Invalid namespace storage",
        ] {
            assert_eq!(told(1, said), Ok(Some(Dialect::Four)), "{said}");
        }
        for (exit, said) in [(1, "Connect to localhost failed: Connection failure"), (1, ""), (255, "Killed")]
        {
            assert!(told(exit, said).is_err(), "{said}");
        }
        let missing = told(127, "sh: esxcli: not found").unwrap_err();
        assert_eq!(missing.hint(), Some("is this an ESX or ESXi host? `vmware -v` on it tells"));
    }

    #[test]
    fn commands_are_those_of_each_dialect() {
        let rule = ClaimRule {
            satp: "VMW_SATP_ALUA".into(),
            vendor: "3PARdata".into(),
            model: "VV".into(),
            group: "user".into(),
            claim_options: "tpgs_on".into(),
            psp: "VMW_PSP_RR".into(),
            psp_options: "iops=1".into(),
            description: "evenkeel/lab/a rule".into(),
            ..ClaimRule::default()
        };
        let (four, five) = (Dialect::Four, Dialect::Five);
        let pairs = [
            (four.device_list(), "esxcli nmp device list"),
            (five.device_list(), "esxcli storage nmp device list"),
            (four.rule_list(), "esxcli nmp satp listrules"),
            (five.rule_list(), "esxcli storage nmp satp rule list"),
            (
                four.set_policy("naa.1", "VMW_PSP_RR"),
                "esxcli nmp device setpolicy --device naa.1 --psp VMW_PSP_RR",
            ),
            (five.give_back("naa.1"), "esxcli storage nmp device set --device naa.1 --default"),
            (
                four.set_limits("naa.1", &Limits::Iops(1)),
                "esxcli nmp roundrobin setconfig --type=iops --iops=1 --device naa.1",
            ),
            (
                five.set_limits(
                    "naa.1",
                    &Limits::Latency { sampling_ios: 16, interval_milliseconds: 180_000 },
                ),
                "esxcli storage nmp psp roundrobin deviceconfig set --type=latency --num-sampling-cycles=16 --latency-eval-time=180000 --device naa.1",
            ),
            (
                five.set_default_psp("VMW_SATP_SVC", "VMW_PSP_RR"),
                "esxcli storage nmp satp set --satp VMW_SATP_SVC --default-psp VMW_PSP_RR",
            ),
            (
                five.remove_rule(&rule),
                "esxcli storage nmp satp rule remove -s VMW_SATP_ALUA -V 3PARdata -M VV -c tpgs_on -P VMW_PSP_RR -O iops=1 -e 'evenkeel/lab/a rule'",
            ),
            (
                four.add_rule(&ClaimRule { description: String::new(), ..rule }),
                "esxcli nmp satp addrule -s VMW_SATP_ALUA -V 3PARdata -M VV -c tpgs_on -P VMW_PSP_RR -O iops=1",
            ),
        ];
        for (request, line) in pairs {
            assert_eq!(request.display(), line);
        }
    }
}
