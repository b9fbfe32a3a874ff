//! `evenkeel import`

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use evenkeel_core::driver::{ErasedDriver, Found, ObserveError, Registry};
use evenkeel_core::plan::FORMAT_VERSION;
use evenkeel_core::request::{Replies, Request};
use evenkeel_core::target::Target;
use evenkeel_engine::{Engine, Stop};
use serde_json::{Value, json};

use crate::args::{Import as Args, Manifests, Output};
use crate::error::CliError;
use crate::exit::Exit;
use crate::select::unknown_target;
use crate::session::{self, Workspace};
use crate::ui::{self, Bars};

pub(crate) fn run(args: &Args, output: Output) -> Result<Exit, CliError> {
    let registry = evenkeel_drivers::registry();
    let drivers = drivers(args, &registry)?;
    let manifests =
        Manifests { paths: args.paths.clone(), values: args.values.clone(), label: vec![], target: vec![] };
    let workspace = session::open(&manifests, &registry)?;
    let bars = Arc::new(Bars::new());
    let transport =
        session::transport(&args.reach, &session::credentials(&args.reach, workspace.secrets.clone()));
    let engine = session::engine(transport, Arc::clone(&bars) as _, &Stop::default());
    let read = session::read_by(&engine, read_all(&engine, &workspace, &args.target, &drivers));
    bars.clear();
    let found = match read {
        Ok(found) => found?,
        Err(interrupted) => return Ok(interrupted),
    };
    let (found, remarks) = found;
    let (documents, known) = documents(found, &workspace, &args.target);
    match output {
        Output::Json => ui::print_json(
            &json!({ "formatVersion": FORMAT_VERSION, "manifests": documents, "remarks": remarks }),
        )?,
        Output::Human => {
            let yaml = yaml(&documents)?;
            ui::print(&comments(&remarks));
            ui::print_raw(&yaml);
        }
    }
    if known > 0 {
        ui::note(&format!("left out: {} that the manifests already have\n", ui::count(known, "object")));
    }
    Ok(Exit::Done)
}

fn drivers(args: &Args, registry: &Registry) -> Result<Vec<Arc<dyn ErasedDriver>>, CliError> {
    let wanted =
        |d: &&Arc<dyn ErasedDriver>| args.kind.as_ref().is_none_or(|k| d.kind().eq_ignore_ascii_case(k));
    let drivers: Vec<_> = registry.iter().filter(wanted).cloned().collect();
    if drivers.is_empty() {
        let kind = args.kind.as_deref().unwrap_or_default();
        return Err(CliError::new(format!("no kind `{kind}`"))
            .hint(format!("kinds: {}", registry.kinds().join(", "))));
    }
    Ok(drivers)
}

