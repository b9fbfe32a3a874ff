//! Buckets as stores of files: S3 and Azure Blob. An object is seen once it is whole, and cannot be renamed or
//! continued. Folders are what the names of objects have in common: each is there, and empty where nothing is in it.

mod failures;
mod service;
#[cfg(test)]
mod tests;
mod unfinished;
mod upload;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use evenkeel_core::request::{Entry, Listing, SecretRef};
use evenkeel_core::target::{AzblobSpec, S3Spec};
use evenkeel_core::transport::{BoxFuture, TransportError, TransportErrorKind};
use futures_util::StreamExt as _;
use object_store::aws::AmazonS3Builder;
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt as _, RetryConfig};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;

use self::failures::Words;
use self::service::{Answered, Patient};
use self::unfinished::{PART, Unfinished};
use self::upload::Parts;
use super::http::{self, PATIENCE, configuration, failed, silent};
use super::{Abilities, Store, StoreError, Stored};
use crate::credentials::Credentials;

/// A request that fails in passing is sent again so often, within the patience.
const RETRIES: usize = 4;

/// A bucket or container.
pub(crate) struct ObjectFiles {
    store: Arc<dyn ObjectStore>,
    words: Words,
    patience: Duration,
    parts: Parts,
    /// Where there are objects that were begun and are not seen.
    unfinished: Option<Unfinished>,
}

/// A bucket that speaks S3. Nothing is sent before the first call.
///
/// The secret key never goes over the line, only signatures made with it; the session token does, so that is not used
/// over plain HTTP to another machine.
pub(crate) fn open_s3(target: &str, spec: &S3Spec, credentials: &dyn Credentials) -> Stored<ObjectFiles> {
    s3_within(target, spec, credentials, PATIENCE)
}

/// One that is not silent for longer than `patience`.
fn s3_within(
    target: &str,
    spec: &S3Spec,
    credentials: &dyn Credentials,
    patience: Duration,
) -> Stored<ObjectFiles> {
    let keys = Keys { name: &spec.credentials_ref, credentials };
    let id = keys.get("accessKeyId")?;
    let secret = keys.get("secretAccessKey")?;
    let token = keys.find("sessionToken")?;
    for (key, value) in [("accessKeyId", Some(&id)), ("sessionToken", token.as_ref())] {
        if value.is_some_and(|value| !value.expose_secret().bytes().all(|byte| byte.is_ascii_graphic())) {
            let message = format!("`{key}` of credential `{}` has characters that no key has", keys.name);
            return Err(StoreError::Failed(TransportError::new(TransportErrorKind::Credentials, message)));
        }
    }
    let region = spec.region.as_deref().unwrap_or("us-east-1");
    for (field, text) in [("bucket", spec.bucket.as_str()), ("region", region)] {
        plain(field, text)?;
    }
    // A dot in the name of a bucket would be one in the name of a host, which no certificate has.
    let hosted = spec.virtual_host_style.unwrap_or(spec.endpoint.is_none() && !spec.bucket.contains('.'));
    let mut place = match &spec.endpoint {
        Some(endpoint) => http::address("endpoint", endpoint)?,
        None => http::address("region", &format!("https://s3.{region}.amazonaws.com"))?,
    };
    if hosted {
        let host = format!("{}.{}", spec.bucket, place.host_str().unwrap_or_default());
        let wrong = |_| configuration(format!("`{host}` is not the name of a host"), None);
        place.set_host(Some(&host)).map_err(wrong)?;
    }
    if token.is_some() && http::is_open(&place) {
        let hint = "use https, or keys without a session token";
        return Err(configuration("a session token is not sent over plain http", Some(hint)));
    }
    let answered = Answered::default();
    let client = http::client(&place, spec.ca_file.as_deref())?;
    let connector = Patient::new(client.clone(), patience, &answered);
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&spec.bucket)
        .with_region(region)
        .with_endpoint(place.as_str().trim_end_matches('/'))
        .with_virtual_hosted_style_request(hosted)
        .with_access_key_id(id.expose_secret())
        .with_secret_access_key(secret.expose_secret())
        .with_retry(retry(patience))
        .with_disable_bulk_delete(true)
        .with_http_connector(connector);
    if let Some(token) = &token {
        builder = builder.with_token(token.expose_secret());
    }
    let secrets = [Some(secret), token].into_iter().flatten().collect();
    let who = format!("the S3 bucket {} of {target} ({place})", spec.bucket);
    let words = Words { who, container: "bucket", key: "accessKeyId and secretAccessKey", secrets, answered };
    let bucket = builder.build().map_err(|e| configuration(words.hide(&e.to_string()), None))?;
    let unfinished = Some(Unfinished { bucket: bucket.clone(), client, patience });
    Ok(ObjectFiles { store: Arc::new(bucket), words, patience, parts: Parts::default(), unfinished })
}

