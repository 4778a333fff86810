//! `hub`: what one core knows of subjects.
//!
//! Owns: subject names and rows, who on this core is subscribed to what, the offset and history of the subjects that
//! this core owns, idempotency keys, namespaces, how many are present.
//! Never touches: bytes of frames, other cores, time, I/O.
//! Driven by: `shard`, one call at a time. A row exists while somebody needs it: a subscription, a watcher, a
//! history or a position that may still be asked for; [`Hub::release`] drops it when nobody does.
#![no_std]
#![forbid(unsafe_code)]
#![warn(clippy::cast_possible_truncation)]
extern crate alloc;

mod attendance;
mod caps;
mod epochs;
mod excerpt;
mod history;
mod idempotency;
mod listing;
mod namespace;
mod naming;
mod patterns;
mod publication;
mod subject;
mod subscription;
mod table;

pub use attendance::Headcount;
pub use caps::{Cap, Caps, Meant, Operation, Operations, Ruling};
pub use excerpt::{Excerpt, ExcerptError, ExcerptQuery};
pub use history::HistoryBounds;
pub use idempotency::{Idempotency, KEY_AGE, KEYS_MAX};
pub use listing::{Listing, glob_fits};
pub use namespace::{
    Access, DataFormat, NameRule, Names, Namespace, Offer, OutboxPolicy, Override, Pattern, PatternError,
};
pub use naming::Naming;
pub use patterns::{PATTERN_TOKENS_MAX, Patterns};
pub use publication::{Base, Delivery, Draft, Extra, Kind, Position, Publication, Publisher, Tags, Version};
pub use subject::{SubjectError, is_pattern, subject_name, subject_pattern};
pub use subscription::{Facts, Subscription};
pub use table::{Hub, Recovered, RecoveryBounds};
