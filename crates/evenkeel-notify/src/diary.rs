//! The port to what a controller has written down, and to where notifiers write how far they are.

use std::sync::Arc;

use evenkeel_engine::controller::Handle;
use evenkeel_engine::store::{
    Answer, Event, EventFilter, NewEvent, Notified, ResourceFilter, ResourceStatus, SourceStatus,
};
use tokio::sync::broadcast;

/// What notifiers read, and where they write how far they are.
pub trait Diary: Send + Sync {
    /// Events after the one with this number, in their order, at most `limit`.
    fn events(&self, after: u64, limit: usize) -> Answer<'_, Vec<Event>>;

    /// The number of the last event; 0 where nothing ever happened.
    fn newest(&self) -> Answer<'_, u64>;

    /// Rings after something was written down. What rings is a hint only: events are read by their numbers.
    fn bell(&self) -> broadcast::Receiver<Arc<Event>>;

    /// How far a notifier is; `None` where it never told anything.
    fn notified<'a>(&'a self, notifier: &'a str) -> Answer<'a, Option<Notified>>;

    /// Writes down how far a notifier is. Durable when it returns.
    fn set_notified(&self, notified: Notified) -> Answer<'_, ()>;

    /// Something happened to a notifier.
    fn report(&self, event: NewEvent);

    /// The sources as they are.
    fn sources(&self) -> Answer<'_, Vec<SourceStatus>>;

    /// The resources of a source as they are.
    fn resources<'a>(&'a self, source: &'a str) -> Answer<'a, Vec<ResourceStatus>>;
}

/// The diary of a controller in this process.
pub struct OfController(pub Arc<dyn Handle>);

impl std::fmt::Debug for OfController {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OfController").finish_non_exhaustive()
    }
}

impl Diary for OfController {
    fn events(&self, after: u64, limit: usize) -> Answer<'_, Vec<Event>> {
        let filter = EventFilter { after: Some(after), limit: Some(limit), ..EventFilter::default() };
        Box::pin(async move { self.0.store().events(&filter).await })
    }

    fn newest(&self) -> Answer<'_, u64> {
        let filter = EventFilter { last: Some(1), ..EventFilter::default() };
        Box::pin(async move {
            let last = self.0.store().events(&filter).await?;
            Ok(last.last().map_or(0, |event| event.seq))
        })
    }

    fn bell(&self) -> broadcast::Receiver<Arc<Event>> {
        self.0.subscribe()
    }

    fn notified<'a>(&'a self, notifier: &'a str) -> Answer<'a, Option<Notified>> {
        self.0.store().notified(notifier)
    }

    fn set_notified(&self, notified: Notified) -> Answer<'_, ()> {
        self.0.set_notified(notified)
    }

    fn report(&self, event: NewEvent) {
        self.0.report(event);
    }

    fn sources(&self) -> Answer<'_, Vec<SourceStatus>> {
        self.0.store().sources()
    }

    fn resources<'a>(&'a self, source: &'a str) -> Answer<'a, Vec<ResourceStatus>> {
        let filter = ResourceFilter { source: Some(source.to_owned()), ..ResourceFilter::default() };
        Box::pin(async move { self.0.store().resources(&filter).await })
    }
}