/// A container of Azure Blob Storage. Nothing is sent before the first call.
///
/// The account key never goes over the line, only signatures made with it; the shared access signature does, so that is
/// not used over plain HTTP to another machine.
pub(crate) fn open_azblob(
    target: &str,
    spec: &AzblobSpec,
    credentials: &dyn Credentials,
) -> Stored<ObjectFiles> {
    let keys = Keys { name: &spec.credentials_ref, credentials };
    let (key, token) = (keys.find("accountKey")?, keys.find("sasToken")?);
    for (field, text) in [("account", &spec.account), ("container", &spec.container)] {
        plain(field, text)?;
    }
    let place = match &spec.endpoint {
        Some(endpoint) => http::address("endpoint", endpoint)?,
        None => http::address("account", &format!("https://{}.blob.core.windows.net", spec.account))?,
    };
    let answered = Answered::default();
    let connector = Patient::new(http::client(&place, spec.ca_file.as_deref())?, PATIENCE, &answered);
    let builder = MicrosoftAzureBuilder::new()
        .with_account(&spec.account)
        .with_container_name(&spec.container)
        .with_endpoint(place.as_str().trim_end_matches('/').to_owned())
        .with_retry(retry(PATIENCE))
        .with_http_connector(connector);
    let (builder, secret, which) = match (key, token) {
        (Some(key), _) => (builder.with_access_key(key.expose_secret()), key, "accountKey"),
        (None, Some(_)) if http::is_open(&place) => {
            let hint = "use https, or an `accountKey`";
            return Err(configuration("a `sasToken` is not sent over plain http", Some(hint)));
        }
        (None, Some(token)) => {
            (builder.with_config(AzureConfigKey::SasKey, token.expose_secret()), token, "sasToken")
        }
        (None, None) => return Err(keys.missing("accountKey", "accountKey` and no `sasToken")),
    };
    let who = format!("the container {} of {target} ({place})", spec.container);
    let words = Words { who, container: "container", key: which, secrets: vec![secret], answered };
    let store = builder.build().map_err(|e| configuration(words.hide(&e.to_string()), None))?;
    // Azure forgets what was begun by itself, after a week.
    let (patience, parts) = (PATIENCE, Parts::default());
    Ok(ObjectFiles { store: Arc::new(store), words, patience, parts, unfinished: None })
}

/// Refuses names that no such thing has: they become parts of URLs.
fn plain(field: &str, text: &str) -> Stored<()> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._$".contains(&byte);
    if text.is_empty() || text.starts_with('.') || !text.bytes().all(is_plain) {
        return Err(configuration(format!("`{field}` is not a name of one: {text:?}"), None));
    }
    Ok(())
}

/// The keys of one credential.
struct Keys<'a> {
    name: &'a str,
    credentials: &'a dyn Credentials,
}

impl Keys<'_> {
    fn named(&self, key: &str) -> SecretRef {
        SecretRef { name: self.name.to_owned(), key: key.to_owned() }
    }

    fn get(&self, key: &str) -> Stored<SecretString> {
        self.credentials.get(&self.named(key)).map_err(StoreError::Failed)
    }

    /// That there is no such key.
    fn missing(&self, key: &str, told: &str) -> StoreError {
        let message = format!("credential `{}` has no `{told}`", self.name);
        let hint = self.credentials.whereabouts(&self.named(key));
        StoreError::Failed(TransportError::new(TransportErrorKind::Credentials, message).hint(hint))
    }

    fn find(&self, key: &str) -> Stored<Option<SecretString>> {
        self.credentials.find(&self.named(key)).map_err(StoreError::Failed)
    }
}

