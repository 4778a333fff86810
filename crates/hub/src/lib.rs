//! Subjects, patterns, subscriptions and history of one core.
