//! The client swarm behind ringcast bench.
