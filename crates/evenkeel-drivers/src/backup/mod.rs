//! Generations of archives in stores: how they lie there, how they are made, copied, kept and removed. It knows nothing of
//! what the archives are of.
//!
//! [`Picture`] is what is in a store. A [`Desk`] plans for one: each step is done to the picture at once, so that the picture
//! after the last step is what is wanted. The order of steps is that of trust: first what makes a generation whole, then copies,
//! then removals.

mod copies;
mod desk;
mod format;
mod keep;
mod layout;
mod make;
mod picture;
mod read;
mod rotation;
mod state;
mod store;

pub use copies::copy;
pub use desk::{Arrival, Desk};
pub use format::{FORMAT, Record, Seal};
pub use keep::{Verdict, judge, prune, would_stay};
pub use layout::Layout;
pub use make::{Job, Night, finish, make};
pub use picture::{Archive, Folder, Lost, Open, Picture, Sealed, Standing};
pub use read::stamp_of;
pub use state::{StoreState, project, without};
pub use store::{CopySpec, Rate, StoreSpec, check_path};
