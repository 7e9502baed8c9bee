//! The differential driver.
