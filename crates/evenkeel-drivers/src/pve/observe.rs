//! A job as it is, with what is needed to judge it: which guests it reaches, and what copies there are.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_core::driver::{ObserveError, Observed};
use evenkeel_core::request::{Query, Replies};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::cluster::{self, Copy, Job, Resources};
use super::prune::Prune;
use super::settings::{GUESTS, Selection, find, ids, switch, text, wanted};
use super::spec::{Guests, PveJobSchedule, Written};
use super::{Evidence, PveJobState};

pub(super) fn queries(spec: &PveJobSchedule, so_far: &Replies) -> Vec<Query> {
    let id = &spec.pve_job.id;
    let mut all = vec![cluster::jobs_query(), cluster::resources_query(), cluster::storages_query()];
    let mut pools: BTreeSet<&str> = BTreeSet::new();
    if let Guests::Pool(pool) = &spec.pve_job.guests {
        pools.insert(pool);
    }
    let jobs = cluster::jobs(so_far).ok();
    let job = jobs.as_ref().and_then(|jobs| jobs.0.get(id));
    if jobs.is_some() && job.is_none() {
        all.push(cluster::job_query(id));
    }
    pools.extend(job.and_then(|job| job.get("pool")).and_then(Value::as_str));
    all.extend(pools.into_iter().map(cluster::pool_query));
    if let Ok(resources) = cluster::resources(so_far) {
        let node = wanted_node(spec);
        all.extend(resources.any_node(node).map(cluster::time_query));
        let storages: BTreeSet<&str> = job
            .and_then(|job| job.get("storage")?.as_str())
            .into_iter()
            .chain([spec.pve_job.storage.as_str()])
            .collect();
        for storage in storages {
            let nodes = resources.nodes_with(storage, node);
            all.extend(nodes.into_iter().map(|node| cluster::copies_query(node, storage)));
        }
    }
    all
}

fn wanted_node(spec: &PveJobSchedule) -> Option<&str> {
    match &spec.pve_job.node {
        Written::Value(node) => Some(node),
        _ => None,
    }
}

pub(super) fn observe(
    spec: &PveJobSchedule,
    replies: &Replies,
) -> Result<Observed<PveJobState>, ObserveError> {
    let id = &spec.pve_job.id;
    let jobs = cluster::jobs(replies)?;
    let resources = cluster::resources(replies)?;
    let zone = zone(spec, &resources, replies)?;
    fits(spec, &resources, replies)?;
    let Some(job) = jobs.0.get(id) else {
        if cluster::is_denied(id, replies)? {
            return Ok(Observed::Absent { lacks: None });
        }
        let reason =
            format!("the job {id} is not in the list and yet it exists: it was made or removed just now");
        return Ok(Observed::Busy { reason });
    };
    let fields = fields(spec, job).ok_or_else(|| {
        cluster::strange(cluster::jobs_query().request(), format!("a setting of the job {id} makes no sense"))
    })?;
    let evidence = evidence(spec, job, &resources, zone, replies)?;
    Ok(Observed::Present(PveJobState { fields, evidence }))
}

/// What a job says of the settings that a spec speaks of.
fn fields(spec: &PveJobSchedule, job: &Job) -> Option<BTreeMap<String, Value>> {
    let mut fields = BTreeMap::new();
    for name in wanted(spec).into_keys() {
        let seen = if name == GUESTS {
            // A job that reaches nobody can be made by hand in its file.
            Some(json!(Selection::read(job).map_or_else(|| "none".to_owned(), |guests| guests.to_string())))
        } else {
            find(&name)?.seen(job).ok()?
        };
        fields.extend(seen.map(|seen| (name, seen)));
    }
    Some(fields)
}

/// The nodes' time zone, which is the only one that a job can be in; `None` where the login may not ask.
fn zone(
    spec: &PveJobSchedule,
    resources: &Resources,
    replies: &Replies,
) -> Result<Option<String>, ObserveError> {
    let Some(node) = resources.any_node(wanted_node(spec)) else { return Ok(None) };
    let theirs = cluster::time_zone(node, replies).ok();
    match (&spec.schedule.time_zone, &theirs) {
        (Some(wanted), Some(theirs)) if wanted != theirs => Err(ObserveError::unfit(
            &["schedule", "timeZone"],
            format!(
                "Proxmox runs jobs in its nodes' own time zone, and that of {node} is {theirs}, not {wanted}"
            ),
            format!("write the schedule in {theirs}, or set the node's zone (System, Time)"),
        )),
        _ => Ok(theirs),
    }
}

/// Proxmox accepts jobs that can never work: for a storage, node or guest that does not exist.
fn fits(spec: &PveJobSchedule, resources: &Resources, replies: &Replies) -> Result<(), ObserveError> {
    let job = &spec.pve_job;
    storage_fits(&job.storage, wanted_node(spec), replies)?;
    if let Some(node) = wanted_node(spec).filter(|node| !resources.nodes.contains_key(*node)) {
        let nodes: Vec<&str> = resources.nodes.keys().map(String::as_str).collect();
        let hint = format!("the nodes that this login sees are: {}", nodes.join(", "));
        return Err(ObserveError::unfit(
            &["pveJob", "node"],
            format!("the cluster has no node {node}"),
            hint,
        ));
    }
    if let Guests::Pool(pool) = &job.guests
        && cluster::pool(pool, replies)?.is_none()
    {
        let hint = "make it under Datacenter, Permissions, Pools, or correct the name";
        return Err(ObserveError::unfit(&["pveJob", "guests"], format!("there is no pool {pool}"), hint));
    }
    let listed: [(&str, &[u32]); 2] = [
        ("guests", if let Guests::Ids(ids) = &job.guests { ids } else { &[] }),
        ("exclude", if let Written::Value(ids) = &job.exclude { ids } else { &[] }),
    ];
    for (field, ids) in listed {
        // A login that sees no guest at all cannot tell a wrong one.
        let unknown: Vec<String> =
            ids.iter().filter(|id| !resources.guests.contains_key(id)).map(u32::to_string).collect();
        if !unknown.is_empty() && !resources.guests.is_empty() {
            let message =
                format!("the cluster has no guest {}, as far as this login sees", unknown.join(", "));
            let hint = "correct the ids, or give the login VM.Audit on `/vms`; Proxmox would accept the job, and each run would fail";
            return Err(ObserveError::unfit(&["pveJob", field], message, hint));
        }
    }
    Ok(())
}

