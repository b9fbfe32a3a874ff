//! Notifiers out of their configuration.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use evenkeel_core::config::NotifierSpec;
use jiff::Timestamp;

use crate::commit::Board;
use crate::credential::{Credential, Secrets};
use crate::failure::Failure;
use crate::follow::Terms;
use crate::forge::{Repository, api};
use crate::http::Way;
use crate::message::Message;
use crate::receivers::{Email, Receiver, Slack, Webhook};

/// An attempt to deliver is given up after this.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What notifiers are made of.
pub struct Settings {
    /// The controller's name: it stands in messages.
    pub controller: String,
    /// What was configured, by name.
    pub notifiers: BTreeMap<String, NotifierSpec>,
    /// The addresses of the repositories, by the names of their sources.
    pub repositories: BTreeMap<String, String>,
    /// The folder that relative paths start at.
    pub folder: PathBuf,
    /// Where secrets come from.
    pub secrets: Secrets,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("controller", &self.controller).finish_non_exhaustive()
    }
}

/// Why a notifier cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the notifier {notifier} cannot work: {message}")]
pub struct PrepareError {
    /// Which one.
    pub notifier: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// Somebody who is told what happens, ready to begin.
pub struct Notifier {
    pub(crate) name: String,
    pub(crate) controller: String,
    pub(crate) way: Telling,
}

/// How something is told.
pub(crate) enum Telling {
    /// As messages about events.
    Messages(Terms, Arc<dyn Receiver>),
    /// As the state of commits.
    States { board: Arc<Board>, sources: BTreeMap<String, Repository>, max_per_hour: u16 },
}

impl fmt::Debug for Notifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notifier").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Makes notifiers. No receiver is asked, and no secret.
pub fn prepare(settings: Settings) -> Result<Vec<Notifier>, PrepareError> {
    let Settings { controller, notifiers, repositories, folder, secrets } = settings;
    let made = notifiers.into_iter().map(|(name, spec)| {
        let way = Way {
            timeout: spec.timeout.map_or(TIMEOUT, Duration::from),
            ca_file: spec.ca_file.as_ref().map(|file| folder.join(file)),
        };
        let credential = |of: &str| Credential { secrets: Arc::clone(&secrets), name: of.to_owned() };
        let wrong = |failure: Failure| PrepareError {
            notifier: name.clone(),
            message: failure.message,
            hint: failure.hint,
        };
        if let Some(status) = &spec.commit_status {
            let sources = of_forge(&spec, &repositories);
            for repository in sources.values() {
                // The token goes nowhere that others can listen in.
                api(status.provider, &repository.host, status.url.as_deref()).map_err(wrong)?;
            }
            let credential = credential(&status.credentials_ref);
            let board = Board { spec: status.clone(), credential, way, controller: controller.clone() };
            let way = Telling::States { board: Arc::new(board), sources, max_per_hour: spec.max_per_hour };
            return Ok(Notifier { name: name.clone(), controller: controller.clone(), way });
        }
        let timeout = way.timeout;
        let receiver: Arc<dyn Receiver> = if let Some(slack) = &spec.slack {
            Arc::new(Slack { credential: credential(&slack.credentials_ref), way })
        } else if let Some(webhook) = &spec.webhook {
            let credential = credential(&webhook.credentials_ref);
            Arc::new(Webhook { url: webhook.url.clone(), credential, way })
        } else if let Some(email) = &spec.email {
            let credential = email.credentials_ref.as_deref().map(credential);
            let made = Email::new(email.clone(), credential, way);
            Arc::new(made.map_err(|why| wrong(Failure::passing(why)))?)
        } else {
            let message = "it does not say who is told";
            return Err(wrong(
                Failure::passing(message).hint("write `slack`, `webhook`, `email` or `commitStatus`"),
            ));
        };
        let terms = Terms {
            name: name.clone(),
            controller: controller.clone(),
            on: spec.on.clone(),
            digest: spec.digest,
            max_per_hour: spec.max_per_hour,
            timeout,
        };
        Ok(Notifier {
            name: name.clone(),
            controller: controller.clone(),
            way: Telling::Messages(terms, receiver),
        })
    });
    made.collect()
}

/// The sources whose commits are shown: those that are named, or all that are at a forge.
fn of_forge(spec: &NotifierSpec, repositories: &BTreeMap<String, String>) -> BTreeMap<String, Repository> {
    let wanted = |name: &String| spec.on.sources.is_empty() || spec.on.sources.contains(name);
    let meant = repositories.iter().filter(|(name, _)| wanted(name));
    meant.filter_map(|(name, url)| Some((name.clone(), Repository::of(url)?))).collect()
}

impl Notifier {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Tries it out: sends a message that says that it is a trial, or looks whether the forge lets us in. Gives what was
    /// done, in one sentence.
    pub async fn try_out(&self, now: Timestamp) -> Result<String, Failure> {
        match &self.way {
            Telling::Messages(_, receiver) => {
                let message = Message::trial(&self.controller, &self.name, now);
                receiver.deliver(&message, now).await?;
                Ok("a message was sent and taken".to_owned())
            }
            Telling::States { sources, .. } if sources.is_empty() => {
                Err(Failure::passing("none of the sources has its repository at a forge")
                    .hint("`url` of a GitSource names it, as https, http or ssh"))
            }
            Telling::States { board, sources, .. } => {
                for (name, repository) in sources {
                    board.look(repository).await.map_err(|failure| Failure {
                        message: format!("{name}: {}", failure.message),
                        ..failure
                    })?;
                }
                let names: Vec<&str> = sources.keys().map(String::as_str).collect();
                Ok(format!(
                    "the forge knows the repository of {} and lets us in; nothing was sent",
                    names.join(", ")
                ))
            }
        }
    }
}
