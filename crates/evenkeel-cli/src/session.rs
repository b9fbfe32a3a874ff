//! Putting the pieces together: manifests loaded, targets reachable.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use evenkeel_core::diagnostic::{Diagnostic, Severity};
use evenkeel_core::driver::Registry;
use evenkeel_core::manifest::{Loaded, SourceFile, load};
use evenkeel_core::transport::Transport;
use evenkeel_engine::{Clock, Engine, Progress, Pruning, Scope, Stop, SystemClock};
use evenkeel_transport::credentials::{
    Base, CredentialChain, DirectoryCredentials, EnvironmentCredentials, NamedSecret, SecretCredentials,
    SecretSettings,
};
use evenkeel_transport::{Credentials, LocalTransport, Router, SshOptions, SshTransport};
use tokio::runtime::Runtime;

use crate::args::{Manifests, Reach};
use crate::error::CliError;
use crate::exit::Exit;
use crate::inputs::{self, Inputs};
use crate::select::Selection;
use crate::ui;

/// How many names a note has at most.
const NAMES_SHOWN: usize = 3;

/// Manifests that were read and found good.
pub(crate) struct Workspace {
    pub(crate) manifests: Vec<SourceFile>,
    pub(crate) values: Vec<SourceFile>,
    pub(crate) scope: Scope,
    /// The credentials that they declare.
    pub(crate) secrets: Vec<NamedSecret>,
    /// True where only a part was selected.
    pub(crate) partial: bool,
}

/// Reads and checks manifests. Warnings are printed, errors end the command.
pub(crate) fn open(args: &Manifests, registry: &Registry) -> Result<Workspace, CliError> {
    let is_kind = |kind: &str| registry.kinds().iter().any(|k| k.eq_ignore_ascii_case(kind));
    let Inputs { manifests, values, names } = inputs::read(args, is_kind)?;
    let selection = Selection::new(args, names)?;
    let mut loaded = load(registry, &manifests, &values, SystemClock.now());
    check(&loaded.diagnostics)?;
    let instances =
        if selection.is_all() { std::mem::take(&mut loaded.instances) } else { selection.pick(&loaded)? };
    let context = Scope::context_of(&instances, &loaded.instances);
    let partial = !selection.is_all();
    if partial {
        note_unselected(&instances);
    }
    let secrets = secrets(&loaded);
    let scope = Scope { context, ..scope(loaded, instances, registry, partial) };
    Ok(Workspace { manifests, values, scope, secrets, partial })
}

/// The credentials that manifests declare. Their files are named from where their manifests are.
pub(crate) fn secrets(loaded: &Loaded) -> Vec<NamedSecret> {
    let named = loaded.secrets.iter().map(|(name, (spec, location))| {
        let folder = Path::new(&location.file).parent().unwrap_or(Path::new(""));
        let base = Base::Folder(folder.to_owned());
        NamedSecret { name: name.clone(), spec: spec.clone(), base, trusted: false }
    });
    named.collect()
}

/// Says which dependencies were left out: nobody looks whether they are as their manifests say.
fn note_unselected(instances: &[evenkeel_core::plan::Instance]) {
    let selected: BTreeSet<String> =
        instances.iter().map(|i| format!("{}/{}", i.id.kind, i.id.name)).collect();
    let wanted: BTreeSet<&String> = instances.iter().flat_map(|i| &i.depends_on).collect();
    let left_out: Vec<&str> =
        wanted.into_iter().filter(|name| !selected.contains(*name)).map(String::as_str).collect();
    let (shown, more) = left_out.split_at(left_out.len().min(NAMES_SHOWN));
    if !shown.is_empty() {
        let tail = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
        ui::note(&format!(
            "note: the selection depends on {}{tail}, not selected and therefore not looked at\n",
            shown.join(", ")
        ));
    }
}

/// A scope of `instances`; nothing is prunable where they are only a part.
pub(crate) fn scope(
    loaded: Loaded,
    instances: Vec<evenkeel_core::plan::Instance>,
    registry: &Registry,
    partial: bool,
) -> Scope {
    let prunable = if partial { Registry::default() } else { registry.clone() };
    Scope {
        targets: loaded.targets,
        pruning: Pruning { maintenance: loaded.maintenance, ..Pruning::default() },
        beside: BTreeMap::new(),
        instances,
        context: Vec::new(),
        prunable,
    }
}