fn storage_fits(name: &str, node: Option<&str>, replies: &Replies) -> Result<(), ObserveError> {
    let path = &["pveJob", "storage"];
    let storages = cluster::storages(replies)?;
    let Some(storage) = storages.0.get(name) else {
        let seen: Vec<&str> = storages.0.keys().map(String::as_str).collect();
        let message = format!(
            "the cluster has no storage {name}, as far as this login sees (it sees: {})",
            if seen.is_empty() { "none".to_owned() } else { seen.join(", ") }
        );
        let hint = format!("correct the name, or give the login Datastore.Audit on `/storage/{name}`");
        return Err(ObserveError::unfit(path, message, hint));
    };
    let says = |field: &str| storage.get(field).and_then(text);
    let lists =
        |field: &str, word: &str| says(field).is_none_or(|all| all.split(',').any(|one| one.trim() == word));
    if !lists("content", "backup") {
        let message = format!(
            "the storage {name} takes no backups: its content is {}",
            says("content").unwrap_or_default()
        );
        return Err(ObserveError::unfit(
            path,
            message,
            format!("allow them: `pvesm set {name} --content …,backup`"),
        ));
    }
    if storage.get("disable").and_then(switch) == Some(true) {
        let hint = format!("enable it: `pvesm set {name} --disable 0`");
        return Err(ObserveError::unfit(path, format!("the storage {name} is disabled"), hint));
    }
    if let Some(node) = node.filter(|node| !lists("nodes", node)) {
        let message = format!("the node {node} does not have the storage {name}");
        return Err(ObserveError::unfit(
            path,
            message,
            format!("it is on: {}", says("nodes").unwrap_or_default()),
        ));
    }
    Ok(())
}

fn evidence(
    spec: &PveJobSchedule,
    job: &Job,
    resources: &Resources,
    zone: Option<String>,
    replies: &Replies,
) -> Result<Evidence, ObserveError> {
    let field = |name: &str| job.get(name).filter(|value| !value.is_null());
    let selection = Selection::read(job);
    let excluded = field("exclude").and_then(ids).unwrap_or_default();
    let node = field("node").and_then(text);
    let guests = match &selection {
        Some(selection) => reached(selection, &excluded, resources, replies)?,
        None => Some(BTreeSet::new()),
    };
    let on_node = |id: &u32| {
        node.as_ref().is_none_or(|node| resources.guests.get(id).is_none_or(|guest| guest.node == *node))
    };
    let now_in = field("storage").and_then(text).unwrap_or_else(|| spec.pve_job.storage.clone());
    let rules = |name: &str| {
        let storages = cluster::storages(replies).ok()?;
        Prune::read(storages.0.get(name)?.get("prune-backups")?)
    };
    Ok(Evidence {
        selection,
        excluded,
        guests: guests.map(|ids| ids.into_iter().filter(on_node).collect()),
        known: resources.guests.iter().map(|(id, guest)| (*id, guest.node.clone())).collect(),
        pool: match &spec.pve_job.guests {
            Guests::Pool(pool) => cluster::pool(pool, replies)?,
            _ => None,
        },
        enabled: field("enabled").and_then(switch).unwrap_or(true),
        own_rules: field("prune-backups").and_then(Prune::read),
        storage_rules: rules(&now_in).unwrap_or_default(),
        wanted_storage_rules: rules(&spec.pve_job.storage).unwrap_or_default(),
        copies: copies(&now_in, node.as_deref(), resources, replies),
        wanted_copies: copies(&spec.pve_job.storage, wanted_node(spec), resources, replies),
        storage: now_in,
        next_run: field("next-run")
            .and_then(text)
            .and_then(|at| Timestamp::from_second(at.parse().ok()?).ok()),
        zone,
    })
}

/// The guests that a selection means; `None` where the login sees none.
pub(super) fn reached(
    selection: &Selection,
    excluded: &BTreeSet<u32>,
    resources: &Resources,
    replies: &Replies,
) -> Result<Option<BTreeSet<u32>>, ObserveError> {
    Ok(match selection {
        Selection::Ids(ids) => Some(ids.clone()),
        Selection::Pool(pool) => cluster::pool(pool, replies)?,
        Selection::All if resources.guests.is_empty() => None,
        Selection::All => {
            Some(resources.guests.keys().copied().filter(|id| !excluded.contains(id)).collect())
        }
    })
}

/// The copies in a storage, or why they are not known.
fn copies(
    storage: &str,
    node: Option<&str>,
    resources: &Resources,
    replies: &Replies,
) -> Result<Vec<Copy>, String> {
    let nodes = resources.nodes_with(storage, node);
    if nodes.is_empty() {
        return Err(format!("no node that this login sees has the storage {storage} available"));
    }
    let mut all = Vec::new();
    for node in nodes {
        let found = cluster::copies(node, storage, replies).map_err(|error| error.to_string())?;
        all.extend(found.iter().cloned());
    }
    Ok(all)
}
