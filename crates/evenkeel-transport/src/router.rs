//! Picks the transport by the target's settings.

use std::sync::Arc;

use evenkeel_core::request::{Reply, Request};
use evenkeel_core::target::Target;
use evenkeel_core::transport::{BoxFuture, Transport, TransportError, TransportErrorKind};

/// Sends each target's requests through the transport that its settings name.
pub struct Router {
    ssh: Arc<dyn Transport>,
    local: Arc<dyn Transport>,
}

impl Router {
    /// A router over one transport for `ssh` and one for `local`.
    pub fn new(ssh: Arc<dyn Transport>, local: Arc<dyn Transport>) -> Self {
        Router { ssh, local }
    }

    fn pick(&self, target: &Target) -> Result<&dyn Transport, TransportError> {
        let problem = match (&target.spec.ssh, &target.spec.local) {
            (Some(_), None) => return Ok(self.ssh.as_ref()),
            (None, Some(_)) => return Ok(self.local.as_ref()),
            (Some(_), Some(_)) => "more than one of",
            (None, None) => "none of",
        };
        let message = format!("target `{}` has {problem} `ssh` and `local`", target.name);
        let error = TransportError::new(TransportErrorKind::Configuration, message);
        Err(error.hint("give exactly one of them in the target's spec"))
    }
}

impl std::fmt::Debug for Router {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Router").finish_non_exhaustive()
    }
}

impl Transport for Router {
    fn exchange<'a>(
        &'a self,
        target: &'a Target,
        requests: &'a [Request],
    ) -> BoxFuture<'a, Vec<Result<Reply, TransportError>>> {
        match self.pick(target) {
            Ok(transport) => transport.exchange(target, requests),
            Err(error) => Box::pin(async move { requests.iter().map(|_| Err(error.clone())).collect() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use evenkeel_core::request::Exec;
    use evenkeel_core::target::{LocalSpec, TargetSpec};

    use super::*;

    /// Answers with its own name.
    struct Named(&'static str);

    impl Transport for Named {
        fn exchange<'a>(
            &'a self,
            _: &'a Target,
            requests: &'a [Request],
        ) -> BoxFuture<'a, Vec<Result<Reply, TransportError>>> {
            let reply = Reply { exit: 0, stdout: self.0.as_bytes().to_vec(), stderr: vec![] };
            Box::pin(async move { requests.iter().map(|_| Ok(reply.clone())).collect() })
        }
    }

    async fn route(spec: serde_json::Value) -> Result<Reply, TransportError> {
        let router = Router::new(Arc::new(Named("ssh")), Arc::new(Named("local")));
        let spec: TargetSpec = serde_json::from_value(spec).unwrap();
        let target = Target { name: "t".into(), labels: BTreeMap::new(), spec };
        router.exchange(&target, &[Request::Exec(Exec::new(["true"]))]).await.remove(0)
    }

    #[tokio::test]
    async fn the_spec_picks_the_transport() {
        assert_eq!(route(serde_json::json!({"ssh": {"host": "a"}})).await.unwrap().stdout, b"ssh");
        assert_eq!(route(serde_json::json!({"local": LocalSpec::default()})).await.unwrap().stdout, b"local");
    }

    #[tokio::test]
    async fn both_or_none_is_an_error() {
        for spec in [serde_json::json!({}), serde_json::json!({"ssh": {"host": "a"}, "local": {}})] {
            assert_eq!(route(spec).await.unwrap_err().kind, TransportErrorKind::Configuration);
        }
    }
}
