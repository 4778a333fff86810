//! Checks the host: which limit bites first, and the exact fix.
