//! What a controller remembers: out of its store, or by its address.

use evenkeel_engine::source::Snapshot;
use evenkeel_engine::store::{
    ApprovalFilter, ApprovalRecord, AuditFilter, AuditLine, Event, EventFilter, Journaled, Observation,
    ResourceFilter, ResourceStatus, RunFilter, RunId, RunRecord, SourceStatus, Store as _,
};
use evenkeel_server::client::{Client, ClientError, with_query};
use evenkeel_store::SqliteStore;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::error::CliError;

/// Where it is read.
#[derive(Debug)]
pub(crate) enum Memory {
    /// Out of the store on this machine.
    Store(SqliteStore),
    /// From a running controller.
    Server(Client),
}

/// A run, and the commands that were written down before they were sent.
pub(crate) type RunInFull = (RunRecord, Vec<Journaled>);

impl Memory {
    pub(crate) async fn sources(&self) -> Result<Vec<SourceStatus>, CliError> {
        match self {
            Memory::Store(store) => Ok(store.sources().await?),
            Memory::Server(client) => part(client, "/api/v1/sources", "sources").await,
        }
    }

    pub(crate) async fn resources(&self, filter: &ResourceFilter) -> Result<Vec<ResourceStatus>, CliError> {
        match self {
            Memory::Store(store) => Ok(store.resources(filter).await?),
            Memory::Server(client) => {
                part(client, &with_query("/api/v1/resources", &about(filter)), "resources").await
            }
        }
    }

    /// Runs, the newest first.
    pub(crate) async fn runs(&self, filter: &RunFilter) -> Result<Vec<RunRecord>, CliError> {
        let client = match self {
            Memory::Store(store) => return Ok(store.runs(filter).await?),
            Memory::Server(client) => client,
        };
        let (before, limit) = (filter.before.map(|id| id.to_string()), filter.limit.map(|n| n.to_string()));
        let parameters = [
            ("source", filter.source.as_deref()),
            ("target", filter.target.as_deref()),
            ("kind", filter.kind.as_deref()),
            ("name", filter.name.as_deref()),
            ("before", before.as_deref()),
            ("limit", limit.as_deref()),
        ];
        part(client, &with_query("/api/v1/runs", &parameters), "runs").await
    }

    pub(crate) async fn run(&self, id: RunId) -> Result<Option<RunInFull>, CliError> {
        let client = match self {
            Memory::Store(store) => return Ok(store.run(id).await?),
            Memory::Server(client) => client,
        };
        match client.get_json::<Map<String, Value>>(&format!("/api/v1/runs/{id}")).await {
            Ok(mut document) => Ok(Some((take(&mut document, "run")?, take(&mut document, "journal")?))),
            Err(ClientError::Refused { status: 404, .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// What waits for a person, and what persons decided.
    pub(crate) async fn approvals(&self, filter: &ApprovalFilter) -> Result<Vec<ApprovalRecord>, CliError> {
        let client = match self {
            Memory::Store(store) => return Ok(store.approvals(filter).await?),
            Memory::Server(client) => client,
        };
        let limit = filter.limit.map(|n| n.to_string());
        let mut parameters = about(&filter.about).to_vec();
        parameters.extend([("live", filter.live.then_some("true")), ("limit", limit.as_deref())]);
        part(client, &with_query("/api/v1/approvals", &parameters), "approvals").await
    }

    /// Events in the order of their numbers.
    pub(crate) async fn events(&self, filter: &EventFilter) -> Result<Vec<Event>, CliError> {
        let client = match self {
            Memory::Store(store) => return Ok(store.events(filter).await?),
            Memory::Server(client) => client,
        };
        let number = |n: Option<u64>| n.map(|n| n.to_string());
        let count = |n: Option<usize>| n.map(|n| n.to_string());
        let (after, last, limit) = (number(filter.after), count(filter.last), count(filter.limit));
        let mut parameters = about(&filter.about).to_vec();
        parameters.extend([
            ("after", after.as_deref()),
            ("last", last.as_deref()),
            ("limit", limit.as_deref()),
        ]);
        part(client, &with_query("/api/v1/events", &parameters), "events").await
    }

    /// Entries of the audit log in the order of their numbers.
    pub(crate) async fn audit(&self, filter: &AuditFilter) -> Result<Vec<AuditLine>, CliError> {
        let client = match self {
            Memory::Store(store) => return Ok(store.audit(filter).await?),
            Memory::Server(client) => client,
        };
        let (after, since) = (filter.after.map(|n| n.to_string()), filter.since.map(|at| at.to_string()));
        let (last, limit) = (filter.last.map(|n| n.to_string()), filter.limit.map(|n| n.to_string()));
        let mut parameters = about(&filter.about).to_vec();
        parameters.extend([
            ("after", after.as_deref()),
            ("since", since.as_deref()),
            ("what", filter.what.as_deref()),
            ("last", last.as_deref()),
            ("limit", limit.as_deref()),
        ]);
        part(client, &with_query("/api/v1/audit", &parameters), "audit").await
    }

    /// The files of a source that are in force. Only the store has them: an address does not hand them out.
    pub(crate) async fn snapshot(&self, source: &str) -> Result<Option<Snapshot>, CliError> {
        match self {
            Memory::Store(store) => Ok(store.snapshot(source).await?),
            Memory::Server(_) => Ok(None),
        }
    }

    /// Of each object its state at `at`, as it was seen last until then.
    pub(crate) async fn observed_at(
        &self,
        filter: &ResourceFilter,
        at: Timestamp,
    ) -> Result<Vec<Observation>, CliError> {
        let client = match self {
            Memory::Store(store) => return Ok(store.observed_at(filter, at).await?),
            Memory::Server(client) => client,
        };
        let at = at.to_string();
        let mut parameters = about(filter).to_vec();
        parameters.push(("at", Some(&at)));
        part(client, &with_query("/api/v1/observations", &parameters), "observations").await
    }
}

fn about(filter: &ResourceFilter) -> [(&str, Option<&str>); 4] {
    [
        ("source", filter.source.as_deref()),
        ("target", filter.target.as_deref()),
        ("kind", filter.kind.as_deref()),
        ("name", filter.name.as_deref()),
    ]
}

/// One part of an answer: each has a `formatVersion` beside it.
async fn part<T: DeserializeOwned>(client: &Client, path: &str, name: &str) -> Result<T, CliError> {
    let mut document: Map<String, Value> = client.get_json(path).await?;
    take(&mut document, name)
}

fn take<T: DeserializeOwned>(document: &mut Map<String, Value>, name: &str) -> Result<T, CliError> {
    let value = document.remove(name).unwrap_or_default();
    serde_json::from_value(value).map_err(|e| {
        CliError::new(format!("the controller's {name} cannot be read"))
            .because(e)
            .hint("is that a controller, and of the same version?")
    })
}
