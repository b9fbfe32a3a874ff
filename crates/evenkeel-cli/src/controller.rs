//! Where the controller is: its state directory by its configuration, or its address.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use evenkeel_core::config::{self, ControllerSpec, NotifierSpec, SecretSpec, SourceSpec};
use evenkeel_core::diagnostic::Location;
use evenkeel_engine::store::StoreError;
use evenkeel_server::client::{Client, ClientError};
use evenkeel_store::{Mode, SqliteStore};
use secrecy::SecretString;

use crate::args::{Controller as Args, Way};
use crate::error::CliError;
use crate::inputs;
use crate::memory::Memory;
use crate::ui;

/// The configuration where no other is named: here, then on the machine.
const CONFIGURATIONS: [&str; 2] = ["evenkeel.yaml", "/etc/evenkeel/evenkeel.yaml"];

/// Where a controller keeps its state that says nothing else.
const STATE_DIRECTORY: &str = "/var/lib/evenkeel";

/// The environment variable with the token for `--server`.
const TOKEN: &str = "EVENKEEL_TOKEN";

/// The folder in which a controller keeps everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StateDirectory(PathBuf);

impl StateDirectory {
    /// That of the controller with this configuration. A relative one starts at the configuration's folder.
    pub(crate) fn of(configuration: &Path, spec: &ControllerSpec) -> Self {
        let folder = configuration.parent().unwrap_or(Path::new(""));
        StateDirectory(folder.join(spec.state_directory.as_deref().unwrap_or(STATE_DIRECTORY)))
    }

    /// The store's file.
    pub(crate) fn store(&self) -> PathBuf {
        self.0.join("evenkeel.db")
    }

    /// The control socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.0.join("evenkeel.sock")
    }

    /// The lock that a running controller holds.
    pub(crate) fn lock(&self) -> PathBuf {
        self.0.join("controller.lock")
    }

    /// The folder for clones of repositories.
    pub(crate) fn clones(&self) -> PathBuf {
        self.0.join("clones")
    }

    /// The folder itself.
    pub(crate) fn folder(&self) -> &Path {
        &self.0
    }
}

/// A configuration that was read and found good.
#[derive(Debug)]
pub(crate) struct Configuration {
    file: PathBuf,
    /// The controller's name.
    pub(crate) name: String,
    pub(crate) controller: ControllerSpec,
    pub(crate) sources: BTreeMap<String, SourceSpec>,
    pub(crate) notifiers: BTreeMap<String, NotifierSpec>,
    pub(crate) secrets: BTreeMap<String, (SecretSpec, Location)>,
}

impl Configuration {
    /// Reads the file that is named, or the usual one. Warnings are printed, errors end the command.
    pub(crate) fn read(config: Option<&Path>, values: &[PathBuf]) -> Result<Self, CliError> {
        let file = match config {
            Some(file) => file.to_owned(),
            None => usual_configuration()?,
        };
        let values = values.iter().map(|path| inputs::read_file(path)).collect::<Result<Vec<_>, _>>()?;
        let loaded = config::load(&[inputs::read_file(&file)?], &values);
        ui::show_diagnostics(&loaded.diagnostics);
        let failed = || {
            CliError::new(format!("the configuration {} has errors", file.display()))
                .diagnostics(&loaded.diagnostics)
                .hint(format!("check it with `evenkeel validate --config {}`", file.display()))
        };
        if loaded.has_errors() {
            return Err(failed());
        }
        let (name, controller) = loaded.controller.clone().ok_or_else(failed)?;
        let config::LoadedConfig { sources, notifiers, secrets, .. } = loaded;
        Ok(Configuration { file, name, controller, sources, notifiers, secrets })
    }

    /// Where it says that the controller keeps its state.
    pub(crate) fn state(&self) -> StateDirectory {
        StateDirectory::of(&self.file, &self.controller)
    }

