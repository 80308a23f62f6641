//! What is launched, and how it ends.
