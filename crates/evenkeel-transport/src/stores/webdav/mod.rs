//! A WebDAV server as a store of files.

mod exchange;
mod multistatus;
mod names;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use evenkeel_core::request::{Entry, Listing, SecretRef};
use evenkeel_core::target::WebdavSpec;
use evenkeel_core::transport::{BoxFuture, TransportErrorKind};
use reqwest::{StatusCode, header};
use secrecy::SecretString;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;

use self::exchange::{Login, Server};
use self::multistatus::Member;
use super::http::{self, configuration, failed, silent, unanswered};
use super::{Abilities, Store, StoreError, Stored};
use crate::credentials::Credentials;

/// A folder on a WebDAV server.
///
/// Whether a file is seen before it is whole is up to the server, and few say so: so it counts as one that shows them.
#[derive(Debug)]
pub(crate) struct WebdavFiles {
    server: Server,
}

/// A store behind WebDAV. Nothing is sent before the first call.
///
/// The password or token goes along with each request; so plain HTTP with one is refused unless the server is this
/// machine.
pub(crate) fn open(target: &str, spec: &WebdavSpec, credentials: &dyn Credentials) -> Stored<WebdavFiles> {
    let base = http::address("url", &spec.url)?;
    let login = login(spec, credentials)?;
    if login.is_some() && http::is_open(&base) {
        let hint = "use https, or no `credentialsRef`";
        return Err(configuration("a password is not sent over plain http", Some(hint)));
    }
    let client = http::client(&base, spec.ca_file.as_deref())?;
    let who = format!("the WebDAV server of {target} ({base})");
    Ok(WebdavFiles { server: Server { who, client, base, login, patience: http::PATIENCE } })
}

fn login(spec: &WebdavSpec, credentials: &dyn Credentials) -> Stored<Option<Login>> {
    let Some(name) = &spec.credentials_ref else { return Ok(None) };
    let named = |key: &str| SecretRef { name: name.clone(), key: key.to_owned() };
    let find = |key: &str| -> Stored<Option<SecretString>> {
        credentials.find(&named(key)).map_err(StoreError::Failed)
    };
    if let Some(token) = find("token")? {
        return Ok(Some(Login::Token(token)));
    }
    let password = credentials.get(&named("password")).map_err(StoreError::Failed)?;
    let user = match &spec.user {
        Some(user) => SecretString::from(user.clone()),
        None => credentials.get(&named("user")).map_err(StoreError::Failed)?,
    };
    Ok(Some(Login::Password { user, password }))
}

impl WebdavFiles {
    /// What is at `path`.
    async fn look(&self, path: &str) -> Stored<Member> {
        let members = self.server.members(path, "0").await?;
        let [member] = members.as_slice() else {
            return Err(self.strange(&format!("with {} members where one was asked for", members.len())));
        };
        Ok(member.clone())
    }

    fn strange(&self, what: &str) -> StoreError {
        failed(TransportErrorKind::Protocol, format!("{} answers {what}", self.server.who))
    }

    async fn listed(&self, folder: &str, depth: u8) -> Stored<Listing> {
        let mut entries = BTreeMap::new();
        let mut level = vec![String::new()];
        for _ in 0..depth {
            let mut next = Vec::new();
            for place in std::mem::take(&mut level) {
                let at = names::join(folder, &place);
                for (name, member) in self.inside(&at).await? {
                    let name = names::join(&place, &name);
                    let entry = match member.size {
                        _ if member.folder => Entry::Folder,
                        Some(size) => Entry::File(size),
                        None => return Err(self.strange(&format!("without the size of {name}"))),
                    };
                    if entry == Entry::Folder {
                        next.push(name.clone());
                    }
                    entries.insert(name, entry);
                }
            }
            level = next;
        }
        Ok(Listing { entries })
    }