/// Prints what was found in manifests; errors end the command.
pub(crate) fn check(diagnostics: &[Diagnostic]) -> Result<(), CliError> {
    ui::show_diagnostics(diagnostics);
    if diagnostics.iter().any(|d| d.severity == Severity::Error) {
        return Err(
            CliError::new("the manifests have errors; nothing was contacted").diagnostics(diagnostics)
        );
    }
    Ok(())
}

/// Where secrets come from: the environment, then the credentials folder, then what the manifests declare.
pub(crate) fn credentials(reach: &Reach, secrets: Vec<NamedSecret>) -> Arc<CredentialChain> {
    let stored = reach.credentials.clone().or_else(credentials_folder).map(DirectoryCredentials::new);
    let mut sources: Vec<Box<dyn Credentials>> = vec![Box::new(EnvironmentCredentials::from_env())];
    if let Some(stored) = &stored {
        sources.push(Box::new(stored.clone()));
    }
    if !secrets.is_empty() {
        let mut settings = SecretSettings::from_env();
        settings.age_identity.clone_from(&reach.age_identity);
        settings.others = stored.map(|stored| Arc::new(stored) as Arc<dyn Credentials>);
        sources.push(Box::new(SecretCredentials::new(secrets, settings)));
    }
    Arc::new(CredentialChain::new(sources))
}

/// The folder of credentials where no other is named.
pub(crate) fn credentials_folder() -> Option<PathBuf> {
    std::env::home_dir().map(|home| home.join(".config/evenkeel/credentials"))
}

/// The transports for `reach`.
pub(crate) fn transport(reach: &Reach, credentials: &Arc<CredentialChain>) -> Arc<dyn Transport> {
    let mut options = SshOptions::from_env();
    if let Some(file) = &reach.ssh_config {
        options.config_files = vec![file.clone()];
    }
    let ssh = Arc::new(SshTransport::new(options, Arc::clone(credentials) as _));
    for warning in ssh.warnings() {
        ui::note(&format!("warning: {warning}\n"));
    }
    let local = LocalTransport::new(Arc::clone(credentials) as _);
    Arc::new(Router::new(&ssh, Arc::new(local), Arc::clone(credentials) as _))
}

/// An engine with the machine's clock.
pub(crate) fn engine(transport: Arc<dyn Transport>, progress: Arc<dyn Progress>, stop: &Stop) -> Engine {
    Engine::new(transport, Arc::new(SystemClock), progress, stop.clone())
}

/// Runs `work` on a runtime of its own; Ctrl-C ends it. Only for work that writes nothing.
pub(crate) fn block_on_reading<T>(
    work: impl Future<Output = Result<T, CliError>>,
) -> Result<Result<T, CliError>, Exit> {
    let Ok(runtime) = runtime() else { return Ok(Err(CliError::new("cannot start the runtime"))) };
    unless_interrupted(&runtime, work).ok_or(Exit::Interrupted)
}

/// Runs `work`, which reads targets by `engine`, as [`block_on_reading`] does.
pub(crate) fn read_by<T>(
    engine: &Engine,
    work: impl Future<Output = Result<T, CliError>>,
) -> Result<Result<T, CliError>, Exit> {
    let Ok(runtime) = runtime() else { return Ok(Err(CliError::new("cannot start the runtime"))) };
    let read = unless_interrupted(&runtime, work).ok_or(Exit::Interrupted);
    // Also of what was broken off: a session that is left behind keeps its place on the server.
    runtime.block_on(engine.close());
    read
}

/// What `work`, which writes nothing, comes to; `None` where Ctrl-C ended it.
pub(crate) fn unless_interrupted<T>(runtime: &Runtime, work: impl Future<Output = T>) -> Option<T> {
    runtime.block_on(async {
        tokio::select! {
            done = work => Some(done),
            _ = tokio::signal::ctrl_c() => None,
        }
    })
}

/// A runtime for I/O. One thread: what there is to do between two packets is less than waking another thread, and
/// what is planned afterwards is not the runtime's.
pub(crate) fn runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}
