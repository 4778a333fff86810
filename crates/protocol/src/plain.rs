//! What the plain transports say themselves: positions, JSON bodies, publish-stream frames.
mod body;
mod position;
mod publish;

pub use body::{Payload, PollBody, write_error, write_published, write_subject};
pub use position::{MARKS_MAX, Mark, PositionError, read_position, subject_tag, write_position};
pub use publish::{PublishFrameError, acknowledgement, split_publish};