    /// The members of a folder, by their names.
    async fn inside(&self, folder: &str) -> Stored<Vec<(String, Member)>> {
        let own = names::path_of(self.server.url(folder, true).as_str())
            .ok_or_else(|| configuration("`url` has a path that is not UTF-8", None))?;
        let mut found = Vec::new();
        let mut itself = false;
        for member in self.server.members(folder, "1").await? {
            let path = names::path_of(&member.href);
            let path = path.ok_or_else(|| self.strange(&format!("with the name {}", member.href)))?;
            if path.trim_end_matches('/') == own.trim_end_matches('/') {
                if !member.folder {
                    return Err(StoreError::Refused(format!("{folder} is not a folder")));
                }
                itself = true;
                continue;
            }
            let name = path.strip_prefix(&own).map(|name| name.trim_end_matches('/'));
            match name {
                Some(name) if names::is_plain(name) => found.push((name.to_owned(), member)),
                _ => return Err(self.strange(&format!("with {} for a member of {folder}", member.href))),
            }
        }
        if itself {
            Ok(found)
        } else {
            Err(self.strange(&format!("without {folder} where that was asked for")))
        }
    }

    /// That `path` is a file; its size.
    async fn file(&self, path: &str) -> Stored<u64> {
        let member = self.look(path).await?;
        if member.folder {
            return Err(StoreError::Refused(format!("{path} is a folder")));
        }
        member.size.ok_or_else(|| self.strange(&format!("without the size of {path}")))
    }

    async fn fetched(
        &self,
        path: &str,
        offset: u64,
        into: &mut (dyn AsyncWrite + Send + Unpin),
    ) -> Stored<u64> {
        let mut request = self.server.request("GET", self.server.url(path, false))?;
        if offset > 0 {
            if offset >= self.file(path).await? {
                into.shutdown().await.map_err(|e| StoreError::OtherEnd(e.to_string()))?;
                return Ok(0);
            }
            request = request.header(header::RANGE, format!("bytes={offset}-"));
        }
        let mut answer = self.server.answer(request, self.server.patience).await?;
        let mut skip = match answer.status() {
            StatusCode::PARTIAL_CONTENT => {
                let range = answer.headers().get(header::CONTENT_RANGE).and_then(|range| range.to_str().ok());
                if !range.is_some_and(|range| range.starts_with(&format!("bytes {offset}-"))) {
                    return Err(self.strange(&format!("another part of {path} than was asked for")));
                }
                0
            }
            StatusCode::OK => offset,
            status => return Err(self.server.refused("get", path, status).await),
        };
        let (who, patience) = (&self.server.who, self.server.patience);
        let mut passed = 0;
        loop {
            let piece = timeout(patience, answer.chunk()).await.map_err(|_| silent(who, patience))?;
            let Some(piece) = piece.map_err(|e| unanswered(who, &e))? else { break };
            let from = usize::try_from(skip).unwrap_or(usize::MAX).min(piece.len());
            let piece = piece.get(from..).unwrap_or_default();
            skip -= from as u64;
            into.write_all(piece).await.map_err(|e| StoreError::OtherEnd(e.to_string()))?;
            passed += piece.len() as u64;
        }
        into.shutdown().await.map_err(|e| StoreError::OtherEnd(e.to_string()))?;
        Ok(passed)
    }

    async fn written(&self, path: &str, from: &mut (dyn AsyncRead + Send + Unpin)) -> Stored<u64> {
        let bytes = self.server.send_file(path, from).await?;
        let size = self.file(path).await?;
        if size != bytes {
            let message = format!("{} has {size} bytes of {path} and was sent {bytes}", self.server.who);
            return Err(failed(TransportErrorKind::ConnectionLost, message));
        }
        Ok(bytes)
    }