fn retry(patience: Duration) -> RetryConfig {
    RetryConfig { max_retries: RETRIES, retry_timeout: patience, ..RetryConfig::default() }
}

impl ObjectFiles {
    fn path(path: &str) -> Stored<Path> {
        Path::parse(path).map_err(|e| StoreError::Refused(format!("no name for an object: {e}")))
    }

    /// `None` for the top.
    fn prefix(folder: &str) -> Stored<Option<Path>> {
        let path = ObjectFiles::path(folder)?;
        Ok((!path.is_root()).then_some(path))
    }

    /// That there is no such object. A store may mean by that that there is no bucket: what is listed tells.
    async fn missing(&self, path: &Path) -> StoreError {
        match self.store.list(Some(path)).next().await {
            Some(Err(e)) => self.words.failure("list", path.as_ref(), &e),
            _ => StoreError::Missing(format!("there is no {path} in {}", self.words.who)),
        }
    }

    async fn failure(&self, doing: &str, path: &Path, error: &object_store::Error) -> StoreError {
        match error {
            object_store::Error::NotFound { .. } => self.missing(path).await,
            _ => self.words.failure(doing, path.as_ref(), error),
        }
    }

    async fn listed(&self, folder: &str, depth: u8) -> Stored<Listing> {
        let mut entries = BTreeMap::new();
        let mut level = vec![ObjectFiles::prefix(folder)?];
        for _ in 0..depth {
            let mut next = Vec::new();
            for place in level {
                let at = place.as_ref().map(Path::as_ref).unwrap_or_default();
                let list = self.store.list_with_delimiter(place.as_ref()).await;
                let list = list.map_err(|e| self.words.failure("list", at, &e))?;
                for object in list.objects {
                    // A folder's own marker is none of its members.
                    if let Some(name) = below(folder, &object.location) {
                        entries.insert(name, Entry::File(object.size));
                    }
                }
                for below_it in list.common_prefixes {
                    if let Some(name) = below(folder, &below_it) {
                        entries.insert(name, Entry::Folder);
                        next.push(Some(below_it));
                    }
                }
            }
            level = next;
        }
        self.begun(folder, depth, &mut entries).await?;
        Ok(Listing { entries })
    }

    /// Adds what was begun and is not seen.
    async fn begun(&self, folder: &str, depth: u8, entries: &mut BTreeMap<String, Entry>) -> Stored<()> {
        let Some(unfinished) = &self.unfinished else { return Ok(()) };
        let prefix = ObjectFiles::prefix(folder)?.map(|path| format!("{path}/")).unwrap_or_default();
        for upload in unfinished.below(&self.words, &prefix).await? {
            let name = upload.key.strip_prefix(&prefix).filter(|name| !name.is_empty());
            let Some(name) = name else { continue };
            let above: Vec<usize> = name.match_indices('/').map(|(at, _)| at).collect();
            for &at in above.iter().take(depth.into()) {
                entries.entry(name.get(..at).unwrap_or_default().to_owned()).or_insert(Entry::Folder);
            }
            if above.len() < depth.into() {
                entries.entry(format!("{name}{PART}")).or_insert(Entry::File(0));
            }
        }
        Ok(())
    }

    async fn fetched(
        &self,
        path: &str,
        offset: u64,
        into: &mut (dyn AsyncWrite + Send + Unpin),
    ) -> Stored<u64> {
        let path = ObjectFiles::path(path)?;
        if offset > 0 {
            let size = self.measured(&path).await?;
            if offset > size {
                return Err(StoreError::Refused(format!("{path} has only {size} bytes")));
            }
            if offset == size {
                into.shutdown().await.map_err(|e| StoreError::OtherEnd(e.to_string()))?;
                return Ok(0);
            }
        }
        let options = GetOptions::new().with_range((offset > 0).then_some(GetRange::Offset(offset)));
        let got = self.store.get_opts(&path, options).await;
        let got = match got {
            Ok(got) => got,
            Err(e) => return Err(self.failure("get", &path, &e).await),
        };
        let expected = got.range.end.saturating_sub(got.range.start);
        let mut stream = got.into_stream();
        let mut passed = 0;
        loop {
            let piece = timeout(self.patience, stream.next()).await;
            let Some(piece) = piece.map_err(|_| silent(&self.words.who, self.patience))? else { break };
            let piece = piece.map_err(|e| self.words.failure("get", path.as_ref(), &e))?;
            into.write_all(&piece).await.map_err(|e| StoreError::OtherEnd(e.to_string()))?;
            passed += piece.len() as u64;
        }
        if passed != expected {
            let message = format!("{} sent {passed} of {expected} bytes of {path}", self.words.who);
            return Err(failed(TransportErrorKind::ConnectionLost, message));
        }
        into.shutdown().await.map_err(|e| StoreError::OtherEnd(e.to_string()))?;
        Ok(passed)
    }

