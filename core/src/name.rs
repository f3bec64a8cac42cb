//! Login names.
