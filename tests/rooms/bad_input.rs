//! Bad input to every binary.