    async fn measured(&self, path: &Path) -> Stored<u64> {
        match self.store.head(path).await {
            Ok(meta) => Ok(meta.size),
            Err(e) => Err(self.failure("look at", path, &e).await),
        }
    }

    async fn removed(&self, path: &str) -> Stored<()> {
        let path = ObjectFiles::path(path)?;
        // Some stores do not tell whether there was anything to remove.
        match (self.measured(&path).await, &self.unfinished, unfinished::whole(&path)) {
            (Err(StoreError::Missing(_)), Some(unfinished), Some(whole)) => {
                let any = unfinished.forget(&self.words, &whole).await?;
                return if any { Ok(()) } else { Err(unfinished::nothing(&path, &self.words)) };
            }
            (size, ..) => size?,
        };
        match self.store.delete(&path).await {
            Ok(()) => Ok(()),
            Err(e) => Err(self.failure("remove", &path, &e).await),
        }
    }
}

/// The name of an object or folder within `folder`; `None` for that itself.
fn below(folder: &str, path: &Path) -> Option<String> {
    let folder = folder.trim_matches('/');
    let rest = match folder {
        "" => path.as_ref(),
        _ => path.as_ref().strip_prefix(folder)?.strip_prefix('/')?,
    };
    (!rest.is_empty()).then(|| rest.to_owned())
}

impl Store for ObjectFiles {
    fn abilities(&self) -> Abilities {
        Abilities { renames: false, appends: false, shows_whole_files: true }
    }

    fn list<'a>(&'a mut self, folder: &'a str, depth: u8) -> BoxFuture<'a, Stored<Listing>> {
        Box::pin(self.listed(folder, depth))
    }

    fn size<'a>(&'a mut self, path: &'a str) -> BoxFuture<'a, Stored<u64>> {
        Box::pin(async move { self.measured(&ObjectFiles::path(path)?).await })
    }

    fn get<'a>(
        &'a mut self,
        path: &'a str,
        offset: u64,
        into: &'a mut (dyn AsyncWrite + Send + Unpin),
    ) -> BoxFuture<'a, Stored<u64>> {
        Box::pin(self.fetched(path, offset, into))
    }

    fn put<'a>(
        &'a mut self,
        path: &'a str,
        offset: u64,
        from: &'a mut (dyn AsyncRead + Send + Unpin),
    ) -> BoxFuture<'a, Stored<u64>> {
        Box::pin(async move {
            if offset > 0 {
                return Err(StoreError::Refused("an object cannot be continued".to_owned()));
            }
            self.upload(&ObjectFiles::path(path)?, from).await
        })
    }

    fn make_folder<'a>(&'a mut self, _folder: &'a str) -> BoxFuture<'a, Stored<()>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn rename<'a>(&'a mut self, from: &'a str, to: &'a str) -> BoxFuture<'a, Stored<()>> {
        let message = format!("{from} cannot be renamed to {to}: objects have their names for good");
        Box::pin(std::future::ready(Err(StoreError::Refused(message))))
    }

    fn remove<'a>(&'a mut self, path: &'a str) -> BoxFuture<'a, Stored<()>> {
        Box::pin(self.removed(path))
    }

    fn remove_folder<'a>(&'a mut self, folder: &'a str) -> BoxFuture<'a, Stored<()>> {
        Box::pin(async move {
            match self.listed(folder, 1).await?.entries.first_key_value() {
                Some((name, _)) => Err(StoreError::Refused(format!("{folder} is not empty: it has {name}"))),
                None => Ok(()),
            }
        })
    }
}

impl std::fmt::Debug for ObjectFiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("ObjectFiles").field(&self.words.who).finish()
    }
}
