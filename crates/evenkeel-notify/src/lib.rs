//! Tells people what happened: chat, webhooks, e-mail, commit statuses and comments.
