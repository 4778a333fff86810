//! The client dialects: payload to command, reply and push, and back.
