//! Writing an object of unknown size in parts, with two of them in memory at a time.

use evenkeel_core::transport::TransportErrorKind;
use futures_util::future::OptionFuture;
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStoreExt as _, PutPayload, UploadPart};
use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::ObjectFiles;
use crate::stores::http::failed;
use crate::stores::{StoreError, Stored};

/// How large the parts of an object are. The size of the object is not known when it begins, and there may be 10,000
/// parts: so they grow, and all of them together hold 1 TiB. Up to 27 GiB they are of one size, which is what some
/// stores insist on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parts {
    /// The size of the first ones, in bytes; stores want at least 5 MiB.
    pub(super) first: usize,
    /// How many are of the first size.
    pub(super) even: usize,
}

/// After the even ones, so many are of one size before it doubles.
const STEP: usize = 1000;

impl Default for Parts {
    fn default() -> Self {
        Parts { first: 8 << 20, even: 3500 }
    }
}

impl Parts {
    /// The size of a part, by its number from 0.
    fn size(self, number: usize) -> usize {
        match number.checked_sub(self.even) {
            None => self.first,
            Some(beyond) => self.first << (1 + beyond / STEP).min(16),
        }
    }
}

impl ObjectFiles {
    /// Writes what comes `from` as one object, which is there afterwards whole or not at all.
    pub(super) async fn upload(&self, path: &Path, from: &mut (dyn AsyncRead + Send + Unpin)) -> Stored<u64> {
        let first = piece(from, self.parts.size(0)).await?;
        let failure = |e: object_store::Error| self.words.failure("write", path.as_ref(), &e);
        let bytes = if first.len() < self.parts.size(0) {
            let bytes = first.len() as u64;
            self.store.put(path, PutPayload::from(first)).await.map_err(failure)?;
            bytes
        } else {
            let upload = self.store.put_multipart(path).await.map_err(failure)?;
            let mut unfinished = Unfinished(Some(upload));
            match self.pass(path, &mut unfinished, first, from).await {
                Ok(bytes) => {
                    unfinished.0 = None;
                    bytes
                }
                Err(e) => {
                    unfinished.abort().await;
                    return Err(e);
                }
            }
        };
        let size = self.measured(path).await?;
        if size != bytes {
            let message = format!("{} has {size} bytes of {path} and was sent {bytes}", self.words.who);
            return Err(failed(TransportErrorKind::Protocol, message));
        }
        Ok(bytes)
    }

    /// Passes all parts on, each while the next one is read.
    async fn pass(
        &self,
        path: &Path,
        unfinished: &mut Unfinished,
        first: Vec<u8>,
        from: &mut (dyn AsyncRead + Send + Unpin),
    ) -> Stored<u64> {
        let failure = |e: object_store::Error| self.words.failure("write", path.as_ref(), &e);
        let Some(upload) = &mut unfinished.0 else { return Ok(0) };
        let mut bytes = 0;
        let mut number = 0;
        let mut part = first;
        loop {
            let whole = part.len() == self.parts.size(number);
            bytes += part.len() as u64;
            number += 1;
            let sending: UploadPart = upload.put_part(PutPayload::from(part));
            let size = self.parts.size(number);
            let reading = OptionFuture::from(whole.then(|| piece(from, size)));
            let sending = async { sending.await.map_err(failure) };
            let ((), next) = tokio::try_join!(sending, async { reading.await.transpose() })?;
            match next {
                Some(next) if !next.is_empty() => part = next,
                _ => break,
            }
        }
        upload.complete().await.map_err(failure)?;
        Ok(bytes)
    }
}

/// The next `size` bytes, or fewer where there are no more.
async fn piece(from: &mut (dyn AsyncRead + Send + Unpin), size: usize) -> Stored<Vec<u8>> {
    let mut piece = Vec::with_capacity(size);
    let most = u64::try_from(size).unwrap_or(u64::MAX);
    let read = from.take(most).read_to_end(&mut piece).await;
    read.map_err(|e| StoreError::OtherEnd(e.to_string()))?;
    Ok(piece)
}

/// An object whose parts are being written. Where that is given up, the store is told to forget them.
struct Unfinished(Option<Box<dyn MultipartUpload>>);

impl Unfinished {
    /// Whoever waits for this may give up, too.
    async fn abort(&mut self) {
        if let Some(mut upload) = self.0.take() {
            let _ = tokio::spawn(async move { forget(&mut upload).await }).await;
        }
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let (Some(mut upload), Ok(runtime)) = (self.0.take(), tokio::runtime::Handle::try_current()) else {
            return;
        };
        runtime.spawn(async move { forget(&mut upload).await });
    }
}

async fn forget(upload: &mut Box<dyn MultipartUpload>) {
    if let Err(error) = upload.abort().await {
        // The failure that led here is told; what is left over is seen in listings.
        tracing::debug!(%error, "the parts of an object that is given up stay for now");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_thousand_parts_hold_a_tebibyte_and_small_ones_are_even() {
        let parts = Parts::default();
        let sum = |count: usize| (0..count).map(|number| parts.size(number) as u64).sum::<u64>();
        assert!(sum(10_000) >= 1 << 40, "{}", sum(10_000) >> 30);
        assert!((0..3500).all(|number| parts.size(number) == 8 << 20));
        assert_eq!((parts.size(3500), parts.size(4500)), (16 << 20, 32 << 20));
        // S3 takes no part above 5 GiB.
        assert!(parts.size(9999) < 5 << 30);
    }
}
