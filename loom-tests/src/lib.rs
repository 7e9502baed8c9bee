//! Models of the concurrent parts.
