//! Unit tests of updates in place.