type Inventory = Vec<(&'static str, Vec<Found>)>;

async fn read_all(
    engine: &Engine,
    workspace: &Workspace,
    name: &str,
    drivers: &[Arc<dyn ErasedDriver>],
) -> Result<(Inventory, Vec<String>), CliError> {
    let targets = &workspace.scope.targets;
    let target = targets.get(name).ok_or_else(|| unknown_target(name, targets.keys()))?;
    let (mut all, mut remarks, mut absent) = (Vec::new(), Vec::new(), None);
    let (mut asked, none) = (0, Replies::of(target.way()));
    for driver in drivers {
        let queries = driver.inventory_queries(&none);
        if queries.is_empty() || !queries.iter().all(|query| can_answer(target, query.request())) {
            continue;
        }
        asked += 1;
        match engine.inventory(target, driver).await {
            Ok((found, told)) => {
                all.push((driver.kind(), found));
                remarks.extend(told.into_iter().map(|line| format!("{}: {line}", driver.kind())));
            }
            // It is no machine of this kind. Where only that was asked for, it is an error.
            Err(error) if error.lacks_program() => drop(absent.get_or_insert((driver.kind(), error))),
            Err(error) => return Err(cannot_list(name, driver.kind(), error)),
        }
    }
    if asked == 0 {
        let kinds = drivers.iter().map(|driver| driver.kind()).collect::<BTreeSet<_>>();
        let kinds = kinds.into_iter().collect::<Vec<_>>().join(", ");
        return Err(CliError::new(format!("none of these kinds can be listed on {name}: {kinds}"))
            .hint("write the manifests by hand: `evenkeel explain KIND` tells what is in them"));
    }
    match absent {
        Some((kind, error)) if all.is_empty() => Err(cannot_list(name, kind, error)),
        _ => Ok((all, remarks)),
    }
}

/// True where the target is one for such a request.
fn can_answer(target: &Target, request: &Request) -> bool {
    match request {
        Request::Exec(_) | Request::PowerShell(_) => target.runs_commands(),
        Request::Api(_) => target.runs_commands() || target.spec.proxmox.is_some(),
        Request::Incus(_) => target.spec.incus.is_some(),
        Request::Vsphere(_) => target.spec.vsphere.is_some(),
        Request::Files(_) | Request::Transfer(_) => true,
    }
}

fn cannot_list(target: &str, kind: &str, error: ObserveError) -> CliError {
    let hint = error.hint().map(str::to_owned);
    let told = CliError::new(format!("cannot list {kind} objects on {target}")).because(error);
    hint.into_iter().fold(told, CliError::hint)
}

/// Manifests for what no manifest has yet, and how many were left out.
fn documents(found: Inventory, workspace: &Workspace, target: &str) -> (Vec<Value>, usize) {
    let instances = &workspace.scope.instances;
    let here = instances.iter().filter(|i| i.id.target == target);
    let known: BTreeSet<(&str, &str)> = here.map(|i| (i.id.kind.as_str(), i.object.as_str())).collect();
    let mut names: BTreeSet<(String, String)> =
        instances.iter().map(|i| (i.id.kind.clone(), i.id.name.clone())).collect();
    let mut documents = Vec::new();
    let mut left_out = 0;
    for (kind, objects) in found {
        for object in objects {
            if known.contains(&(kind, object.object.as_str())) {
                left_out += 1;
                continue;
            }
            let name = free_name(kind, &object.object, &mut names);
            let mut spec = BTreeMap::from([("target".to_owned(), Value::from(target))]);
            spec.extend(object.spec.into_iter().map(|(key, value)| (key, escape(value))));
            documents.push(json!({
                "apiVersion": evenkeel_core::manifest::API_VERSION,
                "kind": kind,
                "metadata": { "name": name },
                "spec": spec,
            }));
        }
    }
    (documents, left_out)
}

/// A resource name made from an object's, not yet taken: `tank/vm` → `tank-vm`.
fn free_name(kind: &str, object: &str, names: &mut BTreeSet<(String, String)>) -> String {
    let plain: String = object
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' })
        .collect();
    let base = plain.trim_matches(|c: char| !c.is_ascii_alphanumeric()).to_owned();
    let base = if base.is_empty() { "object".to_owned() } else { base };
    let mut name = base.clone();
    let mut nth = 2;
    while !names.insert((kind.to_owned(), name.clone())) {
        name = format!("{base}-{nth}");
        nth += 1;
    }
    name
}

/// `${` in a value is text, not a variable.
fn escape(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(text.replace("${", "$${")),
        Value::Object(fields) => fields.into_iter().map(|(key, value)| (key, escape(value))).collect(),
        Value::Array(items) => items.into_iter().map(escape).collect(),
        other => other,
    }
}

/// What no manifest can say, above them.
fn comments(remarks: &[String]) -> String {
    remarks
        .iter()
        .flat_map(|line| ["# ".to_owned(), line.replace(['\n', '\r'], " "), "\n".to_owned()])
        .collect()
}

fn yaml(documents: &[Value]) -> Result<String, CliError> {
    let texts = documents.iter().map(|document| {
        // The header comes first, as people write it; a JSON map would sort it.
        let ordered: Vec<(&str, &Value)> = ["apiVersion", "kind", "metadata", "spec"]
            .into_iter()
            .filter_map(|key| Some((key, document.get(key)?)))
            .collect();
        let body =
            ordered.iter().map(|(key, value)| serde_saphyr::to_string(&BTreeMap::from([(key, value)])));
        body.collect::<Result<String, _>>()
    });
    let texts =
        texts.collect::<Result<Vec<_>, _>>().map_err(|e| CliError::new("cannot write YAML").because(e))?;
    Ok(texts.join("---\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_from_objects_and_stay_apart() {
        let mut names = BTreeSet::new();
        assert_eq!(free_name("K", "tank/vm one", &mut names), "tank-vm-one");
        assert_eq!(free_name("K", "tank-vm/one", &mut names), "tank-vm-one-2");
    }

    #[test]
    fn yaml_keeps_the_order_people_write_and_quotes_what_needs_it() {
        let doc = json!({"spec": {"v": "off", "n": "10"}, "kind": "K", "apiVersion": "a/v1", "metadata": {"name": "x"}});
        let text = yaml(&[doc]).unwrap();
        assert!(text.starts_with("apiVersion: a/v1\nkind: K\nmetadata:\n"), "{text}");
        assert!(text.contains(": \"10\"") && text.contains("v: \"off\""), "{text}");
    }
}
