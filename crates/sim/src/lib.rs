//! N shards, a virtual network and clock, faults and checkers; deterministic by seed.
