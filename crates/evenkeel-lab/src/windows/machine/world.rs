//! What the shell stands on.

use super::super::cmdlets::{Needs, find};
use super::super::shell::{Arguments, Edition, Mutex, Signature, World};
use super::super::value::{ErrorRecord, Value};
use super::WindowsHost;

impl World for WindowsHost {
    fn signature(&self, cmdlet: &str) -> Option<&'static Signature> {
        let found = find(cmdlet)?;
        self.has(found.needs).then_some(&found.signature)
    }

    fn call(&mut self, cmdlet: &'static str, arguments: &Arguments) -> Result<Vec<Value>, ErrorRecord> {
        let seconds = self.seconds_of(cmdlet);
        self.sleep(seconds);
        self.perform(cmdlet, arguments)
    }

    fn environment(&self, name: &str) -> Option<String> {
        match name.to_ascii_uppercase().as_str() {
            "COMPUTERNAME" => Some(self.name.to_uppercase()),
            // OpenSSH: the client's address and port, ours and our port.
            "SSH_CONNECTION" if !self.session.in_task => {
                let address = &self.management.as_ref()?.address;
                Some(format!("192.168.1.50 50022 {address} 22"))
            }
            _ => None,
        }
    }

    fn now(&self) -> i64 {
        self.clock
    }

    fn sleep(&mut self, seconds: i64) {
        if seconds > 0 && !self.is_over() {
            self.go_on(self.clock.saturating_add(seconds));
        }
    }

    fn edition(&self) -> Edition {
        self.edition
    }

    fn is_function(&self, cmdlet: &str) -> bool {
        is_function(cmdlet)
    }

    fn take_mutex(&mut self, name: &str, has_waited: bool) -> Mutex {
        self.mutex_taken(name, has_waited)
    }

    fn release_mutex(&mut self, name: &str) -> bool {
        self.mutex_released(name)
    }

    fn is_over(&self) -> bool {
        self.session.calls_left == Some(0)
    }

    fn end(&mut self) {
        self.let_mutexes_go();
        let session = std::mem::take(&mut self.session);
        if session.then_restarts {
            self.power_cycle();
        }
        self.settle();
    }
}

/// The nouns of modules that are made of CIM classes, or are scripts: their cmdlets are functions. Those of Hyper-V and of the registry
/// are not.
const FUNCTIONS: [&str; 9] = [
    "NetAdapter",
    "NetIP",
    "NetRoute",
    "NetQos",
    "NetOffload",
    "NetLbfo",
    "DnsClient",
    "ScheduledTask",
    "Smb",
];

fn is_function(cmdlet: &str) -> bool {
    let noun = cmdlet.split_once('-').map_or(cmdlet, |(_, noun)| noun);
    FUNCTIONS.iter().any(|start| noun.starts_with(start))
}

/// What the cmdlets of Hyper-V say while its service is not there.
const NO_VMMS: &str = "Hyper-V encountered an error trying to access an object on computer 'localhost' because the object was not found. The \
                       object might have been deleted. Verify that the Virtual Machine Management service on the computer is running.";

impl WindowsHost {
    /// How long a cmdlet takes, in seconds.
    pub(super) fn seconds_of(&self, cmdlet: &str) -> i64 {
        let is_it = |(slow, _): &&(String, i64)| slow == "*" || slow.eq_ignore_ascii_case(cmdlet);
        let of_all = if self.session.in_task { 0 } else { self.slow_for_asker };
        self.slow.iter().filter(is_it).map(|(_, seconds)| *seconds).fold(of_all, i64::max)
    }

    /// Does what a cmdlet does.
    pub(super) fn perform(
        &mut self,
        cmdlet: &'static str,
        arguments: &Arguments,
    ) -> Result<Vec<Value>, ErrorRecord> {
        if let Some(left) = self.session.calls_left {
            let Some(fewer) = left.checked_sub(1) else {
                let text = "The pipeline has been stopped.";
                return Err(ErrorRecord::of(cmdlet, "OperationStopped", "", "PipelineStopped", text));
            };
            self.session.calls_left = Some(fewer);
        }
        if let Some(text) = self.falls_over(cmdlet) {
            return Err(ErrorRecord::of(cmdlet, "NotSpecified", "", "HRESULT 0x80004005", text));
        }
        let Some(found) = find(cmdlet) else {
            let text = format!(
                "The term '{cmdlet}' is not recognized as the name of a cmdlet, function, script file, or operable program."
            );
            return Err(ErrorRecord::of("", "ObjectNotFound", cmdlet, "CommandNotFoundException", text));
        };
        if found.needs == Needs::HyperV && self.clock < self.vmms_at {
            return Err(ErrorRecord::of(cmdlet, "ObjectNotFound", "", "ObjectNotFound", NO_VMMS));
        }
        (found.run)(self, arguments)
    }

    fn has(&self, needs: Needs) -> bool {
        match needs {
            Needs::Nothing => true,
            Needs::HyperV => self.hyper_v,
            Needs::Dcb => self.dcb,
            Needs::NetworkAtc => self.intents.is_some(),
            Needs::Lbfo => !self.lbfo.is_empty(),
        }
    }

    /// The text of the fault that a call of this cmdlet runs into.
    fn falls_over(&mut self, cmdlet: &str) -> Option<String> {
        let mut text = None;
        for fault in self.faults.iter_mut().filter(|fault| fault.cmdlet.eq_ignore_ascii_case(cmdlet)) {
            match fault.after.checked_sub(1) {
                Some(fewer) => fault.after = fewer,
                None => text = text.or_else(|| Some(fault.text.clone())),
            }
        }
        text
    }
}