    /// The file that it was read from.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// The folder that relative paths start at.
    pub(crate) fn folder(&self) -> &Path {
        self.file.parent().unwrap_or(Path::new(""))
    }
}

/// Where a controller is.
#[derive(Debug)]
pub(crate) enum Place {
    /// On this machine.
    Here(StateDirectory),
    /// At an address.
    There(Client),
}

impl Place {
    /// The one that the flags name.
    pub(crate) fn of(args: &Args) -> Result<Self, CliError> {
        let Way { config, server, ca_file } = &args.way;
        let Some(url) = server else {
            return Ok(Place::Here(state_directory(config.as_deref(), &args.values)?));
        };
        let token = std::env::var(TOKEN).ok().filter(|token| !token.is_empty()).map(SecretString::from);
        Ok(Place::There(Client::http(url, token, ca_file.as_deref())?))
    }

    /// What the controller remembers; on this machine out of its store, whether it runs or not.
    pub(crate) fn memory(&self) -> Result<Memory, CliError> {
        match self {
            Place::Here(state) => Ok(Memory::Store(open_store(state)?)),
            Place::There(client) => Ok(Memory::Server(client.clone())),
        }
    }

    /// False where surely no controller listens there.
    pub(crate) fn is_running(&self) -> bool {
        let Place::Here(state) = self else { return true };
        // Who may read the store may still be kept out of the socket.
        let nobody = [io::ErrorKind::NotFound, io::ErrorKind::ConnectionRefused];
        !UnixStream::connect(state.socket()).is_err_and(|error| nobody.contains(&error.kind()))
    }

    /// The way to ask the running controller for something.
    pub(crate) fn client(&self) -> Client {
        match self {
            Place::Here(state) => Client::socket(state.socket()),
            Place::There(client) => client.clone(),
        }
    }
}

/// Opens the store to look only.
pub(crate) fn open_store(state: &StateDirectory) -> Result<SqliteStore, CliError> {
    Ok(SqliteStore::open(state.store(), Mode::ReadOnly)?)
}

/// The state directory that the configuration names.
pub(crate) fn state_directory(config: Option<&Path>, values: &[PathBuf]) -> Result<StateDirectory, CliError> {
    Ok(Configuration::read(config, values)?.state())
}

/// The configuration that is there without being named.
fn usual_configuration() -> Result<PathBuf, CliError> {
    let found = CONFIGURATIONS.iter().map(PathBuf::from).find(|path| path.is_file());
    found.ok_or_else(|| {
        CliError::new(format!(
            "there is no controller's configuration: neither {}",
            CONFIGURATIONS.join(" nor ")
        ))
        .hint("name it with --config FILE, or a controller elsewhere with --server URL")
    })
}

/// Why a controller did not do what it was asked for.
impl From<ClientError> for CliError {
    fn from(error: ClientError) -> Self {
        let hint = match &error {
            ClientError::Refused { status: 401, .. } => {
                Some(format!("set the environment variable {TOKEN} to a token of that controller"))
            }
            ClientError::Untrusted { .. } => {
                Some("name the file with the authority that signed it: --ca-file".to_owned())
            }
            _ => error.hint().map(str::to_owned),
        };
        CliError::new(error.to_string()).hint_if_any(hint)
    }
}

/// Why the store gave nothing.
impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        CliError::new(error.to_string()).hint_if_any(error.hint())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relative_state_directory_starts_at_the_configuration() {
        let state = |directory: Option<&str>| {
            let spec = ControllerSpec { state_directory: directory.map(str::to_owned), ..Default::default() };
            StateDirectory::of(Path::new("etc/evenkeel.yaml"), &spec).store()
        };
        assert_eq!(state(None), Path::new("/var/lib/evenkeel/evenkeel.db"));
        assert_eq!(state(Some("state")), Path::new("etc/state/evenkeel.db"));
        assert_eq!(state(Some("/srv/state")), Path::new("/srv/state/evenkeel.db"));
    }
}
