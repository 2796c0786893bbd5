//! Flags and environment as typed in.