    async fn made(&self, folder: &str) -> Stored<()> {
        let request = self.server.request("MKCOL", self.server.url(folder, true))?;
        let answer = self.server.answer(request, self.server.patience).await?;
        match answer.status() {
            status if status.is_success() => Ok(()),
            // Something of that name is there.
            StatusCode::METHOD_NOT_ALLOWED if self.look(folder).await?.folder => Ok(()),
            StatusCode::METHOD_NOT_ALLOWED => {
                Err(StoreError::Refused(format!("{folder} is there, and is not a folder")))
            }
            StatusCode::CONFLICT => {
                Err(StoreError::Missing(format!("the folder that {folder} is to be in is not there")))
            }
            status => Err(self.server.refused("make", folder, status).await),
        }
    }

    async fn renamed(&self, from: &str, to: &str) -> Stored<()> {
        // Servers tell files and folders by the slash at the end.
        let folder = self.look(from).await?.folder;
        let goal = self.server.url(to, folder);
        let request = self.server.request("MOVE", self.server.url(from, folder))?;
        let request = request.header("Destination", goal.as_str()).header("Overwrite", "F");
        let answer = self.server.answer(request, self.server.long()).await?;
        match answer.status() {
            StatusCode::CREATED | StatusCode::NO_CONTENT | StatusCode::OK => Ok(()),
            StatusCode::PRECONDITION_FAILED => Err(StoreError::Refused(format!("{to} is there"))),
            StatusCode::MULTI_STATUS => {
                Err(StoreError::Refused(format!("not all of {from} could be renamed to {to}")))
            }
            status => Err(self.server.refused("rename", from, status).await),
        }
    }

    /// Removes what is there, which is known to be a file or an empty folder: servers remove folders with all that is
    /// in them.
    async fn deleted(&self, path: &str, folder: bool) -> Stored<()> {
        let request = self.server.request("DELETE", self.server.url(path, folder))?;
        let answer = self.server.answer(request, self.server.long()).await?;
        match answer.status() {
            StatusCode::NO_CONTENT | StatusCode::OK => Ok(()),
            status => Err(self.server.refused("remove", path, status).await),
        }
    }
}

impl Store for WebdavFiles {
    fn abilities(&self) -> Abilities {
        Abilities { renames: true, appends: false, shows_whole_files: false }
    }

    fn list<'a>(&'a mut self, folder: &'a str, depth: u8) -> BoxFuture<'a, Stored<Listing>> {
        Box::pin(self.listed(folder, depth))
    }

    fn size<'a>(&'a mut self, path: &'a str) -> BoxFuture<'a, Stored<u64>> {
        Box::pin(self.file(path))
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
                return Err(StoreError::Refused("a file cannot be continued over WebDAV".to_owned()));
            }
            self.written(path, from).await
        })
    }

    fn make_folder<'a>(&'a mut self, folder: &'a str) -> BoxFuture<'a, Stored<()>> {
        Box::pin(self.made(folder))
    }

    fn rename<'a>(&'a mut self, from: &'a str, to: &'a str) -> BoxFuture<'a, Stored<()>> {
        Box::pin(self.renamed(from, to))
    }

    fn remove<'a>(&'a mut self, path: &'a str) -> BoxFuture<'a, Stored<()>> {
        Box::pin(async move {
            self.file(path).await?;
            self.deleted(path, false).await
        })
    }

    fn remove_folder<'a>(&'a mut self, folder: &'a str) -> BoxFuture<'a, Stored<()>> {
        Box::pin(async move {
            if let Some((name, _)) = self.inside(folder).await?.first() {
                return Err(StoreError::Refused(format!("{folder} is not empty: it has {name}")));
            }
            self.deleted(folder, true).await
        })
    }

    fn space<'a>(&'a mut self, folder: &'a str) -> BoxFuture<'a, Stored<Option<u64>>> {
        Box::pin(async move {
            let mut at = folder;
            loop {
                match self.look(at).await {
                    Ok(member) => return Ok(member.free),
                    Err(StoreError::Missing(_)) if !at.is_empty() => {
                        at = at.rsplit_once('/').map_or("", |(above, _)| above);
                    }
                    Err(error) => return Err(error),
                }
            }
        })
    }
}
