//! A channel of Slack, and of those who take its incoming webhooks.

use std::fmt::Write as _;

use evenkeel_core::transport::BoxFuture;
use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::Receiver;
use crate::credential::Credential;
use crate::escape::slack;
use crate::failure::Failure;
use crate::http::{self, Way};
use crate::message::Message;

/// Slack cuts longer texts into pieces, at 4,000.
const LONGEST: usize = 3_500;

/// The key of the credential.
const KEY: &str = "url";

pub(crate) struct Slack {
    pub(crate) credential: Credential,
    pub(crate) way: Way,
}

impl Receiver for Slack {
    fn deliver<'a>(&'a self, message: &'a Message, _: Timestamp) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let secret = self.credential.get(KEY).await?;
            let what = format!("the `{KEY}` of the credential `{}`", self.credential.name);
            let url = http::address(secret.expose_secret(), &what)?;
            let who = url.host_str().unwrap_or_default().to_owned();
            let client = self.way.client(&url).await?;
            let answer = http::ask(client.post(url).json(&body(message)), &who).await?;
            answer.accepted(&who, &secret).map(drop)
        })
    }
}

/// What is posted: text only, so that everything that takes Slack's form can show it.
fn body(message: &Message) -> Value {
    let text = match message.lines.as_slice() {
        [one] if message.more.is_none() => format!("{}: {}", slack(&message.controller), slack(one)),
        lines => {
            let mut text = format!("{}: {}", slack(&message.controller), slack(&message.title));
            let mut left = 0;
            for line in lines {
                let line = format!("\n• {}", slack(line));
                if left > 0 || text.chars().count() + line.chars().count() > LONGEST {
                    left += 1;
                } else {
                    text.push_str(&line);
                }
            }
            if left > 0 {
                let _ = write!(text, "\n… {left} more lines (evenkeel events)");
            }
            if let Some(more) = &message.more {
                let _ = write!(text, "\n{}", slack(more));
            }
            text
        }
    };
    json!({ "text": text, "unfurl_links": false, "unfurl_media": false, "link_names": false })
}
