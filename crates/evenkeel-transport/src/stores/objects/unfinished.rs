//! Objects that were begun in parts and never finished: S3 keeps those, unseen, until somebody says that they go. Here
//! they are seen as files of no size, under the object's name with `.part` behind it, and go when that is removed.

use std::time::Duration;

use object_store::aws::AmazonS3;
use object_store::multipart::MultipartStore as _;
use object_store::path::Path;
use object_store::signer::{SignedUrlOptions, Signer as _};
use reqwest::{Client, Method, StatusCode};
use serde::Deserialize;
use tokio::time::timeout;

use super::failures::Words;
use crate::stores::http::{silent, unanswered};
use crate::stores::{StoreError, Stored};

/// What is behind the name of an object that is not whole.
pub(super) const PART: &str = ".part";

/// How long the signature of a question holds.
const VALID: Duration = Duration::from_mins(5);

/// Most pages that are read of one answer, of 1,000 each.
const PAGES: usize = 1000;

/// Asks for unfinished objects.
pub(super) struct Unfinished {
    pub(super) bucket: AmazonS3,
    pub(super) client: Client,
    pub(super) patience: Duration,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    #[serde(default)]
    upload: Vec<Upload>,
    #[serde(default)]
    is_truncated: bool,
    #[serde(default)]
    next_key_marker: Option<String>,
    #[serde(default)]
    next_upload_id_marker: Option<String>,
}

/// One object that was begun.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Upload {
    /// The name of the object.
    pub(super) key: String,
    upload_id: String,
}

impl Unfinished {
    /// All whose names begin with `prefix`. A server that does not tell, or a key that may not ask, has none.
    pub(super) async fn below(&self, words: &Words, prefix: &str) -> Stored<Vec<Upload>> {
        let mut found = Vec::new();
        let mut marker: Option<(String, String)> = None;
        for _ in 0..PAGES {
            let Some(page) = self.page(words, prefix, marker.as_ref()).await? else { break };
            found.extend(page.upload);
            let next = page.next_key_marker.zip(page.next_upload_id_marker);
            match next.filter(|next| page.is_truncated && marker.as_ref() != Some(next)) {
                Some(next) => marker = Some(next),
                None => break,
            }
        }
        Ok(found)
    }

    async fn page(
        &self,
        words: &Words,
        prefix: &str,
        marker: Option<&(String, String)>,
    ) -> Stored<Option<Page>> {
        let mut query = vec![("prefix", prefix), ("uploads", "")];
        if let Some((key, id)) = marker {
            query.extend([("key-marker", key.as_str()), ("upload-id-marker", id.as_str())]);
        }
        let options = SignedUrlOptions::default().with_query(query);
        let url = self.bucket.signed_url_opts(Method::GET, &Path::default(), VALID, &options).await;
        let url = url.map_err(|e| words.failure("list", prefix, &e))?;
        let asking = async {
            let answer = self.client.get(url).send().await?;
            if answer.status() != StatusCode::OK {
                tracing::debug!(status = %answer.status(), "unfinished objects are not listed");
                return Ok(None);
            }
            answer.text().await.map(Some)
        };
        let answer = timeout(self.patience, asking).await.map_err(|_| silent(&words.who, self.patience))?;
        let answer = answer.map_err(|e| unanswered(&words.who, &e))?;
        Ok(answer.and_then(|xml| quick_xml::de::from_str(&xml).ok()))
    }

    /// Forgets all parts of an object that was begun, however often; false where it was not.
    pub(super) async fn forget(&self, words: &Words, path: &Path) -> Stored<bool> {
        let mut any = false;
        for upload in self.below(words, path.as_ref()).await? {
            if upload.key != path.as_ref() {
                continue;
            }
            match self.bucket.abort_multipart(path, &upload.upload_id).await {
                // Somebody else was faster.
                Ok(()) | Err(object_store::Error::NotFound { .. }) => any = true,
                Err(error) => return Err(words.failure("give up", path.as_ref(), &error)),
            }
        }
        Ok(any)
    }
}

/// The object that a name with [`PART`] behind it stands for.
pub(super) fn whole(path: &Path) -> Option<Path> {
    path.as_ref().strip_suffix(PART).and_then(|path| Path::parse(path).ok())
}

/// That there is nothing to remove under a name.
pub(super) fn nothing(path: &Path, words: &Words) -> StoreError {
    StoreError::Missing(format!("there is no {path} in {}", words.who))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_read_with_and_without_members() {
        let none = "<ListMultipartUploadsResult><Bucket>b</Bucket><IsTruncated>false</IsTruncated></ListMultipartUploadsResult>";
        let page: Page = quick_xml::de::from_str(none).unwrap();
        assert!(page.upload.is_empty() && !page.is_truncated);
        let two = "<?xml version=\"1.0\"?><ListMultipartUploadsResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
            <NextKeyMarker>a</NextKeyMarker><NextUploadIdMarker>2</NextUploadIdMarker><IsTruncated>true</IsTruncated>\
            <Upload><Key>a</Key><UploadId>1</UploadId><Owner><ID>x</ID></Owner></Upload>\
            <Upload><Key>a</Key><UploadId>2</UploadId></Upload></ListMultipartUploadsResult>";
        let page: Page = quick_xml::de::from_str(two).unwrap();
        assert_eq!(page.upload.len(), 2);
        assert!(page.is_truncated && page.next_upload_id_marker.as_deref() == Some("2"));
    }
}
