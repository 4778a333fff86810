//! One core's whole machine: connections, sessions, outboxes, mailboxes' ends, timers.
