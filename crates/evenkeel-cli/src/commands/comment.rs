//! `evenkeel plan --comment`: the plan on the pull or merge request that it is of.

use evenkeel_core::plan::Plan;
use evenkeel_engine::Scope;
use evenkeel_notify::{Failure, Posted, PullRequest, Remark};
use secrecy::SecretString;

use crate::args::{Plan as Args, View};
use crate::error::CliError;
use crate::session;
use crate::ui::{self, PlanView};

/// The environment variable with the token. An argument would be seen by everybody on the machine.
const TOKEN: &str = "EVENKEEL_FORGE_TOKEN";

/// Where the plan is to be written.
pub(super) struct Comment {
    request: PullRequest,
    token: SecretString,
}

impl Comment {
    /// Looks at what was given before anything is read for it.
    pub(super) fn new(url: &str) -> Result<Self, CliError> {
        let request = PullRequest::parse(url).map_err(|failure| failed(failure, None))?;
        let token = std::env::var(TOKEN).ok().filter(|token| !token.trim().is_empty());
        let token = token.map(SecretString::from).ok_or_else(|| {
            CliError::new(format!("a comment wants a token, and the environment variable {TOKEN} is not set"))
                .hint("set it to a token that may write comments; CI systems keep such as secrets")
        })?;
        Ok(Comment { request, token })
    }

    /// Writes the plan there, also where there is nothing to do: what stood there before is over then.
    pub(super) fn post(&self, plan: &Plan, scope: &Scope, args: &Args) -> Result<(), CliError> {
        let View { show_commands, full, .. } = args.view;
        let view =
            PlanView { targets: &scope.targets, instances: scope.instances.as_slice(), show_commands, full };
        let (heading, text) = ui::plain_plan(plan, &view);
        let remark = Remark::of_plan(&selection(args), &heading, &text);
        let posted = session::block_on_reading(async {
            self.request.post(&remark, &self.token).await.map_err(|failure| failed(failure, Some(TOKEN)))
        });
        let done = match posted {
            Ok(posted) => match posted? {
                Posted::Created => "the plan stands on the pull request\n",
                Posted::Updated => "the plan on the pull request was renewed\n",
                Posted::Unchanged => "the plan on the pull request is this one already\n",
            },
            Err(_) => "interrupted: the plan may not stand on the pull request\n",
        };
        ui::note(done);
        Ok(())
    }
}

/// What the plan is of. Plans of different parts of a repository have comments of their own.
fn selection(args: &Args) -> Vec<String> {
    let manifests = &args.manifests;
    let tagged = |tag: &str, values: &[String]| -> Vec<String> {
        values.iter().map(|value| format!("{tag}{value}")).collect()
    };
    [tagged("", &manifests.paths), tagged("-l ", &manifests.label), tagged("--target ", &manifests.target)]
        .concat()
}

fn failed(failure: Failure, token: Option<&str>) -> CliError {
    let hint = failure.hint.map(|hint| match token {
        Some(token) => hint.replace("the credential", &format!("the token in {token}")),
        None => hint,
    });
    CliError::new(format!("the plan cannot be written as a comment: {}", failure.message)).hint_if_any(hint)
}
