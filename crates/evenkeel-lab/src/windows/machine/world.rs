//! What the shell stands on.

use super::super::cmdlets::{Needs, find};
use super::super::shell::{Arguments, Edition, Signature, World};
use super::super::value::{ErrorRecord, Value};
use super::WindowsHost;

impl World for WindowsHost {
    fn signature(&self, cmdlet: &str) -> Option<&'static Signature> {
        let found = find(cmdlet)?;
        self.has(found.needs).then_some(&found.signature)
    }

    fn call(&mut self, cmdlet: &'static str, arguments: &Arguments) -> Result<Vec<Value>, ErrorRecord> {
        if let Some(left) = self.calls_left {
            let Some(fewer) = left.checked_sub(1) else {
                let text = "The pipeline has been stopped.";
                return Err(ErrorRecord::of(cmdlet, "OperationStopped", "", "PipelineStopped", text));
            };
            self.calls_left = Some(fewer);
        }
        if let Some(text) = self.falls_over(cmdlet) {
            return Err(ErrorRecord::of(cmdlet, "NotSpecified", "", "HRESULT 0x80004005", text));
        }
        match find(cmdlet) {
            Some(found) => (found.run)(self, arguments),
            None => Err(ErrorRecord::of(
                "",
                "ObjectNotFound",
                cmdlet,
                "CommandNotFoundException",
                format!(
                    "The term '{cmdlet}' is not recognized as the name of a cmdlet, function, script file, or operable program."
                ),
            )),
        }
    }

    fn environment(&self, name: &str) -> Option<String> {
        match name.to_ascii_uppercase().as_str() {
            "COMPUTERNAME" => Some(self.name.to_uppercase()),
            // OpenSSH: the client's address and port, ours and our port.
            "SSH_CONNECTION" if !self.in_task => {
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
        if self.calls_left == Some(0) {
            return;
        }
        self.pass(u64::try_from(seconds).unwrap_or_default());
    }

    fn edition(&self) -> Edition {
        self.edition
    }
}

impl WindowsHost {
    fn has(&self, needs: Needs) -> bool {
        match needs {
            Needs::Nothing => true,
            Needs::HyperV => self.hyper_v,
            Needs::Dcb => self.dcb,
            Needs::NetworkAtc => self.intents.is_some(),
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
